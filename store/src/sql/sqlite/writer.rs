//! The one writer of a database: a thread that gathers calls and commits them together.
//!
//! The statements of a call may end the transaction that it shares with others: by `ON CONFLICT ROLLBACK`, a full file, a
//! deferred constraint at the commit, or because they take too long. Then the others are done again, each alone, and only
//! the one at fault hears of it.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::ErrorCode;
use tokio::sync::oneshot;

use super::ledger::{Ledger, OnDisk};
use super::log::Log;
use super::run::{Confined, May, Room, told};
use super::turns::{Turns, Waits};
use super::watch::Pace;
use crate::sql::{Done, Result, SqlError, Statement};
use crate::sqlite::is_fsync;
use crate::{StoreError, StoreTimer};

/// Calls of one transaction at most.
const MOST_TOGETHER: usize = 64;
/// A transaction that lasts longer takes no more calls: those in it wait for the commit.
const LONG: Duration = Duration::from_millis(20);
/// How long a log that can't begin anew is left alone.
const LOG_LATER: Duration = Duration::from_secs(1);
/// What a connection holds before it writes it, with some to spare, bytes.
const CACHED: u64 = 4 << 20;
/// Pages that are given back to the disk at once.
const GIVEN_BACK: i64 = 1_000;
/// For statements that nest deeply.
const STACK_BYTES: usize = 4 << 20;

/// Calls that may share a transaction, in their order.
type Group<'g> = &'g [Call];

/// A handle on the writer's thread. Dropping it waits until what is queued is done, unless the file is deleted.
pub(super) struct Writer {
    queue: Option<Sender<Call>>,
    thread: Option<JoinHandle<()>>,
    /// The file is deleted.
    is_gone: Arc<AtomicBool>,
    /// Set before anybody hears that the disk failed.
    failed: Arc<AtomicBool>,
}

/// One call of `execute` or `batch`.
struct Call {
    statements: Vec<Statement>,
    _waits: Waits,
    given_up: Arc<AtomicBool>,
    reply: oneshot::Sender<Result<Vec<Done>>>,
}

/// Sets that nobody waits any more when it goes.
pub(super) struct GivenUp(pub(super) Arc<AtomicBool>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What the thread has.
pub(super) struct Thread {
    pub(super) name: String,
    pub(super) confined: Confined,
    pub(super) ledger: Arc<Ledger>,
    pub(super) log: Arc<Log>,
    /// When a log that could not begin anew is tried again.
    pub(super) try_log_again: Cell<Duration>,
    pub(super) timer: StoreTimer,
    pub(super) page_bytes: u64,
}

impl Writer {
    /// Starts the thread; `close` gets the connection at the end, and whether the disk has failed.
    pub(super) fn start(
        thread: Thread,
        is_gone: Arc<AtomicBool>,
        close: impl FnOnce(Confined) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (queue, calls) = channel();
        let failed = Arc::<AtomicBool>::default();
        let has_failed = failed.clone();
        let serve = move || {
            match thread.serve(&calls, &has_failed) {
                Ok(()) => close(thread.confined),
                // After a failed fsync nobody knows what is on the disk, and asking again may claim success.
                Err(Failed) => {
                    tracing::error!(
                        file = thread.name,
                        "the disk failed: no change of this database until a restart"
                    );
                }
            }
        };
        let builder = std::thread::Builder::new().name("sql".to_owned()).stack_size(STACK_BYTES);
        let thread = builder.spawn(serve)?;
        Ok(Self { queue: Some(queue), thread: Some(thread), is_gone, failed })
    }

    /// Does these in one transaction; durable when it answers. Who drops it gives up what is not yet done.
    pub(super) async fn run(&self, statements: Vec<Statement>, turns: &Turns) -> Result<Vec<Done>> {
        self.refuse_failed()?;
        let waits = turns.write(statements.iter().map(Statement::bytes).sum())?;
        let (reply, answer) = oneshot::channel();
        let given_up = Arc::<AtomicBool>::default();
        let _guard = GivenUp(given_up.clone());
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send(Call { statements, _waits: waits, given_up, reply }).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Fails if the disk has.
    pub(super) fn refuse_failed(&self) -> Result<()> {
        match self.has_failed() {
            true => Err(stopped().into()),
            false => Ok(()),
        }
    }

    /// Whether the disk has failed: the file must not be opened again.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.take();
        // Who is the last to use a deleted file may be a thread that answers requests.
        if let Some(thread) = self.thread.take().filter(|_| !self.is_gone.load(Ordering::Acquire)) {
            // A panic of the thread has been reported by the thread.
            let _ = thread.join();
        }
    }
}

/// The disk failed.
struct Failed;

/// Why a transaction was lost.
enum Lost {
    /// By this call of it.
    By(usize, SqlError),
    /// At its end.
    AtCommit(SqlError),
    Failed,
}

impl Thread {
    fn serve(&self, calls: &Receiver<Call>, failed: &AtomicBool) -> std::result::Result<(), Failed> {
        let mut queued = VecDeque::new();
        loop {
            if queued.is_empty() {
                let Ok(first) = calls.recv() else { return Ok(()) };
                queued.push_back(first);
            }
            queued.extend(calls.try_iter().take(MOST_TOGETHER.saturating_sub(queued.len())));
            let (done, answers) = self.together(queued.make_contiguous());
            if done.is_err() {
                failed.store(true, Ordering::Release);
            }
            for (call, answer) in queued.drain(..answers.len()).zip(answers) {
                // A caller that has gone away does not undo what was done.
                let _ = call.reply.send(answer);
            }
            done?;
            if let Err(error) = self.give_back() {
                failed.store(true, Ordering::Release);
                return Err(error);
            }
        }
    }

    /// Does calls from the front: together as far as they go together. An answer for each that was done.
    fn together(&self, calls: Group<'_>) -> (std::result::Result<(), Failed>, Vec<Result<Vec<Done>>>) {
        match self.transaction(calls) {
            Ok(answers) => (Ok(()), answers),
            Err(Lost::Failed) => (Err(Failed), calls.iter().map(|_| Err(stopped().into())).collect()),
            Err(Lost::By(0, error)) => (Ok(()), vec![Err(error)]),
            Err(Lost::AtCommit(error)) if calls.len() == 1 => (Ok(()), vec![Err(error)]),
            Err(Lost::By(..) | Lost::AtCommit(_)) => self.apart(calls),
        }
    }

    /// Does each call in a transaction of its own.
    fn apart(&self, calls: Group<'_>) -> (std::result::Result<(), Failed>, Vec<Result<Vec<Done>>>) {
        let mut answers = Vec::with_capacity(calls.len());
        for call in calls.chunks(1) {
            let (done, answer) = self.together(call);
            answers.extend(answer);
            if done.is_err() {
                return (Err(Failed), answers);
            }
        }
        (Ok(()), answers)
    }

    /// One transaction over calls from the front, as many as are done within some time. None is left open.
    fn transaction(&self, calls: Group<'_>) -> std::result::Result<Vec<Result<Vec<Done>>>, Lost> {
        self.keep_log_short()?;
        let ours = self.confined.ours();
        let begin = (self.timer)();
        let most_pages = self.ledger.most(&self.name) / self.page_bytes;
        let opening = format!("PRAGMA max_page_count = {}; BEGIN IMMEDIATE", most_pages.clamp(1, 1 << 30));
        ours.execute_batch(&opening).map_err(|error| self.lost_at_end(error))?;
        let mut answers = Vec::with_capacity(calls.len());
        for (number, call) in calls.iter().enumerate() {
            if number > 0 && (self.timer)().saturating_sub(begin) > LONG {
                break;
            }
            let answer = self.call(call);
            if self.confined.watch().has_disk_failed() {
                return Err(self.failed("fsync failed in a statement"));
            }
            match answer {
                Err(error) if ours.is_autocommit() => return Err(Lost::By(number, error)),
                answer => answers.push(answer),
            }
        }
        let committed = ours.execute_batch("COMMIT");
        if !ours.is_autocommit() {
            // If this fails as well, the next BEGIN says so.
            let _ = ours.execute_batch("ROLLBACK");
        }
        committed.map_err(|error| self.lost_at_end(error))?;
        if self.log.has_failed() {
            return Err(self.failed("fsync failed after a commit"));
        }
        self.measure();
        Ok(answers)
    }

    /// A call in its savepoint. Its error undoes what it did.
    fn call(&self, call: &Call) -> Result<Vec<Done>> {
        let ours = self.confined.ours();
        self.step("SAVEPOINT call")?;
        let done = self.statements(call);
        let end = match &done {
            Ok(_) => "RELEASE call",
            Err(_) if ours.is_autocommit() => return done,
            Err(_) => "ROLLBACK TO call; RELEASE call",
        };
        self.step(end)?;
        done
    }

    fn step(&self, ours: &str) -> Result<()> {
        self.confined.ours().execute_batch(ours).map_err(|error| {
            if is_fsync(&error) {
                self.confined.watch().disk_failed();
            }
            told(error)
        })
    }

    fn statements(&self, call: &Call) -> Result<Vec<Done>> {
        let pace = self.confined.watch().writing(call.given_up.clone(), self.log.clone());
        let mut room = Room::new();
        let mut all = Vec::with_capacity(call.statements.len());
        for (number, statement) in call.statements.iter().enumerate() {
            let done = self.confined.run(statement, May::Write, &pace, &mut room);
            let done = done.map_err(|error| match error {
                SqlError::Store(StoreError::NoSpace(_)) if self.has_grown(&pace) => self.ledger.full(),
                error => error,
            });
            all.push(done.map_err(|error| which(error, number, call.statements.len()))?);
        }
        Ok(all)
    }

    /// Whether a call that found no room may have used up what it may: SQLite says the same when the disk is full. What it
    /// adds it writes, but for what is in the cache.
    fn has_grown(&self, pace: &Pace) -> bool {
        let file = self.file_bytes().unwrap_or(0);
        let may_grow = self.ledger.most(&self.name).saturating_sub(file);
        pace.written().saturating_add(CACHED) >= may_grow
    }

    fn file_bytes(&self) -> rusqlite::Result<u64> {
        let pages: i64 = self.confined.ours().query_row("PRAGMA page_count", [], |row| row.get(0))?;
        Ok(pages.unsigned_abs().saturating_mul(self.page_bytes))
    }

    /// What the file and its log hold after a commit.
    fn measure(&self) {
        if let Ok(file) = self.file_bytes() {
            self.ledger.set(&self.name, OnDisk { file, log: self.log.bytes() });
        }
    }

    /// Has a log that is large begin anew: those who read end before, and others wait. Fails if it is full.
    fn keep_log_short(&self) -> std::result::Result<(), Lost> {
        let is_large = self.ledger.log_is_large(&self.name, self.log.bytes());
        let now = (self.timer)();
        if is_large && now >= self.try_log_again.get() {
            match self.log.begin_anew(self.confined.ours()) {
                Ok(true) => {}
                Ok(false) => self.try_log_again.set(now.saturating_add(LOG_LATER)),
                Err(error) if is_fsync(&error) => return Err(self.lost_at_end(error)),
                Err(error) => {
                    tracing::warn!(file = self.name, %error, "the log can't begin anew");
                    self.try_log_again.set(now.saturating_add(LOG_LATER));
                }
            }
        }
        let bytes = self.log.bytes();
        self.ledger.set_log(&self.name, bytes);
        self.ledger.check_log(bytes).map_err(|full| Lost::By(0, full))
    }

    /// Gives back to the disk what a file does not need, some of it with each commit, where that is most of it.
    fn give_back(&self) -> std::result::Result<(), Failed> {
        let number =
            |sql: &str| self.confined.ours().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap_or(0);
        let (free, all) = (number("PRAGMA freelist_count"), number("PRAGMA page_count"));
        if free > GIVEN_BACK && free > all / 2 {
            let sql = format!("PRAGMA incremental_vacuum({GIVEN_BACK})");
            let given = self.confined.ours().execute_batch(&sql).map_err(|error| self.lost_at_end(error));
            // What else fails here is done with the next commit.
            if matches!(given, Err(Lost::Failed)) || self.log.has_failed() {
                return Err(Failed);
            }
            self.measure();
        }
        Ok(())
    }

    fn failed(&self, how: &str) -> Lost {
        tracing::error!(file = self.name, "{how}");
        Lost::Failed
    }

    fn lost_at_end(&self, error: rusqlite::Error) -> Lost {
        let code = error.sqlite_error().copied();
        if is_fsync(&error) {
            tracing::error!(file = self.name, %error, "fsync failed");
            return Lost::Failed;
        }
        debug_assert!(code.is_none_or(|e| e.code != ErrorCode::ApiMisuse), "{error}");
        Lost::AtCommit(told(error))
    }
}

/// Which statement of several an error is of.
fn which(error: SqlError, number: usize, of: usize) -> SqlError {
    if of == 1 {
        return error;
    }
    let name = |text: String| format!("statement {}: {text}", number + 1);
    match error {
        SqlError::Invalid(text) => SqlError::Invalid(name(text)),
        SqlError::Denied(text) => SqlError::Denied(name(text)),
        SqlError::Constraint(text) => SqlError::Constraint(name(text)),
        SqlError::Limit(text) => SqlError::Limit(name(text)),
        other => other,
    }
}

fn stopped() -> StoreError {
    StoreError::driver("the writer of a database has stopped; the log says why; restart the server")
}
