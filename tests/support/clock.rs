//! The wall clock of a server under test: a file that says how far it is from the real one. It outlives the server.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Servers look at the file every 5 ms; a turn waits until they have most likely seen it.
const SEEN: Duration = Duration::from_millis(100);

/// A clock that a test turns. Only wall time turns; monotonic time-outs of the server stay real.
#[derive(Debug)]
pub struct TurnedClock {
    file: PathBuf,
    offset_ms: AtomicI64,
}

impl TurnedClock {
    /// A clock that shows the real time, with its file in that folder.
    pub fn new(folder: &Path) -> Self {
        let clock = Self { file: folder.join("clock"), offset_ms: AtomicI64::new(0) };
        clock.write(0);
        clock
    }

    /// The file, for `OSTRO_TEST_CLOCK`.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What the server takes for now, milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        real_ms() + self.offset_ms.load(Ordering::SeqCst)
    }

    /// Turns it on.
    pub fn turn(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap();
        self.write(self.offset_ms.fetch_add(by, Ordering::SeqCst) + by);
        std::thread::sleep(SEEN);
    }

    /// Turns it to that moment, milliseconds since 1970; also back.
    pub fn set(&self, to_ms: i64) {
        let offset = to_ms - real_ms();
        self.offset_ms.store(offset, Ordering::SeqCst);
        self.write(offset);
        std::thread::sleep(SEEN);
    }

    /// Replaces the file whole: the server may be reading it.
    fn write(&self, offset_ms: i64) {
        let new = self.file.with_extension("new");
        std::fs::write(&new, offset_ms.to_string()).unwrap();
        std::fs::rename(&new, &self.file).unwrap();
    }
}

fn real_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}
