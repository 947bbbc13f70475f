//! What functions did: invocation records, counters, logs, metrics.
//!
//! [`Telemetry::finished`] and [`Telemetry::log`] are on the way of every request: they take one lock of
//! their function, never touch a file and never wait. Files belong to one writer thread behind a bounded
//! channel; what does not fit is dropped and counted. Everything here is best effort, except that hourly
//! totals reach the catalog within a minute and at shutdown.

mod gauges;
mod metrics;
pub mod record;
mod segments;
mod stats;
mod writer;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::fs::Dir;
use dashmap::DashMap;
use store::catalog::{FunctionId, Totals};
use tokio::sync::{broadcast, mpsc, oneshot};

pub use gauges::Gauges;
pub use metrics::CONTENT_TYPE as METRICS_CONTENT_TYPE;
pub use record::{Bill, HostCalls, InvocationRecord, LogLine, LogStream, OutcomeCode};

use crate::clock::Clock;
use segments::{Kind, Position, Reading};
use stats::{Forgotten, Stats};
use writer::{Command, Synced, Writer};

/// Records of a function that are kept in memory.
pub const RECENT_RECORDS: usize = 1_000;
/// Lines and failures that wait for the writer thread, of all functions.
const QUEUE: usize = 8_192;
/// Lines of one function among them, so that a loud function leaves room for its neighbours.
const QUEUE_PER_FUNCTION: u32 = 2_048;

/// What [`Telemetry::start`] needs.
pub struct TelemetryOptions {
    /// Folder `logs/` of the data directory; a folder per function is made in it.
    pub logs: Dir,
    /// Where hourly totals are added.
    pub totals: Arc<dyn Totals>,
    /// Time, for expiry.
    pub clock: Clock,
    /// Log kept of one function, bytes; oldest lines go first. 64 MiB by default.
    pub log_bytes_per_function: u64,
    /// Days that a log is kept. 14 by default.
    pub log_days: u32,
}

impl TelemetryOptions {
    /// Options with the default limits.
    pub fn new(logs: Dir, totals: Arc<dyn Totals>, clock: Clock) -> Self {
        Self { logs, totals, clock, log_bytes_per_function: 64 << 20, log_days: 14 }
    }
}

/// The sink of everything that functions leave behind. Shared by all executors.
pub struct Telemetry {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
    logs: Arc<Dir>,
}

/// What the writer thread shares with the callers.
struct Shared {
    functions: DashMap<FunctionId, Arc<Stats>>,
    forgotten: Forgotten,
    gauges: Arc<Gauges>,
    /// Failures that did not fit the writer's queue.
    dropped_failures: AtomicU64,
    /// Lines and failures that could not be written.
    write_errors: AtomicU64,
}

/// Ends the writer thread in order. Dropped without [`TelemetryGuard::shutdown`], up to 200 ms of log and a
/// minute of hourly totals are lost.
#[must_use = "shutdown() flushes the logs and the hourly totals"]
pub struct TelemetryGuard {
    commands: mpsc::Sender<Command>,
}

impl TelemetryGuard {
    /// Writes what is queued and adds the last totals to the catalog.
    pub async fn shutdown(self) {
        let (reply, stopped) = oneshot::channel();
        if self.commands.send(Command::Stop(reply)).await.is_ok() {
            // An error means that the writer has ended already: nothing is left to wait for.
            let _ = stopped.await;
        }
    }
}

impl Telemetry {
    /// Starts the writer thread. Fails when the system gives no thread.
    pub fn start(options: TelemetryOptions) -> io::Result<(Arc<Self>, TelemetryGuard)> {
        let (commands, receiver) = mpsc::channel(QUEUE);
        let shared = Arc::new(Shared {
            functions: DashMap::new(),
            forgotten: Forgotten::default(),
            gauges: Arc::new(Gauges::default()),
            dropped_failures: AtomicU64::new(0),
            write_errors: AtomicU64::new(0),
        });
        let logs = Arc::new(options.logs.try_clone()?);
        Writer::spawn(options, Arc::clone(&shared), receiver)?;
        let guard = TelemetryGuard { commands: commands.clone() };
        Ok((Arc::new(Self { shared, commands, logs }), guard))
    }

    /// Counts and keeps an ended invocation; what failed inside the guest is also written to disk.
    pub fn finished(&self, record: InvocationRecord) {
        let Some(stats) = self.shared.stats(record.function) else { return };
        if stats::verdict(record.outcome).is_written() {
            let failure = Command::Failure(Box::new(record.clone()));
            if self.commands.try_send(failure).is_err() {
                self.shared.dropped_failures.fetch_add(1, Ordering::Relaxed);
            }
        }
        stats.count(record);
    }

    /// Queues a line for the function's log and its followers; dropped and counted when the queue is full.
    pub fn log(&self, line: LogLine) {
        let Some(stats) = self.shared.stats(line.function) else { return };
        if !stats.reserve_line(QUEUE_PER_FUNCTION) {
            return;
        }
        let Err(refused) = self.commands.try_send(Command::Line(line, stats)) else { return };
        if let Command::Line(_, stats) = refused.into_inner() {
            stats.drop_line();
        }
    }

    /// The newest invocations in memory, newest first.
    pub fn recent(&self, function: FunctionId, limit: usize) -> Vec<InvocationRecord> {
        match self.shared.functions.get(&function) {
            Some(stats) => stats.recent(limit),
            None => Vec::new(),
        }
    }

    /// The newest invocations, newest first: those in memory, then older failures from disk (such as those
    /// from before the last start).
    pub async fn invocations(&self, function: FunctionId, limit: usize) -> io::Result<Vec<InvocationRecord>> {
        let mut records = self.recent(function, limit);
        let Some(room) = limit.checked_sub(records.len()).filter(|room| *room > 0) else {
            return Ok(records);
        };
        let reading = Reading { kind: Kind::Failure, since_ms: i64::MIN, limit: limit.saturating_mul(2) };
        let Synced { position, .. } = self.sync(function, Kind::Failure, Follow::No).await?;
        let mut written: Vec<InvocationRecord> = self.read(function, reading, position).await?;
        let known: std::collections::HashSet<_> = records.iter().map(|record| record.id).collect();
        written.retain(|record| !known.contains(&record.id));
        written.sort_by_key(|record| std::cmp::Reverse(record.started_ms));
        records.extend(written.into_iter().take(room));
        Ok(records)
    }

    /// Invocations and failures of a function since the start.
    pub fn counts(&self, function: FunctionId) -> (u64, u64) {
        self.shared.functions.get(&function).map_or((0, 0), |stats| stats.counts())
    }

    /// The newest `limit` lines that are not older than `since_ms`, oldest first; at most 8 MiB of them.
    /// Every line that [`Telemetry::log`] took before this call is there.
    pub async fn logs(&self, function: FunctionId, since_ms: i64, limit: usize) -> io::Result<Vec<LogLine>> {
        let Synced { position, .. } = self.sync(function, Kind::Log, Follow::No).await?;
        self.read(function, Reading { kind: Kind::Log, since_ms, limit }, position).await
    }

    /// The same lines as [`Telemetry::logs`], and every later one, none twice and none left out. A receiver
    /// that is more than 1,024 lines behind is told how many it has missed.
    pub async fn follow(
        &self,
        function: FunctionId,
        since_ms: i64,
        limit: usize,
    ) -> io::Result<(Vec<LogLine>, broadcast::Receiver<LogLine>)> {
        let Synced { position, later } = self.sync(function, Kind::Log, Follow::Yes).await?;
        let past = self.read(function, Reading { kind: Kind::Log, since_ms, limit }, position).await?;
        Ok((past, later.ok_or_else(ended)?))
    }

    /// Forgets a deleted function: its counters now, its files soon. What its last invocations still
    /// report is ignored.
    pub fn forget(&self, function: FunctionId) {
        self.shared.forgotten.add(function);
        self.shared.functions.remove(&function);
        // Only a reminder to act now: the writer looks at the list again with every flush.
        let _ = self.commands.try_send(Command::Forget);
    }

    /// The server's gauges; whoever owns a number sets it.
    pub fn gauges(&self) -> &Arc<Gauges> {
        &self.shared.gauges
    }

    /// All metrics in OpenMetrics text. `names` gives project and function of an id; functions that it
    /// does not know are left out.
    pub fn render(&self, names: &dyn Fn(FunctionId) -> Option<(String, String)>) -> String {
        metrics::render(&self.shared, names)
    }

    /// Waits until everything queued so far is written; tells up to where to read.
    async fn sync(&self, function: FunctionId, kind: Kind, follow: Follow) -> io::Result<Synced> {
        let (reply, synced) = oneshot::channel();
        let command = Command::Sync { function, kind, follow, reply };
        self.commands.send(command).await.map_err(|_| ended())?;
        synced.await.map_err(|_| ended())?
    }

    /// Reads on a blocking thread.
    async fn read<T>(
        &self,
        function: FunctionId,
        reading: Reading,
        position: Option<Position>,
    ) -> io::Result<Vec<T>>
    where
        T: segments::Dated + Send + 'static,
    {
        let Some(position) = position else { return Ok(Vec::new()) };
        let logs = Arc::clone(&self.logs);
        tokio::task::spawn_blocking(move || segments::read(&logs, function, &reading, &position))
            .await
            .map_err(io::Error::other)?
    }
}

/// Whether a synchronisation also subscribes to later lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follow {
    Yes,
    No,
}

impl Shared {
    /// The function's counters, made at first use; `None` when it was deleted.
    fn stats(&self, function: FunctionId) -> Option<Arc<Stats>> {
        if let Some(stats) = self.functions.get(&function) {
            return Some(Arc::clone(&stats));
        }
        if self.forgotten.contains(function) {
            return None;
        }
        Some(Arc::clone(&self.functions.entry(function).or_insert_with(|| Arc::new(Stats::new(function)))))
    }
}

fn ended() -> io::Error {
    io::Error::other("the log writer has ended")
}

#[cfg(test)]
mod tests;
