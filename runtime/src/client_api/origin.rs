//! Which pages may call: those of the project's own hosts, and those of the origins that its manifest names (threat F6); and which
//! may use the cookie of a session: the project's own alone.
//!
//! A page of another origin has no token to act with, and is refused all the same.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;

use super::answer;

/// How pages of listed origins may ask.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// What they may say beside what every page may.
const SENT: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, if-match, if-none-match, last-event-id, range, upload-length, upload-offset",
);
/// What of an answer they may read beside what every page may.
const SHOWN: HeaderValue = HeaderValue::from_static(
    "content-length, content-range, etag, last-modified, location, ostro-invocation, retry-after, upload-length, upload-offset",
);

/// Where the page is from that makes a request.
pub(super) enum Origin {
    /// From here, or it is no page.
    Own,
    /// From an origin that may.
    Listed(HeaderValue),
    /// From one that may not.
    Foreign,
}

impl Origin {
    /// What a request says of itself: browsers do, and no page can make them say anything else.
    pub(super) fn of(headers: &HeaderMap, uri: &Uri, listed: &[String]) -> Self {
        let mut named = headers.get_all(header::ORIGIN).iter();
        let (Some(value), None) = (named.next(), named.next()) else {
            return if headers.contains_key(header::ORIGIN) { Self::Foreign } else { Self::Own };
        };
        let Ok(origin) = value.to_str() else { return Self::Foreign };
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| uri.authority().map(|authority| authority.as_str()));
        let of = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        if of.zip(host).is_some_and(|(of, host)| of.eq_ignore_ascii_case(host)) {
            return Self::Own;
        }
        match listed.iter().any(|listed| listed.eq_ignore_ascii_case(origin)) {
            true => Self::Listed(value.clone()),
            false => Self::Foreign,
        }
    }

    /// Whether nothing is done for it.
    pub(super) fn is_foreign(&self) -> bool {
        matches!(self, Self::Foreign)
    }

    /// The answer to a browser that asks before it calls (a preflight request of the Fetch standard).
    pub(super) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
        let asks = method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !asks || self.is_foreign() {
            return None;
        }
        let mut response = answer::empty(StatusCode::NO_CONTENT);
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, SENT);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        self.mark(headers);
        Some(response)
    }

    /// Lets the page read the answer.
    pub(super) fn mark(&self, headers: &mut HeaderMap) {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        if let Self::Listed(origin) = self {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, SHOWN);
        }
    }
}

/// Whether a request that bears the cookie of a session is of one of the project's own pages, or of somebody who has followed a
/// link or typed an address. `SameSite` alone would let pages of other hosts of the domain in, which are other projects'.
///
/// Browsers say so themselves (Fetch Metadata); where one does not, by its origin: then only what changes nothing may come without.
pub(super) fn may_use_cookie<B>(request: &Request<B>) -> bool {
    let (headers, method) = (request.headers(), request.method());
    let says = |name: &str| match headers.get(name).map(HeaderValue::to_str) {
        Some(word) => word.unwrap_or_default(),
        None => "",
    };
    match says("sec-fetch-site") {
        "same-origin" | "none" => true,
        "" => match headers.contains_key(header::ORIGIN) {
            true => matches!(Origin::of(headers, request.uri(), &[]), Origin::Own),
            false => matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS),
        },
        _ => {
            let is_link = says("sec-fetch-mode") == "navigate" && says("sec-fetch-dest") == "document";
            is_link && matches!(*method, Method::GET | Method::HEAD)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f6_the_cookie_is_for_the_projects_own_pages() {
        let own = ("origin", "https://shop.example.com");
        let site = |word| ("sec-fetch-site", word);
        let link = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        let with = |more: &[(&'static str, &'static str)]| [&link[..], more].concat();
        for (method, headers, expected) in [
            ("GET", vec![], true),
            ("HEAD", vec![], true),
            ("POST", vec![], false),
            ("POST", vec![own], true),
            ("POST", vec![("origin", "https://evil.example.com")], false),
            ("POST", vec![("origin", "null")], false),
            ("GET", vec![("origin", "https://evil.example.com")], false),
            ("POST", vec![own, own], false),
            ("POST", vec![site("same-origin")], true),
            ("GET", vec![site("none")], true),
            ("GET", vec![site("same-site")], false),
            ("GET", vec![site("cross-site")], false),
            ("POST", vec![own, site("same-site")], false),
            ("GET", vec![own, site("?")], false),
            ("GET", with(&[site("cross-site")]), true),
            ("GET", with(&[site("same-site")]), true),
            ("POST", with(&[site("cross-site")]), false),
            ("DELETE", with(&[site("same-site")]), false),
            (
                "GET",
                vec![site("cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
                false,
            ),
            (
                "GET",
                vec![site("cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "script")],
                false,
            ),
        ] {
            let mut request = Request::builder().method(method).uri("/").header("host", "shop.example.com");
            for (name, value) in &headers {
                request = request.header(*name, *value);
            }
            assert_eq!(may_use_cookie(&request.body(()).unwrap()), expected, "{method} {headers:?}");
        }
    }

    #[test]
    fn f6_pages_of_other_origins_are_told_apart() {
        let listed = ["https://app.example.com".to_owned(), "capacitor://localhost".to_owned()];
        for (origins, expected) in [
            (&[][..], "own"),
            (&["http://shop.localhost:8080"], "own"),
            (&["https://SHOP.localhost:8080"], "own"),
            (&["https://app.example.com"], "listed"),
            (&["capacitor://localhost"], "listed"),
            (&["http://app.example.com"], "foreign"),
            (&["https://app.example.com:444"], "foreign"),
            (&["https://app.example.com.evil.example"], "foreign"),
            (&["https://evil.example"], "foreign"),
            (&["http://shop.localhost"], "foreign"),
            (&["null"], "foreign"),
            (&["*"], "foreign"),
            (&[""], "foreign"),
            (&["https://app.example.com", "https://evil.example"], "foreign"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("shop.localhost:8080"));
            for origin in origins {
                headers.append(header::ORIGIN, HeaderValue::from_static(origin));
            }
            let found = match Origin::of(&headers, &Uri::from_static("/"), &listed) {
                Origin::Own => "own",
                Origin::Listed(_) => "listed",
                Origin::Foreign => "foreign",
            };
            assert_eq!(found, expected, "{origins:?}");
        }
    }
}
