//! Key-value in SQLite: in the file of its project. Whoever reads does so on its own thread, beside the writer.

mod change;
mod names;
mod read;
mod schema;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::Connection;

pub(crate) use self::change::Change;
pub(crate) use self::names::Names;
use self::read::Listed;
pub(crate) use self::read::Moment;
pub(crate) use self::schema::TABLES;
use super::{
    Found, Increment, KeyValue, MAX_PROJECT_BYTES, MAX_PROJECT_KEYS, NamespaceSpec, Page, Result, Swap,
    Version, Write,
};
use crate::StoreError;
use crate::catalog::ProjectId;
use crate::project::ProjectFiles;
use crate::sqlite::{Durability, stored};

/// Expired values that one sweep removes, so that it does not hold up others for long.
const SWEPT_AT_ONCE: i64 = 1_000;

/// Bounds of the driver that tests make smaller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// What the keys and values of a project hold together, bytes.
    pub(crate) bytes: i64,
    /// Keys of a project.
    pub(crate) keys: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: stored(MAX_PROJECT_BYTES), keys: stored(MAX_PROJECT_KEYS) }
    }
}

/// The driver over the files of projects, whose account the names keep.
pub(crate) fn open(files: Arc<ProjectFiles>, names: Arc<Names>, limits: Limits) -> Arc<dyn KeyValue> {
    Arc::new(Sqlite { files, names, limits })
}

/// The driver.
struct Sqlite {
    files: Arc<ProjectFiles>,
    names: Arc<Names>,
    limits: Limits,
}

#[async_trait]
impl KeyValue for Sqlite {
    async fn declare(&self, project: ProjectId, namespaces: &[NamespaceSpec]) -> Result<()> {
        if namespaces.is_empty() {
            return Ok(());
        }
        let (specs, names) = (namespaces.to_vec(), self.names.clone());
        let declare = move |connection: &Connection, _| {
            let ids = specs.into_iter().map(|spec| Ok((change::declare(connection, &spec)?, spec.name)));
            ids.collect::<Result<Vec<(i64, String)>>>()
        };
        let declared = move |ids: &mut Vec<(i64, String)>| {
            names.add(project, ids.drain(..).map(|(id, name)| (name, id)));
        };
        self.files.write(project, Durability::Now, declare, declared).await.map(drop)
    }

    async fn namespaces(&self, project: ProjectId) -> Result<Vec<NamespaceSpec>> {
        // A start asks every project: a file that is closed stays closed.
        if let Some(all) = self.files.look(project, |connection, _| read::namespaces(connection)).await {
            return Ok(all);
        }
        let all = self.files.read(project, |connection, _| read::namespaces(connection)).await?;
        Ok(all.unwrap_or_default())
    }

    async fn get(&self, project: ProjectId, namespace: &str, keys: &[String]) -> Result<Vec<Option<Found>>> {
        self.read(project, namespace, |moment| moment.get(keys)).await
    }

    async fn write(&self, project: ProjectId, namespace: &str, writes: Vec<Write>) -> Result<()> {
        self.change(project, namespace, move |change| change.write(&writes)).await
    }

    async fn list(
        &self,
        project: ProjectId,
        namespace: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page> {
        loop {
            match self.read(project, namespace, |moment| moment.list(after, limit)).await? {
                Listed::Page(page) => return Ok(page),
                Listed::InTheWay => drop(self.sweep(project).await?),
            }
        }
    }

    async fn increment(&self, project: ProjectId, namespace: &str, key: &str, by: i64) -> Result<Increment> {
        let key = key.to_owned();
        self.change(project, namespace, move |change| change.increment(&key, by)).await
    }

    async fn swap(
        &self,
        project: ProjectId,
        namespace: &str,
        key: &str,
        expected: Option<Version>,
        value: Bytes,
    ) -> Result<Swap> {
        let key = key.to_owned();
        self.change(project, namespace, move |change| change.swap(&key, expected, &value)).await
    }
}

impl Sqlite {
    async fn read<T>(
        &self,
        project: ProjectId,
        namespace: &str,
        read: impl FnOnce(&Moment<'_>) -> Result<T>,
    ) -> Result<T> {
        // Known once the file is open.
        let read = |connection: &Connection, now| match self.names.id(project, namespace) {
            Some(namespace) => read(&Moment { connection, namespace, now }),
            None => Err(no_namespace()),
        };
        self.files.read(project, read).await?.ok_or_else(no_namespace)
    }

    /// Changes a namespace. Where there is no room what has expired makes some, and it is tried again.
    async fn change<T: Send + 'static>(
        &self,
        project: ProjectId,
        namespace: &str,
        change: impl Fn(&mut Change<'_>) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        let (change, namespace): (_, Arc<str>) = (Arc::new(change), namespace.into());
        loop {
            let (change, namespace, limits) = (change.clone(), namespace.clone(), self.limits);
            let change = move |connection: &Connection, now| {
                let mut all = Change::begin(connection, now, limits, &namespace)?;
                let value = change(&mut all)?;
                all.finish()?;
                Ok(value)
            };
            match self.files.write_existing(project, Durability::Now, change, |_| {}).await {
                Ok(changed) => return changed.ok_or_else(no_namespace),
                Err(full @ StoreError::Full { .. }) => {
                    if self.sweep(project).await? == 0 {
                        return Err(full);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes values that have expired; how many there were. What a power cut undoes is swept again.
    async fn sweep(&self, project: ProjectId) -> Result<i64> {
        let sweep = |connection: &Connection, now| change::sweep(connection, now, SWEPT_AT_ONCE);
        let swept = self.files.write_existing(project, Durability::Later, sweep, |_| {}).await?;
        Ok(swept.unwrap_or(0))
    }
}

fn no_namespace() -> StoreError {
    StoreError::NotFound { what: "key-value namespace" }
}

#[cfg(test)]
mod tests;
