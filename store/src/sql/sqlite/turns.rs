//! Whose turn it is among the calls of a project, and how many may wait for theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Limits;
use crate::sql::{Result, SqlError};

/// The calls of a project that are not done at hand.
pub(super) struct Turns {
    /// Queries that are begun on other threads, for a few milliseconds.
    first: Arc<Semaphore>,
    /// Queries that run for long.
    long: Arc<Semaphore>,
    /// All queries that run or wait.
    asked: Arc<Semaphore>,
    /// Bytes of the statements that run or wait.
    bytes: Arc<AtomicUsize>,
    most_bytes: usize,
}

/// A call that waits or runs; when it goes, there is place for another one.
pub(super) struct Waits {
    bytes: usize,
    all: Arc<AtomicUsize>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Turns {
    pub(super) fn new(limits: &Limits) -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self {
            first: places(limits.first),
            long: places(limits.running),
            asked: places(limits.running + limits.waiting),
            bytes: Arc::default(),
            most_bytes: limits.waiting_bytes,
        }
    }

    /// A query of that many bytes waits from now on.
    pub(super) fn query(&self, bytes: usize) -> Result<Waits> {
        let place = self.asked.clone().try_acquire_owned().map_err(|_| SqlError::Busy)?;
        self.wait(bytes, Some(place))
    }

    /// A call of that many bytes that may write waits from now on. One may always wait.
    pub(super) fn write(&self, bytes: usize) -> Result<Waits> {
        self.wait(bytes, None)
    }

    /// The turn to begin.
    pub(super) async fn first(&self) -> Result<OwnedSemaphorePermit> {
        self.first.clone().acquire_owned().await.map_err(|_| SqlError::Busy)
    }

    /// The turn to run for long.
    pub(super) async fn long(&self) -> Result<OwnedSemaphorePermit> {
        self.long.clone().acquire_owned().await.map_err(|_| SqlError::Busy)
    }

    fn wait(&self, bytes: usize, place: Option<OwnedSemaphorePermit>) -> Result<Waits> {
        if self.bytes.load(Ordering::Relaxed) > self.most_bytes {
            return Err(SqlError::Busy);
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(Waits { bytes, all: self.bytes.clone(), _place: place })
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded_for_the_project() {
        let turns = Turns::new(&Limits { running: 1, waiting: 1, waiting_bytes: 100, ..Limits::default() });
        let large = turns.write(1_000).unwrap();
        assert!(matches!(turns.write(1), Err(SqlError::Busy)));
        assert!(matches!(turns.query(1), Err(SqlError::Busy)));
        drop(large);
        let two = [turns.query(60).unwrap(), turns.query(40).unwrap()];
        assert!(matches!(turns.query(0), Err(SqlError::Busy)), "only so many queries");
        let write = turns.write(1).unwrap();
        assert!(matches!(turns.write(1), Err(SqlError::Busy)));
        drop((two, write));
        turns.query(100).unwrap();
    }
}
