//! A command's standard input: the request body, taken from the client as fast as the guest reads.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::task::noop_waker_ref;
use http_body::Body as _;
use tokio::io::{AsyncRead, ReadBuf};
use wasmtime_wasi::cli::{IsTerminal, StdinStream};
use wasmtime_wasi::p2::{InputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi_http::WasiBody;

/// One request's body as standard input. Clones, and all streams made of it, are the same place in it: start code may
/// have taken one before the request is known, and would find the input empty.
#[derive(Clone, Default)]
pub(super) struct Input(Arc<Mutex<Source>>);

#[derive(Default)]
struct Source {
    /// None before its begin and after its end.
    body: Option<WasiBody>,
    /// What has come and was not read yet: one frame at most, so that the client is held back.
    ready: Bytes,
    failed: Option<String>,
}

impl Input {
    /// From here on the input is that body.
    pub(super) fn connect(&self, body: WasiBody) {
        *self.source() = Source { body: Some(body), ready: Bytes::new(), failed: None };
    }

    fn source(&self) -> MutexGuard<'_, Source> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    /// Waits for bytes, the end or a failure.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(body) = self.body.as_mut().filter(|_| self.ready.is_empty()) {
            match Pin::new(body).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(frame))) => self.ready = frame.into_data().unwrap_or_default(),
                Poll::Ready(Some(Err(error))) => {
                    self.failed = Some(error.to_string());
                    self.body = None;
                }
                Poll::Ready(None) => self.body = None,
            }
        }
        Poll::Ready(())
    }

    /// At most that many bytes of what has come; none at the end.
    fn take(&mut self, most: usize) -> io::Result<Option<Bytes>> {
        if !self.ready.is_empty() {
            return Ok(Some(self.ready.split_to(most.min(self.ready.len()))));
        }
        match (&self.failed, &self.body) {
            (Some(error), _) => Err(io::Error::other(error.clone())),
            (None, None) => Ok(None),
            (None, Some(_)) => Ok(Some(Bytes::new())),
        }
    }
}

impl StdinStream for Input {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }
}

impl IsTerminal for Input {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl AsyncRead for Input {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut source = self.source();
        match source.poll_ready(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => Poll::Ready(
                source.take(into.remaining()).map(|bytes| into.put_slice(&bytes.unwrap_or_default())),
            ),
        }
    }
}

impl InputStream for Input {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let mut source = self.source();
        // Looks only: whoever wants to be woken waits in `ready`.
        let _ = source.poll_ready(&mut Context::from_waker(noop_waker_ref()));
        match source.take(size) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(StreamError::Closed),
            Err(error) => Err(StreamError::LastOperationFailed(error.into())),
        }
    }
}

#[async_trait::async_trait]
impl Pollable for Input {
    async fn ready(&mut self) {
        std::future::poll_fn(|cx| self.source().poll_ready(cx)).await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, StreamExt as _};
    use http_body::Frame;
    use http_body_util::{BodyExt as _, StreamBody};
    use tokio::io::AsyncReadExt;
    use tokio::sync::mpsc;
    use wasmtime_wasi_http::Error;

    use super::*;

    type Sent = Result<Frame<Bytes>, Error>;

    fn input() -> (Input, mpsc::Sender<Sent>) {
        let (send, receive) = mpsc::channel(1);
        let frames = futures_util::stream::unfold(receive, async |mut receive: mpsc::Receiver<Sent>| {
            Some((receive.recv().await?, receive))
        });
        let input = Input::default();
        assert!(
            matches!(input.p2_stream().read(9), Err(StreamError::Closed)),
            "empty before there is a request"
        );
        input.connect(StreamBody::new(frames.boxed()).boxed_unsync());
        (input, send)
    }

    fn data(text: &'static str) -> Sent {
        Ok(Frame::data(Bytes::from_static(text.as_bytes())))
    }

    #[tokio::test]
    async fn all_streams_are_at_the_same_place() {
        let (input, send) = input();
        let (mut old, mut new) = (input.p2_stream(), Box::into_pin(input.async_stream()));
        assert_eq!(old.read(9).unwrap(), "", "nothing has come");
        assert!(old.ready().now_or_never().is_none());
        send.send(data("first second")).await.unwrap();
        old.ready().await;
        assert_eq!(old.read(6).unwrap(), "first ");
        let mut buffer = [0; 64];
        let count = new.read(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..count], b"second");
        send.send(Ok(Frame::trailers(http::HeaderMap::new()))).await.unwrap();
        drop(send);
        old.ready().await;
        assert!(matches!(old.read(9), Err(StreamError::Closed)));
        assert_eq!(new.read(&mut buffer).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn one_frame_is_held_and_no_more() {
        let (input, send) = input();
        let mut stream = input.p2_stream();
        send.send(data("one")).await.unwrap();
        stream.ready().await;
        send.send(data("two")).await.unwrap();
        for _ in 0..3 {
            stream.ready().await;
        }
        assert!(send.try_send(data("three")).is_err(), "the client is held back");
        assert_eq!(stream.read(9).unwrap(), "one");
        stream.ready().await;
        assert_eq!(stream.read(9).unwrap(), "two");
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_no_end() {
        let (mut input, send) = input();
        send.send(Err(Error::ConnectionReadTimeout)).await.unwrap();
        for _ in 0..2 {
            assert!(AsyncReadExt::read(&mut input, &mut [0; 9]).await.is_err());
        }
        assert!(matches!(InputStream::read(&mut input, 9), Err(StreamError::LastOperationFailed(_))));
    }
}
