//! Which databases are open: opened on first use, closed when nobody needs them.
//!
//! The files of projects have the same life (`store/src/project/places.rs`), but there is one for each project, it is looked
//! into at the start, and its readers are short. Here there are many, nothing is asked at the start, and whoever has a
//! database keeps it as long as a slow statement runs: so it is counted, and what is in use stays open.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Limits;
use super::database::{Database, Location};
use super::ledger::{Ledger, OnDisk};
use super::turns::Turns;
use crate::catalog::ProjectId;
use crate::project::subfolder;
use crate::sql::Result;
use crate::{DataDir, StoreClock, StoreError, StoreTimer};

/// The folder of a project's databases, in the project's.
const FOLDER: &str = "sql";

/// The databases of all projects.
pub(super) struct Places {
    data: DataDir,
    clock: StoreClock,
    timer: StoreTimer,
    limits: Limits,
    projects: Mutex<Projects>,
    /// Databases that are open or about to be.
    open: AtomicUsize,
    /// Counts uses: what was used last has the highest number.
    uses: AtomicU64,
}

#[derive(Default)]
struct Projects {
    known: HashMap<ProjectId, Arc<Project>>,
    /// Those that are gone: their ids are never used again.
    forgotten: HashSet<ProjectId>,
}

/// A project's databases.
pub(super) struct Project {
    pub(super) turns: Turns,
    pub(super) ledger: Arc<Ledger>,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

/// One database. Whoever opens or closes it holds the lock meanwhile.
#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    /// When it was used last, milliseconds since 1970.
    used_ms: AtomicI64,
    /// Which use of any database that was.
    used: AtomicU64,
}

#[derive(Default)]
enum State {
    #[default]
    Closed,
    Open(Arc<Database>),
    /// The project is gone.
    Forgotten,
}

/// A database that is open, with its project.
pub(super) type Opened = (Arc<Database>, Arc<Project>);

impl Places {
    pub(super) fn new(data: DataDir, clock: StoreClock, timer: StoreTimer, limits: Limits) -> Self {
        let (open, uses) = (AtomicUsize::new(0), AtomicU64::new(0));
        Self { data, clock, timer, limits, projects: Mutex::default(), open, uses }
    }

    /// A database for use; opened on a thread that may block, if it is not open.
    pub(super) async fn open(self: &Arc<Self>, project: ProjectId, name: &str) -> Result<Opened> {
        if let Some(opened) = self.find(project, name) {
            return Ok(opened);
        }
        let (places, name) = (self.clone(), name.to_owned());
        let open = move || places.open_now(project, &name);
        tokio::task::spawn_blocking(open).await.map_err(StoreError::driver)?
    }

    /// A project with its ledger. Blocks.
    pub(super) fn project(&self, id: ProjectId) -> Result<Arc<Project>> {
        let mut projects = self.projects();
        if projects.forgotten.contains(&id) {
            return Err(StoreError::NotFound { what: "project" }.into());
        }
        if let Some(project) = projects.known.get(&id) {
            return Ok(project.clone());
        }
        let ledger = Arc::new(Ledger::new(self.limits, self.sizes(id)?));
        let turns = Turns::new(&self.limits);
        let project = Arc::new(Project { turns, ledger, slots: Mutex::default() });
        projects.known.insert(id, project.clone());
        Ok(project)
    }

    /// Closes what nobody has used for a while. Blocks.
    pub(super) fn close_idle(&self) {
        let now = (self.clock)();
        for slot in self.slots() {
            let age = now.saturating_sub(slot.used_ms.load(Ordering::Relaxed));
            if !(0..self.limits.idle_ms).contains(&age) {
                self.close(&slot);
            }
        }
    }

    /// Closes a project's databases, which are about to be deleted, and opens them no more.
    pub(super) fn forget(&self, id: ProjectId) {
        let project = {
            let mut projects = self.projects();
            projects.forgotten.insert(id);
            projects.known.remove(&id)
        };
        let Some(project) = project else { return };
        for slot in project.slots().values() {
            if let State::Open(database) = std::mem::replace(&mut *slot.state(), State::Forgotten) {
                self.open.fetch_sub(1, Ordering::Relaxed);
                database.forget();
            }
        }
    }

    /// A database that is open, at once.
    fn find(&self, id: ProjectId, name: &str) -> Option<Opened> {
        let project = self.projects().known.get(&id)?.clone();
        let slot = project.slots().get(name)?.clone();
        let state = slot.state.try_lock().ok()?;
        let State::Open(database) = &*state else { return None };
        self.touch(&slot);
        Some((database.clone(), project))
    }

    fn open_now(&self, id: ProjectId, name: &str) -> Result<Opened> {
        let project = self.project(id)?;
        let slot = project.slots().entry(name.to_owned()).or_default().clone();
        self.touch(&slot);
        let mut state = slot.state();
        match &*state {
            State::Open(database) => return Ok((database.clone(), project.clone())),
            State::Forgotten => return Err(StoreError::NotFound { what: "project" }.into()),
            State::Closed => {}
        }
        project.ledger.add(name)?;
        self.close_surplus();
        // Still under the lock: who forgets the project waits, and then there is a folder to delete.
        let (dir, folder) = subfolder(&self.data, id, FOLDER)?;
        let location = Location { data: &self.data, dir, folder: &folder, name };
        let database = Arc::new(Database::open(location, self.timer.clone(), project.ledger.clone())?);
        self.open.fetch_add(1, Ordering::Relaxed);
        *state = State::Open(database.clone());
        drop(state);
        Ok((database, project))
    }

    fn touch(&self, slot: &Slot) {
        slot.used_ms.store((self.clock)(), Ordering::Relaxed);
        slot.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Makes place for another database: those that were used longest ago are closed first. One that is in use stays: while
    /// all are, there are more.
    fn close_surplus(&self) {
        if self.open.load(Ordering::Relaxed) < self.limits.open {
            return;
        }
        let mut slots = self.slots();
        slots.sort_by_key(|slot| slot.used.load(Ordering::Relaxed));
        for slot in slots {
            self.close(&slot);
            if self.open.load(Ordering::Relaxed) < self.limits.open {
                return;
            }
        }
    }

    /// Closes a database that nobody uses.
    fn close(&self, slot: &Slot) {
        // Who opens it has the lock.
        let Ok(mut state) = slot.state.try_lock() else { return };
        *state = match std::mem::take(&mut *state) {
            // A file whose disk failed stays as it is until a restart.
            State::Open(database) if !database.has_failed() => match Arc::try_unwrap(database) {
                Ok(database) => {
                    drop(database);
                    self.open.fetch_sub(1, Ordering::Relaxed);
                    State::Closed
                }
                Err(used) => State::Open(used),
            },
            other => other,
        };
    }

    /// The databases on the disk, with their sizes.
    fn sizes(&self, id: ProjectId) -> Result<BTreeMap<String, OnDisk>> {
        let mut sizes = BTreeMap::<String, OnDisk>::new();
        let folder = format!("{}/{FOLDER}", id.0);
        let entries = match self.data.projects().read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(sizes),
            Err(error) => return Err(StoreError::io(error).into()),
        };
        for entry in entries {
            let entry = entry.map_err(StoreError::io)?;
            let file = entry.file_name();
            let Some((name, kind)) = file.to_str().and_then(|file| file.rsplit_once('.')) else { continue };
            if crate::catalog::check_name(name).is_err() {
                continue;
            }
            let bytes = || Ok::<_, StoreError>(entry.metadata().map_err(StoreError::io)?.len());
            match kind {
                "db" => sizes.entry(name.to_owned()).or_default().file = bytes()?,
                // What a killed server left.
                "db-wal" => sizes.entry(name.to_owned()).or_default().log = bytes()?,
                _ => {}
            }
        }
        Ok(sizes)
    }

    fn slots(&self) -> Vec<Arc<Slot>> {
        let projects: Vec<_> = self.projects().known.values().cloned().collect();
        projects.iter().flat_map(|project| project.slots().values().cloned().collect::<Vec<_>>()).collect()
    }

    fn projects(&self) -> MutexGuard<'_, Projects> {
        // Nothing panics between two halves of a change.
        self.projects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Project {
    fn slots(&self) -> MutexGuard<'_, HashMap<String, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
