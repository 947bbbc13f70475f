//! What a guest's outbound request asks for, made safe to send. Pure.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Uri};
use wasmtime_wasi_http::{DEFAULT_FORBIDDEN_HEADERS, Error};

use crate::grants::{Host, Origin, Scheme};

/// Header names that a guest can neither set on a message nor read from one: they belong to the connection.
pub(super) fn belongs_to_the_connection(name: &HeaderName) -> bool {
    DEFAULT_FORBIDDEN_HEADERS.contains(name) || *name == header::TE || *name == header::TRAILER
}

/// The origin of a URL. `None` where it is not one that Ostro calls: another scheme, a user name in it, no host.
pub(super) fn origin_of(uri: &Uri) -> Option<Origin> {
    let scheme = match uri.scheme_str()? {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return None,
    };
    // A user name before the host, or anything but a whole port after it, is no reason to guess.
    let authority = uri.authority()?;
    let port = match authority.as_str().strip_prefix(authority.host())?.strip_prefix(':') {
        None if authority.as_str().len() > authority.host().len() => return None,
        None => scheme.default_port(),
        Some(port) => port_number(port)?,
    };
    Some(Origin { scheme, host: Host::parse(authority.host())?, port })
}

fn port_number(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port > 0)
}

/// Checks a request, and sets it in its one form: the origin as Ostro writes it, no `host` (the client makes it
/// from the URL), no header that only a proxy or the platform may set, a `user-agent` in any case.
pub(super) fn make_safe<B>(request: &mut http::Request<B>) -> Result<Origin, Error> {
    if request.method() == Method::CONNECT {
        return Err(Error::HttpRequestMethodInvalid);
    }
    let origin = origin_of(request.uri()).ok_or(Error::HttpRequestUriInvalid)?;
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() =
        format!("{origin}{}", rooted(path.as_str())).parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    *request.version_mut() = http::Version::HTTP_11;
    request.extensions_mut().clear();
    clean(request.headers_mut());
    Ok(origin)
}

/// The path of a request, which always begins with a slash.
fn rooted(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

/// Takes away what is not a guest's to send.
pub(super) fn clean(headers: &mut HeaderMap) {
    let stripped: Vec<_> = headers.keys().filter(|name| is_stripped(name)).cloned().collect();
    for name in stripped {
        headers.remove(name);
    }
    headers.entry(header::USER_AGENT).or_insert(HeaderValue::from_static("ostro"));
}

/// Guests see these on the requests they serve and often pass all headers on; towards an upstream they would
/// be claims in the platform's name.
fn is_stripped(name: &HeaderName) -> bool {
    let platform = ["proxy-", "x-forwarded-", "ostro-"];
    belongs_to_the_connection(name)
        || *name == header::FORWARDED
        || *name == "x-real-ip"
        || platform.iter().any(|prefix| name.as_str().starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safe(uri: &str) -> Result<(String, String), Error> {
        let mut request = http::Request::builder().uri(uri).body(()).unwrap();
        let origin = make_safe(&mut request)?;
        Ok((origin.to_string(), request.uri().to_string()))
    }

    #[test]
    fn one_form_for_every_spelling() {
        let cases = [
            ("https://api.example.com", "https://api.example.com", "https://api.example.com/"),
            ("https://API.Example.com:443/a?b=c", "https://api.example.com", "https://api.example.com/a?b=c"),
            ("http://example.com.:80/", "http://example.com", "http://example.com/"),
            ("http://example.com:8080/", "http://example.com:8080", "http://example.com:8080/"),
            ("http://127.0.0.1:9000/x", "http://127.0.0.1:9000", "http://127.0.0.1:9000/x"),
            ("http://[::FFFF:127.0.0.1]/", "http://[::ffff:127.0.0.1]", "http://[::ffff:127.0.0.1]/"),
            ("http://example.com?q", "http://example.com", "http://example.com/?q"),
        ];
        for (uri, origin, sent) in cases {
            assert_eq!(safe(uri).unwrap(), (origin.to_owned(), sent.to_owned()), "{uri}");
        }
    }

    /// Threat C11: spellings that hide where a call goes.
    #[test]
    fn c11_no_call_to_a_disguised_address() {
        let uris = [
            "http://good.example@169.254.169.254/",
            "http://u:p@example.com/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.1/",
            "http://127.1/",
            "http://0177.0.0.1/",
            "http://127.0.0.01/",
            "http://[fe80::1%25eth0]/",
            "http://example.com:0/",
            "ftp://example.com/",
            "file:///etc/passwd",
            "/only/a/path",
            "http://a..b/",
            "http://example.com:99999/",
            "http://example.com:/",
            "http://example.com:+80/",
            "http://[::1]x/",
        ];
        for uri in uris {
            let Ok(uri) = uri.parse::<Uri>() else { continue };
            assert_eq!(origin_of(&uri), None, "{uri}");
        }
    }

    /// Threat C15: headers that are not the guest's to send.
    #[test]
    fn c15_headers_of_the_connection_and_the_platform_are_stripped() {
        let stripped = [
            "host",
            "connection",
            "keep-alive",
            "transfer-encoding",
            "upgrade",
            "te",
            "trailer",
            "proxy-authorization",
            "proxy-anything",
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-prefix",
            "x-real-ip",
            "ostro-user",
            "ostro-trigger",
            "http2-settings",
        ];
        let mut request =
            http::Request::builder().uri("http://example.com/").header("accept", "*/*").body(()).unwrap();
        for name in stripped {
            request.headers_mut().insert(name, HeaderValue::from_static("x"));
        }
        make_safe(&mut request).unwrap();
        let mut left: Vec<_> =
            request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        left.sort_unstable();
        assert_eq!(left, [("accept", "*/*"), ("user-agent", "ostro")]);
    }

    #[test]
    fn a_user_agent_of_the_guest_stays() {
        let mut request = http::Request::builder()
            .uri("http://example.com/")
            .header("user-agent", "mine")
            .body(())
            .unwrap();
        make_safe(&mut request).unwrap();
        assert_eq!(request.headers().get("user-agent").unwrap(), "mine");
    }

    #[test]
    fn no_tunnels() {
        let mut request =
            http::Request::builder().method("CONNECT").uri("http://example.com/").body(()).unwrap();
        assert!(matches!(make_safe(&mut request), Err(Error::HttpRequestMethodInvalid)));
    }
}
