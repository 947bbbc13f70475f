//! From what a sender says of a message to the job that delivers it: one set of limits, whoever sends. Pure.

use bytes::Bytes;

use super::{Lane, MAX_DELAY_MS, MAX_KEY_BYTES, MAX_PAYLOAD_BYTES, NewJob, Trigger};

/// Longest media type, bytes.
const MAX_CONTENT_TYPE_BYTES: usize = 255;

/// A message as its sender describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewMessage {
    /// Payload, at most [`MAX_PAYLOAD_BYTES`].
    pub payload: Bytes,
    /// Its media type; empty when the sender does not say.
    pub content_type: String,
    /// Not before that many milliseconds from now, at most [`MAX_DELAY_MS`].
    pub delay_ms: u64,
    /// Stored once per queue and window; at most [`MAX_KEY_BYTES`].
    pub dedupe_key: Option<String>,
    /// One in flight per queue and key, first in first out; at most [`MAX_KEY_BYTES`].
    pub order_key: Option<String>,
}

impl NewMessage {
    /// The job that delivers it from that queue.
    pub fn into_job(self, queue: &str) -> Result<NewJob, Unacceptable> {
        self.into_job_of(Lane::Queue(queue.to_owned()), Trigger::Queue)
    }

    /// The job of that lane and trigger that carries it.
    pub fn into_job_of(self, lane: Lane, trigger: Trigger) -> Result<NewJob, Unacceptable> {
        if self.payload.len() > MAX_PAYLOAD_BYTES {
            return Err(Unacceptable::Payload);
        }
        if self.delay_ms > MAX_DELAY_MS {
            return Err(Unacceptable::Delay);
        }
        Ok(NewJob {
            payload: self.payload,
            content_type: check_content_type(self.content_type)?,
            delay_ms: self.delay_ms,
            dedupe_key: self.dedupe_key.map(|key| check_key("dedupe", key)).transpose()?,
            order_key: self.order_key.map(|key| check_key("order", key)).transpose()?,
            ..NewJob::new(lane, trigger)
        })
    }
}

/// Why a message is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unacceptable {
    /// The payload is over its limit.
    #[error("a job carries {} KiB at most", MAX_PAYLOAD_BYTES >> 10)]
    Payload,
    /// The media type is over its limit, or cannot stand in the head of a request.
    #[error("a media type is ASCII text of {MAX_CONTENT_TYPE_BYTES} bytes at most")]
    ContentType,
    /// The delay is over its limit.
    #[error("a delay is {} days at most", MAX_DELAY_MS / 86_400_000)]
    Delay,
    /// That key (`dedupe` or `order`) is over its limit, empty, or not all of it can be printed.
    #[error("the {0} key must have 1 to {MAX_KEY_BYTES} bytes, none of them a control character")]
    Key(&'static str),
}

/// The media type, if a job may have it: what is kept must fit into the head of a request again.
pub fn check_content_type(text: String) -> Result<String, Unacceptable> {
    let fits = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
    match text.len() <= MAX_CONTENT_TYPE_BYTES && text.bytes().all(fits) {
        true => Ok(text),
        false => Err(Unacceptable::ContentType),
    }
}

fn check_key(what: &'static str, key: String) -> Result<String, Unacceptable> {
    match key.len() {
        1..=MAX_KEY_BYTES if !key.chars().any(char::is_control) => Ok(key),
        _ => Err(Unacceptable::Key(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(bytes: usize) -> NewMessage {
        NewMessage { payload: Bytes::from(vec![b'x'; bytes]), ..NewMessage::default() }
    }

    #[test]
    fn a_message_becomes_a_job_of_its_queue() {
        let message = NewMessage {
            content_type: "a/b".to_owned(),
            delay_ms: MAX_DELAY_MS,
            dedupe_key: Some("k".repeat(MAX_KEY_BYTES)),
            order_key: Some("customer 7".to_owned()),
            ..payload(MAX_PAYLOAD_BYTES)
        };
        let job = message.clone().into_job("mail").unwrap();
        assert_eq!((job.lane, job.trigger), (Lane::Queue("mail".to_owned()), Trigger::Queue));
        assert_eq!((job.payload, job.content_type), (message.payload, message.content_type));
        assert_eq!((job.dedupe_key, job.order_key), (message.dedupe_key, message.order_key));
        assert_eq!((job.delay_ms, job.expires_after_ms), (MAX_DELAY_MS, None));
    }

    #[test]
    fn what_breaks_a_limit_is_refused() {
        assert_eq!(payload(MAX_PAYLOAD_BYTES + 1).into_job("mail"), Err(Unacceptable::Payload));
        let late = NewMessage { delay_ms: MAX_DELAY_MS + 1, ..payload(0) };
        assert_eq!(late.into_job("mail"), Err(Unacceptable::Delay));
        for key in ["", &"k".repeat(257), &"ü".repeat(129), "a\nb", "\u{7f}"] {
            let key = Some(key.to_owned());
            let dedupe = NewMessage { dedupe_key: key.clone(), ..payload(0) }.into_job("mail");
            let order = NewMessage { order_key: key, ..payload(0) }.into_job("mail");
            assert_eq!(dedupe, Err(Unacceptable::Key("dedupe")));
            assert_eq!(order, Err(Unacceptable::Key("order")));
        }
        for content_type in ["a\nb", "ü/x", "a\0", &"x".repeat(256)] {
            let message = NewMessage { content_type: content_type.to_owned(), ..payload(0) };
            assert_eq!(message.into_job("mail"), Err(Unacceptable::ContentType), "{content_type:?}");
        }
    }
}
