//! What a transaction has seen, and whether it is still so at the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::OptionalExtension as _;
use sha2::{Digest as _, Sha256};

use super::{Held, Overlay, Own, View};
use crate::documents::language::Filter;
use crate::documents::sqlite::change::Change;
use crate::documents::sqlite::cursor::Position;
use crate::documents::sqlite::look::object;
use crate::documents::sqlite::plan::{Order, Wish};
use crate::documents::sqlite::select::{Columns, Look, Row, Wanted, by_place};
use crate::documents::{Failure, Result};

/// What an `_id` that is remembered is counted beside its bytes.
const SEEN_BYTES: usize = 64;
/// What a question is counted: its filter is 64 KiB at most, and usually a few bytes.
const ASKED_BYTES: usize = 1 << 10;

/// What was seen of a collection.
#[derive(Default)]
pub(super) struct Seen {
    /// Documents that were asked for by `_id`, and the version that was there.
    documents: BTreeMap<String, Option<i64>>,
    asked: Vec<Asked>,
}

/// A question that was asked, and what was found.
pub(super) struct Asked {
    filter: Arc<Filter>,
    order: Order,
    after: Option<Position>,
    without: Vec<String>,
    /// How many documents were found.
    taken: u64,
    /// Whether that were all.
    has_ended: bool,
    found: Sha256,
    /// What is remembered of it.
    bytes: usize,
}

impl Seen {
    /// What is remembered, bytes.
    pub(super) fn bytes(&self) -> usize {
        let ids: usize = self.documents.keys().map(|id| SEEN_BYTES + id.len()).sum();
        ids + self.asked.iter().map(|asked| asked.bytes).sum::<usize>()
    }

    /// A document, or none, was found under an `_id`. What was seen first is what counts: a snapshot stays the same.
    pub(super) fn document(&mut self, id: &str, version: Option<i64>) {
        self.documents.entry(id.to_owned()).or_insert(version);
    }

    pub(super) fn asked(&mut self, asked: Asked) {
        self.asked.push(asked);
    }

    /// The places of what is wanted, and the order that they have.
    pub(super) fn places(&mut self, look: &Look<'_>, wanted: &Wanted<'_>) -> Result<(Vec<i64>, Order)> {
        let mut selected = look.select(wanted)?;
        let order = selected.plan.order.clone();
        let mut asked = Asked::new(wanted, &order);
        let (mut rows, _) = selected.rows()?;
        let mut places = Vec::new();
        loop {
            let row = rows.next()?;
            asked.takes(row.as_ref(), wanted.limit);
            match row {
                Some(row) => places.push(row.seq),
                None => break,
            }
        }
        self.asked(asked);
        Ok((places, order))
    }
}

impl Asked {
    pub(super) fn new(wanted: &Wanted<'_>, order: &Order) -> Self {
        let ids: usize = wanted.without.iter().map(|id| SEEN_BYTES + id.len()).sum();
        let after = wanted.after.as_ref().map_or(0, Position::bytes);
        Self {
            bytes: ASKED_BYTES + ids + after,
            filter: wanted.filter.clone(),
            order: order.clone(),
            after: wanted.after.clone(),
            without: wanted.without.to_vec(),
            taken: 0,
            has_ended: false,
            found: Sha256::new(),
        }
    }

    /// A document was found, or no more; there is an end only before the limit.
    pub(super) fn takes(&mut self, row: Option<&Row>, limit: Option<u64>) {
        match row {
            Some(row) => {
                self.taken += 1;
                self.found.update(row.seq.to_be_bytes());
                self.found.update(row.version.to_be_bytes());
            }
            None => self.has_ended = limit.is_none_or(|limit| self.taken < limit),
        }
    }

    /// Whether the same is found again.
    fn is_so(&self, look: &Look<'_>) -> Result<bool> {
        let wanted = Wanted {
            filter: self.filter.clone(),
            wish: Wish::Exactly(self.order.clone()),
            after: self.after.clone(),
            skip: 0,
            limit: Some(self.taken + u64::from(self.has_ended)),
            without: &self.without,
            columns: Columns::Marks,
        };
        let mut selected = look.select(&wanted)?;
        let (mut rows, _) = selected.rows()?;
        let mut again = Self::new(&wanted, &self.order);
        while let Some(row) = rows.next()? {
            again.takes(Some(&row), None);
        }
        Ok(again.taken == self.taken && again.found.finalize() == self.found.clone().finalize())
    }
}

impl Overlay {
    /// Does what was written, if all that was seen is still so. `Conflict` otherwise.
    pub(crate) fn commit(&self, view: View<'_>, change: &mut Change<'_>) -> Result<()> {
        for (name, own) in &self.collections {
            let collection = view.catalog.collection(view.connection, self.project, name)?;
            own.check(&view.look(&collection)).map_err(|failure| match failure {
                // Whether it is the same takes too long to say: it may not be.
                Failure::Timeout => Failure::Conflict,
                other => other,
            })?;
        }
        // First what makes room for others where something is unique.
        for (name, own) in self.collections.iter().filter(|(_, own)| !own.written.is_empty()) {
            let collection = view.catalog.collection(view.connection, self.project, name)?;
            let look = view.look(&collection);
            for step in [Step::Remove, Step::Replace, Step::Insert] {
                own.apply(&look, change, step)?;
            }
        }
        Ok(())
    }
}

/// What is done together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Remove,
    Replace,
    Insert,
}

impl Own {
    fn check(&self, look: &Look<'_>) -> Result<()> {
        if look.changed()? == self.changed {
            return Ok(());
        }
        let sql = format!("SELECT version FROM c{} WHERE id = ?1", look.collection.id);
        let mut version = look.connection.prepare_cached(&sql)?;
        for (id, seen) in &self.seen.documents {
            let there: Option<i64> = version.query_row([id], |row| row.get(0)).optional()?;
            if there != *seen {
                return Err(Failure::Conflict);
            }
        }
        for asked in &self.seen.asked {
            if !asked.is_so(look)? {
                return Err(Failure::Conflict);
            }
        }
        Ok(())
    }

    fn apply(&self, look: &Look<'_>, change: &mut Change<'_>, step: Step) -> Result<()> {
        let stored = |held: &Held| match held.base {
            Some((place, version)) => {
                let row = by_place(look.connection, look.collection.id, place)?;
                row.filter(|row| row.version == version).map(Some).ok_or(Failure::Conflict)
            }
            None => Ok(None),
        };
        // In the order in which they were put in.
        let mut written: Vec<&Held> = self.written.values().collect();
        written.sort_by_key(|held| held.place);
        for held in written {
            match (step, held.base.is_some(), &held.now) {
                (Step::Remove, true, None) => {
                    if let Some(old) = stored(held)? {
                        change.remove(look.collection, &old)?;
                    }
                }
                (Step::Replace, true, Some(fresh)) => {
                    if let Some(old) = stored(held)? {
                        change.replace(look.collection, &old, &object(&old.body)?, fresh)?;
                    }
                }
                (Step::Insert, false, Some(fresh)) => change.insert(look.collection, fresh)?,
                _ => {}
            }
        }
        Ok(())
    }
}
