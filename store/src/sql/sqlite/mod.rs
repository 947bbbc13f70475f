//! SQL in SQLite: a file for each database, with one writer that commits in groups, and readers beside it.
//!
//! Statements of strangers run on confined connections (`confine.rs`), watched (`watch.rs`). A query that is known to be
//! plain is tried on its caller's thread, for a thousandth of a second; everything else runs on threads that may take their
//! time and have the stack for it.

mod confine;
mod database;
mod functions;
mod ledger;
mod log;
mod meter;
mod places;
mod run;
mod slow;
mod turns;
mod watch;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;

use self::places::Places;
use super::{
    DatabaseInfo, Databases, Done, MAX_CALL_BYTES, MAX_DATABASES, MAX_GROWTH_BYTES, MAX_LOG_BYTES,
    MAX_LOGS_BYTES, MAX_PROJECT_BYTES, MAX_STATEMENTS, MAX_TEMPORARY_BYTES, MAX_WAITING_BYTES,
    MAX_WRITTEN_BYTES, Result, Rows, SqlError, Statement,
};
use crate::catalog::{ProjectId, check_name};
use crate::project::Account;
use crate::{DataDir, StoreClock, StoreError, StoreTimer};

/// Bounds of the driver that tests make smaller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// What the databases of a project hold together, bytes.
    pub(crate) bytes: u64,
    /// What a call adds, bytes.
    pub(crate) growth: u64,
    /// Databases of a project.
    pub(crate) databases: usize,
    /// Databases that are open at once, as long as that many are not in use.
    pub(crate) open: usize,
    /// A database is closed when nobody has used it for that long, milliseconds.
    pub(crate) idle_ms: i64,
    /// Queries of a project that are begun on other threads at once, for a few milliseconds.
    pub(crate) first: usize,
    /// Queries of a project that run for long at once.
    pub(crate) running: usize,
    /// Queries of a project that wait for that.
    pub(crate) waiting: usize,
    /// What the calls of a project hold that wait or run, bytes.
    pub(crate) waiting_bytes: usize,
    /// The log of a database, bytes: from then on it is to begin anew. At four times as much nothing is written.
    pub(crate) log: u64,
    /// As much for those of a project together.
    pub(crate) logs: u64,
    /// What a query writes into temporary files, bytes.
    pub(crate) temporary: u64,
    /// What the calls of a project that run at once have written into logs and temporary files, bytes.
    pub(crate) written: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: MAX_PROJECT_BYTES,
            growth: MAX_GROWTH_BYTES,
            databases: MAX_DATABASES,
            open: 64,
            idle_ms: 60_000,
            first: 8,
            running: 4,
            waiting: 1_000,
            waiting_bytes: MAX_WAITING_BYTES,
            log: MAX_LOG_BYTES,
            logs: MAX_LOGS_BYTES,
            temporary: MAX_TEMPORARY_BYTES,
            written: MAX_WRITTEN_BYTES,
        }
    }
}

/// The driver. It follows the files of projects as an account: a project that is forgotten takes its databases along.
pub(crate) struct Sqlite {
    places: Arc<Places>,
}

impl Sqlite {
    /// Over the data directory.
    pub(crate) fn new(
        data: &DataDir,
        clock: StoreClock,
        timer: StoreTimer,
        limits: Limits,
    ) -> std::result::Result<Self, StoreError> {
        meter::place_temporary_files(data)?;
        Ok(Self { places: Arc::new(Places::new(data.clone(), clock, timer, limits)) })
    }

    async fn write(&self, project: ProjectId, name: &str, statements: Vec<Statement>) -> Result<Vec<Done>> {
        check(name, &statements)?;
        let (database, project) = self.places.open(project, name).await?;
        database.write(statements, &project.turns).await
    }
}

#[async_trait]
impl Databases for Sqlite {
    async fn query(&self, project: ProjectId, database: &str, statement: Statement) -> Result<Rows> {
        check(database, std::slice::from_ref(&statement))?;
        let (database, project) = self.places.open(project, database).await?;
        database.query(statement, &project.turns).await
    }

    async fn execute(&self, project: ProjectId, database: &str, statement: Statement) -> Result<Done> {
        let mut done = self.write(project, database, vec![statement]).await?;
        done.pop().ok_or_else(|| StoreError::driver("a statement without an answer").into())
    }

    async fn batch(
        &self,
        project: ProjectId,
        database: &str,
        statements: Vec<Statement>,
    ) -> Result<Vec<Done>> {
        match statements.is_empty() {
            true => Ok(Vec::new()),
            false => self.write(project, database, statements).await,
        }
    }

    async fn list(&self, project: ProjectId) -> Result<Vec<DatabaseInfo>> {
        let places = self.places.clone();
        let list = move || places.project(project).map(|project| project.ledger.list());
        match tokio::task::spawn_blocking(list).await.map_err(StoreError::driver)? {
            Err(SqlError::Store(StoreError::NotFound { .. })) => Ok(Vec::new()),
            listed => listed,
        }
    }
}

impl Account for Sqlite {
    fn rested(&self) {
        let places = self.places.clone();
        // Closing waits for the disk, and nobody waits for it.
        drop(tokio::task::spawn_blocking(move || places.close_idle()));
    }

    fn forgotten(&self, project: ProjectId) {
        self.places.forget(project);
    }
}

/// What needs no look at the database.
fn check(name: &str, statements: &[Statement]) -> Result<()> {
    check_name(name).map_err(|reason| SqlError::Invalid(format!("`{name}` names no database: {reason}")))?;
    if statements.len() > MAX_STATEMENTS {
        return Err(SqlError::Limit(format!("a batch has {MAX_STATEMENTS} statements at most")));
    }
    if statements.iter().map(Statement::bytes).sum::<usize>() > MAX_CALL_BYTES {
        return Err(SqlError::Limit(format!("a call has {} MiB at most", MAX_CALL_BYTES >> 20)));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
