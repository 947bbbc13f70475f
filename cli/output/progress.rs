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
    stop: Sender<()>,
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
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || paint(&what, &stopped));
        Self { painter: Some(Painter { stop, thread }) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(Painter { stop, thread }) = self.painter.take() {
            drop(stop);
            let _ = thread.join();
        }
    }
}

fn paint(what: &str, stopped: &Receiver<()>) {
    if stopped.recv_timeout(QUIET_START) != Err(RecvTimeoutError::Timeout) {
        return;
    }
    let clock = Clock::system();
    let start = clock.instant();
    for frame in FRAMES.iter().cycle() {
        let elapsed = clock.instant().duration_since(start) + QUIET_START;
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        draw(&format!("\r{frame} {what} ({})\u{1b}[K", units::millis(elapsed_ms)));
        if stopped.recv_timeout(TICK) != Err(RecvTimeoutError::Timeout) {
            break;
        }
    }
    draw("\r\u{1b}[K");
}

/// A terminal that is gone is no reason to stop the work.
fn draw(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}
