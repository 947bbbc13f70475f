//! `cargo xtask soak …`: long runs that look for what tests are too short to find.

mod check;
mod cron;
mod data;
mod kill;
mod ledger;
mod queue;
mod slots;

use anyhow::Result;
use clap::Subcommand;

/// What is to be run for long.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Subject {
    /// `kill -9` at random moments during deploys: what was acknowledged answers after the next start
    Kill(kill::Options),
    /// `kill -9` every few seconds while the clock is turned: every slot of 1,001 schedules makes one job
    Cron(cron::Options),
    /// `kill -9` every 10,000 messages: every acknowledged message is done or dead at the end
    Queue(queue::Options),
    /// `kill -9` every few seconds during mixed writes: nothing acknowledged is lost or half, also in backups taken meanwhile
    Data(data::Options),
}

/// `cargo xtask soak …`.
pub(crate) fn run(subject: Subject) -> Result<()> {
    match subject {
        Subject::Kill(options) => kill::run(options),
        Subject::Cron(options) => cron::run(options),
        Subject::Queue(options) => queue::run(options),
        Subject::Data(options) => data::run(options),
    }
}
