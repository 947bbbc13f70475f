//! What every driver of accounts must do. Each suite is given a new, empty store and a clock that it turns.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a suite fails by panicking, as its caller is told"
)]

mod bench;
mod directory;
mod keys;
mod once;
mod people;
mod sessions;

use std::cell::Cell;

use super::{AccountStore, Result};
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
    /// Accounts of a project, in place of [`super::MAX_ACCOUNTS`].
    pub accounts: u64,
    /// Sessions of an account, in place of [`super::MAX_SESSIONS`].
    pub sessions: u64,
}

/// Runs every suite; `open` opens what it is asked for.
///
/// Panics where the driver does otherwise than it must; an `Err` is a call that failed where it must not.
pub async fn run(open: impl Fn(&Wanted) -> Result<AccountStore>) -> Result<()> {
    let opener = Opener { open: &open, numbers: Cell::new(0) };
    people::all(&opener).await?;
    directory::all(&opener).await?;
    sessions::all(&opener).await?;
    once::all(&opener).await?;
    keys::all(&opener).await
}

/// Makes a bench for each suite.
struct Opener<'o> {
    open: &'o dyn Fn(&Wanted) -> Result<AccountStore>,
    numbers: Cell<u32>,
}

impl<'o> Opener<'o> {
    /// A new, empty store with room for five accounts, and three sessions of each.
    fn bench(&self) -> Result<Bench<'o>> {
        let number = self.numbers.get();
        self.numbers.set(number + 1);
        let clock = TurnedClock::at(START_MS);
        let wanted = Wanted { number, clock: clock.store_clock(), accounts: 5, sessions: 3 };
        Bench::new(self.open, wanted, clock)
    }
}
