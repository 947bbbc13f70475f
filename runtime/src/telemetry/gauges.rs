//! Numbers of the whole server that go up and down.

use std::sync::atomic::AtomicU64;

/// Set by whoever owns the number, read by the metrics.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Open connections of the data plane.
    pub connections: AtomicU64,
    /// Invocations that run.
    pub running: AtomicU64,
    /// Linear memory of all instances, bytes.
    pub memory_bytes: AtomicU64,
    /// Compiled revisions that are mapped.
    pub loaded_code: AtomicU64,
    /// Artifacts compiled again because the cached one was missing or not trusted; only goes up.
    pub recompiled_artifacts: AtomicU64,
}
