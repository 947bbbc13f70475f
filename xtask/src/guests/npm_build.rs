//! Components made by a tool that npm brings: `node build.mjs OUT WIT` in a folder with its packages.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::catalog::Guest;
use super::{Builder, Ready};
use crate::{npm, process, workspace};

/// Builds in a copy below `target`: the tools weigh hundreds of megabytes, which nobody wants among sources.
#[derive(Debug)]
pub(crate) struct NpmBuild;

impl Builder for NpmBuild {
    fn prepare(&mut self, _: &Guest) -> Result<Ready> {
        Ok(match npm::find() {
            Some(_) => Ready::With(String::new()),
            None => Ready::Not("there is no npm".into()),
        })
    }

    fn build(&mut self, guest: &Guest) -> Result<()> {
        let folder = workspace::target().join("guest-build/npm").join(&guest.name);
        std::fs::create_dir_all(&folder)?;
        for entry in std::fs::read_dir(&guest.folder)? {
            let file = entry?.path();
            if file.is_file() {
                let name = file.file_name().context("a file has a name")?;
                std::fs::copy(&file, folder.join(name))?;
            }
        }
        npm::ci(&folder)?;
        let mut build = Command::new("node");
        build.arg("build.mjs").arg(guest.built()).arg(wasi()?).current_dir(&folder);
        process::output(&mut build).map(drop)
    }
}

/// WASI's own packages of WIT: a crate that the server depends on carries them.
fn wasi() -> Result<PathBuf> {
    const CARRIER: &str = "wasmtime-wasi-http";
    let known = process::output(process::cargo().args(["metadata", "--format-version", "1", "--locked"]))?;
    let known: Value = serde_json::from_str(&known)?;
    let packages =
        known.get("packages").and_then(Value::as_array).context("cargo metadata names no packages")?;
    let carrier = packages.iter().find(|package| package.get("name").is_some_and(|name| name == CARRIER));
    let manifest = carrier.and_then(|package| package.get("manifest_path")?.as_str());
    let manifest = manifest.with_context(|| format!("cargo knows no package {CARRIER}"))?;
    Ok(PathBuf::from(manifest).with_file_name("wit").join("deps"))
}
