//! A client's socket: what was read to tell the protocol is read again, and a write that stands still ends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::write_stall::WriteStall;

/// What every HTTP/2 connection begins with (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Which protocol a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/1.1 or 1.0.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
}

/// A socket with what has been read ahead.
pub(super) struct Transport {
    socket: WriteStall<TcpStream>,
    ahead: Bytes,
}

impl Transport {
    /// Reads until the protocol is certain. The caller bounds the time.
    pub(super) async fn sniff(mut socket: TcpStream) -> io::Result<(Protocol, Self)> {
        let mut ahead = BytesMut::with_capacity(64);
        let protocol = loop {
            let read = socket.read_buf(&mut ahead).await?;
            match told(&ahead) {
                Some(protocol) => break protocol,
                None if read == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                None => {}
            }
        };
        Ok((protocol, Self { socket: WriteStall::new(socket), ahead: ahead.freeze() }))
    }
}

/// The protocol, once enough has been read to tell.
fn told(ahead: &[u8]) -> Option<Protocol> {
    let length = ahead.len().min(PREFACE.len());
    match (ahead.get(..length), PREFACE.get(..length)) {
        (Some(read), Some(expected)) if read == expected => {
            (length == PREFACE.len()).then_some(Protocol::Http2)
        }
        _ => Some(Protocol::Http1),
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.has_remaining() {
            let length = self.ahead.len().min(buf.remaining());
            buf.put_slice(&self.ahead.split_to(length));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_is_told_as_early_as_possible() {
        for (ahead, expected) in [
            (&b""[..], None),
            (b"P", None),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", None),
            (PREFACE, Some(Protocol::Http2)),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore", Some(Protocol::Http2)),
            (b"POST", Some(Protocol::Http1)),
            (b"G", Some(Protocol::Http1)),
            (b"PRI * HTTP/1.1", Some(Protocol::Http1)),
        ] {
            assert_eq!(told(ahead), expected, "{ahead:?}");
        }
    }
}
