//! The one writer of a database: a thread that gathers calls and commits them together.
//!
//! The statements of a call may end the transaction that it shares with others: by `ON CONFLICT ROLLBACK`, a full file, a
//! deferred constraint at the commit, or because they take too long. Then the others are done again, each alone, and only
//! the one at fault hears of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::ErrorCode;
use rusqlite::ffi::{SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_FSYNC};
use tokio::sync::oneshot;

use super::ledger::Ledger;
use super::run::{Confined, May, Room, told};
use crate::StoreError;
use crate::sql::{Done, Result, SqlError, Statement};

/// Calls of one transaction at most.
const MOST_TOGETHER: usize = 64;
/// A transaction that lasts longer takes no more calls, milliseconds: those in it wait for the commit.
const LONG_MS: i64 = 20;
/// What the calls hold together that wait for one database, bytes; one may always wait.
const MOST_WAITING: usize = 64 << 20;
/// Pages that are given back to the disk at once.
const GIVEN_BACK: i64 = 1_000;
/// For statements that nest deeply.
const STACK_BYTES: usize = 4 << 20;

/// Calls that may share a transaction, in their order.
type Group<'g> = &'g [Call];

/// A handle on the writer's thread. Dropping it waits until what is queued is done.
pub(super) struct Writer {
    queue: Option<Sender<Call>>,
    thread: Option<JoinHandle<()>>,
    /// Bytes of what waits.
    waiting: Arc<AtomicUsize>,
    /// Set before anybody hears that the disk failed.
    failed: Arc<AtomicBool>,
}

/// One call of `execute` or `batch`.
struct Call {
    statements: Vec<Statement>,
    /// What they hold.
    bytes: usize,
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
    /// Milliseconds since 1970.
    pub(super) clock: crate::StoreClock,
    pub(super) page_bytes: u64,
}

impl Writer {
    /// Starts the thread; `close` gets the connection at the end, and whether the disk has failed.
    pub(super) fn start(
        thread: Thread,
        close: impl FnOnce(Confined) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (queue, calls) = channel();
        let (failed, waiting) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (has_failed, are_waiting) = (failed.clone(), waiting.clone());
        let serve = move || {
            match thread.serve(&calls, &are_waiting, &has_failed) {
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
        Ok(Self { queue: Some(queue), thread: Some(thread), waiting, failed })
    }

    /// Does these in one transaction; durable when it answers. Who drops it gives up what is not yet done.
    pub(super) async fn run(&self, statements: Vec<Statement>) -> Result<Vec<Done>> {
        self.refuse_failed()?;
        let bytes = statements.iter().map(Statement::bytes).sum();
        if self.waiting.load(Ordering::Relaxed) > MOST_WAITING {
            return Err(SqlError::Busy);
        }
        let (reply, answer) = oneshot::channel();
        let given_up = Arc::<AtomicBool>::default();
        let _guard = GivenUp(given_up.clone());
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        self.waiting.fetch_add(bytes, Ordering::Relaxed);
        queue.send(Call { statements, bytes, given_up, reply }).map_err(|_| stopped())?;
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
        if let Some(thread) = self.thread.take() {
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
    fn serve(
        &self,
        calls: &Receiver<Call>,
        waiting: &AtomicUsize,
        failed: &AtomicBool,
    ) -> std::result::Result<(), Failed> {
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
                waiting.fetch_sub(call.bytes, Ordering::Relaxed);
                // A caller that has gone away does not undo what was done.
                let _ = call.reply.send(answer);
            }
            done?;
            self.give_back();
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
        let ours = self.confined.ours();
        let begin = (self.clock)();
        let most_pages = self.ledger.most(&self.name) / self.page_bytes;
        let opening = format!("PRAGMA max_page_count = {}; BEGIN IMMEDIATE", most_pages.clamp(1, 1 << 30));
        ours.execute_batch(&opening).map_err(|error| self.lost_at_end(error))?;
        let mut answers = Vec::with_capacity(calls.len());
        for (number, call) in calls.iter().enumerate() {
            if number > 0 && (self.clock)().saturating_sub(begin) > LONG_MS {
                break;
            }
            let answer = self.call(call);
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
        self.measure();
        Ok(answers)
    }

    /// A call in its savepoint. Its error undoes what it did.
    fn call(&self, call: &Call) -> Result<Vec<Done>> {
        let ours = self.confined.ours();
        ours.execute_batch("SAVEPOINT call").map_err(told)?;
        let done = self.statements(call);
        let end = match &done {
            Ok(_) => "RELEASE call",
            Err(_) if ours.is_autocommit() => return done,
            Err(_) => "ROLLBACK TO call; RELEASE call",
        };
        ours.execute_batch(end).map_err(told)?;
        done
    }

    fn statements(&self, call: &Call) -> Result<Vec<Done>> {
        let pace = self.confined.watch().in_all(call.given_up.clone());
        let mut room = Room::new();
        let mut all = Vec::with_capacity(call.statements.len());
        for (number, statement) in call.statements.iter().enumerate() {
            let done = self.confined.run(statement, May::Write, &pace, &mut room);
            let done = done.map_err(|error| match error {
                // The disk has room, or else the commit says that it has none: what fails here is our bound.
                SqlError::Store(StoreError::NoSpace(_)) => self.ledger.full(),
                error => error,
            });
            all.push(done.map_err(|error| which(error, number, call.statements.len()))?);
        }
        Ok(all)
    }

    /// What the file holds after a commit, and what of it is free.
    fn measure(&self) {
        if let Ok(pages) = self.confined.ours().query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0))
        {
            self.ledger.set(&self.name, pages.unsigned_abs().saturating_mul(self.page_bytes));
        }
    }

    /// Gives back to the disk what a file does not need, some of it with each commit, where that is most of it.
    fn give_back(&self) {
        let number =
            |sql: &str| self.confined.ours().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap_or(0);
        let (free, all) = (number("PRAGMA freelist_count"), number("PRAGMA page_count"));
        if free > GIVEN_BACK && free > all / 2 {
            let sql = format!("PRAGMA incremental_vacuum({GIVEN_BACK})");
            // What fails here is done with the next commit.
            let _ = self.confined.ours().execute_batch(&sql);
            self.measure();
        }
    }

    fn lost_at_end(&self, error: rusqlite::Error) -> Lost {
        let code = error.sqlite_error().copied();
        let is_fsync =
            code.is_some_and(|e| matches!(e.extended_code, SQLITE_IOERR_FSYNC | SQLITE_IOERR_DIR_FSYNC));
        if is_fsync {
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
