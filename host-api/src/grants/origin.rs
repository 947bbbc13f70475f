//! Origins that a function may call: their grants, and the hosts that Ostro calls at all.

use std::fmt;
use std::net::IpAddr;

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
pub(super) enum OriginGrant {
    Exact(Origin),
    Below { scheme: Scheme, domain: String, port: u16 },
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
    /// Whether it covers that origin.
    pub(super) fn covers(&self, origin: &Origin) -> bool {
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

    /// Reads `SCHEME://HOST[:PORT]`, with `*.` before a domain for all names below it.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
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
            Some(Host::Name(name)) if name.ends_with(".ostro.internal") => {
                let function = name.trim_end_matches(".ostro.internal");
                let hint = format!("write `function:{function}`");
                Err(Fault::new("functions are granted by their names", hint))
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
pub(super) struct Fault {
    pub(super) reason: String,
    pub(super) hint: String,
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
