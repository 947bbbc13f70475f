//! Which server to talk to, and as whom: saved connections, overridden by what was typed.

mod file;
mod url;

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

pub(crate) use self::url::ServerUrl;
use self::url::{Reach, Scheme};
use crate::failure::Failure;

/// Name of the connection that `ostro serve` keeps up to date.
pub(crate) const LOCAL: &str = "local";
/// Where a server is unless told otherwise.
const DEFAULT_URL: &str = "http://127.0.0.1:8701";

/// An API token. It shows itself to nobody.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Token(String);

impl Token {
    /// Its text, for the `authorization` header.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl From<String> for Token {
    /// White space around it is not part of it: it often comes with a line break.
    fn from(text: String) -> Self {
        Self(text.trim().to_owned())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// A saved connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Connection {
    /// What the user calls it; `local` is the server on this machine.
    pub(crate) name: String,
    /// Control API of the server.
    pub(crate) url: ServerUrl,
    /// Who we are there.
    pub(crate) token: Token,
    /// The project that the token is limited to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) project: Option<String>,
}

/// All saved connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Connections {
    /// Name of the one that is used unless `--url` says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    #[serde(default, rename = "connection", skip_serializing_if = "Vec::is_empty")]
    all: Vec<Connection>,
}

impl Connections {
    /// Adds a connection, or replaces the one of that name.
    pub(crate) fn put(&mut self, connection: Connection) {
        match self.all.iter_mut().find(|known| known.name == connection.name) {
            Some(known) => *known = connection,
            None => self.all.push(connection),
        }
    }

    /// Takes a connection away, if it still leads to that server.
    pub(crate) fn take_away(&mut self, name: &str, url: &ServerUrl) {
        self.all.retain(|known| known.name != name || known.url != *url);
    }

    fn named(&self, name: &str) -> Option<&Connection> {
        self.all.iter().find(|connection| connection.name == name)
    }

    /// The current one comes first: two connections may name one server as different people.
    fn to(&self, url: &ServerUrl) -> Option<&Connection> {
        let current = self.current.as_deref().and_then(|name| self.named(name));
        current.into_iter().chain(&self.all).find(|connection| connection.url == *url)
    }

    fn current(&self) -> Option<&Connection> {
        self.named(self.current.as_deref().unwrap_or(LOCAL))
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.all.iter().map(|connection| connection.name.as_str()).collect();
        names.join(", ")
    }
}

/// What was typed about the server; an empty value counts as none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Typed<'a> {
    /// A URL, or the name of a connection.
    pub(crate) url: Option<&'a str>,
    /// A token.
    pub(crate) token: Option<&'a Token>,
    /// `--insecure`.
    pub(crate) plain_http: PlainHttp,
}

/// Whether a token may go to another machine over plain HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PlainHttp {
    /// Anybody on the way could read it.
    #[default]
    Refused,
    /// The user takes the risk.
    Allowed,
}

/// The server to talk to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// Its control API.
    pub(crate) url: ServerUrl,
    /// Who we are there, if known.
    pub(crate) token: Option<Token>,
    /// The project that the connection is limited to.
    pub(crate) project: Option<String>,
}

impl Server {
    /// Decides from what was typed and what is saved.
    pub(crate) fn choose(typed: Typed<'_>) -> Result<Self, Failure> {
        let typed = typed.without_empty();
        // Both typed: the saved connections are not needed, and need not be readable.
        let saved = match (typed.url, typed.token) {
            (Some(url), Some(_)) if url.contains("://") => Connections::default(),
            _ => Connections::load(&Connections::file()?)?,
        };
        Self::from(typed, &saved)
    }

    /// The decision itself.
    pub(crate) fn from(typed: Typed<'_>, saved: &Connections) -> Result<Self, Failure> {
        let (url, connection) = match typed.url {
            Some(text) if text.contains("://") => {
                let url = ServerUrl::parse(text)?;
                let connection = saved.to(&url);
                (url, connection)
            }
            Some(name) => {
                let connection = saved.named(name).ok_or_else(|| unknown(name, saved))?;
                (connection.url.clone(), Some(connection))
            }
            None => match saved.current() {
                Some(connection) => (connection.url.clone(), Some(connection)),
                None => (ServerUrl::parse(DEFAULT_URL)?, None),
            },
        };
        let (token, project) = match typed.token {
            // The saved project belongs to the saved token.
            Some(token) => (Some(token.clone()), None),
            None => (connection.map(|c| c.token.clone()), connection.and_then(|c| c.project.clone())),
        };
        if token.is_some() {
            check_way(&url, typed.plain_http)?;
        }
        Ok(Self { url, token, project })
    }
}

impl Typed<'_> {
    fn without_empty(self) -> Self {
        Self {
            url: self.url.map(str::trim).filter(|url| !url.is_empty()),
            token: self.token.filter(|token| !token.text().is_empty()),
            plain_http: self.plain_http,
        }
    }
}

fn unknown(name: &str, saved: &Connections) -> Failure {
    let failure = Failure::usage(format!("there is no saved connection `{name}`"));
    match saved.names().as_str() {
        "" => failure
            .hint("give a URL such as https://ostro.example.com:8701, or save one with `ostro login URL`"),
        names => failure.hint(format!("saved are: {names}; add one with `ostro login URL --name {name}`")),
    }
}

/// Refuses a way on which others could read the token.
fn check_way(url: &ServerUrl, plain_http: PlainHttp) -> Result<(), Failure> {
    match (url.scheme(), url.reach(), plain_http) {
        (Scheme::Http, Reach::Network, PlainHttp::Refused) => Err(Failure::usage(format!(
            "{url} is another machine and not encrypted: the token could be read on the way"
        ))
        .hint("use https://, or an SSH tunnel to its port; `--insecure` sends it all the same")),
        _ => Ok(()),
    }
}

/// Folder of the user's configuration: `$XDG_CONFIG_HOME/ostro` or `~/.config/ostro`.
fn folder() -> Result<PathBuf, Failure> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CONFIG_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".config")))
        .map(|config| config.join("ostro"))
        .ok_or_else(|| {
            Failure::local(
                "there is no folder for your configuration: neither XDG_CONFIG_HOME nor HOME is set",
            )
            .hint("set OSTRO_URL and OSTRO_TOKEN instead")
        })
}

#[cfg(test)]
mod tests;
