//! `ostro:secrets/store`, and the secret values of a function with their redaction from logs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use crate::bindings::ostro::secrets::store::{Error, Host};
use crate::ctx::HostCtxView;
use crate::grants::{Grants, secret_grant};
use crate::meter::Interface;

/// Values shorter than this many bytes are not redacted: replacing every `42` would ruin the log and hide
/// nothing.
const SHORTEST_REDACTED_BYTES: usize = 4;

/// Lines of a value of several lines are redacted one by one as well, when they have this many bytes.
const SHORTEST_REDACTED_LINE_BYTES: usize = 8;

impl Host for HostCtxView<'_> {
    fn get(&mut self, name: String) -> Result<Option<String>, Error> {
        self.ctx.meter.count(Interface::Secrets);
        if self.ctx.grants.allows_secret(&name) {
            return Ok(self.ctx.secrets.get(&name).map(str::to_owned));
        }
        Err(Error::Denied(self.ctx.refuse(Interface::Secrets, secret_grant(&name)).to_string()))
    }

    fn names(&mut self) -> Vec<String> {
        self.ctx.meter.count(Interface::Secrets);
        self.ctx.secrets.iter().map(|(name, _)| name.to_owned()).collect()
    }
}

/// The secrets that a function is granted and that exist, with their values.
///
/// It never shows a value in its `Debug` form.
#[derive(Default)]
pub struct SecretValues {
    values: BTreeMap<String, String>,
    patterns: Vec<Pattern>,
}

/// One text to replace in logs.
struct Pattern {
    name: String,
    text: String,
}

impl SecretValues {
    /// Keeps those of `values` (name and value) that `grants` allow.
    pub fn new(grants: &Grants, values: impl IntoIterator<Item = (String, String)>) -> Self {
        let values: BTreeMap<_, _> =
            values.into_iter().filter(|(name, _)| grants.allows_secret(name)).collect();
        let patterns = values.iter().flat_map(|(name, value)| Pattern::of(name, value)).collect();
        Self { values, patterns }
    }

    /// The value of that secret.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// `text` with each value replaced by `[secret NAME]`, and each longer line of a value of several lines.
    /// Values shorter than four bytes are left alone.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.redact_start(text.as_bytes(), text.len()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(redacted) => Cow::Owned(String::from_utf8_lossy(&redacted).into_owned()),
        }
    }

    /// The first `cut` bytes of `text`, redacted. A value that begins before the cut is replaced whole even
    /// where it ends behind it, so no cut ever shows a part of a value. The answer can be longer than `cut`.
    pub(crate) fn redact_start<'t>(&self, text: &'t [u8], cut: usize) -> Cow<'t, [u8]> {
        let (kept, _) = text.split_at(cut.min(text.len()));
        let runs = self.runs(text);
        if runs.iter().all(|run| run.start >= kept.len()) {
            return Cow::Borrowed(kept);
        }
        let mut out = Vec::with_capacity(kept.len());
        let mut at = 0;
        for run in runs.iter().take_while(|run| run.start < kept.len()) {
            out.extend_from_slice(text.get(at..run.start).unwrap_or_default());
            out.extend_from_slice(b"[secret ");
            out.extend_from_slice(run.name.as_bytes());
            out.push(b']');
            at = run.end;
        }
        out.extend_from_slice(kept.get(at..).unwrap_or_default());
        Cow::Owned(out)
    }

    /// Bytes beyond a cut that must be known to redact what lies before it.
    pub(crate) fn longest(&self) -> usize {
        self.patterns.iter().map(|pattern| pattern.text.len()).max().unwrap_or_default()
    }

    /// Maximal stretches of `text` that are covered by values, in order, never overlapping: values may
    /// overlap each other, and the rest of one must not show beside another.
    fn runs<'s>(&'s self, text: &[u8]) -> Vec<Run<'s>> {
        let mut found: Vec<Run<'s>> =
            self.patterns.iter().flat_map(|pattern| pattern.runs_in(text)).collect();
        found.sort_by_key(|run| (run.start, std::cmp::Reverse(run.end)));
        let mut merged: Vec<Run<'s>> = Vec::with_capacity(found.len());
        for run in found {
            match merged.last_mut() {
                Some(last) if run.start < last.end => last.end = last.end.max(run.end),
                _ => merged.push(run),
            }
        }
        merged
    }
}

impl fmt::Debug for SecretValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// A stretch of text to replace.
struct Run<'a> {
    start: usize,
    end: usize,
    name: &'a str,
}

impl Pattern {
    fn of(name: &str, value: &str) -> Vec<Self> {
        let pattern = |text: &str| Self { name: name.to_owned(), text: text.to_owned() };
        let lines = value.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_REDACTED_LINE_BYTES);
        let mut patterns: Vec<_> = lines.filter(|line| *line != value).map(pattern).collect();
        if value.len() >= SHORTEST_REDACTED_BYTES {
            patterns.push(pattern(value));
        }
        patterns
    }

    fn runs_in<'p>(&'p self, text: &[u8]) -> impl Iterator<Item = Run<'p>> {
        let wanted = self.text.as_bytes();
        text.windows(wanted.len())
            .enumerate()
            .filter(move |(_, window)| *window == wanted)
            .map(move |(start, _)| Run { start, end: start + wanted.len(), name: &self.name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(values: &[(&str, &str)]) -> SecretValues {
        let grants: Vec<_> = values.iter().map(|(name, _)| secret_grant(name)).collect();
        let grants = Grants::parse(&grants).unwrap();
        SecretValues::new(
            &grants,
            values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn redaction_table() {
        const PEM: &str = "-----BEGIN KEY-----\r\nMIIEvQIBADAN\r\n-----END KEY-----\r\n";
        type Values = &'static [(&'static str, &'static str)];
        let cases: &[(Values, &str, &str)] = &[
            (&[], "nothing to hide", "nothing to hide"),
            (&[("A", "hunter2")], "pw=hunter2!", "pw=[secret A]!"),
            (&[("A", "hunter2")], "hunter2hunter2", "[secret A][secret A]"),
            (&[("A", "hunter2")], "hunter", "hunter"),
            (&[("A", "abc")], "abc is too short to hide", "abc is too short to hide"),
            (&[("A", "abcd")], "abcd is not", "[secret A] is not"),
            (&[("A", "abcd"), ("B", "cdef")], "xabcdefx", "x[secret A]x"),
            (&[("A", "abcd"), ("B", "abcdef")], "abcdef", "[secret B]"),
            (&[("A", "aaaa")], "aaaaaaa", "[secret A]"),
            (&[("A", "pässwörd")], "das pässwörd ist", "das [secret A] ist"),
            (
                &[("KEY", PEM)],
                r"one line: -----BEGIN KEY-----\nMIIEvQIBADAN\n",
                r"one line: [secret KEY]\n[secret KEY]\n",
            ),
        ];
        for (values, text, expected) in cases {
            assert_eq!(secrets(values).redact(text), *expected, "{text}");
        }
    }

    #[test]
    fn a_cut_never_shows_a_part_of_a_value() {
        let secrets = secrets(&[("A", "hunter2")]);
        let text = b"12345hunter2 and more";
        for cut in 0..text.len() {
            let shown = String::from_utf8(secrets.redact_start(text, cut).into_owned()).unwrap();
            assert!(!shown.contains('h') && !shown.contains("hunt"), "{cut}: {shown}");
        }
    }

    #[test]
    fn a_secret_without_grant_is_not_even_held() {
        let grants = Grants::parse(&["secret:A".to_owned()]).unwrap();
        let secrets = SecretValues::new(
            &grants,
            [("A", "value-a"), ("B", "value-b")].map(|(n, v)| (n.to_owned(), v.to_owned())),
        );
        assert_eq!(secrets.get("A"), Some("value-a"));
        assert_eq!(secrets.get("B"), None);
        assert_eq!(format!("{secrets:?}"), r#"{"A"}"#);
    }
}
