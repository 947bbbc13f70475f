//! What a request must look like, and what it looks like to the guest.
//!
//! hyper has parsed the message; here its head is judged (sizes, one host, no upgrades) and the headers that
//! only the platform may set are taken away and set.

use std::net::IpAddr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{Method, Request, Uri, Version};
use hyper::body::{Body, Incoming};

use crate::accounts::cookie;
use crate::router::{MAX_TARGET_BYTES, Match, NormalPath, is_reserved};

/// Headers of a request.
pub(super) const MAX_HEADERS: usize = 100;
/// All headers of a request, names and values, bytes.
pub(super) const MAX_HEADER_BYTES: usize = 16 << 10;
/// The longest method name that is passed on, bytes.
const MAX_METHOD_BYTES: usize = 32;

/// Why a request is refused before anybody is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The message is malformed or ambiguous; the text says what.
    BadRequest(&'static str),
    /// Too many or too large headers.
    HeadersTooLarge,
    /// The target is too long.
    TargetTooLong,
    /// CONNECT and upgrades are not served.
    NotServed(&'static str),
    /// `expect` asks for something else than `100-continue` (RFC 9110 section 10.1.1).
    Expectation,
}

/// A request whose head is fit to be routed.
#[derive(Debug)]
pub(super) struct Checked<B = Incoming> {
    /// The request.
    pub request: Request<B>,
    /// The host that it names, as sent.
    pub host: String,
    /// Its path in normal form.
    pub path: NormalPath,
}

impl<B> Checked<B> {
    /// The method's name.
    pub(super) fn method(&self) -> &str {
        self.request.method().as_str()
    }
}

/// Judges the head of a request.
pub(super) fn check<B>(request: Request<B>) -> Result<Checked<B>, Refusal> {
    check_sizes(&request)?;
    if request.method() == Method::CONNECT {
        return Err(Refusal::NotServed("CONNECT is not served"));
    }
    if request.headers().contains_key(header::UPGRADE) && !upgrades_to_http2(request.headers()) {
        return Err(Refusal::NotServed("upgrades, WebSocket among them, are not served"));
    }
    let expected = request.headers().get_all(header::EXPECT);
    if expected.iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Err(Refusal::Expectation);
    }
    match request.version() {
        Version::HTTP_2 => check_http2(request.headers())?,
        _ => check_coding(request.headers())?,
    }
    let host = host(&request)?;
    let path = match request.uri().path() {
        // `OPTIONS *` (RFC 9110 section 9.3.7) asks the server as a whole; nobody here speaks for it.
        "*" => return Err(Refusal::BadRequest("the target must be a path")),
        path => NormalPath::parse(path),
    };
    let path = path.map_err(|_| Refusal::BadRequest("the path is malformed or has dot segments"))?;
    Ok(Checked { request, host, path })
}

/// Whether `content-length` announces a body over the limit.
pub(super) fn declares_more_than<B: Body>(request: &Request<B>, limit: u64) -> bool {
    request.body().size_hint().lower() > limit
}

/// Makes the request that the guest sees: the path without a stripped prefix, no headers that only the
/// platform may set, and those that it does set.
pub(super) fn for_guest<B, F>(
    request: Request<B>,
    matched: &Match<F>,
    client: IpAddr,
    from_trusted_proxy: bool,
) -> Result<Request<B>, Refusal> {
    let (mut parts, body) = request.into_parts();
    let original_host = parts.headers.get(header::HOST).cloned().or_else(|| authority_value(&parts.uri));
    if let Some((_, path)) = &matched.stripped {
        // What the guest is told on its own paths comes from the platform only, behind a prefix too.
        if is_reserved(path) {
            return Err(Refusal::BadRequest("what is under `/_ostro/` is the platform's"));
        }
        parts.uri = with_path(&parts.uri, path)?;
    }
    strip_platform_headers(&mut parts.headers, from_trusted_proxy);
    set_platform_headers(&mut parts, matched, client, original_host.as_ref(), from_trusted_proxy)?;
    Ok(Request::from_parts(parts, body))
}

fn check_sizes<B>(request: &Request<B>) -> Result<(), Refusal> {
    let headers = request.headers();
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if headers.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
        return Err(Refusal::HeadersTooLarge);
    }
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > MAX_TARGET_BYTES {
        return Err(Refusal::TargetTooLong);
    }
    if request.method().as_str().len() > MAX_METHOD_BYTES {
        return Err(Refusal::BadRequest("the method's name is too long"));
    }
    Ok(())
}

/// `upgrade: h2c` may be ignored (RFC 9110 section 7.8); curl sends it by habit.
fn upgrades_to_http2(headers: &HeaderMap) -> bool {
    headers.get_all(header::UPGRADE).iter().all(|value| value.as_bytes().eq_ignore_ascii_case(b"h2c"))
}

/// Fields that belong to a connection make an HTTP/2 message malformed (RFC 9113 section 8.2.2).
fn check_http2(headers: &HeaderMap) -> Result<(), Refusal> {
    const CONNECTION: [HeaderName; 3] = [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE];
    let te_is_fine = headers.get_all(header::TE).iter().all(|value| value == "trailers");
    if CONNECTION.iter().any(|name| headers.contains_key(name)) || !te_is_fine {
        return Err(Refusal::BadRequest("connection headers have no place in HTTP/2"));
    }
    Ok(())
}

/// A body is chunked or has a length: any other coding, or two of them, somebody before us may have read in
/// another way (RFC 9112 section 6.1).
fn check_coding(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Refusal::BadRequest("the only transfer coding is one `chunked`")),
    }
}

/// The one host that a request names (RFC 9112 section 3.2): missing, repeated and contradicting ones are
/// refused, because somebody before us may have believed the other one.
fn host<B>(request: &Request<B>) -> Result<String, Refusal> {
    let mut named = request.headers().get_all(header::HOST).iter();
    let (first, second) = (named.next(), named.next());
    if second.is_some() {
        return Err(Refusal::BadRequest("there is more than one host header"));
    }
    let header = match first {
        Some(value) => Some(value.to_str().map_err(|_| Refusal::BadRequest("the host header is malformed"))?),
        None => None,
    };
    let authority = request.uri().authority().map(Authority::as_str);
    match (header, authority) {
        (Some(header), Some(authority)) if !header.eq_ignore_ascii_case(authority) => {
            Err(Refusal::BadRequest("the target's authority and the host header differ"))
        }
        (Some(host), _) | (None, Some(host)) => check_host(host),
        (None, None) => Err(Refusal::BadRequest("there is no host header")),
    }
}

fn check_host(host: &str) -> Result<String, Refusal> {
    let valid =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    if host.is_empty() || host.len() > 255 || !host.bytes().all(valid) || host.parse::<Authority>().is_err() {
        return Err(Refusal::BadRequest("the host header is malformed"));
    }
    Ok(host.to_owned())
}

fn authority_value(uri: &Uri) -> Option<HeaderValue> {
    uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok())
}

fn with_path(uri: &Uri, path: &str) -> Result<Uri, Refusal> {
    let mut parts = uri.clone().into_parts();
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let malformed = Refusal::BadRequest("the path is malformed");
    parts.path_and_query = Some(PathAndQuery::try_from(target).map_err(|_| malformed)?);
    Uri::from_parts(parts).map_err(|_| malformed)
}

/// Takes away what only the platform may say or be told, and forwarding that is not believed.
pub(super) fn strip_platform_headers(headers: &mut HeaderMap, from_trusted_proxy: bool) {
    cookie::hide(headers);
    let ours: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            let name = name.as_str();
            let forwarding = name == "forwarded" || name.starts_with("x-forwarded-") || name == "x-real-ip";
            // Adapters in a guest may read `_` as `-`.
            name.starts_with("ostro-")
                || name.starts_with("ostro_")
                || name.starts_with("ce-")
                || name == "proxy"
                || name == "proxy-authorization"
                || name == "proxy-connection"
                || name == "x-forwarded-prefix"
                || (forwarding && !from_trusted_proxy)
        })
        .cloned()
        .collect();
    for name in ours {
        headers.remove(name);
    }
}

fn set_platform_headers<F>(
    parts: &mut Parts,
    matched: &Match<F>,
    client: IpAddr,
    host: Option<&HeaderValue>,
    from_trusted_proxy: bool,
) -> Result<(), Refusal> {
    let headers = &mut parts.headers;
    headers.insert(HeaderName::from_static("ostro-trigger"), HeaderValue::from_static("http"));
    if !from_trusted_proxy {
        let client_value = value(&client.to_string())?;
        headers.insert(HeaderName::from_static("x-forwarded-for"), client_value);
        headers.insert(HeaderName::from_static("x-forwarded-proto"), HeaderValue::from_static("http"));
        let node = if client.is_ipv6() { format!("\"[{client}]\"") } else { client.to_string() };
        headers.insert(header::FORWARDED, value(&format!("for={node};proto=http"))?);
        if let Some(host) = host {
            headers.insert(HeaderName::from_static("x-forwarded-host"), host.clone());
        }
    }
    if let Some((prefix, _)) = &matched.stripped {
        headers.insert(HeaderName::from_static("x-forwarded-prefix"), value(prefix)?);
    }
    for (name, text) in &matched.params {
        let name = HeaderName::try_from(format!("ostro-param-{name}"))
            .map_err(|_| Refusal::BadRequest("a route parameter's name is malformed"))?;
        headers.insert(name, value(text)?);
    }
    Ok(())
}

fn value(text: &str) -> Result<HeaderValue, Refusal> {
    HeaderValue::from_str(text).map_err(|_| Refusal::BadRequest("the path is malformed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::Way;

    fn request(target: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn d4_d9_heads_are_judged() {
        let bad = |text| Some(Refusal::BadRequest(text));
        for (target, headers, expected) in [
            ("/", vec![("host", "a.localhost")], None),
            ("/", vec![], bad("there is no host header")),
            ("/", vec![("host", "a"), ("host", "a")], bad("there is more than one host header")),
            ("/", vec![("host", "a, b")], bad("the host header is malformed")),
            ("/", vec![("host", "a/b")], bad("the host header is malformed")),
            ("/", vec![("host", "user@a")], bad("the host header is malformed")),
            ("/", vec![("host", "")], bad("the host header is malformed")),
            ("http://a/", vec![("host", "b")], bad("the target's authority and the host header differ")),
            ("http://a/", vec![("host", "A")], None),
            ("http://a/", vec![], None),
            ("/../x", vec![("host", "a")], bad("the path is malformed or has dot segments")),
            (
                "/",
                vec![("host", "a"), ("upgrade", "websocket")],
                Some(Refusal::NotServed("upgrades, WebSocket among them, are not served")),
            ),
            ("/", vec![("host", "a"), ("transfer-encoding", "Chunked")], None),
            (
                "/",
                vec![("host", "a"), ("transfer-encoding", "gzip, chunked")],
                bad("the only transfer coding is one `chunked`"),
            ),
            (
                "/",
                vec![("host", "a"), ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
                bad("the only transfer coding is one `chunked`"),
            ),
            ("/", vec![("host", "a"), ("upgrade", "h2c")], None),
            ("/", vec![("host", "a"), ("expect", "100-Continue")], None),
            ("/", vec![("host", "a"), ("expect", "a cake")], Some(Refusal::Expectation)),
        ] {
            assert_eq!(check(request(target, &headers)).err(), expected, "{target} {headers:?}");
        }
    }

    #[test]
    fn d5_limits_hold_exactly() {
        for (count, refused) in [(99, false), (100, false), (101, true)] {
            let mut request = request("/", &[("host", "a")]);
            for n in 1..count {
                request
                    .headers_mut()
                    .insert(HeaderName::try_from(format!("x-{n}")).unwrap(), HeaderValue::from_static("v"));
            }
            assert_eq!(check(request).err() == Some(Refusal::HeadersTooLarge), refused, "{count} headers");
        }
        let fixed = "host".len() + 1 + 4 + "x".len() + 4;
        for (extra, refused) in [(-1, false), (0, false), (1, true)] {
            let length = MAX_HEADER_BYTES.checked_add_signed(extra).unwrap() - fixed;
            let request = request("/", &[("host", "a"), ("x", &"v".repeat(length))]);
            assert_eq!(check(request).err() == Some(Refusal::HeadersTooLarge), refused, "{extra}");
        }
        for (extra, refused) in [(-1, false), (0, false), (1, true)] {
            let length = MAX_TARGET_BYTES.checked_add_signed(extra).unwrap() - 1;
            let request = request(&format!("/{}", "a".repeat(length)), &[("host", "a")]);
            assert_eq!(check(request).err() == Some(Refusal::TargetTooLong), refused, "{extra}");
        }
    }

    #[test]
    fn no_prefix_leads_around_the_platforms_paths() {
        let client = IpAddr::from([192, 0, 2, 1]);
        for (path, refused) in [
            ("/_ostro/queue", true),
            ("//_OSTRO/cron", true),
            ("/%2F_ostro/queue", true),
            ("/_ostros", false),
            ("/a/_ostro", false),
        ] {
            let stripped = Some(("/hello".into(), path.into()));
            let matched = Match { target: (), stripped, params: Vec::new(), way: Way::Name };
            let target = format!("/hello{path}");
            let seen = for_guest(request(&target, &[("host", "a")]), &matched, client, false);
            assert_eq!(seen.is_err(), refused, "{path}");
        }
    }

    #[test]
    fn d10_only_the_platform_sets_its_headers() {
        let matched = Match {
            target: (),
            stripped: Some(("/hello".into(), "/x".into())),
            params: vec![("id".into(), "7".into())],
            way: Way::Name,
        };
        let spoofed = [
            ("host", "a"),
            ("ostro-user", "admin"),
            ("proxy", "6.6.6.6"),
            ("ce-id", "1"),
            ("ce-type", "dev.ostro.queue.message"),
            ("ostro-trigger", "queue"),
            ("x-forwarded-for", "6.6.6.6"),
            ("x-real-ip", "6.6.6.6"),
            ("forwarded", "for=6.6.6.6"),
            ("x-forwarded-prefix", "/evil"),
            ("accept", "text/html"),
        ];
        let client = IpAddr::from([192, 0, 2, 1]);
        let seen = for_guest(request("/hello/x?q=1", &spoofed), &matched, client, false).unwrap();
        assert_eq!(seen.uri(), "/x?q=1");
        let get = |name: &str| seen.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        for (name, expected) in [
            ("ostro-user", None),
            ("ce-id", None),
            ("ce-type", None),
            ("proxy", None),
            ("x-real-ip", None),
            ("x-forwarded-for", Some("192.0.2.1")),
            ("forwarded", Some("for=192.0.2.1;proto=http")),
            ("x-forwarded-host", Some("a")),
            ("x-forwarded-prefix", Some("/hello")),
            ("ostro-param-id", Some("7")),
            ("ostro-trigger", Some("http")),
            ("accept", Some("text/html")),
        ] {
            assert_eq!(get(name).as_deref(), expected, "{name}");
        }
        let trusted = for_guest(request("/hello/x", &spoofed), &matched, client, true).unwrap();
        assert_eq!(trusted.headers().get("x-forwarded-for").unwrap(), "6.6.6.6");
        assert!(trusted.headers().get("ostro-user").is_none());
    }
}
