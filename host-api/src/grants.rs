//! Grants: what a function may use. Everything that is not granted is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use store::catalog::check_name;

use crate::error::GrantError;

/// The most grants that a function may have.
const MOST_GRANTS: usize = 256;

/// The longest grant, bytes.
const LONGEST_GRANT_BYTES: usize = 512;

/// The longest name of a secret, bytes.
const LONGEST_SECRET_NAME_BYTES: usize = 64;

/// The kinds that the manifest knows but that do nothing yet.
const FUTURE_KINDS: [&str; 5] = ["collection", "bucket", "function", "users", "sql"];

/// A function's grants, parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    origins: Vec<OriginGrant>,
    secrets: BTreeSet<String>,
    queues: BTreeSet<String>,
    kv: BTreeMap<String, Verbs>,
}

/// What a grant of data is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// To see it.
    Read,
    /// To change it.
    Write,
}

/// Verbs of one grant, or of several of the same resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verbs {
    read: bool,
    write: bool,
}

/// The scheme of an HTTP origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`, by default port 80.
    Http,
    /// `https`, by default port 443.
    Https,
}

/// Where an outbound call goes. `Display` writes it as a grant would, with the port only where it is not the
/// scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The scheme.
    pub scheme: Scheme,
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

/// The host of an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name, in lower case and without a trailing dot.
    Name(String),
    /// An address written as such.
    Address(IpAddr),
}

/// A grant of one origin, or of all names below a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
enum OriginGrant {
    Exact(Origin),
    Below { scheme: Scheme, domain: String, port: u16 },
}

impl Grants {
    /// Parses the grants of a manifest. The first bad one is the error.
    pub fn parse<S: AsRef<str>>(grants: &[S]) -> Result<Self, GrantError> {
        if let Some(one_too_many) = grants.get(MOST_GRANTS) {
            return Err(error(
                one_too_many.as_ref(),
                format!("a function has at most {MOST_GRANTS} grants"),
                "remove some",
            ));
        }
        let mut parsed = Self::default();
        for grant in grants {
            parsed.add(grant.as_ref())?;
        }
        Ok(parsed)
    }

    /// Whether the function may call this origin. An address is only ever granted as that address.
    pub fn allows_origin(&self, origin: &Origin) -> bool {
        self.origins.iter().any(|grant| grant.covers(origin))
    }

    /// Whether the function may read this secret.
    pub fn allows_secret(&self, name: &str) -> bool {
        self.secrets.contains(name)
    }

    /// Whether the function may send to this queue.
    pub fn allows_send(&self, queue: &str) -> bool {
        self.queues.contains(queue)
    }

    /// What the function may do with this key-value namespace; none: it may not open it.
    pub fn kv(&self, namespace: &str) -> Option<Verbs> {
        self.kv.get(namespace).copied()
    }

    /// The key-value namespaces that the function may open, in order.
    pub fn kv_names(&self) -> impl Iterator<Item = &str> {
        self.kv.keys().map(String::as_str)
    }

    /// The queues that the function may send to, in order.
    pub fn queue_names(&self) -> impl Iterator<Item = &str> {
        self.queues.iter().map(String::as_str)
    }

    /// The names of the secrets that the function may read, in order. Not all of them need exist.
    pub fn secret_names(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(String::as_str)
    }

    fn add(&mut self, grant: &str) -> Result<(), GrantError> {
        if grant.len() > LONGEST_GRANT_BYTES {
            return Err(error(grant, format!("longer than {LONGEST_GRANT_BYTES} bytes"), "shorten it"));
        }
        let (kind, rest) = grant.split_once(':').unwrap_or((grant, ""));
        match kind {
            "http" => {
                let origin =
                    OriginGrant::parse(rest).map_err(|fault| error(grant, fault.reason, fault.hint))?;
                if !self.origins.contains(&origin) {
                    self.origins.push(origin);
                }
            }
            "secret" => {
                check_secret_name(rest).map_err(|reason| {
                    error(grant, reason, "write it as `secret:NAME`, such as `secret:API_KEY`")
                })?;
                self.secrets.insert(rest.to_owned());
            }
            "queue" => {
                let queue = sent_queue(rest).map_err(|reason| {
                    error(grant, reason, "write it as `queue:NAME:send`, such as `queue:mail:send`")
                })?;
                self.queues.insert(queue.to_owned());
            }
            "kv" => {
                let (name, verbs) = namespace(rest).map_err(|reason| {
                    error(
                        grant,
                        reason,
                        "write it as `kv:NAME`, or for less `kv:NAME:read` or `kv:NAME:write`",
                    )
                })?;
                let granted = self.kv.entry(name.to_owned()).or_default();
                *granted = granted.and(verbs);
            }
            future if FUTURE_KINDS.contains(&future) => {
                return Err(error(
                    grant,
                    format!("this version of Ostro has no `{future}` yet"),
                    "remove it; the kinds that work are `http:ORIGIN`, `secret:NAME`, `queue:NAME:send` and `kv:NAME`",
                ));
            }
            _ => {
                return Err(error(
                    grant,
                    "no such kind of grant",
                    "the kinds are `http:ORIGIN`, such as `http:https://api.example.com`, `secret:NAME`, `queue:NAME:send` and `kv:NAME`",
                ));
            }
        }
        Ok(())
    }
}

/// Whether that text can be the name of a secret: 1 to 64 of `A`–`Z`, `a`–`z`, `0`–`9`, `_`, `-` and `.`.
/// The error says what is wrong.
pub fn check_secret_name(name: &str) -> Result<(), &'static str> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if name.is_empty() {
        Err("the name of the secret is missing")
    } else if name.len() > LONGEST_SECRET_NAME_BYTES {
        Err("the name of a secret has at most 64 characters")
    } else if !name.bytes().all(known) {
        Err("the name of a secret has only letters, digits, `_`, `-` and `.`")
    } else {
        Ok(())
    }
}

/// The grant that allows a secret. A name that the guest made up is shortened.
pub(crate) fn secret_grant(name: &str) -> String {
    format!("secret:{}", shortened(name))
}

/// The grant that allows sending to a queue. A name that the guest made up is shortened.
pub fn send_grant(queue: &str) -> String {
    format!("queue:{}:send", shortened(queue))
}

/// The grant that allows that of a key-value namespace. A name that the guest made up is shortened.
pub fn kv_grant(namespace: &str, verb: Verb) -> String {
    format!("kv:{}:{}", shortened(namespace), verb.name())
}

impl Verb {
    /// As a grant has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

impl Verbs {
    /// All there are.
    const ALL: Self = Self { read: true, write: true };

    /// Whether this verb is among them.
    pub fn allow(self, verb: Verb) -> bool {
        match verb {
            Verb::Read => self.read,
            Verb::Write => self.write,
        }
    }

    fn and(self, other: Self) -> Self {
        Self { read: self.read || other.read, write: self.write || other.write }
    }

    /// Reads `read,write`.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let mut verbs = Self::default();
        for verb in text.split(',') {
            match verb {
                "read" => verbs.read = true,
                "write" => verbs.write = true,
                _ => return Err("the verbs are `read` and `write`, with a comma between them"),
            }
        }
        Ok(verbs)
    }
}

/// The namespace of `NAME` or `NAME:VERBS`, and its verbs.
fn namespace(text: &str) -> Result<(&str, Verbs), &'static str> {
    let (name, verbs) = match text.split_once(':') {
        Some((name, verbs)) => (name, Verbs::parse(verbs)?),
        None => (text, Verbs::ALL),
    };
    check_name(name).map(|()| (name, verbs))
}

/// The queue of `NAME:send`.
fn sent_queue(text: &str) -> Result<&str, &'static str> {
    match text.split_once(':') {
        Some((name, "send")) => check_name(name).map(|()| name),
        Some(_) => Err("a queue is granted for `send` and for nothing else"),
        None => Err("it does not say what for"),
    }
}

impl Origin {
    /// The grant that allows exactly this origin.
    pub fn grant(&self) -> String {
        format!("http:{self}")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port } = self;
        write!(f, "{}://{host}", scheme.name())?;
        if *port == scheme.default_port() { Ok(()) } else { write!(f, ":{port}") }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl Scheme {
    /// The name, as a URL has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port where none is written.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Host {
    /// Reads the host of a URL. `None` where it is no host that Ostro calls: not ASCII, empty labels, characters
    /// outside of names, an address in another notation than the usual (octal, hexadecimal, shortened).
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return address.parse().ok().map(|address| Self::Address(IpAddr::V6(address)));
        }
        if let Ok(address) = text.parse() {
            return Some(Self::Address(IpAddr::V4(address)));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(known);
        let well_formed = name.len() <= 253 && name.split('.').all(label);
        (well_formed && !ends_in_number(&name)).then_some(Self::Name(name))
    }
}

/// Resolvers take such names for addresses: `127.1`, `0x7f000001`, `2130706433`.
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let hexadecimal =
        last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hexadecimal || last.bytes().all(|byte| byte.is_ascii_digit())
}

impl OriginGrant {
    fn covers(&self, origin: &Origin) -> bool {
        match self {
            Self::Exact(granted) => granted == origin,
            Self::Below { scheme, domain, port } => {
                let below = |name: &str| {
                    name.strip_suffix(domain.as_str()).is_some_and(|sub| sub.len() > 1 && sub.ends_with('.'))
                };
                *scheme == origin.scheme
                    && *port == origin.port
                    && matches!(&origin.host, Host::Name(name) if below(name))
            }
        }
    }

    fn parse(text: &str) -> Result<Self, Fault> {
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("https", rest)) => (Scheme::Https, rest),
            _ => return Err(Fault::new("an origin begins with `http://` or `https://`", EXAMPLE)),
        };
        if let Some(character) =
            rest.chars().find(|character| matches!(character, '/' | '?' | '#' | '@' | '\\'))
        {
            let hint = "write only scheme, host and, where it is not the usual one, port";
            return Err(Fault::new(format!("an origin has no `{character}`"), hint));
        }
        let (host, port) = split_port(rest)?;
        let port = port.unwrap_or(scheme.default_port());
        if let Some(domain) = host.strip_prefix("*.") {
            return match Host::parse(domain) {
                Some(Host::Name(domain)) if domain.contains('.') => Ok(Self::Below { scheme, domain, port }),
                _ => Err(Fault::new(
                    "`*.` stands before a domain of two or more labels",
                    "such as `http:https://*.example.com`",
                )),
            };
        }
        match Host::parse(host) {
            Some(Host::Name(name)) if name == "localhost" || name.ends_with(".localhost") => {
                let hint = format!("name the address: `http:{}://127.0.0.1:{port}`", scheme.name());
                Err(Fault::new("a name is never called at an address that is not public", hint))
            }
            Some(host) => Ok(Self::Exact(Origin { scheme, host, port })),
            None if host.contains('*') => Err(Fault::new(
                "`*` stands only at the beginning, as `*.`",
                "such as `http:https://*.example.com`",
            )),
            None if !host.is_ascii() => {
                Err(Fault::new("the host is not ASCII", "write it in its `xn--` form"))
            }
            None => Err(Fault::new("that is no host name and no address", EXAMPLE)),
        }
    }
}

const EXAMPLE: &str = "such as `http:https://api.example.com` or `http:http://127.0.0.1:9000`";

/// What is wrong with the origin of a grant, and what to write instead.
struct Fault {
    reason: String,
    hint: String,
}

impl Fault {
    fn new(reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { reason: reason.into(), hint: hint.into() }
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), Fault> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => return Ok((authority, None)),
    };
    match port.parse::<u16>() {
        Ok(number) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok((host, Some(number)))
        }
        _ => Err(Fault::new("the port is a number from 1 to 65535", EXAMPLE)),
    }
}

fn error(grant: &str, reason: impl Into<String>, hint: impl Into<String>) -> GrantError {
    GrantError { grant: shortened(grant), reason: reason.into(), hint: hint.into() }
}

fn shortened(text: &str) -> String {
    const MOST_BYTES: usize = 128;
    match text.get(..text.floor_char_boundary(MOST_BYTES)) {
        Some(start) if start.len() < text.len() => format!("{start}…"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
