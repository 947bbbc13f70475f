//! Documents as a transaction sees them: those of its snapshot, with its own writes over them.
//!
//! What it has written is left out of what statements find and put in again where it belongs. What it has read is
//! remembered, so that it can be looked at again at the end.

mod check;
mod merge;
mod stage;

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::Connection;

use self::check::Seen;
use super::catalog::{Catalog, Collection};
use super::functions::Watch;
use super::look::{Paging, aggregate, distinct, document};
use super::perform::perform;
use super::plan::Wish;
use super::question::{Find, Fresh, Question, Task, may_be_id};
use super::select::{Columns, Look, Row, Wanted};
use crate::catalog::ProjectId;
use crate::documents::language::Filter;
use crate::documents::{Found, Page, Result, Written};

/// What a held document is counted beside its bytes.
const HELD_BYTES: usize = 256;
/// Places of documents that are not stored yet begin here: they come behind all others.
const FIRST_PLACE: i64 = 1 << 62;

/// The documents of a transaction.
pub(crate) struct Overlay {
    project: ProjectId,
    collections: BTreeMap<String, Own>,
    next_place: i64,
}

/// Where a transaction looks.
#[derive(Clone, Copy)]
pub(crate) struct View<'v> {
    pub(crate) connection: &'v Connection,
    pub(crate) catalog: &'v Catalog,
    pub(crate) watch: &'v Watch,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
}

/// What a transaction has to do with one collection.
pub(super) struct Own {
    /// As the snapshot has it.
    collection: Arc<Collection>,
    /// The last change of it that the snapshot has seen.
    changed: i64,
    written: Documents,
    seen: Seen,
}

/// Documents that were written, by `_id`.
type Documents = BTreeMap<String, Held>;

/// A document that was written.
#[derive(Clone)]
struct Held {
    /// The stored one that it takes the place of: where, and which version.
    base: Option<(i64, i64)>,
    /// Where it comes among others.
    place: i64,
    /// As text. None: it was removed.
    now: Option<Fresh>,
}

impl Overlay {
    /// Nothing yet.
    pub(crate) fn new(project: ProjectId) -> Self {
        Self { project, collections: BTreeMap::new(), next_place: FIRST_PLACE }
    }

    /// What is held of documents that were written, and of what was seen; bytes.
    pub(crate) fn held_bytes(&self) -> usize {
        let written = self.collections.values().flat_map(|own| &own.written);
        let text = |fresh: &Fresh| fresh.id.len() + fresh.body.len();
        let bytes = |id: &String, held: &Held| HELD_BYTES + id.len() + held.now.as_ref().map_or(0, text);
        let written: usize = written.map(|(id, held)| bytes(id, held)).sum();
        written + self.collections.values().map(|own| own.seen.bytes()).sum::<usize>()
    }

    /// Whether anything was written.
    pub(crate) fn has_writes(&self) -> bool {
        self.collections.values().any(|own| !own.written.is_empty())
    }

    /// Answers a question.
    pub(crate) fn read(&mut self, view: View<'_>, name: &str, question: &Question) -> Result<Found> {
        let project = self.project;
        let own = self.own(view, name)?;
        let collection = own.collection.clone();
        let look = view.look(&collection);
        match question {
            // A transaction belongs to a function: rules are not for it.
            Question::Get { id, only: _, shown } => {
                let row = own.get(&look, id)?;
                Ok(Found::Document(document(row.as_ref(), shown)?))
            }
            Question::Find(find) => own.find(&look, project, find).map(Found::Page),
            Question::Count { filter, limit } => own.count(&look, filter, *limit).map(Found::Count),
            Question::Distinct { field, filter } => {
                let all = Wanted::all(filter.clone());
                let values = own.merged(&look, &all, |next, query, _| distinct(next, query, field))?;
                Ok(Found::Values(values))
            }
            Question::Aggregate { pipeline, filter } => {
                let all = Wanted::all(filter.clone());
                let values =
                    own.merged(&look, &all, |next, query, _| aggregate(next, query, pipeline.clone()))?;
                Ok(Found::Values(values))
            }
        }
    }

    /// Writes, for the time being here. What fails has written nothing.
    pub(crate) fn write(&mut self, view: View<'_>, name: &str, task: &Task) -> Result<Written> {
        let mut next_place = self.next_place;
        let own = self.own(view, name)?;
        let collection = own.collection.clone();
        let mut stage = stage::Staged::new(own, view.look(&collection), view.now, &mut next_place);
        let written = perform(&mut stage, task, None)?;
        stage.keep();
        self.next_place = next_place;
        Ok(written)
    }

    /// The collection, as the snapshot has it.
    fn own(&mut self, view: View<'_>, name: &str) -> Result<&mut Own> {
        if !self.collections.contains_key(name) {
            let collection = view.catalog.collection(view.connection, self.project, name)?;
            let changed = view.look(&collection).changed()?;
            let own = Own { collection, changed, written: Documents::new(), seen: Seen::default() };
            self.collections.insert(name.to_owned(), own);
        }
        let missing = || crate::documents::Failure::NoCollection(name.to_owned());
        self.collections.get_mut(name).ok_or_else(missing)
    }
}

impl<'v> View<'v> {
    fn look(self, collection: &'v Collection) -> Look<'v> {
        Look { connection: self.connection, queries: &self.catalog.queries, collection, watch: self.watch }
    }
}

impl Own {
    fn get(&mut self, look: &Look<'_>, id: &str) -> Result<Option<Row>> {
        if let Some(held) = self.written.get(id) {
            return Ok(held.row(id));
        }
        let row = if may_be_id(id) { look.by_id(id)? } else { None };
        self.seen.document(id, row.as_ref().map(|row| row.version));
        Ok(row)
    }

    fn find(&mut self, look: &Look<'_>, project: ProjectId, find: &Find) -> Result<Page> {
        let asked = find.asked(project, look.collection.id);
        let wanted = find.wanted(asked)?;
        self.merged(look, &wanted, |next, query, selected| {
            let order = selected.plan.order.clone();
            let paging =
                Paging { find, asked, order, sort: selected.sort.clone(), walked: selected.plan.walked() };
            paging.page(next, query)
        })
    }

    fn count(&mut self, look: &Look<'_>, filter: &Arc<Filter>, limit: Option<u64>) -> Result<u64> {
        let without = self.ids();
        let wanted =
            Wanted { limit, columns: Columns::Marks, without: &without, ..Wanted::all(filter.clone()) };
        let (places, _) = self.seen.places(look, &wanted)?;
        let own = self.matching(look, filter, &Wish::Any, None)?;
        Ok((places.len() as u64 + own.len() as u64).min(limit.unwrap_or(u64::MAX)))
    }

    /// The `_id`s of what was written: what is stored under them is not seen.
    fn ids(&self) -> Vec<String> {
        self.written.keys().cloned().collect()
    }
}

impl Held {
    fn row(&self, id: &str) -> Option<Row> {
        let fresh = self.now.as_ref()?;
        Some(Row { seq: self.place, id: id.to_owned(), body: fresh.body.clone(), ..Row::default() })
    }
}
