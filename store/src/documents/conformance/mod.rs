//! What every driver of documents must do. Each suite is given a new, empty store and a clock that it turns. What the
//! words of the language mean is tested where the language is.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a suite fails by panicking, as its caller is told"
)]

mod bench;
mod documents;
mod finds;
mod indexes;
mod pages;
mod projects;
mod room;
mod rules;
mod writes;

use std::cell::Cell;
use std::sync::Arc;

use super::{Documents, Result};
use crate::StoreClock;
use crate::jobs::conformance::{START_MS, TurnedClock};
use bench::Bench;

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

/// Runs every suite; `open` opens what it is asked for.
///
/// Panics where the driver does otherwise than it must; an `Err` is a call that failed where it must not.
pub async fn run(open: impl Fn(&Wanted) -> Result<Arc<dyn Documents>>) -> Result<()> {
    let opener = Opener { open: &open, numbers: Cell::new(0) };
    documents::all(&opener).await?;
    finds::all(&opener).await?;
    pages::all(&opener).await?;
    writes::all(&opener).await?;
    indexes::all(&opener).await?;
    room::all(&opener).await?;
    projects::all(&opener).await?;
    rules::all(&opener).await
}

/// Makes a bench for each suite.
struct Opener<'o> {
    open: &'o dyn Fn(&Wanted) -> Result<Arc<dyn Documents>>,
    numbers: Cell<u32>,
}

impl<'o> Opener<'o> {
    /// A new, empty store with much room, and collection `a` in it.
    async fn bench(&self) -> Result<Bench<'o>> {
        self.bench_with(super::MAX_PROJECT_BYTES).await
    }

    /// A new, empty store whose projects hold that many bytes, and collection `a` in it.
    async fn bench_with(&self, bytes: u64) -> Result<Bench<'o>> {
        let number = self.numbers.get();
        self.numbers.set(number + 1);
        let clock = TurnedClock::at(START_MS);
        let wanted = Wanted { number, clock: clock.store_clock(), bytes };
        Bench::new(self.open, wanted, clock).await
    }
}
