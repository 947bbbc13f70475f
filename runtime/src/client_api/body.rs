//! The body of a call: JSON, bounded in bytes and in time.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::header::{self, HeaderMap};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::problem::Problem;

/// Longest wait for a body.
const BODY_TIME: Duration = Duration::from_secs(30);

/// The body of a request and whether it says that it is JSON: pages of other origins can't say so without being asked first.
pub(super) struct Posted {
    is_json: bool,
    bytes: Bytes,
}

impl Posted {
    /// Reads a body of at most `max` bytes.
    pub(super) async fn read<B>(headers: &HeaderMap, body: B, max: usize) -> Result<Self, Problem>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let is_json = says_json(headers);
        // The error of a body is one of the connection, or that it is too long.
        let limited = Limited::new(Unboxed(body), max);
        let read = timeout(BODY_TIME, limited.collect()).await;
        let read = read.map_err(|_| Problem::new(408, "timeout", "the body did not come in time"))?;
        let read = read.map_err(|error| match error.is::<LengthLimitError>() {
            true => Problem::new(413, "too_large", format!("the body is over {max} bytes")),
            false => bad("the body ended early"),
        })?;
        Ok(Self { is_json, bytes: read.to_bytes() })
    }

    /// The body, if it says that it is JSON.
    pub(super) fn bytes(&self) -> Result<&Bytes, Problem> {
        match self.is_json {
            true => Ok(&self.bytes),
            false => Err(not_json()),
        }
    }

    /// What the body says.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        // Where it is wrong is told, and nothing of what was sent: it may be a password.
        serde_json::from_slice(self.bytes()?).map_err(|error| {
            bad(format!(
                "the body is not what is expected here (line {}, column {})",
                error.line(),
                error.column()
            ))
        })
    }

    /// What the body says, or nothing where there is none.
    pub(super) fn json_or_nothing<T: DeserializeOwned + Default>(&self) -> Result<T, Problem> {
        if self.bytes.is_empty() { Ok(T::default()) } else { self.json() }
    }
}

/// Whether a request says that its body is JSON.
pub(super) fn says_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::to_str);
    let media_type = content_type.and_then(Result::ok).and_then(|text| text.split(';').next());
    media_type.is_some_and(|text| text.trim().eq_ignore_ascii_case("application/json"))
}

/// The request does not say so.
pub(super) fn not_json() -> Problem {
    bad("the body has to be JSON, and say so with `content-type: application/json`")
}

/// A body whose errors say nothing, so that they need be of no kind.
struct Unboxed<B>(B);

/// The body ended before it was whole.
#[derive(Debug, thiserror::Error)]
#[error("the body ended early")]
struct Ended;

impl<B: Body<Data = Bytes> + Unpin> Body for Unboxed<B> {
    type Data = Bytes;
    type Error = Ended;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Ended>>> {
        std::pin::Pin::new(&mut self.0).poll_frame(cx).map_err(|_| Ended)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.0.size_hint()
    }
}

/// The request is not what it should be.
pub(super) fn bad(message: impl Into<String>) -> Problem {
    Problem::new(400, "bad_request", message)
}
