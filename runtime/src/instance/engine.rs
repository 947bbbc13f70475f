//! The engine of the process: its configuration, its linker and the ticker that moves the epoch on.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use wasmtime::component::{Component, Linker};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, ModuleVersionStrategy, OptLevel,
    PoolingAllocationConfig,
};

use super::control::TICK;
use super::limits::TABLE_ELEMENTS;
use super::state::State;
use crate::problem::Problem;
use crate::registry::inspect::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLES};
use crate::sys;

/// wasmtime's full version: its own check of compiled code sees only the major number. A unit test compares
/// it with `Cargo.lock`.
const WASMTIME_VERSION: &str = "48.0.8";

/// Guest stack, bytes.
const STACK_BYTES: usize = 512 << 10;
/// Memory of a returned instance that is cleared and kept instead of being given back to the system.
const MEMORY_KEEP_RESIDENT_BYTES: usize = 256 << 10;
const TABLE_KEEP_RESIDENT_BYTES: usize = 64 << 10;
const STACK_KEEP_RESIDENT_BYTES: usize = 64 << 10;

/// What the engine is sized for.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Instances at once in the whole process. Fewer are set up where address space is scarce.
    pub instances: u32,
    /// Largest linear memory that a function may ask for, bytes.
    pub max_memory_bytes: usize,
}

/// The engine with everything linked that a guest may import. One for the process.
pub struct GuestEngine {
    engine: Engine,
    linker: Linker<State>,
    fingerprint: String,
    instances: u32,
}

impl GuestEngine {
    /// Sets the engine up and starts its ticker thread, which ends with the last handle of the engine.
    pub fn new(options: &EngineOptions) -> Result<Arc<Self>, Problem> {
        let (engine, instances) = pooled(options)?;
        let mut linker = Linker::new(&engine);
        link(&mut linker).map_err(|error| setup_failed(&error))?;
        start_ticker(&engine)?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let fingerprint = format!(
            "wasmtime-{WASMTIME_VERSION} {}-{} {:016x}",
            std::env::consts::ARCH,
            std::env::consts::OS,
            hasher.finish()
        );
        Ok(Arc::new(Self { engine, linker, fingerprint, instances }))
    }

    /// Names everything that compiled code depends on: full engine version, target, configuration.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Instances that can live at once.
    pub fn instances(&self) -> u32 {
        self.instances
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn linker(&self) -> &Linker<State> {
        &self.linker
    }

    /// Names of imported interfaces that the platform does not have, with the version that was asked for.
    pub(super) fn missing_imports(&self, component: &Component) -> Vec<String> {
        let ty = component.component_type();
        let missing = ty.imports(&self.engine).filter(|(name, _)| !is_offered(name));
        missing.map(|(name, _)| name.to_owned()).collect()
    }
}

/// What code is compiled for. Threads, shared memory and stack switching are off: wasmtime is built without
/// them, or has them off by default. The compiler child and the server use the same, or the code would not load.
pub fn compile_config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        .async_stack_size(2 * STACK_BYTES)
        .wasm_component_model(true)
        // WASI 0.3 will need it; until then it costs every call its bookkeeping.
        .concurrency_support(false)
        .memory_init_cow(true)
        .memory_may_move(false)
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(20));
    // Refuses only names of over 255 bytes; without a name of ours wasmtime's own would stand.
    let _ = config.module_version(ModuleVersionStrategy::Custom(format!("ostro-{WASMTIME_VERSION}")));
    config
}

/// The engine over the pooling allocator. Each slot reserves gigabytes of address space: where there is too
/// little of it (39 bits on some aarch64 kernels, `ulimit -v`), half as many slots are tried, and so on.
fn pooled(options: &EngineOptions) -> Result<(Engine, u32), Problem> {
    let mut instances = options.instances.max(1);
    loop {
        let mut config = compile_config();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(options, instances)));
        match Engine::new(&config) {
            Ok(engine) => return Ok((engine, instances)),
            Err(error) if instances > 8 => {
                tracing::warn!(%error, instances, "too little address space, trying with half as many instances");
                instances /= 2;
            }
            Err(error) => return Err(setup_failed(&error)),
        }
    }
}

fn pool(options: &EngineOptions, instances: u32) -> PoolingAllocationConfig {
    // A page that was dirty and then swapped out is not cleared by wasmtime 48 when it scans the page map
    // (upstream pull request 14357): another project would see it. Without swap the scan is safe, and fast.
    let scan = if sys::swap_active() { Enabled::No } else { Enabled::Auto };
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        // As many as that many components may have at most: admission counts instances and nothing else.
        .total_core_instances(instances.saturating_mul(MAX_CORE_INSTANCES))
        .total_memories(instances.saturating_mul(MAX_MEMORIES))
        .total_tables(instances.saturating_mul(MAX_TABLES))
        .total_stacks(instances.saturating_add(16))
        .total_gc_heaps((instances / 4).max(8))
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        .max_memory_size(options.max_memory_bytes)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        .table_elements(TABLE_ELEMENTS)
        .linear_memory_keep_resident(MEMORY_KEEP_RESIDENT_BYTES)
        .table_keep_resident(TABLE_KEEP_RESIDENT_BYTES)
        .async_stack_keep_resident(STACK_KEEP_RESIDENT_BYTES)
        .pagemap_scan(scan);
    pool
}

fn setup_failed(error: &wasmtime::Error) -> Problem {
    Problem::new(500, "internal", format!("the WebAssembly engine could not be set up: {error:#}"))
        .hint("lower `--max-instances`, or lift a limit on address space (ulimit -v)")
}

/// All of WASI 0.2 (sockets link, but every address is refused), HTTP, and Ostro's own interfaces.
fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    host_api::add_to_linker(linker)
}

/// Whether an import of that name is linked. Patch versions of an interface are compatible both ways.
fn is_offered(import: &str) -> bool {
    const WASI_02: [&str; 7] = [
        "wasi:io/",
        "wasi:clocks/",
        "wasi:random/",
        "wasi:cli/",
        "wasi:filesystem/",
        "wasi:sockets/",
        "wasi:http/",
    ];
    const OTHERS: [&str; 4] =
        ["ostro:secrets/store@0.1.", "wasi:config/store", "wasi:config/runtime", "wasi:logging/logging"];
    let (_, version) = import.split_once('@').unwrap_or((import, ""));
    (version.starts_with("0.2.") && WASI_02.iter().any(|package| import.starts_with(package)))
        || OTHERS.iter().any(|interface| import.starts_with(interface))
}

fn start_ticker(engine: &Engine) -> Result<(), Problem> {
    let weak = engine.weak();
    let tick = move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
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
    fn imports_are_offered_by_interface_and_version() {
        for (import, offered) in [
            ("wasi:http/types@0.2.0", true),
            ("wasi:http/types@0.2.10", true),
            ("wasi:http/types@0.3.0", false),
            ("wasi:keyvalue/store@0.2.0-draft2", false),
            ("ostro:secrets/store@0.1.0", true),
            ("ostro:secrets/store@0.2.0", false),
            ("my:own/thing", false),
        ] {
            assert_eq!(is_offered(import), offered, "{import}");
        }
    }
}
