//! Subscriptions in the file of their project, and the jobs that a change makes of them.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::Connection;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::{Events, Result, Subscription};
use crate::StoreError;
use crate::catalog::{DataChange, DataSource, Digest, FunctionId, ProjectId};
use crate::jobs::{Lane, MAX_KEY_BYTES, MAX_PAYLOAD_BYTES, NewJob, Trigger};
use crate::project::ProjectFiles;
use crate::sqlite::{Durability, Json};

/// The tables, as they were released first: never changed.
pub(crate) const TABLES: &str = "
    -- source and change are JSON.
    CREATE TABLE subscriptions (
        source   TEXT NOT NULL,
        change   TEXT NOT NULL,
        function BLOB NOT NULL,
        PRIMARY KEY (source, change, function)
    ) STRICT, WITHOUT ROWID;
";

/// Who is told of changes of some data.
const LISTENERS: &str = "SELECT change, function FROM subscriptions WHERE source = ?1";
/// All of a project.
const SUBSCRIPTIONS: &str = "SELECT source, change, function FROM subscriptions";
/// What a job is counted beside its payload and its subject.
const JOB_BYTES: usize = 512;
/// Media type of what functions are told.
const JSON: &str = "application/json";

/// The driver over the files of projects.
pub(crate) fn open(files: Arc<ProjectFiles>) -> Arc<dyn Events> {
    Arc::new(Sqlite { files })
}

struct Sqlite {
    files: Arc<ProjectFiles>,
}

#[async_trait]
impl Events for Sqlite {
    async fn subscribe(&self, project: ProjectId, subscriptions: &[Subscription]) -> Result<()> {
        let wanted = subscriptions.to_vec();
        let subscribe = move |connection: &Connection, _| {
            connection.execute("DELETE FROM subscriptions", [])?;
            let mut add = connection.prepare_cached(
                "INSERT OR IGNORE INTO subscriptions (source, change, function) VALUES (?1, ?2, ?3)",
            )?;
            for Subscription { source, change, function } in &wanted {
                add.execute((Json(source), Json(change), function))?;
            }
            Ok(())
        };
        // Where there is no file nobody was subscribed.
        match subscriptions.is_empty() {
            true => self.files.write_existing(project, Durability::Now, subscribe, |()| ()).await.map(drop),
            false => self.files.write(project, Durability::Now, subscribe, |()| ()).await,
        }
    }

    async fn subscriptions(&self, project: ProjectId) -> Result<Vec<Subscription>> {
        // A start asks every project: a file that is closed stays closed.
        if let Some(all) = self.files.look(project, |connection, _| subscriptions(connection)).await {
            return Ok(all);
        }
        let all = self.files.read(project, |connection, _| subscriptions(connection)).await?;
        Ok(all.unwrap_or_default())
    }
}

fn subscriptions(connection: &Connection) -> Result<Vec<Subscription>> {
    let mut select = connection.prepare_cached(SUBSCRIPTIONS)?;
    let all = select.query_map([], |row| {
        let (Json(source), Json(change)) = (row.get(0)?, row.get(1)?);
        Ok(Subscription { source, change, function: row.get(2)? })
    })?;
    let mut all = all.collect::<rusqlite::Result<Vec<_>>>()?;
    all.sort_unstable();
    Ok(all)
}

/// Those who are told of changes of some data, and the jobs by which they are: for one change of the file, which has to
/// enqueue them.
pub(crate) struct Listeners {
    source: DataSource,
    functions: Vec<(DataChange, FunctionId)>,
    jobs: Vec<NewJob>,
    /// What the jobs hold, bytes.
    held: usize,
}

impl Listeners {
    /// Of data that nobody listens to.
    pub(crate) fn nobody(source: DataSource) -> Self {
        Self { source, functions: Vec::new(), jobs: Vec::new(), held: 0 }
    }

    /// As they are subscribed now.
    pub(crate) fn of(connection: &Connection, source: DataSource) -> Result<Self> {
        let mut select = connection.prepare_cached(LISTENERS)?;
        let functions = select.query_map([Json(&source)], |row| {
            let Json(change) = row.get(0)?;
            Ok((change, row.get(1)?))
        })?;
        let functions = functions.collect::<rusqlite::Result<_>>()?;
        Ok(Self { functions, ..Self::nobody(source) })
    }

    /// Tells of a change of the document or the object of that `_id` or key. `details` are told beside them, as far as
    /// a job has room; otherwise the function has to look for itself.
    pub(crate) fn tell<T: Serialize>(
        &mut self,
        change: DataChange,
        subject: &str,
        details: impl FnOnce() -> Option<T>,
    ) -> Result<()> {
        let mut told = self.functions.iter().filter(|(wanted, _)| *wanted == change).peekable();
        if told.peek().is_none() {
            return Ok(());
        }
        let source = &self.source;
        let details = details();
        let mut payload = json(&Told { source, change, subject, details: details.as_ref() })?;
        if payload.len() > MAX_PAYLOAD_BYTES {
            payload = json(&Told::<T> { source, change, subject, details: None })?;
        }
        self.held += JOB_BYTES + subject.len() + payload.len();
        let payload = bytes::Bytes::from(payload);
        for (_, function) in told {
            let trigger = Trigger::Event { source: source.clone(), change, subject: subject.to_owned() };
            self.jobs.push(NewJob {
                payload: payload.clone(),
                content_type: JSON.to_owned(),
                order_key: Some(order_key(source, subject)),
                ..NewJob::new(Lane::Event(*function), trigger)
            });
        }
        Ok(())
    }

    /// What the jobs hold that are to be enqueued, bytes.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held
    }

    /// What is to be enqueued.
    pub(crate) fn take_jobs(&mut self) -> Vec<NewJob> {
        self.held = 0;
        std::mem::take(&mut self.jobs)
    }
}

/// What a function is told: `{"collection": …, "change": …, "id": …, "document": …}`, or `{"bucket": …, "change": …,
/// "key": …, "object": …}`.
struct Told<'a, T> {
    source: &'a DataSource,
    change: DataChange,
    subject: &'a str,
    details: Option<&'a T>,
}

impl<T: Serialize> Serialize for Told<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let (subject, details) = match self.source {
            DataSource::Collection(_) => ("id", "document"),
            DataSource::Bucket(_) => ("key", "object"),
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.source.kind(), self.source.name())?;
        map.serialize_entry("change", &self.change)?;
        map.serialize_entry(subject, self.subject)?;
        if let Some(value) = self.details {
            map.serialize_entry(details, value)?;
        }
        map.end()
    }
}

fn json<T: Serialize>(told: &Told<'_, T>) -> Result<Vec<u8>> {
    serde_json::to_vec(told).map_err(StoreError::driver)
}

/// Changes of one document or object are told one at a time, in order.
fn order_key(source: &DataSource, subject: &str) -> String {
    let key = format!("{}/{}/{subject}", source.kind(), source.name());
    match key.len() <= MAX_KEY_BYTES {
        true => key,
        false => format!("{}/{}/{}", source.kind(), source.name(), Digest::of(subject.as_bytes()).as_str()),
    }
}

#[cfg(test)]
mod tests;
