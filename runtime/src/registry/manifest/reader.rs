//! Reads a TOML table with positions: which keys may stand in it, and what type each has.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::ManifestError;

/// A key whose feature comes later, and the feature's name.
pub(super) type Later = (&'static str, &'static str);

/// What is wrong at a byte of the text.
#[derive(Debug)]
pub(super) struct Fault {
    offset: usize,
    message: String,
    hint: Option<String>,
}

impl Fault {
    pub(super) fn at(offset: usize, message: impl Into<String>) -> Self {
        Self { offset, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Turns the byte offset into line and column.
    pub(super) fn locate(self, text: &str) -> ManifestError {
        let before = text.get(..self.offset.min(text.len())).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        ManifestError {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).map_or(0, |line| line.chars().count()) + 1,
            message: self.message,
            hint: self.hint,
        }
    }
}

/// One table of the manifest.
pub(super) struct Section<'t, 'i> {
    path: String,
    span: Range<usize>,
    table: &'t DeTable<'i>,
}

/// A value and where it starts.
pub(super) type At<T> = (T, usize);

impl<'t, 'i> Section<'t, 'i> {
    pub(super) fn root(document: &'t Spanned<DeTable<'i>>) -> Self {
        Self { path: String::new(), span: document.span(), table: document.get_ref() }
    }

    /// Takes a value that has to be a table; `path` is its name in messages.
    pub(super) fn of(path: String, value: &'t Spanned<DeValue<'i>>) -> Result<Self, Fault> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(Self { path, span: value.span(), table }),
            other => Err(wrong_type(&path, "a table", other, value.span().start)),
        }
    }

    pub(super) fn start(&self) -> usize {
        self.span.start
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = At<&'t str>> {
        let table = self.table;
        table.keys().map(|key| (key.get_ref().as_ref(), key.span().start))
    }

    /// Refuses every key that is not known; the first in the text is reported.
    pub(super) fn allow(&self, known: &[&str], later: &[Later]) -> Result<(), Fault> {
        let mut strangers: Vec<At<&str>> = self.keys().filter(|(key, _)| !known.contains(key)).collect();
        strangers.sort_by_key(|(_, at)| *at);
        let Some((key, at)) = strangers.first().copied() else { return Ok(()) };
        let name = self.name(key);
        if let Some((_, feature)) = later.iter().find(|(name, _)| *name == key) {
            return Err(Fault::at(at, format!("`{name}`: {feature} comes in a later version of Ostro"))
                .hint(format!("remove `{key}` for now")));
        }
        let all = known.iter().copied().chain(later.iter().map(|(name, _)| *name));
        let fault = Fault::at(at, format!("unknown key `{name}`"));
        Err(match nearest(key, all) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault.hint(format!("known here: {}", known.join(", "))),
        })
    }

    pub(super) fn value(&self, key: &str) -> Option<&'t Spanned<DeValue<'i>>> {
        self.table.get(key)
    }

    pub(super) fn string(&self, key: &str) -> Result<Option<At<&'t str>>, Fault> {
        self.value(key).map(|value| string(&self.name(key), value)).transpose()
    }

    pub(super) fn integer(&self, key: &str) -> Result<Option<At<i64>>, Fault> {
        self.value(key).map(|value| integer(&self.name(key), value)).transpose()
    }

    pub(super) fn boolean(&self, key: &str) -> Result<Option<At<bool>>, Fault> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::Boolean(truth) => Ok(Some((*truth, value.span().start))),
            other => Err(wrong_type(&self.name(key), "`true` or `false`", other, value.span().start)),
        }
    }

    pub(super) fn section(&self, key: &str) -> Result<Option<Section<'t, 'i>>, Fault> {
        self.value(key).map(|value| Section::of(self.name(key), value)).transpose()
    }

    pub(super) fn array(&self, key: &str) -> Result<Option<&'t DeArray<'i>>, Fault> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::Array(array) => Ok(Some(array)),
            other => Err(wrong_type(&self.name(key), "an array", other, value.span().start)),
        }
    }

    pub(super) fn strings(&self, key: &str) -> Result<Vec<At<&'t str>>, Fault> {
        let Some(array) = self.array(key)? else { return Ok(Vec::new()) };
        array.iter().map(|value| string(&self.name(key), value)).collect()
    }

    /// The key as the user would write it from the top of the file.
    pub(super) fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

pub(super) fn string<'t>(name: &str, value: &'t Spanned<DeValue<'_>>) -> Result<At<&'t str>, Fault> {
    match value.get_ref() {
        DeValue::String(text) => Ok((text.as_ref(), value.span().start)),
        other => Err(wrong_type(name, "a string", other, value.span().start)),
    }
}

/// Where that byte of a string stands in the manifest: exactly, unless the string is written with escapes.
pub(super) fn inside(value: &Spanned<DeValue<'_>>, byte: usize) -> usize {
    let span = value.span();
    match value.get_ref() {
        // One quotation mark at each end and nothing else.
        DeValue::String(text) if span.len() == text.len() + 2 => span.start + 1 + byte.min(text.len()),
        _ => span.start,
    }
}

pub(super) fn integer(name: &str, value: &Spanned<DeValue<'_>>) -> Result<At<i64>, Fault> {
    let at = value.span().start;
    match value.get_ref() {
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(|number| (number, at))
            .map_err(|_| Fault::at(at, format!("`{name}` is too large"))),
        other => Err(wrong_type(name, "a whole number", other, at)),
    }
}

pub(super) fn wrong_type(name: &str, wanted: &str, found: &DeValue<'_>, at: usize) -> Fault {
    let found = match found {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    Fault::at(at, format!("`{name}` has to be {wanted}, not {found}"))
}

/// The candidate that a typing error may have meant.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = word.chars().count().div_ceil(3).clamp(1, 3);
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, one row at a time. Words over 64 characters are simply far.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    if a.chars().count() > 64 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let best = (diagonal + usize::from(x != *y)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}
