//! The thread that owns the log files, and that carries hourly totals to the catalog.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;
use store::StoreError;
use store::catalog::{FunctionId, HourTotal};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::record::{InvocationRecord, LogLine};
use super::segments::{self, Appender, Kind, Position, Retention};
use super::stats::Stats;
use super::{Follow, Shared, TelemetryOptions};

/// Commands taken from the queue at once.
const BATCH: usize = 256;
/// Files kept open; the one not written for longest is closed first.
const OPEN_FILES: usize = 128;
/// Lines that a follower may be behind.
const FOLLOWER_LINES: usize = 1_024;
const FLUSH_EVERY: Duration = Duration::from_millis(200);
const TOTALS_EVERY: Duration = Duration::from_secs(60);
const EXPIRE_EVERY: Duration = Duration::from_secs(3_600);

/// What callers ask the writer for, in order.
pub(super) enum Command {
    /// Append to the function's log, tell its followers, release the reserved place in the queue.
    Line(LogLine, Arc<Stats>),
    /// Append to the function's failures.
    Failure(Box<InvocationRecord>),
    /// Flush, and tell where the segments end.
    Sync { function: FunctionId, kind: Kind, follow: Follow, reply: oneshot::Sender<io::Result<Synced>> },
    /// Functions were deleted.
    Forget,
    /// Flush everything and end.
    Stop(oneshot::Sender<()>),
}

/// Where the segments end, and the later lines if they were asked for.
pub(super) struct Synced {
    /// `None` when nothing was ever written.
    pub(super) position: Option<Position>,
    /// Lines written after `position`.
    pub(super) later: Option<broadcast::Receiver<LogLine>>,
}

/// The state of the writer thread.
pub(super) struct Writer {
    options: TelemetryOptions,
    shared: Arc<Shared>,
    open: HashMap<(FunctionId, Kind), Open>,
    followers: HashMap<FunctionId, broadcast::Sender<LogLine>>,
    /// Counts appends, to find the file not written for longest.
    turn: u64,
    line: Vec<u8>,
    totals: Option<JoinHandle<()>>,
    /// Whether the current run of write errors has been reported.
    reported: bool,
}

struct Open {
    appender: Appender,
    last_used: u64,
    dirty: bool,
}

enum Next {
    GoOn,
    Stop(oneshot::Sender<()>),
}

impl Writer {
    /// Starts the thread. It ends with [`Command::Stop`], or when all senders are gone.
    pub(super) fn spawn(
        options: TelemetryOptions,
        shared: Arc<Shared>,
        commands: mpsc::Receiver<Command>,
    ) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let writer = Self {
            options,
            shared,
            open: HashMap::new(),
            followers: HashMap::new(),
            turn: 0,
            line: Vec::with_capacity(8 << 10),
            totals: None,
            reported: false,
        };
        std::thread::Builder::new()
            .name("ostro-logs".to_owned())
            .spawn(move || runtime.block_on(writer.run(commands)))?;
        Ok(())
    }

    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut flush = interval(FLUSH_EVERY);
        flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut totals = after(TOTALS_EVERY);
        let mut expire = interval(EXPIRE_EVERY);
        let mut batch = Vec::with_capacity(BATCH);
        let mut stopped = None;
        loop {
            let count = tokio::select! {
                count = commands.recv_many(&mut batch, BATCH) => count,
                _ = flush.tick() => { self.flush(); continue }
                _ = totals.tick() => { self.start_totals(); continue }
                _ = expire.tick() => { self.expire(); continue }
            };
            if count == 0 {
                break;
            }
            for command in batch.drain(..) {
                if let Next::Stop(reply) = self.handle(command) {
                    // From here on nothing can be queued; what is queued is still written.
                    commands.close();
                    stopped = Some(reply);
                }
            }
        }
        self.stop().await;
        // Fails when nobody waits any more.
        let _ = stopped.map(|reply| reply.send(()));
    }

    fn handle(&mut self, command: Command) -> Next {
        match command {
            Command::Line(line, stats) => {
                stats.release_line();
                self.append(line.function, Kind::Log, line.at_ms, &line);
                self.tell_followers(line);
            }
            Command::Failure(record) => {
                self.append(record.function, Kind::Failure, record.started_ms, &*record);
            }
            Command::Sync { function, kind, follow, reply } => {
                self.flush();
                let synced = segments::end(&self.options.logs, function, kind).map(|position| {
                    let later = (follow == Follow::Yes).then(|| self.subscribe(function));
                    Synced { position, later }
                });
                // The caller may have given up.
                let _ = reply.send(synced);
            }
            Command::Forget => self.forget(),
            Command::Stop(reply) => return Next::Stop(reply),
        }
        Next::GoOn
    }

    async fn stop(&mut self) {
        self.flush();
        self.forget();
        if let Some(running) = self.totals.take() {
            // A failed task has given its hours back, as far as it could.
            let _ = running.await;
        }
        flush_totals(Arc::clone(&self.shared), Arc::clone(&self.options.totals)).await;
    }

    /// Writes one JSON line. Guest text is a string inside it, so it can't forge another line.
    fn append(&mut self, function: FunctionId, kind: Kind, at_ms: i64, entry: &impl Serialize) {
        self.line.clear();
        let result = serde_json::to_writer(&mut self.line, entry).map_err(io::Error::from);
        self.line.push(b'\n');
        let written = result.and_then(|()| self.append_line(function, kind, at_ms));
        match written {
            Ok(()) => self.reported = false,
            Err(error) => {
                self.open.remove(&(function, kind));
                self.note_error(&error);
            }
        }
    }

    fn append_line(&mut self, function: FunctionId, kind: Kind, at_ms: i64) -> io::Result<()> {
        self.turn += 1;
        let key = (function, kind);
        if !self.open.contains_key(&key) {
            if self.shared.forgotten.contains(function) {
                return Ok(());
            }
            self.close_one_if_many();
            let appender = Appender::open(&self.options.logs, function, kind, self.retention(), at_ms)?;
            self.open.insert(key, Open { appender, last_used: 0, dirty: false });
        }
        if let Some(open) = self.open.get_mut(&key) {
            open.last_used = self.turn;
            open.dirty = true;
            open.appender.append(&self.line, at_ms)?;
        }
        Ok(())
    }

    fn close_one_if_many(&mut self) {
        if self.open.len() < OPEN_FILES {
            return;
        }
        let oldest = self.open.iter().min_by_key(|(_, open)| open.last_used).map(|(key, _)| *key);
        if let Some(mut closed) = oldest.and_then(|key| self.open.remove(&key))
            && let Err(error) = closed.appender.flush()
        {
            self.note_error(&error);
        }
    }

    fn flush(&mut self) {
        let mut failed = Vec::new();
        for (key, open) in self.open.iter_mut().filter(|(_, open)| open.dirty) {
            match open.appender.flush() {
                Ok(()) => open.dirty = false,
                Err(error) => failed.push((*key, error)),
            }
        }
        for (key, error) in failed {
            self.open.remove(&key);
            self.note_error(&error);
        }
    }

    /// Counts every error, and reports the first of a run.
    fn note_error(&mut self, error: &io::Error) {
        self.shared.write_errors.fetch_add(1, Ordering::Relaxed);
        if !std::mem::replace(&mut self.reported, true) {
            tracing::warn!(%error, "function logs can't be written; lines are lost until this is repaired");
        }
    }

    fn subscribe(&mut self, function: FunctionId) -> broadcast::Receiver<LogLine> {
        self.followers.entry(function).or_insert_with(|| broadcast::channel(FOLLOWER_LINES).0).subscribe()
    }

    fn tell_followers(&mut self, line: LogLine) {
        let function = line.function;
        if let Some(followers) = self.followers.get(&function)
            && followers.send(line).is_err()
        {
            self.followers.remove(&function);
        }
    }

    fn forget(&mut self) {
        for function in self.shared.forgotten.take_pending() {
            // Again: an invocation may have brought it back in the moment of its deletion.
            self.shared.functions.remove(&function);
            self.followers.remove(&function);
            self.open.remove(&(function, Kind::Log));
            self.open.remove(&(function, Kind::Failure));
            if let Err(error) = segments::delete(&self.options.logs, function) {
                tracing::warn!(%error, function = %function.0, "the log of a deleted function can't be removed");
            }
        }
    }

    fn expire(&mut self) {
        self.flush();
        self.open.clear();
        self.followers.retain(|_, followers| followers.receiver_count() > 0);
        if let Err(error) =
            segments::expire(&self.options.logs, self.retention(), self.options.clock.now_ms())
        {
            tracing::warn!(%error, "old function logs can't be removed");
        }
    }

    /// Adds totals to the catalog beside the writing, one run at a time.
    fn start_totals(&mut self) {
        self.forget();
        if self.totals.as_ref().is_none_or(JoinHandle::is_finished) {
            let work = flush_totals(Arc::clone(&self.shared), Arc::clone(&self.options.totals));
            self.totals = Some(tokio::spawn(work));
        }
    }

    fn retention(&self) -> Retention {
        Retention { log_bytes: self.options.log_bytes_per_function, days: self.options.log_days }
    }
}

async fn flush_totals(shared: Arc<Shared>, totals: Arc<dyn store::catalog::Totals>) {
    let hours: Vec<HourTotal> = shared.functions.iter().flat_map(|stats| stats.take_hours()).collect();
    if hours.is_empty() || totals.add(&hours).await.is_ok() {
        return;
    }
    // One by one: an hour of a function deleted meanwhile must not hold back the others.
    for hour in hours {
        match totals.add(std::slice::from_ref(&hour)).await {
            Ok(()) | Err(StoreError::NotFound { .. }) => {}
            Err(error) => {
                tracing::warn!(error = %crate::problem::Chain(&error), "hourly totals wait for the catalog");
                if let Some(stats) = shared.functions.get(&hour.function) {
                    stats.return_hour(hour);
                }
            }
        }
    }
}

/// An interval whose first tick comes after one period.
fn after(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.reset();
    interval
}
