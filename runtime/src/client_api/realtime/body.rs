//! The body of a stream: pieces of text, as they come, until it ends.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::dispatch::Unfinished;

/// A body that is fed. Its end is that of the sender.
pub struct StreamBody(Receiver<Bytes>);

impl StreamBody {
    /// A body and what feeds it: one piece at a time, so that what is not taken waits in front of it.
    pub(super) fn new() -> (Sender<Bytes>, Self) {
        let (to, from) = channel(1);
        (to, Self(from))
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = Unfinished;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Unfinished>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
