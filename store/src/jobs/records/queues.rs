//! Queues, as they are declared and as they are looked at.

/// A queue as a deploy declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSpec {
    /// Name within the project.
    pub name: String,
    /// How long messages are kept, waiting or dead, milliseconds; none keeps what is set, at first 14 days.
    pub retention_ms: Option<i64>,
}

/// A queue and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueInfo {
    /// Name within the project.
    pub name: String,
    /// How long messages are kept, milliseconds.
    pub retention_ms: i64,
    /// Pending messages, those that are not due yet included.
    pub waiting: u64,
    /// Leased messages.
    pub running: u64,
    /// Messages done and still remembered.
    pub done: u64,
    /// Dead messages.
    pub dead: u64,
    /// Enqueueing of the oldest pending message, milliseconds since 1970.
    pub oldest_ms: Option<i64>,
}

/// What to delete from a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purge {
    /// Pending jobs.
    Waiting,
    /// Dead jobs.
    Dead,
}
