//! What can go wrong with documents: one variant per decision that a caller makes.

use super::language::Fault;
use crate::StoreError;

/// A failed call. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The project has no collection of that name.
    #[error("collection `{0}` not found")]
    NoCollection(String),
    /// Another document has the same `_id`, or the same values where an index is unique.
    #[error("another document has {key} in the unique index `{index}`")]
    Duplicate {
        /// `_id`, or the name of the index, as [`super::IndexSpec::name`] has it.
        index: String,
        /// The values, as JSON: `{"slug": "a"}`. Cut where they are long.
        key: String,
    },
    /// The caller may not do that. Nothing is told of what is there, or whether there is anything.
    #[error("nothing in this collection is open to you")]
    Forbidden,
    /// The same of a channel.
    #[error("nothing in this channel is open to you")]
    ForbiddenChannel,
    /// What was asked cannot be understood or done; the text says why, for the eyes of whoever asked.
    #[error("{0}")]
    Invalid(String),
    /// The answer or the change is larger than one call may have it.
    #[error("{what}: {limit} at most")]
    TooLarge {
        /// What is too large, with its unit.
        what: &'static str,
        /// How much may be.
        limit: u64,
    },
    /// The documents were not found in time; an index on what is asked for helps.
    #[error("the documents were not found within {} ms; an index may help", super::MAX_LOOK_MS)]
    Timeout,
    /// Somebody else has changed, since the transaction began, what it has read: it is over, and may be tried again.
    #[error("another change came in between; try the transaction again")]
    Conflict,
    /// The transaction took too long and is over; it may be tried again.
    #[error("the transaction took longer than {} s and is over; try it again", crate::transactions::MAX_LIFE_MS / 1_000)]
    Expired,
    /// The project has as many transactions open as it may.
    #[error("the project has {} transactions open; try again later", crate::transactions::MAX_OPEN)]
    Busy,
    /// No room, or the store failed.
    #[error(transparent)]
    Store(StoreError),
}

/// The writer of a file knows only the store's errors: a failure goes through it as the cause of one.
impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => error,
            other => Self::driver(other),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Driver(cause) => match cause.downcast() {
                Ok(failure) => *failure,
                Err(cause) => Self::Store(StoreError::Driver(cause)),
            },
            other => Self::Store(other),
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Invalid(fault.message)
    }
}
