//! The documents of a file: one a line, or the elements of one array. Never more than one of them is in memory.

use std::io::{BufRead, Read as _};

use runtime::control::wire::MAX_DOCUMENT_BYTES;
use serde_json::value::RawValue;

use crate::failure::Failure;

/// Longest text of a document, bytes: white space does not count against its limit.
const MAX_TEXT_BYTES: usize = 2 * MAX_DOCUMENT_BYTES;

/// A document on its way in.
#[derive(Debug)]
pub(super) struct Entry {
    /// The line on which it begins, counted from 1.
    pub(super) line: u64,
    /// As it is written.
    pub(super) json: Box<RawValue>,
}

/// Which form a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A document a line.
    Lines,
    /// One array of documents.
    Array,
}

/// The documents of a stream.
#[derive(Debug)]
pub(super) struct Entries<R> {
    /// What the stream is called.
    what: String,
    reader: R,
    /// The line of the next byte.
    line: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was looked at yet.
    Begin,
    Lines,
    /// In an array, before its first element or its end.
    First,
    /// In an array, behind an element.
    Behind,
    /// Behind an array.
    Ended,
}

impl<R: BufRead> Entries<R> {
    /// The documents of a stream that is called so.
    pub(super) fn new(what: String, reader: R) -> Self {
        Self { what, reader, line: 1, state: State::Begin }
    }

    /// The form; lines until it is known.
    pub(super) fn form(&self) -> Form {
        match self.state {
            State::Begin | State::Lines => Form::Lines,
            State::First | State::Behind | State::Ended => Form::Array,
        }
    }

    /// The next document, none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Failure> {
        if self.state == State::Begin {
            self.begin()?;
        }
        let Some(first) = self.skip_space()? else {
            return match self.state {
                State::Begin | State::Lines | State::Ended => Ok(None),
                State::First | State::Behind => Err(self.fault(self.line, "the array does not end")),
            };
        };
        match (self.state, first) {
            (State::Begin | State::Lines, _) => self.read_line().map(Some),
            (State::Ended, _) => Err(self.fault(self.line, "there is more behind the array")),
            (State::First | State::Behind, b']') => {
                self.reader.consume(1);
                self.state = State::Ended;
                self.next()
            }
            (State::First, _) => self.read_element().map(Some),
            (State::Behind, b',') => {
                self.reader.consume(1);
                self.skip_space()?;
                self.read_element().map(Some)
            }
            (State::Behind, _) => Err(self.fault(self.line, "a comma is missing between two documents")),
        }
    }

    fn begin(&mut self) -> Result<(), Failure> {
        self.state = match self.skip_space()? {
            Some(b'[') => {
                self.reader.consume(1);
                State::First
            }
            _ => State::Lines,
        };
        Ok(())
    }

    fn read_line(&mut self) -> Result<Entry, Failure> {
        let line = self.line;
        let mut text = Vec::new();
        // A line that is too long is not read to its end: it may not have one.
        let most = u64::try_from(MAX_TEXT_BYTES + 1).unwrap_or(u64::MAX);
        let read = self.reader.by_ref().take(most).read_until(b'\n', &mut text);
        read.map_err(|error| Failure::io(&self.what, &error))?;
        if text.len() > MAX_TEXT_BYTES {
            return Err(self.too_long(line));
        }
        self.line += u64::from(text.last() == Some(&b'\n'));
        // Otherwise what ends too early would be at fault on the next line.
        text.truncate(text.trim_ascii_end().len());
        self.entry(line, text)
    }

    /// An element: everything up to where its brackets are closed.
    fn read_element(&mut self) -> Result<Entry, Failure> {
        let line = self.line;
        let mut text = Vec::new();
        let mut nesting = Nesting::default();
        loop {
            let what = &self.what;
            let bytes = self.reader.fill_buf().map_err(|error| Failure::io(what, &error))?;
            if bytes.is_empty() {
                return Err(self.fault(line, "the document that begins here does not end"));
            }
            let end = bytes.iter().position(|byte| nesting.closes(*byte));
            let part = bytes.get(..end.map_or(bytes.len(), |end| end + 1)).unwrap_or(bytes);
            text.extend_from_slice(part);
            self.line += line_breaks(part);
            let length = part.len();
            self.reader.consume(length);
            if text.len() > MAX_TEXT_BYTES {
                return Err(self.too_long(line));
            }
            if end.is_some() {
                self.state = State::Behind;
                return self.entry(line, text);
            }
            if !nesting.is_open() {
                return Err(self.fault(line, NO_DOCUMENT));
            }
        }
    }

    fn entry(&self, line: u64, text: Vec<u8>) -> Result<Entry, Failure> {
        let text = String::from_utf8(text).map_err(|_| self.fault(line, "this is not UTF-8"))?;
        if !text.starts_with('{') {
            return Err(self.fault(line, NO_DOCUMENT));
        }
        match serde_json::from_str::<Box<RawValue>>(&text) {
            Ok(json) => Ok(Entry { line, json }),
            Err(error) => {
                let at = line + u64::try_from(error.line().saturating_sub(1)).unwrap_or(0);
                let words = error.to_string();
                let word = words.split(" at line ").next().unwrap_or_default();
                Err(self.fault(at, &format!("column {}: {word}", error.column())))
            }
        }
    }

    /// Passes over white space; answers the byte behind it.
    fn skip_space(&mut self) -> Result<Option<u8>, Failure> {
        loop {
            let what = &self.what;
            let bytes = self.reader.fill_buf().map_err(|error| Failure::io(what, &error))?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let space = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let next = bytes.get(space).copied();
            self.line += line_breaks(bytes.get(..space).unwrap_or_default());
            self.reader.consume(space);
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    fn too_long(&self, line: u64) -> Failure {
        self.fault(
            line,
            &format!("this is longer than a document, which has {} MiB at most", MAX_DOCUMENT_BYTES >> 20),
        )
    }

    fn fault(&self, line: u64, fault: &str) -> Failure {
        Failure::local(format!("{}: line {line}: {fault}", self.what))
    }
}

const NO_DOCUMENT: &str = "a document is a JSON object: it begins with {";

/// How deep in objects and arrays a text is.
#[derive(Debug, Default)]
struct Nesting {
    level: usize,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    /// Takes the next byte; whether it closes the outermost object.
    fn closes(&mut self, byte: u8) -> bool {
        if self.in_string {
            self.in_string = self.escaped || byte != b'"';
            self.escaped = byte == b'\\' && !self.escaped;
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.level += 1,
            b'}' | b']' => {
                self.level = self.level.saturating_sub(1);
                return self.level == 0;
            }
            _ => {}
        }
        false
    }

    fn is_open(&self) -> bool {
        self.level > 0
    }
}

fn line_breaks(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// Lines and texts of the documents; then what went wrong, if something did.
    fn read(text: &[u8], buffer: usize) -> (Vec<(u64, String)>, Option<String>) {
        let mut entries = Entries::new("f".to_owned(), BufReader::with_capacity(buffer, text));
        let mut read = Vec::new();
        loop {
            match entries.next() {
                Ok(Some(entry)) => read.push((entry.line, entry.json.get().to_owned())),
                Ok(None) => return (read, None),
                Err(failure) => return (read, Some(failure.word().unwrap().message.clone())),
            }
        }
    }

    #[test]
    fn lines_and_arrays_are_read_alike() {
        for (text, expected) in [
            ("", &[][..]),
            (" \n\n", &[]),
            ("{\"a\":1}\r\n\n  {\"b\": \"}\"} \n{}", &[(1, "{\"a\":1}"), (3, "{\"b\": \"}\"}"), (4, "{}")]),
            ("[]", &[]),
            (
                "\n[ {\"a\":\n1},\n\n{\"b\":[\"]\\\"\"]}\n]\n",
                &[(2, "{\"a\":\n1}"), (5, "{\"b\":[\"]\\\"\"]}")],
            ),
        ] {
            let expected: Vec<_> = expected.iter().map(|(line, text)| (*line, (*text).to_owned())).collect();
            for buffer in [1, 3, 4096] {
                assert_eq!(read(text.as_bytes(), buffer), (expected.clone(), None), "{text:?}");
            }
        }
    }

    #[test]
    fn a_fault_is_named_by_its_line() {
        for (text, documents, fault) in [
            ("{}\n{\"a\" 1}\n{}", 1, "f: line 2: column 6: expected `:`"),
            ("{}\n\n7", 1, "f: line 3: a document is a JSON object: it begins with {"),
            ("{} {}", 0, "f: line 1: column 4: trailing characters"),
            ("{\"a\":\n1}", 0, "f: line 1: column 5: EOF while parsing a value"),
            ("[{},\n{\"a\":\n\n}]", 1, "f: line 4: column 1: expected value"),
            ("[{}\n{}]", 1, "f: line 2: a comma is missing between two documents"),
            ("[{},\n]", 1, "f: line 2: a document is a JSON object: it begins with {"),
            ("[7, {}]", 0, "f: line 1: a document is a JSON object: it begins with {"),
            ("[[]]", 0, "f: line 1: a document is a JSON object: it begins with {"),
            ("[{}", 1, "f: line 1: the array does not end"),
            ("[\n{\"a\": {}", 0, "f: line 2: the document that begins here does not end"),
            ("[{}]\n{}", 1, "f: line 2: there is more behind the array"),
        ] {
            let (read, failure) = read(text.as_bytes(), 4096);
            assert_eq!((read.len(), failure.as_deref()), (documents, Some(fault)), "{text:?}");
        }
        let (_, failure) = read(b"{}\n{\"a\": \"\xff\"}\n", 4096);
        assert_eq!(failure.as_deref(), Some("f: line 2: this is not UTF-8"));
    }

    #[test]
    fn what_never_ends_is_not_read_to_its_end() {
        let long = format!("{{\"a\":\"{}", "x".repeat(MAX_TEXT_BYTES));
        for text in [format!("{{}}\n{long}"), format!("[{{}},\n{long}")] {
            let (read, failure) = read(text.as_bytes(), 4096);
            assert_eq!(read.len(), 1);
            assert_eq!(
                failure.as_deref(),
                Some("f: line 2: this is longer than a document, which has 1 MiB at most")
            );
        }
    }
}
