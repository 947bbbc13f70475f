//! The URL of a server's control API, checked and in one spelling.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};
use ureq::http::Uri;

use crate::failure::Failure;

/// `http` or `https`, a host, perhaps a port and a path; no user, query or fragment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct ServerUrl {
    scheme: Scheme,
    host: String,
    port: Option<u16>,
    path: String,
}

/// How the way to the server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// Not at all.
    Http,
    /// TLS.
    Https,
}

/// How far away the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The loopback interface.
    ThisMachine,
    /// Anything else.
    Network,
}

impl ServerUrl {
    /// Parses what a user wrote.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        Self::read(text).map_err(|reason| {
            Failure::usage(format!("`{text}` is not the URL of a server: {reason}"))
                .hint("write for example https://ostro.example.com:8701")
        })
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        let uri: Uri = text.trim().parse().map_err(|_| "it can't be read")?;
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => return Err("it does not start with http:// or https://"),
        };
        let authority = uri.authority().ok_or("it names no host")?;
        if authority.as_str().contains('@') {
            return Err("a user in it is not allowed");
        }
        if uri.query().is_some() || text.contains('#') {
            return Err("a query or fragment in it is not allowed");
        }
        if authority.host().is_empty() {
            return Err("it names no host");
        }
        let default_port = match scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        };
        let port = match authority.as_str().strip_prefix(authority.host()).map(|rest| rest.strip_prefix(':'))
        {
            Some(Some(port)) => Some(port.parse().map_err(|_| "its port is not a number up to 65535")?),
            _ => None,
        };
        Ok(Self {
            scheme,
            host: authority.host().to_ascii_lowercase(),
            port: port.filter(|&port| port != default_port),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// The host's name, without brackets around an IPv6 address.
    pub(crate) fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// How far away it is.
    pub(super) fn reach(&self) -> Reach {
        let host = self.host();
        let is_loopback = match host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => host == "localhost" || host.ends_with(".localhost"),
        };
        if is_loopback { Reach::ThisMachine } else { Reach::Network }
    }

    /// Whether the way to it is this machine's own: no proxy belongs there.
    pub(crate) fn is_this_machine(&self) -> bool {
        self.reach() == Reach::ThisMachine
    }

    /// How the way to it is protected.
    pub(super) fn scheme(&self) -> Scheme {
        self.scheme
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.path)
    }
}

impl TryFrom<String> for ServerUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::read(&text)
    }
}

impl From<ServerUrl> for String {
    fn from(url: ServerUrl) -> Self {
        url.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        for (text, expected) in [
            ("http://127.0.0.1:8701", "http://127.0.0.1:8701"),
            ("HTTP://LocalHost:80/", "http://localhost"),
            ("https://example.com:443/ostro/", "https://example.com/ostro"),
            ("http://[::1]:8701", "http://[::1]:8701"),
        ] {
            assert_eq!(ServerUrl::read(text).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn refused() {
        for text in [
            "",
            "example.com",
            "example.com:8701",
            "ftp://example.com",
            "http://",
            "http://user@example.com",
            "http://127.0.0.1@evil.example",
            "https://example.com/?a=b",
            "https://example.com/#a",
            "http://a b",
            "http://example.com:99999",
        ] {
            assert!(ServerUrl::read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn how_far() {
        for text in ["http://localhost:1", "http://a.localhost", "http://127.9.9.9", "http://[::1]:1"] {
            assert_eq!(ServerUrl::read(text).unwrap().reach(), Reach::ThisMachine, "{text}");
        }
        for text in
            ["http://10.0.0.1", "http://localhost.example.com", "http://0.0.0.0", "http://[::ffff:127.0.0.1]"]
        {
            assert_eq!(ServerUrl::read(text).unwrap().reach(), Reach::Network, "{text}");
        }
    }
}
