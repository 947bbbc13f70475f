//! Secrets of the project, one at a time and only with a grant.

use std::fmt;

use crate::bindings::ostro::secrets::store;

/// The value of a secret; none when the project has no secret of that name. Needs the grant `secret:NAME`.
pub fn get(name: &str) -> Result<Option<String>, Error> {
    Ok(store::get(name)?)
}

/// Names of the secrets that the function holds grants for and that exist, sorted.
pub fn names() -> Vec<String> {
    store::names()
}

/// Why a secret was not given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The function holds no grant for it. The text names the line to add to the manifest.
    Denied(String),
    /// The server could not read it now. Asking again may help.
    Unavailable(String),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Denied(text) => Self::Denied(text),
            store::Error::Unavailable(text) => Self::Unavailable(text),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Denied(text) | Self::Unavailable(text)) = self;
        f.write_str(text)
    }
}

impl std::error::Error for Error {}
