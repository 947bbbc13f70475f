//! From what a sender says to a job: limits and defaults. Pure.

use std::fmt::Display;

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::value::RawValue;
use store::jobs::{self, NewJob, Unacceptable};

use super::wire::{NewMessage, SendQuery};
use crate::problem::Problem;
use crate::registry::manifest::units;

/// A message as its sender describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    payload: Bytes,
    content_type: String,
    delay: Option<String>,
    key: Option<String>,
    order: Option<String>,
}

impl Message {
    /// A message that is the body of its request.
    pub(super) fn of_body(payload: Bytes, content_type: String, query: SendQuery) -> Self {
        Self { payload, content_type, delay: query.delay, key: query.key, order: query.order }
    }

    /// A message of a batch.
    pub(super) fn of_batch(new: NewMessage) -> Result<Self, Problem> {
        let (payload, usual_type) = payload(&new.body, new.base64)?;
        let content_type = match new.content_type {
            Some(content_type) => content_type,
            None => usual_type.to_owned(),
        };
        Ok(Self { payload, content_type, delay: new.delay, key: new.key, order: new.order })
    }

    /// The job that delivers it from that queue.
    pub(super) fn into_job(self, queue: &str) -> Result<NewJob, Problem> {
        let message = jobs::NewMessage {
            payload: self.payload,
            content_type: self.content_type,
            delay_ms: self.delay.as_deref().map_or(Ok(0), delay_ms)?,
            dedupe_key: self.key,
            order_key: self.order,
        };
        message.into_job(queue).map_err(problem)
    }
}

/// The media type that a request says its body has; empty when it says nothing.
pub(super) fn content_type(headers: &HeaderMap) -> Result<String, Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(String::new()) };
    let text = value.to_str().map_err(|_| refused("the media type has characters that are not ASCII"))?;
    jobs::check_content_type(text.to_owned()).map_err(problem)
}

/// The payload of a message or of a call is larger than a job may carry.
pub(super) fn too_large() -> Problem {
    Problem::new(413, "too_large", Unacceptable::Payload.to_string())
        .hint("store the data elsewhere and send where it is")
}

/// Bytes of a payload and the media type that they have unless the sender says otherwise.
fn payload(body: &RawValue, base64: bool) -> Result<(Bytes, &'static str), Problem> {
    let json = body.get();
    let text = match json.starts_with('"') {
        true => Some(serde_json::from_str::<String>(json).map_err(refused)?),
        false => None,
    };
    match (text, base64) {
        (Some(text), true) => {
            let bytes = STANDARD.decode(text).map_err(|error| refused(format!("`body`: {error}")))?;
            Ok((bytes.into(), "application/octet-stream"))
        }
        (Some(text), false) => Ok((text.into(), "text/plain; charset=utf-8")),
        (None, false) => Ok((Bytes::copy_from_slice(json.as_bytes()), "application/json")),
        (None, true) => Err(refused("with `base64`, `body` is a string")),
    }
}

fn delay_ms(text: &str) -> Result<u64, Problem> {
    units::millis(text).map_err(|fault| refused(format!("the delay {fault}")))
}

fn problem(unacceptable: Unacceptable) -> Problem {
    match unacceptable {
        Unacceptable::Payload => too_large(),
        other => refused(other),
    }
}

fn refused(why: impl Display) -> Problem {
    Problem::new(422, "message", format!("the message is refused: {why}"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use store::jobs::{Lane, MAX_DELAY_MS, MAX_PAYLOAD_BYTES, Trigger};

    use super::*;

    fn batch(json: &str) -> Result<NewJob, Problem> {
        Message::of_batch(serde_json::from_str(json).unwrap())?.into_job("mail")
    }

    fn single(query: SendQuery) -> Result<NewJob, Problem> {
        Message::of_body(Bytes::from_static(b"x"), String::new(), query).into_job("mail")
    }

    #[test]
    fn payloads_and_their_usual_types() {
        for (json, payload, content_type) in [
            (r#"{"body":"hi \u00fc"}"#, "hi ü".as_bytes(), "text/plain; charset=utf-8"),
            (
                r#"{"body":{"n":12345678901234567890123.10}}"#,
                br#"{"n":12345678901234567890123.10}"#,
                "application/json",
            ),
            (r#"{"body":null}"#, b"null", "application/json"),
            (r#"{"body":""}"#, b"", "text/plain; charset=utf-8"),
            (r#"{"body":"/w==","base64":true}"#, b"\xff", "application/octet-stream"),
            (r#"{"body":[1, 2],"content_type":"a/b"}"#, b"[1, 2]", "a/b"),
        ] {
            let job = batch(json).unwrap();
            assert_eq!((&job.payload[..], job.content_type.as_str()), (payload, content_type), "{json}");
        }
    }

    #[test]
    fn a_message_becomes_a_job_of_its_queue() {
        let query = SendQuery {
            delay: Some("5m".to_owned()),
            key: Some("k".repeat(256)),
            order: Some("customer 7".to_owned()),
        };
        let message = Message::of_body(Bytes::from_static(b"x"), "a/b".to_owned(), query);
        assert_eq!(
            message.into_job("mail").unwrap(),
            NewJob {
                lane: Lane::Queue("mail".to_owned()),
                trigger: Trigger::Queue,
                payload: Bytes::from_static(b"x"),
                content_type: "a/b".to_owned(),
                delay_ms: 300_000,
                dedupe_key: Some("k".repeat(256)),
                order_key: Some("customer 7".to_owned()),
                expires_after_ms: None,
            }
        );
    }

    #[test]
    fn what_breaks_a_limit_is_refused() {
        let delayed = |delay: &str| single(SendQuery { delay: Some(delay.to_owned()), ..Default::default() });
        assert_eq!(delayed("14d").unwrap().delay_ms, MAX_DELAY_MS);
        for delay in ["", "10", "soon", "-5s", "15d", "99999999999999999999s"] {
            assert_eq!(delayed(delay).unwrap_err().code, "message", "{delay:?}");
        }
        for key in ["".to_owned(), "k".repeat(257), "ü".repeat(129), "a\nb".to_owned(), "\u{7f}".to_owned()]
        {
            let dedupe = single(SendQuery { key: Some(key.clone()), ..Default::default() });
            let order = single(SendQuery { order: Some(key.clone()), ..Default::default() });
            assert_eq!(dedupe.unwrap_err().code, "message", "{key:?}");
            assert_eq!(order.unwrap_err().code, "message", "{key:?}");
        }
        for json in [
            r#"{"body":"x","base64":true}"#,
            r#"{"body":7,"base64":true}"#,
            r#"{"body":"\ud800"}"#,
            r#"{"body":"x","content_type":"a\nb"}"#,
            r#"{"body":"x","content_type":"ü/x"}"#,
        ] {
            assert_eq!(batch(json).unwrap_err().code, "message", "{json}");
        }
        let exact = format!(r#"{{"body":"{}"}}"#, "x".repeat(MAX_PAYLOAD_BYTES));
        assert_eq!(batch(&exact).unwrap().payload.len(), MAX_PAYLOAD_BYTES);
        let over = format!(r#"{{"body":"{}"}}"#, "x".repeat(MAX_PAYLOAD_BYTES + 1));
        assert_eq!(batch(&over).unwrap_err().status, 413);
    }

    #[test]
    fn media_types_come_from_the_head() {
        let mut headers = HeaderMap::new();
        assert_eq!(content_type(&headers).unwrap(), "");
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/x; a=\"b c\""));
        assert_eq!(content_type(&headers).unwrap(), "text/x; a=\"b c\"");
        for wrong in [&b"text/\xfc"[..], &[b'x'; 256]] {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_bytes(wrong).unwrap());
            assert_eq!(content_type(&headers).unwrap_err().code, "message");
        }
    }
}
