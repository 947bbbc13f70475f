//! A small HTTP/1.1 client on one kept connection: cheap enough not to disturb what it measures.

use std::io::{BufRead as _, BufReader, Error, ErrorKind, Read as _, Result, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer with its whole body.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection that is opened when it is needed, and again after a failure.
#[derive(Debug)]
pub(crate) struct Client {
    to: SocketAddr,
    patience: Duration,
    open: Option<BufReader<TcpStream>>,
}

impl Client {
    /// A client of that server; a byte may take so long.
    pub(crate) fn new(to: SocketAddr, patience: Duration) -> Self {
        Self { to, patience, open: None }
    }

    /// GET of `path` at the function's own host.
    pub(crate) fn get(&mut self, host: &str, path: &str) -> Result<Answer> {
        self.exchange(format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes())
    }

    /// Sends a whole request, head and body as they go over the wire, and reads its answer.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        let mut stream = match self.open.take() {
            Some(stream) => stream,
            None => self.connect()?,
        };
        stream.get_mut().write_all(request)?;
        let (answer, keep) = read_answer(&mut stream)?;
        if keep {
            self.open = Some(stream);
        }
        Ok(answer)
    }

    fn connect(&self) -> Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect_timeout(&self.to, Duration::from_secs(5))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(self.patience))?;
        stream.set_write_timeout(Some(self.patience))?;
        Ok(BufReader::new(stream))
    }
}

/// How the end of a body is known.
enum Framing {
    Length(usize),
    Chunked,
    Close,
}

fn read_answer(stream: &mut BufReader<TcpStream>) -> Result<(Answer, bool)> {
    let first = line(stream)?;
    let status = first.get(9..12).and_then(|code| code.parse().ok()).ok_or_else(|| bad(&first))?;
    let (mut framing, mut keep) = (Framing::Close, true);
    loop {
        let header = line(stream)?.to_ascii_lowercase();
        match header.split_once(':').map(|(name, value)| (name, value.trim())) {
            Some(("content-length", value)) => {
                framing = Framing::Length(value.parse().map_err(|_| bad(&header))?);
            }
            Some(("transfer-encoding", "chunked")) => framing = Framing::Chunked,
            Some(("connection", "close")) => keep = false,
            Some(_) => {}
            None if header.is_empty() => break,
            None => return Err(bad(&header)),
        }
    }
    let mut body = Vec::new();
    match framing {
        Framing::Length(length) => {
            body.resize(length, 0);
            stream.read_exact(&mut body)?;
        }
        Framing::Chunked => read_chunks(stream, &mut body)?,
        Framing::Close => {
            keep = false;
            stream.read_to_end(&mut body)?;
        }
    }
    Ok((Answer { status, body }, keep))
}

fn read_chunks(stream: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> Result<()> {
    loop {
        let size = line(stream)?;
        let length = u64::from_str_radix(&size, 16).map_err(|_| bad(&size))?;
        if stream.take(length).read_to_end(body)? as u64 != length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        line(stream)?;
        if length == 0 {
            return Ok(());
        }
    }
}

fn line(stream: &mut BufReader<TcpStream>) -> Result<String> {
    let mut text = String::new();
    stream.read_line(&mut text)?;
    match text.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None => Err(ErrorKind::UnexpectedEof.into()),
    }
}

fn bad(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("not HTTP/1.1: {what:?}"))
}
