//! What every driver of buckets must do. Each suite is given a new, empty store and a clock that it turns.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a suite fails by panicking, as its caller is told"
)]

mod bench;
mod conditions;
mod contents;
mod keys;
mod pages;
mod parted;
mod projects;
mod room;
mod ruled;
mod uploads;

use std::cell::Cell;
use std::sync::Arc;

use super::{Buckets, Objects, PartedUploads, Result, RuledObjects};
use crate::StoreClock;
use crate::jobs::conformance::{START_MS, TurnedClock};
use bench::Bench;

pub use keys::odd_keys;

/// The store that a suite wants.
#[derive(Clone)]
pub struct Wanted {
    /// The same number is the same data: nothing is open under it when it is asked for again.
    pub number: u32,
    /// The store's time.
    pub clock: StoreClock,
    /// What a project holds, bytes, in place of [`super::MAX_PROJECT_BYTES`].
    pub bytes: u64,
}

/// A store under test.
pub type Opened = (Arc<dyn Buckets>, Arc<dyn Objects>, Arc<dyn RuledObjects>, Arc<dyn PartedUploads>);

/// Runs every suite; `open` opens what it is asked for.
///
/// Panics where the driver does otherwise than it must; an `Err` is a call that failed where it must not.
pub async fn run(open: impl Fn(&Wanted) -> Result<Opened>) -> Result<()> {
    let opener = Opener { open: &open, numbers: Cell::new(0) };
    contents::all(&opener).await?;
    keys::all(&opener).await?;
    conditions::all(&opener).await?;
    pages::all(&opener).await?;
    uploads::all(&opener).await?;
    room::all(&opener).await?;
    projects::all(&opener).await?;
    ruled::all(&opener).await?;
    parted::all(&opener).await
}

/// Makes a bench for each suite.
struct Opener<'o> {
    open: &'o dyn Fn(&Wanted) -> Result<Opened>,
    numbers: Cell<u32>,
}

impl<'o> Opener<'o> {
    /// A new, empty store with much room, and the buckets `a` and `b` in it.
    async fn bench(&self) -> Result<Bench<'o>> {
        self.bench_with(super::MAX_PROJECT_BYTES).await
    }

    /// A new, empty store whose projects hold that many bytes, and the buckets `a` and `b` in it.
    async fn bench_with(&self, bytes: u64) -> Result<Bench<'o>> {
        let number = self.numbers.get();
        self.numbers.set(number + 1);
        let clock = TurnedClock::at(START_MS);
        let wanted = Wanted { number, clock: clock.store_clock(), bytes };
        Bench::new(self.open, wanted, clock).await
    }
}
