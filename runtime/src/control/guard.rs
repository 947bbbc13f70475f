//! What every control request must pass before its handler sees it.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::ControlState;
use super::body::Paced;
use crate::problem::Problem;

/// Refuses pages of other sites and encoded bodies, paces the body, marks the answer as private.
pub(super) async fn guard(State(state): State<ControlState>, request: Request, next: Next) -> Response {
    let admitted = check_hosts(&request, &state.parts.admin_hosts)
        .and_then(|()| check_origin(request.headers()))
        .and_then(|()| check_encoding(request.headers()));
    let mut response = match admitted {
        Ok(()) => next.run(request.map(|body| axum::body::Body::new(Paced::new(body)))).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Whatever names a host in the request has to pass, and something has to.
fn check_hosts(request: &Request, admin_hosts: &[String]) -> Result<(), Problem> {
    let target = request.uri().authority().map(|authority| Some(authority.as_str()));
    let headers = request.headers().get_all(header::HOST).iter().map(|host| host.to_str().ok());
    let mut named = target.into_iter().chain(headers).peekable();
    if named.peek().is_none() {
        return check_host(None, admin_hosts);
    }
    named.try_for_each(|host| check_host(host, admin_hosts))
}

/// A page of an attacker can point its own name at this server (DNS rebinding), but it can't make a browser
/// send another name or an address.
fn check_host(host: Option<&str>, admin_hosts: &[String]) -> Result<(), Problem> {
    let known = host.map(name_of).is_some_and(|name| {
        name.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || admin_hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
    });
    match known {
        true => Ok(()),
        false => Err(Problem::new(421, "host", "this server does not go by that host name")
            .hint("call it by its IP address or as localhost, or start the server with `--admin-host NAME`")),
    }
}

/// The host without port, trailing dot and brackets.
fn name_of(host: &str) -> &str {
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.strip_suffix('.').unwrap_or(name)
}

/// Browsers name the page that makes a request; no page has business here.
fn check_origin(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.contains_key(header::ORIGIN) {
        false => Ok(()),
        true => Err(Problem::new(403, "origin", "the control API does not answer pages in a browser")
            .hint("use the ostro command line, or a client that sends no Origin header")),
    }
}

/// Nothing is ever decompressed, so nothing can explode.
fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    let identity = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    match headers.get_all(header::CONTENT_ENCODING).iter().all(identity) {
        true => Ok(()),
        false => Err(Problem::new(415, "encoding", "encoded request bodies are not taken")
            .hint("send the body without Content-Encoding")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f6_only_addresses_localhost_and_configured_names_are_hosts() {
        let admin = ["ostro.example.com".to_owned()];
        let known = [
            "127.0.0.1",
            "127.0.0.1:8701",
            "[::1]",
            "[::1]:8701",
            "localhost",
            "LocalHost:8701",
            "localhost.:1",
            "10.1.2.3:8701",
            "Ostro.Example.COM:443",
        ];
        for host in known {
            assert_eq!(check_host(Some(host), &admin), Ok(()), "{host}");
        }
        let unknown = [
            "evil.com",
            "evil.com:8701",
            "localhost.evil.com",
            "127.0.0.1.nip.io",
            "",
            ":8701",
            "[evil]:1",
            "a.localhost",
            "ostro.example.com.evil",
            "127.0.0.1@evil.com",
        ];
        for host in unknown {
            assert_eq!(check_host(Some(host), &admin).unwrap_err().code, "host", "{host}");
        }
        assert!(check_host(None, &admin).is_err());
    }

    #[test]
    fn f6_every_named_host_is_checked() {
        let check = |uri: &str, hosts: &[&str]| {
            let mut request = Request::builder().uri(uri);
            for host in hosts {
                request = request.header(header::HOST, *host);
            }
            check_hosts(&request.body(axum::body::Body::empty()).unwrap(), &[])
        };
        assert_eq!(check("/health", &["localhost"]), Ok(()));
        assert_eq!(check("http://127.0.0.1/health", &["localhost"]), Ok(()));
        assert!(check("/health", &[]).is_err());
        assert!(check("/health", &["localhost", "evil.com"]).is_err());
        assert!(check("http://localhost/", &["evil.com"]).is_err());
        assert!(check("http://evil.com/", &["localhost"]).is_err());
    }

    #[test]
    fn a11_encodings_are_refused() {
        let with = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            check_encoding(&headers)
        };
        assert_eq!(with(&[]), Ok(()));
        assert_eq!(with(&["Identity"]), Ok(()));
        for refused in [&["gzip"][..], &["identity", "gzip"], &["identity, gzip"], &[""]] {
            assert_eq!(with(refused).unwrap_err().status, 415, "{refused:?}");
        }
    }
}
