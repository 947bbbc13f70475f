//! JavaScript and TypeScript, by ostro-js as `ostro deploy` does it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::catalog::Guest;
use super::{Builder, Ready};
use crate::{js, npm, process};

/// Builds with our own compiler.
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// Made when the first guest is looked at.
    compiler: Option<PathBuf>,
}

impl Builder for Script {
    fn prepare(&mut self, _: &Guest) -> Result<Ready> {
        if npm::find().is_none() {
            return Ok(Ready::Not("there is no npm, which fetches what the sources import".into()));
        }
        let compiler = match &self.compiler {
            Some(compiler) => compiler,
            None => self.compiler.insert(js::ostro_js()?),
        };
        // Another compiler makes another component. Its size and time tell as much as a digest, and cost nothing.
        let file = std::fs::metadata(compiler)?;
        Ok(Ready::With(format!("{} {:?}", file.len(), file.modified()?)))
    }

    fn build(&mut self, guest: &Guest) -> Result<()> {
        let compiler = self.compiler.as_ref().context("the compiler was not looked for")?;
        let entry = guest.source.as_ref().context("its manifest has no `source`")?;
        if guest.folder.join("package-lock.json").is_file() {
            npm::ci(&guest.folder)?;
        }
        let mut build = Command::new(compiler);
        build.arg("build").arg(entry).arg("-o").arg(guest.built()).arg("--root").arg(&guest.folder);
        process::output(&mut build).map(drop)
    }
}
