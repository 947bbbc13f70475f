//! What a program can call while it is built: its modules, the console, the clock, random numbers. The rest says no.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use wasmtime::component::{Component, Linker, ResourceTable, Val};
use wasmtime::{ResourceLimiter, Result, bail};
use wasmtime_wasi::{
    Deterministic, HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView,
};

use crate::program::{HERE, Program};

/// Memory that a program may have before its first request, bytes.
pub(super) const MEMORY_MAX: usize = 128 << 20;
/// Console lines that are kept, and the length of each, bytes.
const LINES_MAX: usize = 200;
const LINE_MAX: usize = 4_096;
/// The logging context under which the prelude says what the program handles.
const HANDLERS: &str = "ostro:handlers";

/// A line that the program wrote to the console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    /// `trace`, `debug`, `info`, `warn`, `error` or `critical`.
    pub(crate) level: String,
    /// The text.
    pub(crate) message: String,
}

/// The state of a build.
pub(super) struct Host {
    /// Where modules come from.
    pub(super) program: Arc<Program>,
    /// What was written.
    pub(super) console: Vec<Line>,
    /// What the program handles, when the prelude has said so.
    pub(super) handlers: Option<Vec<String>>,
    /// Whether memory was asked for that it may not have.
    pub(super) is_out_of_memory: bool,
    /// Where a probed program is.
    pub(super) here: Option<usize>,
    wasi: WasiCtx,
    table: ResourceTable,
}

impl Host {
    /// For one build.
    pub(super) fn new(program: Arc<Program>) -> Self {
        Self {
            program,
            console: Vec::new(),
            handlers: None,
            is_out_of_memory: false,
            here: None,
            wasi: wasi(),
            table: ResourceTable::new(),
        }
    }

    fn log(&mut self, level: &str, context: &str, message: &str) {
        if context == HANDLERS {
            #[derive(serde::Deserialize)]
            struct Said {
                handlers: Vec<String>,
            }
            self.handlers = serde_json::from_str::<Said>(message).ok().map(|said| said.handlers);
        } else if context == HERE {
            self.here = message.parse().ok();
        } else if self.console.len() < LINES_MAX {
            let message = message.chars().take(LINE_MAX).collect();
            self.console.push(Line { level: level.to_owned(), message });
        }
    }
}

/// Time stands still and chance has one seed, so that the same sources make the same component, byte for byte.
fn wasi() -> WasiCtx {
    let seed = || Deterministic::new(vec![0x6f]);
    WasiCtxBuilder::new()
        .secure_random(seed())
        .insecure_random(seed())
        .insecure_random_seed(0x6f)
        .wall_clock(Still)
        .monotonic_clock(Still)
        .build()
}

/// A clock that shows the beginning of time.
struct Still;

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for Still {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        0
    }
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl ResourceLimiter for Host {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        let is_allowed = desired <= MEMORY_MAX;
        self.is_out_of_memory |= !is_allowed;
        Ok(is_allowed)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool> {
        Ok(true)
    }
}

/// The interface of the interpreter through which modules come.
pub(crate) const LOADER: &str = "local:init/module-loader";
const LOGGING: &str = "wasi:logging/logging@0.1.0-draft";
const CLIENT: &str = "wasi:http/client@0.3.0";

/// All that the interpreter may import.
pub(super) fn linker(engine: &wasmtime::Engine, interpreter: &Component) -> Result<Linker<Host>> {
    let mut linker: Linker<Host> = Linker::new(engine);
    linker.allow_shadowing(true);
    linker.define_unknown_imports_as_traps(interpreter)?;
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    linker.instance(CLIENT)?.func_new_concurrent("send", |_, _, _, _| {
        Box::pin(async { bail!("unknown import: `fetch` has not been defined") })
    })?;
    linker.instance(LOGGING)?.func_new("log", |mut store, _, arguments, _| {
        if let [Val::Enum(level), Val::String(context), Val::String(message)] = arguments {
            store.data_mut().log(level, context, message);
        }
        Ok(())
    })?;
    let mut loader = linker.instance(LOADER)?;
    loader.func_wrap("resolve", |store, (from, specifier): (String, String)| {
        Ok((store.data().program.resolve(&from, &specifier),))
    })?;
    loader.func_wrap("load", |store, (name,): (String,)| {
        let code = store.data().program.code(&name).map(str::to_owned);
        Ok((code.ok_or_else(|| format!("there is no module `{name}`")),))
    })?;
    Ok(linker)
}

/// What a program called that is not there while it is built, in words for its author.
pub(super) fn refused(error: &wasmtime::Error) -> Option<String> {
    let said = format!("{error:?}");
    let (_, rest) = said.split_once("unknown import: `")?;
    let (import, _) = rest.split_once('`')?;
    Some(format!("{} while the module is built: do it in a handler", missing(import)))
}

fn missing(import: &str) -> String {
    let what = match import.split(['@', '#']).next().unwrap_or(import) {
        "fetch" | "wasi:http/client" | "wasi:http/types" => "nothing can be fetched",
        "ostro:secrets/store" => "secrets cannot be read",
        "ostro:queue/producer" => "nothing can be sent to a queue",
        "wasi:keyvalue/store" | "wasi:keyvalue/atomics" | "wasi:keyvalue/batch" => {
            "nothing is kept under keys"
        }
        "ostro:db/documents" | "ostro:db/transactions" => "collections cannot be asked",
        "ostro:db/sql" => "no database can be asked",
        "ostro:storage/objects" => "nothing is kept in buckets",
        "ostro:functions/invoke" => "no function can be called",
        "ostro:functions/context" => "nothing is known of an invocation",
        _ => return format!("`{import}` cannot be called"),
    };
    what.to_owned()
}
