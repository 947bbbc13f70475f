//! Builds the product.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::{process, workspace};

/// How the server is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// The profile of `cargo test`, so that both share what they compile.
    Dev,
    /// The profile that users run.
    Release,
}

/// Builds `ostro`, showing cargo's progress; the path of the executable.
pub(crate) fn ostro(profile: Profile) -> Result<PathBuf> {
    let mut cargo = process::cargo();
    cargo.args(["build", "--package", "ostro", "--bin", "ostro"]);
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    process::run(&mut cargo).context("the server does not build")?;
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => "release",
    };
    Ok(workspace::target().join(folder).join("ostro"))
}

/// Builds one bench of the root package as users' code is built; the path of the executable.
pub(crate) fn bench(name: &str) -> Result<PathBuf> {
    let mut cargo = process::cargo();
    cargo.args(["build", "--release", "--package", "ostro", "--bench", name, "--message-format", "json"]);
    let messages = process::output(&mut cargo)?;
    let executable = messages.lines().rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_it = message.get("target")?.get("name")?.as_str()? == name;
        let path = message.get("executable")?.as_str()?;
        is_it.then(|| PathBuf::from(path))
    });
    executable.with_context(|| format!("cargo built the bench {name} but did not say where it is"))
}
