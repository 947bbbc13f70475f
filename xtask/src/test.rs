//! `cargo xtask test`: everything that must hold before a change is taken, stopping at the first thing that does not.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;

use crate::{js, process, workspace};

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
    println!("not in it, because it needs the network: cargo xtask differential");
    Ok(())
}

fn steps(options: &Options) -> Result<Vec<(&'static str, Command)>> {
    let cargo = |arguments: &[&str]| {
        let mut command = process::cargo();
        command.args(arguments);
        command
    };
    let mut steps = vec![("format", cargo(&["fmt", "--all", "--check"])), ("examples", guests_format()?)];
    steps.push(("clippy", cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])));
    // The rules of the house are cheap to check and come first.
    steps.push(("tidy", cargo(&["test", "--workspace", "--test", "tests", "--", "tidy::"])));
    match options.quick {
        true => steps.push(("unit", cargo(&["test", "--workspace", "--lib", "--bins"]))),
        false => {
            // The integration tests build JavaScript, and run the examples too.
            steps.push(("js", cargo(&["run", "--quiet", "--package", "xtask", "--", "js"])));
            steps.push(("js types", js::types()?));
            // An integration test loads what it builds.
            steps.push(("client", js::client()?));
            steps.push(("js format", js::compiler(&["fmt", "--check"])));
            steps.push((
                "js clippy",
                js::compiler(&["clippy", "--release", "--locked", "--all-targets", "--", "-D", "warnings"]),
            ));
            steps.push(("js unit", js::compiler(&["test", "--release", "--locked"])));
            steps.push(("sdk format", crate_for_guests(&["fmt", "--check"])));
            steps.push((
                "sdk clippy",
                crate_for_guests(&["clippy", "--locked", "--all-targets", "--", "-D", "warnings"]),
            ));
            steps.push(("sdk unit", crate_for_guests(&["test", "--locked"])));
            steps.push(("guests", cargo(&["run", "--quiet", "--package", "xtask", "--", "guests"])));
            steps.push(("tests", cargo(&["test", "--workspace"])));
        }
    }
    Ok(steps)
}

/// Cargo in the crate that Rust guests are written with, a package outside the workspace.
fn crate_for_guests(arguments: &[&str]) -> Command {
    let mut cargo = process::cargo();
    process::forget_cargo(&mut cargo);
    let target = workspace::target().join("sdk-rust");
    cargo.current_dir(workspace::root().join("sdk/rust")).env("CARGO_TARGET_DIR", target).args(arguments);
    cargo
}

/// The Rust guests are packages outside the workspace, which `cargo fmt` does not reach.
fn guests_format() -> Result<Command> {
    let root = workspace::root();
    let mut command = Command::new("rustfmt");
    command.current_dir(&root).args(["--check", "--edition", "2024"]);
    for home in ["examples", "benches", "tests/guests-rust"] {
        for entry in std::fs::read_dir(root.join(home))? {
            let sources = entry?.path().join("src");
            let files = ["lib.rs", "main.rs"].map(|file| sources.join(file));
            command.args(
                files
                    .iter()
                    .filter(|file| file.is_file())
                    .map(|file| file.strip_prefix(&root).unwrap_or(file)),
            );
        }
    }
    Ok(command)
}
