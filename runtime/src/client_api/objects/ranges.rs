//! `range` headers (RFC 9110 section 14.2). Pure.

use std::ops::Range;

/// Ranges of one request; with more of them the header is ignored.
const MAX_RANGES: usize = 8;

/// What a request asks for of a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it: nothing else was asked for, or nothing that is understood.
    All,
    /// Parts of it, none empty, in the order in which they were asked for.
    Parts(Vec<Range<u64>>),
    /// Only what is not there.
    Nothing,
}

/// Reads the header for a content of that size.
pub(super) fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some(specs) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else {
        return Wanted::All;
    };
    let mut parts = Vec::new();
    for (count, spec) in specs.split(',').enumerate() {
        match part(spec.trim(), size) {
            Some(part) if count < MAX_RANGES => parts.extend(part),
            _ => return Wanted::All,
        }
    }
    let bytes: u64 = parts.iter().map(|part| part.end - part.start).sum();
    match parts.is_empty() {
        true => Wanted::Nothing,
        // Who asks for more than there is asks for the same bytes again and again.
        false if bytes > size => Wanted::All,
        false => Wanted::Parts(parts),
    }
}

/// A part; `Some(None)` when it is not there, `None` when it is no range.
#[expect(clippy::option_option, reason = "malformed and unsatisfiable are different answers")]
fn part(spec: &str, size: u64) -> Option<Option<Range<u64>>> {
    let number = |text: &str| -> Option<u64> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number beyond 64 bits is beyond every content.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let range = match spec.split_once('-')? {
        ("", last) => size.saturating_sub(number(last)?)..size,
        (first, "") => number(first)?..size,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            first..last.saturating_add(1).min(size)
        }
    };
    Some((range.start < range.end).then_some(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_ten_bytes() {
        let parts =
            |parts: &[(u64, u64)]| Wanted::Parts(parts.iter().map(|(start, end)| *start..*end).collect());
        for (header, expected) in [
            ("bytes=0-0", parts(&[(0, 1)])),
            ("bytes=0-9", parts(&[(0, 10)])),
            ("bytes=0-", parts(&[(0, 10)])),
            ("bytes=9-99", parts(&[(9, 10)])),
            ("bytes=-3", parts(&[(7, 10)])),
            ("bytes=-30", parts(&[(0, 10)])),
            ("bytes=0-1, 4-5,-1", parts(&[(0, 2), (4, 6), (9, 10)])),
            ("bytes=4-5,0-1", parts(&[(4, 6), (0, 2)])),
            ("bytes=0-1,10-11", parts(&[(0, 2)])),
            ("bytes=0-18446744073709551616", parts(&[(0, 10)])),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=10-20,30-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=0-8,0-8", Wanted::All),
            (
                "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7",
                parts(&[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 8)]),
            ),
            ("bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8", Wanted::All),
            ("bytes=5-4", Wanted::All),
            ("bytes=", Wanted::All),
            ("bytes=-", Wanted::All),
            ("bytes=a-b", Wanted::All),
            ("bytes=+1-2", Wanted::All),
            ("bytes=1", Wanted::All),
            ("lines=0-1", Wanted::All),
        ] {
            assert_eq!(wanted(Some(header), 10), expected, "{header}");
        }
        assert_eq!(wanted(None, 10), Wanted::All);
        assert_eq!(wanted(Some("bytes=0-0"), 0), Wanted::Nothing);
    }
}
