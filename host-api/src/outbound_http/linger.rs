//! The request body of a guest, read on a little when nobody wants it any more, as a server does with a connection: a
//! guest that is still writing shall see the answer, and not that its stream is broken.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Empty};
use tokio::runtime::Handle;
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, WasiBody};

/// What is read and thrown away, bytes.
const MOST_BYTES: usize = 64 << 10;
/// How long it is waited for.
const LONGEST: Duration = Duration::from_secs(5);

/// A body that lingers when it is dropped before its end.
pub(super) struct Lingering(WasiBody);

impl Lingering {
    pub(super) fn new(body: WasiBody) -> Self {
        Self(body)
    }
}

impl Body for Lingering {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.0).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.0 = nothing();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let body = std::mem::replace(&mut self.0, nothing());
        // Without a runtime the server ends, and the guest with it.
        if !body.is_end_stream()
            && let Ok(runtime) = Handle::try_current()
        {
            drop(runtime.spawn(timeout(LONGEST, discard(body))));
        }
    }
}

async fn discard(mut body: WasiBody) {
    let mut left = MOST_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(bytes) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

fn nothing() -> WasiBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}
