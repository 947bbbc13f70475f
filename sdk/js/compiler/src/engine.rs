//! The interpreter as a component that has not run yet: linked, instrumented for the snapshot, compiled to machine
//! code.
//!
//! It depends on the WIT and on the versions inside this executable only, so its machine code is made once: with
//! `ostro-js prepare` when a release is packed, or at the first build, which then keeps it in the cache folder.

mod link;
mod store;
mod unused;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wasmtime::Config;
use wasmtime::component::Component;
use wasmtime_wizer::Wizer;

/// What the interpreter is linked with: the interfaces that a program may call, which cost it room and time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum World {
    /// HTTP, key-value, queues and what else every program has.
    #[default]
    App,
    /// The same, and documents, buckets, SQL and calls of functions.
    Data,
}

impl World {
    /// All worlds.
    const ALL: [Self; 2] = [Self::App, Self::Data];

    /// Its name in `sdk/js/wit`.
    fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Data => "data",
        }
    }
}

/// Where the prepared engine came from: what a build's timing is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It lay beside the executable or in the cache.
    Kept,
    /// It was made now, and kept in the cache if that could be written.
    Made,
}

/// The interpreter, ready to run.
pub(crate) struct Engine {
    /// What executes it.
    pub(crate) wasmtime: wasmtime::Engine,
    /// The linked component, which the snapshot is written into.
    pub(crate) linked: Vec<u8>,
    /// The same, instrumented, as machine code.
    pub(crate) component: Component,
    /// JavaScript that runs before everything else: constructors of streams and futures of the world.
    pub(crate) shim: String,
    /// Where it came from.
    pub(crate) origin: Origin,
}

impl Engine {
    /// Takes the engine from beside the executable or from `cache`; makes it and keeps it in `cache` otherwise.
    pub(crate) fn open(world: World, cache: &Path) -> Result<Self> {
        let wasmtime = wasmtime::Engine::new(&config()?).map_err(anyhow::Error::from)?;
        let places = [beside_executable(), Some(cache.to_owned())];
        for place in places.iter().flatten() {
            if let Some((parts, component)) = store::load(place, world, &wasmtime) {
                let store::Parts { linked, shim } = parts;
                return Ok(Self { wasmtime, linked, component, shim, origin: Origin::Kept });
            }
        }
        let made = make(world, &wasmtime)?;
        // A cache that cannot be written costs time at the next build, nothing else.
        drop(store::save(cache, world, &made));
        let component = store::trust(&wasmtime, &made.machine_code)?;
        Ok(Self { wasmtime, linked: made.linked, component, shim: made.shim, origin: Origin::Made })
    }
}

/// Makes the engines and writes them to `folder`, unless they are there, so that the first build need not.
pub(crate) fn prepare(folder: &Path) -> Result<()> {
    let wasmtime = wasmtime::Engine::new(&config()?).map_err(anyhow::Error::from)?;
    let is_missing = |world: &World| store::load(folder, *world, &wasmtime).is_none();
    let missing: Vec<_> = World::ALL.into_iter().filter(is_missing).collect();
    if missing.len() == World::ALL.len() {
        store::clear(folder);
    }
    missing.into_iter().try_for_each(|world| store::save(folder, world, &make(world, &wasmtime)?))
}

/// The folder beside the executable that a release brings.
pub(crate) fn beside_executable() -> Option<PathBuf> {
    Some(std::env::current_exe().ok()?.canonicalize().ok()?.with_file_name("ostro-js.engine"))
}

/// An engine as bytes.
struct Made {
    linked: Vec<u8>,
    shim: String,
    machine_code: Vec<u8>,
}

fn make(world: World, wasmtime: &wasmtime::Engine) -> Result<Made> {
    let link::Linked { component: linked, shim } = link::link(world)?;
    let (_, instrumented) = Wizer::new()
        .instrument_component(&linked)
        .map_err(anyhow::Error::from)
        .context("the interpreter could not be instrumented")?;
    let machine_code = wasmtime
        .precompile_component(&instrumented)
        .map_err(anyhow::Error::from)
        .context("the interpreter could not be compiled")?;
    let linked = unused::without(&linked).context("the interpreter could not be read")?;
    Ok(Made { linked, shim, machine_code })
}

/// Epochs end a module that does not come to its end. The target is named, so that code is made for every machine of
/// this kind and not only for the one that packed the release.
fn config() -> Result<Config> {
    let mut config = Config::new();
    config
        .target(TARGET)
        .map_err(anyhow::Error::from)
        .context("this machine is not one that the interpreter can be compiled for")?;
    config
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        .wasm_component_model_map(true)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(2 * WASM_STACK_BYTES);
    Ok(config)
}

/// More than the interpreter uses before its own stack, which is in its memory, is at its end.
const WASM_STACK_BYTES: usize = 8 << 20;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
const TARGET: &str = "x86_64-unknown-linux-gnu";
#[cfg(all(target_arch = "aarch64", target_os = "linux"))]
const TARGET: &str = "aarch64-unknown-linux-gnu";
#[cfg(all(target_arch = "x86_64", target_os = "macos"))]
const TARGET: &str = "x86_64-apple-darwin";
#[cfg(all(target_arch = "aarch64", target_os = "macos"))]
const TARGET: &str = "aarch64-apple-darwin";
