//! The one normaliser of paths: for patterns at deploy and for requests (RFC 3986 section 6.2.2).
//!
//! Escapes of unreserved characters are decoded, other escapes keep their form with upper-case digits, so
//! `%2F` never becomes a separator. What could mean another path to somebody behind us is refused instead
//! of being repaired: dot segments in any spelling, NUL, backslashes, bytes that are no UTF-8.

use http::Method;
use http::uri::PathAndQuery;

use super::CALL_PATH;

/// Path and query of a request, bytes.
pub const MAX_TARGET_BYTES: usize = 16 << 10;

/// A path in its one form: begins with `/`, no dot segments, escapes only where they are needed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NormalPath(String);

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not begin with `/`.
    #[error("a path begins with `/`")]
    NotAbsolute,
    /// `.` or `..`, however written.
    #[error("a path has no `.` or `..` segments, in any spelling")]
    DotSegment,
    /// `%` without two hexadecimal digits.
    #[error("`%` must be followed by two hexadecimal digits")]
    BadEscape,
    /// A control character, NUL among them, or a backslash, plain or escaped.
    #[error("a path has no control characters and no backslashes")]
    BadCharacter,
    /// Escapes that do not decode to UTF-8.
    #[error("a path must decode to UTF-8")]
    NotUtf8,
}

impl NormalPath {
    /// Normalises the path part of a request target; the query is not part of it.
    pub fn parse(raw: &str) -> Result<Self, PathError> {
        if !raw.starts_with('/') {
            return Err(PathError::NotAbsolute);
        }
        let mut normal = String::with_capacity(raw.len());
        let mut decoded = Vec::with_capacity(raw.len());
        let mut bytes = raw.bytes();
        while let Some(byte) = bytes.next() {
            if byte == b'%' {
                let value = escape(bytes.next(), bytes.next())?;
                refuse_character(value)?;
                decoded.push(value);
                match value {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                        normal.push(char::from(value))
                    }
                    _ => normal.push_str(&format!("%{value:02X}")),
                }
            } else {
                refuse_character(byte)?;
                decoded.push(byte);
                if byte.is_ascii() {
                    normal.push(char::from(byte));
                } else {
                    normal.push_str(&format!("%{byte:02X}"));
                }
            }
        }
        std::str::from_utf8(&decoded).map_err(|_| PathError::NotUtf8)?;
        // `%2F` decodes to a separator for some guests: dots beside it count as a segment too.
        let mut segments = decoded.split(|byte| *byte == b'/');
        if segments.any(|segment| segment == b"." || segment == b"..") {
            return Err(PathError::DotSegment);
        }
        Ok(Self(normal))
    }

    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the platform's own part of the path space, `/_ostro/`, however many slashes are
    /// before it: a guest that folds them must not be reached there.
    pub fn is_reserved(&self) -> bool {
        is_reserved(&self.0)
    }
}

/// Whether a request may be made that does not pass the front door: what that would refuse is refused here, so that nobody
/// can pretend to be a schedule or a queue. A call by name is a POST.
pub fn check_call(method: &Method, target: &PathAndQuery) -> Result<(), String> {
    if target.as_str().len() > MAX_TARGET_BYTES {
        return Err(format!("path and query are longer than {} KiB", MAX_TARGET_BYTES >> 10));
    }
    match NormalPath::parse(target.path()) {
        Ok(path) if path.as_str() == CALL_PATH && method == Method::POST => Ok(()),
        Ok(path) if path.is_reserved() => Err("what is under `/_ostro/` is the platform's".to_owned()),
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// [`NormalPath::is_reserved`] of what is left of a path in its normal form when a prefix was taken off.
pub fn is_reserved(normal: &str) -> bool {
    let first = normal.split('/').find(|segment| !segment.is_empty());
    first.is_some_and(|segment| {
        segment
            .split("%2F")
            .find(|part| !part.is_empty())
            .is_some_and(|part| part.eq_ignore_ascii_case("_ostro"))
    })
}

fn escape(high: Option<u8>, low: Option<u8>) -> Result<u8, PathError> {
    let digit =
        |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)).ok_or(PathError::BadEscape);
    let value = digit(high)? * 16 + digit(low)?;
    u8::try_from(value).map_err(|_| PathError::BadEscape)
}

fn refuse_character(byte: u8) -> Result<(), PathError> {
    match byte {
        0..=0x1F | 0x7F | b'\\' => Err(PathError::BadCharacter),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn d9_one_form_for_every_spelling() {
        for (raw, expected) in [
            ("/", Ok("/")),
            ("/a/b", Ok("/a/b")),
            ("/%61/b", Ok("/a/b")),
            ("/a%2fb", Ok("/a%2Fb")),
            ("/a//b", Ok("/a//b")),
            ("/a;x=1", Ok("/a;x=1")),
            ("/caf%c3%a9", Ok("/caf%C3%A9")),
            ("/café", Ok("/caf%C3%A9")),
            ("/a/./b", Err(PathError::DotSegment)),
            ("/a/../b", Err(PathError::DotSegment)),
            ("/a/%2e%2e/b", Err(PathError::DotSegment)),
            ("/a/.%2E", Err(PathError::DotSegment)),
            ("/a%2f..%2fb", Err(PathError::DotSegment)),
            ("/..", Err(PathError::DotSegment)),
            ("/a%00", Err(PathError::BadCharacter)),
            ("/a\\..\\b", Err(PathError::BadCharacter)),
            ("/a%5c", Err(PathError::BadCharacter)),
            ("/%c0%af", Err(PathError::NotUtf8)),
            ("/%zz", Err(PathError::BadEscape)),
            ("/%4", Err(PathError::BadEscape)),
            ("a", Err(PathError::NotAbsolute)),
            ("", Err(PathError::NotAbsolute)),
            ("/...", Ok("/...")),
        ] {
            let normal = NormalPath::parse(raw);
            assert_eq!(normal.as_ref().map(NormalPath::as_str), expected.as_ref().copied(), "{raw}");
        }
    }

    #[test]
    fn the_reserved_part_is_found_in_every_spelling() {
        for (raw, reserved) in [
            ("/_ostro/cron", true),
            ("/_ostro", true),
            ("//_ostro/cron", true),
            ("/%5fostro/cron", true),
            ("/_OSTRO/cron", true),
            ("/%2f_ostro/cron", true),
            ("/_ostro%2fcron", true),
            ("/_ostros", false),
            ("/a/_ostro/cron", false),
        ] {
            assert_eq!(NormalPath::parse(raw).unwrap().is_reserved(), reserved, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(raw in "/[ -~é]{0,40}") {
            if let Ok(once) = NormalPath::parse(&raw) {
                prop_assert_eq!(NormalPath::parse(once.as_str()), Ok(once));
            }
        }
    }
}
