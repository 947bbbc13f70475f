//! What starts a function besides a client's request, and what it gives back.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use store::jobs::Lineage;
use uuid::Uuid;

use crate::instance::Failure;

/// Something that happened and that a function shall deal with, under its limits for jobs.
#[derive(Debug)]
pub struct Event {
    /// What kind of trigger it is, for records and bills.
    pub trigger: EventTrigger,
    /// One line that names it in the list of invocations, such as `queue mail, 3 messages`.
    pub summary: String,
    /// Where it comes from.
    pub lineage: Lineage,
    /// How the guest is told.
    pub call: EventCall,
}

/// What started an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventTrigger {
    /// A call that nobody waits for.
    Async,
    /// A slot of a schedule.
    Cron,
    /// A change of data.
    Data,
    /// Messages of a queue.
    Queue,
}

impl EventTrigger {
    /// The name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Async => "async",
            Self::Cron => "cron",
            Self::Data => "event",
            Self::Queue => "queue",
        }
    }
}

/// How the guest is told.
#[derive(Debug)]
pub enum EventCall {
    /// By a request to its HTTP handler.
    Http(Box<Request<Bytes>>),
    /// Through `ostro:triggers/scheduled`.
    Scheduled(Slot),
    /// Through `ostro:triggers/queued`.
    Queued {
        /// The queue's name.
        queue: String,
        /// At least one.
        messages: Vec<Message>,
    },
}

/// A slot of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Id of the job.
    pub job: String,
    /// The expression.
    pub schedule: String,
    /// The time zone.
    pub timezone: String,
    /// The slot, milliseconds since 1970.
    pub time_ms: u64,
    /// Slots before it that nobody ran.
    pub missed: u32,
    /// 1 for the first start.
    pub start: u32,
}

/// A message of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Id of the job.
    pub id: String,
    /// Payload.
    pub body: Bytes,
    /// Media type of the payload; empty when nobody said.
    pub content_type: String,
    /// When it was sent, milliseconds since 1970.
    pub sent_ms: u64,
    /// 1 for the first delivery.
    pub start: u32,
    /// Its order key.
    pub order_key: Option<String>,
}

/// What a function gave back for an event.
#[derive(Debug)]
pub struct Completed {
    /// The invocation.
    pub invocation: Uuid,
    /// What the guest answered, or why there is no answer.
    pub result: Result<Reply, Failure>,
}

/// A guest's answer to an event.
#[derive(Debug)]
pub enum Reply {
    /// Of the HTTP handler, its body read to the end.
    Http {
        /// Status.
        status: StatusCode,
        /// Headers.
        headers: HeaderMap,
        /// The body, cut at `store::jobs::MAX_RESULT_BYTES`.
        body: Bytes,
        /// The body was longer.
        cut: bool,
    },
    /// Of `scheduled`: the guest's own word, if it failed.
    Scheduled(Result<(), String>),
    /// Of `queued`: the messages that failed, or the guest's word that all have.
    Queued(Result<Vec<FailedMessage>, String>),
}

/// A message that its guest could not process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedMessage {
    /// Which.
    pub id: String,
    /// Why.
    pub reason: String,
    /// When to try it again, milliseconds from now.
    pub retry_after_ms: Option<u64>,
}
