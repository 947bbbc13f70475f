//! Jobs: calls that nobody waits for, slots of schedules, messages of queues.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// A job with its payload and, once there is one, its result; a list of a function's jobs leaves both out. Whoever
/// may read the project sees them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobView {
    /// UUIDv7.
    pub id: Uuid,
    /// Name of the function whose call or slot it is; its id when the function has been deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// Name of the queue whose message it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// What it is of.
    #[serde(flatten)]
    pub trigger: JobTrigger,
    /// How far it has come.
    pub state: JobState,
    /// When it was enqueued.
    pub enqueued_ms: i64,
    /// When it is due.
    pub run_at_ms: i64,
    /// When it was done or dead.
    pub finished_ms: Option<i64>,
    /// When it is given up, whatever state it is in.
    pub expires_ms: Option<i64>,
    /// Times that it was started.
    pub starts: u32,
    /// Times that it failed.
    pub failures: u32,
    /// Times that whoever ran it was lost.
    pub crashes: u32,
    /// Dedupe key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Order key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// Media type of the payload; empty when nobody said.
    pub content_type: String,
    /// The payload: its text, or base64 of it. Not in a list of a function's jobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// The payload is not UTF-8, so `payload` is base64.
    pub base64: bool,
    /// What the handler answered over HTTP, of calls only. Null in a list of a function's jobs.
    pub result: Option<JobResult>,
}

/// What a job is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "trigger", rename_all = "lowercase")]
pub enum JobTrigger {
    /// A call that nobody waits for.
    Async {
        /// HTTP method.
        method: String,
        /// Path and query.
        path: String,
    },
    /// A slot of a schedule.
    Cron {
        /// Id of the schedule.
        schedule_id: String,
        /// The slot.
        slot_ms: i64,
        /// Slots before it that nobody ran.
        missed: u32,
    },
    /// A change of data.
    Event {
        /// Of which data, such as `collection:entries`.
        source: String,
        /// `insert`, `update` or `delete` of a document, `put` or `delete` of an object.
        change: String,
        /// The `_id` of the document, or the key of the object.
        subject: String,
    },
    /// A message of a queue.
    Queue,
}

/// How far a job has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// For its time, for a place, or for the next attempt.
    Waiting,
    /// It is being run.
    Running,
    /// It has succeeded.
    Done,
    /// It has failed or crashed too often, has expired, or was replaced. Kept, and can be redriven.
    Dead,
}

impl JobState {
    /// All of them, in the order in which a job goes through them.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Running, Self::Done, Self::Dead];

    /// Its word, in JSON and in queries.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }
}

/// What the handler answered over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobResult {
    /// HTTP status.
    pub status: u16,
    /// Media type, if it said.
    pub content_type: Option<String>,
    /// The body, cut at 64 KiB: its text, or base64 of it.
    pub body: String,
    /// The body is not UTF-8, so `body` is base64.
    pub base64: bool,
    /// The body was longer.
    pub cut: bool,
    /// Id of the invocation that gave it.
    pub invocation: Uuid,
}

/// Answer of what is done later: the job is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    /// Id of the job.
    pub job: Uuid,
}

/// Query of `GET …/functions/{function}/jobs` and of `GET …/queues/{queue}/messages`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct JobQuery {
    /// `waiting`, `running`, `done` or `dead`. Unless given: every job of a function, the messages of a queue that
    /// wait.
    #[param(required = false, inline)]
    pub state: Option<JobState>,
    /// Longest answer: 20 by default, 100 at most.
    #[param(required = false, maximum = 100)]
    pub limit: Option<u32>,
}

/// Answer of `GET …/functions/{function}/jobs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobList {
    /// Newest first, without payloads and results.
    pub jobs: Vec<JobView>,
}

/// Answer of `POST …/redrive`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Redriven {
    /// How many dead jobs wait again, with fresh counts.
    pub redriven: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_the_same_word_everywhere() {
        for state in JobState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }
}
