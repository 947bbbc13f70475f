//! What can go wrong in a store: one variant per decision that a caller makes.

use std::io;

/// A failed store operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The named thing does not exist (or belongs to another project).
    #[error("{what} not found")]
    NotFound {
        /// What was looked for, such as `function` or `project`.
        what: &'static str,
    },
    /// The name or the route is taken.
    #[error("{what} is already taken by {holder}")]
    Conflict {
        /// What was asked for, as the user wrote it.
        what: String,
        /// Who holds it.
        holder: String,
    },
    /// There is no room for more of it; nothing was written.
    #[error("{what} is full: it holds {limit} at most")]
    Full {
        /// What is full, such as ``queue `mail` ``.
        what: String,
        /// How much it holds.
        limit: u64,
    },
    /// As many of them run at once as may; nothing was begun. Trying again when one of them has ended is right.
    #[error("{limit} {what} run at once, and no more may")]
    Busy {
        /// What runs, such as `uploads of the project`.
        what: &'static str,
        /// How many may.
        limit: u64,
    },
    /// The rules of a bucket do not let the caller do it, or there is no such bucket; nothing was done.
    #[error("nothing in this bucket is open to you")]
    Forbidden,
    /// It takes too long and was given up; nothing was changed.
    #[error("{what} takes too long")]
    Slow {
        /// What does, such as `the list`.
        what: &'static str,
    },
    /// The disk is full; nothing was written.
    #[error("no space left on the device")]
    NoSpace(#[source] std::io::Error),
    /// The data directory can't be used as it is; the text says what to do.
    #[error("{0}")]
    Unusable(String),
    /// What is stored does not match its digest or its form.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
    /// The driver failed.
    #[error("the store failed")]
    Driver(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// An input or output error of our own files: a full disk is told apart from everything else.
    pub(crate) fn io(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace(error),
            _ => Self::Driver(error.into()),
        }
    }

    /// Any other failure below us.
    pub(crate) fn driver(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Driver(error.into())
    }
}
