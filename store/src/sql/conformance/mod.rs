//! What every driver of SQL must do. Each suite is given a new, empty store.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a suite fails by panicking, as its caller is told"
)]

mod batches;
mod bench;
mod projects;
mod refusals;
mod room;
mod statements;
mod values;

use std::cell::Cell;
use std::sync::Arc;

use super::{Databases, Result};
use bench::Bench;

/// The store that a suite wants.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The same number is the same data: nothing is open under it when it is asked for again.
    pub number: u32,
    /// What a project holds, bytes, in place of [`super::MAX_PROJECT_BYTES`].
    pub bytes: u64,
    /// What a call adds, bytes, in place of [`super::MAX_GROWTH_BYTES`].
    pub growth: u64,
}

/// Runs every suite; `open` opens what it is asked for.
///
/// Panics where the driver does otherwise than it must; an `Err` is a call that failed where it must not.
pub async fn run(open: impl Fn(Wanted) -> Result<Arc<dyn Databases>>) -> Result<()> {
    let opener = Opener { open: &open, numbers: Cell::new(0) };
    values::all(&opener).await?;
    statements::all(&opener).await?;
    batches::all(&opener).await?;
    refusals::all(&opener).await?;
    room::all(&opener).await?;
    projects::all(&opener).await
}

/// Makes a bench for each suite.
struct Opener<'o> {
    open: &'o dyn Fn(Wanted) -> Result<Arc<dyn Databases>>,
    numbers: Cell<u32>,
}

impl<'o> Opener<'o> {
    /// A new, empty store with much room.
    fn bench(&self) -> Result<Bench<'o>> {
        self.bench_with(super::MAX_PROJECT_BYTES, super::MAX_GROWTH_BYTES)
    }

    /// A new, empty store whose projects hold that many bytes, and whose calls add that many.
    fn bench_with(&self, bytes: u64, growth: u64) -> Result<Bench<'o>> {
        let number = self.numbers.get();
        self.numbers.set(number + 1);
        Bench::new(self.open, Wanted { number, bytes, growth })
    }
}
