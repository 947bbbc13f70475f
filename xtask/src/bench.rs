//! `cargo xtask bench …`: questions about speed, each answered side by side in one run. Method: benches/README.md.

mod cpu;
mod hello;
mod neighbour;
mod open_loop;
mod wrk;

use anyhow::Result;
use clap::Subcommand;

/// What is to be measured.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Question {
    /// Requests a second and CPU per request of a hello: bare hyper, Ostro fresh, Ostro reused, `wasmtime serve`
    Hello,
    /// What a busy project does to its neighbours, both ways
    Neighbour,
}

/// `cargo xtask bench …`.
pub(crate) fn run(question: Question) -> Result<()> {
    match question {
        Question::Hello => hello::run(),
        Question::Neighbour => neighbour::run(),
    }
}

/// Processors that this process may use.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
