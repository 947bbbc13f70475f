//! The one writer of a file: a thread that gathers changes and commits them together.
//!
//! Each change runs in a savepoint of a shared transaction, so one that fails leaves no trace and does not
//! disturb the others. Callers hear of their change after the commit, never before. While one commit waits
//! for the disk the next changes queue up: the busier the file, the more changes share one fsync.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use rusqlite::ffi::{SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_FSYNC};
use tokio::sync::oneshot;

use super::checkpoint::checkpoint_with_commits;
use crate::StoreError;

/// Changes in one transaction at most, so that the first of them does not wait for ever.
const MAX_BATCH: usize = 256;

type Result<T> = std::result::Result<T, StoreError>;

/// When a change is safe from a power cut. Killing the process undoes neither kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Before its caller hears of it.
    Now,
    /// With the next one that is durable: for what may be undone as long as nothing that follows from it is
    /// kept.
    Later,
}

/// A handle on the writer thread. Dropping it waits until what is queued is committed.
pub(crate) struct Writer {
    /// For messages: the file, such as `catalog`.
    name: String,
    /// `None` once it is being closed: closing the queue ends the thread.
    queue: Option<Sender<Box<dyn Change>>>,
    thread: Option<JoinHandle<()>>,
    /// Answers when the thread is about to end.
    ended: oneshot::Receiver<()>,
    /// Set before anybody hears that the disk failed.
    failed: Arc<AtomicBool>,
}

impl Writer {
    /// Starts the thread of an open file; `close` gets the connection back at the end.
    pub(crate) fn start(
        name: &str,
        connection: Connection,
        close: impl FnOnce(Connection) + Send + 'static,
    ) -> Result<Self> {
        Self::spawn(name, move || Some((connection, close)))
    }

    /// Starts the thread and has it open the file; its error is the answer. With the connection comes what
    /// closes it.
    pub(crate) async fn open<C: FnOnce(Connection) + 'static>(
        name: &str,
        open: impl FnOnce() -> Result<(Connection, C)> + Send + 'static,
    ) -> Result<Self> {
        let (reply, opened) = oneshot::channel();
        let open = move || {
            let (file, answer) = match open() {
                Ok(file) => (Some(file), Ok(())),
                Err(error) => (None, Err(error)),
            };
            // A caller that has gone away drops the writer, and that ends the thread.
            let _ = reply.send(answer);
            file
        };
        let writer = Self::spawn(name, open)?;
        let answer = opened.await.map_err(|_| stopped(name))?;
        answer.map(|()| writer)
    }

    /// Runs `change` and answers once it is durable. Its error undoes what it did.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.run_then(Durability::Now, change, |_| {}).await
    }

    /// As [`Self::run`]; `committed` is told on the writer's thread, in the order of the commits and before the
    /// caller. It must be short.
    pub(crate) async fn run_then<T: Send + 'static>(
        &self,
        durability: Durability,
        change: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
        committed: impl FnOnce(&mut T) + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let change = Box::new(Pending { durability, change: Some(change), committed, result: None, reply });
        let queue = self.queue.as_ref().ok_or_else(|| stopped(&self.name))?;
        queue.send(change).map_err(|_| stopped(&self.name))?;
        let answer = answer.await.map_err(|_| stopped(&self.name))?;
        answer.map_err(|error| self.named(error))
    }

    /// Whether the thread has given up: its disk failed, or it panicked.
    pub(crate) fn has_stopped(&self) -> bool {
        self.failed.load(Ordering::Acquire) || self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Fails if the thread has given up.
    pub(crate) fn refuse_stopped(&self) -> Result<()> {
        match self.has_stopped() {
            true => Err(stopped(&self.name)),
            false => Ok(()),
        }
    }

    /// Has the thread end after what is queued; dropping waits for it. For closing many at once.
    pub(crate) fn stop(&mut self) {
        self.queue.take();
    }

    /// Ends the thread after what is queued, without blocking the caller's. If the disk fails on the way, the
    /// writer comes back: the file must not be opened again.
    pub(crate) async fn close(mut self) -> std::result::Result<(), Self> {
        self.queue.take();
        // An error means that the thread has ended already.
        let _ = (&mut self.ended).await;
        match self.failed.load(Ordering::Acquire) {
            true => Err(self),
            false => Ok(()),
        }
    }

    fn spawn<C: FnOnce(Connection)>(
        name: &str,
        open: impl FnOnce() -> Option<(Connection, C)> + Send + 'static,
    ) -> Result<Self> {
        let (queue, changes) = channel();
        let (end, ended) = oneshot::channel();
        let failed = Arc::new(AtomicBool::new(false));
        let thread = Thread { name: name.to_owned(), changes, failed: failed.clone() };
        let serve = move || {
            if let Some((connection, close)) = open() {
                thread.serve(connection, close);
            }
            // Nobody may wait for it.
            let _ = end.send(());
        };
        let thread =
            std::thread::Builder::new().name("sqlite".to_owned()).spawn(serve).map_err(StoreError::io)?;
        Ok(Self { name: name.to_owned(), queue: Some(queue), thread: Some(thread), ended, failed })
    }

    fn named(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Damaged(what) => StoreError::Damaged(format!("{}: {what}", self.name)),
            other => other,
        }
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

/// What the thread has.
struct Thread {
    name: String,
    changes: Receiver<Box<dyn Change>>,
    failed: Arc<AtomicBool>,
}

impl Thread {
    fn serve(self, mut connection: Connection, close: impl FnOnce(Connection)) {
        let written = match checkpoint_with_commits(&mut connection) {
            Ok(has_failed) => self.write_all(&connection, &has_failed),
            Err(error) => Err(Failure::of(error)),
        };
        match written {
            Ok(()) => close(connection),
            Err(Failure { text, .. }) => {
                // After a failed fsync nobody knows what is on the disk, and asking again may claim success
                // for pages that were dropped: no more writes until a restart has read the truth.
                tracing::error!(
                    file = self.name,
                    error = text,
                    "the disk failed: no change of this file is accepted until a restart"
                );
            }
        }
    }

    /// Commits batch after batch until the queue is closed and empty.
    fn write_all(&self, connection: &Connection, has_failed: &AtomicBool) -> Committed {
        let mut durability = Durability::Now;
        while let Ok(first) = self.changes.recv() {
            let mut batch = vec![first];
            batch.extend(self.changes.try_iter().take(MAX_BATCH - 1));
            let durable = batch.iter().any(|change| change.durability() == Durability::Now);
            let wanted = if durable { Durability::Now } else { Durability::Later };
            let commit = set_durability(connection, &mut durability, wanted)
                .and_then(|()| write_batch(connection, &mut batch, &self.changes, wanted));
            // What was committed stands: a restart reads the log. But the log must not begin anew.
            let failed = has_failed.load(Ordering::Acquire)
                || commit.as_ref().is_err_and(|failure| failure.kind == FailureKind::Fsync);
            self.failed.store(failed, Ordering::Release);
            for change in batch {
                change.reply(&commit, &self.name);
            }
            if failed {
                let text = "an fsync has failed while the log was brought into the file".to_owned();
                return commit.and(Err(Failure { kind: FailureKind::Fsync, text }));
            }
        }
        Ok(())
    }
}

/// What came of a transaction.
type Committed = std::result::Result<(), Failure>;

/// A queued change, whatever its result is.
trait Change: Send {
    /// When it must be durable.
    fn durability(&self) -> Durability;
    /// Runs it in a savepoint. `Err` when the whole transaction is lost with it.
    fn run(&mut self, connection: &Connection) -> Committed;
    /// Tells its caller.
    fn reply(self: Box<Self>, commit: &Committed, name: &str);
}

struct Pending<F, A, T> {
    durability: Durability,
    change: Option<F>,
    committed: A,
    result: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, F, A> Change for Pending<F, A, T>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T> + Send,
    A: FnOnce(&mut T) + Send,
{
    fn durability(&self) -> Durability {
        self.durability
    }

    fn run(&mut self, connection: &Connection) -> Committed {
        let Some(change) = self.change.take() else { return Ok(()) };
        step(connection, "SAVEPOINT change").map_err(Failure::of)?;
        let result = change(connection);
        let end = match &result {
            Ok(_) => step(connection, "RELEASE change"),
            Err(_) => {
                step(connection, "ROLLBACK TO change").and_then(|()| step(connection, "RELEASE change"))
            }
        };
        // A full disk and its like make SQLite roll back everything; then `end` fails too, and the change's
        // own error is the one that says why.
        match (end, result) {
            (Ok(()), result) => {
                self.result = Some(result);
                Ok(())
            }
            (Err(_), Err(error)) => Err(Failure::from(error)),
            (Err(end), Ok(_)) => Err(Failure::of(end)),
        }
    }

    fn reply(self: Box<Self>, commit: &Committed, name: &str) {
        let answer = match (commit, self.result) {
            (Ok(()), Some(Ok(mut value))) => {
                (self.committed)(&mut value);
                Ok(value)
            }
            (Ok(()), Some(Err(error))) => Err(error),
            (Ok(()), None) => Err(stopped(name)),
            (Err(failure), _) => Err(failure.error()),
        };
        // A caller that has gone away does not undo what it asked for.
        let _ = self.reply.send(answer);
    }
}

/// Why a transaction was lost; told to everyone who had a change in it.
struct Failure {
    kind: FailureKind,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FailureKind {
    DiskFull,
    /// The operating system could not say whether data is on the disk.
    Fsync,
    Damaged,
    Other,
}

impl Failure {
    fn of(error: rusqlite::Error) -> Self {
        Self::from(StoreError::from(error))
    }

    fn error(&self) -> StoreError {
        match self.kind {
            FailureKind::DiskFull => {
                StoreError::NoSpace(std::io::Error::new(std::io::ErrorKind::StorageFull, self.text.clone()))
            }
            FailureKind::Damaged => StoreError::Damaged(self.text.clone()),
            FailureKind::Fsync | FailureKind::Other => StoreError::driver(self.text.clone()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let (kind, text) = match error {
            StoreError::NoSpace(cause) => (FailureKind::DiskFull, cause.to_string()),
            StoreError::Damaged(what) => (FailureKind::Damaged, what),
            StoreError::Driver(cause) if is_fsync(cause.as_ref()) => (FailureKind::Fsync, cause.to_string()),
            StoreError::Driver(cause) => (FailureKind::Other, cause.to_string()),
            other => (FailureKind::Other, other.to_string()),
        };
        Self { kind, text }
    }
}

/// Whether an error is that of an fsync: after it nobody knows what is on the disk.
pub(crate) fn is_fsync(error: &(dyn std::error::Error + 'static)) -> bool {
    let code = error.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error);
    code.is_some_and(|e| matches!(e.extended_code, SQLITE_IOERR_FSYNC | SQLITE_IOERR_DIR_FSYNC))
}

/// Whether the following commits wait for the disk.
fn set_durability(connection: &Connection, is: &mut Durability, wanted: Durability) -> Committed {
    if *is != wanted {
        let sql = match wanted {
            Durability::Now => "PRAGMA synchronous = FULL",
            Durability::Later => "PRAGMA synchronous = NORMAL",
        };
        connection.execute_batch(sql).map_err(Failure::of)?;
        *is = wanted;
    }
    Ok(())
}

/// One transaction over the batch and, where it waits for the disk anyway, over what is queued by the time it
/// has run. No transaction is left open.
fn write_batch(
    connection: &Connection,
    batch: &mut Vec<Box<dyn Change>>,
    more: &Receiver<Box<dyn Change>>,
    durability: Durability,
) -> Committed {
    step(connection, "BEGIN IMMEDIATE").map_err(Failure::of)?;
    let ran =
        batch.iter_mut().try_for_each(|change| change.run(connection)).and_then(|()| match durability {
            Durability::Now => run_more(connection, batch, more),
            Durability::Later => Ok(()),
        });
    let commit = ran.and_then(|()| step(connection, "COMMIT").map_err(Failure::of));
    if !connection.is_autocommit() {
        // Only after a failure; if this fails as well, the next BEGIN says so.
        let _ = connection.execute_batch("ROLLBACK");
    }
    commit
}

fn run_more(
    connection: &Connection,
    batch: &mut Vec<Box<dyn Change>>,
    more: &Receiver<Box<dyn Change>>,
) -> Committed {
    while batch.len() < MAX_BATCH {
        let Ok(mut change) = more.try_recv() else { break };
        let ran = change.run(connection);
        batch.push(change);
        ran?;
    }
    Ok(())
}

/// Runs a statement that returns nothing; compiled once for the connection.
pub(crate) fn step(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

fn stopped(name: &str) -> StoreError {
    StoreError::driver(format!("the writer of {name} has stopped; the log says why; restart the server"))
}
