//! The only reader of time.

use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// How often a file that turns the clock is read.
const LOOK: Duration = Duration::from_millis(5);

/// Wall and monotonic time; handed to everything that needs it.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// None for the system's own time: a request then shares no counter with its neighbours.
    turning: Option<Arc<Turning>>,
}

/// What a test does to wall time. Monotonic time stays real, and with it every time-out.
#[derive(Debug)]
struct Turning {
    offset_ms: AtomicI64,
    turned: watch::Sender<()>,
}

/// Hears of every turn of a clock, also of those that came while nobody waited.
pub struct Turned(Option<watch::Receiver<()>>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock whose wall time can be turned; it starts at the system's.
    pub fn turnable() -> Self {
        let (turned, _) = watch::channel(());
        Self { turning: Some(Arc::new(Turning { offset_ms: AtomicI64::new(0), turned })) }
    }

    /// A clock for tests across processes: `file` holds what is added to wall time, in milliseconds, and is read
    /// again every few of them for as long as the process lives. A file that is missing or makes no sense changes
    /// nothing.
    pub fn of_file(file: PathBuf) -> std::io::Result<Self> {
        let clock = Self::turnable();
        // What comes first must see the turned time already.
        clock.read(&file);
        let reader = clock.clone();
        let follow = move || loop {
            std::thread::sleep(LOOK);
            reader.read(&file);
        };
        std::thread::Builder::new().name("ostro-test-clock".to_owned()).spawn(follow)?;
        Ok(clock)
    }

    /// Milliseconds since 1970, UTC.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    pub fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let real = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        match &self.turning {
            Some(turning) => real.saturating_add(turning.offset_ms.load(Relaxed)),
            None => real,
        }
    }

    /// Monotonic time, for durations and time-outs.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub fn instant(&self) -> Instant {
        Instant::now()
    }

    /// Adds that many milliseconds to the system's wall time from now on. The system's own clock is not turned.
    pub fn turn(&self, offset_ms: i64) {
        let Some(turning) = &self.turning else { return };
        if turning.offset_ms.swap(offset_ms, Relaxed) != offset_ms {
            turning.turned.send_replace(());
        }
    }

    /// For whoever waits for a wall time.
    pub fn turned(&self) -> Turned {
        Turned(self.turning.as_ref().map(|turning| turning.turned.subscribe()))
    }

    fn read(&self, file: &std::path::Path) {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if let Ok(offset_ms) = text.trim().parse() {
            self.turn(offset_ms);
        }
    }
}

impl Turned {
    /// Resolves when the clock has been turned since the last call; never for the system's own.
    pub async fn turned(&mut self) {
        if let Some(receiver) = &mut self.0
            && receiver.changed().await.is_ok()
        {
            return;
        }
        pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_turned_clock_is_heard_by_all_of_its_clones() {
        let clock = Clock::turnable();
        let mut turned = clock.turned();
        let before = clock.now_ms();
        clock.clone().turn(3_600_000);
        turned.turned().await;
        let ahead = clock.now_ms() - before;
        assert!((3_600_000..3_660_000).contains(&ahead), "{ahead}");
        clock.turn(3_600_000);
        assert!(tokio::time::timeout(LOOK, turned.turned()).await.is_err(), "the same offset is no turn");
    }

    #[tokio::test]
    async fn the_systems_clock_is_never_turned() {
        let clock = Clock::system();
        clock.turn(3_600_000);
        assert!((clock.now_ms() - Clock::system().now_ms()).abs() < 60_000);
        assert!(tokio::time::timeout(LOOK, clock.turned().turned()).await.is_err());
    }

    #[tokio::test]
    async fn a_file_turns_the_clock_from_the_start_and_whenever_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clock");
        std::fs::write(&file, "86400000\n").unwrap();
        let clock = Clock::of_file(file.clone()).unwrap();
        let real = Clock::system();
        assert!(clock.now_ms() - real.now_ms() > 86_000_000);
        let mut turned = clock.turned();
        std::fs::write(&file, "never").unwrap();
        std::fs::write(&file, "-5000").unwrap();
        tokio::time::timeout(Duration::from_secs(5), turned.turned()).await.unwrap();
        assert!(clock.now_ms() < real.now_ms());
    }
}
