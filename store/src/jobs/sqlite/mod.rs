//! Jobs in SQLite: in the file of their project, and an index of what is due in memory.

mod change;
mod claim;
mod cleanup;
mod enqueue;
mod files;
mod index;
mod look;
mod queues;
mod reap;
mod room;
mod rows;
mod schedules;
mod schema;
mod settle;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use tokio::sync::Notify;

use self::files::Files;
pub(crate) use self::files::{Enqueuer, Sent};
pub(crate) use self::index::Index;
pub(crate) use self::schema::TABLES;
use super::{
    Claim, Due, Enqueued, Extended, JobStore, Jobs, Lease, LeaseRef, MAX_DEAD, MAX_KEYED_DONE,
    MAX_PROJECT_BYTES, MAX_WAITING, NewJob, Reaped, Result, Settled, Settlement,
};
use crate::catalog::ProjectId;
use crate::project::ProjectFiles;
use crate::sqlite::stored;

/// Projects that are looked through at once.
const LOOKS_AT_ONCE: usize = 8;
/// How long a project that cannot be looked through is left alone, milliseconds.
const LOOK_AGAIN_MS: i64 = 60_000;
/// Looks at one project in one call of `reap`.
const MAX_LOOKS: usize = 50;

/// Bounds of the driver that tests make smaller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Jobs that may wait in one lane.
    pub(crate) waiting: i64,
    /// Done jobs without a dedupe key that are kept in one lane.
    pub(crate) done: i64,
    /// Done jobs with a dedupe key in one lane, beyond which no job with a key is taken.
    pub(crate) kept: i64,
    /// Dead jobs that are kept in one lane.
    pub(crate) dead: i64,
    /// What all jobs of a project hold together, bytes.
    pub(crate) bytes: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            waiting: stored(MAX_WAITING),
            done: 100_000,
            kept: stored(MAX_KEYED_DONE),
            dead: stored(MAX_DEAD),
            bytes: stored(MAX_PROJECT_BYTES),
        }
    }
}

/// The driver over the files of projects, whose account the index keeps.
pub(crate) fn open(projects: Arc<ProjectFiles>, index: Arc<Index>, limits: Limits) -> JobStore {
    let sqlite = Arc::new(Sqlite { files: Files::new(projects, index, limits) });
    JobStore { jobs: sqlite.clone(), queues: sqlite.clone(), schedules: sqlite.clone(), cleanup: sqlite }
}

/// The driver.
struct Sqlite {
    files: Files,
}

#[async_trait]
impl Jobs for Sqlite {
    async fn enqueue(&self, project: ProjectId, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>> {
        self.files.change(project, move |change| enqueue::enqueue(change, &jobs)).await
    }

    async fn claim(&self, project: ProjectId, claim: &Claim) -> Result<Vec<Lease>> {
        let claim = claim.clone();
        let leases = self.files.change_soon(project, move |change| claim::claim(change, &claim)).await?;
        Ok(leases.unwrap_or_default())
    }

    async fn settle(&self, project: ProjectId, settlements: Vec<Settlement>) -> Result<Vec<Settled>> {
        let count = settlements.len();
        let settled =
            self.files.change_existing(project, move |change| settle::settle(change, &settlements)).await?;
        Ok(settled.unwrap_or_else(|| vec![Settled::Stale; count]))
    }

    async fn extend(&self, project: ProjectId, leases: &[LeaseRef]) -> Result<Vec<Extended>> {
        let leases = leases.to_vec();
        let count = leases.len();
        let extended = self.files.change_soon(project, move |change| settle::extend(change, &leases)).await?;
        Ok(extended.unwrap_or_else(|| vec![Extended::Stale; count]))
    }

    async fn reap(&self) -> Result<Reaped> {
        let projects = self.files.index.to_look_at(self.files.now());
        let looks = futures_util::stream::iter(projects)
            .map(|project| self.look_through(project))
            .buffer_unordered(LOOKS_AT_ONCE)
            .fold(Reaped::default(), async |sum, reaped| sum.plus(reaped));
        let reaped = looks.await;
        self.files.close_idle().await;
        Ok(reaped)
    }

    async fn due(&self) -> Result<Vec<Due>> {
        Ok(self.files.index.due())
    }

    fn bell(&self) -> Arc<Notify> {
        self.files.index.bell()
    }
}

impl Sqlite {
    /// Looks through a project until nothing is left to do. One that cannot be looked through does not keep
    /// the others from it.
    async fn look_through(&self, project: ProjectId) -> Reaped {
        let mut sum = Reaped::default();
        for _ in 0..MAX_LOOKS {
            match self.files.change_existing(project, reap::reap).await {
                Ok(Some(reaped)) if reaped != Reaped::default() => sum = sum.plus(reaped),
                Ok(_) => return sum,
                Err(error) => {
                    tracing::warn!(project = %project.0, %error, "a project's jobs cannot be looked through");
                    self.files.index.look_again(project, self.files.now() + LOOK_AGAIN_MS);
                    return sum;
                }
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests;
