//! Documents in SQLite: in the file of their project, each collection and each index in a table of its own.
//!
//! Who asks for one document has it at once, on its own thread. What may have to look at many is given little to spend
//! there; if that is not enough it begins anew on a thread where it holds up nobody. Writes are the same to the one
//! writer of the project: what is not found with little is looked for beside it, and then only looked at again.

mod access;
mod asides;
mod catalog;
pub(crate) mod change;
mod cursor;
mod declare;
mod explain;
mod functions;
mod look;
pub(crate) mod overlay;
mod perform;
mod plan;
pub(crate) mod question;
mod schema;
mod select;
mod sight;
mod writes;

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use self::access::Ruling;
pub(crate) use self::catalog::{Catalog, Collection};
pub(crate) use self::functions::Watch;
use self::question::{Question, Task, may_be_id};
pub(crate) use self::schema::{RULES, TABLES};
use self::select::Look;
pub(crate) use self::sight::{Passed, Seen, Sight};
use super::language::Fault;
use super::{
    Call, Caller, Change, CollectionInfo, CollectionSpec, Documents, Explained, Failure, Found, MAX_LOOK_MS,
    MAX_PROJECT_BYTES, Read, Result, Rules, Write, Written,
};
use crate::StoreError;
use crate::catalog::ProjectId;
use crate::jobs::sqlite::Enqueuer;
use crate::project::{Asides, ProjectFiles};
use crate::realtime::Hub;
use crate::sqlite::{Durability, stored};

/// What a look may cost on its caller's thread: half a millisecond or so.
const QUICK_COST: i64 = 150_000;
/// What is told of a change waits for more until it holds that many bytes.
const TOLD_BYTES: usize = 1 << 20;
/// Text that is parsed on its caller's thread, bytes.
const QUICK_BYTES: usize = 128 << 10;
/// Longer texts that are parsed at once, over all projects.
const PARSED_AT_ONCE: usize = 4;

/// Bounds of the driver that tests make smaller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// What the documents of a project hold together, bytes.
    pub(crate) bytes: i64,
    /// What a look may cost on its caller's thread, or the writer's.
    pub(crate) quick: i64,
    /// What is told of a change is enqueued when it holds that many bytes.
    pub(crate) told: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: stored(MAX_PROJECT_BYTES), quick: QUICK_COST, told: TOLD_BYTES }
    }
}

/// The driver over the files of projects, whose account the catalog keeps.
pub(crate) struct Sqlite {
    pub(crate) files: Arc<ProjectFiles>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) limits: Limits,
    /// For jobs that tell of changes.
    enqueuer: Enqueuer,
    /// Who watches changes.
    pub(crate) hub: Arc<Hub>,
    asides: Asides,
    /// Long texts that are parsed at once: what they say takes many times their bytes meanwhile.
    pub(crate) parsing: Arc<Semaphore>,
}

#[async_trait]
impl Documents for Sqlite {
    async fn declare(&self, project: ProjectId, collections: &[CollectionSpec]) -> Result<()> {
        declare::check(collections)?;
        if collections.is_empty() {
            return Ok(());
        }
        let (specs, limits, catalog) = (collections.to_vec(), self.limits, self.catalog.clone());
        let enqueuer = self.enqueuer.clone();
        let declare = move |connection: &Connection, now| {
            Ok(declare::declare(connection, now, limits, &enqueuer, &specs)?)
        };
        let hub = self.hub.clone();
        let declared = move |made: &mut Vec<_>| {
            hub.renewed(project, made);
            catalog.saw(project, made.drain(..));
        };
        self.files.write(project, Durability::Now, declare, declared).await?;
        Ok(())
    }

    async fn collections(&self, project: ProjectId) -> Result<Vec<CollectionInfo>> {
        // A start asks every project: a file that is closed stays closed.
        if let Some(all) = self.files.look(project, |connection, _| Ok(catalog::infos(connection)?)).await {
            return Ok(all);
        }
        let all = self.files.read(project, |connection, _| Ok(catalog::infos(connection)?)).await?;
        Ok(all.unwrap_or_default())
    }

    async fn read(&self, project: ProjectId, collection: &str, read: Read) -> Result<Found> {
        match Question::parse(read)? {
            Question::Get { id, only: None, shown } => {
                let row = self.get(project, collection, &id).await?;
                Ok(Found::Document(look::document(row.as_ref(), &shown)?))
            }
            question => self.answer(project, collection, question, None).await,
        }
    }

    async fn write(&self, project: ProjectId, collection: &str, write: Write) -> Result<Written> {
        let task = self.parse(write).await?;
        self.perform(project, collection, task, None).await
    }

    async fn read_as(
        &self,
        project: ProjectId,
        caller: &Caller,
        collection: &str,
        read: Read,
    ) -> Result<Found> {
        let question = Question::parse(read)?;
        self.answer(project, collection, question, Some(caller)).await.map_err(untold)
    }

    async fn write_as(
        &self,
        project: ProjectId,
        caller: &Caller,
        collection: &str,
        write: Write,
    ) -> Result<Written> {
        let task = self.parse(write).await?;
        self.perform(project, collection, task, Some(caller)).await.map_err(untold)
    }

    async fn explain(
        &self,
        project: ProjectId,
        caller: &Caller,
        collection: &str,
        call: Call,
    ) -> Result<Explained> {
        self.explained(project, caller, collection, call).await
    }
}

impl Sqlite {
    pub(crate) fn new(
        files: Arc<ProjectFiles>,
        catalog: Arc<Catalog>,
        enqueuer: Enqueuer,
        hub: Arc<Hub>,
        limits: Limits,
    ) -> Self {
        let parsing = Arc::new(Semaphore::new(PARSED_AT_ONCE));
        Self { files, catalog, limits, enqueuer, hub, asides: Asides::new(asides::AT_ONCE), parsing }
    }

    /// Reads what is asked: on the caller's thread, or aside where that takes long.
    pub(crate) async fn parse(&self, write: Write) -> Result<Task> {
        let now = self.files.now();
        if bytes_of(&write) <= QUICK_BYTES {
            return Task::parse(write, now);
        }
        let place = self.parsing.clone().acquire_owned().await.map_err(StoreError::driver)?;
        let parse = move || {
            // A caller that goes away leaves it running: the place is taken until its end.
            let _place = place;
            Task::parse(write, now)
        };
        tokio::task::spawn_blocking(parse).await.map_err(StoreError::driver)?
    }

    async fn get(&self, project: ProjectId, name: &str, id: &str) -> Result<Option<select::Row>> {
        let no_collection = || Failure::NoCollection(name.to_owned());
        let read = |connection: &Connection, _| {
            // Known once the file is open.
            let collection = self.catalog.id(project, name).ok_or_else(no_collection)?;
            match may_be_id(id) {
                true => Ok(select::by_id(connection, collection, id)?),
                false => Ok(None),
            }
        };
        self.files.read(project, read).await?.ok_or_else(no_collection)
    }

    /// Answers on the caller's thread, or aside where that takes long.
    async fn answer(
        &self,
        project: ProjectId,
        name: &str,
        question: Question,
        caller: Option<&Caller>,
    ) -> Result<Found> {
        let asked = Asked { project, name: name.to_owned(), question, caller: caller.cloned() };
        let quick = self.watch(self.limits.quick);
        let look = |connection: &Connection, _| Ok(asked.answer(&self.catalog, connection, &quick)?);
        let found = match self.files.read(project, look).await.map_err(Failure::from) {
            Err(Failure::Timeout) => {
                let catalog = self.catalog.clone();
                let look =
                    move |connection: &Connection, watch: &Watch| asked.answer(&catalog, connection, watch);
                self.aside(project, look).await?
            }
            found => found?,
        };
        found.ok_or_else(|| Failure::NoCollection(name.to_owned()))
    }

    /// What costs no more than that, and is over in time.
    pub(crate) fn watch(&self, units: i64) -> Watch {
        let clock = self.files.clock();
        let until = clock().saturating_add(MAX_LOOK_MS);
        Watch::new(units, clock, until)
    }
}

/// A question, and for whom.
struct Asked {
    project: ProjectId,
    name: String,
    question: Question,
    /// None is a function, for which there are no rules.
    caller: Option<Caller>,
}

impl Asked {
    fn answer(&self, catalog: &Catalog, connection: &Connection, watch: &Watch) -> Result<Found> {
        let collection = catalog.collection(connection, self.project, &self.name)?;
        let look = Look { connection, queries: &catalog.queries, collection: &collection, watch };
        match &self.caller {
            Some(caller) => {
                let question = collection.ruling.known(caller).question(&self.question)?;
                look.answer(self.project, &question)
            }
            None => look.answer(self.project, &self.question),
        }
    }
}

/// Fails where rules cannot be understood.
pub(super) fn check_rules(rules: &Rules) -> std::result::Result<(), Fault> {
    Ruling::read(rules).map(|_| ())
}

/// Whether there is a collection is not for callers from outside.
fn untold(failure: Failure) -> Failure {
    match failure {
        Failure::NoCollection(_) => Failure::Forbidden,
        other => other,
    }
}

/// How much text there is to be parsed.
fn bytes_of(write: &Write) -> usize {
    match write {
        Write::Insert(documents) => documents.iter().map(String::len).sum(),
        Write::Replace { document, .. } => document.len(),
        Write::FindAndModify(modify) => match &modify.change {
            Change::Replace(document) => document.len(),
            Change::Update(_) | Change::Delete => 0,
        },
        // Filters and updates are short, or refused.
        Write::Update { .. } | Write::Delete(_) => 0,
    }
}

#[cfg(test)]
mod tests;
