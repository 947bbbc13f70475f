//! The data of projects: one file for each, whatever kinds of data there are in it.
//!
//! A file has one writer, which commits the changes of all kinds together, and readers beside it. Each kind of data
//! has its tables and its driver in a room of its own; what it keeps in memory follows the files as an [`Account`].

mod files;
mod folders;
mod places;
mod schema;

use rusqlite::Connection;

pub(crate) use self::files::ProjectFiles;
#[cfg(test)]
pub(crate) use self::schema::SCHEMA;
use crate::StoreError;
use crate::catalog::ProjectId;

type Result<T> = std::result::Result<T, StoreError>;

/// Somebody who keeps account, in memory, of what is in the files.
pub(crate) trait Account: Send + Sync {
    /// A file was found at the start, and is only looked at. It may be of an older server: of its tables only those
    /// of the first version are sure to be there.
    fn found(&self, _project: ProjectId, _connection: &Connection) -> Result<()> {
        Ok(())
    }
    /// A file was opened by the thread that will write it, and nobody has used it yet.
    fn opened(&self, project: ProjectId, connection: &Connection, time: Time) -> Result<()>;
    /// The project is gone.
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
}

impl Default for Limits {
    fn default() -> Self {
        Self { open: 128, idle_ms: 60_000 }
    }
}

#[cfg(test)]
pub(crate) mod tests;
