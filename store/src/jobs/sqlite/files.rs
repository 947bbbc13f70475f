//! The files of projects: made and opened on first use, one at a time, and closed when nobody needs them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use uuid::Uuid;

use super::change::Change;
use super::index::{Entry, Index};
use super::schema::SCHEMA;
use super::{Limits, look};
use crate::catalog::ProjectId;
use crate::data_dir::{self, DataDir};
use crate::jobs::Result;
use crate::sqlite::{Durability, Place, Writer};
use crate::{StoreClock, StoreError};

/// What stands before the name of a folder that is being deleted.
const DELETED: &str = ".deleted-";

/// The files of all projects.
pub(super) struct Files {
    data: DataDir,
    clock: StoreClock,
    limits: Limits,
    pub(super) index: Arc<Index>,
    slots: Mutex<HashMap<ProjectId, Arc<Slot>>>,
    /// Files that are open or about to be.
    open: AtomicUsize,
    /// Counts uses: who was used last has the highest number.
    uses: AtomicU64,
    /// Held by whoever makes place for a file: one at a time closes others.
    making_place: tokio::sync::Mutex<()>,
}

/// One project's file. Whoever uses it holds the lock for reading; opening, closing and deleting it takes the
/// lock for writing.
#[derive(Default)]
struct Slot {
    state: RwLock<State>,
    /// When it was used last, milliseconds since 1970.
    used_ms: AtomicI64,
    /// Which use of any file that was.
    used: AtomicU64,
    /// Whether it is open, as far as one can tell without the lock.
    is_open: AtomicBool,
    /// Whether this process has had it open: leases that are older have lost their holders.
    is_ours: AtomicBool,
}

#[derive(Default)]
enum State {
    #[default]
    Closed,
    Open(Writer),
    /// The project is gone, and its id is never used again.
    Forgotten,
}

impl Files {
    /// Finishes deletions that a killed server began, and looks into every project's file. What cannot be
    /// deleted or read is logged, and the others go on.
    pub(super) fn open(data: &DataDir, clock: StoreClock, limits: Limits) -> Result<Self> {
        let index = Arc::new(Index::default());
        for entry in data.projects().entries().map_err(StoreError::io)? {
            let name = entry.map_err(StoreError::io)?.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.starts_with(DELETED)
                && let Err(error) = data.projects().remove_dir_all(name)
            {
                tracing::warn!(folder = name, %error, "the rest of a deleted project stays for the next start");
            }
            let Ok(id) = name.parse::<Uuid>() else { continue };
            match glance(data, name) {
                Ok(Some(entry)) => index.insert(ProjectId(id), entry),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(project = name, %error, "the jobs of a project cannot be read");
                }
            }
        }
        Ok(Self {
            data: data.clone(),
            clock,
            limits,
            index,
            slots: Mutex::default(),
            open: AtomicUsize::new(0),
            uses: AtomicU64::new(0),
            making_place: tokio::sync::Mutex::default(),
        })
    }

    /// Milliseconds since 1970, by the store's clock.
    pub(super) fn now(&self) -> i64 {
        (self.clock)()
    }

    /// Changes a project's file, which is made when it is not there. `NotFound` when the project was
    /// deleted.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        project: ProjectId,
        change: impl FnOnce(&mut Change<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let slot = self.slot(project);
        let state = self.open_slot(project, &slot, Missing::Make).await?;
        match &*state {
            State::Open(writer) => self.run(project, writer, Durability::Now, change).await,
            State::Closed | State::Forgotten => Err(StoreError::NotFound { what: "project" }),
        }
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

    /// Reads a project's file; `None` when there is none. Reading goes the way of the writer, too: it sees the last
    /// change of this process, and needs no second connection.
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
        let slot = self.slot(project);
        // While this is held nobody opens it.
        let state = slot.state.read().await;
        if matches!(*state, State::Closed) && self.index.knows(project) {
            let (data, now, limits, read) = (self.data.clone(), self.now(), self.limits, read.clone());
            let look = move || {
                let Some(place) = find_folder(&data, &project.0.to_string())? else { return Ok(None) };
                place.refuse_lost()?;
                let connection = place.glance()?;
                SCHEMA.refuse_foreign(&connection)?;
                read(&mut Change::new(&connection, now, limits)).map(Some)
            };
            // What can't be read like this is opened, which says why.
            if let Ok(Ok(found)) = tokio::task::spawn_blocking(look).await {
                return Ok(found);
            }
        }
        drop(state);
        self.read(project, read).await
    }

    async fn change_when<T: Send + 'static>(
        &self,
        project: ProjectId,
        durability: Durability,
        change: impl FnOnce(&mut Change<'_>) -> Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        let slot = self.slot(project);
        let state = self.open_slot(project, &slot, Missing::Leave).await?;
        match &*state {
            State::Open(writer) => self.run(project, writer, durability, change).await.map(Some),
            State::Closed | State::Forgotten => Ok(None),
        }
    }

    /// Closes files that nobody has used for a while. One that was used later than now has seen another clock:
    /// it is opened again if it is needed.
    pub(super) async fn close_idle(&self) {
        let now = self.now();
        for slot in self.open_slots() {
            let age = now.saturating_sub(slot.used_ms.load(Ordering::Relaxed));
            if (0..self.limits.idle_ms).contains(&age) {
                continue;
            }
            let Ok(state) = slot.state.try_write() else { continue };
            self.close(&slot, state).await;
        }
        self.close_surplus(self.limits.open).await;
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
            State::Open(writer) if !writer.has_stopped() => {
                // Before the wait, which its caller may give up.
                self.leave_place(slot);
                if let Err(failed) = writer.close().await {
                    *state = State::Open(failed);
                    self.open.fetch_add(1, Ordering::Relaxed);
                    slot.is_open.store(true, Ordering::Relaxed);
                }
            }
            // A file whose disk failed stays as it is until a restart.
            other => *state = other,
        }
    }

    fn leave_place(&self, slot: &Slot) {
        slot.is_open.store(false, Ordering::Relaxed);
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    fn open_slots(&self) -> Vec<Arc<Slot>> {
        self.slots().values().filter(|slot| slot.is_open.load(Ordering::Relaxed)).cloned().collect()
    }

    /// Projects that have a folder, whatever is in it.
    pub(super) async fn projects(&self) -> Result<Vec<ProjectId>> {
        let data = self.data.clone();
        let list = move || {
            let mut projects = Vec::new();
            for entry in data.projects().entries()? {
                let name = entry?.file_name();
                projects.extend(name.to_str().and_then(|name| name.parse().ok()).map(ProjectId));
            }
            Ok(projects)
        };
        tokio::task::spawn_blocking(list).await.map_err(StoreError::driver)?.map_err(StoreError::io)
    }

    /// Closes a project's file and deletes the project's folder.
    pub(super) async fn forget(&self, project: ProjectId) -> Result<()> {
        let slot = self.slot(project);
        let mut state = slot.state.write().await;
        if let State::Open(writer) = std::mem::replace(&mut *state, State::Forgotten) {
            self.leave_place(&slot);
            // What its disk did does not matter any more.
            drop(writer.close().await);
        }
        self.index.remove(project);
        let name = project.0.to_string();
        if !self.data.projects().exists(&name) {
            return Ok(());
        }
        let data = self.data.clone();
        let delete = move || {
            // At once by its name; what is left of it after a kill, the next start deletes.
            let deleted = format!("{DELETED}{name}");
            data.projects().rename(&name, data.projects(), &deleted)?;
            data_dir::sync(data.projects())?;
            data.projects().remove_dir_all(&deleted)
        };
        tokio::task::spawn_blocking(delete).await.map_err(StoreError::driver)?.map_err(StoreError::io)
    }

    async fn run<T: Send + 'static>(
        &self,
        project: ProjectId,
        writer: &Writer,
        durability: Durability,
        change: impl FnOnce(&mut Change<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (clock, limits, index) = (self.clock.clone(), self.limits, self.index.clone());
        let run = move |connection: &Connection| {
            let mut all = Change::new(connection, clock(), limits);
            let value = change(&mut all)?;
            Ok((value, all.finish()?))
        };
        let changed = writer.run_then(durability, run, move |(_, moved)| index.apply(project, moved)).await;
        changed.map(|(value, _)| value)
    }

    async fn open_slot<'s>(
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
            && let Some(writer) = self.open_file(project, slot, missing).await?
        {
            *state = State::Open(writer);
        }
        Ok(state.downgrade())
    }

    async fn open_file(&self, project: ProjectId, slot: &Slot, missing: Missing) -> Result<Option<Writer>> {
        let name = project.0.to_string();
        if missing == Missing::Leave
            && !find_folder(&self.data, &name)?.is_some_and(|place| place.has_traces())
        {
            return Ok(None);
        }
        self.take_place().await;
        let taken = Taken { files: self, slot, is_open: false };
        let (data, index) = (self.data.clone(), self.index.clone());
        let is_ours = slot.is_ours.load(Ordering::Relaxed);
        let label = format!("projects/{name}/data.db");
        let open = move || {
            let place = make_folder(&data, &name)?;
            let connection = open_whole(&place).map_err(|error| place.unusable(error))?;
            if !is_ours {
                connection.execute("UPDATE jobs SET lease_until_ms = 0 WHERE phase = 3", [])?;
            }
            if !index.knows(project) {
                // It is new, or could not be read at the start.
                index.insert(project, look::entry(&connection)?);
            }
            Ok((connection, move |connection| place.close(connection)))
        };
        let writer = Writer::open(&label, open).await?;
        taken.opened();
        Ok(Some(writer))
    }

    fn slot(&self, project: ProjectId) -> Arc<Slot> {
        self.slots().entry(project).or_default().clone()
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<ProjectId, Arc<Slot>>> {
        // Nothing panics between two halves of a change.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Files {
    /// All at once: each takes some milliseconds to close.
    fn drop(&mut self) {
        let slots = self.slots.get_mut().unwrap_or_else(PoisonError::into_inner);
        for slot in slots.values_mut().filter_map(Arc::get_mut) {
            if let State::Open(writer) = slot.state.get_mut() {
                writer.stop();
            }
        }
    }
}

/// A place that was taken for a file: left again unless the file is opened, also when its caller goes away.
struct Taken<'f> {
    files: &'f Files,
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

/// What to do about a file that does not exist.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Make,
    Leave,
}

/// Opens a project's file on the thread that will write it.
fn open_whole(place: &Place) -> Result<Connection> {
    match place.has_traces() {
        true => place.refuse_lost()?,
        false => place.create(|connection| SCHEMA.migrate(connection))?,
    }
    let connection = place.writer(Some(&SCHEMA))?;
    SCHEMA.migrate(&connection)?;
    place.mark()?;
    Ok(connection)
}

/// What is due in a project, if it has a file.
fn glance(data: &DataDir, name: &str) -> Result<Option<Entry>> {
    let Some(place) = find_folder(data, name)? else { return Ok(None) };
    if !place.has_traces() {
        return Ok(None);
    }
    let look = || {
        place.refuse_lost()?;
        let connection = place.glance()?;
        SCHEMA.refuse_foreign(&connection)?;
        let mut entry = look::entry(&connection)?;
        if connection.prepare("SELECT 1 FROM jobs WHERE phase = 3")?.exists([])? {
            // Who held these leases is lost: the first look takes them back, whatever the clock says.
            entry.look_at = Some(0);
        }
        Ok(entry)
    };
    look().map(Some).map_err(|error| place.unusable(error))
}

fn find_folder(data: &DataDir, name: &str) -> Result<Option<Place>> {
    match data.projects().open_dir(name) {
        Ok(dir) => Ok(Some(Place::project(data, dir, &data.path().join("projects").join(name)))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io(error)),
    }
}

fn make_folder(data: &DataDir, name: &str) -> Result<Place> {
    if let Some(place) = find_folder(data, name)? {
        return Ok(place);
    }
    data_dir::private_dir(data.projects(), name).map_err(StoreError::io)?;
    data_dir::sync(data.projects()).map_err(StoreError::io)?;
    find_folder(data, name)?.ok_or(StoreError::NotFound { what: "project" })
}
