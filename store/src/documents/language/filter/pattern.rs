//! Patterns of `$regex`, which take time in proportion to the text, whoever wrote them.

use regex::{Regex, RegexBuilder};

use super::super::Fault;

/// Largest compiled pattern, bytes; as much again for what it learns while it runs.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// A regular expression, compiled.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    regex: Regex,
    beginning: Option<String>,
}

impl Pattern {
    /// Compiles a pattern with some of the options `i`, `m`, `s`, `x` and `u` (which is always on).
    pub(super) fn new(source: &str, options: &str) -> Result<Self, Fault> {
        if let Some(unknown) = options.chars().find(|option| !"imsxu".contains(*option)) {
            return Err(Fault::new(format!("`$options` has `{unknown}`; there are i, m, s and x")));
        }
        let has = |option| options.contains(option);
        let regex = RegexBuilder::new(source)
            .case_insensitive(has('i'))
            .multi_line(has('m'))
            .dot_matches_new_line(has('s'))
            .ignore_whitespace(has('x'))
            .size_limit(MAX_COMPILED_BYTES)
            .dfa_size_limit(MAX_COMPILED_BYTES)
            .build()
            .map_err(|error| Fault::new(format!("`$regex`: {}", one_line(&error))))?;
        let beginning = (!has('i') && !has('m') && !has('x')).then(|| beginning(source)).flatten();
        Ok(Self { regex, beginning })
    }

    /// Whether it is found in the text.
    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// What every text begins with in which it is found.
    pub(super) fn beginning(&self) -> Option<&str> {
        self.beginning.as_deref()
    }
}

/// The letters behind `^`, up to the first thing that is more than a letter.
fn beginning(source: &str) -> Option<String> {
    let rest = source.strip_prefix('^').filter(|rest| !rest.contains('|'))?;
    let is_plain = |letter: char| letter.is_alphanumeric() || " _-/:@,;=&%!~<>'\"".contains(letter);
    let end = rest.find(|letter| !is_plain(letter)).unwrap_or(rest.len());
    let (plain, behind) = rest.split_at(end);
    let mut letters = plain.chars();
    // The last letter may be there not at all.
    if behind.starts_with(['?', '*', '{']) {
        letters.next_back();
    }
    Some(letters.as_str().to_owned()).filter(|beginning| !beginning.is_empty())
}

/// The last line says what is wrong, those before it draw where.
fn one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}
