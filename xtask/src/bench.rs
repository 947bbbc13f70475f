//! `cargo xtask bench …`: questions about speed, each answered side by side in one run. Method: benches/README.md.

mod callee;
mod cpu;
mod data;
mod hello;
mod jobs;
mod js;
mod neighbour;
mod open_loop;
mod realtime;
mod wrk;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::build::Profile;

/// What is to be measured.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Question {
    /// Requests a second and CPU per request of a hello: bare hyper, Ostro fresh, Ostro reused, `wasmtime serve`
    Hello(Options),
    /// JavaScript beside workerd and functions-framework: CPU per request, component sizes, time to deploy
    Js(Options),
    /// What a busy project does to its neighbours, both ways
    Neighbour(Options),
    /// Messages a second taken and delivered, and the time from sending one to the start of its handler
    Jobs(Options),
    /// What documents, keys and objects cost through HTTP and a guest, and straight at the store
    Data(Options),
    /// How soon 1,000 streams are told of 500 writes a second, with memory and CPU
    Realtime(Options),
}

/// Options of every question.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Options {
    /// Measure the unoptimised build: to try the bench itself, not for results
    #[arg(long)]
    dev: bool,
}

impl Options {
    fn profile(self) -> Profile {
        if self.dev { Profile::Dev } else { Profile::Release }
    }
}

/// `cargo xtask bench …`.
pub(crate) fn run(question: Question) -> Result<()> {
    match question {
        Question::Hello(options) => hello::run(options.profile()),
        Question::Js(options) => js::run(options.profile()),
        Question::Neighbour(options) => neighbour::run(options.profile()),
        Question::Jobs(options) => jobs::run(options.profile()),
        Question::Data(options) => data::run(options.profile()),
        Question::Realtime(options) => realtime::run(options.profile()),
    }
}

/// Processors that this process may use.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
