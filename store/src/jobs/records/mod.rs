//! What the job store keeps.

mod lineage;
mod queues;
mod schedules;

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use lineage::*;
pub use queues::*;
pub use schedules::*;

use super::{EVENT_EXPIRES_AFTER_MS, EXPIRES_AFTER_MS};
use crate::catalog::{DataChange, DataSource, FunctionId, ProjectId};

/// Id of a job (UUIDv7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub Uuid);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a job waits: the unit of claiming, of concurrency and of order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Calls of one function that nobody waits for.
    Async(FunctionId),
    /// Slots of one function's schedules.
    Cron(FunctionId),
    /// Changes of data of which one function is told.
    Event(FunctionId),
    /// Messages of a queue, by its name in the project.
    Queue(String),
}

impl Lane {
    /// The lane of that written form.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let function = || rest.parse().map(FunctionId).ok();
        match kind {
            "async" => function().map(Self::Async),
            "cron" => function().map(Self::Cron),
            "event" => function().map(Self::Event),
            "queue" => Some(Self::Queue(rest.to_owned())),
            _ => None,
        }
    }

    /// The function whose jobs these are; a queue's consumer may change.
    pub fn function(&self) -> Option<FunctionId> {
        match self {
            Self::Async(function) | Self::Cron(function) | Self::Event(function) => Some(*function),
            Self::Queue(_) => None,
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Async(function) => write!(f, "async:{}", function.0),
            Self::Cron(function) => write!(f, "cron:{}", function.0),
            Self::Event(function) => write!(f, "event:{}", function.0),
            Self::Queue(name) => write!(f, "queue:{name}"),
        }
    }
}

/// What a job is of, beside its payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Trigger {
    /// A call that nobody waits for: an HTTP request to the function.
    Async {
        /// Method.
        method: String,
        /// Path and query.
        path: String,
        /// Where it comes from; from outside where nothing is stored.
        #[serde(default)]
        lineage: Lineage,
    },
    /// A slot of a schedule.
    Cron {
        /// The schedule.
        schedule: ScheduleId,
        /// The slot, milliseconds since 1970.
        slot_ms: i64,
        /// Slots before it that nobody ran.
        missed: u32,
    },
    /// A change of data: the payload is what became of it, as JSON.
    Event {
        /// Of which data.
        source: DataSource,
        /// Which change.
        change: DataChange,
        /// The `_id` of the document, or the key of the object.
        subject: String,
    },
    /// A message of a queue.
    Queue,
}

/// A job to be enqueued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Where it waits.
    pub lane: Lane,
    /// What it is of.
    pub trigger: Trigger,
    /// At most [`super::MAX_PAYLOAD_BYTES`].
    pub payload: Bytes,
    /// Media type of the payload; empty when nobody said.
    pub content_type: String,
    /// Not before that many milliseconds from now.
    pub delay_ms: u64,
    /// Stored once per lane and window.
    pub dedupe_key: Option<String>,
    /// One in flight per lane and key, first in first out.
    pub order_key: Option<String>,
    /// Dead if it has not ended that many milliseconds after it was due. If none, a message has its queue's
    /// retention, and anything else never expires.
    pub expires_after_ms: Option<u64>,
}

impl NewJob {
    /// A job without payload and keys, due at once. A message expires with its queue's retention, an event after
    /// [`EVENT_EXPIRES_AFTER_MS`], anything else after [`EXPIRES_AFTER_MS`].
    pub fn new(lane: Lane, trigger: Trigger) -> Self {
        let expires_after_ms = match &lane {
            Lane::Async(_) | Lane::Cron(_) => Some(EXPIRES_AFTER_MS),
            Lane::Event(_) => Some(EVENT_EXPIRES_AFTER_MS),
            Lane::Queue(_) => None,
        };
        Self {
            lane,
            trigger,
            payload: Bytes::new(),
            content_type: String::new(),
            delay_ms: 0,
            dedupe_key: None,
            order_key: None,
            expires_after_ms,
        }
    }
}

/// What came of a job to be enqueued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enqueued {
    /// It is stored.
    New(JobId),
    /// Its dedupe key is taken by this one.
    Duplicate(JobId),
}

impl Enqueued {
    /// The job that stands for what was asked.
    pub fn id(self) -> JobId {
        match self {
            Self::New(id) | Self::Duplicate(id) => id,
        }
    }
}

/// How far a job has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobState {
    /// It waits: for its time, or for a place.
    Pending,
    /// Somebody holds its lease.
    Running,
    /// It has succeeded.
    Done,
    /// It has failed or crashed too often, has expired, or was replaced.
    Dead,
}

/// A job as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Where it waits.
    pub lane: Lane,
    /// What it is of.
    pub trigger: Trigger,
    /// Payload.
    pub payload: Bytes,
    /// Media type of the payload; empty when nobody said.
    pub content_type: String,
    /// How far it has come.
    pub state: JobState,
    /// When it was enqueued, milliseconds since 1970.
    pub enqueued_ms: i64,
    /// When it is due, milliseconds since 1970.
    pub run_at_ms: i64,
    /// When it was done or dead, milliseconds since 1970.
    pub finished_ms: Option<i64>,
    /// Times that it was claimed.
    pub starts: u32,
    /// Times that it failed.
    pub failures: u32,
    /// Times that whoever ran it was lost.
    pub crashes: u32,
    /// Failures that make it dead, as the last claim said.
    pub attempts: u32,
    /// Messages that may share a batch with it, itself included; none when its queue decides.
    pub split: Option<u32>,
    /// End of the lease, milliseconds since 1970.
    pub lease_until_ms: Option<i64>,
    /// Stored once per lane and window.
    pub dedupe_key: Option<String>,
    /// One in flight per lane and key.
    pub order_key: Option<String>,
    /// When it expires, milliseconds since 1970.
    pub expires_ms: Option<i64>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// What it gave.
    pub result: Option<JobResult>,
}

/// How much of a job a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// All of it.
    Whole,
    /// Without payload (it is empty) and result (there is none): neither is read.
    Heads,
}

/// What a call that nobody waited for gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobResult {
    /// The invocation that gave it.
    pub invocation: Uuid,
    /// HTTP status.
    pub status: u16,
    /// Media type, if it said.
    pub content_type: Option<String>,
    /// The body, cut at [`super::MAX_RESULT_BYTES`].
    pub body: Vec<u8>,
    /// The body was longer.
    pub cut: bool,
}

/// A wish for jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Of which lane.
    pub lane: Lane,
    /// How many at most.
    pub limit: u32,
    /// Failures that make them dead.
    pub attempts: u32,
    /// Whether jobs that have crashed may be among them.
    pub suspects: Suspects,
}

/// Jobs that have crashed before may bring the process down again, and their neighbours with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspects {
    /// None of them.
    Leave,
    /// One of them and nothing else, if one is due.
    One,
}

/// The secret of a lease: a new one with every claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseToken(pub Uuid);

/// A claimed job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The job as it is now.
    pub job: Job,
    /// What settles it.
    pub token: LeaseToken,
}

impl Lease {
    /// Names the lease without the job.
    pub fn to_ref(&self) -> LeaseRef {
        LeaseRef { id: self.job.id, token: self.token }
    }
}

/// Names a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseRef {
    /// The job.
    pub id: JobId,
    /// What settles it.
    pub token: LeaseToken,
}

/// How a leased job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Which.
    pub lease: LeaseRef,
    /// How.
    pub end: End,
}

/// How one run of a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It succeeded.
    Done(Option<JobResult>),
    /// It failed: tried again after a back-off, or after `delay_ms` where the guest asked for that; dead at
    /// the claim's `attempts`.
    Failed {
        /// What went wrong.
        error: String,
        /// When the guest wants it again, milliseconds from now.
        delay_ms: Option<u64>,
        /// What it gave all the same.
        result: Option<JobResult>,
    },
    /// A batch of several failed as a whole, and nobody knows by whom: not counted, tried again at once and
    /// before those behind it, in a batch of at most `split`.
    Split {
        /// What went wrong.
        error: String,
        /// Half of the batch, rounded up.
        split: u32,
    },
    /// It did not run to its end through no fault of its own: no capacity, the server stops, the host
    /// failed. Counted as nothing.
    Released {
        /// Why.
        reason: String,
        /// Not before that many milliseconds from now.
        delay_ms: u64,
    },
}

/// What a settlement did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The job is done.
    Done,
    /// It is pending again.
    Pending {
        /// When it is due, milliseconds since 1970.
        run_at_ms: i64,
    },
    /// It is dead.
    Dead,
    /// The token is not the job's: nothing changed.
    Stale,
}

/// What an extension did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extended {
    /// The lease holds.
    Held,
    /// The token is not the job's: its run is worth nothing any more.
    Stale,
}

/// What was found by looking through all jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reaped {
    /// Lapsed leases that are pending again.
    pub crashed: u64,
    /// Jobs that have become dead: by crashes or by expiry.
    pub dead: u64,
    /// Jobs that were kept long enough and are forgotten.
    pub forgotten: u64,
}

impl Reaped {
    /// Both together.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            crashed: self.crashed + other.crashed,
            dead: self.dead + other.dead,
            forgotten: self.forgotten + other.forgotten,
        }
    }
}

/// A lane with pending jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Whose.
    pub project: ProjectId,
    /// Which.
    pub lane: Lane,
    /// When its earliest job is due, milliseconds since 1970.
    pub at_ms: i64,
}
