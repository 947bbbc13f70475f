//! The compiler child: puts limits on itself, then reads, checks, compiles, answers.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, setrlimit};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmtime::Engine;
use wit_component::ComponentEncoder;

use super::functions::Shelf;
use super::{Compiled, Known, MAX_FUNCTIONS_BYTES, Output, Report, recognise};
use crate::instance::{Lane, compile_config};
use crate::registry::inspect::{self, Adapter, Form, Reason, Rejected, quote};
use crate::sys;

/// Files that a compiler needs open: its three pipes and a few of the runtime's own.
const MAX_FILES: u64 = 32;
/// How much lower its priority is than the server's.
const NICE: i32 = 5;
/// Largest upload that is read, bytes; the server's own limit is lower.
const MAX_UPLOAD_BYTES: u64 = 256 << 20;

/// The hidden command: compiles what comes on standard input to standard output.
pub fn child_main() -> ExitCode {
    match talk(&mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The server reads this for its log; nobody else does.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn talk(input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let (memory_bytes, cpu_seconds) = (number(input)?, number(input)?);
    confine(memory_bytes, cpu_seconds)?;
    let (plain, concurrent) = (number(input)?, number(input)?);
    let known = Known { plain: set(input, plain)?, concurrent: set(input, concurrent)? };
    let mut wasm = Vec::new();
    input.take(MAX_UPLOAD_BYTES).read_to_end(&mut wasm)?;
    match compile_knowing(wasm, known) {
        Ok(made) => answer(output, &Report::Compiled(made.compiled), &made.functions, &made.code),
        Err(rejected) => answer(output, &Report::Rejected(rejected), &[], &[]),
    }
}

/// Checks and compiles an upload, of which nothing is known.
#[cfg(test)]
pub(crate) fn compile(wasm: Vec<u8>) -> Result<(Compiled, Vec<u8>), Rejected> {
    compile_knowing(wasm, Known::default()).map(|made| (made.compiled, made.code))
}

/// Checks and compiles an upload. Functions whose code is known are not compiled again.
pub(super) fn compile_knowing(wasm: Vec<u8>, known: Known) -> Result<Output, Rejected> {
    let form = recognise(&wasm)?;
    inspect::check(&wasm)?;
    let (component, componentized) = match form {
        Form::Component => (wasm, false),
        Form::Module => {
            let component = componentise(&wasm)?;
            inspect::check(&component)?;
            (component, true)
        }
    };
    let surface = inspect::surface(&component)?;
    let kind = inspect::decide_kind(&surface)?;
    let lane = Lane::of(kind);
    let shelf = Arc::new(Shelf::new(known.of(lane)));
    let mut config = compile_config(lane);
    let engine = config
        .enable_incremental_compilation(shelf.clone())
        .and_then(|config| Engine::new(config))
        .map_err(|error| failed("the compiler can't be set up", &error.to_string()))?;
    let code = engine
        .precompile_component(&component)
        .map_err(|error| failed("the compiler refuses this component", &format!("{error:#}")))?;
    let compiled = Compiled {
        kind,
        imports: surface.imports,
        exports: surface.exports,
        componentized,
        functions_compiled: shelf.compiled(),
        functions_reused: shelf.reused(),
    };
    Ok(Output { compiled, functions: shelf.take_added(), code })
}

/// Makes a core module a component: one that carries component metadata, or a WASI preview 1 command.
fn componentise(module: &[u8]) -> Result<Vec<u8>, Rejected> {
    let facts = inspect::module_facts(module)?;
    let adapter = match inspect::decide_module(&facts)? {
        Adapter::None => None,
        Adapter::Reactor => Some(WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER),
        Adapter::Command => Some(WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER),
    };
    let encode = || {
        let mut encoder = ComponentEncoder::default().validate(false).module(module)?;
        if let Some(adapter) = adapter {
            encoder = encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter)?;
        }
        encoder.encode()
    };
    encode().map_err(|error: anyhow::Error| {
        let message = format!("this core module can't be made a component: {}", quote(&format!("{error:#}")));
        Rejected::new(Reason::Invalid, message).hint(
            "its imports and exports have to match WASI preview 1 and the WIT that it carries; build it again with a current toolchain",
        )
    })
}

fn failed(what: &str, error: &str) -> Rejected {
    Rejected::new(Reason::Failed, format!("{what}: {}", quote(error)))
}

/// From here on the kernel ends this process when it takes too much.
fn confine(memory_bytes: u64, cpu_seconds: u64) -> io::Result<()> {
    let both = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(Resource::Core, both(0))?;
    setrlimit(Resource::Nofile, both(MAX_FILES))?;
    // The soft limit's signal tells the parent what happened; the hard one can't be ignored.
    setrlimit(
        Resource::Cpu,
        Rlimit { current: Some(cpu_seconds), maximum: Some(cpu_seconds.saturating_add(1)) },
    )?;
    // macOS knows this limit but does not keep it: there the parent's time limit has to do.
    if cfg!(target_os = "linux") {
        setrlimit(Resource::As, both(memory_bytes))?;
    }
    sys::nice_thread(NICE);
    Ok(())
}

fn number(input: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    input.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// A set of known functions.
fn set(input: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    if length > MAX_FUNCTIONS_BYTES as u64 {
        return Err(io::Error::other("too many known functions"));
    }
    let mut bytes = Vec::new();
    input.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn answer(output: &mut impl Write, report: &Report, functions: &[u8], code: &[u8]) -> io::Result<()> {
    let report = serde_json::to_vec(report)?;
    let length = u32::try_from(report.len()).map_err(io::Error::other)?;
    output.write_all(&length.to_le_bytes())?;
    output.write_all(&report)?;
    output.write_all(&(functions.len() as u64).to_le_bytes())?;
    output.write_all(functions)?;
    output.write_all(code)?;
    output.flush()
}
