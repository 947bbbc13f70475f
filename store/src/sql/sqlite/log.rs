//! The write-ahead log of a database: who reads beside it, and how it begins anew.
//!
//! SQLite begins a log anew when nobody reads from it, so readers that overlap put that off for ever while the log grows. When
//! it is large, those who come wait for a moment, until those who read have ended: each runs for seconds at most.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use crate::sqlite::{BUSY_TIMEOUT, Place};

/// The log of an open database.
pub(super) struct Log {
    place: Arc<Place>,
    /// Fair: who wants it alone waits for those who have it, and those who come wait for him.
    readers: Arc<RwLock<()>>,
    /// An fsync has failed while it was brought into the file.
    failed: Arc<AtomicBool>,
}

/// Somebody reads. He waits for nothing else meanwhile.
pub(super) type Reading = OwnedRwLockReadGuard<()>;

impl Log {
    /// That of a file whose writer sets whether an fsync has failed: see [`crate::sqlite::checkpoint_with_commits`].
    pub(super) fn new(place: Arc<Place>, failed: Arc<AtomicBool>) -> Self {
        Self { place, readers: Arc::default(), failed }
    }

    /// Whether an fsync has failed while it was brought into the file.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// To read at once; `None` while the log is about to begin anew.
    pub(super) fn try_read(&self) -> Option<Reading> {
        self.readers.clone().try_read_owned().ok()
    }

    /// To read, if need be after the log has begun anew.
    pub(super) async fn read(&self) -> Reading {
        self.readers.clone().read_owned().await
    }

    /// What it has on the disk, bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.place.log_bytes()
    }

    /// Has the log begin anew, and its room given back; false while another program reads the file. Blocks until all who read
    /// have ended.
    pub(super) fn begin_anew(&self, writer: &Connection) -> rusqlite::Result<bool> {
        // Most of the work, while others still read.
        checkpoint(writer, "PASSIVE")?;
        let _nobody = self.readers.blocking_write();
        writer.busy_timeout(Duration::ZERO)?;
        let is_done = checkpoint(writer, "TRUNCATE");
        writer.busy_timeout(BUSY_TIMEOUT)?;
        is_done
    }
}

/// Whether it was done to the end.
fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<bool> {
    connection
        .query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get(0))
        .map(|busy: bool| !busy)
}
