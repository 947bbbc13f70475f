//! The token that a request bears, for both planes.

use http::header::{self, HeaderMap};

/// Longest `Authorization` header that is looked at, bytes.
const AUTHORIZATION_BYTES: usize = 8 << 10;

/// The token of exactly one `Authorization: Bearer …` of at most 8 KiB.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().filter(|value| value.len() <= AUTHORIZATION_BYTES)?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn f5_bearer_headers() {
        let headers = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            }
            headers
        };
        assert_eq!(bearer(&headers(&["Bearer t"])), Some("t"));
        assert_eq!(bearer(&headers(&["bearer  t "])), Some("t"));
        let fits = format!("Bearer {}", "a".repeat(AUTHORIZATION_BYTES - 7));
        assert!(bearer(&headers(&[&fits])).is_some());
        let long = format!("{fits}a");
        for wrong in [&[][..], &["t"], &["Basic t"], &["Bearer t", "Bearer t"], &[&long]] {
            assert_eq!(bearer(&headers(wrong)), None);
        }
    }
}
