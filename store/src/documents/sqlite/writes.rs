//! Writes, one call after the other, in the writer of their project.
//!
//! Documents are looked for where they are changed, as long as that costs little: an index leads to them, or the
//! collection is small. A filter that makes it look at many would hold up every other write of the project. Then the
//! documents are found beside the writer, as they were at one moment, and the writer only asks the filter again about
//! each of them. What came to match in between is left alone, as if the write had come before it; only where none
//! matches any more, and it is not sure that no other one does, is it looked for again.

use std::sync::Arc;

use rusqlite::Connection;

use super::access::Access;
use super::catalog::Collection;
use super::change::{Change, Finished};
use super::functions::Watch;
use super::perform::{Stage, perform, still_matching};
use super::plan::Wish;
use super::question::{Chosen, Fresh, Task};
use super::select::{self, Columns, Look, Row, Wanted};
use super::{Limits, Sqlite};
use crate::catalog::ProjectId;
use crate::documents::language::{Caller, Object};
use crate::documents::{Failure, MAX_CHANGED, Result, Which, Written};
use crate::jobs::sqlite::Enqueuer;
use crate::realtime::Recorder;
use crate::sqlite::Durability;

/// The version of the last change of a collection.
pub(super) const CHANGED: &str = "SELECT changed FROM collections WHERE id = ?1";
/// Documents that are found beside the writer where one is wanted: some may match no more.
const SPARE: u64 = 16;

/// Documents that were found beside the writer.
#[derive(Clone)]
struct Candidates {
    places: Vec<i64>,
    /// The last change of the collection that they have seen.
    changed: i64,
}

/// What is to be done, and for whom.
struct Asked {
    task: Task,
    /// None is a function, for which there are no rules.
    caller: Option<Caller>,
}

impl Asked {
    /// What the rules of a collection come to, as they are now.
    fn access(&self, collection: &Collection) -> Option<Access> {
        self.caller.as_ref().map(|caller| collection.ruling.known(caller))
    }
}

impl Sqlite {
    /// Does it.
    pub(super) async fn perform(
        &self,
        project: ProjectId,
        name: &str,
        task: Task,
        caller: Option<&Caller>,
    ) -> Result<Written> {
        let asked = Arc::new(Asked { task, caller: caller.cloned() });
        let name: Arc<str> = name.into();
        let until = self.watch(0);
        let mut candidates = None;
        loop {
            match self.try_to(project, &name, &asked, candidates.take()).await {
                Err(Failure::Timeout | Failure::Conflict) if !until.is_over() => {
                    candidates = self.candidates(project, &name, &asked).await?;
                }
                Err(Failure::Conflict) => return Err(Failure::Timeout),
                done => return done,
            }
        }
    }

    async fn try_to(
        &self,
        project: ProjectId,
        name: &Arc<str>,
        asked: &Arc<Asked>,
        candidates: Option<Candidates>,
    ) -> Result<Written> {
        let (owned, asked, limits) = (name.clone(), asked.clone(), self.limits);
        let (catalog, remembers) = (self.catalog.clone(), self.catalog.clone());
        let (enqueuer, sender) = (self.enqueuer.clone(), self.enqueuer.clone());
        let (watch, hub) = (self.watch(limits.quick), self.hub.clone());
        let change = move |connection: &Connection, now| {
            let seen = catalog.seen(project, &owned);
            let recorder = hub.recorder(project);
            let (change, collection) = begin(connection, now, limits, &enqueuer, (seen, &owned), recorder)?;
            let look = Look { connection, queries: &catalog.queries, collection: &collection, watch: &watch };
            let access = asked.access(&collection);
            let mut writer = Writer { change, look, candidates };
            let written = perform(&mut writer, &asked.task, access.as_ref())?;
            Ok((written, writer.change.finish()?))
        };
        let committed = move |(_, done): &mut (_, Finished)| {
            remembers.saw(project, done.renewed.drain(..));
            done.told.iter_mut().for_each(|sent| sender.committed(project, sent));
            done.recorder.publish();
        };
        let written = self.files.write_existing(project, Durability::Now, change, committed).await?;
        written.map(|(written, ..)| written).ok_or_else(|| Failure::NoCollection(name.to_string()))
    }

    /// Finds the documents beside the writer.
    async fn candidates(
        &self,
        project: ProjectId,
        name: &Arc<str>,
        asked: &Arc<Asked>,
    ) -> Result<Option<Candidates>> {
        let (catalog, name, asked) = (self.catalog.clone(), name.clone(), asked.clone());
        let look = move |connection: &Connection, watch: &Watch| {
            let Some(chosen) = asked.task.chosen() else { return Ok(None) };
            let collection = catalog.collection(connection, project, &name)?;
            let ruled = match asked.access(&collection) {
                Some(access) => Some(access.chosen(chosen, asked.task.operation())?),
                None => None,
            };
            let chosen = ruled.as_ref().unwrap_or(chosen);
            let look = Look { connection, queries: &catalog.queries, collection: &collection, watch };
            let most = match chosen.which {
                Which::One => SPARE,
                Which::Many => MAX_CHANGED + 1,
            };
            let changed = look.changed()?;
            Ok(Some(Candidates { places: look.places(chosen, most)?, changed }))
        };
        Ok(self.aside(project, look).await?.flatten())
    }
}

/// Begins a change of the collection of that name, which was last seen like that.
fn begin<'c>(
    connection: &'c Connection,
    now: i64,
    limits: Limits,
    enqueuer: &'c Enqueuer,
    (seen, name): (Option<Arc<Collection>>, &str),
    recorder: Recorder,
) -> Result<(Change<'c>, Arc<Collection>)> {
    if let Some(seen) = seen
        && let Some(change) = Change::begin_in(connection, now, limits, enqueuer, &seen, recorder.again())?
    {
        return Ok((change, seen));
    }
    let collection = Collection::load(connection, name).map(Arc::new)?;
    Ok((Change::begin(connection, now, limits, enqueuer, recorder)?, collection))
}

impl Chosen {
    /// The places of the documents that are meant, at most that many.
    pub(super) fn wanted(&self, most: u64) -> Wanted<'static> {
        let wish = match self.which {
            Which::One if !self.order.is_empty() => Wish::Like(self.order.clone()),
            Which::One | Which::Many => Wish::Any,
        };
        Wanted { wish, limit: Some(most), columns: Columns::Marks, ..Wanted::all(self.filter.clone()) }
    }
}

impl Look<'_> {
    /// The places of documents that are meant.
    pub(super) fn places(&self, chosen: &Chosen, most: u64) -> Result<Vec<i64>> {
        let mut selected = self.select(&chosen.wanted(most))?;
        let (rows, _) = selected.rows()?;
        rows.places()
    }

    /// The version of the last change of the collection.
    pub(crate) fn changed(&self) -> Result<i64> {
        let mut changed = self.connection.prepare_cached(CHANGED)?;
        Ok(changed.query_row([self.collection.id], |row| row.get(0))?)
    }
}

/// A write in its savepoint.
struct Writer<'w> {
    change: Change<'w>,
    look: Look<'w>,
    candidates: Option<Candidates>,
}

impl Stage for Writer<'_> {
    fn now(&self) -> i64 {
        self.change.now
    }

    fn choose(&mut self, chosen: &Chosen, most: u64) -> Result<Vec<i64>> {
        let Some(Candidates { places, changed }) = self.candidates.take() else {
            return self.look.places(chosen, most);
        };
        let mut still = None;
        for place in &places {
            if self.document(chosen, *place)?.is_some() {
                still = Some(*place);
                break;
            }
        }
        match (still, chosen.which) {
            (Some(place), Which::One) => return Ok(vec![place]),
            (Some(_), Which::Many) => return Ok(places),
            (None, _) => {}
        }
        // Only if nobody has written since is it sure that there is none.
        match self.look.changed()? == changed {
            true => Ok(Vec::new()),
            false => Err(Failure::Conflict),
        }
    }

    fn document(&mut self, chosen: &Chosen, place: i64) -> Result<Option<(Row, Object)>> {
        let row = select::by_place(self.look.connection, self.look.collection.id, place)?;
        still_matching(chosen, row)
    }

    fn insert(&mut self, fresh: &Fresh) -> Result<()> {
        self.change.insert(self.look.collection, fresh)
    }

    fn replace(&mut self, old: &Row, was: &Object, fresh: &Fresh) -> Result<()> {
        self.change.replace(self.look.collection, old, was, fresh)
    }

    fn remove(&mut self, old: &Row) -> Result<()> {
        self.change.remove(self.look.collection, old)
    }
}
