//! `ostro-js`: makes a WebAssembly component of a JavaScript or TypeScript module.

#![allow(
    clippy::disallowed_methods,
    reason = "a command that people run: it measures its own time and reads the environment"
)]

mod args;
mod build;
mod engine;
mod entry;
mod fault;
mod finish;
mod limits;
mod program;
mod report;
mod sections;
mod snapshot;

use std::process::ExitCode;

use args::Command;

fn main() -> ExitCode {
    let command = match args::parse(std::env::args_os().skip(1)) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("error: {error}\n\n{}", args::USAGE);
            return ExitCode::from(TOOL);
        }
    };
    match command {
        Command::Build(build) => report::print(&build, &build::run(&build)),
        Command::Prepare(folder) => match folder.or_else(engine::beside_executable) {
            Some(folder) => match engine::prepare(&folder) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("error: {error:#}");
                    ExitCode::from(TOOL)
                }
            },
            None => {
                eprintln!("error: it is not known where this executable is: name a folder");
                ExitCode::from(TOOL)
            }
        },
        Command::Help => {
            print!("{}", args::USAGE);
            ExitCode::SUCCESS
        }
        Command::Version => {
            println!("ostro-js {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
    }
}

/// The exit status when the tool, or the way it was called, is at fault; 1 says that the program is.
const TOOL: u8 = 2;
