//! The body of an answer that is an object, or parts of it: verified block by block while it goes out.

use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use store::buckets::{Content, MAX_CHUNK_BYTES};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

use crate::dispatch::Unfinished;
use crate::problem::Chain;

/// A client that takes nothing for this long is given up, and what was held for it is free.
const STALL: Duration = Duration::from_secs(60);
/// The longest transfer in all.
pub(in crate::client_api) const MAX_TIME: Duration = Duration::from_secs(3600);

/// A piece of an answer.
#[derive(Clone, Debug)]
pub(in crate::client_api) enum Piece {
    /// What stands between parts.
    Text(Bytes),
    /// A part of the content.
    Part(Range<u64>),
}

/// An answer's body.
pub struct ObjectBody {
    whole: Option<Bytes>,
    pieces: Option<Receiver<Result<Bytes, Unfinished>>>,
    left: u64,
}

impl ObjectBody {
    /// Nothing.
    pub(in crate::client_api) fn empty() -> Self {
        Self { whole: None, pieces: None, left: 0 }
    }

    /// Bytes that are there already.
    pub(in crate::client_api) fn whole(bytes: Bytes) -> Self {
        Self { left: bytes.len() as u64, whole: Some(bytes), pieces: None }
    }

    /// Those pieces. The place is free when the last of them is handed over, or the client is gone.
    pub(in crate::client_api) fn of(
        content: Box<dyn Content>,
        pieces: Vec<Piece>,
        place: impl Send + 'static,
    ) -> Self {
        let left = pieces.iter().map(Piece::bytes).sum();
        let (to, from) = channel(1);
        // Beside the connection: what stands still here is seen, whatever the protocol.
        tokio::spawn(async move {
            let _place = place;
            let _ = timeout(MAX_TIME, feed(content, pieces, to)).await;
        });
        Self { whole: None, pieces: Some(from), left }
    }
}

impl Piece {
    /// How long it is, bytes.
    pub(in crate::client_api) fn bytes(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Part(part) => part.end - part.start,
        }
    }
}

async fn feed(mut content: Box<dyn Content>, pieces: Vec<Piece>, to: Sender<Result<Bytes, Unfinished>>) {
    for piece in pieces {
        let sent = match piece {
            Piece::Text(text) => send(&to, Ok(text)).await,
            Piece::Part(part) => feed_part(content.as_mut(), part, &to).await,
        };
        if sent.is_none() {
            return;
        }
    }
}

async fn feed_part(
    content: &mut dyn Content,
    mut part: Range<u64>,
    to: &Sender<Result<Bytes, Unfinished>>,
) -> Option<()> {
    while part.start < part.end {
        let most = usize::try_from(part.end - part.start).unwrap_or(usize::MAX).min(MAX_CHUNK_BYTES);
        match content.read(part.start, most).await {
            Ok(chunk) if !chunk.is_empty() => {
                part.start += chunk.len() as u64;
                send(to, Ok(chunk)).await?;
            }
            Ok(_) => return None,
            Err(error) => {
                tracing::error!(error = %Chain(&error), "an object could not be read to its end");
                return send(to, Err(Unfinished)).await;
            }
        }
    }
    Some(())
}

async fn send(to: &Sender<Result<Bytes, Unfinished>>, piece: Result<Bytes, Unfinished>) -> Option<()> {
    timeout(STALL, to.send(piece)).await.ok()?.ok()
}

impl Body for ObjectBody {
    type Data = Bytes;
    type Error = Unfinished;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Unfinished>>> {
        if let Some(whole) = self.whole.take() {
            self.left = 0;
            return Poll::Ready(Some(Ok(Frame::data(whole))));
        }
        let Some(pieces) = &mut self.pieces else { return Poll::Ready(None) };
        match pieces.poll_recv(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(bytes))) => {
                self.left = self.left.saturating_sub(bytes.len() as u64);
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Poll::Ready(None) if self.left == 0 => Poll::Ready(None),
            // Less than was announced: the connection is cut, so that the client can tell.
            Poll::Ready(Some(Err(_)) | None) => {
                self.pieces = None;
                Poll::Ready(Some(Err(Unfinished)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
