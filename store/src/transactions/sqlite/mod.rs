//! Transactions in SQLite: a snapshot to read, and one change at the end.

mod keys;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::Connection;

use self::keys::Keys;
use super::{MAX_CALLS, MAX_HELD_BYTES, MAX_LIFE_MS, Transaction, Transactions};
use crate::StoreError;
use crate::catalog::ProjectId;
use crate::documents::sqlite::change::{Change, Finished};
use crate::documents::sqlite::overlay::{Overlay, View};
use crate::documents::sqlite::question::Question;
use crate::documents::sqlite::{Sqlite as Documents, Watch};
use crate::documents::{Failure, Found, Read, Result, Write, Written};
use crate::jobs::sqlite::{Enqueuer, Sent};
use crate::jobs::{Enqueued, NewJob};
use crate::project::Snapshot;
use crate::sqlite::Durability;
use crate::{jobs, kv};

/// What looking again may cost in the writer, in place of once: several questions are asked there.
const CHECKS: i64 = 20;

/// How much more a filter holds than its text.
const PARSED: usize = 4;

/// The driver.
pub(crate) struct Sqlite {
    documents: Arc<Documents>,
    enqueuer: Enqueuer,
    kv_limits: kv::sqlite::Limits,
}

/// A transaction that is open.
struct Open {
    documents: Arc<Documents>,
    enqueuer: Enqueuer,
    kv_limits: kv::sqlite::Limits,
    project: ProjectId,
    snapshot: Snapshot,
    /// Milliseconds since 1970.
    began_ms: i64,
    calls: usize,
    held: Holding,
}

/// What a transaction has seen and written so far.
struct Holding {
    /// None while it is away, and for ever if its caller did not wait.
    overlay: Option<Overlay>,
    keys: Keys,
    jobs: Vec<NewJob>,
    /// What the filters hold that are asked again at the end, bytes.
    asked: usize,
}

impl Sqlite {
    /// Over the documents, jobs and keys of the same files.
    pub(crate) fn new(documents: Arc<Documents>, enqueuer: Enqueuer, kv_limits: kv::sqlite::Limits) -> Self {
        Self { documents, enqueuer, kv_limits }
    }
}

#[async_trait]
impl Transactions for Sqlite {
    async fn begin(&self, project: ProjectId) -> Result<Box<dyn Transaction>> {
        let files = &self.documents.files;
        let began_ms = files.now();
        let snapshot = loop {
            match files.snapshot(project).await {
                Ok(Some(snapshot)) => break snapshot,
                // A project without data has a file from now on.
                Ok(None) => files.write(project, Durability::Later, |_, _| Ok(()), |()| {}).await?,
                Err(StoreError::Full { .. }) => return Err(Failure::Busy),
                Err(error) => return Err(error.into()),
            }
        };
        let held = Holding {
            overlay: Some(Overlay::new(project)),
            keys: Keys::default(),
            jobs: Vec::new(),
            asked: 0,
        };
        Ok(Box::new(Open {
            documents: self.documents.clone(),
            enqueuer: self.enqueuer.clone(),
            kv_limits: self.kv_limits,
            project,
            snapshot,
            began_ms,
            calls: 0,
            held,
        }))
    }
}

#[async_trait]
impl Transaction for Open {
    async fn read(&mut self, collection: &str, read: Read) -> Result<Found> {
        self.counts()?;
        self.held.asked += question_bytes(&read);
        let (question, name) = (Question::parse(read)?, collection.to_owned());
        self.look(move |overlay, view| overlay.read(view, &name, &question)).await
    }

    async fn write(&mut self, collection: &str, write: Write) -> Result<Written> {
        self.counts()?;
        self.held.asked += filter_bytes(&write);
        let (task, name) = (self.documents.parse(write).await?, collection.to_owned());
        self.look(move |overlay, view| overlay.write(view, &name, &task)).await
    }

    async fn keys(&mut self, namespace: &str, keys: &[String]) -> Result<Vec<Option<Bytes>>> {
        self.counts()?;
        let (held, now) = (&mut self.held.keys, self.began_ms);
        let read = |connection: &Connection| held.get(connection, now, namespace, keys);
        self.snapshot.read(read)?.ok_or(Failure::Expired)
    }

    async fn write_keys(&mut self, namespace: &str, writes: Vec<kv::Write>) -> Result<()> {
        self.counts()?;
        let find = |connection: &Connection| kv::sqlite::Moment::of(connection, 0, namespace).map(drop);
        self.snapshot.read(find)?.ok_or(Failure::Expired)?;
        self.held.keys.write(namespace, writes);
        Ok(())
    }

    async fn enqueue(&mut self, jobs: Vec<NewJob>) -> Result<()> {
        self.counts()?;
        self.held.jobs.extend(jobs);
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<Vec<Enqueued>> {
        self.refuse_expired()?;
        self.refuse_large()?;
        // Others may close or delete the file from here on, which a snapshot keeps them from.
        self.snapshot.end();
        let Self { documents, enqueuer, kv_limits, project, held, .. } = *self;
        if !held.has_writes() {
            // It was as if it had run when it began.
            return Ok(Vec::new());
        }
        let watch = documents.watch(documents.limits.quick.saturating_mul(CHECKS));
        let (driver, sender) = (documents.clone(), enqueuer.clone());
        let change = move |connection: &Connection, now| {
            let view = View { connection, catalog: &driver.catalog, watch: &watch, now };
            let recorder = driver.hub.recorder(project);
            let mut change = Change::begin(connection, now, driver.limits, &sender, recorder)?;
            held.keys.check(connection, now)?;
            held.overlay.as_ref().ok_or(Failure::Expired)?.commit(view, &mut change)?;
            held.keys.apply(connection, now, kv_limits)?;
            let sent = sender.enqueue(connection, now, &held.jobs)?;
            Ok((change.finish()?, sent))
        };
        let catalog = documents.catalog.clone();
        let committed = move |(done, sent): &mut (Finished, Sent)| {
            catalog.saw(project, done.renewed.drain(..));
            done.told.iter_mut().chain([sent]).for_each(|sent| enqueuer.committed(project, sent));
            done.recorder.publish();
        };
        let (_, sent) = documents.files.write(project, Durability::Now, change, committed).await?;
        Ok(sent.enqueued)
    }
}

impl Open {
    /// One more call. Fails when there are too many, when it took too long, or when too much is held.
    fn counts(&mut self) -> Result<()> {
        self.refuse_expired()?;
        self.calls += 1;
        if self.calls > MAX_CALLS {
            return Err(Failure::TooLarge { what: "the calls of a transaction", limit: MAX_CALLS as u64 });
        }
        self.refuse_large()
    }

    fn refuse_expired(&self) -> Result<()> {
        let age = self.documents.files.now().saturating_sub(self.began_ms);
        match age < MAX_LIFE_MS && self.held.overlay.is_some() {
            true => Ok(()),
            false => {
                self.snapshot.end();
                Err(Failure::Expired)
            }
        }
    }

    fn refuse_large(&self) -> Result<()> {
        if self.held.bytes() > MAX_HELD_BYTES {
            let what = "what a transaction writes and has seen, in bytes";
            return Err(Failure::TooLarge { what, limit: MAX_HELD_BYTES as u64 });
        }
        Ok(())
    }

    /// Looks at the documents of the snapshot: on the caller's thread, or aside where that takes long.
    async fn look<T: Send + 'static>(
        &mut self,
        look: impl Fn(&mut Overlay, View<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let now = self.documents.files.now();
        let mut overlay = self.held.overlay.take().ok_or(Failure::Expired)?;
        let on = move |driver: &Documents, overlay: &mut Overlay, connection: &Connection, watch: &Watch| {
            look(overlay, View { connection, catalog: &driver.catalog, watch, now })
        };
        let quick = self.documents.watch(self.documents.limits.quick);
        let answer = self
            .snapshot
            .read(|connection| {
                on(&self.documents, &mut overlay, connection, &quick).map_err(StoreError::from)
            })
            .map_err(Failure::from);
        let (overlay, answer) = match answer {
            Err(Failure::Timeout) => {
                let (driver, snapshot) = (self.documents.clone(), self.snapshot.clone());
                let look = move |watch: &Watch| {
                    let mut overlay = overlay;
                    let read = |connection: &Connection| {
                        on(&driver, &mut overlay, connection, watch).map_err(StoreError::from)
                    };
                    let answer = snapshot.read(read).map_err(Failure::from);
                    (overlay, answer)
                };
                self.documents.aside_of(self.project, look).await?
            }
            answer => (overlay, answer),
        };
        self.held.overlay = Some(overlay);
        answer?.ok_or(Failure::Expired)
    }
}

impl Holding {
    fn has_writes(&self) -> bool {
        let documents = self.overlay.as_ref().is_some_and(Overlay::has_writes);
        documents || self.keys.has_writes() || !self.jobs.is_empty()
    }

    fn bytes(&self) -> usize {
        let jobs: usize = self.jobs.iter().map(|job| job.payload.len() + jobs::MAX_KEY_BYTES).sum();
        self.overlay.as_ref().map_or(0, Overlay::held_bytes) + self.keys.bytes() + jobs + self.asked
    }
}

/// What remains of a question, as text: it holds a few times that when it is read.
fn question_bytes(read: &Read) -> usize {
    match read {
        Read::Get { .. } => 0,
        Read::Find(find) => find.filter.len() * PARSED,
        Read::Count { filter, .. } | Read::Distinct { filter, .. } => filter.len() * PARSED,
        Read::Aggregate { pipeline } => pipeline.len() * PARSED,
    }
}

/// What remains of a write beside what it has written.
fn filter_bytes(write: &Write) -> usize {
    match write {
        Write::Insert(_) => 0,
        Write::Update { target, .. } | Write::Replace { target, .. } | Write::Delete(target) => {
            target.filter.len() * PARSED
        }
        Write::FindAndModify(modify) => modify.filter.len() * PARSED,
    }
}

#[cfg(test)]
mod tests;
