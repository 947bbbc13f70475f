//! A small, strict HTTP/1.1 client over plain sockets: a test sees every byte, and whether an answer was cut.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Longest time that a test waits for a byte.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer with its whole body.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// As much of the body as came.
    pub body: Vec<u8>,
    /// Whether the body ended as its framing says.
    pub ended: Ended,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As its framing says.
    Complete,
    /// The connection was closed before.
    Cut,
}

impl Answer {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; panics when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The stable code of an error answer; empty when the body is not an error.
    pub fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The message of an error answer.
    pub fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
    }
}

/// A request in the making.
#[derive(Clone, Debug)]
pub struct Request {
    head: String,
    body: Vec<u8>,
}

impl Request {
    /// A request without a body.
    pub fn new(method: &str, target: &str, host: &str) -> Self {
        Self { head: format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n"), body: Vec::new() }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// Gives it a body, with its length.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("content-length", &length)
    }

    /// The bytes that go over the wire.
    pub fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), b"\r\n", &self.body].concat()
    }

    /// Sends it on a connection of its own and reads the whole answer.
    pub fn send(&self, to: SocketAddr) -> Answer {
        self.try_send(to).unwrap_or_else(|error| panic!("{error}: {}", self.head))
    }

    /// Like `send`, for servers that may be gone.
    pub fn try_send(&self, to: SocketAddr) -> std::io::Result<Answer> {
        let mut connection = Connection::try_open(to)?;
        // A server may answer and close before it has taken the whole body: the answer counts.
        let sent = connection.try_send(&self.clone().header("connection", "close").bytes());
        match (connection.try_answer(self.head.starts_with("HEAD ")), sent) {
            (Err(_), Err(error)) => Err(error),
            (answer, _) => answer,
        }
    }
}

/// The head of an answer.
#[derive(Clone, Debug)]
pub struct Head {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
}

/// What frames a body.
#[derive(Clone, Copy, Debug)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

/// One connection, used by hand.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects.
    pub fn open(to: SocketAddr) -> Self {
        Self::try_open(to).unwrap_or_else(|error| panic!("connect to {to}: {error}"))
    }

    /// Connects, for servers that may be gone.
    pub fn try_open(to: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect_timeout(&to, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sets how long a read may take.
    pub fn patience(&self, patience: Duration) {
        self.stream.get_ref().set_read_timeout(Some(patience)).unwrap();
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).unwrap_or_else(|error| panic!("send: {error}"));
    }

    /// Sends bytes as they are; the other side may be gone.
    pub fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) {
        self.stream.get_ref().shutdown(Shutdown::Write).unwrap();
    }

    /// Reads a whole answer (`HEAD` requests excepted).
    pub fn answer(&mut self) -> Answer {
        self.try_answer(false).unwrap_or_else(|error| panic!("answer: {error}"))
    }

    /// Reads a whole answer, when there is one.
    pub fn try_answer(&mut self, to_head: bool) -> std::io::Result<Answer> {
        let head = self.try_head()?;
        let mut body = Vec::new();
        let bodyless = to_head || matches!(head.status, 100..=199 | 204 | 304);
        let ended = if bodyless { Ended::Complete } else { self.body(framing(&head)?, &mut body) };
        Ok(Answer { status: head.status, headers: head.headers, body, ended })
    }

    /// Reads the head of an answer.
    pub fn head(&mut self) -> Head {
        self.try_head().unwrap_or_else(|error| panic!("head: {error}"))
    }

    fn try_head(&mut self) -> std::io::Result<Head> {
        let first = self.line()?;
        let status = first.strip_prefix("HTTP/1.1 ").or(first.strip_prefix("HTTP/1.0 "));
        let status = status.and_then(|rest| rest.get(..3)?.parse().ok()).ok_or_else(|| bad(&first))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(Head { status, headers });
            }
            let (name, value) = line.split_once(':').ok_or_else(|| bad(&line))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// Reads the next chunk of a chunked body; `None` at its proper end.
    pub fn chunk(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let line = self.line()?;
        let size =
            usize::from_str_radix(line.split(';').next().unwrap_or_default(), 16).map_err(|_| bad(&line))?;
        let mut chunk = vec![0; size];
        self.stream.read_exact(&mut chunk)?;
        let end = self.line()?;
        if !end.is_empty() {
            return Err(bad(&end));
        }
        Ok((size > 0).then_some(chunk))
    }

    /// Whatever else comes until the other side closes: `None` when it does not close within the patience.
    pub fn rest(&mut self) -> Option<Vec<u8>> {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => Some(rest),
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
            {
                None
            }
            // A reset is a close with haste.
            Err(_) => Some(rest),
        }
    }

    /// Hands over what comes until the other side closes, as it comes: for bodies that are not to be held.
    pub fn each(&mut self, take: &mut dyn FnMut(&[u8])) {
        let mut buffer = vec![0; 64 << 10];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return,
                Ok(read) => take(&buffer[..read]),
                Err(error) => panic!("read: {error}"),
            }
        }
    }

    fn body(&mut self, framing: Framing, body: &mut Vec<u8>) -> Ended {
        match framing {
            Framing::Length(length) => {
                let read = self.stream.by_ref().take(length as u64).read_to_end(body);
                if read.is_ok_and(|read| read == length) { Ended::Complete } else { Ended::Cut }
            }
            Framing::Chunked => loop {
                match self.chunk() {
                    Ok(Some(chunk)) => body.extend(chunk),
                    Ok(None) => return Ended::Complete,
                    Err(_) => return Ended::Cut,
                }
            },
            Framing::UntilClose => match self.stream.read_to_end(body) {
                Ok(_) => Ended::Complete,
                Err(_) => Ended::Cut,
            },
        }
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        let text = String::from_utf8_lossy(&line);
        match text.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None if line.is_empty() => Err(std::io::ErrorKind::UnexpectedEof.into()),
            None => Err(bad(&text)),
        }
    }
}

fn framing(head: &Head) -> std::io::Result<Framing> {
    let all = |name: &str| {
        head.headers
            .iter()
            .filter(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
            .collect::<Vec<_>>()
    };
    match (all("transfer-encoding").as_slice(), all("content-length").as_slice()) {
        (["chunked"], []) => Ok(Framing::Chunked),
        ([], [length]) => length.parse().map(Framing::Length).map_err(|_| bad(length)),
        ([], []) => Ok(Framing::UntilClose),
        (codings, lengths) => {
            Err(bad(&format!("transfer-encoding {codings:?} with content-length {lengths:?}")))
        }
    }
}

fn bad(what: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, format!("not HTTP: {what:?}"))
}
