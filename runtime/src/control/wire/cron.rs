//! Schedules.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A schedule and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleView {
    /// Stable as long as function, expression, time zone and path are the same.
    pub id: String,
    /// Name of the function that it starts.
    pub function: String,
    /// What was declared.
    #[serde(flatten)]
    pub trigger: CronTrigger,
    /// The next slot; none when there is none, or none is known.
    pub next_ms: Option<i64>,
    /// The last slot that became a job.
    pub last_ms: Option<i64>,
    /// That job.
    pub last_job: Option<Uuid>,
    /// Its slots pass without a job.
    pub paused: bool,
    /// Slots skipped because the job before still waited or ran.
    pub skipped: u64,
    /// Slots missed because no server ran.
    pub missed_slots: u64,
}

/// When and how a schedule starts its function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CronTrigger {
    /// Five fields, or a nickname such as `@daily`.
    pub schedule: String,
    /// IANA name of the time zone.
    pub timezone: String,
    /// Path of the request for guests without `ostro:triggers/scheduled`.
    pub path: String,
    /// What becomes of slots that passed while no server ran.
    pub missed: Missed,
    /// What happens when a slot comes while the one before still waits or runs.
    pub overlap: Overlap,
}

/// What becomes of slots that passed while no server ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Missed {
    /// The latest runs, and is told how many were missed.
    Once,
    /// None runs.
    Skip,
    /// All run, the latest 100 at most.
    All,
}

/// What happens when a slot comes while the job of an earlier slot still waits or runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Overlap {
    /// The slot is skipped and counted.
    Forbid,
    /// Both run.
    Allow,
    /// The earlier job is cancelled.
    Replace,
}

/// Answer of `GET …/cron`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleList {
    /// By function and expression.
    pub schedules: Vec<ScheduleView>,
}
