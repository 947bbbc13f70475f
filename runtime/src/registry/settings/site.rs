//! What a site may say of its files: paths, headers, names. Pure.

use http::header::{self, HeaderName, HeaderValue};

use super::Refused;

/// Most rules of a kind.
pub const MAX_RULES: usize = 100;
/// Longest path of a rule, and longest value of a header, bytes.
const MAX_BYTES: usize = 1_000;
/// Headers that say how an answer is sent, or that the platform sets itself.
const TAKEN: [HeaderName; 14] = [
    header::ACCEPT_RANGES,
    header::AGE,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::DATE,
    header::ETAG,
    header::LOCATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::VARY,
];

/// Checks the path of a rule: one `*` in it may stand for anything.
pub fn check_rule_path(path: &str) -> Result<(), Refused> {
    let shown = path.escape_debug();
    if !path.starts_with('/') || path.len() > MAX_BYTES {
        return Err(Refused::new(format!("`{shown}` is no path of a file: it begins with `/`"))
            .hint("write for example \"/assets/*\" or \"/*.woff2\""));
    }
    match path.matches('*').count() {
        0 | 1 => Ok(()),
        _ => Err(Refused::new(format!("`{shown}` has more than one `*`"))
            .hint("one `*` stands for anything, `/` too; write two rules")),
    }
}

/// Checks the value of a `cache-control`.
pub fn check_cache(value: &str) -> Result<(), Refused> {
    check_value(value)
}

/// Checks a header; its name comes back in lower case.
pub fn check_header(name: &str, value: &str) -> Result<String, Refused> {
    let shown = name.escape_debug();
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| Refused::new(format!("`{shown}` is not the name of a header")))?;
    if parsed == header::CACHE_CONTROL {
        return Err(Refused::new("`cache-control` is set by `cache`")
            .hint("write cache = [{ path = \"/*\", value = \"no-cache\" }]"));
    }
    let text = parsed.as_str();
    if TAKEN.contains(&parsed)
        || text.starts_with("ostro-")
        || text.starts_with("proxy-")
        || text == "keep-alive"
    {
        return Err(Refused::new(format!("`{shown}` is a header that the platform sets itself")));
    }
    check_value(value)?;
    Ok(text.to_owned())
}

/// Checks the name of a file of a site: a plain one, and none that is hidden.
pub fn check_site_file(name: &str) -> Result<(), Refused> {
    let mut segments = name.split('/').enumerate();
    let is_hidden = |(place, segment): (usize, &str)| {
        segment.starts_with('.') && !(place == 0 && segment == ".well-known")
    };
    match segments.any(is_hidden) {
        false => Ok(()),
        true => Err(Refused::new(format!("`{}` is a hidden file", name.escape_debug()))
            .hint("names that begin with a dot are not served; `.well-known` is")),
    }
}

fn check_value(value: &str) -> Result<(), Refused> {
    match HeaderValue::from_str(value) {
        Ok(header) if header.to_str().is_ok() && (1..=MAX_BYTES).contains(&value.len()) => Ok(()),
        _ => Err(Refused::new(format!("`{}` can't be the value of a header", value.escape_debug()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_star_at_most() {
        for path in ["/", "/a", "/*", "/assets/*", "/*.js", "/a*b"] {
            assert_eq!(check_rule_path(path), Ok(()), "{path}");
        }
        for path in ["", "a", "*", "/*/*", &format!("/{}", "x".repeat(1_000))] {
            assert!(check_rule_path(path).is_err(), "{path}");
        }
    }

    #[test]
    fn headers_of_the_platform_are_its_own() {
        assert_eq!(check_header("X-Frame-Options", "DENY"), Ok("x-frame-options".to_owned()));
        assert_eq!(check_header("content-type", "text/plain"), Ok("content-type".to_owned()));
        for name in ["", "a b", "Content-Length", "transfer-encoding", "ETag", "Ostro-User", "cache-control"]
        {
            assert!(check_header(name, "x").is_err(), "{name}");
        }
        for value in ["", "a\nb", "a\r\nset-cookie: x", "\0", "grün", &"x".repeat(1_001)] {
            assert!(check_header("x-a", value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn d9_hidden_files_are_none_of_a_site() {
        for name in ["index.html", "a/b.c", ".well-known/security.txt", "a.b/c"] {
            assert_eq!(check_site_file(name), Ok(()), "{name}");
        }
        for name in [".env", "a/.git/config", "a/.well-known/x", "..", ".well-knownx"] {
            assert!(check_site_file(name).is_err(), "{name}");
        }
    }
}
