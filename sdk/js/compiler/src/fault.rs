//! What is wrong with a user's program, with the place: as JSON for `ostro`, as text with the line for people.

use std::fmt::Write as _;

use serde::Serialize;

/// One thing that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    /// What is wrong, in one sentence without a full stop.
    pub(crate) message: String,
    /// The file, relative to the project's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u32>,
    /// The column in characters, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<u32>,
    /// The line's text with a mark below the column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) frame: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// The calls that led there, innermost first, in places of the user's files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stack: Option<String>,
}

impl Fault {
    /// A fault that has no place yet.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// The same, about a file as a whole.
    pub(crate) fn in_file(mut self, file: &str) -> Self {
        self.file = Some(file.to_owned());
        self
    }

    /// The same, at a byte of a file's text.
    pub(crate) fn at_byte(self, file: &str, text: &str, byte: usize) -> Self {
        let (line, column) = place_of(text, byte);
        self.at(file, text, line, column)
    }

    /// The same, at a line and a column of a file's text, both from 1.
    pub(crate) fn at(mut self, file: &str, text: &str, line: u32, column: u32) -> Self {
        self.frame = frame(text, line, column);
        self.line = Some(line);
        self.column = Some(column);
        self.in_file(file)
    }

    /// The same, with what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// For people: the place and the message on one line, then the line of the program, the hint, the calls.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        if let Some(file) = &self.file {
            text.push_str(file);
            for number in [self.line, self.column].into_iter().flatten() {
                // Writing to a string does not fail.
                let _ = write!(text, ":{number}");
            }
            text.push_str(": ");
        }
        text.push_str(&self.message);
        text.push('\n');
        for part in [&self.frame, &self.hint, &self.stack].into_iter().flatten() {
            text.push_str(part.trim_end());
            text.push('\n');
        }
        text
    }
}

/// What a step says when it cannot go on.
pub(crate) type Faults = Vec<Fault>;

/// The line and the column in characters, from 1, of a byte of a text.
pub(crate) fn place_of(text: &str, byte: usize) -> (u32, u32) {
    let before = text.get(..floor(text, byte)).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count();
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(start..).map_or(0, |line| line.chars().count());
    (number(line + 1), number(column + 1))
}

/// The nearest border between characters at or before a byte.
fn floor(text: &str, byte: usize) -> usize {
    (0..=byte.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// How much of a long line (minified code) is shown on each side of the mark, in characters.
const SHOWN: usize = 60;

fn frame(text: &str, line: u32, column: u32) -> Option<String> {
    let source = text.lines().nth(line.checked_sub(1)? as usize)?;
    let mark = column.saturating_sub(1) as usize;
    let from = mark.saturating_sub(SHOWN);
    let shown: String =
        source.chars().skip(from).take(2 * SHOWN).map(|c| if c == '\t' { ' ' } else { c }).collect();
    let number = line.to_string();
    let (margin, mark) = (number.len(), mark - from);
    Some(format!("{number} | {shown}\n{:margin$} | {:mark$}^", "", ""))
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters() {
        assert_eq!(place_of("a\nbä c", 5), (2, 3));
        assert_eq!(place_of("", 9), (1, 1));
        // In the middle of a character: its start.
        assert_eq!(place_of("ä", 1), (1, 1));
    }

    #[test]
    fn the_text_shows_the_line_and_the_column() {
        let fault =
            Fault::new("`x` is not defined").at("app.js", "let a;\n\tfoo(x);\n", 2, 6).hint("declare it");
        assert_eq!(fault.to_text(), "app.js:2:6: `x` is not defined\n2 |  foo(x);\n  |      ^\ndeclare it\n");
    }

    #[test]
    fn a_minified_line_is_cut() {
        let line = format!("{}!{}", "a".repeat(1_000), "b".repeat(1_000));
        let frame = Fault::new("m").at("a.js", &line, 1, 1_001).frame.unwrap();
        assert!(frame.lines().all(|line| line.len() < 130), "{frame}");
        let mark = frame.lines().nth(1).unwrap().find('^').unwrap();
        assert_eq!(frame.lines().next().unwrap().as_bytes()[mark], b'!');
    }
}
