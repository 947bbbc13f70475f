//! What is kept of an invocation: its record, its bill, its log lines.

use serde::{Deserialize, Serialize};
use store::catalog::FunctionId;
use utoipa::ToSchema;
use uuid::Uuid;

/// What a run used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Bill {
    /// CPU, microseconds.
    pub cpu_us: u64,
    /// Wall time from arrival to the end of the guest's work, microseconds.
    pub wall_us: u64,
    /// Time spent waiting for capacity, microseconds (part of `wall_us`).
    pub wait_us: u64,
    /// Largest size of the instance's memory, bytes.
    pub peak_memory_bytes: u64,
    /// Request body bytes that the guest was given.
    pub bytes_in: u64,
    /// Response body bytes that the guest wrote.
    pub bytes_out: u64,
    /// What was used of each host interface that was called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host_calls: Vec<HostCalls>,
}

/// What was used of one host interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostCalls {
    /// The WIT interface, such as `wasi:http/outgoing-handler`.
    pub interface: String,
    /// Number of calls.
    pub calls: u64,
    /// Documents, rows, keys or objects that were read or written; only the interfaces of data count them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rows: u64,
    /// Bytes of them, both ways.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// How an invocation ended. The names are the stable codes of the docs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeCode {
    /// The guest answered.
    Ok,
    /// No capacity within the waiting time.
    Busy,
    /// The project is over its rate.
    Rate,
    /// The CPU budget was spent.
    CpuLimit,
    /// No response head in time, or the stream stood still or lasted too long.
    Deadline,
    /// A memory grow was refused and the guest then trapped.
    MemoryLimit,
    /// The guest trapped.
    Trap,
    /// The guest ended without an answer.
    NoResponse,
    /// The guest's answer was malformed.
    BadResponse,
    /// The guest ended well and said that its job, or a message of it, failed.
    Failed,
    /// The request body was larger than allowed.
    TooLarge,
    /// The client went away and the function asked for cancellation.
    Cancelled,
    /// The host failed.
    Internal,
}

impl OutcomeCode {
    /// The stable name, as answers, logs and metrics show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Busy => "busy",
            Self::Rate => "rate",
            Self::CpuLimit => "cpu_limit",
            Self::Deadline => "deadline",
            Self::MemoryLimit => "memory_limit",
            Self::Trap => "trap",
            Self::NoResponse => "no_response",
            Self::BadResponse => "bad_response",
            Self::Failed => "failed",
            Self::TooLarge => "too_large",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}

/// One ended invocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvocationRecord {
    /// UUIDv7, the `ostro-invocation` of the answer.
    pub id: Uuid,
    /// The function.
    #[schema(value_type = Uuid)]
    pub function: FunctionId,
    /// The revision that ran.
    pub revision: u32,
    /// What started it: `http`, `function`, `async`, `cron` or `queue`.
    pub trigger: String,
    /// The invocation that called it, where a function did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Uuid>,
    /// Start, milliseconds since 1970.
    pub started_ms: i64,
    /// HTTP method and path without the query, or a line that names the event.
    pub request: String,
    /// How it ended.
    pub outcome: OutcomeCode,
    /// HTTP status of the answer, 0 where there is none.
    pub status: u16,
    /// What went wrong, for the function's owner; never sent to the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What it used.
    pub bill: Bill,
}

/// Where a log line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogStream {
    /// The guest's standard output.
    Stdout,
    /// The guest's standard error.
    Stderr,
    /// `wasi:logging`.
    Logging,
    /// Ostro itself: why an invocation failed.
    Platform,
}

/// One line of a function's log. The text is the guest's: escape it wherever it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// The function.
    #[schema(value_type = Uuid)]
    pub function: FunctionId,
    /// The revision that ran.
    pub revision: u32,
    /// The invocation.
    pub invocation: Uuid,
    /// Where it came from.
    pub stream: LogStream,
    /// `trace`, `debug`, `info`, `warn`, `error` or `critical`.
    pub level: String,
    /// The text, at most 4 KiB, secrets replaced.
    pub message: String,
}
