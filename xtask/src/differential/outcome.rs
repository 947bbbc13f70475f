//! Cases and what comes of them.

use std::fmt;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A case and our own answer.
#[derive(Debug)]
pub(crate) struct Case {
    /// What is asked: `filter`, `update` and so on.
    pub(crate) kind: String,
    /// As compact JSON.
    pub(crate) query: String,
    /// As compact JSON.
    pub(crate) documents: String,
    /// Our own answer.
    pub(crate) ours: Outcome,
}

/// An answer, or why there is none.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// As compact JSON: `{"ok":…}` or `{"fault":…}`.
    pub(crate) text: String,
    /// None of a fault.
    value: Option<Value>,
}

/// A case as it is written. Texts stay as they are: the order of fields is a part of a query.
#[derive(Deserialize)]
struct Line {
    kind: String,
    query: Box<RawValue>,
    documents: Box<RawValue>,
    ours: Value,
}

/// Reads cases, one a line.
pub(crate) fn cases(lines: &str) -> Result<Vec<Case>> {
    let read = |line: &str| -> Result<Case> {
        let line: Line = serde_json::from_str(line).with_context(|| format!("no case: {line}"))?;
        let (query, documents) = (line.query.to_string(), line.documents.to_string());
        Ok(Case { kind: line.kind, query, documents, ours: outcome(&line.ours) })
    };
    lines.lines().map(read).collect()
}

/// Reads what another implementation answered, one a line, in the order of the cases.
pub(crate) fn outcomes(lines: &str) -> Result<Vec<Outcome>> {
    let read = |line: &str| -> Result<Outcome> {
        Ok(outcome(&serde_json::from_str(line).with_context(|| format!("no outcome: {line}"))?))
    };
    lines.lines().map(read).collect()
}

fn outcome(value: &Value) -> Outcome {
    let part = |name: &str| value.get(name).map(|part| serde_json::json!({ name: part }).to_string());
    let text = part("fault").or_else(|| part("ok")).unwrap_or_else(|| "{}".to_owned());
    Outcome { text, value: value.get("ok").cloned() }
}

impl Outcome {
    /// Whether both are faults, or the same value: 1 is 1.0, and the order of fields does not count, because neither
    /// JavaScript nor Python tell.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (None, None) => true,
            (Some(one), Some(two)) => is_same(one, two),
            _ => false,
        }
    }
}

fn is_same(one: &Value, two: &Value) -> bool {
    match (one, two) {
        (Value::Number(one), Value::Number(two)) => one.as_f64() == two.as_f64(),
        (Value::Array(one), Value::Array(two)) => {
            one.len() == two.len() && one.iter().zip(two).all(|(one, two)| is_same(one, two))
        }
        (Value::Object(one), Value::Object(two)) => {
            one.len() == two.len()
                && one.iter().all(|(name, one)| two.get(name).is_some_and(|two| is_same(one, two)))
        }
        (one, two) => one == two,
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}\n    of {}\n    ours: {}", self.kind, self.query, self.documents, self.ours)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
