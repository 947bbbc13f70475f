//! Snapshots: a project as it was at one moment, held for a while by whoever thinks in between.
//!
//! A snapshot keeps a connection in a read transaction, and the file open. Both would cost the others: the log grows as
//! long as somebody reads its beginning, and a file that is held can't be closed. So there are few, and each ends after
//! a while, whether or not its holder has noticed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rusqlite::Connection;
use tokio::sync::OwnedRwLockReadGuard;

use super::Result;
use super::places::State;
use crate::StoreError;
use crate::sqlite::step;

/// A project as it was when this was begun. Dropping the last clone ends it.
#[derive(Clone)]
pub(crate) struct Snapshot(Arc<Shared>);

/// None: it has ended.
type Shared = Mutex<Option<Moment>>;

/// The snapshots of a project.
#[derive(Default)]
pub(super) struct Held(Mutex<Vec<Begun>>);

/// When it began, milliseconds since 1970, and what is left of it.
type Begun = (i64, Weak<Shared>);

/// A read transaction.
struct Moment {
    /// Back among the readers at the end.
    connection: Option<Connection>,
    state: OwnedRwLockReadGuard<State>,
}

impl Snapshot {
    /// Reads; `None` when it has ended. It blocks the caller's thread, and waits for whoever reads at the same time.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<Option<T>> {
        let moment = lock(&self.0);
        match moment.as_ref().and_then(|moment| moment.connection.as_ref()) {
            Some(connection) => read(connection).map(Some),
            None => Ok(None),
        }
    }

    /// Ends it.
    pub(crate) fn end(&self) {
        lock(&self.0).take();
    }
}

impl Held {
    /// Begins a snapshot of a file that is open.
    pub(super) fn begin(
        &self,
        state: OwnedRwLockReadGuard<State>,
        now: i64,
        most: usize,
    ) -> Result<Snapshot> {
        let mut held = self.lock();
        held.retain(|(_, snapshot)| snapshot.strong_count() > 0);
        if held.len() >= most {
            let what = "the list of the project's snapshots".to_owned();
            return Err(StoreError::Full { what, limit: most as u64 });
        }
        let connection = match &*state {
            State::Open(file) => {
                file.writer.refuse_stopped()?;
                file.readers.take()?
            }
            State::Closed | State::Forgotten => return Err(StoreError::NotFound { what: "project" }),
        };
        step(&connection, "BEGIN")?;
        // The first look is what makes it this moment.
        connection.prepare_cached("SELECT count(*) FROM lanes WHERE id < 0")?.exists([])?;
        let moment = Arc::new(Mutex::new(Some(Moment { connection: Some(connection), state })));
        held.push((now, Arc::downgrade(&moment)));
        Ok(Snapshot(moment))
    }

    /// Ends those that began before that moment.
    pub(super) fn end_before(&self, moment: i64) {
        self.end(|began| began <= moment);
    }

    /// Ends all of them.
    pub(super) fn end_all(&self) {
        self.end(|_| true);
    }

    /// One that somebody reads at the moment is left for the next time. One that has ended counts until whoever has it
    /// drops it: what was computed from it is still in memory.
    fn end(&self, ends: impl Fn(i64) -> bool) {
        self.lock().retain(|(began, snapshot)| {
            let Some(snapshot) = snapshot.upgrade().filter(|_| ends(*began)) else {
                return snapshot.strong_count() > 0;
            };
            if let Ok(mut moment) = snapshot.try_lock() {
                moment.take();
            }
            true
        });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Begun>> {
        lock(&self.0)
    }
}

impl Drop for Moment {
    fn drop(&mut self) {
        let (Some(connection), State::Open(file)) = (self.connection.take(), &*self.state) else { return };
        // One that can't end what it reads is closed.
        if step(&connection, "COMMIT").is_ok() {
            file.readers.keep(connection);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics between two halves of a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
