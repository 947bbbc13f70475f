//! Why a call of a SQL database fails.

use std::fmt;

use crate::bindings::ostro::db::sql;

/// The outcome of a call.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call has failed. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The function holds no grant for it. The text names the line to add to the manifest.
    Denied(String),
    /// The SQL can't be run. The text is SQLite's own, or says what to use instead; of a batch it begins with the
    /// statement, counted from 1.
    Invalid(String),
    /// A constraint of the database: unique, not null, check, foreign key. The text is SQLite's own.
    Constraint(String),
    /// It takes more than it may: time, rows, bytes, room. The text says which.
    Limit(String),
    /// The server can't do it now. Trying again may help.
    Unavailable(String),
    /// A row does not fit the type it is read into. The text says where.
    Mismatch(String),
}

impl From<sql::Error> for Error {
    fn from(error: sql::Error) -> Self {
        match error {
            sql::Error::Denied(text) => Self::Denied(text),
            sql::Error::Invalid(text) => Self::Invalid(text),
            sql::Error::Constraint(text) => Self::Constraint(text),
            sql::Error::Limit(text) => Self::Limit(text),
            sql::Error::Unavailable(text) => Self::Unavailable(text),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Denied(text)
        | Self::Invalid(text)
        | Self::Constraint(text)
        | Self::Limit(text)
        | Self::Unavailable(text)
        | Self::Mismatch(text)) = self;
        f.write_str(text)
    }
}

impl std::error::Error for Error {}
