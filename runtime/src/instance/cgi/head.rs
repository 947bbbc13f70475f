//! The header block that a command writes before its body (RFC 3875 section 6).

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};

/// The header block, line ends included, bytes.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// Header fields of one answer.
const MAX_FIELDS: usize = 256;
/// Longest part of a bad line that is told, characters.
const MAX_QUOTE_CHARS: usize = 60;

/// An answer's head: status and headers, without the fields that only CGI knows.
pub(in crate::instance) type Head = Response<()>;

/// Why what a command wrote is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::instance) enum Malformed {
    #[error("its header block is over {MAX_HEAD_BYTES} bytes or {MAX_FIELDS} fields; an empty line ends it")]
    TooLarge,
    #[error(
        "it answers by itself (`HTTP/…`, an NPH script), which is not supported: begin with `Status: 200 OK`"
    )]
    NonParsed,
    #[error(
        "`{0}` is no header field; a command writes `Content-Type: text/plain`, an empty line, then the body"
    )]
    Line(String),
    #[error("`{0}` is there more than once")]
    Twice(HeaderName),
    #[error("the status `{0}` is not a final one, three digits from 200 to 599")]
    Status(String),
    #[error("the header block has neither Content-Type nor Status nor Location")]
    Bare,
    #[error("the output ended within the header block: an empty line must end it")]
    Unfinished,
}

/// Reads a header block as it comes, line by line.
#[derive(Debug, Default)]
pub(in crate::instance) struct HeadReader {
    /// The line that has not ended yet.
    line: Vec<u8>,
    fields: HeaderMap,
    status: Option<StatusCode>,
    taken: usize,
}

/// What came of reading on.
#[derive(Debug)]
pub(in crate::instance) enum Fed {
    /// The block is not over.
    More,
    /// It is over: what is left of the bytes belongs to the body.
    Done(Box<Head>, usize),
}

impl HeadReader {
    /// Whether nothing was written yet.
    pub(in crate::instance) fn is_untouched(&self) -> bool {
        self.taken == 0
    }

    /// Reads on. [`Fed::Done`] says how many of these bytes the block took.
    pub(in crate::instance) fn feed(&mut self, bytes: &[u8]) -> Result<Fed, Malformed> {
        let mut used = 0;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            used += piece.len();
            self.taken += piece.len();
            if self.taken > MAX_HEAD_BYTES {
                return Err(Malformed::TooLarge);
            }
            self.line.extend_from_slice(piece);
            let Some(line) = self.line.strip_suffix(b"\n") else { break };
            let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
            self.line.clear();
            if line.is_empty() {
                return Ok(Fed::Done(Box::new(self.finish()?), used));
            }
            self.field(&line)?;
        }
        Ok(Fed::More)
    }

    fn field(&mut self, line: &[u8]) -> Result<(), Malformed> {
        if line.starts_with(b"HTTP/") {
            return Err(Malformed::NonParsed);
        }
        if self.fields.len() >= MAX_FIELDS {
            return Err(Malformed::TooLarge);
        }
        let bad = || Malformed::Line(quote(line));
        // Lines that go on in the next one begin with a space, which no name may.
        let colon = line.iter().position(|byte| *byte == b':').ok_or_else(bad)?;
        let (name, value) = line.split_at_checked(colon).ok_or_else(bad)?;
        let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
        if name.eq_ignore_ascii_case(b"status") {
            let known = self.status.replace(status(value)?);
            return match known {
                None => Ok(()),
                Some(_) => Err(Malformed::Twice(HeaderName::from_static("status"))),
            };
        }
        let name = HeaderName::from_bytes(name).map_err(|_| bad())?;
        let value = HeaderValue::from_bytes(value).map_err(|_| bad())?;
        let once = [header::CONTENT_TYPE, header::LOCATION, header::CONTENT_LENGTH];
        if once.contains(&name) && self.fields.contains_key(&name) {
            return Err(Malformed::Twice(name));
        }
        if name == header::CONTENT_LENGTH && !is_length(&value) {
            return Err(bad());
        }
        self.fields.append(name, value);
        Ok(())
    }

    /// The head that the fields make. `Location` alone is a redirect; a path (a local redirect, section 6.2.2) is sent
    /// to the client as well, which asks for it by itself.
    fn finish(&mut self) -> Result<Head, Malformed> {
        let has_location = self.fields.contains_key(header::LOCATION);
        let status = match self.status {
            Some(status) => status,
            None if has_location => StatusCode::FOUND,
            None if self.fields.contains_key(header::CONTENT_TYPE) => StatusCode::OK,
            None => return Err(Malformed::Bare),
        };
        let mut head = Response::new(());
        *head.status_mut() = status;
        *head.headers_mut() = std::mem::take(&mut self.fields);
        Ok(head)
    }
}

/// Digits without a sign (RFC 9110, section 8.6) that make a number which can be counted.
fn is_length(value: &HeaderValue) -> bool {
    let digits = value.as_bytes().iter().all(u8::is_ascii_digit);
    digits && value.to_str().is_ok_and(|text| text.parse::<u64>().is_ok())
}

/// `404 Not Found`, `404`: the words are for people.
fn status(value: &[u8]) -> Result<StatusCode, Malformed> {
    let digits = value.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    let status = StatusCode::from_bytes(digits).ok();
    let is_final = |status: &StatusCode| (200..=599).contains(&status.as_u16());
    status.filter(is_final).ok_or_else(|| Malformed::Status(quote(value)))
}

/// The command's own bytes for a message: escaped and short.
fn quote(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut quoted: String = text.chars().take(MAX_QUOTE_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(MAX_QUOTE_CHARS).is_some() {
        quoted.push('…');
    }
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The head and the body of what was written, in pieces of that size.
    fn read(written: &[u8], piece: usize) -> Result<(Head, Vec<u8>), Malformed> {
        let mut reader = HeadReader::default();
        let mut at = 0;
        for piece in written.chunks(piece.max(1)) {
            if let Fed::Done(head, used) = reader.feed(piece)? {
                return Ok((*head, written[at + used..].to_vec()));
            }
            at += piece.len();
        }
        Err(Malformed::Unfinished)
    }

    #[test]
    fn documents_and_redirects() {
        for (written, status, headers, body) in [
            ("Content-Type: text/plain\n\nhello", 200, &[("content-type", "text/plain")][..], "hello"),
            ("content-type:text/plain\r\n\r\n\nhello", 200, &[("content-type", "text/plain")], "\nhello"),
            ("Status: 404 Not Found\nContent-Type: a/b\n\n", 404, &[("content-type", "a/b")], ""),
            ("STATUS:204\n\n", 204, &[], ""),
            ("Status: 599\n\nx", 599, &[], "x"),
            ("Location: https://a.example/x\n\n", 302, &[("location", "https://a.example/x")], ""),
            ("Location: /other?q\n\n", 302, &[("location", "/other?q")], ""),
            (
                "Location: /b\nStatus: 308 Moved\nContent-Type: text/html\n\n<a>",
                308,
                &[("location", "/b"), ("content-type", "text/html")],
                "<a>",
            ),
            (
                "Set-Cookie: a=1\nContent-Type: a/b\nSet-Cookie: b=2\nX-Empty:\n\n",
                200,
                &[("set-cookie", "a=1"), ("content-type", "a/b"), ("set-cookie", "b=2"), ("x-empty", "")],
                "",
            ),
            (
                "Content-Type:  \t spaced \t \n\nbody\n\nmore",
                200,
                &[("content-type", "spaced")],
                "body\n\nmore",
            ),
        ] {
            for piece in [1, 2, 7, 1000] {
                let (head, rest) = read(written.as_bytes(), piece).expect(written);
                assert_eq!(head.status(), status, "{written}");
                assert_eq!(head.headers().len(), headers.len(), "{written}");
                for (name, value) in headers {
                    let values: Vec<_> = head.headers().get_all(*name).iter().collect();
                    assert!(values.iter().any(|found| found == value), "{written}: {values:?}");
                }
                assert_eq!(rest, body.as_bytes(), "{written}");
            }
        }
    }

    #[test]
    fn what_is_no_header_block_is_refused() {
        let many = format!("{}\n", "x: y\n".repeat(MAX_FIELDS + 1));
        let long = format!("x: {}\n\n", "y".repeat(MAX_HEAD_BYTES));
        for (written, word) in [
            ("hello\n", "`hello` is no header field"),
            ("{\"json\": true}\n\n", "is no header field"),
            ("HTTP/1.1 200 OK\n\n", "NPH"),
            ("X: y\n\n", "neither Content-Type"),
            ("\nbody", "neither Content-Type"),
            ("Content-Type: a/b\n folded\n\n", "is no header field"),
            ("Content Type: a/b\n\n", "is no header field"),
            ("Content-Type : a/b\n\n", "is no header field"),
            (": a/b\n\n", "is no header field"),
            ("Content-Type: a/b\rX: y\n\n", "is no header field"),
            ("Content-Type: a/b\nContent-Length: +3\n\n", "is no header field"),
            ("Content-Type: a/b\nContent-Length: 3, 3\n\n", "is no header field"),
            ("Content-Type: a/b\nContent-Length:\n\n", "is no header field"),
            ("Content-Type: a/b\nContent-Length: 18446744073709551616\n\n", "is no header field"),
            ("Content-Type: a\u{1}b\n\n", "is no header field"),
            ("Content-Type: a/b\nContent-Type: a/b\n\n", "`content-type` is there more than once"),
            ("Status: 200\nStatus: 200\n\n", "`status` is there more than once"),
            ("Location: /\nLocation: /\n\n", "more than once"),
            ("Status: 101 Switching\n\n", "not a final one"),
            ("Status: 600\n\n", "not a final one"),
            ("Status: ok\n\n", "the status `ok`"),
            ("Status:\n\n", "not a final one"),
            ("Content-Type: a/b\n", "ended within"),
            ("Content-Type: a/b", "ended within"),
            (&many, "over 65536 bytes or 256 fields"),
            (&long, "over 65536 bytes or 256 fields"),
        ] {
            for piece in [1, 3, 100_000] {
                let refused = read(written.as_bytes(), piece).expect_err(written).to_string();
                assert!(refused.contains(word), "{written:.60}: {refused}");
                assert!(refused.len() < 300, "{refused}");
            }
        }
    }

    #[test]
    fn limits_hold_exactly() {
        let fields = format!("Content-Type: a/b\n{}\n", "x: y\n".repeat(MAX_FIELDS - 1));
        assert_eq!(read(fields.as_bytes(), 100).unwrap().0.headers().len(), MAX_FIELDS);
        let fixed = "Content-Type: \n\n".len();
        for (extra, fits) in [(0, true), (1, false)] {
            let value = "v".repeat(MAX_HEAD_BYTES - fixed + extra);
            let written = format!("Content-Type: {value}\n\n and a body of any length");
            assert_eq!(read(written.as_bytes(), 1000).is_ok(), fits, "{extra}");
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(written in "([A-Za-z-]{1,9}: ?[ -~]{0,9}\r?\n){0,5}\r?\n?[ -~\n]{0,30}", piece in 1..20_usize) {
            let (whole, pieces) = (read(written.as_bytes(), 1 << 20), read(written.as_bytes(), piece));
            match (whole, pieces) {
                (Ok((one, body)), Ok((other, rest))) => {
                    prop_assert_eq!(one.status(), other.status());
                    prop_assert_eq!(one.headers(), other.headers());
                    prop_assert_eq!(body, rest);
                }
                (one, other) => prop_assert_eq!(one.map(|_| ()), other.map(|_| ())),
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(written in prop::collection::vec(any::<u8>(), 0..300), piece in 1..50_usize) {
            if let Ok((head, _)) = read(&written, piece) {
                prop_assert!((200..=599).contains(&head.status().as_u16()));
            }
        }
    }
}
