//! What is said about objects over HTTP: refusals, and the headers that every answer has.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use store::StoreError;
use store::buckets::Condition;
use store::catalog::Digest;

use crate::problem::Problem;

/// What somebody has put must not act for the project: no scripts, no frames, an origin of its own.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");

/// The same for every URL that is not good, whatever is wrong with it.
pub(super) fn refused() -> Problem {
    Problem::new(403, "forbidden", "this URL is not valid, or not any more")
}

/// The URL is good, and there is nothing.
pub(in crate::client_api) fn not_found() -> Problem {
    Problem::not_found("object")
}

/// A precondition of the request does not hold.
pub(in crate::client_api) fn changed() -> Problem {
    Problem::new(412, "precondition", "the object is not as the request says it must be")
}

/// A store's failure as a client sees it.
pub(in crate::client_api) fn problem(error: StoreError) -> Problem {
    match error {
        StoreError::NotFound { .. } => not_found(),
        StoreError::Full { .. } => Problem::new(507, "quota", error.to_string()),
        other => other.into(),
    }
}

/// The headers that every object has, so that what it says can do no harm here.
pub(super) fn harmless(headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
}

/// An entity tag as HTTP writes it.
pub(in crate::client_api) fn quoted(etag: &Digest) -> String {
    format!("\"{etag}\"")
}

/// The tags of a conditional header (RFC 9110 section 13.1): whether any will do, or which. None when it is not there.
/// What can't be a tag of ours matches nothing.
pub(in crate::client_api) fn tags(headers: &HeaderMap, name: &HeaderName) -> Option<Condition> {
    let mut tags = Vec::new();
    for value in headers.get_all(name) {
        for tag in value.to_str().unwrap_or("").split(',').map(str::trim) {
            if tag == "*" {
                return Some(Condition::IfPresent);
            }
            // Weak tags are compared as strong ones: ours differ wherever a byte does.
            let tag = tag.strip_prefix("W/").unwrap_or(tag);
            let bare = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            tags.extend(bare.and_then(Digest::parse));
        }
    }
    headers.contains_key(name).then_some(Condition::IfMatch(tags))
}

/// Whether such tags name that content.
pub(in crate::client_api) fn name(tags: &Condition, etag: &Digest) -> bool {
    match tags {
        Condition::IfMatch(tags) => tags.contains(etag),
        Condition::Always | Condition::IfPresent => true,
        Condition::IfAbsent => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_as_rfc_9110_has_them() {
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::IF_MATCH, HeaderValue::from_str(value).unwrap());
            }
            tags(&headers, &header::IF_MATCH)
        };
        assert_eq!(read(&[]), None);
        assert_eq!(read(&["*"]), Some(Condition::IfPresent));
        assert_eq!(read(&["\"other\""]), Some(Condition::IfMatch(Vec::new())));
        let both = Some(Condition::IfMatch(vec![one.clone(), two.clone()]));
        assert_eq!(read(&[&format!("\"{one}\", W/\"{two}\"")]), both);
        assert_eq!(read(&[&format!("\"{one}\""), &format!("\"x\", \"{two}\"")]), both);
    }
}
