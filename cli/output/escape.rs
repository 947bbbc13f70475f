//! Foreign text made harmless: control characters, escape sequences and marks that turn the reading direction.

use std::{borrow::Cow, io};

/// One line: line breaks and tabs are escaped too, so that nobody can forge a second line or a column.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    escape_if(text, is_harmful)
}

/// Several lines: line breaks and tabs stay.
pub(crate) fn escape_block(text: &str) -> Cow<'_, str> {
    escape_if(text, |c| is_harmful(c) && c != '\n' && c != '\t')
}

/// JSON text that says the same and is harmless. Such characters stand only inside its strings,
/// where serde_json escapes those below U+0020 already.
pub(super) fn json(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| is_harmful(c) && c != '\n';
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    let mut units = [0_u16; 2];
    for c in text.chars() {
        if harmful(c) {
            for unit in c.encode_utf16(&mut units) {
                safe.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

fn escape_if(text: &str, harmful: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&harmful) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !harmful(c) => safe.push(c),
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c => safe.extend(c.escape_unicode()),
        }
    }
    Cow::Owned(safe)
}

/// Whether a character does something to a terminal other than appear: C0 and C1 controls, DEL, line
/// and paragraph separators, direction marks, invisible tags and annotations.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A writer that makes bytes harmless on their way to a terminal. Line breaks and tabs stay; what is
/// not UTF-8 becomes U+FFFD. A character may be cut between two writes.
#[derive(Debug)]
pub(crate) struct TerminalText<W> {
    inner: W,
    cut: Vec<u8>,
}

impl<W: io::Write> TerminalText<W> {
    /// Writes harmless text to `inner`.
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, cut: Vec::new() }
    }

    /// Writes what is left of a character that was never completed.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        if !self.cut.is_empty() {
            self.inner.write_all("\u{fffd}".as_bytes())?;
        }
        Ok(self.inner)
    }
}

impl<W: io::Write> io::Write for TerminalText<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pending = std::mem::take(&mut self.cut);
        pending.extend_from_slice(bytes);
        let mut rest = pending.as_slice();
        loop {
            let error = match std::str::from_utf8(rest) {
                Ok(text) => {
                    self.inner.write_all(escape_block(text).as_bytes())?;
                    return Ok(bytes.len());
                }
                Err(error) => error,
            };
            let (good, bad) = rest.split_at_checked(error.valid_up_to()).unwrap_or((rest, &[]));
            self.inner.write_all(escape_block(&String::from_utf8_lossy(good)).as_bytes())?;
            let Some(length) = error.error_len() else {
                self.cut = bad.to_vec();
                return Ok(bytes.len());
            };
            self.inner.write_all("\u{fffd}".as_bytes())?;
            rest = bad.get(length..).unwrap_or(&[]);
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn harmless_text_stays() {
        for text in ["", "hello", "grüß dich, 世界 👩‍👩‍👧", "a\\nb"] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn harmful_text_is_shown() {
        for (text, expected) in [
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("abc\u{202e}fdp.exe", "abc\\u{202e}fdp.exe"),
            ("\0\u{7f}\u{200f}\u{2066}\u{2028}", "\\u{0}\\u{7f}\\u{200f}\\u{2066}\\u{2028}"),
        ] {
            assert_eq!(escape(text), expected);
        }
        assert_eq!(escape_block("a\nb\tc\r\u{1b}"), "a\nb\tc\\r\\u{1b}");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = serde_json::json!({ "a": "\u{1b}[0m \u{202e} \u{7f} \u{9b} \u{e0041} ü" });
        let safe = json(&value.to_string()).into_owned();
        assert!(safe.is_ascii() || safe.contains('ü'));
        assert!(!safe.contains(is_harmful));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
    }

    fn through_terminal(parts: &[&[u8]]) -> String {
        let mut writer = TerminalText::new(Vec::new());
        for part in parts {
            writer.write_all(part).unwrap();
        }
        String::from_utf8(writer.finish().unwrap()).unwrap()
    }

    #[test]
    fn characters_may_be_cut() {
        assert_eq!(through_terminal(&[b"gr\xc3", b"\xbc\xc3\x9f"]), "grüß");
        assert_eq!(through_terminal(&[b"a\xff\xfeb\x1b"]), "a\u{fffd}\u{fffd}b\\u{1b}");
        assert_eq!(through_terminal(&[b"a\xe4\xb8"]), "a\u{fffd}");
    }

    proptest! {
        #[test]
        fn nothing_harmful_passes(text in any::<String>()) {
            prop_assert!(!escape(&text).contains(is_harmful));
        }

        #[test]
        fn where_it_is_cut_does_not_matter(bytes in any::<Vec<u8>>(), at in 0_usize..64) {
            let (left, right) = bytes.split_at(at.min(bytes.len()));
            let whole = through_terminal(&[&bytes]);
            prop_assert_eq!(through_terminal(&[left, right]), whole.clone());
            let harmful = |c: char| is_harmful(c) && c != '\n' && c != '\t';
            prop_assert!(!whole.contains(harmful));
        }
    }
}
