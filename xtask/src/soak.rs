//! `cargo xtask soak …`: long runs that look for what tests are too short to find.

mod check;
mod kill;
mod ledger;

use anyhow::Result;
use clap::Subcommand;

/// What is to be run for long.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Subject {
    /// `kill -9` at random moments during deploys: what was acknowledged answers after the next start
    Kill(kill::Options),
}

/// `cargo xtask soak …`.
pub(crate) fn run(subject: Subject) -> Result<()> {
    match subject {
        Subject::Kill(options) => kill::run(options),
    }
}
