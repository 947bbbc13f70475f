//! Jobs in the files of projects: every change goes with an account of what it makes due.

use std::sync::Arc;

use rusqlite::Connection;

use super::change::Change;
use super::index::{Index, Moved};
use super::{Limits, enqueue};
use crate::catalog::ProjectId;
use crate::jobs::{Enqueued, NewJob, Result};
use crate::project::ProjectFiles;
use crate::sqlite::Durability;

/// The jobs of all projects.
pub(super) struct Files {
    projects: Arc<ProjectFiles>,
    limits: Limits,
    pub(super) index: Arc<Index>,
}

impl Files {
    /// Over the files of projects, which the index follows.
    pub(super) fn new(projects: Arc<ProjectFiles>, index: Arc<Index>, limits: Limits) -> Self {
        Self { projects, limits, index }
    }

    /// Milliseconds since 1970, by the store's clock.
    pub(super) fn now(&self) -> i64 {
        self.projects.now()
    }

    /// Changes a project's file, which is made when it is not there. `NotFound` when the project was
    /// deleted.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        project: ProjectId,
        change: impl FnOnce(&mut Change<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (change, committed) = (whole(self.limits, change), self.committed(project));
        let (value, _) = self.projects.write(project, Durability::Now, change, committed).await?;
        Ok(value)
    }

    /// Changes a project's file; `None` when there is none.
    pub(super) async fn change_existing<T: Send + 'static>(
        &self,
        project: ProjectId,
        change: impl FnOnce(&mut Change<'_>) -> Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        self.change_when(project, Durability::Now, change).await
    }

    /// As [`Self::change_existing`], but a power cut may undo it.
    pub(super) async fn change_soon<T: Send + 'static>(
        &self,
        project: ProjectId,
        change: impl FnOnce(&mut Change<'_>) -> Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        self.change_when(project, Durability::Later, change).await
    }

    /// Reads a project's file; `None` when there is none. Reading goes the way of the writer, too: what is read may
    /// be much, and blocks no caller.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        project: ProjectId,
        read: impl FnOnce(&mut Change<'_>) -> Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        self.change_when(project, Durability::Later, read).await
    }

    /// As [`Self::read`], but a file that is closed is only looked at, without a writer: a start asks every project.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        project: ProjectId,
        read: impl FnOnce(&mut Change<'_>) -> Result<T> + Clone + Send + 'static,
    ) -> Result<Option<T>> {
        // One that could not be read at the start is opened, so that the index learns what is in it.
        if self.index.knows(project) {
            let (limits, read) = (self.limits, read.clone());
            let look = move |connection: &Connection, now| read(&mut Change::new(connection, now, limits));
            if let Some(found) = self.projects.look(project, look).await {
                return Ok(Some(found));
            }
        }
        self.read(project, read).await
    }

    /// Closes files that nobody has used for a while.
    pub(super) async fn close_idle(&self) {
        self.projects.close_idle().await;
    }

    /// Projects that have a folder, whatever is in it.
    pub(super) async fn projects(&self) -> Result<Vec<ProjectId>> {
        self.projects.projects().await
    }

    /// Deletes everything of a project, of whatever kind.
    pub(super) async fn forget(&self, project: ProjectId) -> Result<()> {
        self.projects.forget(project).await
    }

    async fn change_when<T: Send + 'static>(
        &self,
        project: ProjectId,
        durability: Durability,
        change: impl FnOnce(&mut Change<'_>) -> Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        let (change, committed) = (whole(self.limits, change), self.committed(project));
        let changed = self.projects.write_existing(project, durability, change, committed).await?;
        Ok(changed.map(|(value, _)| value))
    }

    /// Tells the index what a committed change has moved.
    fn committed<T>(&self, project: ProjectId) -> impl FnOnce(&mut (T, Moved)) + Send + use<T> {
        let index = self.index.clone();
        move |(_, moved)| index.apply(project, moved)
    }
}

/// Enqueues within changes of others.
#[derive(Clone)]
pub(crate) struct Enqueuer {
    limits: Limits,
    index: Arc<Index>,
}

/// What a change of another kind has enqueued: to be handed to [`Enqueuer::committed`] when it is durable.
pub(crate) struct Sent {
    /// What came of the jobs, in their order.
    pub(crate) enqueued: Vec<Enqueued>,
    moved: Moved,
}

impl Enqueuer {
    /// For the jobs whose account that index keeps.
    pub(crate) fn new(index: Arc<Index>, limits: Limits) -> Self {
        Self { limits, index }
    }

    /// Stores jobs, in their order.
    pub(crate) fn enqueue(&self, connection: &Connection, now: i64, jobs: &[NewJob]) -> Result<Sent> {
        let mut change = Change::new(connection, now, self.limits);
        let enqueued = enqueue::enqueue(&mut change, jobs)?;
        Ok(Sent { enqueued, moved: change.finish()? })
    }

    /// Makes what was enqueued known. To be called on the writer's thread, in the order of the commits.
    pub(crate) fn committed(&self, project: ProjectId, sent: &mut Sent) {
        self.index.apply(project, &mut sent.moved);
    }
}

/// A change from its beginning to its end.
fn whole<T>(
    limits: Limits,
    change: impl FnOnce(&mut Change<'_>) -> Result<T> + Send,
) -> impl FnOnce(&Connection, i64) -> Result<(T, Moved)> + Send {
    move |connection, now| {
        let mut all = Change::new(connection, now, limits);
        let value = change(&mut all)?;
        Ok((value, all.finish()?))
    }
}
