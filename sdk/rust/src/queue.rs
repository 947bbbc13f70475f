//! Sending to queues of the project. A message that was acknowledged is delivered at least once.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::bindings::ostro::queue::producer;
use crate::json;

/// Sends a message and returns its id; a duplicate has the id of the first. Needs the grant `queue:NAME:send`.
///
/// ```no_run
/// use ostro::queue::{self, Message};
///
/// queue::send("mail", Message::json(&ostro::json!({ "to": "ann@example.com" }))?.dedupe_key("order-7"))?;
/// # Ok::<(), queue::Error>(())
/// ```
pub fn send(queue: &str, message: Message) -> Result<String, Error> {
    let ids = send_all(queue, [message])?;
    ids.into_iter().next().ok_or_else(|| Error::Unavailable("the message has no id".to_owned()))
}

/// Sends messages, at most 1,000 and 8 MiB, all or none; returns their ids in order.
pub fn send_all(queue: &str, messages: impl IntoIterator<Item = Message>) -> Result<Vec<String>, Error> {
    let messages: Vec<producer::Message> = messages.into_iter().map(Into::into).collect();
    Ok(producer::send(queue, &messages)?)
}

/// A message to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Payload, at most 128 KiB.
    pub body: Vec<u8>,
    /// Its media type; empty for none.
    pub content_type: String,
    /// How long after now it is not delivered, 14 days at most. Counted in milliseconds.
    pub delay: Duration,
    /// Messages of one key within a day are one: the first stands.
    pub dedupe_key: Option<String>,
    /// Messages of one key are delivered one at a time, in order.
    pub order_key: Option<String>,
}

impl Message {
    /// A message of these bytes, without a media type.
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }

    /// A message of JSON. `Invalid` where the value can't be written as JSON.
    pub fn json(value: &(impl Serialize + ?Sized)) -> Result<Self, Error> {
        let message = Self::new(json::text(value).map_err(Error::Invalid)?);
        Ok(message.content_type("application/json"))
    }

    /// Sets [`content_type`](Self::content_type).
    #[must_use]
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = content_type.into();
        self
    }

    /// Sets [`delay`](Self::delay).
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sets [`dedupe_key`](Self::dedupe_key).
    #[must_use]
    pub fn dedupe_key(mut self, key: impl Into<String>) -> Self {
        self.dedupe_key = Some(key.into());
        self
    }

    /// Sets [`order_key`](Self::order_key).
    #[must_use]
    pub fn order_key(mut self, key: impl Into<String>) -> Self {
        self.order_key = Some(key.into());
        self
    }

    /// The delay as the contract counts it. One that is too long stays too long.
    pub(crate) fn delay_ms(&self) -> u64 {
        u64::try_from(self.delay.as_millis()).unwrap_or(u64::MAX)
    }
}

impl From<Message> for producer::Message {
    fn from(message: Message) -> Self {
        let delay_ms = message.delay_ms();
        let Message { body, content_type, dedupe_key, order_key, .. } = message;
        Self { body, content_type, delay_ms, dedupe_key, order_key }
    }
}

/// Why nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The function holds no grant for this queue. The text names the line to add to the manifest.
    Denied(String),
    /// The project has no queue of that name. The text says how to declare one.
    UnknownQueue(String),
    /// As many messages wait in it as may wait. Trying again later may help.
    Full,
    /// A message, or all of them together, are over a limit, or a value is no JSON. The text says which.
    Invalid(String),
    /// The server could not write it now. Trying again may help.
    Unavailable(String),
}

impl From<producer::Error> for Error {
    fn from(error: producer::Error) -> Self {
        match error {
            producer::Error::Denied(text) => Self::Denied(text),
            producer::Error::UnknownQueue(text) => Self::UnknownQueue(text),
            producer::Error::Full => Self::Full,
            producer::Error::Invalid(text) => Self::Invalid(text),
            producer::Error::Unavailable(text) => Self::Unavailable(text),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("as many messages wait in the queue as may wait"),
            Self::Denied(text) | Self::UnknownQueue(text) | Self::Invalid(text) | Self::Unavailable(text) => {
                f.write_str(text)
            }
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_what_was_said() {
        let message = Message::json(&[1, 2]).unwrap().delay(Duration::from_micros(1_500)).order_key("ann");
        let sent = producer::Message::from(message.dedupe_key("7"));
        assert_eq!(sent.body, b"[1,2]");
        assert_eq!((sent.content_type.as_str(), sent.delay_ms), ("application/json", 1));
        assert_eq!((sent.dedupe_key.as_deref(), sent.order_key.as_deref()), (Some("7"), Some("ann")));
        assert_eq!(Message::new("x").delay(Duration::MAX).delay_ms(), u64::MAX);
    }
}
