//! Why a call of key-value fails.

use std::fmt;

use crate::bindings::wasi::keyvalue::store;

/// Why a call has failed. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The function holds no grant for it. Its log names the line to add to the manifest.
    Denied,
    /// The project has no namespace of that name.
    UnknownNamespace,
    /// Others have written the key each time that [`update`](super::Namespace::update) has computed its value.
    Conflict,
    /// What is there is no JSON of that type, or what was given is none. The text says where.
    Mismatch(String),
    /// A limit, a full project, a value of another form, a server that can't do it now. The text says which.
    Failed(String),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NoSuchStore => Self::UnknownNamespace,
            store::Error::AccessDenied => Self::Denied,
            store::Error::Other(text) => Self::Failed(text),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Denied => {
                "key-value: not granted; the function's log names the line to add to the manifest"
            }
            Self::UnknownNamespace => "the project has no namespace of that name",
            Self::Conflict => "others have written the key each time",
            Self::Mismatch(text) | Self::Failed(text) => text,
        })
    }
}

impl std::error::Error for Error {}
