//! The log of an invocation: lines with a limit, a budget, and secrets replaced.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::meter::{Budget, LogRoom, Meter};
use crate::secrets::SecretValues;

/// Where finished lines go. Implemented by the runtime; must not block, and must not write to the log it serves.
pub trait LogSink: Send + Sync {
    /// Takes one line: at most the limit of bytes, secrets replaced, otherwise just as the guest wrote it, control
    /// characters included.
    fn line(&self, source: LogSource, level: &'static str, message: String);
}

/// Who wrote a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogSource {
    /// The guest's standard output.
    Stdout,
    /// The guest's standard error.
    Stderr,
    /// The guest, through `wasi:logging`.
    Logging,
    /// Ostro itself.
    Platform,
}

/// A standard output of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output; its lines have the level `info`.
    Stdout,
    /// Standard error; its lines have the level `error`.
    Stderr,
}

/// Writes the log of the running invocation of one instance. A cheap handle: clones write to the same log.
///
/// Nothing here blocks or fails. What is over a limit is counted ([`Meter::dropped_bytes`]) and not kept.
/// Outside an invocation everything is dropped without being counted.
#[derive(Clone)]
pub struct LogWriter {
    state: Arc<Mutex<State>>,
    meter: Meter,
    line_bytes: usize,
}

#[derive(Default)]
struct State {
    open: Option<Open>,
    stdout: Partial,
    stderr: Partial,
}

/// The log of a running invocation.
#[derive(Clone)]
struct Open {
    sink: Arc<dyn LogSink>,
    secrets: Arc<SecretValues>,
}

/// The line that a stream has begun and not ended.
#[derive(Default)]
struct Partial {
    /// The beginning of the line: as much as is shown of a line, and what redaction must know beyond it.
    kept: Vec<u8>,
    /// Bytes of the line that came after.
    beyond: usize,
}

impl LogWriter {
    pub(crate) fn new(meter: Meter, line_bytes: usize) -> Self {
        Self { state: Arc::default(), meter, line_bytes }
    }

    pub(crate) fn begin(&self, sink: Arc<dyn LogSink>, secrets: Arc<SecretValues>) {
        *self.lock() = State { open: Some(Open { sink, secrets }), ..State::default() };
    }

    pub(crate) fn end(&self) {
        let State { open, stdout, stderr } = std::mem::take(&mut *self.lock());
        let Some(open) = open else { return };
        for (stream, partial) in [(Stream::Stdout, stdout), (Stream::Stderr, stderr)] {
            if !partial.kept.is_empty() {
                self.finish(&open, stream, &partial);
            }
        }
    }

    /// Takes what a guest wrote to standard output or standard error, in pieces of any size. Lines end with
    /// a line feed; a carriage return before it is left out.
    pub fn write(&self, stream: Stream, bytes: &[u8]) {
        if self.meter.log_room() == LogRoom::Closed {
            return self.meter.count_dropped(bytes.len());
        }
        let mut state = self.lock();
        let Some(open) = state.open.clone() else { return };
        let partial = match stream {
            Stream::Stdout => &mut state.stdout,
            Stream::Stderr => &mut state.stderr,
        };
        let most = self.line_bytes.saturating_add(open.secrets.longest());
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            match piece.strip_suffix(b"\n") {
                None => partial.push(piece, most),
                Some(rest) => {
                    partial.push(rest, most);
                    self.finish(&open, stream, &std::mem::take(partial));
                }
            }
        }
    }

    /// Writes one message of the guest. Line breaks stay in it.
    pub fn message(&self, source: LogSource, level: &'static str, message: &str) {
        if self.meter.log_room() == LogRoom::Closed {
            return self.meter.count_dropped(message.len());
        }
        let Some(open) = self.lock().open.clone() else { return };
        self.emit(&open, source, level, message.as_bytes(), 0);
    }

    /// Writes a line of the platform, meant for the function's owner. It costs the guest nothing of its
    /// budget; there is a small budget of its own.
    pub fn platform(&self, level: &'static str, message: &str) {
        let Some(open) = self.lock().open.clone() else { return };
        self.emit_platform(&open, level, message);
    }

    fn finish(&self, open: &Open, stream: Stream, line: &Partial) {
        let text = match line.beyond {
            0 => line.kept.strip_suffix(b"\r").unwrap_or(&line.kept),
            _ => &line.kept,
        };
        self.emit(open, stream.source(), stream.level(), text, line.beyond);
    }

    /// Hands a line on within the limits. `beyond`: bytes of the line that were already left out.
    fn emit(&self, open: &Open, source: LogSource, level: &'static str, text: &[u8], beyond: usize) {
        let message = open.shown(text, self.line_bytes);
        let over = text.len().saturating_sub(self.line_bytes);
        match self.meter.take_log_line(message.len() as u64 + 1) {
            LogRoom::Enough => {
                self.meter.count_dropped(over.saturating_add(beyond));
                open.sink.line(source, level, message);
            }
            LogRoom::Closing => {
                self.meter.count_dropped(text.len().saturating_add(beyond));
                self.emit_platform(
                    open,
                    "warn",
                    "the log of this invocation is full: what follows is counted, not kept",
                );
            }
            LogRoom::Closed => self.meter.count_dropped(text.len().saturating_add(beyond)),
        }
    }

    fn emit_platform(&self, open: &Open, level: &'static str, message: &str) {
        if self.meter.take_platform_line() == Budget::Taken {
            open.sink.line(LogSource::Platform, level, open.shown(message.as_bytes(), self.line_bytes));
        }
    }

    /// A panic while the lock was held cannot leave the state torn: every change is one assignment.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// What is shown of a line: its first `line_bytes` bytes without secrets, as text.
    fn shown(&self, text: &[u8], line_bytes: usize) -> String {
        let known = line_bytes.saturating_add(self.secrets.longest());
        let (text, _) = text.split_at(known.min(text.len()));
        let redacted = self.secrets.redact_start(text, line_bytes);
        let mut shown = String::from_utf8_lossy(&redacted).into_owned();
        let end = shown.floor_char_boundary(line_bytes);
        shown.truncate(end);
        shown
    }
}

impl Partial {
    fn push(&mut self, bytes: &[u8], most: usize) {
        let (kept, beyond) = bytes.split_at(bytes.len().min(most.saturating_sub(self.kept.len())));
        self.kept.extend_from_slice(kept);
        self.beyond = self.beyond.saturating_add(beyond.len());
    }
}

impl Stream {
    const fn source(self) -> LogSource {
        match self {
            Self::Stdout => LogSource::Stdout,
            Self::Stderr => LogSource::Stderr,
        }
    }

    const fn level(self) -> &'static str {
        match self {
            Self::Stdout => "info",
            Self::Stderr => "error",
        }
    }
}

#[cfg(test)]
mod tests;
