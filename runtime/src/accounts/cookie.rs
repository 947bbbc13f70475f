//! The cookie that a page's session is kept in, as it stands in headers (RFC 6265; prefix and `SameSite` as in its revision,
//! draft-ietf-httpbis-rfc6265bis). Pure.
//!
//! With the prefix `__Host-` no other host, not even one of the same domain, can put a cookie of the name into a browser, and it goes
//! to the one host only that has set it: a project's.

use http::header::{self, HeaderMap, HeaderValue};

/// Its name.
pub const NAME: &str = "__Host-ostro";

/// What a request has of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent<'h> {
    /// Nothing.
    Nothing,
    /// One value. What is no text is the empty one.
    One(&'h str),
    /// More than one: no browser does that.
    Several,
}

/// What a request has of the cookie.
pub fn sent(headers: &HeaderMap) -> Sent<'_> {
    let values = headers.get_all(header::COOKIE).iter();
    let pairs = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    let mut found = pairs.filter_map(|pair| {
        let (name, value) = parts(pair)?;
        (name == NAME.as_bytes()).then_some(value)
    });
    match (found.next(), found.next()) {
        (None, _) => Sent::Nothing,
        (Some(value), None) => Sent::One(std::str::from_utf8(value).unwrap_or_default()),
        (Some(_), Some(_)) => Sent::Several,
    }
}

/// Takes the cookie out of a request, however its name is spelled, and leaves the others.
pub fn hide(headers: &mut HeaderMap) {
    let is_there = |value: &HeaderValue| pairs(value).any(is_ours);
    if !headers.get_all(header::COOKIE).iter().any(is_there) {
        return;
    }
    let header::Entry::Occupied(cookies) = headers.entry(header::COOKIE) else { return };
    let (name, values) = cookies.remove_entry_mult();
    let kept: Vec<HeaderValue> = values
        .filter_map(|value| {
            let others: Vec<&[u8]> = pairs(&value).filter(|pair| !is_ours(pair)).collect();
            let others = others.join(b"; ".as_slice());
            (!others.is_empty()).then(|| HeaderValue::from_bytes(&others).ok()).flatten()
        })
        .collect();
    for value in kept {
        headers.append(name.clone(), value);
    }
}

/// Takes out of an answer what would set the cookie, however its name is spelled: a guest decides nothing of it.
pub fn guard(headers: &mut HeaderMap) {
    let sets = |value: &HeaderValue| pairs(value).next().is_some_and(is_ours);
    if !headers.get_all(header::SET_COOKIE).iter().any(sets) {
        return;
    }
    let header::Entry::Occupied(cookies) = headers.entry(header::SET_COOKIE) else { return };
    let (name, values) = cookies.remove_entry_mult();
    let kept: Vec<HeaderValue> = values.filter(|value| !sets(value)).collect();
    for value in kept {
        headers.append(name.clone(), value);
    }
}

/// Whether an answer sets the cookie.
pub fn is_set(headers: &HeaderMap) -> bool {
    headers.get_all(header::SET_COOKIE).iter().any(|value| pairs(value).next().is_some_and(is_ours))
}

/// Sets it for so long, milliseconds. None for what has no place in a header.
pub fn set(token: &str, life_ms: u64) -> Option<HeaderValue> {
    let life_s = life_ms / 1_000;
    let text = format!("{NAME}={token}; Path=/; Max-Age={life_s}; Secure; HttpOnly; SameSite=Lax");
    HeaderValue::try_from(text).ok()
}

/// Has the browser forget it.
pub fn clear() -> HeaderValue {
    HeaderValue::from_static("__Host-ostro=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax")
}

fn pairs(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().split(|byte| *byte == b';').map(<[u8]>::trim_ascii)
}

/// Name and value; none where there is no `=`.
fn parts(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let pair = pair.trim_ascii();
    let at = pair.iter().position(|byte| *byte == b'=')?;
    let (name, value) = pair.split_at_checked(at)?;
    Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
}

/// Whether a pair is of the cookie. A browser sends one without a name as its value alone, which then reads like a name and a value.
fn is_ours(pair: &[u8]) -> bool {
    let is_name = |text: &[u8]| text.eq_ignore_ascii_case(NAME.as_bytes());
    match parts(pair) {
        Some(([], value)) => is_name(value) || parts(value).is_some_and(|(name, _)| is_name(name)),
        Some((name, _)) => is_name(name),
        None => is_name(pair.trim_ascii()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &header::HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn left(headers: &HeaderMap, name: header::HeaderName) -> Vec<&str> {
        headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    #[test]
    fn f3_one_cookie_of_exactly_that_name_counts() {
        for (values, expected) in [
            (&[][..], Sent::Nothing),
            (&["a=1; b=2"], Sent::Nothing),
            (&["__Host-ostro=x"], Sent::One("x")),
            (&["a=1; __Host-ostro=x.y; b=2"], Sent::One("x.y")),
            (&["a=1", "__Host-ostro=x"], Sent::One("x")),
            (&["__Host-ostro="], Sent::One("")),
            (&["__Host-ostro=x=y"], Sent::One("x=y")),
            (&["__host-ostro=x"], Sent::Nothing),
            (&["__Host-ostro"], Sent::Nothing),
            (&["=__Host-ostro=x"], Sent::Nothing),
            (&["__Host-ostro=x; __Host-ostro=y"], Sent::Several),
            (&["__Host-ostro=x", "__Host-ostro=x"], Sent::Several),
        ] {
            assert_eq!(sent(&headers(&header::COOKIE, values)), expected, "{values:?}");
        }
    }

    #[test]
    fn f3_a_guest_sees_the_other_cookies_only() {
        for (values, expected) in [
            (&["a=1; b=2"][..], &["a=1; b=2"][..]),
            (&["a=1;b=2"], &["a=1;b=2"]),
            (&["__Host-ostro=x"], &[]),
            (&["a=1; __Host-ostro=x; b=2"], &["a=1; b=2"]),
            (&["a=1;__Host-ostro=x"], &["a=1"]),
            (&["a=1", "__Host-ostro=x", "b=2"], &["a=1", "b=2"]),
            (&["__HOST-OSTRO=x; a"], &["a"]),
            (&["__Host-ostro =x"], &[]),
            (&["=__Host-ostro=x; __Host-ostro"], &[]),
            (&["__Host-ostrov=x"], &["__Host-ostrov=x"]),
        ] {
            let mut headers = headers(&header::COOKIE, values);
            hide(&mut headers);
            assert_eq!(left(&headers, header::COOKIE), expected, "{values:?}");
        }
    }

    #[test]
    fn f3_a_guest_sets_the_other_cookies_only() {
        for (value, is_kept) in [
            ("a=1; Path=/", true),
            ("a=__Host-ostro; Path=/", true),
            ("__Host-other=x; Path=/; Secure", true),
            ("__Host-ostro=x; Path=/; Secure", false),
            ("__Host-ostro=; Max-Age=0; Path=/; Secure", false),
            (" __host-OSTRO = x", false),
            ("=__Host-ostro=x", false),
            ("__Host-ostro", false),
            ("=__Host-ostro", false),
        ] {
            let mut headers = headers(&header::SET_COOKIE, &["first=1", value, "last=1"]);
            assert_eq!(is_set(&headers), !is_kept, "{value}");
            guard(&mut headers);
            let expected = if is_kept { vec!["first=1", value, "last=1"] } else { vec!["first=1", "last=1"] };
            assert_eq!(left(&headers, header::SET_COOKIE), expected, "{value}");
        }
    }

    #[test]
    fn what_is_set_is_what_is_read() {
        let set = set("x.y", 86_400_000).unwrap();
        let text = set.to_str().unwrap();
        assert_eq!(text, "__Host-ostro=x.y; Path=/; Max-Age=86400; Secure; HttpOnly; SameSite=Lax");
        let pair = text.split(';').next().unwrap();
        assert_eq!(sent(&headers(&header::COOKIE, &[pair])), Sent::One("x.y"));
        assert!(is_set(&headers(&header::SET_COOKIE, &[clear().to_str().unwrap()])));
    }
}
