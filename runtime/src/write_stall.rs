//! A stream whose writes end when they stand still: a client that takes nothing does not hold what is meant for it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A client that takes no byte for this long is cut off (threat D2).
const WRITE_STALL: Duration = Duration::from_secs(60);

/// A stream that fails with `TimedOut` once a write has waited for a minute. Reads are as they were.
#[derive(Debug)]
pub(crate) struct WriteStall<S> {
    stream: S,
    waits: Option<Pin<Box<Sleep>>>,
}

impl<S> WriteStall<S> {
    /// Around that stream.
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, waits: None }
    }

    fn written<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match polled {
            Poll::Pending => {
                let waits = self.waits.get_or_insert_with(|| Box::pin(sleep(WRITE_STALL)));
                waits.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
            }
            ready => {
                self.waits = None;
                ready
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteStall<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteStall<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn d2_who_takes_nothing_is_cut_off() {
        let (client, server) = duplex(8);
        let mut server = WriteStall::new(server);
        let began = Instant::now();
        let ended = server.write_all(&[0; 9]).await.unwrap_err();
        assert_eq!((ended.kind(), began.elapsed()), (io::ErrorKind::TimedOut, WRITE_STALL));
        drop(client);
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_slowly_is_served() {
        let (mut client, server) = duplex(8);
        let mut server = WriteStall::new(server);
        let taking = tokio::spawn(async move {
            let mut taken = 0;
            while taken < 80 {
                sleep(WRITE_STALL - Duration::from_secs(1)).await;
                taken += client.read(&mut [0; 8]).await.unwrap();
            }
        });
        server.write_all(&[0; 80]).await.unwrap();
        taking.await.unwrap();
    }
}
