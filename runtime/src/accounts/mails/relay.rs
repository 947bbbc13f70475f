//! The mail server that the operator names, as it was typed. It is the operator's to choose: what functions may reach does not
//! bound it, and no project's manifest names one.

use http::Uri;
use lettre::message::Mailbox;

/// A mail server that takes mails for everybody.
#[derive(Clone)]
pub struct Relay {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is kept secret.
    pub security: Security,
    /// As whom to sign in there: name and password.
    pub login: Option<(String, String)>,
    /// Who mails are from.
    pub from: Mailbox,
}

/// How a connection is kept secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from its first byte (RFC 8314 section 3.3).
    Tls,
    /// TLS after `STARTTLS` (RFC 3207); nothing is sent where the server has none.
    StartTls,
    /// Not at all.
    Plain,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Relay({}:{}, {:?})", self.host, self.port, self.security)
    }
}

impl Relay {
    /// Reads `smtps://HOST:PORT`, `smtp+starttls://…` or `smtp://…`; the port may be missing. A password is not sent in clear to
    /// another machine.
    pub fn parse(url: &str, login: Option<(String, String)>, from: Option<&str>) -> Result<Self, String> {
        // What has a name in it may have a password as well.
        let shown = if url.contains('@') { "what it says" } else { url };
        let wrong = || format!("`smtp`: {shown} is not like smtps://mail.example.com");
        let parsed: Uri = url.parse().map_err(|_| wrong())?;
        let (security, usual) = match parsed.scheme_str() {
            Some("smtps") => (Security::Tls, 465),
            Some("smtp+starttls") => (Security::StartTls, 587),
            Some("smtp") => (Security::Plain, 25),
            _ => return Err(wrong()),
        };
        let host = parsed.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if url.contains('@') || !matches!(parsed.path(), "" | "/") || parsed.query().is_some() {
            return Err(format!("{}; the name goes into `smtp-user`", wrong()));
        }
        let is_here = matches!(host.as_str(), "localhost" | "127.0.0.1" | "::1");
        if security == Security::Plain && login.is_some() && !is_here {
            return Err(
                "`smtp`: a password is not sent without TLS: write smtps:// or smtp+starttls://".to_owned()
            );
        }
        let from = from.ok_or_else(|| "`mail-from` is missing: who mails are from".to_owned())?;
        let from = from.parse().map_err(|_| format!("`mail-from`: {from} is not an e-mail address"))?;
        Ok(Self { host, port: parsed.port_u16().unwrap_or(usual), security, login, from })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_judged() {
        let login = || Some(("shop".to_owned(), "canary-password".to_owned()));
        let from = Some("Shop <no-reply@example.com>");
        for (url, port, security) in [
            ("smtps://mail.example.com", 465, Security::Tls),
            ("smtp+starttls://mail.example.com/", 587, Security::StartTls),
            ("smtp://127.0.0.1:2525", 2525, Security::Plain),
            ("smtp://[::1]", 25, Security::Plain),
        ] {
            let relay = Relay::parse(url, login(), from).unwrap();
            assert_eq!((relay.port, relay.security), (port, security), "{url}");
            assert!(!format!("{relay:?}").contains("canary"));
        }
        assert!(Relay::parse("smtp://mail.example.com", None, from).is_ok());
        for (url, login, from, part) in [
            ("smtp://mail.example.com", login(), from, "without TLS"),
            ("smtps://shop@mail.example.com", None, from, "smtp-user"),
            ("smtps://mail.example.com/x", None, from, "smtp-user"),
            ("https://mail.example.com", None, from, "is not like"),
            ("mail.example.com:465", None, from, "is not like"),
            ("smtps://", None, from, "is not like"),
            ("smtps://mail.example.com", None, None, "`mail-from` is missing"),
            ("smtps://mail.example.com", None, Some("a\r\nb@example.com"), "is not an e-mail address"),
        ] {
            let refused = Relay::parse(url, login, from).unwrap_err();
            assert!(refused.contains(part), "{url}: {refused}");
        }
    }
}
