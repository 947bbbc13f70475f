//! The reins of one invocation: its CPU meter, and the way to end it from outside.
//!
//! CPU is measured in two ways. A young invocation is charged the wall time of its polls, which costs a
//! read of the monotonic clock and is at most one tick off. Once it has lived for a tick it is charged by
//! the thread's CPU clock, so that what other threads take away is not billed to it.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::task::Waker;
use std::time::Duration;

use futures_util::task::AtomicWaker;

use crate::clock::Clock;
use crate::sys;

/// Length of an epoch: how often a running guest is looked at.
pub const TICK: Duration = Duration::from_millis(1);

/// Why an invocation is ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// The CPU budget is spent.
    Cpu,
    /// No response head in time, or the stream stood still or lasted too long.
    Deadline,
    /// The client went away and the function asked for cancellation.
    Cancelled,
}

/// What a running guest is told when the tick comes round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    /// Let others run, then go on.
    Yield,
    /// Stop: the invocation has been ended.
    Stop,
}

/// Shared by the guest's store, the future that polls it and the watcher of its time.
#[derive(Debug)]
pub struct Control {
    clock: Clock,
    origin: std::time::Instant,
    cpu_budget_ns: u64,
    demote_after_ns: u64,
    used_ns: AtomicU64,
    /// What was used when the budget was filled last.
    filled_at_ns: AtomicU64,
    slice_start_ns: AtomicU64,
    precise: AtomicBool,
    demote: AtomicBool,
    killed: AtomicU8,
    waker: AtomicWaker,
}

impl Control {
    /// Reins with that CPU budget; `demote_after` is the CPU after which the work counts as long.
    pub fn new(clock: Clock, cpu_budget: Duration, demote_after: Duration) -> Self {
        Self {
            origin: clock.instant(),
            clock,
            cpu_budget_ns: nanos(cpu_budget),
            demote_after_ns: nanos(demote_after),
            used_ns: AtomicU64::new(0),
            filled_at_ns: AtomicU64::new(0),
            slice_start_ns: AtomicU64::new(0),
            precise: AtomicBool::new(false),
            demote: AtomicBool::new(false),
            killed: AtomicU8::new(0),
            waker: AtomicWaker::new(),
        }
    }

    /// When the invocation began, on the monotonic clock.
    pub fn origin(&self) -> std::time::Instant {
        self.origin
    }

    /// A poll of the guest begins on this thread.
    pub fn slice_begin(&self) {
        let now = if self.precise.load(Relaxed) { nanos(sys::thread_cpu()) } else { self.wall_ns() };
        self.slice_start_ns.store(now, Relaxed);
    }

    /// The poll ended: what it took is charged.
    pub fn slice_end(&self) {
        let start = self.slice_start_ns.load(Relaxed);
        let now = if self.precise.load(Relaxed) { nanos(sys::thread_cpu()) } else { self.wall_ns() };
        self.charge(now.saturating_sub(start));
    }

    /// The epoch moved on while the guest was running.
    pub fn tick(&self) -> Tick {
        let start = self.slice_start_ns.load(Relaxed);
        let cpu = nanos(sys::thread_cpu());
        if self.precise.load(Relaxed) {
            self.charge(cpu.saturating_sub(start));
        } else {
            let taken = self.wall_ns().saturating_sub(start).min(nanos(TICK));
            self.charge(taken);
            self.precise.store(true, Relaxed);
        }
        self.slice_start_ns.store(cpu, Relaxed);
        let used = self.used_ns.load(Relaxed).saturating_sub(self.filled_at_ns.load(Relaxed));
        if used >= self.cpu_budget_ns {
            self.kill(Kill::Cpu);
        }
        if used >= self.demote_after_ns {
            self.demote.store(true, Relaxed);
        }
        match self.killed() {
            Some(_) => Tick::Stop,
            None => Tick::Yield,
        }
    }

    /// Fills the budget again: another invocation has begun under the same reins.
    pub fn refill(&self) {
        self.filled_at_ns.store(self.used_ns.load(Relaxed), Relaxed);
    }

    /// Charges CPU that was measured elsewhere.
    pub fn share(&self, used: Duration) {
        self.charge(nanos(used));
    }

    /// CPU charged so far.
    pub fn cpu(&self) -> Duration {
        Duration::from_nanos(self.used_ns.load(Relaxed))
    }

    /// Whether the invocation has become long work.
    pub fn is_long(&self) -> bool {
        self.demote.load(Relaxed)
    }

    /// Ends the invocation; the first reason stands.
    pub fn kill(&self, reason: Kill) {
        let code = match reason {
            Kill::Cpu => 1,
            Kill::Deadline => 2,
            Kill::Cancelled => 3,
        };
        // Losing the race means that another reason came first: that one stands.
        let _ = self.killed.compare_exchange(0, code, Relaxed, Relaxed);
        self.waker.wake();
    }

    /// Why the invocation was ended, if it was.
    pub fn killed(&self) -> Option<Kill> {
        match self.killed.load(Relaxed) {
            1 => Some(Kill::Cpu),
            2 => Some(Kill::Deadline),
            3 => Some(Kill::Cancelled),
            _ => None,
        }
    }

    /// Has the invocation looked at again: its deadline has moved.
    pub fn look(&self) {
        self.waker.wake();
    }

    /// Wakes this task when the invocation is ended.
    pub fn on_kill(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    fn charge(&self, ns: u64) {
        self.used_ns.fetch_add(ns, Relaxed);
    }

    fn wall_ns(&self) -> u64 {
        nanos(self.clock.instant().saturating_duration_since(self.origin))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(budget_ms: u64) -> Control {
        Control::new(Clock::system(), Duration::from_millis(budget_ms), Duration::from_millis(3))
    }

    #[test]
    fn the_first_reason_stands() {
        let control = control(10);
        control.kill(Kill::Deadline);
        control.kill(Kill::Cancelled);
        assert_eq!(control.killed(), Some(Kill::Deadline));
    }

    #[test]
    fn burning_the_budget_stops_and_demotes() {
        let control = control(5);
        control.slice_begin();
        let mut ticks = 0u64;
        let mut sum = 0u64;
        loop {
            for n in 0..2_000_000u64 {
                sum = std::hint::black_box(sum.wrapping_add(n));
            }
            ticks += 1;
            if control.tick() == Tick::Stop {
                break;
            }
            assert!(ticks < 100_000, "the budget never ran out");
        }
        assert_eq!(control.killed(), Some(Kill::Cpu));
        assert!(control.is_long());
        assert!(control.cpu() >= Duration::from_millis(5));
    }

    #[test]
    fn a_refilled_budget_is_whole_again() {
        let control = control(5);
        control.share(Duration::from_millis(5));
        control.refill();
        control.slice_begin();
        assert_eq!(control.tick(), Tick::Yield);
        assert!(!control.is_long());
        control.share(Duration::from_millis(5));
        assert_eq!(control.tick(), Tick::Stop);
        assert!(control.cpu() >= Duration::from_millis(10), "the bill has all of it");
    }

    #[test]
    fn sleeping_is_not_charged_once_precise() {
        let control = control(1_000);
        control.slice_begin();
        assert_eq!(control.tick(), Tick::Yield);
        let before = control.cpu();
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(control.tick(), Tick::Yield);
        assert!(control.cpu() - before < Duration::from_millis(10));
    }
}
