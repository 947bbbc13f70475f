//! Other programs: run them, and say what was run when they fail.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// `cargo`, in the root, with the toolchain that runs xtask and nothing of its own settings for us.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(program);
    cargo.current_dir(crate::workspace::root());
    forget_cargo(&mut cargo);
    cargo
}

/// Removes what `cargo run` tells us about our own package. Another cargo would hand it on to build scripts, and those that
/// watch it (ring's does) would compile again each time.
pub(crate) fn forget_cargo(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let about_us = ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| name.starts_with(start));
        if about_us || matches!(name.as_ref(), "CARGO" | "CARGO_BIN_NAME" | "CARGO_CRATE_NAME" | "OUT_DIR") {
            command.env_remove(name.as_ref());
        }
    }
}

/// Runs it with our own input and output.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start: {}", line(command)))?;
    if !status.success() {
        bail!("failed ({status}): {}", line(command));
    }
    Ok(())
}

/// Runs it quietly and returns its standard output; its standard error is part of the failure.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot start: {}", line(command)))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        bail!("failed ({}): {}\n{words}", output.status, line(command));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command as a person would type it, good enough to be repeated.
pub(crate) fn line(command: &Command) -> String {
    let quote = |word: &OsStr| {
        let word = word.to_string_lossy();
        match word.contains(|c: char| c.is_whitespace() || "'\"$`\\&|;<>()*?".contains(c)) {
            true => format!("'{}'", word.replace('\'', r"'\''")),
            false => word.into_owned(),
        }
    };
    let program = std::path::Path::new(command.get_program());
    let program = match program.file_name() {
        // Cargo is known by the path of its toolchain; its name is enough to repeat the command.
        Some(name) if name == "cargo" && !program.starts_with("/usr/bin") => name,
        _ => command.get_program(),
    };
    std::iter::once(program).chain(command.get_args()).map(quote).collect::<Vec<_>>().join(" ")
}
