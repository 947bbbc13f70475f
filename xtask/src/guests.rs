//! Builds the Rust functions of `examples/` to `target/guests/NAME.wasm`, with whatever toolchain this machine can have.

mod stamp;
mod toolchain;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use wit_component::ComponentEncoder;

use self::toolchain::{Toolchain, Wish};
use crate::{process, workspace};

/// Bytes 4 to 8 of a component; those of a core module differ.
const COMPONENT_LAYER: &[u8] = b"\x0d\0\x01\0";

/// `cargo xtask guests`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Options {
    /// Toolchain to use: the installed or installable wasm32-wasip2 target first, then Debian's packages
    #[arg(long, value_enum, default_value_t = Wish::Any)]
    toolchain: Wish,
    /// Build again although nothing has changed
    #[arg(long)]
    force: bool,
}

/// `cargo xtask guests`.
pub(crate) fn run(options: Options) -> Result<()> {
    let mut builder = Builder { wish: options.toolchain, force: options.force, toolchain: None };
    for example in all()? {
        builder.build(&example)?;
    }
    Ok(())
}

/// Builds one example unless it is up to date; the component.
pub(crate) fn component(example: &str) -> Result<Vec<u8>> {
    let file = Builder { wish: Wish::Any, force: false, toolchain: None }.build(example)?;
    std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))
}

/// The examples that are Rust packages, sorted.
fn all() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(workspace::root().join("examples"))? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

struct Builder {
    wish: Wish,
    force: bool,
    /// Chosen when the first example is not up to date: choosing may install things.
    toolchain: Option<Toolchain>,
}

impl Builder {
    fn build(&mut self, example: &str) -> Result<PathBuf> {
        let source = workspace::root().join("examples").join(example);
        let built = workspace::target().join("guests").join(format!("{example}.wasm"));
        let digest = stamp::digest(&source, &workspace::root().join("wit"))?;
        let stamp = built.with_extension("stamp");
        if !self.force && built.is_file() && stamp::read(&stamp).as_deref() == Some(digest.as_str()) {
            println!("guest {example}: up to date");
        } else {
            let toolchain = match &self.toolchain {
                Some(toolchain) => toolchain,
                None => self.toolchain.insert(toolchain::choose(self.wish)?),
            };
            println!("guest {example}: building with {toolchain}");
            let component = compile(toolchain, &source, example)?;
            std::fs::create_dir_all(workspace::target().join("guests"))?;
            std::fs::write(&built, component)?;
            std::fs::write(&stamp, &digest)?;
        }
        place(&built, &source, example)?;
        Ok(built)
    }
}

fn compile(toolchain: &Toolchain, source: &Path, example: &str) -> Result<Vec<u8>> {
    // One folder for all guests: the standard library is built once, where it has to be built.
    let target = workspace::target().join("guest-build");
    let mut cargo = toolchain.cargo();
    cargo.current_dir(source).env("CARGO_TARGET_DIR", &target);
    process::run(&mut cargo).with_context(|| format!("the guest {example} does not build"))?;
    let file = target.join(toolchain.triple()).join("release").join(library(example));
    let wasm = std::fs::read(&file).with_context(|| format!("cargo did not make {}", file.display()))?;
    match wasm.get(4..8) {
        Some(COMPONENT_LAYER) => Ok(wasm),
        _ => componentise(&wasm).with_context(|| format!("{example} does not become a component")),
    }
}

/// A core module with component metadata, as bindings generators write it, as a validated component.
fn componentise(module: &[u8]) -> Result<Vec<u8>> {
    ComponentEncoder::default().validate(true).module(module)?.encode()
}

/// Puts the component where the example's manifest expects it, so that `ostro deploy --no-build` works.
fn place(built: &Path, source: &Path, example: &str) -> Result<()> {
    let folder = source.join("target/wasm32-wasip2/release");
    std::fs::create_dir_all(&folder)?;
    std::fs::copy(built, folder.join(library(example)))?;
    Ok(())
}

fn library(example: &str) -> String {
    format!("{}.wasm", example.replace('-', "_"))
}
