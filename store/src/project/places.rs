//! Which files are open: opened on first use, one at a time, and closed when nobody needs them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::snapshots::Held;
use super::{Account, ProjectFiles, Result, Time, folders};
use crate::catalog::ProjectId;
use crate::sqlite::{Readers, Writer};
use crate::{DataDir, StoreError};

/// One project's file. Whoever uses it holds the lock for reading; opening, closing and deleting it takes the
/// lock for writing.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) state: Arc<RwLock<State>>,
    /// What is held of it.
    pub(super) held: Held,
    /// When it was used last, milliseconds since 1970.
    used_ms: AtomicI64,
    /// Which use of any file that was.
    used: AtomicU64,
    /// Whether it is open, as far as one can tell without the lock.
    is_open: AtomicBool,
    /// Whether this process has had it open.
    is_ours: AtomicBool,
}

#[derive(Default)]
pub(super) enum State {
    #[default]
    Closed,
    Open(File),
    /// The project is gone, and its id is never used again.
    Forgotten,
}

/// A file that is open.
pub(super) struct File {
    /// First, because they are closed first.
    pub(super) readers: Readers,
    pub(super) writer: Writer,
}

/// What to do about a file that does not exist.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Make,
    Leave,
}

impl File {
    /// Has the writer's thread open a file.
    async fn open<C: FnOnce(Connection) + 'static>(
        data: DataDir,
        project: ProjectId,
        accounts: Arc<[Arc<dyn Account>]>,
        open: impl FnOnce() -> Result<(Connection, C)> + Send + 'static,
    ) -> Result<Self> {
        let writer = Writer::open(&format!("projects/{}/data.db", project.0), open).await?;
        let readers = Readers::new(move || {
            let place = folders::find(&data, project)?.ok_or(StoreError::NotFound { what: "project" })?;
            let connection = place.reader()?;
            accounts.iter().try_for_each(|account| account.connected(&connection))?;
            Ok(connection)
        });
        Ok(Self { readers, writer })
    }

    /// Reads beside the writer. Once its disk has failed nobody knows what is in the file.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.writer.refuse_stopped()?;
        self.readers.read(read)
    }

    /// Closes it after what is queued; it comes back if the disk fails on the way.
    pub(super) async fn close(self) -> std::result::Result<(), Self> {
        let Self { readers, writer } = self;
        readers.close();
        writer.close().await.map_err(|writer| Self { readers, writer })
    }
}

impl ProjectFiles {
    /// Closes files that nobody has used for a while. One that was used later than now has seen another clock:
    /// it is opened again if it is needed.
    pub(crate) async fn close_idle(&self) {
        let now = self.now();
        for slot in self.open_slots() {
            slot.held.end_before(now.saturating_sub(self.limits.snapshot_ms));
            let age = now.saturating_sub(slot.used_ms.load(Ordering::Relaxed));
            if (0..self.limits.idle_ms).contains(&age) {
                continue;
            }
            let Ok(state) = slot.state.try_write() else { continue };
            self.close(&slot, state).await;
        }
        self.close_surplus(self.limits.open).await;
        self.accounts.iter().for_each(|account| account.rested());
    }

    pub(super) fn slot(&self, project: ProjectId) -> Arc<Slot> {
        self.slots().entry(project).or_default().clone()
    }

    /// The state of a file for whoever uses it: open, unless it is missing and left so, or forgotten.
    pub(super) async fn open_slot<'s>(
        &self,
        project: ProjectId,
        slot: &'s Slot,
        missing: Missing,
    ) -> Result<RwLockReadGuard<'s, State>> {
        slot.used_ms.store(self.now(), Ordering::Relaxed);
        slot.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        let state = slot.state.read().await;
        if !matches!(*state, State::Closed) {
            return Ok(state);
        }
        drop(state);
        let mut state = slot.state.write().await;
        if matches!(*state, State::Closed)
            && let Some(file) = self.open_file(project, slot, missing).await?
        {
            *state = State::Open(file);
        }
        Ok(state.downgrade())
    }

    pub(super) fn leave_place(&self, slot: &Slot) {
        slot.is_open.store(false, Ordering::Relaxed);
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    async fn open_file(&self, project: ProjectId, slot: &Slot, missing: Missing) -> Result<Option<File>> {
        if missing == Missing::Leave
            && !folders::find(&self.data, project)?.is_some_and(|place| place.has_traces())
        {
            return Ok(None);
        }
        self.take_place().await;
        let taken = Taken { files: self, slot, is_open: false };
        let (data, accounts) = (self.data.clone(), self.accounts.clone());
        let time = if slot.is_ours.load(Ordering::Relaxed) { Time::Again } else { Time::First };
        let open = move || {
            let place = folders::find_or_make(&data, project)?;
            let connection = folders::open(&place).map_err(|error| place.unusable(error))?;
            accounts.iter().try_for_each(|account| account.connected(&connection))?;
            accounts.iter().try_for_each(|account| account.opened(project, &connection, time))?;
            Ok((connection, move |connection| place.close(connection)))
        };
        let file = File::open(self.data.clone(), project, self.accounts.clone(), open).await?;
        taken.opened();
        Ok(Some(file))
    }

    /// Takes a place for a file to be opened. If there is none, the file that was used longest ago makes way.
    async fn take_place(&self) {
        let _alone = self.making_place.lock().await;
        self.close_surplus(self.limits.open.saturating_sub(1)).await;
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// Closes files beyond that many, those first that were used longest ago. One that has work stays open: while
    /// all have, there are more.
    async fn close_surplus(&self, most: usize) {
        if self.open.load(Ordering::Relaxed) <= most {
            return;
        }
        let mut slots = self.open_slots();
        slots.sort_by_key(|slot| slot.used.load(Ordering::Relaxed));
        for slot in slots {
            // Who uses a file or waits for it has the lock.
            let Ok(state) = slot.state.try_write() else { continue };
            self.close(&slot, state).await;
            if self.open.load(Ordering::Relaxed) <= most {
                return;
            }
        }
    }

    /// Closes a file that is open.
    async fn close(&self, slot: &Slot, mut state: RwLockWriteGuard<'_, State>) {
        match std::mem::take(&mut *state) {
            State::Open(file) if !file.writer.has_stopped() => {
                // Before the wait, which its caller may give up.
                self.leave_place(slot);
                if let Err(failed) = file.close().await {
                    *state = State::Open(failed);
                    self.open.fetch_add(1, Ordering::Relaxed);
                    slot.is_open.store(true, Ordering::Relaxed);
                }
            }
            // A file whose disk failed stays as it is until a restart.
            other => *state = other,
        }
    }

    fn open_slots(&self) -> Vec<Arc<Slot>> {
        self.slots().values().filter(|slot| slot.is_open.load(Ordering::Relaxed)).cloned().collect()
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<ProjectId, Arc<Slot>>> {
        // Nothing panics between two halves of a change.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ProjectFiles {
    /// All at once: each takes some milliseconds to close.
    fn drop(&mut self) {
        let slots = self.slots.get_mut().unwrap_or_else(PoisonError::into_inner);
        for slot in slots.values_mut().filter_map(Arc::get_mut) {
            slot.held.end_all();
            if let Some(State::Open(file)) = Arc::get_mut(&mut slot.state).map(RwLock::get_mut) {
                file.readers.close();
                file.writer.stop();
            }
        }
    }
}

/// A place that was taken for a file: left again unless the file is opened, also when its caller goes away.
struct Taken<'f> {
    files: &'f ProjectFiles,
    slot: &'f Slot,
    is_open: bool,
}

impl Taken<'_> {
    fn opened(mut self) {
        self.is_open = true;
        self.slot.is_open.store(true, Ordering::Relaxed);
        self.slot.is_ours.store(true, Ordering::Relaxed);
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.is_open {
            self.files.leave_place(self.slot);
        }
    }
}
