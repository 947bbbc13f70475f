//! A write of a transaction: it finds documents among those of the snapshot and those that were written before.

use std::collections::HashMap;

use super::{Documents, Held, Own};
use crate::documents::language::Object;
use crate::documents::sqlite::perform::{Stage, still_matching};
use crate::documents::sqlite::plan::Wish;
use crate::documents::sqlite::question::{Chosen, Fresh};
use crate::documents::sqlite::select::{Columns, Look, Row, Wanted, by_place};
use crate::documents::{Failure, Result, Which};

/// A write that may still fail.
pub(super) struct Staged<'s> {
    own: &'s mut Own,
    look: Look<'s>,
    now: i64,
    next_place: &'s mut i64,
    /// Documents that were chosen and are known already, by place.
    known: HashMap<i64, Row>,
    /// What this write has written.
    fresh: Documents,
}

impl<'s> Staged<'s> {
    pub(super) fn new(own: &'s mut Own, look: Look<'s>, now: i64, next_place: &'s mut i64) -> Self {
        Self { own, look, now, next_place, known: HashMap::new(), fresh: Documents::new() }
    }

    /// It has succeeded.
    pub(super) fn keep(self) {
        self.own.written.extend(self.fresh);
    }

    fn held(&self, id: &str) -> Option<&Held> {
        self.fresh.get(id).or_else(|| self.own.written.get(id))
    }

    /// Keeps a document that was chosen; its place.
    fn knows(&mut self, row: Row) -> i64 {
        let place = row.seq;
        self.known.insert(place, row);
        place
    }

    fn new_place(&mut self) -> i64 {
        *self.next_place += 1;
        *self.next_place
    }

    /// Writes over a document that was found.
    fn write_over(&mut self, old: &Row, now: Option<Fresh>) {
        let held = match self.held(&old.id) {
            Some(held) => Held { now, ..held.clone() },
            None => {
                self.own.seen.document(&old.id, Some(old.version));
                Held { base: Some((old.seq, old.version)), place: old.seq, now }
            }
        };
        self.fresh.insert(old.id.clone(), held);
    }
}

impl Stage for Staged<'_> {
    fn now(&self) -> i64 {
        self.now
    }

    fn choose(&mut self, chosen: &Chosen, most: u64) -> Result<Vec<i64>> {
        if chosen.which == Which::One && !chosen.order.is_empty() {
            let wish = Wish::Like(chosen.order.clone());
            let wanted = Wanted { wish, limit: Some(1), ..Wanted::all(chosen.filter.clone()) };
            let first = self.own.merged(&self.look, &wanted, |next, _, _| next())?;
            return Ok(first.map(|row| self.knows(row)).into_iter().collect());
        }
        let own = self.own.matching(&self.look, &chosen.filter, &Wish::Any, None)?;
        let mut places: Vec<i64> = own.into_iter().map(|(_, row)| self.knows(row)).collect();
        let more = most.saturating_sub(places.len() as u64);
        if more > 0 {
            let without = self.own.ids();
            let (limit, columns) = (Some(more), Columns::Marks);
            let wanted = Wanted { limit, columns, without: &without, ..Wanted::all(chosen.filter.clone()) };
            places.extend(self.own.seen.places(&self.look, &wanted)?.0);
        }
        places.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(places)
    }

    fn document(&mut self, chosen: &Chosen, place: i64) -> Result<Option<(Row, Object)>> {
        let row = match self.known.remove(&place) {
            Some(row) => Some(row),
            None => by_place(self.look.connection, self.look.collection.id, place)?,
        };
        still_matching(chosen, row)
    }

    fn insert(&mut self, fresh: &Fresh) -> Result<()> {
        let id = fresh.id.clone();
        let base = match self.held(&id) {
            Some(held) if held.now.is_some() => return Err(taken(&id)),
            Some(held) => held.base,
            None => {
                let there = self.look.by_id(&id)?;
                self.own.seen.document(&id, there.as_ref().map(|row| row.version));
                if there.is_some() {
                    return Err(taken(&id));
                }
                None
            }
        };
        let place = self.new_place();
        self.fresh.insert(id, Held { base, place, now: Some(fresh.text()) });
        Ok(())
    }

    fn replace(&mut self, old: &Row, _was: &Object, fresh: &Fresh) -> Result<()> {
        self.write_over(old, Some(fresh.text()));
        Ok(())
    }

    fn remove(&mut self, old: &Row) -> Result<()> {
        self.write_over(old, None);
        Ok(())
    }
}

fn taken(id: &str) -> Failure {
    let key = serde_json::json!({ "_id": id }).to_string();
    Failure::Duplicate { index: "_id".to_owned(), key }
}
