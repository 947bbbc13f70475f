//! `cargo xtask test`: everything that must hold before a change is taken, stopping at the first thing that does not.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;

use crate::{process, workspace};

/// `cargo xtask test`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Options {
    /// Leave out the integration tests
    #[arg(long)]
    quick: bool,
}

/// `cargo xtask test`.
pub(crate) fn run(options: Options) -> Result<()> {
    let mut done: Vec<(&str, Duration)> = Vec::new();
    for (name, mut command) in steps(&options)? {
        let line = process::line(&command);
        println!("\n--- {name}: {line}");
        let begin = Instant::now();
        if process::run(&mut command).is_err() {
            bail!("{name} failed after {:.0?}; to repeat it:\n  {line}", begin.elapsed());
        }
        done.push((name, begin.elapsed()));
    }
    println!("\nall is well");
    for (name, took) in done {
        println!("  {name:<10} {:>6.1} s", took.as_secs_f64());
    }
    Ok(())
}

fn steps(options: &Options) -> Result<Vec<(&'static str, Command)>> {
    let cargo = |arguments: &[&str]| {
        let mut command = process::cargo();
        command.args(arguments);
        command
    };
    let mut steps = vec![("format", cargo(&["fmt", "--all", "--check"])), ("examples", examples_format()?)];
    steps.push(("clippy", cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])));
    // The rules of the house are cheap to check and come first.
    steps.push(("tidy", cargo(&["test", "--workspace", "--test", "tests", "--", "tidy::"])));
    match options.quick {
        true => steps.push(("unit", cargo(&["test", "--workspace", "--lib", "--bins"]))),
        false => {
            // The integration tests run the examples too.
            steps.push(("guests", cargo(&["run", "--quiet", "--package", "xtask", "--", "guests"])));
            steps.push(("tests", cargo(&["test", "--workspace"])));
        }
    }
    Ok(steps)
}

/// The examples are packages outside the workspace, which `cargo fmt` does not reach.
fn examples_format() -> Result<Command> {
    let mut command = Command::new("rustfmt");
    command.current_dir(workspace::root()).args(["--check", "--edition", "2024"]);
    for entry in std::fs::read_dir(workspace::root().join("examples"))? {
        let library = entry?.path().join("src/lib.rs");
        if library.is_file() {
            command.arg(library.strip_prefix(workspace::root()).unwrap_or(&library));
        }
    }
    Ok(command)
}
