//! A prepared engine on disk: three files in a folder that is named after what they were made of.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::{Made, World, link};

/// What is kept beside the machine code.
pub(super) struct Parts {
    /// The linked component.
    pub(super) linked: Vec<u8>,
    /// The shim.
    pub(super) shim: String,
}

/// What the names of folders begin with.
const PREFIX: &str = "engine-";
const LINKED: &str = "linked.wasm";
const SHIM: &str = "shim.js";
const MACHINE_CODE: &str = "machine.cwasm";

/// What `folder` has for this executable, or none: nothing there, another version, not readable, not ours.
pub(super) fn load(folder: &Path, world: World, engine: &Engine) -> Option<(Parts, Component)> {
    let place = place(folder, world);
    if !is_ours(&place) {
        return None;
    }
    let linked = fs::read(place.join(LINKED)).ok()?;
    let shim = fs::read_to_string(place.join(SHIM)).ok()?;
    let machine_code = place.join(MACHINE_CODE);
    #[expect(
        unsafe_code,
        reason = "machine code out of a folder that only this user, or the installer, can write"
    )]
    // SAFETY: the folder is beside the executable or is the user's own (`is_ours`): whoever can change these bytes can
    // as well change the executable or what the user runs next. A file of another version or machine is refused.
    let component = unsafe { Component::deserialize_file(engine, machine_code) }.ok()?;
    Some((Parts { linked, shim }, component))
}

/// Writes it to `folder`, whole or not at all.
pub(super) fn save(folder: &Path, world: World, made: &Made) -> Result<()> {
    let place = place(folder, world);
    fs::create_dir_all(folder).with_context(|| format!("{} could not be made", folder.display()))?;
    let parts = place.with_extension(format!("{}.part", std::process::id()));
    make_private(&parts)?;
    let written = write(&parts, made).and_then(|()| match fs::rename(&parts, &place) {
        // Somebody else was first with the same bytes, or left half a folder behind: ours takes its place.
        Err(_) if place.exists() => fs::remove_dir_all(&place).and_then(|()| fs::rename(&parts, &place)),
        renamed => renamed,
    });
    if written.is_err() {
        drop(fs::remove_dir_all(&parts));
    }
    written.with_context(|| format!("the engine could not be written to {}", place.display()))
}

/// Removes the engines of other versions from a folder that is for one executable.
pub(super) fn clear(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        // What stays costs a little room.
        drop(fs::remove_dir_all(entry.path()));
    }
}

/// Machine code that this process made a moment ago.
pub(super) fn trust(engine: &Engine, machine_code: &[u8]) -> Result<Component> {
    #[expect(unsafe_code, reason = "machine code that this process has just compiled")]
    // SAFETY: the bytes come from `Engine::precompile_component` of the same engine and have not left this process.
    let component = unsafe { Component::deserialize(engine, machine_code) };
    component.map_err(anyhow::Error::from).context("the compiled interpreter could not be loaded")
}

fn write(folder: &Path, made: &Made) -> std::io::Result<()> {
    fs::write(folder.join(LINKED), &made.linked)?;
    fs::write(folder.join(SHIM), &made.shim)?;
    fs::write(folder.join(MACHINE_CODE), &made.machine_code)
}

/// A folder that others may read but not write, whatever the user's umask says.
fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o755).create(folder)
}

/// The folder for this executable and a world: named by all that the engine is made of.
fn place(folder: &Path, world: World) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    // How it is made, too, and with which versions of what makes it.
    let how = [
        include_str!("link.rs"),
        include_str!("unused.rs"),
        include_str!("../engine.rs"),
        include_str!("../sections.rs"),
        include_str!("../../Cargo.lock"),
    ];
    (env!("CARGO_PKG_VERSION"), how).hash(&mut hasher);
    link::WIT.hash(&mut hasher);
    componentize_qjs::default_runtime_wasm().hash(&mut hasher);
    super::TARGET.hash(&mut hasher);
    world.hash(&mut hasher);
    folder.join(format!("{PREFIX}{:016x}", hasher.finish()))
}

/// Whether nobody but this user and the system's administrator can have written it.
fn is_ours(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Ok(entry) = fs::metadata(folder) else { return false };
    let owner = entry.uid();
    let user = rustix::process::geteuid().as_raw();
    (owner == user || owner == 0) && entry.mode() & 0o022 == 0
}
