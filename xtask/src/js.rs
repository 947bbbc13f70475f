//! `cargo xtask js`: the prelude bundled, and the JavaScript compiler `ostro-js` built with it inside.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{npm, process, workspace};

const NAME: &str = "ostro-js";

/// `cargo xtask js`.
pub(crate) fn run() -> Result<()> {
    let built = ostro_js()?;
    println!("{} is up to date", built.display());
    Ok(())
}

/// Builds what has changed; the executable, which is put beside `ostro`, too.
pub(crate) fn ostro_js() -> Result<PathBuf> {
    prelude()?;
    let built = folder().join("release").join(NAME);
    if !built.is_file() {
        println!("building {NAME} (minutes the first time)");
    }
    process::run(&mut compiler(&["build", "--release", "--locked", "--quiet"]))
        .context("the JavaScript compiler does not build")?;
    prepare(&built)?;
    for profile in ["debug", "release"] {
        let beside = workspace::target().join(profile);
        if beside.is_dir() {
            link(&built, &beside.join(NAME))?;
        }
    }
    Ok(built)
}

/// cargo for the compiler: a package of its own, with a wasmtime of its own and an output folder of its own.
pub(crate) fn compiler(arguments: &[&str]) -> Command {
    let mut cargo = process::cargo();
    cargo.args(arguments);
    cargo.current_dir(workspace::root().join("sdk/js/compiler")).env("CARGO_TARGET_DIR", folder());
    cargo
}

/// The check of the types that users program against, by TypeScript's compiler.
pub(crate) fn types() -> Result<Command> {
    let folder = workspace::root().join("sdk/js/prelude");
    // A kept `target` has the prelude, and nothing was installed to make it.
    npm::ci(&folder)?;
    let mut npm = Command::new("npm");
    npm.args(["run", "--silent", "check"]).current_dir(folder);
    Ok(npm)
}

/// The client for pages: types, tests, size, and the module that pages load.
pub(crate) fn client() -> Result<Command> {
    let folder = workspace::root().join("sdk/client");
    npm::ci(&folder)?;
    let mut npm = Command::new("npm");
    npm.args(["run", "--silent", "all"]).current_dir(folder);
    Ok(npm)
}

/// Puts the executable, stripped, and the prepared interpreter into the folder of a release.
pub(crate) fn copy_to(release: &Path) -> Result<()> {
    let copy = release.join(NAME);
    process::run(Command::new("strip").arg("-o").arg(&copy).arg(ostro_js()?))?;
    process::output(Command::new(&copy).arg("prepare")).context("the interpreter cannot be prepared")?;
    Ok(())
}

fn folder() -> PathBuf {
    workspace::target().join("js")
}

/// Bundles the prelude to `target/js/prelude.js`, unless that is newer than all of its sources.
fn prelude() -> Result<()> {
    let folder = workspace::root().join("sdk/js/prelude");
    // The compiler's build script looks for it there, wherever cargo's own folder is.
    let bundle = workspace::root().join("target/js/prelude.js");
    let made = std::fs::metadata(&bundle).and_then(|file| file.modified()).ok();
    let mut sources: Vec<_> =
        ["build.mjs", "package.json", "package-lock.json"].iter().map(|name| folder.join(name)).collect();
    for place in ["src", "src/data", "src/parts"] {
        for entry in std::fs::read_dir(folder.join(place))? {
            sources.push(entry?.path());
        }
    }
    let newer = |file: &PathBuf| std::fs::metadata(file).and_then(|file| file.modified()).ok() > made;
    if made.is_some() && !sources.iter().any(newer) {
        return Ok(());
    }
    if npm::find().is_none() {
        bail!("node and npm are needed to build {NAME} (not to use it): they bundle its prelude");
    }
    npm::ci(&folder)?;
    process::output(Command::new("npm").args(["run", "--silent", "build"]).current_dir(&folder))
        .context("the prelude does not bundle")?;
    Ok(())
}

/// Compiles the interpreter once for this executable, so that no build of a function has to.
fn prepare(built: &Path) -> Result<()> {
    let engine = built.with_extension("engine");
    let time = |path: &Path| std::fs::metadata(path).and_then(|file| file.modified()).ok();
    if time(&engine) >= time(built) {
        return Ok(());
    }
    process::output(Command::new(built).arg("prepare")).context("the interpreter cannot be prepared")?;
    Ok(())
}

/// A link, not a copy: what lies beside the executable is found as well.
fn link(built: &Path, at: &Path) -> Result<()> {
    if std::fs::read_link(at).is_ok_and(|target| target == built) {
        return Ok(());
    }
    match std::fs::remove_file(at) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => symlink(built, at)?,
    }
    Ok(())
}
