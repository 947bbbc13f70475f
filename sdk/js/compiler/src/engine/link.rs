//! Links the interpreter, bindings for a world of `sdk/js/wit`, and the adapter for its libc to one component.

use anyhow::{Context, Result, anyhow};
use wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER;
use wit_component::{Linker, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, UnresolvedPackageGroup};

use super::World;

/// The interpreter, linked.
pub(super) struct Linked {
    /// A component that exports the world and `init`.
    pub(super) component: Vec<u8>,
    /// JavaScript that `init` takes beside the program.
    pub(super) shim: String,
}

/// Links it. Takes about a tenth of a second.
pub(super) fn link(world: World) -> Result<Linked> {
    let (resolve, world) = resolve(world)?;
    let (mut bindings, metadata) = wit_dylib::create_with_metadata(&resolve, world, None);
    let shim = componentize_qjs::codegen::generate_shim(&resolve, &metadata);
    embed_component_metadata(&mut bindings, &resolve, world, StringEncoding::UTF8)?;

    let mut linker = Linker::default();
    linker.library("interpreter.wasm", componentize_qjs::default_runtime_wasm(), false)?;
    linker.library("bindings.wasm", &bindings, false)?;
    linker.encoder().adapter("wasi_snapshot_preview1", WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?;
    let component =
        linker.encode().context("the interpreter and the world of sdk/js/wit could not be linked")?;
    Ok(Linked { component, shim })
}

/// The texts that the worlds are made of: the worlds, then what they refer to.
pub(super) const WIT: [(&str, &str); 15] = [
    ("app.wit", include_str!("../../../wit/app.wit")),
    ("cli.wit", include_str!("../../../wit/deps/cli.wit")),
    ("clocks.wit", include_str!("../../../wit/deps/clocks.wit")),
    ("http.wit", include_str!("../../../wit/deps/http.wit")),
    ("random.wit", include_str!("../../../wit/deps/random.wit")),
    ("logging.wit", include_str!("../../../../../wit/deps/logging/logging.wit")),
    ("keyvalue.wit", include_str!("../../../../../wit/deps/keyvalue/keyvalue.wit")),
    ("auth.wit", include_str!("../../../../../wit/auth.wit")),
    ("db.wit", DB),
    ("functions.wit", include_str!("../../../../../wit/functions.wit")),
    ("queue.wit", include_str!("../../../../../wit/queue.wit")),
    ("realtime.wit", include_str!("../../../../../wit/realtime.wit")),
    ("secrets.wit", include_str!("../../../../../wit/secrets.wit")),
    ("storage.wit", include_str!("../../../../../wit/storage.wit")),
    ("triggers.wit", include_str!("../../../../../wit/triggers.wit")),
];

/// One package in several files: the first names it.
const DB: &str = concat!(
    include_str!("../../../../../wit/db/documents.wit"),
    include_str!("../../../../../wit/db/sql.wit"),
    include_str!("../../../../../wit/db/transactions.wit"),
);

fn resolve(world: World) -> Result<(Resolve, wit_parser::WorldId)> {
    let mut groups = WIT.iter().map(|(name, text)| {
        UnresolvedPackageGroup::parse(name, text)
            .map_err(|(sources, error)| anyhow!("{name}: {}", error.render(&sources)))
    });
    let main = groups.next().context("there is no world")??;
    let others = groups.collect::<Result<Vec<_>>>()?;
    let mut resolve = Resolve::default();
    let package = resolve.push_groups(main, others).map_err(|error| anyhow!("sdk/js/wit: {error:?}"))?;
    let world = resolve.select_world(&[package], Some(world.name()))?;
    Ok((resolve, world))
}
