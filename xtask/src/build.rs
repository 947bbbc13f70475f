//! Builds the product.

use std::path::PathBuf;
use std::process::Command;

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

impl Profile {
    fn choose(self, cargo: &mut Command) {
        match self {
            Profile::Dev => {}
            Profile::Release => {
                cargo.arg("--release");
            }
        }
    }
}

/// Builds `ostro`, showing cargo's progress; the path of the executable.
pub(crate) fn ostro(profile: Profile) -> Result<PathBuf> {
    let mut cargo = process::cargo();
    // With the features of the whole workspace, as in `cargo test --workspace`: nothing is compiled twice.
    cargo.args(["build", "--workspace", "--bin", "ostro"]);
    profile.choose(&mut cargo);
    process::run(&mut cargo).context("the server does not build")?;
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => "release",
    };
    Ok(workspace::target().join(folder).join("ostro"))
}

/// Builds one bench of a package; the path of the executable.
pub(crate) fn bench(package: &str, name: &str, profile: Profile) -> Result<PathBuf> {
    let mut cargo = process::cargo();
    cargo.args(["build", "--package", package, "--bench", name, "--message-format", "json"]);
    profile.choose(&mut cargo);
    let messages = process::output(&mut cargo)?;
    let executable = messages.lines().rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_it = message.get("target")?.get("name")?.as_str()? == name;
        let path = message.get("executable")?.as_str()?;
        is_it.then(|| PathBuf::from(path))
    });
    executable.with_context(|| format!("cargo built the bench {name} but did not say where it is"))
}
