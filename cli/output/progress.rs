//! A line on the terminal that shows that work goes on.

use std::{
    io::{self, Write as _},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::JoinHandle,
    time::Duration,
};

use runtime::clock::Clock;

use super::units;

/// Shows what is being done and for how long, until it is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    painter: Option<Painter>,
}

#[derive(Debug)]
struct Painter {
    /// New words; closed to stop.
    words: Sender<String>,
    thread: JoinHandle<()>,
}

/// Work that is shorter than this shows nothing.
const QUIET_START: Duration = Duration::from_millis(150);
const TICK: Duration = Duration::from_millis(100);
const FRAMES: [&str; 4] = ["-", "\\", "|", "/"];

impl Progress {
    /// Shows nothing.
    pub(super) fn silent() -> Self {
        Self { painter: None }
    }

    /// Starts to show `what`, which is harmless text.
    pub(super) fn start(what: String) -> Self {
        let (words, said) = channel();
        let thread = std::thread::spawn(move || paint(what, &said));
        Self { painter: Some(Painter { words, thread }) }
    }

    /// Shows other words, which are harmless text, from now on.
    pub(crate) fn say(&self, what: String) {
        if let Some(painter) = &self.painter {
            // A painter that is gone has nothing to show it on.
            let _ = painter.words.send(what);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(Painter { words, thread }) = self.painter.take() {
            drop(words);
            let _ = thread.join();
        }
    }
}

fn paint(mut what: String, said: &Receiver<String>) {
    let clock = Clock::system();
    let start = clock.instant();
    let mut frames = FRAMES.iter().cycle();
    let mut pause = QUIET_START;
    loop {
        match said.recv_timeout(pause) {
            Ok(words) => what = words,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let elapsed = clock.instant().duration_since(start);
        pause = QUIET_START.saturating_sub(elapsed);
        if pause.is_zero() {
            pause = TICK;
            let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            let frame = frames.next().unwrap_or(&" ");
            draw(&format!("\r{frame} {what} ({})\u{1b}[K", units::millis(elapsed_ms)));
        }
    }
    if clock.instant().duration_since(start) >= QUIET_START {
        draw("\r\u{1b}[K");
    }
}

/// A terminal that is gone is no reason to stop the work.
fn draw(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}
