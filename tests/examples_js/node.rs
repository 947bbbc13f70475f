//! A server under Node, to compare with.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running server; killed when dropped.
pub struct Node {
    /// Where it listens, on the loopback.
    pub at: SocketAddr,
    process: Child,
}

impl Node {
    /// Runs the script in that folder of the repository. It listens on `PORT` and prints its address when it does.
    pub fn start(folder: &str, script: &str) -> Self {
        let mut process = Command::new("node")
            .arg(script)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
            .env("PORT", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut output, mut line) = (BufReader::new(process.stdout.take().unwrap()), String::new());
        output.read_line(&mut line).unwrap();
        let address = line.trim().trim_start_matches("http://").trim_end_matches('/');
        let at = address.parse().unwrap_or_else(|error| panic!("{error}: {script} said {line:?}"));
        // Whatever else it prints must not block it.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Self { at, process }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
