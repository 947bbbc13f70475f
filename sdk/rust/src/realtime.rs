//! Messages to those who listen to channels of the project at that moment. Nothing is kept for others.

use std::fmt;

use serde::Serialize;

use crate::bindings::ostro::realtime::channels;
use crate::json;

/// Sends a message, at most 16 KiB of JSON, to all who listen to a channel: `NAME`, or `NAME/PART` where `NAME/*` is
/// declared. Needs the grant `channel:NAME:send`, or `channel:NAME/*:send`.
///
/// ```no_run
/// ostro::realtime::send("rooms/a", &ostro::json!({ "typing": "ann" }))?;
/// # Ok::<(), ostro::realtime::Error>(())
/// ```
pub fn send(channel: &str, message: &(impl Serialize + ?Sized)) -> Result<(), Error> {
    Ok(channels::send(channel, &json::text(message).map_err(Error::Invalid)?)?)
}

/// Why nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The function holds no grant for this channel. The text names the line to add to the manifest.
    Denied(String),
    /// That is no name of a channel, or the message is no JSON or over its limit. The text says which.
    Invalid(String),
    /// More is sent in the project than may be. Trying again in a moment may help.
    Busy,
    /// Nothing is sent now. Trying again may help.
    Unavailable(String),
}

impl From<channels::Error> for Error {
    fn from(error: channels::Error) -> Self {
        match error {
            channels::Error::Denied(text) => Self::Denied(text),
            channels::Error::Invalid(text) => Self::Invalid(text),
            channels::Error::Busy => Self::Busy,
            channels::Error::Unavailable(text) => Self::Unavailable(text),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("more is sent to channels of the project than may be"),
            Self::Denied(text) | Self::Invalid(text) | Self::Unavailable(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}
