//! The `ostro` command: a server, and what one says to it.

mod args;
mod build;
mod client;
mod commands;
mod connection;
mod failure;
mod output;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    args::Cli,
    commands::Context,
    output::{Form, Output, Words},
};

fn main() -> ExitCode {
    let Cli { global, command } = Cli::parse();
    let form = if global.json { Form::Json } else { Form::Text };
    let words = if global.quiet { Words::Unsaid } else { Words::Said };
    let context = Context { out: Output::new(form, words), global };
    commands::run(&context, command).unwrap_or_else(|failure| {
        context.out.failure(&failure);
        failure.exit_code()
    })
}
