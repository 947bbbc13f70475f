//! The table of known differences, as the documentation has it.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::outcome::{Case, Outcome};

/// The line above the table.
const HEADING: &str = "| difference | with | kind | when | who is right, and why |";

/// A known difference.
#[derive(Debug)]
pub(crate) struct Triage {
    /// What it is called.
    pub(crate) name: String,
    /// The implementation that differs.
    with: String,
    /// The kind of case.
    kind: String,
    /// What has to be so of a case.
    when: Vec<Condition>,
}

/// A part of a case, and whether a text is in it.
#[derive(Debug)]
struct Condition {
    part: Part,
    is_there: bool,
    text: String,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Query,
    Documents,
    Ours,
    Theirs,
}

/// Reads the rows of the table; a row may stand for several implementations and kinds.
pub(crate) fn read(page: &Path) -> Result<Vec<Triage>> {
    let text = std::fs::read_to_string(page).with_context(|| format!("cannot read {}", page.display()))?;
    let rows =
        text.lines().skip_while(|line| *line != HEADING).skip(2).take_while(|line| line.starts_with('|'));
    let mut table = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [name, with, kinds, when, why] = cells.as_slice() else {
            bail!("a row of the table has five cells: {row}");
        };
        if why.is_empty() {
            bail!("a row of the table says who is right: {row}");
        }
        let when = when.split("; ").map(condition).collect::<Result<Vec<_>>>()?;
        for (with, kind) in with.split(", ").flat_map(|with| kinds.split(", ").map(move |kind| (with, kind)))
        {
            let when = when.iter().map(Condition::again).collect();
            table.push(Triage {
                name: (*name).to_owned(),
                with: with.to_owned(),
                kind: kind.to_owned(),
                when,
            });
        }
    }
    match table.is_empty() {
        true => bail!("{} has no table of differences", page.display()),
        false => Ok(table),
    }
}

/// ``query `$mod` `` or ``documents without `:[` ``.
fn condition(words: &str) -> Result<Condition> {
    let condition = || {
        let (before, rest) = words.trim().split_once('`')?;
        let text = rest.strip_suffix('`')?.to_owned();
        let (part, is_there) = match before.trim_end().strip_suffix(" without") {
            Some(part) => (part, false),
            None => (before.trim_end(), true),
        };
        let part = match part {
            "query" => Part::Query,
            "documents" => Part::Documents,
            "ours" => Part::Ours,
            "theirs" => Part::Theirs,
            _ => return None,
        };
        Some(Condition { part, is_there, text })
    };
    condition().with_context(|| format!("no condition of a difference: {words}"))
}

impl Triage {
    /// Whether it is this difference.
    pub(crate) fn explains(&self, with: &str, case: &Case, theirs: &Outcome) -> bool {
        self.with == with && self.kind == case.kind && self.when.iter().all(|when| when.holds(case, theirs))
    }
}

impl Condition {
    fn holds(&self, case: &Case, theirs: &Outcome) -> bool {
        let part = match self.part {
            Part::Query => &case.query,
            Part::Documents => &case.documents,
            Part::Ours => &case.ours.text,
            Part::Theirs => &theirs.text,
        };
        part.contains(&self.text) == self.is_there
    }

    fn again(&self) -> Self {
        Self { part: self.part, is_there: self.is_there, text: self.text.clone() }
    }
}
