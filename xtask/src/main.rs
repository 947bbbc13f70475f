//! `cargo xtask …`: the project's own commands, from the first demo to the release archive.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a command that people run: it prints, measures time and reads the environment"
)]

mod bench;
mod browser;
mod demo;
mod differential;
mod guests;
mod js;
mod release;
mod soak;
mod test;

mod build;
mod control;
mod http;
mod npm;
mod process;
mod random;
mod sender;
mod server;
mod tool;
mod workspace;

#[allow(
    dead_code,
    unreachable_pub,
    clippy::panic,
    reason = "shared with the tests, which use more of it and may panic"
)]
#[path = "../../tests/support/guest.rs"]
mod test_guests;

#[allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "shared with the tests, which may panic")]
#[path = "../../tests/support/clock.rs"]
mod test_clock;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the server and a Rust function, start, deploy, call; stay up until Ctrl-C
    Demo(demo::Options),
    /// Check format, lints, rules of the house, and run every test
    Test(test::Options),
    /// Build the functions of examples/ and the ready-made guests of tests and benches to target/guests
    Guests(guests::Options),
    /// Build ostro-js, the compiler of JavaScript, where `ostro` finds it
    Js,
    /// Measure, side by side with what else is on this machine
    #[command(subcommand)]
    Bench(bench::Question),
    /// Long runs that look for what tests are too short to find
    #[command(subcommand)]
    Soak(soak::Subject),
    /// Compare the language of documents with mingo and mongomock (needs the network, node and python3)
    Differential(differential::Options),
    /// Drive the examples with a page in Debian's Chromium, which is installed where it is missing
    Browser,
    /// Make dist/: stripped archive, checksums, systemd unit, Dockerfile
    Release,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Demo(options) => demo::run(options),
        Command::Test(options) => test::run(options),
        Command::Guests(options) => guests::run(&options),
        Command::Js => js::run(),
        Command::Browser => browser::run(),
        Command::Bench(question) => bench::run(question),
        Command::Soak(subject) => soak::run(subject),
        Command::Differential(options) => differential::run(options),
        Command::Release => release::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
