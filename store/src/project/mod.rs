//! The data of projects: one file for each, whatever kinds of data there are in it.
//!
//! A file has one writer, which commits the changes of all kinds together, and readers beside it. Each kind of data
//! has its tables and its driver in a room of its own; what it keeps in memory follows the files as an [`Account`].

mod asides;
mod files;
mod folders;
mod places;
mod schema;
mod snapshots;

use rusqlite::Connection;

pub(crate) use self::asides::{Aside, Asides};
pub(crate) use self::files::ProjectFiles;
pub(crate) use self::folders::subfolder;
pub(crate) use self::schema::SCHEMA;
pub(crate) use self::snapshots::Snapshot;
use crate::StoreError;
use crate::catalog::ProjectId;
use crate::transactions::{MAX_LIFE_MS, MAX_OPEN};

type Result<T> = std::result::Result<T, StoreError>;

/// Somebody who keeps account, in memory, of what is in the files.
pub(crate) trait Account: Send + Sync {
    /// A file was found at the start, and is only looked at. It may be of an older server: of its tables only those
    /// of the first version are sure to be there.
    fn found(&self, _project: ProjectId, _connection: &Connection) -> Result<()> {
        Ok(())
    }
    /// A connection to a file was opened, to write or to read: gives it the functions that statements call.
    fn connected(&self, _connection: &Connection) -> Result<()> {
        Ok(())
    }
    /// A file was opened by the thread that will write it, and nobody has used it yet.
    fn opened(&self, _project: ProjectId, _connection: &Connection, _time: Time) -> Result<()> {
        Ok(())
    }
    /// It is time to close what nobody has used for a while.
    fn rested(&self) {}
    /// The project is gone, and its folder is about to be.
    fn forgotten(&self, project: ProjectId);
}

/// Whether this process has had a file open before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Time {
    /// No: whoever wrote it is lost.
    First,
    /// Yes.
    Again,
}

/// Bounds that tests make smaller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Files that are open at once, as long as that many are not in use.
    pub(crate) open: usize,
    /// A file is closed when nobody has used it for that long, milliseconds.
    pub(crate) idle_ms: i64,
    /// Snapshots of one project at once.
    pub(crate) snapshots: usize,
    /// How long a snapshot stays, milliseconds.
    pub(crate) snapshot_ms: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { open: 128, idle_ms: 60_000, snapshots: MAX_OPEN, snapshot_ms: MAX_LIFE_MS }
    }
}

#[cfg(test)]
pub(crate) mod tests;
