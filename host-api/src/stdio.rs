//! Standard output and standard error of a guest, written to its log.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::log::{LogWriter, Stream};
use crate::meter::{Interface, Meter};

/// The most that one write may carry. Writing more at once is a fault of the guest's runtime.
const WRITE_BYTES: usize = 64 * 1024;

/// One standard stream of an instance: hand it to `WasiCtxBuilder::stdout` or `stderr`. It stays valid for
/// all invocations of the instance and is always ready to be written to.
#[derive(Clone)]
pub struct LogStream {
    log: LogWriter,
    meter: Meter,
    stream: Stream,
}

impl LogStream {
    pub(crate) fn new(log: LogWriter, meter: Meter, stream: Stream) -> Self {
        Self { log, meter, stream }
    }

    fn take(&self, bytes: &[u8]) {
        self.meter.count(match self.stream {
            Stream::Stdout => Interface::Stdout,
            Stream::Stderr => Interface::Stderr,
        });
        self.log.write(self.stream, bytes);
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}

#[async_trait::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl AsyncWrite for LogStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
