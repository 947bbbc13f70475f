//! HTTP/2 with prior knowledge: a well-behaved client, and single frames for clients that are not.

use std::future::Future;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::http::{Answer, Ended};

/// What a client sends first.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    at: SocketAddr,
}

/// Runs a client's work to its end.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

impl Client {
    /// Connects; to be called inside `run`.
    pub async fn open(at: SocketAddr) -> Self {
        let stream = TcpStream::connect(at).await.unwrap();
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender, at }
    }

    /// One request on a stream of its own. An error is a stream that was reset before its head.
    pub async fn request(
        &self,
        method: &str,
        host: &str,
        path: &str,
        body: Vec<u8>,
    ) -> hyper::Result<Answer> {
        let uri = format!("http://{host}:{}{path}", self.at.port());
        let request = hyper::Request::builder().method(method).uri(uri).body(Full::from(body)).unwrap();
        let (head, mut incoming) = self.sender.clone().send_request(request).await?.into_parts();
        let mut body = Vec::new();
        let ended = loop {
            match incoming.frame().await {
                None => break Ended::Complete,
                Some(Ok(frame)) => body.extend(frame.into_data().unwrap_or_default()),
                Some(Err(_)) => break Ended::Cut,
            }
        };
        let headers = head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        Ok(Answer { status: head.status.as_u16(), headers: headers.collect(), body, ended })
    }
}

/// A frame: kind, flags, stream, payload.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A HEADERS frame (1) that ends headers, with literal fields.
pub fn headers(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap() & 0x7f);
            block.extend_from_slice(text.as_bytes());
        }
    }
    frame(1, 4 | flags, stream, &block)
}
