//! Jobs: durable requests for an invocation. One table per project, one set of rules, three ways in: a call
//! that nobody waits for, a slot of a schedule, a message of a queue.
//!
//! A job that was acknowledged runs at least once. Its failures and crashes are bounded; then it is dead,
//! kept, visible, and can be sent again. Time is the store's own. No method assumes one process: who runs a
//! job holds a lease, and only the holder's token settles it.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod message;
#[cfg(test)]
mod model;
mod policy;
mod records;
pub(crate) mod sqlite;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Notify;

pub use message::*;
pub use policy::*;
pub use records::*;

use crate::StoreError;
use crate::catalog::{FunctionId, ProjectId};

/// The outcome of a call.
pub type Result<T> = std::result::Result<T, StoreError>;

/// What a driver gives: its part of everything below, all over the same data.
#[derive(Clone)]
pub struct JobStore {
    /// The life of a job.
    pub jobs: Arc<dyn Jobs>,
    /// What people look at and purge.
    pub queues: Arc<dyn Queues>,
    /// Schedules and their slots.
    pub schedules: Arc<dyn Schedules>,
    /// What deleted functions and projects leave behind.
    pub cleanup: Arc<dyn Cleanup>,
}

/// The life of a job: enqueued, claimed, settled.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Stores all of them or none; durable when it returns, in the order given. A job whose `(lane, dedupe
    /// key)` is taken by one that is pending, running, or done within the last [`DEDUPE_WINDOW_MS`] is not
    /// stored again.
    /// `Full` when the lane would hold more than [`MAX_WAITING`] waiting jobs, when it remembers
    /// [`MAX_KEYED_DONE`] keys of done jobs and one of these has a key, or when the project's jobs would hold
    /// more than [`MAX_PROJECT_BYTES`]. Before that, done jobs lose payload and result, the oldest first.
    async fn enqueue(&self, project: ProjectId, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>>;
    /// Takes due jobs of a lane, the earliest first, and leases them: each has started once more. Of jobs with
    /// one order key only the first that is not final may be taken. Jobs past their expiry become dead here.
    ///
    /// A claim survives the process, but a power cut may undo it: then it is as if nobody had claimed.
    async fn claim(&self, project: ProjectId, claim: &Claim) -> Result<Vec<Lease>>;
    /// Settles leased jobs, each for itself; answers in the order given. A token that is no longer the job's own
    /// changes nothing.
    async fn settle(&self, project: ProjectId, settlements: Vec<Settlement>) -> Result<Vec<Settled>>;
    /// Extends leases to [`LEASE_MS`] from now; answers in the order given.
    async fn extend(&self, project: ProjectId, leases: &[LeaseRef]) -> Result<Vec<Extended>>;
    /// Takes back lapsed leases, each a crash (a driver that knows that their holders are lost, because nobody else
    /// may have the data directory, does so at its first look, whatever the clock says), ends what has expired, and forgets what was kept long enough;
    /// of every project. To be called every few seconds; it also lets go of what has not been used for a while.
    async fn reap(&self) -> Result<Reaped>;
    /// Lanes with pending jobs, with the time when the earliest is due, in no order; from memory. A job that waits
    /// for another of its order key does not count.
    async fn due(&self) -> Result<Vec<Due>>;
    /// Rung whenever a job can be claimed that could not before, now or later, or schedules have changed: by an
    /// enqueue, a settlement, a redrive of this process. For one listener; a ring that nobody hears is kept.
    fn bell(&self) -> Arc<Notify>;
}

/// What people look at and purge.
#[async_trait]
pub trait Queues: Send + Sync {
    /// Makes queues that do not exist and sets their retention where it is given.
    async fn declare(&self, project: ProjectId, queues: &[QueueSpec]) -> Result<()>;
    /// The queues of a project with their counts, by name.
    async fn list(&self, project: ProjectId) -> Result<Vec<QueueInfo>>;
    /// The queue of that name with its retention, without counts: the look-up of every send.
    async fn spec(&self, project: ProjectId, name: &str) -> Result<Option<QueueSpec>>;
    /// One job.
    async fn show(&self, project: ProjectId, id: JobId) -> Result<Option<Job>>;
    /// Jobs of a lane in that state: pending ones in the order in which they would be claimed, others newest first.
    async fn peek(
        &self,
        project: ProjectId,
        lane: &Lane,
        state: JobState,
        limit: u32,
        view: View,
    ) -> Result<Vec<Job>>;
    /// Makes dead jobs pending again with fresh counts and a fresh expiry, behind the others of their order key:
    /// those named, or all of the lane; how many there were. One whose dedupe key is another job's by now stays
    /// dead. `Full` when the lane has no room: they are redriven in chunks, each in one transaction, and the
    /// chunks before the one that found no room stay redriven.
    async fn redrive(&self, project: ProjectId, lane: &Lane, which: Option<&[JobId]>) -> Result<u64>;
    /// Deletes the waiting or the dead jobs of a lane; how many there were. Running and done ones stay.
    async fn purge(&self, project: ProjectId, lane: &Lane, which: Purge) -> Result<u64>;
}

/// Schedules and their slots. There is no leader: whoever moves a schedule on enqueues its slot, in one
/// transaction.
#[async_trait]
pub trait Schedules: Send + Sync {
    /// Makes the project's schedules those given. One that is there keeps its next slot, its counts and whether it
    /// is paused.
    async fn reconcile(&self, project: ProjectId, schedules: &[ScheduleSpec]) -> Result<()>;
    /// The schedules of a project, by function and expression.
    async fn list(&self, project: ProjectId) -> Result<Vec<Schedule>>;
    /// Schedules of every project whose next slot has come, and that are not paused.
    async fn due(&self) -> Result<Vec<(ProjectId, Schedule)>>;
    /// When the next slot of any schedule comes, milliseconds since 1970; from memory.
    async fn next(&self) -> Result<Option<i64>>;
    /// One transaction: checks that the schedule's next slot is still the expected one and that overlapping is
    /// allowed, enqueues, moves on. A slot that is not after the schedule's last one has been dealt with and makes
    /// no job, unless that last one is still to come: then the clock was ahead. Where overlapping is forbidden,
    /// slots have the order key of their schedule; where slots replace each other, only the last makes a job, and
    /// the others count as missed.
    async fn fire(&self, project: ProjectId, firing: Firing) -> Result<Fired>;
    /// Pauses or resumes a schedule; `NotFound` when there is none of that id.
    async fn set(&self, project: ProjectId, id: &ScheduleId, pause: Pause) -> Result<()>;
}

/// What deleted functions and projects leave behind.
#[async_trait]
pub trait Cleanup: Send + Sync {
    /// Projects of which something is kept, whether or not it can be read, in no order.
    async fn projects(&self) -> Result<Vec<ProjectId>>;
    /// Ends what concerns a function that was deleted: its schedules go, its waiting calls and slots are dead
    /// with that reason. Messages of queues stay where they are.
    async fn orphan(&self, project: ProjectId, function: FunctionId, reason: &str) -> Result<()>;
    /// Deletes everything of a project, for ever: whoever enqueues for it later is told `NotFound`.
    async fn forget(&self, project: ProjectId) -> Result<()>;
}
