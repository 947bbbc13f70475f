//! The engine of the process: its lanes, what is linked in each, and the ticker that moves the epoch on.
//!
//! Code for WASI 0.3 needs an engine whose calls may interleave. That bookkeeping costs a fifth of a fresh request, so
//! guests that do without it have an engine of their own: [`Lane`] says which is whose. The concurrent lane has two
//! pools of memory besides: see [`Reset`].

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use store::catalog::GuestKind;
use wasmtime::component::{Component, Linker};
use wasmtime::{
    Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, ModuleVersionStrategy, OptLevel,
    PoolingAllocationConfig,
};

use super::control::TICK;
use super::limits::TABLE_ELEMENTS;
use super::state::State;
use crate::problem::Problem;
use crate::registry::inspect::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_PARTS, MAX_TABLES};
use crate::sys;

/// wasmtime's full version: its own check of compiled code sees only the major number. A unit test compares
/// it with `Cargo.lock`.
const WASMTIME_VERSION: &str = "48.0.8";

/// Guest stack, bytes.
const STACK_BYTES: usize = 512 << 10;
/// Memory of a returned instance that is cleared and kept instead of being given back to the system, where only what was
/// written has to be cleared.
const WRITTEN_KEEP_RESIDENT_BYTES: usize = 2 << 20;
/// The same where the kernel can't tell what was written, and all of it is cleared.
const UNSEEN_KEEP_RESIDENT_BYTES: usize = 256 << 10;
/// The same where all of it is cleared on purpose; a larger memory is not kept whole, and gains nothing.
const WHOLE_KEEP_RESIDENT_BYTES: usize = 4 << 20;
/// A page of memory, the unit of a module's own sizes, bytes.
const PAGE_BYTES: usize = 64 << 10;
/// Smallest memory that is better cleared whole. What the Rust toolchain makes has a little over 1 MiB.
const WHOLE_MIN_BYTES: usize = 3 << 19;
const TABLE_KEEP_RESIDENT_BYTES: usize = 64 << 10;

/// What the engine is sized for.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Instances at once in the whole process. Fewer are set up where address space is scarce.
    pub instances: u32,
    /// Largest linear memory that a function may ask for, bytes.
    pub max_memory_bytes: usize,
}

/// Which of the two engines code is compiled for and runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// One call at a time: WASI 0.2.
    Plain,
    /// Calls that interleave, streams and futures: WASI 0.3, and 0.2 beside it.
    Concurrent,
}

impl Lane {
    /// The lane of that kind of guest.
    pub fn of(kind: GuestKind) -> Self {
        match kind {
            GuestKind::Http02 | GuestKind::Command => Self::Plain,
            GuestKind::Http03 | GuestKind::Command03 => Self::Concurrent,
        }
    }
}

/// How the memory of an instance becomes that of a new one.
///
/// The kernel tells which pages were written, but wasmtime 48 asks it for 32 places only, and drops everything behind the
/// last. An interpreter writes a reference count here and one there, in well over a hundred places of a few megabytes: each
/// costs a page fault in every request then. To copy the whole memory made a JavaScript hello 2.8 times as cheap; a small
/// Rust guest would pay half as much again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reset {
    /// What was written is written over.
    Written,
    /// All of it is written over.
    Whole,
}

impl Reset {
    /// What suits a component of the concurrent lane.
    fn of(component: &Component) -> Self {
        let pages = component.resources_required().and_then(|needs| needs.max_initial_memory_size);
        let pages = pages.and_then(|pages| usize::try_from(pages).ok()).unwrap_or_default();
        let bytes = pages.saturating_mul(PAGE_BYTES);
        match (WHOLE_MIN_BYTES..=WHOLE_KEEP_RESIDENT_BYTES).contains(&bytes) {
            true => Self::Whole,
            false => Self::Written,
        }
    }
}

/// The engines, with everything linked that a guest may import. One for the process.
pub struct GuestEngine {
    plain: Track,
    concurrent: Track,
    /// Runs the same code as `concurrent`.
    concurrent_whole: Track,
    fingerprint: String,
    instances: u32,
}

/// What a lane is made of.
pub(super) struct Track {
    pub(super) engine: Engine,
    pub(super) linker: Linker<State>,
    lane: Lane,
}

impl GuestEngine {
    /// Sets the engines up and starts their ticker thread, which ends with the last handle of them.
    pub fn new(options: &EngineOptions) -> Result<Arc<Self>, Problem> {
        let ([plain, concurrent, whole], instances) = pooled(options)?;
        start_ticker([plain.weak(), concurrent.weak(), whole.weak()])?;
        let mut hasher = DefaultHasher::new();
        for engine in [&plain, &concurrent] {
            engine.precompile_compatibility_hash().hash(&mut hasher);
        }
        let fingerprint = format!(
            "wasmtime-{WASMTIME_VERSION} {}-{} {:016x}",
            std::env::consts::ARCH,
            std::env::consts::OS,
            hasher.finish()
        );
        Ok(Arc::new(Self {
            plain: Track::new(plain, Lane::Plain)?,
            concurrent: Track::new(concurrent, Lane::Concurrent)?,
            concurrent_whole: Track::new(whole, Lane::Concurrent)?,
            fingerprint,
            instances,
        }))
    }

    /// Names everything that compiled code depends on: full engine version, target, configuration of both lanes.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Instances that can live at once. Each lane has slots for all of them: admission counts the sum.
    pub fn instances(&self) -> u32 {
        self.instances
    }

    /// Where a component runs, which `map` makes of its code for an engine.
    pub(super) fn place(
        &self,
        lane: Lane,
        map: impl Fn(&Engine) -> wasmtime::Result<Component>,
    ) -> wasmtime::Result<(&Track, Component)> {
        let first = match lane {
            Lane::Plain => &self.plain,
            Lane::Concurrent => &self.concurrent,
        };
        let component = map(&first.engine)?;
        match (lane, Reset::of(&component)) {
            (Lane::Concurrent, Reset::Whole) => {
                Ok((&self.concurrent_whole, map(&self.concurrent_whole.engine)?))
            }
            _ => Ok((first, component)),
        }
    }
}

impl Track {
    fn new(engine: Engine, lane: Lane) -> Result<Self, Problem> {
        let mut linker = Linker::new(&engine);
        link(&mut linker, lane).map_err(|error| setup_failed(&error))?;
        Ok(Self { engine, linker, lane })
    }

    /// Names of imported interfaces that the platform does not have, with the version that was asked for.
    pub(super) fn missing_imports(&self, component: &Component) -> Vec<String> {
        let ty = component.component_type();
        let missing = ty.imports(&self.engine).filter(|(name, _)| !is_offered(name, self.lane));
        missing.map(|(name, _)| name.to_owned()).collect()
    }
}

/// What code is compiled for. Threads, shared memory and stack switching are off: wasmtime is built without
/// them, or has them off by default. The compiler child and the server use the same, or the code would not load.
pub fn compile_config(lane: Lane) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        .async_stack_size(2 * STACK_BYTES)
        .wasm_component_model(true)
        .wasm_component_model_async(lane == Lane::Concurrent)
        .concurrency_support(lane == Lane::Concurrent)
        .memory_init_cow(true)
        .memory_may_move(false)
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(20));
    // Refuses only names of over 255 bytes; without a name of ours wasmtime's own would stand.
    let _ = config.module_version(ModuleVersionStrategy::Custom(format!("ostro-{WASMTIME_VERSION}")));
    config
}

/// The engines over pooling allocators. Each slot reserves gigabytes of address space: where there is too little of it
/// (39 bits on some aarch64 kernels, `ulimit -v`), half as many slots are tried, and so on.
fn pooled(options: &EngineOptions) -> Result<([Engine; 3], u32), Problem> {
    let mut instances = options.instances.max(1);
    let engine = |lane, reset, instances| {
        let mut config = compile_config(lane);
        config
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(options, lane, reset, instances)));
        Engine::new(&config)
    };
    let all = |instances| {
        wasmtime::error::Ok([
            engine(Lane::Plain, Reset::Written, instances)?,
            engine(Lane::Concurrent, Reset::Written, instances)?,
            engine(Lane::Concurrent, Reset::Whole, instances)?,
        ])
    };
    loop {
        match all(instances) {
            Ok(engines) => return Ok((engines, instances)),
            Err(error) if instances > 8 => {
                tracing::warn!(%error, instances, "too little address space, trying with half as many instances");
                instances /= 2;
            }
            Err(error) => return Err(setup_failed(&error)),
        }
    }
}

fn pool(options: &EngineOptions, lane: Lane, reset: Reset, instances: u32) -> PoolingAllocationConfig {
    // A page that was dirty and then swapped out is not cleared by wasmtime 48 when it scans the page map
    // (upstream pull request 14357): another project would see it. Without swap the scan is safe, and fast.
    let can_scan = !sys::swap_active() && PoolingAllocationConfig::is_pagemap_scan_available();
    let (scan, keep_resident) = match (reset, can_scan) {
        (Reset::Whole, _) => (Enabled::No, WHOLE_KEEP_RESIDENT_BYTES),
        (Reset::Written, true) => (Enabled::Auto, WRITTEN_KEEP_RESIDENT_BYTES),
        (Reset::Written, false) => (Enabled::No, UNSEEN_KEEP_RESIDENT_BYTES),
    };
    // Where calls interleave, each part of a component may wait with a stack of its own, and one more call start.
    let stacks = match lane {
        Lane::Plain => 1,
        Lane::Concurrent => MAX_PARTS + 1,
    };
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        // As many as that many components may have at most, and a heap for objects each: admission counts instances and
        // nothing else.
        .total_core_instances(instances.saturating_mul(MAX_CORE_INSTANCES))
        .total_memories(instances.saturating_mul(MAX_MEMORIES + 1))
        .total_tables(instances.saturating_mul(MAX_TABLES))
        .total_stacks(instances.saturating_mul(stacks).saturating_add(16))
        // In a memory each: see above.
        .total_gc_heaps(instances)
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        .max_memory_size(options.max_memory_bytes)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        .table_elements(TABLE_ELEMENTS)
        .linear_memory_keep_resident(keep_resident)
        .table_keep_resident(TABLE_KEEP_RESIDENT_BYTES)
        .pagemap_scan(scan);
    pool
}

fn setup_failed(error: &wasmtime::Error) -> Problem {
    Problem::new(500, "internal", format!("the WebAssembly engine could not be set up: {error:#}"))
        .hint("lower `--max-instances`, or lift a limit on address space (ulimit -v)")
}

/// All of WASI 0.2 (sockets link, but every address is refused), HTTP, and Ostro's own interfaces; WASI 0.3 where calls
/// may interleave.
fn link(linker: &mut Linker<State>, lane: Lane) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    if lane == Lane::Concurrent {
        wasmtime_wasi::p3::add_to_linker(linker)?;
        wasmtime_wasi_http::p3::add_to_linker(linker)?;
    }
    host_api::add_to_linker(linker)
}

/// Interfaces beyond WASI, each by its whole name, or up to a dot where later patches are compatible. A test compares them with
/// `wit/` and the linker.
const OTHERS: [&str; 20] = [
    // Nothing but the types that the exports use.
    "ostro:triggers/types@0.1.",
    "ostro:auth/identity@0.1.",
    "ostro:auth/users@0.1.",
    "ostro:secrets/store@0.1.",
    "ostro:queue/producer@0.1.",
    "ostro:realtime/channels@0.1.",
    "ostro:functions/context@0.1.",
    "ostro:functions/invoke@0.1.",
    "ostro:db/documents@0.1.",
    "ostro:db/transactions@0.1.",
    "ostro:db/sql@0.1.",
    "ostro:storage/objects@0.1.",
    "wasi:keyvalue/store@0.2.0-draft2",
    "wasi:keyvalue/atomics@0.2.0-draft2",
    "wasi:keyvalue/batch@0.2.0-draft2",
    "wasi:config/store@0.2.0-rc.1",
    "wasi:config/store@0.2.0-draft-2024-09-27",
    "wasi:config/store@0.2.0-draft",
    "wasi:logging/logging@0.1.0-draft",
    "wasi:logging/logging",
];

/// Whether an import of that name is linked. Patch versions of an interface are compatible both ways.
fn is_offered(import: &str, lane: Lane) -> bool {
    const WASI_02: [&str; 7] = [
        "wasi:io/",
        "wasi:clocks/",
        "wasi:random/",
        "wasi:cli/",
        "wasi:filesystem/",
        "wasi:sockets/",
        "wasi:http/",
    ];
    // Streams and futures are types of the component model now: there is no `wasi:io` any more.
    const WASI_03: [&str; 6] =
        ["wasi:clocks/", "wasi:random/", "wasi:cli/", "wasi:filesystem/", "wasi:sockets/", "wasi:http/"];
    let (_, version) = import.split_once('@').unwrap_or((import, ""));
    let among = |names: &[&str]| names.iter().any(|name| import.starts_with(name));
    (version.starts_with("0.2.") && among(&WASI_02))
        || (lane == Lane::Concurrent && version.starts_with("0.3.") && among(&WASI_03))
        || OTHERS.iter().any(|other| match other.ends_with('.') {
            true => import.starts_with(other),
            false => import == *other,
        })
}

/// One thread for all engines.
fn start_ticker(engines: [EngineWeak; 3]) -> Result<(), Problem> {
    let tick = move || {
        loop {
            let alive = engines.iter().filter_map(EngineWeak::upgrade);
            if alive.map(|engine| engine.increment_epoch()).count() == 0 {
                break;
            }
            std::thread::sleep(TICK);
        }
    };
    let started = std::thread::Builder::new().name("ostro-ticker".to_owned()).spawn(tick);
    started.map(drop).map_err(|error| Problem::internal(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_names_the_locked_version() {
        let lock = include_str!("../../../Cargo.lock");
        let entry = format!("name = \"wasmtime\"\nversion = \"{WASMTIME_VERSION}\"");
        assert!(lock.contains(&entry), "Cargo.lock has another wasmtime than {WASMTIME_VERSION}");
    }

    #[test]
    fn memories_of_a_few_megabytes_are_copied_whole() {
        let engine = Engine::new(&compile_config(Lane::Concurrent)).unwrap();
        for (pages, reset) in
            [(17, Reset::Written), (24, Reset::Whole), (64, Reset::Whole), (65, Reset::Written)]
        {
            let text =
                format!("(component (core module $m (memory {pages})) (core instance (instantiate $m)))");
            let component = Component::new(&engine, wat::parse_str(text).unwrap()).unwrap();
            assert_eq!(Reset::of(&component), reset, "{pages}");
        }
    }

    /// Whether an interface is in the linker: something of it is imported with a type that it does not have, and what the
    /// linker finds wrong tells.
    fn is_linked(track: &Track, interface: &str, item: &str) -> bool {
        let text = format!(r#"(component (import "{interface}" (instance {item})))"#);
        let component = Component::new(&track.engine, wat::parse_str(text).unwrap()).unwrap();
        let error = match track.linker.instantiate_pre(&component) {
            Ok(_) => panic!("{interface} has no such {item}"),
            Err(error) => format!("{error:?}"),
        };
        !error.contains("implementation is missing")
    }

    /// A function of that name, of a type that none has.
    fn odd_function(name: &str) -> String {
        format!(r#"(export "{name}" (func (param "odd" (tuple s8 s8)) (result char)))"#)
    }

    /// Every interface of the contract, with something in it; nothing where it has only plain types.
    fn contract() -> Vec<(String, Option<String>)> {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let mut resolve = wit_parser::Resolve::default();
        let mut folders = vec![root.join("deps"), root];
        for folder in &mut folders {
            let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
            entries.sort();
            for entry in entries.into_iter().filter(|entry| !entry.ends_with("deps")) {
                match entry.is_dir() {
                    true => drop(resolve.push_dir(&entry).unwrap()),
                    false if entry.extension().is_some_and(|end| end == "wit") => {
                        resolve.push_file(&entry).unwrap();
                    }
                    false => {}
                }
            }
        }
        let mut all = Vec::new();
        for (id, interface) in resolve.interfaces.iter() {
            let free = interface.functions.values().find(|function| !function.name.starts_with('['));
            let is_resource = |id: &&wit_parser::TypeId| {
                matches!(resolve.types[**id].kind, wit_parser::TypeDefKind::Resource)
            };
            let resource = interface.types.iter().find(|(_, id)| is_resource(id)).map(|(name, _)| name);
            let item = free.map(|function| odd_function(&function.name));
            let item = item.or_else(|| resource.map(|name| format!(r#"(export "{name}" (func))"#)));
            all.push((resolve.id_of(id).unwrap(), item));
        }
        all
    }

    #[test]
    fn what_is_offered_is_what_is_linked() {
        let engine = GuestEngine::new(&EngineOptions { instances: 8, max_memory_bytes: 64 << 20 }).unwrap();
        let mut contract = contract();
        assert!(contract.len() > 12, "{contract:?}");
        // Other names of the same, and names that nothing has.
        for (name, function) in [
            ("wasi:config/store@0.2.0-draft-2024-09-27", "get"),
            ("wasi:config/store@0.2.0-draft", "get"),
            ("wasi:config/store@0.2.0-rc.2", "get"),
            ("wasi:config/store", "get"),
            ("wasi:config/runtime@0.2.0-draft", "get"),
            ("wasi:logging/logging", "log"),
            ("wasi:logging/logging@0.2.0", "log"),
            ("wasi:keyvalue/store@0.2.0-draft23", "open"),
            ("ostro:functions/context@0.1.7", "about"),
            ("ostro:functions/context@0.2.0", "about"),
        ] {
            contract.push((name.to_owned(), Some(odd_function(function))));
        }
        for track in [&engine.plain, &engine.concurrent, &engine.concurrent_whole] {
            for (interface, item) in &contract {
                match item {
                    Some(item) => assert_eq!(
                        is_offered(interface, track.lane),
                        is_linked(track, interface, item),
                        "{interface} in {:?}",
                        track.lane
                    ),
                    None => assert_eq!(interface, "ostro:triggers/types@0.1.0", "types need no linker"),
                }
            }
            for (interface, function) in [
                ("wasi:io/poll@0.2.0", "poll"),
                ("wasi:clocks/monotonic-clock@0.2.0", "now"),
                ("wasi:random/random@0.2.0", "get-random-u64"),
                ("wasi:cli/environment@0.2.0", "get-environment"),
                ("wasi:filesystem/preopens@0.2.0", "get-directories"),
                ("wasi:sockets/instance-network@0.2.0", "instance-network"),
                ("wasi:http/outgoing-handler@0.2.0", "handle"),
                ("wasi:io/poll@0.3.0", "poll"),
                ("wasi:clocks/monotonic-clock@0.3.0", "now"),
                ("wasi:random/random@0.3.0", "get-random-u64"),
                ("wasi:cli/environment@0.3.0", "get-environment"),
                ("wasi:filesystem/preopens@0.3.0", "get-directories"),
                ("wasi:sockets/ip-name-lookup@0.3.0", "resolve-addresses"),
                ("wasi:http/client@0.3.0", "send"),
            ] {
                let linked = is_linked(track, interface, &odd_function(function));
                assert_eq!(is_offered(interface, track.lane), linked, "{interface} in {:?}", track.lane);
            }
        }
        for other in OTHERS {
            let known = contract.iter().any(|(interface, _)| interface.starts_with(other));
            assert!(known, "{other} is in no interface of wit/");
        }
    }

    #[test]
    fn imports_are_offered_by_interface_and_version() {
        for (import, plain, concurrent) in [
            ("wasi:http/types@0.2.0", true, true),
            ("wasi:http/types@0.2.10", true, true),
            ("wasi:http/types@0.3.0", false, true),
            ("wasi:io/streams@0.3.0", false, false),
            ("wasi:http/types@0.4.0", false, false),
            ("wasi:keyvalue/store@0.2.0-draft2", true, true),
            ("wasi:keyvalue/store@0.2.0-draft", false, false),
            ("ostro:secrets/store@0.1.0", true, true),
            ("ostro:triggers/types@0.1.0", true, true),
            ("ostro:secrets/store@0.2.0", false, false),
            ("my:own/thing", false, false),
        ] {
            assert_eq!(is_offered(import, Lane::Plain), plain, "{import}");
            assert_eq!(is_offered(import, Lane::Concurrent), concurrent, "{import}");
        }
    }
}
