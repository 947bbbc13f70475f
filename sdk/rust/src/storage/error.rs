//! Why a call of a bucket fails.

use std::{fmt, io};

use crate::bindings::ostro::storage::objects;

/// The outcome of a call.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call has failed. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The function holds no grant for it, and the text names the line to add to the manifest; or, of a bucket that was opened
    /// as the caller, its rules let that caller do no such thing.
    Denied(String),
    /// What was given can't be done: a key or metadata over its limit, an upload that has failed before. The text
    /// says what and where.
    Invalid(String),
    /// The object is not what the condition said: another one came in between. Beginning again is right.
    Changed,
    /// The content is over 8 MiB: it is read by `download`.
    TooLarge(String),
    /// The project holds as much as it may, the object is over 5 GiB, or 16 uploads run already. Deleting helps, or
    /// waiting.
    Full(String),
    /// What is stored is not what was put. Putting the object again repairs it.
    Damaged,
    /// The server can't do it now. Trying again may help.
    Unavailable(String),
    /// What was answered is not what the contract says.
    Mismatch(String),
}

impl From<objects::Error> for Error {
    fn from(error: objects::Error) -> Self {
        match error {
            objects::Error::Denied(text) => Self::Denied(text),
            objects::Error::Invalid(text) => Self::Invalid(text),
            objects::Error::Changed => Self::Changed,
            objects::Error::TooLarge(text) => Self::TooLarge(text),
            objects::Error::Full(text) => Self::Full(text),
            objects::Error::Damaged => Self::Damaged,
            objects::Error::Unavailable(text) => Self::Unavailable(text),
        }
    }
}

/// For what is read and written as a stream; the error is found again by [`io::Error::get_ref`].
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::Denied(_) => io::ErrorKind::PermissionDenied,
            Error::Invalid(_) => io::ErrorKind::InvalidInput,
            Error::Damaged => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "the object is not what the condition said",
            Self::Damaged => "what is stored is not what was put",
            Self::Denied(text)
            | Self::Invalid(text)
            | Self::TooLarge(text)
            | Self::Full(text)
            | Self::Unavailable(text)
            | Self::Mismatch(text) => text,
        })
    }
}

impl std::error::Error for Error {}
