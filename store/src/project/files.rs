//! The files of projects, as drivers use them: to change, to read, to look into, to forget.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use tokio::sync::OwnedRwLockReadGuard;

use super::places::{Missing, Slot, State};
use super::{Account, Limits, Result, Snapshot, folders};
use crate::catalog::ProjectId;
use crate::data_dir::DataDir;
use crate::sqlite::{Durability, Place};
use crate::{StoreClock, StoreError};

/// The files of all projects. Which of them are open is decided in `places.rs`.
pub(crate) struct ProjectFiles {
    pub(super) data: DataDir,
    clock: StoreClock,
    pub(super) limits: Limits,
    pub(super) accounts: Arc<[Arc<dyn Account>]>,
    pub(super) slots: Mutex<HashMap<ProjectId, Arc<Slot>>>,
    /// Files that are open or about to be.
    pub(super) open: AtomicUsize,
    /// Counts uses: who was used last has the highest number.
    pub(super) uses: AtomicU64,
    /// Held by whoever makes place for a file: one at a time closes others.
    pub(super) making_place: tokio::sync::Mutex<()>,
}

impl ProjectFiles {
    /// Finishes deletions that a killed server began, and has every project's file looked into. What cannot be
    /// deleted or read is logged, and the others go on. Blocks, for some time where there are many projects.
    pub(crate) fn open(
        data: &DataDir,
        clock: StoreClock,
        limits: Limits,
        accounts: Vec<Arc<dyn Account>>,
    ) -> Result<Self> {
        folders::delete_the_rest(data)?;
        for project in folders::list(data)? {
            if let Err(error) = find(data, project, &accounts) {
                tracing::error!(project = %project.0, %error, "the data of a project cannot be read");
            }
        }
        Ok(Self {
            data: data.clone(),
            clock,
            limits,
            accounts: accounts.into(),
            slots: Mutex::default(),
            open: AtomicUsize::new(0),
            uses: AtomicU64::new(0),
            making_place: tokio::sync::Mutex::default(),
        })
    }

    /// Milliseconds since 1970, by the store's clock.
    pub(crate) fn now(&self) -> i64 {
        (self.clock)()
    }

    /// The store's clock.
    pub(crate) fn clock(&self) -> StoreClock {
        self.clock.clone()
    }

    /// Changes a project's file, which is made when it is not there. `change` runs on the writer's thread in a
    /// savepoint, and is told the time; `committed` is told there in the order of the commits, before anybody who
    /// waits. `NotFound` when the project was deleted.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        project: ProjectId,
        durability: Durability,
        change: impl FnOnce(&Connection, i64) -> Result<T> + Send + 'static,
        committed: impl FnOnce(&mut T) + Send + 'static,
    ) -> Result<T> {
        let changed = self.write_if(project, Missing::Make, durability, change, committed).await?;
        changed.ok_or(StoreError::NotFound { what: "project" })
    }

    /// As [`Self::write`], but `None` when there is no file.
    pub(crate) async fn write_existing<T: Send + 'static>(
        &self,
        project: ProjectId,
        durability: Durability,
        change: impl FnOnce(&Connection, i64) -> Result<T> + Send + 'static,
        committed: impl FnOnce(&mut T) + Send + 'static,
    ) -> Result<Option<T>> {
        self.write_if(project, Missing::Leave, durability, change, committed).await
    }

    /// Reads a project's file on the caller's thread, beside the writer; `None` when there is none. It sees every
    /// change that was answered before, and all of it as it is at one moment. It must be short.
    pub(crate) async fn read<T>(
        &self,
        project: ProjectId,
        read: impl FnOnce(&Connection, i64) -> Result<T>,
    ) -> Result<Option<T>> {
        let slot = self.slot(project);
        let state = self.open_slot(project, &slot, Missing::Leave).await?;
        match &*state {
            State::Open(file) => file.read(|connection| read(connection, self.now())).map(Some),
            State::Closed | State::Forgotten => Ok(None),
        }
    }

    /// As [`Self::read`], but on a thread where it keeps nobody else from running, so that it may take long.
    pub(crate) async fn read_aside<T: Send + 'static>(
        &self,
        project: ProjectId,
        read: impl FnOnce(&Connection, i64) -> Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        let Some(state) = self.open_file_of(project).await? else { return Ok(None) };
        let now = self.now();
        let read = move || match &*state {
            State::Open(file) => file.read(|connection| read(connection, now)).map(Some),
            State::Closed | State::Forgotten => Ok(None),
        };
        tokio::task::spawn_blocking(read).await.map_err(StoreError::driver)?
    }

    /// Holds on to a project as it is now, for a while; `None` when there is no file. While it is held the file stays
    /// open, and its log can't begin anew. `Full` when as many are held as may be.
    pub(crate) async fn snapshot(&self, project: ProjectId) -> Result<Option<Snapshot>> {
        let slot = self.slot(project);
        let now = self.now();
        slot.held.end_before(now.saturating_sub(self.limits.snapshot_ms));
        let Some(state) = self.open_file_of(project).await? else { return Ok(None) };
        slot.held.begin(state, now, self.limits.snapshots).map(Some)
    }

    /// Looks into a file that is closed, without opening it: a start asks every project. `None` when it is open or
    /// is not there, or when it can't be read like this: whoever opens it is told why.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        project: ProjectId,
        look: impl FnOnce(&Connection, i64) -> Result<T> + Send + 'static,
    ) -> Option<T> {
        let slot = self.slot(project);
        // While this is held nobody opens it.
        let state = slot.state.read().await;
        if !matches!(*state, State::Closed) {
            return None;
        }
        let (data, now) = (self.data.clone(), self.now());
        let look = move || match folders::find(&data, project)? {
            Some(place) => folders::look(&place, |connection| look(connection, now)).map(Some),
            None => Ok(None),
        };
        let looked: Result<Option<T>> = tokio::task::spawn_blocking(look).await.ok()?;
        looked.ok().flatten()
    }

    /// Projects that have a folder, whatever is in it.
    pub(crate) async fn projects(&self) -> Result<Vec<ProjectId>> {
        let data = self.data.clone();
        tokio::task::spawn_blocking(move || folders::list(&data)).await.map_err(StoreError::driver)?
    }

    /// Closes a project's file and deletes the project's folder.
    pub(crate) async fn forget(&self, project: ProjectId) -> Result<()> {
        let slot = self.slot(project);
        slot.held.end_all();
        let mut state = slot.state.write().await;
        if let State::Open(file) = std::mem::replace(&mut *state, State::Forgotten) {
            self.leave_place(&slot);
            // What its disk did does not matter any more.
            drop(file.close().await);
        }
        let (data, accounts) = (self.data.clone(), self.accounts.clone());
        let delete = move || {
            // They may wait for somebody who opens a file of the project.
            accounts.iter().for_each(|account| account.forgotten(project));
            folders::delete(&data, project)
        };
        tokio::task::spawn_blocking(delete).await.map_err(StoreError::driver)?
    }

    /// The file of a project, held open by whoever has it; `None` when there is none.
    async fn open_file_of(&self, project: ProjectId) -> Result<Option<OwnedRwLockReadGuard<State>>> {
        let slot = self.slot(project);
        loop {
            if !matches!(*self.open_slot(project, &slot, Missing::Leave).await?, State::Open(_)) {
                return Ok(None);
            }
            // In between it may be closed again.
            let state = slot.state.clone().read_owned().await;
            if matches!(*state, State::Open(_)) {
                return Ok(Some(state));
            }
        }
    }

    async fn write_if<T: Send + 'static>(
        &self,
        project: ProjectId,
        missing: Missing,
        durability: Durability,
        change: impl FnOnce(&Connection, i64) -> Result<T> + Send + 'static,
        committed: impl FnOnce(&mut T) + Send + 'static,
    ) -> Result<Option<T>> {
        let slot = self.slot(project);
        let state = self.open_slot(project, &slot, missing).await?;
        let State::Open(file) = &*state else { return Ok(None) };
        let clock = self.clock.clone();
        let change = move |connection: &Connection| change(connection, clock());
        file.writer.run_then(durability, change, committed).await.map(Some)
    }
}

/// Shows the accounts what is in a project's file, if there is one.
fn find(data: &DataDir, project: ProjectId, accounts: &[Arc<dyn Account>]) -> Result<()> {
    let Some(place) = folders::find(data, project)?.filter(Place::has_traces) else { return Ok(()) };
    let show =
        |connection: &Connection| accounts.iter().try_for_each(|account| account.found(project, connection));
    folders::look(&place, show).map_err(|error| place.unusable(error))
}
