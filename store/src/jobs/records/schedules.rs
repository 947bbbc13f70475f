//! Schedules and the steps that they take.

use serde::{Deserialize, Serialize};

use super::JobId;
use crate::catalog::{FunctionId, Missed, Overlap};

/// Id of a schedule: stable for the same function and the same trigger.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScheduleId(pub String);

/// A schedule as a deploy declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleSpec {
    /// Its id.
    pub id: ScheduleId,
    /// What it starts.
    pub function: FunctionId,
    /// The expression, as written.
    pub expression: String,
    /// IANA name of the time zone.
    pub timezone: String,
    /// Path of the request.
    pub path: String,
    /// What becomes of missed slots.
    pub missed: Missed,
    /// What happens when slots overlap.
    pub overlap: Overlap,
    /// Its first slot if it is new, milliseconds since 1970.
    pub first_ms: Option<i64>,
}

/// A schedule as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// What was declared; `first_ms` is not kept.
    pub spec: ScheduleSpec,
    /// Its next slot, milliseconds since 1970; none when there is none.
    pub next_ms: Option<i64>,
    /// Its last slot that was enqueued, milliseconds since 1970.
    pub last_ms: Option<i64>,
    /// The job of that slot.
    pub last_job: Option<JobId>,
    /// Slots skipped because the job before still waited or ran.
    pub skipped: u64,
    /// Slots missed because no server ran.
    pub missed_slots: u64,
    /// It is paused: slots pass without a job.
    pub paused: bool,
}

/// A step of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing {
    /// Which.
    pub id: ScheduleId,
    /// The slot that the caller saw as the next.
    pub expected_ms: i64,
    /// The slot after those that are now dealt with.
    pub next_ms: Option<i64>,
    /// Slots to enqueue, oldest first, each with the number of slots missed before it.
    pub slots: Vec<(i64, u32)>,
    /// Slots that are counted as missed.
    pub missed: u64,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fired {
    /// These jobs were enqueued: none for slots that are not after the last one, and one for slots that replace
    /// each other.
    Enqueued(Vec<JobId>),
    /// The job before still waits or runs: skipped and counted.
    Skipped,
    /// Somebody else has moved the schedule on, or it is gone or paused.
    Stale,
}

/// Whether a schedule's slots make jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// They do not.
    Pause,
    /// They do again, from this slot on (milliseconds since 1970).
    Resume(Option<i64>),
}
