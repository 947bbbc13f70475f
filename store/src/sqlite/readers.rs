//! Connections that read a file beside its writer, on the thread of whoever reads.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::Result;
use super::writer::step;

/// Connections that are kept for the next one who reads; each has three descriptors and a cache of its own.
const KEPT: usize = 4;

/// The readers of a file. They must be closed before its writer is: whoever closes the file last ends its log.
pub(crate) struct Readers {
    open: Box<dyn Fn() -> Result<Connection> + Send + Sync>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// None yet; `open` opens one.
    pub(crate) fn new(open: impl Fn() -> Result<Connection> + Send + Sync + 'static) -> Self {
        Self { open: Box::new(open), idle: Mutex::default() }
    }

    /// Reads what was committed when it begins, all as it was at that moment. It must be short: it blocks the
    /// caller's thread, and while it lasts the log can't begin anew.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let connection = self.take()?;
        step(&connection, "BEGIN")?;
        let value = read(&connection);
        let ended = step(&connection, "COMMIT");
        // What went wrong first is the one to report.
        let value = value?;
        ended?;
        self.keep(connection);
        Ok(value)
    }

    /// A connection for whoever reads for longer.
    pub(crate) fn take(&self) -> Result<Connection> {
        let idle = self.idle().pop();
        match idle {
            Some(connection) => Ok(connection),
            None => (self.open)(),
        }
    }

    /// Closes those that nobody uses.
    pub(crate) fn close(&self) {
        self.idle().clear();
    }

    /// Keeps a connection, which is in no transaction, for the next one who reads.
    pub(crate) fn keep(&self, connection: Connection) {
        let mut idle = self.idle();
        if idle.len() < KEPT {
            idle.push(connection);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        // Nothing panics between two halves of a change.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn few_are_kept_and_those_are_used_again() {
        let opened = Arc::new(AtomicUsize::new(0));
        let count = opened.clone();
        let readers = Readers::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(Connection::open_in_memory()?)
        });
        for _ in 0..3 {
            readers.read(|_| Ok(())).unwrap();
        }
        assert_eq!(opened.load(Ordering::Relaxed), 1);
        nested(&readers, KEPT + 3);
        assert_eq!(opened.load(Ordering::Relaxed), KEPT + 3);
        assert_eq!(readers.idle().len(), KEPT);
        nested(&readers, KEPT);
        assert_eq!(opened.load(Ordering::Relaxed), KEPT + 3);
        readers.close();
        assert_eq!(readers.idle().len(), 0);
    }

    /// That many at once.
    fn nested(readers: &Readers, count: usize) {
        if count > 0 {
            let read = |_: &Connection| {
                nested(readers, count - 1);
                Ok(())
            };
            readers.read(read).unwrap();
        }
    }
}
