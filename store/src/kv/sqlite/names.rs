//! The namespaces of projects, in memory: a look-up costs a reader no statement.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

use rusqlite::Connection;

use crate::catalog::ProjectId;
use crate::kv::Result;
use crate::project::{Account, Time};

/// The namespaces of every project whose file was ever open. None is ever taken away but with its project.
#[derive(Default)]
pub(crate) struct Names(RwLock<HashMap<ProjectId, HashMap<String, i64>>>);

impl Names {
    /// The id of a namespace, if there is one of that name.
    pub(super) fn id(&self, project: ProjectId, name: &str) -> Option<i64> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&project)?.get(name).copied()
    }

    /// Puts in namespaces that were declared.
    pub(super) fn add(&self, project: ProjectId, declared: impl IntoIterator<Item = (String, i64)>) {
        // A project that is being forgotten has none any more.
        if let Some(names) = self.change().get_mut(&project) {
            names.extend(declared);
        }
    }

    fn change(&self) -> RwLockWriteGuard<'_, HashMap<ProjectId, HashMap<String, i64>>> {
        // Nothing panics between two halves of a change.
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account for Names {
    fn opened(&self, project: ProjectId, connection: &Connection, _: Time) -> Result<()> {
        let mut all = connection.prepare("SELECT name, id FROM kv_namespaces")?;
        let names =
            all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
        self.change().insert(project, names);
        Ok(())
    }

    fn forgotten(&self, project: ProjectId) {
        self.change().remove(&project);
    }
}
