//! Request and response bodies on their way through an invocation: counted, limited, and honest about
//! whether they are complete.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use store::catalog::OnDisconnect;
use tokio::time::{Sleep, sleep};

use super::ledger::Ledger;
use crate::instance::{BodyError, Failure, GuestBody, Kill};
use crate::telemetry::OutcomeCode;

/// Longest time without a byte of a request body that the guest is waiting for (threat D2).
const REQUEST_IDLE: Duration = Duration::from_secs(60);

/// The request body of a client or of a function, as the guest reads it.
pub struct RequestBody<B> {
    inner: B,
    left: u64,
    ledger: Arc<Ledger>,
    idle: Option<Pin<Box<Sleep>>>,
}

impl<B> RequestBody<B> {
    pub(super) fn new(inner: B, ledger: Arc<Ledger>) -> Self {
        let left = ledger.live.spec.limits.request_body_bytes;
        Self { inner, left, ledger, idle: None }
    }

    fn take(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyError> {
        let bytes = frame.data_ref().map_or(0, Buf::remaining);
        match self.left.checked_sub(bytes as u64) {
            Some(left) => {
                self.left = left;
                self.ledger.received(bytes);
                Ok(frame)
            }
            None => {
                self.ledger.body_too_large();
                Err(BodyError::HttpRequestBodySize(Some(self.ledger.live.spec.limits.request_body_bytes)))
            }
        }
    }

    fn stalled(&mut self, cx: &mut Context<'_>) -> bool {
        let idle = self.idle.get_or_insert_with(|| Box::pin(sleep(REQUEST_IDLE)));
        idle.as_mut().poll(cx).is_ready()
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BodyError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.idle = None;
                Poll::Ready(Some(self.take(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending if self.stalled(cx) => Poll::Ready(Some(Err(BodyError::ConnectionReadTimeout))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A guest's response body on its way to the client.
///
/// When a guest is dropped, its body ends as if it were complete. So the account is asked at the end: a
/// guest that failed cuts the connection, and the client can tell.
pub struct AnswerBody {
    inner: GuestBody,
    ledger: Arc<Ledger>,
    state: State,
    /// Bytes that the client still expects, where the head says how many.
    left: Option<u64>,
}

/// How far a response body has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Flowing,
    /// It will be cut at the next poll. hyper sends what it holds, the head at least, when a body is not
    /// ready, and would throw it away together with the connection if the failure came in the same poll.
    Failing,
    Ended,
}

impl AnswerBody {
    /// `length` is what the response head announces, if it does.
    pub(super) fn new(inner: GuestBody, ledger: Arc<Ledger>, length: Option<u64>) -> Self {
        Self { inner, ledger, state: State::Flowing, left: length }
    }

    /// The client will not be sent this body: its answer is complete without it.
    pub fn not_wanted(mut self) {
        self.state = State::Ended;
    }

    fn fail(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Unfinished>>> {
        if self.state == State::Flowing {
            self.state = State::Failing;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.state = State::Ended;
        Poll::Ready(Some(Err(Unfinished)))
    }
}

/// The guest did not finish its response body: the connection is cut, so that the client can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the response body was not finished")]
pub struct Unfinished;

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Unfinished;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Unfinished>>> {
        if self.state != State::Flowing {
            return self.fail(cx);
        }
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                self.left = self.left.map(|left| left.saturating_sub(bytes as u64));
                self.ledger.sent(bytes);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) if self.ledger.failure().is_none() => {
                self.state = State::Ended;
                self.ledger.complete();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(_))) => {
                self.ledger.failed(Failure {
                    code: OutcomeCode::BadResponse,
                    detail: "the guest's response body has another length than its content-length says, or was dropped \
                             before its end"
                        .to_owned(),
                });
                self.fail(cx)
            }
            Poll::Ready(None) => self.fail(cx),
            Poll::Pending => Poll::Pending,
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        // Dropped before its end: the client has gone, unless it has all that the head promised.
        let gone = self.state == State::Flowing && self.left != Some(0);
        if gone && self.ledger.live.spec.on_disconnect == OnDisconnect::Cancel {
            self.ledger.control.kill(Kill::Cancelled);
        }
        self.ledger.complete();
    }
}
