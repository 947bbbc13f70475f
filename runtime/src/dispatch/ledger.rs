//! The account of one invocation: shared by the guest's run, its request body and its response body, and
//! closed (recorded, billed) when the last of them is gone.

use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use host_api::{LogSink, LogSource};
use store::jobs::Lineage;
use uuid::Uuid;

use super::event::EventTrigger;
use crate::clock::Clock;
use crate::instance::{Control, Failure};
use crate::registry::live::Live;
use crate::telemetry::{Bill, HostCalls, InvocationRecord, LogLine, LogStream, OutcomeCode, Telemetry};

/// After the answer, background work has this long.
const AFTER_ANSWER: Duration = Duration::from_secs(30);

/// A call by another function, as records and `ostro-trigger` name it.
pub const FUNCTION_TRIGGER: &str = "function";

/// What is kept of a request's method and path, bytes.
const MAX_REQUEST_BYTES: usize = 512;
/// What is kept of a failure's text, bytes: it has names from the guest's binary, which may be of any length.
const MAX_DETAIL_BYTES: usize = 4 << 10;

/// Whose invocation it is, and so which limits of its time hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms {
    /// Of somebody who waits for the answer, a client or a function: time to the head, then the limits of streams.
    Request,
    /// A job's: one limit from the start to the end.
    Job(EventTrigger),
}

/// What is known of an invocation when it arrives.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Which limits of its time hold.
    pub terms: Terms,
    /// Method and path, or the event in one line.
    pub request: String,
    /// Where it comes from.
    pub lineage: Lineage,
}

impl Arrival {
    /// What started it, as records name it.
    fn trigger(&self) -> &'static str {
        match self.terms {
            Terms::Request if self.lineage.parent.is_some() => FUNCTION_TRIGGER,
            Terms::Request => "http",
            Terms::Job(trigger) => trigger.name(),
        }
    }
}

/// One invocation's account.
pub struct Ledger {
    /// UUIDv7.
    pub id: Uuid,
    /// The function as it was when the request arrived.
    pub live: Arc<Live>,
    /// The reins of its guest.
    pub control: Arc<Control>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    arrival: Arrival,
    started_ms: i64,
    status: AtomicU16,
    failure: OnceLock<Failure>,
    usage: OnceLock<Usage>,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    wait_us: AtomicU64,
    head_at_ms: AtomicU32,
    progress_at_ms: AtomicU32,
    answered_at_ms: AtomicU32,
    body_too_large: AtomicBool,
}

struct Usage {
    peak_memory_bytes: u64,
    host_calls: Vec<HostCalls>,
    ended: Instant,
}

impl Ledger {
    /// Opens the account of a request or an event that has just arrived.
    pub fn open(
        live: Arc<Live>,
        control: Arc<Control>,
        telemetry: Arc<Telemetry>,
        clock: Clock,
        arrival: Arrival,
    ) -> Self {
        let arrival = Arrival { request: cut(arrival.request, MAX_REQUEST_BYTES), ..arrival };
        Self {
            id: Uuid::now_v7(),
            live,
            control,
            telemetry,
            started_ms: clock.now_ms(),
            clock,
            arrival,
            status: AtomicU16::new(0),
            failure: OnceLock::new(),
            usage: OnceLock::new(),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            wait_us: AtomicU64::new(0),
            head_at_ms: AtomicU32::new(0),
            progress_at_ms: AtomicU32::new(0),
            answered_at_ms: AtomicU32::new(0),
            body_too_large: AtomicBool::new(false),
        }
    }

    /// Where it comes from.
    pub fn lineage(&self) -> &Lineage {
        &self.arrival.lineage
    }

    /// The wait for capacity is over.
    pub fn admitted(&self) {
        let waited = self.age();
        self.wait_us.store(u64::try_from(waited.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// The guest gave its response head.
    pub fn head(&self) {
        let now = self.age_ms();
        self.progress_at_ms.store(now, Relaxed);
        self.head_at_ms.store(now, Relaxed);
        self.control.look();
    }

    /// The client is sent this status.
    pub fn answered(&self, status: u16) {
        self.status.store(status, Relaxed);
    }

    /// Request body bytes that the guest was given.
    pub fn received(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Relaxed);
    }

    /// Response body bytes that went on to the client.
    pub fn sent(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Relaxed);
        self.progress_at_ms.store(self.age_ms(), Relaxed);
    }

    /// The response body is complete.
    pub fn complete(&self) {
        let _ = self.answered_at_ms.compare_exchange(0, self.age_ms(), Relaxed, Relaxed);
        self.control.look();
    }

    /// The request body turned out larger than allowed.
    pub fn body_too_large(&self) {
        self.body_too_large.store(true, Relaxed);
    }

    /// Whether [`Ledger::body_too_large`] was called.
    pub fn is_body_too_large(&self) -> bool {
        self.body_too_large.load(Relaxed)
    }

    /// The guest failed; the first failure stands. Must be told before the instance is dropped, because
    /// dropping it closes the response body, and only this tells a cut body from a complete one.
    pub fn failed(&self, failure: Failure) {
        let _ = self.failure.set(failure);
    }

    /// How it failed, if it did.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.get()
    }

    /// What the guest used of host and memory, told when it has ended.
    pub fn used(&self, peak_memory_bytes: u64, host_calls: Vec<HostCalls>) {
        let _ = self.usage.set(Usage { peak_memory_bytes, host_calls, ended: self.clock.instant() });
    }

    /// When the invocation must be ended if nothing happens until then.
    pub fn deadline(&self) -> Instant {
        let limits = &self.live.spec.limits;
        let at =
            |ms: u32, plus: Duration| self.control.origin() + Duration::from_millis(u64::from(ms)) + plus;
        let whole = |wall_ms: u64| {
            at(0, Duration::from_millis(wall_ms) + Duration::from_micros(self.wait_us.load(Relaxed)))
        };
        if let Terms::Job(_) = self.arrival.terms {
            return whole(self.live.spec.jobs.wall_ms);
        }
        let head = self.head_at_ms.load(Relaxed);
        if head == 0 {
            return whole(limits.wall_ms);
        }
        match self.answered_at_ms.load(Relaxed) {
            0 => {
                let idle =
                    at(self.progress_at_ms.load(Relaxed), Duration::from_millis(limits.stream_idle_ms));
                idle.min(at(head, Duration::from_millis(limits.stream_total_ms)))
            }
            answered => at(answered, AFTER_ANSWER),
        }
    }

    /// The same by the wall clock, milliseconds since 1970: what a guest is told when it begins.
    pub fn deadline_ms(&self) -> u64 {
        let left = self.deadline().saturating_duration_since(self.clock.instant());
        let now = u64::try_from(self.clock.now_ms()).unwrap_or(0);
        now.saturating_add(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }

    fn age(&self) -> Duration {
        self.clock.instant().saturating_duration_since(self.control.origin())
    }

    /// Milliseconds since the arrival, at least 1 so that 0 can mean "not yet".
    fn age_ms(&self) -> u32 {
        u32::try_from(self.age().as_millis()).unwrap_or(u32::MAX).max(1)
    }

    /// Refusals are counted and not logged: a flood of them would push the function's own lines out.
    fn log_failure(&self, failure: &Failure) {
        if matches!(
            failure.code,
            OutcomeCode::Busy | OutcomeCode::Rate | OutcomeCode::TooLarge | OutcomeCode::Cancelled
        ) {
            return;
        }
        self.line(LogSource::Platform, "error", format!("{}: {}", failure.code.name(), failure.detail));
    }

    /// A guest's text as others may see it: a guest may have put a secret into the text of a trap or of an error.
    pub fn shown(&self, text: &str) -> String {
        cut(self.live.secrets.redact(text).into_owned(), MAX_DETAIL_BYTES)
    }

    fn take_failure(&mut self) -> Option<Failure> {
        let mut failure = self.failure.take()?;
        failure.detail = self.shown(&failure.detail);
        Some(failure)
    }
}

/// At most that many bytes of a text, cut between characters.
fn cut(mut text: String, most: usize) -> String {
    text.truncate(text.floor_char_boundary(most));
    text
}

impl LogSink for Ledger {
    fn line(&self, source: LogSource, level: &'static str, message: String) {
        let stream = match source {
            LogSource::Stdout => LogStream::Stdout,
            LogSource::Stderr => LogStream::Stderr,
            LogSource::Logging => LogStream::Logging,
            LogSource::Platform => LogStream::Platform,
        };
        self.telemetry.log(LogLine {
            at_ms: self.clock.now_ms(),
            function: self.live.function,
            revision: self.live.revision,
            invocation: self.id,
            stream,
            level: level.to_owned(),
            message,
        });
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        let failure = self.take_failure();
        if let Some(failure) = &failure {
            self.log_failure(failure);
        }
        let usage = self.usage.take();
        let outcome = match &failure {
            Some(failure) => failure.code,
            // The client went away before the guest was called.
            None if usage.is_none() => OutcomeCode::Cancelled,
            None => OutcomeCode::Ok,
        };
        let ended = usage.as_ref().map_or_else(|| self.clock.instant(), |usage| usage.ended);
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let (peak_memory_bytes, host_calls) =
            usage.map_or((0, Vec::new()), |usage| (usage.peak_memory_bytes, usage.host_calls));
        self.telemetry.finished(InvocationRecord {
            id: self.id,
            function: self.live.function,
            revision: self.live.revision,
            trigger: self.arrival.trigger().to_owned(),
            parent: self.arrival.lineage.parent,
            started_ms: self.started_ms,
            request: std::mem::take(&mut self.arrival.request),
            outcome,
            status: self.status.load(Relaxed),
            detail: failure.map(|failure| failure.detail),
            bill: Bill {
                cpu_us: micros(self.control.cpu()),
                wall_us: micros(ended.saturating_duration_since(self.control.origin())),
                wait_us: self.wait_us.load(Relaxed),
                peak_memory_bytes,
                bytes_in: self.bytes_in.load(Relaxed),
                bytes_out: self.bytes_out.load(Relaxed),
                host_calls,
            },
        });
    }
}
