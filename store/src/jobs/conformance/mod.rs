//! What every driver of jobs must do. Each suite is given a new, empty store and a clock that it turns.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a suite fails by panicking, as its caller is told"
)]

mod bench;
mod claims;
mod ends;
mod enqueueing;
mod kept;
mod orders;
mod projects;
mod schedules;
mod slots;

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::{JobStore, Result};
use crate::StoreClock;
use bench::Bench;

/// When every suite begins, milliseconds since 1970.
pub const START_MS: i64 = 1_700_000_000_000;

/// The store that a suite wants.
#[derive(Clone)]
pub struct Wanted {
    /// The same number is the same data: nothing is open under it when it is asked for again.
    pub number: u32,
    /// The store's time.
    pub clock: StoreClock,
    /// Jobs that may wait in one lane, in place of [`super::MAX_WAITING`].
    pub waiting: u64,
    /// Done jobs without a dedupe key that are kept in one lane.
    pub done: u64,
}

/// A clock that is turned by hand.
#[derive(Clone, Debug)]
pub struct TurnedClock(Arc<AtomicI64>);

impl TurnedClock {
    /// A clock that stands at that time, milliseconds since 1970.
    pub fn at(ms: i64) -> Self {
        Self(Arc::new(AtomicI64::new(ms)))
    }

    /// What it says, milliseconds since 1970.
    pub fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Turns it by that many milliseconds, back if they are negative.
    pub fn turn(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// For a store.
    pub fn store_clock(&self) -> StoreClock {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}

/// Runs every suite; `open` opens what it is asked for.
///
/// Panics where the driver does otherwise than it must; an `Err` is a call that failed where it must not.
pub async fn run(open: impl Fn(&Wanted) -> Result<JobStore>) -> Result<()> {
    let opener = Opener { open: &open, numbers: Cell::new(0) };
    enqueueing::all(&opener).await?;
    claims::all(&opener).await?;
    orders::all(&opener).await?;
    ends::all(&opener).await?;
    kept::all(&opener).await?;
    projects::all(&opener).await?;
    schedules::all(&opener).await?;
    slots::all(&opener).await
}

/// Makes a bench for each suite.
struct Opener<'o> {
    open: &'o dyn Fn(&Wanted) -> Result<JobStore>,
    numbers: Cell<u32>,
}

impl<'o> Opener<'o> {
    /// A new, empty store with roomy limits.
    fn bench(&self) -> Result<Bench<'o>> {
        self.bench_with(1_000, 1_000)
    }

    /// A new, empty store whose lanes hold that many waiting and done jobs.
    fn bench_with(&self, waiting: u64, done: u64) -> Result<Bench<'o>> {
        let number = self.numbers.get();
        self.numbers.set(number + 1);
        let clock = TurnedClock::at(START_MS);
        let wanted = Wanted { number, clock: clock.store_clock(), waiting, done };
        Bench::new(self.open, wanted, clock)
    }
}
