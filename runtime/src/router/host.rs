//! What a `Host` header names.

/// The domains whose first label names a function or a project: always `localhost`, and the server's own.
#[derive(Clone, Debug)]
pub struct Hosts {
    suffixes: Vec<String>,
}

/// What a host means before anybody has looked whether it exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// `FUNCTION--PROJECT.DOMAIN`.
    Function {
        /// The function's name.
        function: String,
        /// The project's name.
        project: String,
    },
    /// `LABEL.DOMAIN`: a function of the default project, or a project's own host.
    Label(String),
    /// `NUMBER--PROJECT.DOMAIN`: the project's host with another version of its site.
    Preview {
        /// The whole label: the number as it is written counts.
        label: String,
        /// The project's name.
        project: String,
    },
    /// An address, the bare domain, or a name that is not ours.
    Other,
}

impl Hosts {
    /// `localhost` and, if given, the server's domain.
    pub fn new(domain: Option<&str>) -> Self {
        let own = domain.map(|domain| format!(".{}", domain.trim_matches('.').to_ascii_lowercase()));
        Self { suffixes: std::iter::once(".localhost".to_owned()).chain(own).collect() }
    }

    /// Reads a host with or without port; case and one trailing dot make no difference.
    pub fn classify(&self, host: &str) -> HostKind {
        let name = without_port(host).to_ascii_lowercase();
        let name = name.strip_suffix('.').unwrap_or(&name);
        let label = self.suffixes.iter().find_map(|suffix| name.strip_suffix(suffix.as_str()));
        match label {
            None | Some("") => HostKind::Other,
            Some(label) if label.contains('.') => HostKind::Other,
            Some(label) => match label.split_once("--") {
                None => HostKind::Label(label.to_owned()),
                Some((number, project)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                    HostKind::Preview { label: label.to_owned(), project: project.to_owned() }
                }
                Some((function, project)) => {
                    HostKind::Function { function: function.to_owned(), project: project.to_owned() }
                }
            },
        }
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // `[::1]` has colons of its own.
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d9_hosts_in_every_spelling() {
        let hosts = Hosts::new(Some("Example.com."));
        let function = |function: &str, project: &str| HostKind::Function {
            function: function.into(),
            project: project.into(),
        };
        let preview =
            |label: &str, project: &str| HostKind::Preview { label: label.into(), project: project.into() };
        for (host, expected) in [
            ("hello.localhost", HostKind::Label("hello".into())),
            ("HELLO.localhost:8700", HostKind::Label("hello".into())),
            ("hello.localhost.", HostKind::Label("hello".into())),
            ("hello.localhost.:80", HostKind::Label("hello".into())),
            ("cart--shop.example.com", function("cart", "shop")),
            ("3--shop.example.com", preview("3--shop", "shop")),
            ("03--shop.localhost:80", preview("03--shop", "shop")),
            ("--shop.example.com", preview("--shop", "shop")),
            ("a.b.localhost", HostKind::Other),
            ("localhost", HostKind::Other),
            ("example.com", HostKind::Other),
            ("evil-example.com", HostKind::Other),
            ("127.0.0.1:8700", HostKind::Other),
            ("[::1]:8700", HostKind::Other),
            ("[::1]", HostKind::Other),
            ("", HostKind::Other),
        ] {
            assert_eq!(hosts.classify(host), expected, "{host}");
        }
    }
}
