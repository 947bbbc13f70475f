//! A request as the environment of a command (RFC 3875 section 4.1).

use http::header::{self, HeaderMap, HeaderName};
use http::request::Parts;
use http::{HeaderValue, Version};

/// What the server calls itself.
const SOFTWARE: &str = concat!("Ostro/", env!("CARGO_PKG_VERSION"));
/// The client of an event: the platform itself.
const NOBODY: &str = "127.0.0.1";

/// The environment that a command sees: the function's own variables and those of the request.
///
/// The request's own names (`REQUEST_METHOD`, `REMOTE_ADDR` and so on) always tell of the request. An `HTTP_` name
/// that the function sets itself stays as it is: no client can change it.
pub(in crate::instance) fn variables(own: &[(String, String)], request: &Parts) -> Vec<(String, String)> {
    let meta = meta(request);
    let mut all: Vec<(String, String)> = Vec::with_capacity(own.len() + meta.len() + request.headers.len());
    all.extend(own.iter().filter(|(name, _)| meta.iter().all(|(known, _)| known != name)).cloned());
    let own_names = all.len();
    for (name, value) in headers(&request.headers) {
        if all.iter().take(own_names).all(|(known, _)| *known != name) {
            all.push((name, value));
        }
    }
    all.extend(meta.into_iter().map(|(name, value)| (name.to_owned(), value)));
    all
}

/// The meta-variables that tell of the request's first line, its body and its way here.
fn meta(request: &Parts) -> Vec<(&'static str, String)> {
    let Parts { method, uri, version, headers, .. } = request;
    let secure = text(headers.get("x-forwarded-proto")).is_some_and(|proto| last(&proto) == "https");
    let host = text(headers.get(header::HOST));
    let (name, port) = name_and_port(host.as_deref().unwrap_or("localhost"), secure);
    let client = text(headers.get("x-forwarded-for")).map(|chain| last(&chain).to_owned());
    let client = client.filter(|address| !address.is_empty()).unwrap_or_else(|| NOBODY.to_owned());
    let mut meta = vec![
        ("GATEWAY_INTERFACE", "CGI/1.1".to_owned()),
        ("SERVER_SOFTWARE", SOFTWARE.to_owned()),
        ("SERVER_PROTOCOL", protocol(*version).to_owned()),
        ("SERVER_NAME", name),
        ("SERVER_PORT", port),
        ("REQUEST_METHOD", method.as_str().to_owned()),
        ("REQUEST_URI", uri.path_and_query().map_or("/", |target| target.as_str()).to_owned()),
        ("SCRIPT_NAME", text(headers.get("x-forwarded-prefix")).unwrap_or_default()),
        ("PATH_INFO", decoded(uri.path())),
        ("QUERY_STRING", uri.query().unwrap_or_default().to_owned()),
        ("REMOTE_ADDR", client.clone()),
        ("REMOTE_HOST", client),
    ];
    if let Some(length) = text(headers.get(header::CONTENT_LENGTH)) {
        meta.push(("CONTENT_LENGTH", length));
    }
    if let Some(kind) = text(headers.get(header::CONTENT_TYPE)) {
        meta.push(("CONTENT_TYPE", kind));
    }
    if secure {
        meta.push(("HTTPS", "on".to_owned()));
    }
    meta
}

/// `HTTP_` variables of the headers that have one, each name once.
///
/// A name with anything but letters, digits and `-` has none: `x_user` would become the variable of `x-user`, which
/// somebody before us may have checked.
fn headers(headers: &HeaderMap) -> impl Iterator<Item = (String, String)> {
    let passed = headers.keys().filter(|name| is_passed(name));
    passed.map(|name| {
        let separator = if name == header::COOKIE { "; " } else { ", " };
        let values: Vec<_> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let variable = name.as_str().to_ascii_uppercase().replace('-', "_");
        (format!("HTTP_{variable}"), values.join(separator))
    })
}

fn is_passed(name: &HeaderName) -> bool {
    const ELSEWHERE: [HeaderName; 2] = [header::CONTENT_LENGTH, header::CONTENT_TYPE];
    const CONNECTION: [HeaderName; 4] =
        [header::CONNECTION, header::TRANSFER_ENCODING, header::TE, header::UPGRADE];
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    // As `HTTP_PROXY`, `proxy` would name the proxy for a command's own requests.
    let proxy = name.as_str() == "proxy" || name.as_str().starts_with("proxy-");
    name.as_str().bytes().all(plain) && !proxy && !ELSEWHERE.contains(name) && !CONNECTION.contains(name)
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    }
}

/// `a.example:81` is `a.example` and `81`; without a port it is the scheme's.
fn name_and_port(host: &str, secure: bool) -> (String, String) {
    let usual = if secure { "443" } else { "80" };
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            (name.to_owned(), port.to_owned())
        }
        _ => (host.to_owned(), usual.to_owned()),
    }
}

/// The last of a list: the one that the nearest proxy has added.
fn last(list: &str) -> &str {
    list.rsplit(',').next().unwrap_or_default().trim()
}

fn text(value: Option<&HeaderValue>) -> Option<String> {
    value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// A path without escapes. The front door has refused those that would mean a NUL, a control character or a dot
/// segment, and those that are no UTF-8.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let escaped = match (first, after) {
            (b'%', [high, low, after @ ..]) => digit(*high).zip(digit(*low)).map(|pair| (pair, after)),
            _ => None,
        };
        match escaped {
            Some(((high, low), after)) => {
                bytes.push(high << 4 | low);
                rest = after;
            }
            None => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use http::Request;
    use proptest::prelude::*;

    use super::*;

    fn seen(target: &str, headers: &[(&str, &str)], own: &[(&str, &str)]) -> BTreeMap<String, String> {
        let mut request = Request::builder().method("POST").uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let own: Vec<_> = own.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let all = variables(&own, &request.body(()).unwrap().into_parts().0);
        let count = all.len();
        let map: BTreeMap<_, _> = all.into_iter().collect();
        assert_eq!(map.len(), count, "each name is there once");
        map
    }

    #[test]
    fn a_request_becomes_variables() {
        let headers = [
            ("host", "shop.example:8080"),
            ("content-type", "text/plain"),
            ("content-length", "5"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-prefix", "/shop"),
            ("accept", "text/html"),
            ("accept", "*/*"),
            ("cookie", "a=1"),
            ("cookie", "b=2"),
            ("x-request-id", "7"),
        ];
        let seen = seen("/caf%C3%A9/a%2Fb?q=%20x&y", &headers, &[("OWN", "1")]);
        for (name, value) in [
            ("OWN", Some("1")),
            ("GATEWAY_INTERFACE", Some("CGI/1.1")),
            ("SERVER_PROTOCOL", Some("HTTP/1.1")),
            ("SERVER_NAME", Some("shop.example")),
            ("SERVER_PORT", Some("8080")),
            ("REQUEST_METHOD", Some("POST")),
            ("REQUEST_URI", Some("/caf%C3%A9/a%2Fb?q=%20x&y")),
            ("SCRIPT_NAME", Some("/shop")),
            ("PATH_INFO", Some("/café/a/b")),
            ("QUERY_STRING", Some("q=%20x&y")),
            ("REMOTE_ADDR", Some("192.0.2.1")),
            ("REMOTE_HOST", Some("192.0.2.1")),
            ("CONTENT_TYPE", Some("text/plain")),
            ("CONTENT_LENGTH", Some("5")),
            ("HTTP_ACCEPT", Some("text/html, */*")),
            ("HTTP_COOKIE", Some("a=1; b=2")),
            ("HTTP_X_REQUEST_ID", Some("7")),
            ("HTTP_HOST", Some("shop.example:8080")),
            ("HTTP_CONTENT_TYPE", None),
            ("HTTP_CONTENT_LENGTH", None),
            ("HTTPS", None),
        ] {
            assert_eq!(seen.get(name).map(String::as_str), value, "{name}");
        }
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let seen = seen("/", &[], &[]);
        for (name, value) in [
            ("QUERY_STRING", Some("")),
            ("SCRIPT_NAME", Some("")),
            ("PATH_INFO", Some("/")),
            ("SERVER_NAME", Some("localhost")),
            ("SERVER_PORT", Some("80")),
            ("REMOTE_ADDR", Some("127.0.0.1")),
            ("CONTENT_LENGTH", None),
            ("CONTENT_TYPE", None),
        ] {
            assert_eq!(seen.get(name).map(String::as_str), value, "{name}");
        }
    }

    #[test]
    fn no_header_takes_the_place_of_another_variable() {
        let headers = [
            ("proxy", "6.6.6.6"),
            ("proxy-authorization", "x"),
            ("x_forwarded_for", "6.6.6.6"),
            ("x-forwarded-for", "6.6.6.6, 192.0.2.1"),
            ("x-forwarded-proto", "https"),
            ("x-role", "admin"),
            ("x.role", "admin"),
            ("connection", "close"),
        ];
        let own = [("HTTP_X_ROLE", "guest"), ("REMOTE_ADDR", "10.0.0.1"), ("HTTP_PROXY", "own")];
        let seen = seen("/", &headers, &own);
        for (name, value) in [
            ("HTTP_PROXY", Some("own")),
            ("HTTP_PROXY_AUTHORIZATION", None),
            ("HTTP_X_FORWARDED_FOR", Some("6.6.6.6, 192.0.2.1")),
            ("REMOTE_ADDR", Some("192.0.2.1")),
            ("HTTP_X_ROLE", Some("guest")),
            ("HTTP_CONNECTION", None),
            ("HTTPS", Some("on")),
            ("SERVER_PORT", Some("443")),
        ] {
            assert_eq!(seen.get(name).map(String::as_str), value, "{name}");
        }
        assert!(!seen.keys().any(|name| name.contains('.')), "{seen:?}");
        assert_eq!(self::seen("/", &[("proxy", "6.6.6.6")], &[]).get("HTTP_PROXY"), None);
    }

    #[test]
    fn hosts_have_names_and_ports() {
        for (host, secure, name, port) in [
            ("a", false, "a", "80"),
            ("a", true, "a", "443"),
            ("a:1", true, "a", "1"),
            ("[::1]", false, "[::1]", "80"),
            ("[::1]:81", false, "[::1]", "81"),
            ("a:", false, "a:", "80"),
        ] {
            assert_eq!(name_and_port(host, secure), (name.to_owned(), port.to_owned()), "{host}");
        }
    }

    proptest! {
        #[test]
        fn any_path_decodes_to_what_was_encoded(path in "[^\0]{0,40}") {
            let encoded: String = path.bytes().map(|byte| format!("%{byte:02x}")).collect();
            prop_assert_eq!(decoded(&encoded), path);
        }

        #[test]
        fn nothing_panics(path in "[%0-9a-fA-F/x]{0,40}") {
            let _ = decoded(&path);
        }
    }
}
