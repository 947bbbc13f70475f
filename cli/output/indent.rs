//! JSON text with other white space: the values, how numbers are written and the order of fields stay.

/// Spaces of a level.
const STEP: usize = 2;

/// JSON text on one line: only white space between values can hold line breaks.
pub(crate) fn one_line(json: &str) -> String {
    json.trim().replace(['\n', '\r'], " ")
}

/// JSON text with a field or an element a line.
pub(super) fn indented(json: &str) -> String {
    let mut text = Indented::default();
    let (mut in_string, mut escaped) = (false, false);
    for c in json.chars() {
        if in_string {
            text.written.push(c);
            in_string = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        in_string = c == '"';
        text.add(c);
    }
    text.written
}

#[derive(Debug, Default)]
struct Indented {
    written: String,
    level: usize,
    /// An object or an array has begun, and nothing is in it yet.
    opened: bool,
}

impl Indented {
    /// Adds a character outside strings.
    fn add(&mut self, c: char) {
        match c {
            ' ' | '\t' | '\n' | '\r' => {}
            '}' | ']' => {
                self.level = self.level.saturating_sub(1);
                if !std::mem::take(&mut self.opened) {
                    self.break_line();
                }
                self.written.push(c);
            }
            ',' => {
                self.written.push(c);
                self.break_line();
            }
            ':' => self.written.push_str(": "),
            _ => {
                if std::mem::take(&mut self.opened) {
                    self.break_line();
                }
                self.written.push(c);
                if matches!(c, '{' | '[') {
                    self.level += 1;
                    self.opened = true;
                }
            }
        }
    }

    fn break_line(&mut self) {
        self.written.push('\n');
        self.written.extend(std::iter::repeat_n(' ', self.level * STEP));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_white_space_is_another() {
        for (json, expected) in [
            ("{}", "{}"),
            (" [ ] ", "[]"),
            ("12.50", "12.50"),
            (r#"{"b":1.0,"a":[1,{}]}"#, "{\n  \"b\": 1.0,\n  \"a\": [\n    1,\n    {}\n  ]\n}"),
            (r#"{"a": "x: {\"y\", \\"}"#, "{\n  \"a\": \"x: {\\\"y\\\", \\\\\"\n}"),
            ("[9007199254740993,\n1e400]", "[\n  9007199254740993,\n  1e400\n]"),
        ] {
            assert_eq!(indented(json), expected);
        }
        assert_eq!(one_line("{\"a\":\r\n 1\n}\n"), "{\"a\":   1 }");
    }
}
