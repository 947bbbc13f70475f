//! The uploads that run in this process: which files nobody may take for left over.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::files::Files;
use super::read;
use crate::StoreError;
use crate::buckets::Result;
use crate::catalog::ProjectId;
use crate::project::{Account, Time};

/// Leftovers that are deleted when a file is opened, before anybody can use it; the others go with later sweeps.
const SWEPT_AT_OPEN: i64 = 100;

/// The files of uploads that run, by project.
pub(crate) struct Running {
    files: Arc<Files>,
    by_project: Mutex<HashMap<ProjectId, HashSet<String>>>,
}

/// Keeps the file of an upload from being swept, as long as it lives.
pub(super) struct Place {
    running: Arc<Running>,
    project: ProjectId,
    file: String,
}

impl Running {
    /// None yet.
    pub(super) fn new(files: Arc<Files>) -> Self {
        Self { files, by_project: Mutex::default() }
    }

    /// Where they go.
    pub(super) fn files(&self) -> Arc<Files> {
        self.files.clone()
    }

    /// A place for an upload to that file; `Busy` when as many run in the project as may.
    pub(super) fn take(self: &Arc<Self>, project: ProjectId, file: String, most: u64) -> Result<Place> {
        let mut all = self.all();
        let running = all.entry(project).or_default();
        if running.len() as u64 >= most {
            return Err(StoreError::Busy { what: "uploads of the project", limit: most });
        }
        running.insert(file.clone());
        Ok(Place { running: self.clone(), project, file })
    }

    /// Whether an upload to that file runs.
    pub(super) fn has(&self, project: ProjectId, file: &str) -> bool {
        self.all().get(&project).is_some_and(|running| running.contains(file))
    }

    fn all(&self) -> MutexGuard<'_, HashMap<ProjectId, HashSet<String>>> {
        // Nothing panics between two halves of a change.
        self.by_project.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account for Running {
    /// What a killed server left is deleted before anybody uses the file.
    fn opened(&self, project: ProjectId, connection: &Connection, time: Time) -> Result<()> {
        if time == Time::Again {
            return Ok(());
        }
        let left = read::unused(connection, SWEPT_AT_OPEN)?;
        let gone = self.files.remove_all(project, left);
        let transaction = connection.unchecked_transaction()?;
        super::forget(&transaction, &gone)?;
        Ok(transaction.commit()?)
    }

    fn forgotten(&self, _: ProjectId) {}
}

impl Place {
    /// The name of the file.
    pub(super) fn file(&self) -> &str {
        &self.file
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.running.all();
        if let Some(running) = all.get_mut(&self.project) {
            running.remove(&self.file);
            if running.is_empty() {
                all.remove(&self.project);
            }
        }
    }
}
