//! How much a call writes into files while it runs: into temporary ones, and into the log.
//!
//! SQLite bounds neither: a sort goes on until the disk is full. Its temporary files have no name any more when they are open,
//! and each statement has many, so that nobody can be asked how large they are. But a statement runs on one thread, and Linux
//! counts what each thread writes. What is written twice counts twice: what is on the disk at once is less, never more.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use super::ledger::Ledger;
use super::log::Log;
use crate::data_dir::private_dir;
use crate::sql::SqlError;
use crate::{DataDir, StoreError};

/// The folder of temporary files, in the data directory.
const FOLDER: &str = "temporary";
/// What the thread that looks has written.
const COUNTS: &str = "/proc/thread-self/io";
/// Between two looks. In that time little is written.
const BETWEEN: Duration = Duration::from_millis(1);

/// What a call has written.
pub(super) struct Meter {
    ledger: Arc<Ledger>,
    /// The log of the call that writes.
    log: Option<Arc<Log>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When it is time for another look.
    next: Duration,
    /// Opened by the thread that runs the call, when it has run for a while.
    counts: Option<File>,
    /// What the thread had written then.
    before: u64,
    /// Since then, bytes.
    written: u64,
}

impl Meter {
    /// For a call that begins now, in a project with that ledger; with the log if it writes.
    pub(super) fn new(ledger: Arc<Ledger>, log: Option<Arc<Log>>, now: Duration) -> Self {
        let state = State { next: now.saturating_add(BETWEEN), ..State::default() };
        Self { ledger, log, state: Mutex::new(state) }
    }

    /// Looks, if it is time for it; an error is what is too much. For the thread that runs the call.
    pub(super) fn look(&self, now: Duration) -> Result<(), SqlError> {
        let mut state = self.state();
        if now < state.next {
            return Ok(());
        }
        state.next = now.saturating_add(BETWEEN);
        if let Some(log) = &self.log {
            self.ledger.check_log(log.bytes())?;
        }
        let more = state.count();
        self.ledger.write(state.written, more, self.log.is_some())
    }

    /// What the call has written until now, bytes, but for its first moment.
    pub(super) fn written(&self) -> u64 {
        let mut state = self.state();
        let more = state.count();
        self.ledger.add_written(more);
        state.written
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two halves of a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let written = self.state().written;
        self.ledger.written_no_more(written);
    }
}

impl State {
    /// Counts anew; how much it is more.
    fn count(&mut self) -> u64 {
        let Some(counts) = &self.counts else {
            self.counts = File::open(COUNTS).ok();
            self.before = self.counts.as_ref().and_then(written).unwrap_or(0);
            return 0;
        };
        let now = written(counts).unwrap_or(0).saturating_sub(self.before);
        let more = now.saturating_sub(self.written);
        self.written = self.written.max(now);
        more
    }
}

/// What the thread that has opened it has written, bytes.
fn written(counts: &File) -> Option<u64> {
    let mut text = [0; 512];
    let length = counts.read_at(&mut text, 0).ok()?;
    let text = std::str::from_utf8(text.get(..length)?).ok()?;
    text.lines().find_map(|line| line.strip_prefix("wchar:"))?.trim().parse().ok()
}

/// Has SQLite put temporary files into the data directory, where there is nothing else on the disk's account; what a killed
/// server left there goes.
pub(super) fn place_temporary_files(data: &DataDir) -> Result<(), StoreError> {
    if data.dir().exists(FOLDER) {
        data.dir().remove_dir_all(FOLDER).map_err(StoreError::io)?;
    }
    private_dir(data.dir(), FOLDER).map_err(StoreError::io)?;
    if File::open(COUNTS).ok().as_ref().and_then(written).is_none() {
        tracing::warn!("{COUNTS} can't be read: what sorts of SQL write into temporary files is not bounded");
    }
    // For the whole process: there is no other way to say it. The other files' connections use none.
    let folder = data.path().join(FOLDER);
    Ok(Connection::open_in_memory()?.pragma_update(None, "temp_store_directory", folder.to_string_lossy())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_thread_writes_is_counted() {
        let mut state = State::default();
        assert_eq!(state.count(), 0);
        let folder = tempfile::tempdir().unwrap();
        for (bytes, all) in [(100_000, 100_000), (1, 100_001)] {
            std::fs::write(folder.path().join("a"), vec![0; bytes]).unwrap();
            assert_eq!(state.count(), bytes as u64);
            assert_eq!(state.written, all);
        }
        let other = std::thread::spawn(move || std::fs::write(folder.path().join("b"), [0; 1_000]));
        other.join().unwrap().unwrap();
        assert_eq!(state.count(), 0);
    }
}
