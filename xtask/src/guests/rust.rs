//! Rust packages, by cargo for a WebAssembly target.

use anyhow::{Context as _, Result};
use wit_component::ComponentEncoder;

use super::catalog::Guest;
use super::toolchain::{self, Form, Toolchain, Wish};
use super::{Builder, Ready};
use crate::{process, workspace};

/// Bytes 4 to 8 of a component; those of a core module differ.
const COMPONENT_LAYER: &[u8] = b"\x0d\0\x01\0";

/// Builds with one toolchain.
#[derive(Debug)]
pub(crate) struct Rust {
    wish: Wish,
    /// Chosen when the first guest is not up to date: choosing may install things.
    toolchain: Option<Toolchain>,
}

impl Rust {
    pub(crate) fn new(wish: Wish) -> Self {
        Self { wish, toolchain: None }
    }
}

impl Builder for Rust {
    fn prepare(&mut self, _: &Guest) -> Result<Ready> {
        Ok(Ready::With(String::new()))
    }

    fn build(&mut self, guest: &Guest) -> Result<()> {
        let toolchain = match &self.toolchain {
            Some(toolchain) => toolchain,
            None => {
                let chosen = toolchain::choose(self.wish)?;
                println!("Rust guests are built with {chosen}");
                self.toolchain.insert(chosen)
            }
        };
        std::fs::write(guest.built(), compile(toolchain, guest)?)?;
        Ok(())
    }
}

fn compile(toolchain: &Toolchain, guest: &Guest) -> Result<Vec<u8>> {
    // One folder for all guests: the standard library is built once, where it has to be built.
    let target = workspace::target().join("guest-build");
    let form = if guest.folder.join("src/main.rs").is_file() { Form::Program } else { Form::Library };
    let mut cargo = toolchain.cargo(form)?;
    cargo.current_dir(&guest.folder).env("CARGO_TARGET_DIR", &target);
    process::run(&mut cargo)?;
    let made = match form {
        Form::Program => format!("{}.wasm", guest.name),
        Form::Library => format!("{}.wasm", guest.name.replace('-', "_")),
    };
    let file = target.join(toolchain.triple(form)).join("release").join(made);
    let wasm = std::fs::read(&file).with_context(|| format!("cargo did not make {}", file.display()))?;
    match wasm.get(4..8) {
        Some(COMPONENT_LAYER) => Ok(wasm),
        // A WASI preview 1 command: the server makes it a component.
        _ if form == Form::Program => Ok(wasm),
        _ => componentise(&wasm).context("it does not become a component"),
    }
}

/// A core module with component metadata, as bindings generators write it, as a validated component.
fn componentise(module: &[u8]) -> Result<Vec<u8>> {
    ComponentEncoder::default().validate(true).module(module)?.encode()
}
