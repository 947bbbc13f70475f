//! Runs a program once, up to where it waits for its first request, and writes what its memory holds then into the
//! component.

mod host;
mod stack;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use wasmtime::component::Instance;
use wasmtime::{Store, Trap};
use wasmtime_wizer::{WasmtimeWizerComponent, Wizer};

pub(crate) use host::{LOADER, Line};

use crate::engine::Engine;
use crate::fault::Fault;
use crate::program::Program;
use host::Host;

/// A program that has run up to its first request.
pub(crate) struct Snapshot {
    /// The component.
    pub(crate) component: Vec<u8>,
    /// What the program can be called by: `fetch`, `scheduled`, `queue`, `main`.
    pub(crate) handlers: Vec<String>,
    /// What it wrote to the console.
    pub(crate) console: Vec<Line>,
}

/// Why there is no snapshot.
pub(crate) enum Failure {
    /// The program is at fault. With what it wrote to the console.
    Program(Box<Fault>, Vec<Line>),
    /// This tool is.
    Tool(anyhow::Error),
}

impl From<wasmtime::Error> for Failure {
    fn from(error: wasmtime::Error) -> Self {
        Self::Tool(error.into())
    }
}

/// Name of the module that the interpreter begins with.
pub(crate) const ENTRY: &str = "ostro:entry";
/// Processor time that the modules of a program have.
const CPU_MAX: Duration = Duration::from_secs(5);
/// The same when they run again to find out where they stay.
const CPU_MAX_AGAIN: Duration = Duration::from_secs(1);

/// Runs `entry`, whose modules `program` has, and takes the snapshot.
pub(crate) async fn take(engine: &Engine, program: &Arc<Program>, entry: &str) -> Result<Snapshot, Failure> {
    let wizer = Wizer::new();
    let (context, _) = wizer.instrument_component(&engine.linked)?;
    let (mut store, instance) = match run(engine, program, entry, CPU_MAX).await? {
        Ended::Ready(store, instance) => (store, instance),
        Ended::Wrong(fault, host) => return Err(Failure::Program(fault, host.console)),
        Ended::Lost(fault, host) => {
            let fault = locate(engine, program, entry, *fault).await;
            return Err(Failure::Program(Box::new(fault), host.console));
        }
    };
    // What follows runs code of the interpreter only.
    store.set_epoch_deadline(u64::MAX / 2);
    let access = &mut WasmtimeWizerComponent { store: &mut store, instance };
    let component = wizer.snapshot_component(context, access).await?;
    let host = store.into_data();
    let handlers =
        host.handlers.ok_or_else(|| Failure::Tool(anyhow!("the prelude did not say what is handled")))?;
    Ok(Snapshot { component, handlers, console: host.console })
}

/// How a run ended.
enum Ended {
    /// At the first request.
    Ready(Store<Host>, Instance),
    /// With an error that says where it comes from.
    Wrong(Box<Fault>, Host),
    /// It was ended from outside, wherever it was.
    Lost(Box<Fault>, Host),
}

async fn run(engine: &Engine, program: &Arc<Program>, entry: &str, cpu: Duration) -> Result<Ended, Failure> {
    let mut store = Store::new(&engine.wasmtime, Host::new(Arc::clone(program)));
    store.limiter(|host| host);
    store.set_epoch_deadline(1);
    let linker = host::linker(&engine.wasmtime, &engine.component)?;
    let instance = linker.instantiate_async(&mut store, &engine.component).await?;
    let init = instance
        .get_typed_func::<(&str, &str, Option<&str>, bool), (Result<(), String>,)>(&mut store, "init")?;
    let watch = watch::Watch::start(&engine.wasmtime, cpu).map_err(Failure::Tool)?;
    let ended = init.call_async(&mut store, (&engine.shim, entry, Some(ENTRY), false)).await;
    let reason = watch.stop();
    match ended {
        Ok((Ok(()),)) => Ok(Ended::Ready(store, instance)),
        Ok((Err(said),)) => {
            let fault = stack::fault(&said, program);
            Ok(Ended::Wrong(Box::new(fault), store.into_data()))
        }
        Err(error) => {
            let fault = trapped(&error, reason, store.data()).map_err(Failure::Tool)?.in_file(&program.entry);
            Ok(Ended::Lost(Box::new(fault), store.into_data()))
        }
    }
}

/// Finds the place where a program was ended, by running it once more. A program that ends otherwise then, since it is
/// not the same each time, keeps its fault without a place.
async fn locate(engine: &Engine, program: &Arc<Program>, entry: &str, fault: Fault) -> Fault {
    let probed = program.probed();
    let places = Arc::new(probed.program.clone());
    match run(engine, &places, entry, CPU_MAX_AGAIN).await {
        Ok(Ended::Lost(_, Host { here: Some(here), .. })) => probed.locate(here, fault, program),
        _ => fault,
    }
}

/// What it means for the program that the interpreter was ended.
fn trapped(error: &wasmtime::Error, reason: Option<watch::Reason>, host: &Host) -> anyhow::Result<Fault> {
    let fault = match (error.downcast_ref::<Trap>(), reason) {
        (Some(Trap::Interrupt), Some(watch::Reason::Cpu)) => {
            Fault::new(format!("the module ran for {} s without coming to its end", CPU_MAX.as_secs())).hint(
                "what stands outside of functions runs while building: end the loop, or move the work into a handler",
            )
        }
        (Some(Trap::Interrupt), Some(watch::Reason::Wall)) => {
            Fault::new(format!("the module did not come to its end within {} s", watch::WALL_MAX.as_secs()))
        }
        _ if host.is_out_of_memory => Fault::new(format!(
            "the module needs more than {} MiB of memory before its first request",
            host::MEMORY_MAX >> 20
        )),
        // The interpreter's stack is at the beginning of its memory: beyond it there is nothing.
        (Some(Trap::StackOverflow | Trap::MemoryOutOfBounds), _) => {
            Fault::new("calls are nested too deeply").hint("look for a function that calls itself without end")
        }
        _ => match host::refused(error) {
            Some(what) => Fault::new(what),
            None => return Err(anyhow!("the interpreter failed: {}", error.root_cause())),
        },
    };
    Ok(fault)
}
