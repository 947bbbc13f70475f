//! The body of an answer of the client API: there as a whole, or fed while it goes out.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::objects::ObjectBody;
use super::realtime::StreamBody;
use crate::dispatch::Unfinished;

/// A body.
pub enum ReplyBody {
    /// It is there.
    Whole(Full<Bytes>),
    /// An object, or parts of it.
    Object(ObjectBody),
    /// What happens, as it happens.
    Stream(StreamBody),
}

impl From<Full<Bytes>> for ReplyBody {
    fn from(whole: Full<Bytes>) -> Self {
        Self::Whole(whole)
    }
}

impl From<ObjectBody> for ReplyBody {
    fn from(object: ObjectBody) -> Self {
        Self::Object(object)
    }
}

impl From<StreamBody> for ReplyBody {
    fn from(stream: StreamBody) -> Self {
        Self::Stream(stream)
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Unfinished;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Unfinished>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Object(body) => Pin::new(body).poll_frame(cx),
            Self::Stream(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Object(body) => body.is_end_stream(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Object(body) => body.size_hint(),
            Self::Stream(body) => body.size_hint(),
        }
    }
}
