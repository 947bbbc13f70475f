//! The only reader of time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Wall and monotonic time; handed to everything that needs it.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    _private: (),
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// Milliseconds since 1970, UTC.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    pub fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// Monotonic time, for durations and time-outs.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub fn instant(&self) -> Instant {
        Instant::now()
    }
}
