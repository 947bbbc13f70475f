//! Request bodies and queries: paced, limited, parsed, with JSON errors. And answers that are large.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use http_body::{Frame, SizeHint};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Sleep, sleep};

use crate::places::Place;
use crate::problem::Problem;
use crate::registry::manifest::units;

/// Largest JSON body, bytes.
pub(super) const JSON_BYTES: usize = 256 << 10;
/// A body must bring [`PACE_BYTES`] in each window, or end.
const PACE_WINDOW: Duration = Duration::from_secs(30);
/// 273 bytes a second: slower than any line in use, faster than an attack that wants to last.
const PACE_BYTES: usize = 8 << 10;

/// A large answer goes out in parts, so that it is known how far it has come.
const ANSWER_PART_BYTES: usize = 64 << 10;

/// A body that fails with [`Stalled`] when the client sends too slowly. Time in which nobody reads does
/// not count.
pub(super) struct Paced {
    inner: Body,
    window: Pin<Box<Sleep>>,
    received: usize,
    /// Whether somebody has waited for the client since the last frame.
    waited: bool,
}

/// The client sent too slowly.
#[derive(Debug, thiserror::Error)]
#[error("the request body came too slowly")]
pub(super) struct Stalled;

impl Paced {
    /// Starts the first window.
    pub(super) fn new(inner: Body) -> Self {
        Self { inner, window: Box::pin(sleep(PACE_WINDOW)), received: 0, waited: false }
    }

    fn open_window(&mut self) {
        self.received = 0;
        self.window.set(sleep(PACE_WINDOW));
    }
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) {
            if let Some(Ok(data)) = frame.as_ref().map(|frame| frame.as_ref().map(Frame::data_ref)) {
                self.received += data.map_or(0, Bytes::len);
            }
            if frame.is_some() && self.window.is_elapsed() {
                if self.waited && self.received < PACE_BYTES {
                    return stalled();
                }
                self.open_window();
            }
            self.waited = false;
            return Poll::Ready(frame);
        }
        self.waited = true;
        while self.window.as_mut().poll(context).is_ready() {
            if self.received < PACE_BYTES {
                return stalled();
            }
            self.open_window();
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn stalled<T>() -> Poll<Option<Result<T, axum::Error>>> {
    Poll::Ready(Some(Err(axum::Error::new(Stalled))))
}

/// Why a body could not be read, from whatever wraps the cause.
pub(super) fn problem_of(error: &(dyn Error + 'static)) -> Problem {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<Stalled>() {
            return Problem::new(408, "slow_upload", "the request body came too slowly")
                .hint("send at least 8 KiB in every 30 seconds");
        }
        if error.is::<http_body_util::LengthLimitError>() {
            return Problem::new(413, "too_large", "the request body is too large");
        }
        cause = error.source();
    }
    Problem::new(400, "bad_request", "the request body ended early or is malformed")
}

/// A JSON body of at most 256 KiB.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = read_json(request, JSON_BYTES).await?;
        parse(&bytes).map(Self)
    }
}

/// A JSON body that may be missing altogether.
pub(super) struct OptionalJson<T>(pub(super) T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = read(request, JSON_BYTES).await?;
        match bytes.is_empty() {
            true => Ok(Self(T::default())),
            false => parse(&bytes).map(Self),
        }
    }
}

/// Parameters of the path.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(Self(path)),
            Err(_) => Err(Problem::not_found("path")),
        }
    }
}

/// Parameters of the query.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(error) => Err(Problem::new(400, "bad_query", error.body_text())),
        }
    }
}

/// A JSON answer that keeps its place until the client has read nearly all of it.
pub(super) fn held_json(answer: &impl Serialize, place: Place) -> Result<Response, Problem> {
    let json = serde_json::to_vec(answer).map_err(|error| Problem::internal(&error))?;
    let parts = stream::unfold((Bytes::from(json), place), |(mut rest, place)| async move {
        let part = rest.split_to(rest.len().min(ANSWER_PART_BYTES));
        (!part.is_empty()).then_some((Ok::<_, std::convert::Infallible>(part), (rest, place)))
    });
    Ok(([(header::CONTENT_TYPE, "application/json")], Body::from_stream(parts)).into_response())
}

/// JSON text into its type; the message names line and column.
pub(super) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(text).map_err(|error| {
        Problem::new(400, "bad_json", format!("the JSON is not what is expected here: {error}"))
    })
}

/// The text of a body that says that it is JSON, of so many bytes at most.
pub(super) async fn read_json(request: Request, most: usize) -> Result<Bytes, Problem> {
    if !is_json(request.headers()) {
        return Err(Problem::new(415, "content_type", "the body must be JSON")
            .hint("send it with Content-Type: application/json"));
    }
    read(request, most).await
}

pub(super) async fn read(request: Request, most: usize) -> Result<Bytes, Problem> {
    let body = axum::body::to_bytes(request.into_body(), most).await;
    body.map_err(|error| match problem_of(&error) {
        problem if problem.status == StatusCode::PAYLOAD_TOO_LARGE => {
            problem.hint(format!("at most {} are taken here", units::show_bytes(most as u64)))
        }
        problem => problem,
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(content_type)) = headers.get(header::CONTENT_TYPE).map(|value| value.to_str()) else {
        return false;
    };
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::BodyExt;

    use super::*;

    /// A body of `chunks` pieces of `bytes`, one every `pause`.
    fn slow(chunks: usize, bytes: usize, pause: Duration) -> Body {
        let pieces = stream::unfold(0, move |sent| async move {
            tokio::time::sleep(pause).await;
            (sent < chunks).then(|| (Ok::<_, std::io::Error>(Bytes::from(vec![0; bytes])), sent + 1))
        });
        Body::from_stream(pieces)
    }

    async fn outcome(body: Body) -> Result<usize, Problem> {
        let body = Body::new(Paced::new(body));
        axum::body::to_bytes(body, 1 << 20).await.map(|bytes| bytes.len()).map_err(|e| problem_of(&e))
    }

    #[tokio::test(start_paused = true)]
    async fn a10_slow_uploads_end() {
        let second = Duration::from_secs(1);
        assert_eq!(outcome(slow(10, 1, second)).await, Ok(10), "short and within the first window");
        assert_eq!(outcome(slow(200, 512, second)).await, Ok(200 * 512), "slow but steady");
        assert_eq!(outcome(slow(200, 1, second)).await.unwrap_err().status, 408, "1 byte a second");
        assert_eq!(outcome(slow(2, 100, second * 40)).await.unwrap_err().status, 408, "silence");
        assert_eq!(outcome(slow(3, 1 << 20, second)).await.unwrap_err().status, 413);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_is_not_the_clients_fault() {
        let mut body = Paced::new(Body::from_stream(stream::iter(
            (0..3).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(b"x"))),
        )));
        for _ in 0..3 {
            tokio::time::sleep(PACE_WINDOW * 2).await;
            assert!(body.frame().await.unwrap().is_ok());
        }
        assert!(body.frame().await.is_none());
    }
}
