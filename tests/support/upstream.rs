//! A server for outbound calls: answers each connection's request with the bytes of a script and remembers the request.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A running upstream; its thread ends with the test process.
pub struct Upstream {
    /// Where it listens, on the loopback.
    pub at: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    /// Answers every request with these bytes and closes.
    pub fn answering(answer: &str) -> Self {
        let answer = answer.to_owned();
        Self::start(move |mut stream| {
            stream.write_all(answer.as_bytes()).ok();
        })
    }

    /// Does with each connection, after the request's head, what the script says.
    pub fn start(script: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        Self::listen(move |_, stream| script(stream))
    }

    /// Answers each request with the JSON that the script makes of its head, which is in lower case; 404 for none.
    pub fn json(script: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self::listen(move |head, mut stream| {
            let (status, body) =
                script(head).map_or(("404 Not Found", String::new()), |body| ("200 OK", body));
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).ok();
        })
    }

    /// The same, after the request's body, which the script is given as it came: pieces with their lengths too.
    pub fn reading(script: impl Fn(String, TcpStream) + Send + Sync + 'static) -> Self {
        Self::listen(move |head, stream| {
            if let Some(body) = body(head, &stream) {
                script(body, stream);
            }
        })
    }

    fn listen(script: impl Fn(&str, TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (heads, script) = (Arc::clone(&seen), Arc::new(script));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (heads, script) = (Arc::clone(&heads), Arc::clone(&script));
                std::thread::spawn(move || {
                    if let Some(head) = head(&stream) {
                        heads.lock().unwrap().push(head.clone());
                        script(&head, stream);
                    }
                });
            }
        });
        Self { at, seen }
    }

    /// The heads of the requests that came, in lower case.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// The grant for this upstream, by address.
    pub fn grant(&self) -> String {
        format!("http:http://{}", self.at)
    }
}

fn head(stream: &TcpStream) -> Option<String> {
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    Some(read_until(stream, |head| head.ends_with(b"\r\n\r\n"))?.to_ascii_lowercase())
}

/// The body after a head in lower case.
fn body(head: &str, stream: &TcpStream) -> Option<String> {
    if head.contains("\r\ntransfer-encoding: chunked\r\n") {
        return read_until(stream, |body| body == b"0\r\n\r\n" || body.ends_with(b"\r\n0\r\n\r\n"));
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    read_until(stream, |body| body.len() == length)
}

/// Byte by byte, so that what follows stays in the stream; none if it ends before.
fn read_until(mut stream: &TcpStream, is_whole: impl Fn(&[u8]) -> bool) -> Option<String> {
    let (mut read, mut byte) = (Vec::new(), [0]);
    while !is_whole(&read) {
        (stream.read(&mut byte).ok()? == 1).then_some(())?;
        read.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&read).into_owned())
}
