//! Queues and their messages.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::JobView;

/// Messages in one batch, and ids in one redrive.
pub const MAX_BATCH_MESSAGES: usize = store::jobs::MAX_ENQUEUE;
/// JSON of one batch, bytes.
pub const MAX_BATCH_BYTES: usize = 8 << 20;
/// Payload of one message or call, bytes.
pub const MAX_PAYLOAD_BYTES: usize = store::jobs::MAX_PAYLOAD_BYTES;

/// A queue and what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueView {
    /// Name within the project.
    pub name: String,
    /// Name of the function that consumes it, if there is one.
    pub consumer: Option<String>,
    /// How long messages are kept, waiting or dead.
    pub retention_ms: i64,
    /// Messages that wait, those that are not due yet included.
    pub waiting: u64,
    /// Messages that are being delivered.
    pub running: u64,
    /// Messages done and still remembered.
    pub done: u64,
    /// Messages given up: failed or crashed too often, or expired.
    pub dead: u64,
    /// When the oldest waiting message was sent.
    pub oldest_ms: Option<i64>,
}

/// Answer of `GET …/queues`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueList {
    /// By name.
    pub queues: Vec<QueueView>,
}

/// Query of `POST …/queues/{queue}/messages`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct SendQuery {
    /// Not before that much time: `250ms`, `10s`, `5m`, `2h`, `1d`; 14 days at most.
    #[param(required = false, example = "10s")]
    pub delay: Option<String>,
    /// Dedupe key, 1 to 256 bytes: a second message with it is not stored while the first waits or runs, and for
    /// 24 hours after it is done.
    #[param(required = false)]
    pub key: Option<String>,
    /// Order key, 1 to 256 bytes: messages with it are delivered one after the other, in the order sent.
    #[param(required = false)]
    pub order: Option<String>,
}

/// Body of `POST …/queues/{queue}/batch`: all of it is stored, or nothing.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// 1 to 1,000, stored in this order.
    pub messages: Vec<NewMessage>,
}

/// A message of a batch.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// The payload, at most 128 KiB: a string is sent as its text, any other JSON as it is written.
    #[schema(value_type = Object)]
    pub body: Box<RawValue>,
    /// The string in `body` is base64 of the payload.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub base64: bool,
    /// Media type; unless given `text/plain; charset=utf-8` for a string, `application/json` for other JSON,
    /// `application/octet-stream` for base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// As in [`SendQuery`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<String>,
    /// As in [`SendQuery`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// As in [`SendQuery`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
}

/// Answer of `POST …/messages`: the message is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sent {
    /// The message's job.
    pub job: Uuid,
    /// It was not stored: that job has its dedupe key.
    pub duplicate: bool,
}

/// Answer of `POST …/batch`: every message is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SentBatch {
    /// In the order of the messages.
    pub jobs: Vec<Sent>,
}

/// Answer of `GET …/queues/{queue}/messages`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessageList {
    /// Waiting ones in the order in which they are delivered, others newest first.
    pub messages: Vec<JobView>,
}

/// Body of `POST …/queues/{queue}/redrive`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RedriveRequest {
    /// Which of the dead messages, at most 1,000; all unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobs: Option<Vec<Uuid>>,
}

/// Body of `POST …/queues/{queue}/purge`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PurgeRequest {
    /// What to delete.
    pub which: Purge,
}

/// What to delete from a queue; what runs and what is done stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Purge {
    /// The messages that wait.
    Waiting,
    /// The dead messages.
    Dead,
}

impl Purge {
    /// Its word, in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Dead => "dead",
        }
    }
}

/// Answer of `POST …/purge`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Purged {
    /// How many messages were deleted, for ever.
    pub purged: u64,
}
