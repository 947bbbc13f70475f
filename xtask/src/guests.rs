//! Builds the functions of `examples/` and the ready-made guests of tests and benches to `target/guests/NAME.wasm`, with
//! whatever toolchains this machine can have.

mod catalog;
mod npm_build;
mod python;
mod rust;
mod script;
mod stamp;
mod toolchain;

use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;

use self::catalog::{Guest, Kind};
use self::toolchain::Wish;
use crate::workspace;

/// `cargo xtask guests`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Only these; all of them when none is named
    names: Vec<String>,
    /// Toolchain for Rust: the installed or installable wasm32-wasip2 target first, then Debian's packages
    #[arg(long, value_enum, default_value_t = Wish::Any)]
    toolchain: Wish,
    /// Build again although nothing has changed
    #[arg(long)]
    force: bool,
}

/// `cargo xtask guests`.
pub(crate) fn run(options: &Options) -> Result<()> {
    let all = catalog::all()?;
    if let Some(unknown) = options.names.iter().find(|name| all.iter().all(|guest| guest.name != **name)) {
        bail!("there is no guest {unknown}");
    }
    let wanted = |guest: &Guest| options.names.is_empty() || options.names.contains(&guest.name);
    let guests: Vec<Guest> = all.into_iter().filter(wanted).collect();
    build(&guests, Wishes { rust: options.toolchain, force: options.force })
}

/// Builds one example unless it is up to date; the component.
pub(crate) fn component(name: &str) -> Result<Vec<u8>> {
    let all = catalog::all()?;
    let guest = all.into_iter().find(|guest| guest.name == name);
    let guest = guest.with_context(|| format!("there is no guest {name}"))?;
    let file = guest.built();
    build(std::slice::from_ref(&guest), Wishes { rust: Wish::Any, force: false })?;
    if let Ok(reason) = std::fs::read_to_string(file.with_extension("skipped")) {
        bail!("the guest {name} cannot be built: {reason}");
    }
    std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))
}

#[derive(Clone, Copy, Debug)]
struct Wishes {
    rust: Wish,
    force: bool,
}

/// What a builder says of a guest: how it is made, and what it is made with.
enum Ready {
    /// It can be built; the text changes when the tool does.
    With(String),
    /// It cannot be built on this machine, for that reason.
    Not(String),
}

/// One kind's way to a component.
trait Builder {
    /// Looks for the tools. May install them, saying so.
    fn prepare(&mut self, guest: &Guest) -> Result<Ready>;

    /// Builds the guest to `guest.built()`.
    fn build(&mut self, guest: &Guest) -> Result<()>;
}

/// Builds what is not up to date. Kinds are built beside each other: they wait for different things (processor, network).
fn build(guests: &[Guest], wishes: Wishes) -> Result<()> {
    std::fs::create_dir_all(workspace::target().join("guests"))?;
    let lanes =
        Kind::ALL.map(|kind| (kind, guests.iter().filter(|guest| guest.kind == kind).collect::<Vec<_>>()));
    std::thread::scope(|scope| {
        let running: Vec<_> = lanes
            .into_iter()
            .filter(|(_, guests)| !guests.is_empty())
            .map(|(kind, guests)| scope.spawn(move || lane(kind, &guests, wishes)))
            .collect();
        // Every lane runs to its end, so that a failure of one does not waste the work of another.
        let ends: Vec<Result<()>> = running
            .into_iter()
            .map(|lane| lane.join().unwrap_or_else(|_| Err(anyhow!("a build panicked"))))
            .collect();
        ends.into_iter().collect()
    })
}

fn lane(kind: Kind, guests: &[&Guest], wishes: Wishes) -> Result<()> {
    let mut builder: Box<dyn Builder> = match kind {
        Kind::Rust => Box::new(rust::Rust::new(wishes.rust)),
        Kind::Script => Box::new(script::Script::default()),
        Kind::Python => Box::new(python::Python),
        Kind::Npm => Box::new(npm_build::NpmBuild),
    };
    for guest in guests {
        one(builder.as_mut(), guest, wishes.force)
            .with_context(|| format!("the guest {} does not build", guest.name))?;
    }
    Ok(())
}

fn one(builder: &mut dyn Builder, guest: &Guest, force: bool) -> Result<()> {
    let (built, name) = (guest.built(), &guest.name);
    let (stamp, skipped) = (built.with_extension("stamp"), built.with_extension("skipped"));
    let tool = match builder.prepare(guest)? {
        Ready::With(tool) => tool,
        Ready::Not(reason) => {
            println!("guest {name}: skipped: {reason}");
            remove(&built)?;
            return Ok(std::fs::write(skipped, reason)?);
        }
    };
    remove(&skipped)?;
    let digest = stamp::digest(&guest.folder, &guest.against()?, &tool)?;
    if !force && built.is_file() && stamp::read(&stamp).as_deref() == Some(digest.as_str()) {
        println!("guest {name}: up to date");
    } else {
        println!("guest {name}: building");
        let begin = std::time::Instant::now();
        builder.build(guest)?;
        std::fs::write(&stamp, &digest)?;
        println!("guest {name}: built in {:.1} s", begin.elapsed().as_secs_f64());
    }
    place(guest)
}

/// Puts the component where the guest's manifest expects it, so that `ostro deploy --no-build` works.
fn place(guest: &Guest) -> Result<()> {
    let Some(place) = &guest.source.as_ref().filter(|source| source.extension().is_some_and(|e| e == "wasm"))
    else {
        return Ok(());
    };
    if let Some(folder) = place.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::copy(guest.built(), place)?;
    Ok(())
}

fn remove(file: &PathBuf) -> Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
