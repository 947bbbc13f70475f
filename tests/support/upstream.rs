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
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (heads, script) = (Arc::clone(&seen), Arc::new(script));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (heads, script) = (Arc::clone(&heads), Arc::clone(&script));
                std::thread::spawn(move || {
                    if let Some(head) = head(&stream) {
                        heads.lock().unwrap().push(head);
                        script(stream);
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

fn head(mut stream: &TcpStream) -> Option<String> {
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        (stream.read(&mut byte).ok()? == 1).then_some(())?;
        head.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&head).to_ascii_lowercase())
}
