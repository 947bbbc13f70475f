//! Counters and recent records of one function, and the list of the deleted ones.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use store::catalog::{FunctionId, HourTotal};

use super::RECENT_RECORDS;
use super::record::{InvocationRecord, OutcomeCode};

/// Upper bounds of the latency histogram, microseconds; slower ones fall into a last, open bucket.
pub(super) const LATENCY_BOUNDS_US: [u64; 16] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 30_000_000,
];

/// Every outcome, in the order of its counter.
pub(super) const OUTCOMES: [OutcomeCode; 13] = [
    OutcomeCode::Ok,
    OutcomeCode::Busy,
    OutcomeCode::Rate,
    OutcomeCode::CpuLimit,
    OutcomeCode::Deadline,
    OutcomeCode::MemoryLimit,
    OutcomeCode::Trap,
    OutcomeCode::NoResponse,
    OutcomeCode::BadResponse,
    OutcomeCode::Failed,
    OutcomeCode::TooLarge,
    OutcomeCode::Cancelled,
    OutcomeCode::Internal,
];

const HOUR_MS: i64 = 3_600_000;
/// Deleted functions that are remembered; an invocation never outlives so many deletions.
const FORGOTTEN: usize = 10_000;

/// What an outcome means for the counters and for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The guest did what it was asked for, or the client did not want the answer any more.
    Fine,
    /// The request never reached the guest: counted as a failure, but a flood of such requests must not
    /// push the guest's own failures off the disk.
    Refused,
    /// The run failed.
    Failed,
}

impl Verdict {
    /// Whether the record goes to disk.
    pub(super) fn is_written(self) -> bool {
        self == Self::Failed
    }
}

/// What that outcome means.
pub(super) fn verdict(outcome: OutcomeCode) -> Verdict {
    match outcome {
        OutcomeCode::Ok | OutcomeCode::Cancelled => Verdict::Fine,
        OutcomeCode::Busy | OutcomeCode::Rate | OutcomeCode::TooLarge => Verdict::Refused,
        OutcomeCode::CpuLimit
        | OutcomeCode::Deadline
        | OutcomeCode::MemoryLimit
        | OutcomeCode::Trap
        | OutcomeCode::NoResponse
        | OutcomeCode::BadResponse
        | OutcomeCode::Failed
        | OutcomeCode::Internal => Verdict::Failed,
    }
}

/// One function's numbers. One lock, held for a few dozen nanoseconds.
pub(super) struct Stats {
    function: FunctionId,
    counted: Mutex<Counted>,
    queued_lines: AtomicU32,
    dropped_lines: AtomicU64,
}

#[derive(Default)]
struct Counted {
    recent: VecDeque<InvocationRecord>,
    sums: Sums,
    /// The hour that is being filled.
    hour: Option<HourTotal>,
    /// Hours that are over, or could not be added to the catalog yet.
    hours: Vec<HourTotal>,
}

/// Totals since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// By outcome, in the order of [`OUTCOMES`].
    pub(super) outcomes: [u64; OUTCOMES.len()],
    /// Failed and refused invocations.
    pub(super) failures: u64,
    /// CPU, microseconds.
    pub(super) cpu_us: u64,
    /// Wall time, microseconds.
    pub(super) wall_us: u64,
    /// Request bytes.
    pub(super) bytes_in: u64,
    /// Response bytes.
    pub(super) bytes_out: u64,
    /// Invocations by wall time: one bucket per bound and the open one.
    pub(super) latency: [u64; LATENCY_BOUNDS_US.len() + 1],
}

impl Sums {
    /// All invocations.
    pub(super) fn invocations(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    fn add(&mut self, record: &InvocationRecord) {
        if let Some(count) = self.outcomes.get_mut(record.outcome as usize) {
            *count += 1;
        }
        self.failures += u64::from(verdict(record.outcome) != Verdict::Fine);
        self.cpu_us = self.cpu_us.saturating_add(record.bill.cpu_us);
        self.wall_us = self.wall_us.saturating_add(record.bill.wall_us);
        self.bytes_in = self.bytes_in.saturating_add(record.bill.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(record.bill.bytes_out);
        let bucket = LATENCY_BOUNDS_US.partition_point(|bound| *bound < record.bill.wall_us);
        if let Some(count) = self.latency.get_mut(bucket) {
            *count += 1;
        }
    }
}

impl Stats {
    /// No invocations yet.
    pub(super) fn new(function: FunctionId) -> Self {
        Self {
            function,
            counted: Mutex::default(),
            queued_lines: AtomicU32::new(0),
            dropped_lines: AtomicU64::new(0),
        }
    }

    /// Counts a record and keeps it, instead of the oldest one when there are enough.
    pub(super) fn count(&self, record: InvocationRecord) {
        let evicted = {
            let mut counted = self.lock();
            counted.sums.add(&record);
            counted.add_to_hour(self.function, &record);
            let evicted = match counted.recent.len() {
                RECENT_RECORDS.. => counted.recent.pop_front(),
                _ => None,
            };
            counted.recent.push_back(record);
            evicted
        };
        // Its strings are freed outside the lock.
        drop(evicted);
    }

    /// The newest records, newest first.
    pub(super) fn recent(&self, limit: usize) -> Vec<InvocationRecord> {
        self.lock().recent.iter().rev().take(limit).cloned().collect()
    }

    /// Invocations and failures.
    pub(super) fn counts(&self) -> (u64, u64) {
        let counted = self.lock();
        (counted.sums.invocations(), counted.sums.failures)
    }

    /// A copy of the totals.
    pub(super) fn sums(&self) -> Sums {
        self.lock().sums.clone()
    }

    /// Takes the hours that the catalog does not have yet.
    pub(super) fn take_hours(&self) -> Vec<HourTotal> {
        let mut counted = self.lock();
        let mut hours = std::mem::take(&mut counted.hours);
        hours.extend(counted.hour.take());
        hours
    }

    /// Puts an hour back that could not be added.
    pub(super) fn return_hour(&self, hour: HourTotal) {
        self.lock().keep(hour);
    }

    /// Whether a line may be queued; counts it as dropped when not.
    pub(super) fn reserve_line(&self, most: u32) -> bool {
        if self.queued_lines.fetch_add(1, Ordering::Relaxed) < most {
            return true;
        }
        self.drop_line();
        false
    }

    /// A queued line has left the queue.
    pub(super) fn release_line(&self) {
        self.queued_lines.fetch_sub(1, Ordering::Relaxed);
    }

    /// A reserved line did not get into the queue.
    pub(super) fn drop_line(&self) {
        self.release_line();
        self.dropped_lines.fetch_add(1, Ordering::Relaxed);
    }

    /// Lines dropped since the start.
    pub(super) fn dropped_lines(&self) -> u64 {
        self.dropped_lines.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        // Numbers stay usable even if a thread died while it counted.
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    fn add_to_hour(&mut self, function: FunctionId, record: &InvocationRecord) {
        let hour_ms = record.started_ms.div_euclid(HOUR_MS) * HOUR_MS;
        let one = HourTotal {
            function,
            hour_ms,
            invocations: 1,
            failures: u64::from(verdict(record.outcome) != Verdict::Fine),
            cpu_us: record.bill.cpu_us,
            wall_us: record.bill.wall_us,
            bytes_in: record.bill.bytes_in,
            bytes_out: record.bill.bytes_out,
        };
        match &mut self.hour {
            Some(hour) if hour.hour_ms == hour_ms => merge(hour, &one),
            hour => {
                let over = hour.replace(one);
                over.into_iter().for_each(|over| self.keep(over));
            }
        }
    }

    /// Keeps an hour for the catalog; the same hours are merged, so that nothing grows while it is away.
    fn keep(&mut self, over: HourTotal) {
        match self.hours.iter_mut().find(|kept| kept.hour_ms == over.hour_ms) {
            Some(kept) => merge(kept, &over),
            None => self.hours.push(over),
        }
    }
}

fn merge(into: &mut HourTotal, more: &HourTotal) {
    into.invocations += more.invocations;
    into.failures += more.failures;
    into.cpu_us = into.cpu_us.saturating_add(more.cpu_us);
    into.wall_us = into.wall_us.saturating_add(more.wall_us);
    into.bytes_in = into.bytes_in.saturating_add(more.bytes_in);
    into.bytes_out = into.bytes_out.saturating_add(more.bytes_out);
}

/// Ids of functions that were deleted: invocations that end later must not bring their counters back.
#[derive(Default)]
pub(super) struct Forgotten {
    ids: Mutex<ForgottenIds>,
}

#[derive(Default)]
struct ForgottenIds {
    order: VecDeque<FunctionId>,
    set: HashSet<FunctionId>,
    /// Those whose files are still there.
    pending: Vec<FunctionId>,
}

impl Forgotten {
    /// Remembers an id, instead of the oldest when there are many.
    pub(super) fn add(&self, function: FunctionId) {
        let mut ids = self.lock();
        if !ids.set.insert(function) {
            return;
        }
        ids.order.push_back(function);
        ids.pending.push(function);
        if ids.order.len() > FORGOTTEN
            && let Some(oldest) = ids.order.pop_front()
        {
            ids.set.remove(&oldest);
        }
    }

    /// Whether the function was deleted.
    pub(super) fn contains(&self, function: FunctionId) -> bool {
        self.lock().set.contains(&function)
    }

    /// The functions whose files are to be deleted; each is told once.
    pub(super) fn take_pending(&self) -> Vec<FunctionId> {
        std::mem::take(&mut self.lock().pending)
    }

    fn lock(&self) -> MutexGuard<'_, ForgottenIds> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
