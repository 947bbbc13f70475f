//! What is due in which project, in memory: nobody opens a project's file only to find nothing in it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::sync::Notify;

use super::{LOOK_AGAIN_MS, look};
use crate::catalog::ProjectId;
use crate::jobs::{Due, Lane, Result};
use crate::project::{Account, Time};

/// The index of all projects.
#[derive(Default)]
pub(crate) struct Index {
    projects: Mutex<HashMap<ProjectId, Entry>>,
    bell: Arc<Notify>,
}

/// What is due in one project; times in milliseconds since 1970.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// Lanes with jobs that can be claimed, now or later, and when the first of them can.
    pub(super) lanes: BTreeMap<Lane, i64>,
    /// Queues and their retention, milliseconds: every sender asks for it.
    pub(super) queues: BTreeMap<String, i64>,
    /// When the next slot of a schedule comes.
    pub(super) next_slot: Option<i64>,
    /// When the schedules could not be read: their slots are left alone for a while.
    pub(super) unreadable_ms: Option<i64>,
    /// No lease lapses, nothing expires and nothing is to be forgotten before that.
    pub(super) look_at: Option<i64>,
}

/// What a committed change makes different.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// Lanes, and when their first job can be claimed now.
    pub(super) lanes: Vec<(Lane, Option<i64>)>,
    /// Queues that are new or have another retention.
    pub(super) queues: Vec<(String, i64)>,
    /// The next slot, if schedules have changed.
    pub(super) next_slot: Option<Option<i64>>,
    /// Something lapses, expires or is to be forgotten at that time.
    pub(super) look_at: Option<i64>,
    /// Takes the place of what was known so far: the project has been looked through.
    pub(super) looked: bool,
    /// Something can be claimed that could not before, or a slot may come earlier.
    pub(super) ring: bool,
}

impl Index {
    /// Whether the project's file was ever read.
    pub(super) fn knows(&self, project: ProjectId) -> bool {
        self.lock().contains_key(&project)
    }

    /// Applies a change that is durable now. Changes of a project come in the order of their commits.
    pub(super) fn apply(&self, project: ProjectId, moved: &mut Moved) {
        let mut projects = self.lock();
        // A project that is being forgotten has no entry any more.
        let Some(entry) = projects.get_mut(&project) else { return };
        for (lane, at) in moved.lanes.drain(..) {
            match at {
                Some(at) => entry.lanes.insert(lane, at),
                None => entry.lanes.remove(&lane),
            };
        }
        entry.queues.extend(moved.queues.drain(..));
        if let Some(next) = moved.next_slot {
            (entry.next_slot, entry.unreadable_ms) = (next, None);
        }
        entry.look_at = match moved.looked {
            true => moved.look_at,
            false => earlier(entry.look_at, moved.look_at),
        };
        drop(projects);
        if moved.ring {
            self.bell.notify_one();
        }
    }

    /// Lanes with jobs that can be claimed, now or later.
    pub(super) fn due(&self) -> Vec<Due> {
        let projects = self.lock();
        let lanes = projects.iter().flat_map(|(project, entry)| {
            entry.lanes.iter().map(|(lane, at)| Due { project: *project, lane: lane.clone(), at_ms: *at })
        });
        lanes.collect()
    }

    /// The retention of a queue; the outer `None` when nothing is known of the project.
    pub(super) fn retention(&self, project: ProjectId, queue: &str) -> Option<Option<i64>> {
        self.lock().get(&project).map(|entry| entry.queues.get(queue).copied())
    }

    /// When the next slot of any schedule comes that can be read.
    pub(super) fn next_slot(&self, now: i64) -> Option<i64> {
        self.lock().values().filter_map(|entry| entry.readable_slot(now)).min()
    }

    /// Projects with a schedule whose slot has come.
    pub(super) fn with_slots(&self, now: i64) -> Vec<ProjectId> {
        self.those(|entry| entry.readable_slot(now).is_some_and(|at| at <= now))
    }

    /// Projects that must be looked through.
    pub(super) fn to_look_at(&self, now: i64) -> Vec<ProjectId> {
        self.those(|entry| entry.look_at.is_some_and(|at| at <= now))
    }

    /// Leaves a project that cannot be looked through alone until then.
    pub(super) fn look_again(&self, project: ProjectId, at: i64) {
        if let Some(entry) = self.lock().get_mut(&project) {
            entry.look_at = Some(at);
        }
    }

    /// Leaves the schedules of a project, which could not be read, alone for a while.
    pub(super) fn no_slots(&self, project: ProjectId, now: i64) {
        if let Some(entry) = self.lock().get_mut(&project) {
            entry.unreadable_ms = Some(now);
        }
    }

    /// Rung when something can be claimed.
    pub(super) fn bell(&self) -> Arc<Notify> {
        self.bell.clone()
    }

    fn those(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<ProjectId> {
        let projects = self.lock();
        projects.iter().filter(|(_, entry)| wanted(entry)).map(|(project, _)| *project).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProjectId, Entry>> {
        // Nothing panics between two halves of a change.
        self.projects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account for Index {
    fn found(&self, project: ProjectId, connection: &Connection) -> Result<()> {
        let mut entry = look::entry(connection)?;
        if look::has_leases(connection)? {
            // Who held them is lost: the first look takes them back, whatever the clock says.
            entry.look_at = Some(0);
        }
        self.lock().insert(project, entry);
        Ok(())
    }

    fn opened(&self, project: ProjectId, connection: &Connection, time: Time) -> Result<()> {
        if time == Time::First {
            look::end_leases(connection)?;
        }
        if !self.knows(project) {
            // It is new, or could not be read at the start.
            let entry = look::entry(connection)?;
            self.lock().insert(project, entry);
        }
        Ok(())
    }

    fn forgotten(&self, project: ProjectId) {
        self.lock().remove(&project);
    }
}

impl Entry {
    /// The next slot, unless it could not be read just now; a clock that was turned back ends the wait.
    fn readable_slot(&self, now: i64) -> Option<i64> {
        let waits = self.unreadable_ms.is_some_and(|at| (at..at + LOOK_AGAIN_MS).contains(&now));
        self.next_slot.filter(|_| !waits)
    }
}

/// The earlier of two times, where there is one.
pub(super) fn earlier(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
