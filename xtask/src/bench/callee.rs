//! A server that notes when it is called: what a handler calls to say that it has begun.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// A running server; its threads end with the process.
pub(super) struct Callee {
    /// Where it listens, on the loopback.
    pub(super) at: SocketAddr,
    calls: Receiver<Instant>,
}

impl Callee {
    /// Starts to listen.
    pub(super) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let at = listener.local_addr()?;
        let (calling, calls) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let calling = calling.clone();
                std::thread::spawn(move || serve(stream, &calling));
            }
        });
        Ok(Self { at, calls })
    }

    /// The grant that lets a function call it.
    pub(super) fn grant(&self) -> String {
        format!("http:http://{}", self.at)
    }

    /// Waits for the next call; when its first line was read.
    pub(super) fn next(&self, patience: Duration) -> Result<Instant> {
        self.calls.recv_timeout(patience).context("the handler did not call")
    }
}

/// Answers the requests of one connection, without bodies, until it is closed.
fn serve(stream: TcpStream, calling: &Sender<Instant>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        (stream.read_line(&mut line).ok()? > 0).then_some(())?;
        let called = Instant::now();
        while line.trim_end() != "" {
            line.clear();
            (stream.read_line(&mut line).ok()? > 0).then_some(())?;
        }
        stream.get_mut().write_all(ANSWER).ok()?;
        calling.send(called).ok()?;
    }
}
