//! Why a call of the database fails.

use std::fmt;

use crate::bindings::ostro::db::documents;

/// The outcome of a call.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call has failed. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The function holds no grant for it, and the text names the line to add to the manifest; or the rules do not let the
    /// caller do it, where the collection was opened as the caller.
    Denied(String),
    /// What was given can't be done: an unknown operator, a document that an operator does not fit, a limit on the
    /// size of what was given. The text says what and where.
    Invalid(String),
    /// A unique index, or the collection itself by `_id`, has a document of that key already. The text names both.
    Duplicate(String),
    /// The answer is over 8 MiB, or a change concerns over 100,000 documents. The text says what to do.
    TooLarge(String),
    /// The project holds as much as it may. Deleting helps.
    Full(String),
    /// It took over 5 seconds. An index may help.
    Timeout,
    /// Of transactions: something that it has read was changed by somebody else, or its 30 seconds are over.
    Conflict(String),
    /// The server can't do it now. Trying again may help.
    Unavailable(String),
    /// What was answered does not fit the type it is read into. The text says where. A change was made all the same.
    Mismatch(String),
}

impl From<documents::Error> for Error {
    fn from(error: documents::Error) -> Self {
        match error {
            documents::Error::Denied(text) => Self::Denied(text),
            documents::Error::Invalid(text) => Self::Invalid(text),
            documents::Error::Duplicate(text) => Self::Duplicate(text),
            documents::Error::TooLarge(text) => Self::TooLarge(text),
            documents::Error::Full(text) => Self::Full(text),
            documents::Error::Timeout => Self::Timeout,
            documents::Error::Conflict(text) => Self::Conflict(text),
            documents::Error::Unavailable(text) => Self::Unavailable(text),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("it took over 5 seconds: an index may help"),
            Self::Mismatch(text) => write!(f, "the document does not fit: {text}"),
            Self::Denied(text)
            | Self::Invalid(text)
            | Self::Duplicate(text)
            | Self::TooLarge(text)
            | Self::Full(text)
            | Self::Conflict(text)
            | Self::Unavailable(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}
