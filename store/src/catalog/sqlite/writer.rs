//! The one writer of the catalog: a thread that gathers changes and commits them together.
//!
//! Each change runs in a savepoint of a shared transaction, so one that fails leaves no trace and does not
//! disturb the others. Callers hear of their change after the commit, never before. While one commit waits
//! for the disk the next changes queue up: the busier the catalog, the more changes share one fsync.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use rusqlite::ffi::{SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_FSYNC};
use tokio::sync::oneshot;

use crate::StoreError;
use crate::catalog::Result;

/// Changes in one transaction at most, so that the first of them does not wait for ever.
const MAX_BATCH: usize = 256;

/// A handle on the writer thread. Dropping it waits until what is queued is committed.
pub(super) struct Writer {
    /// `None` only while being dropped: closing the queue ends the thread.
    queue: Option<Sender<Box<dyn Change>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread; `close` gets the connection back at the end.
    pub(super) fn start(
        connection: Connection,
        close: impl FnOnce(Connection) + Send + 'static,
    ) -> Result<Self> {
        let (queue, changes) = channel();
        let thread = std::thread::Builder::new()
            .name("catalog".to_owned())
            .spawn(move || match write_all(&connection, &changes) {
                Ok(()) => close(connection),
                Err(Failure { text, .. }) => {
                    // After a failed fsync nobody knows what is on the disk, and asking again may claim
                    // success for pages that were dropped: no more writes until a restart has read the
                    // truth.
                    tracing::error!(
                        error = text,
                        "the catalog's disk failed: no change is accepted until a restart"
                    );
                }
            })
            .map_err(StoreError::io)?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Runs `change` and answers once it is durable. Its error undoes what it did.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let change = Box::new(Pending { change: Some(change), result: None, reply });
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send(change).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
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

/// A queued change, whatever its result is.
trait Change: Send {
    /// Runs it in a savepoint. `Err` when the whole transaction is lost with it.
    fn run(&mut self, connection: &Connection) -> std::result::Result<(), Failure>;
    /// Tells its caller.
    fn reply(self: Box<Self>, commit: &std::result::Result<(), Failure>);
}

struct Pending<F, T> {
    change: Option<F>,
    result: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T: Send, F: FnOnce(&Connection) -> Result<T> + Send> Change for Pending<F, T> {
    fn run(&mut self, connection: &Connection) -> std::result::Result<(), Failure> {
        let Some(change) = self.change.take() else { return Ok(()) };
        connection.execute_batch("SAVEPOINT change").map_err(Failure::of)?;
        let result = change(connection);
        let end = match &result {
            Ok(_) => connection.execute_batch("RELEASE change"),
            Err(_) => connection.execute_batch("ROLLBACK TO change; RELEASE change"),
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

    fn reply(self: Box<Self>, commit: &std::result::Result<(), Failure>) {
        let answer = match (commit, self.result) {
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(stopped()),
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
            FailureKind::Fsync | FailureKind::Other => StoreError::driver(self.text.clone()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let (kind, text) = match error {
            StoreError::NoSpace(cause) => (FailureKind::DiskFull, cause.to_string()),
            StoreError::Driver(cause) if is_fsync(cause.as_ref()) => (FailureKind::Fsync, cause.to_string()),
            StoreError::Driver(cause) => (FailureKind::Other, cause.to_string()),
            other => (FailureKind::Other, other.to_string()),
        };
        Self { kind, text }
    }
}

fn is_fsync(error: &(dyn std::error::Error + 'static)) -> bool {
    let code = error.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error);
    code.is_some_and(|e| matches!(e.extended_code, SQLITE_IOERR_FSYNC | SQLITE_IOERR_DIR_FSYNC))
}

/// Commits batch after batch until the queue is closed and empty.
fn write_all(
    connection: &Connection,
    changes: &Receiver<Box<dyn Change>>,
) -> std::result::Result<(), Failure> {
    while let Ok(first) = changes.recv() {
        let mut batch = Vec::new();
        let commit = write_batch(connection, first, changes, &mut batch);
        for change in batch {
            change.reply(&commit);
        }
        match commit {
            Err(failure) if failure.kind == FailureKind::Fsync => return Err(failure),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// One transaction over `first` and whatever is queued by the time it has run. All of them are in `batch`
/// afterwards, and no transaction is left open.
fn write_batch(
    connection: &Connection,
    first: Box<dyn Change>,
    more: &Receiver<Box<dyn Change>>,
    batch: &mut Vec<Box<dyn Change>>,
) -> std::result::Result<(), Failure> {
    if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
        batch.push(first);
        return Err(Failure::of(error));
    }
    let ran = run_all(connection, first, more, batch);
    let commit = ran.and_then(|()| connection.execute_batch("COMMIT").map_err(Failure::of));
    if !connection.is_autocommit() {
        // Only after a failure; if this fails as well, the next BEGIN says so.
        let _ = connection.execute_batch("ROLLBACK");
    }
    commit
}

fn run_all(
    connection: &Connection,
    first: Box<dyn Change>,
    more: &Receiver<Box<dyn Change>>,
    batch: &mut Vec<Box<dyn Change>>,
) -> std::result::Result<(), Failure> {
    let mut next = Some(first);
    while let Some(mut change) = next {
        let ran = change.run(connection);
        batch.push(change);
        ran?;
        next = if batch.len() < MAX_BATCH { more.try_recv().ok() } else { None };
    }
    Ok(())
}

fn stopped() -> StoreError {
    StoreError::driver("the catalog's writer has stopped; its log says why; restart the server")
}
