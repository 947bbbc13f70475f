//! Python, by componentize-py in a virtual environment of our own, with the command that the example's manifest tells its users.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::catalog::Guest;
use super::{Builder, Ready};
use crate::{process, tool, workspace};

/// Builds with the packages that `requirements.txt` names.
#[derive(Debug)]
pub(crate) struct Python;

impl Builder for Python {
    fn prepare(&mut self, _: &Guest) -> Result<Ready> {
        if tool::find("python3").is_none() {
            return Ok(Ready::Not("there is no python3".into()));
        }
        let pip = process::output(Command::new("python3").args(["-c", "import venv, ensurepip"]));
        Ok(match pip {
            Ok(_) => Ready::With("componentize-py in a virtual environment".into()),
            Err(_) => Ready::Not("python3 has no pip (Debian: apt-get install python3-venv)".into()),
        })
    }

    fn build(&mut self, guest: &Guest) -> Result<()> {
        let environment = environment(guest)?;
        let command = guest.command.as_deref().context("its manifest has no `build`")?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path =
            std::env::join_paths([environment.join("bin")].into_iter().chain(std::env::split_paths(&path)))?;
        process::output(
            Command::new("sh")
                .args(["-c", command])
                .current_dir(&guest.folder)
                .env("PATH", path)
                .env("PYTHONDONTWRITEBYTECODE", "1"),
        )?;
        let made = guest.source.as_ref().context("its manifest has no `source`")?;
        std::fs::copy(made, guest.built())
            .with_context(|| format!("`build` did not make {}", made.display()))?;
        Ok(())
    }
}

/// The virtual environment with what the guest requires; made where it is not there.
fn environment(guest: &Guest) -> Result<PathBuf> {
    let folder = workspace::target().join("guest-build/python");
    if !folder.join("bin/pip").exists() {
        process::output(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--requirement", "requirements.txt"]);
    process::output(pip.current_dir(&guest.folder))
        .context("pip cannot install what requirements.txt names (it asks the Python package index)")?;
    Ok(folder)
}
