//! A command's standard output: a header block, then a body that goes to the client as fast as it takes it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http::header;
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi_http::Error as BodyError;

use super::super::cgi::{Fed, Head, HeadReader, Malformed};
use super::super::guest::Responder;

/// What is held of a body that the client has not taken yet, bytes; a guest that writes more waits.
const BUFFER_BYTES: usize = 64 << 10;

/// Standard output of one invocation. Clones, and all streams made of it, are the same place in it: start code may have
/// taken one before there is a request. What it writes then is refused.
#[derive(Clone, Default)]
pub(super) struct Output(Arc<Mutex<Answer>>);

/// Held by the instance: if it goes before the output was completed, the body is cut.
pub(in crate::instance) struct Owner(Output);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.answer().end(End::Cut);
    }
}

#[derive(Default)]
struct Answer {
    phase: Phase,
    /// Body bytes that the client has not taken.
    buffer: BytesMut,
    end: Option<End>,
    /// Nobody reads the body any more: what is written goes nowhere.
    unread: bool,
    reader: Option<Waker>,
    writers: Vec<Waker>,
}

#[derive(Default)]
enum Phase {
    #[default]
    Unconnected,
    Head {
        reader: HeadReader,
        responder: Option<Responder>,
    },
    Body,
    Malformed(Malformed),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Complete,
    Cut,
}

impl Output {
    /// From here on what is written is the answer that goes there.
    pub(super) fn connect(&self, responder: Responder) {
        self.answer().phase = Phase::Head { reader: HeadReader::default(), responder: Some(responder) };
    }

    /// Whether what is written can't become an answer.
    fn is_closed(&self) -> bool {
        matches!(self.answer().phase, Phase::Unconnected | Phase::Malformed(_))
    }

    /// Cuts the body when it is dropped before [`Output::finish`].
    pub(super) fn owner(&self) -> Owner {
        Owner(self.clone())
    }

    /// Whether the response has begun.
    pub(super) fn has_begun(&self) -> bool {
        matches!(self.answer().phase, Phase::Body)
    }

    /// What is wrong with what was written so far, if it can't become an answer any more.
    pub(super) fn malformed(&self) -> Option<Malformed> {
        match &self.answer().phase {
            Phase::Malformed(malformed) => Some(malformed.clone()),
            Phase::Unconnected | Phase::Head { .. } | Phase::Body => None,
        }
    }

    /// The command has ended well: its body is complete. Nothing written is no answer; half a header block is a bad one.
    pub(super) fn finish(&self) -> Result<(), Malformed> {
        let mut answer = self.answer();
        match &mut answer.phase {
            Phase::Head { reader, .. } if !reader.is_untouched() => Err(Malformed::Unfinished),
            Phase::Head { responder, .. } => {
                *responder = None;
                Ok(())
            }
            Phase::Body => {
                answer.end(End::Complete);
                Ok(())
            }
            Phase::Unconnected => Ok(()),
            Phase::Malformed(malformed) => Err(malformed.clone()),
        }
    }

    fn answer(&self) -> MutexGuard<'_, Answer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_bytes(&self, bytes: &[u8]) {
        let mut answer = self.answer();
        let Phase::Head { reader, responder } = &mut answer.phase else { return answer.append(bytes) };
        match reader.feed(bytes) {
            Ok(Fed::More) => {}
            Ok(Fed::Done(head, used)) => {
                let responder = responder.take();
                answer.phase = Phase::Body;
                answer.append(bytes.get(used..).unwrap_or_default());
                drop(answer);
                self.respond(*head, responder);
            }
            Err(malformed) => answer.phase = Phase::Malformed(malformed),
        }
    }

    fn respond(&self, head: Head, responder: Option<Responder>) {
        let length = head.headers().get(header::CONTENT_LENGTH);
        let left = length.and_then(|length| length.to_str().ok()?.parse().ok());
        let response = head.map(|()| OutputBody { output: self.clone(), left }.boxed_unsync());
        // Whoever asked may have gone; the body is dropped with the response then.
        if let Some(responder) = responder {
            let _ = responder.send(Ok(response));
        }
    }
}

impl Answer {
    fn append(&mut self, bytes: &[u8]) {
        if !self.unread && self.end.is_none() && matches!(self.phase, Phase::Body) {
            self.buffer.extend_from_slice(bytes);
            self.wake_reader();
        }
    }

    /// The first end stands.
    fn end(&mut self, end: End) {
        self.end.get_or_insert(end);
        self.wake_reader();
    }

    /// What may be written now, bytes. Header blocks are bounded by their reader.
    fn room(&self) -> usize {
        BUFFER_BYTES.saturating_sub(self.buffer.len())
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        match self.room() {
            0 => {
                if self.writers.iter().all(|known| !known.will_wake(cx.waker())) {
                    self.writers.push(cx.waker().clone());
                }
                Poll::Pending
            }
            room => Poll::Ready(room),
        }
    }

    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn wake_writers(&mut self) {
        self.writers.drain(..).for_each(Waker::wake);
    }
}

/// What comes behind the header block, as the client is sent it.
struct OutputBody {
    output: Output,
    /// Bytes to come, where the head says how many.
    left: Option<u64>,
}

impl Body for OutputBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut answer = self.output.answer();
        if !answer.buffer.is_empty() {
            let bytes = answer.buffer.split().freeze();
            answer.wake_writers();
            drop(answer);
            let Some(left) = self.left else { return Poll::Ready(Some(Ok(Frame::data(bytes)))) };
            self.left = left.checked_sub(bytes.len() as u64);
            let fits = self.left.is_some();
            let over = BodyError::HttpResponseBodySize(Some(left));
            return Poll::Ready(Some(fits.then_some(Frame::data(bytes)).ok_or(over)));
        }
        match answer.end {
            None => {
                answer.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(End::Complete) if self.left.is_none_or(|left| left == 0) => Poll::Ready(None),
            Some(End::Complete) => Poll::Ready(Some(Err(BodyError::HttpResponseIncomplete))),
            Some(End::Cut) => Poll::Ready(Some(Err(BodyError::ConnectionTerminated))),
        }
    }
}

impl Drop for OutputBody {
    fn drop(&mut self) {
        let mut answer = self.output.answer();
        answer.unread = true;
        answer.buffer = BytesMut::new();
        answer.wake_writers();
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        // Nobody else keeps a guest to what `check-write` has told it.
        let over = bytes.len() > self.answer().room();
        if over {
            return Err(StreamError::trap("more was written than check-write allowed"));
        }
        self.write_bytes(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        match self.is_closed() {
            true => Err(StreamError::Closed),
            false => Ok(self.answer().room()),
        }
    }
}

#[async_trait::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {
        std::future::poll_fn(|cx| self.answer().poll_room(cx)).await;
    }
}

impl AsyncWrite for Output {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_closed() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let Poll::Ready(room) = self.answer().poll_room(cx) else { return Poll::Pending };
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.write_bytes(taken);
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use http_body_util::BodyExt as _;
    use tokio::io::AsyncWriteExt;
    use tokio::sync::oneshot;

    use super::super::super::guest::GuestResponse;
    use super::*;

    type Answered = oneshot::Receiver<Result<GuestResponse, BodyError>>;

    fn output(written: &str) -> (Output, Owner, Answered) {
        let (responder, answered) = oneshot::channel();
        let output = Output::default();
        assert!(matches!(output.clone().check_write(), Err(StreamError::Closed)), "there is no request yet");
        output.connect(responder);
        output.write_bytes(written.as_bytes());
        let owner = output.owner();
        (output, owner, answered)
    }

    fn body(mut answered: Answered) -> wasmtime_wasi_http::WasiBody {
        answered.try_recv().unwrap().unwrap().into_body()
    }

    #[tokio::test]
    async fn a_complete_body_is_what_was_written() {
        let (output, owner, answered) = output("Content-Type: a/b\n\nfirst");
        let body = tokio::spawn(body(answered).collect());
        output.write_bytes(b" second");
        assert!(output.has_begun());
        output.finish().unwrap();
        drop(owner);
        assert_eq!(body.await.unwrap().unwrap().to_bytes(), "first second");
    }

    #[tokio::test]
    async fn what_is_dropped_is_cut() {
        let (_output, owner, answered) = output("Content-Type: a/b\n\nfirst");
        let mut body = body(answered);
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "first");
        assert!(body.frame().now_or_never().is_none(), "more may come");
        drop(owner);
        assert!(matches!(body.frame().await, Some(Err(BodyError::ConnectionTerminated))));
    }

    #[tokio::test]
    async fn a_length_is_kept() {
        for (written, fits) in [("", false), ("ab", false), ("abc", true), ("abcd", false)] {
            let (output, _owner, answered) = output("Content-Type: a/b\nContent-Length: 3\n\n");
            output.write_bytes(written.as_bytes());
            output.finish().unwrap();
            assert_eq!(body(answered).collect().await.is_ok(), fits, "{written:?}");
        }
    }

    #[tokio::test]
    async fn a_slow_reader_holds_the_writer_back() {
        let (mut output, _owner, answered) = output("Content-Type: a/b\n\n");
        let chunk = vec![b'x'; BUFFER_BYTES];
        assert_eq!(AsyncWriteExt::write(&mut output, &chunk).await.unwrap(), BUFFER_BYTES);
        assert!(AsyncWriteExt::write(&mut output, &chunk).now_or_never().is_none());
        assert_eq!(output.check_write().unwrap(), 0);
        let mut body = body(answered);
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap().len(), BUFFER_BYTES);
        assert_eq!(AsyncWriteExt::write(&mut output, b"more").now_or_never().unwrap().unwrap(), 4);
        let mut waiting = output.clone();
        assert_eq!(AsyncWriteExt::write(&mut output, &chunk).await.unwrap(), BUFFER_BYTES - 4);
        let writer =
            tokio::spawn(async move { AsyncWriteExt::write(&mut waiting, &[b'x'; 9]).await.unwrap() });
        tokio::task::yield_now().await;
        // Nobody reads any more: what is written goes nowhere, and the command comes to its end.
        drop(body);
        assert_eq!(writer.await.unwrap(), 9);
        for _ in 0..3 {
            assert_eq!(AsyncWriteExt::write(&mut output, &chunk).await.unwrap(), BUFFER_BYTES);
        }
        output.finish().unwrap();
    }

    #[tokio::test]
    async fn more_than_there_is_room_for_ends_the_guest() {
        let (mut output, _owner, answered) = output("Content-Type: a/b\n\n");
        let write = |output: &mut Output, bytes| OutputStream::write(output, Bytes::from(vec![b'x'; bytes]));
        assert!(write(&mut output, BUFFER_BYTES).is_ok());
        assert!(matches!(write(&mut output, 1), Err(StreamError::Trap(_))), "check-write has said 0");
        drop(answered);
        assert!(write(&mut output, BUFFER_BYTES).is_ok(), "what nobody reads is not held");
    }

    #[tokio::test]
    async fn what_is_no_answer_is_never_sent() {
        let (unsaid, owner, answered) = output("");
        unsaid.finish().unwrap();
        drop((unsaid, owner));
        assert!(answered.await.is_err(), "nothing was written and nothing sent");
        let (half, _owner, _answered) = output("Content-Type: a/b\n");
        assert_eq!(half.finish(), Err(Malformed::Unfinished));
        let (mut wrong, _owner, mut answered) = output("hello\n");
        assert!(matches!(wrong.malformed(), Some(Malformed::Line(_))));
        assert!(matches!(wrong.check_write(), Err(StreamError::Closed)));
        assert!(AsyncWriteExt::write(&mut wrong, b"x").await.is_err() && wrong.finish().is_err());
        assert!(answered.try_recv().is_err());
    }
}
