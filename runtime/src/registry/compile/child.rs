//! The compiler child: puts limits on itself, then reads, checks, compiles, answers.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, setrlimit};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmtime::Engine;
use wit_component::ComponentEncoder;

use super::{Compiled, Report, recognise};
use crate::instance::compile_config;
use crate::registry::inspect::{self, Form, Reason, Rejected, quote};
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
    let mut wasm = Vec::new();
    input.take(MAX_UPLOAD_BYTES).read_to_end(&mut wasm)?;
    let (report, code) = match compile(wasm) {
        Ok((compiled, code)) => (Report::Compiled(compiled), code),
        Err(rejected) => (Report::Rejected(rejected), Vec::new()),
    };
    answer(output, &report, &code)
}

/// Checks and compiles an upload.
pub(crate) fn compile(wasm: Vec<u8>) -> Result<(Compiled, Vec<u8>), Rejected> {
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
    let engine = Engine::new(&compile_config())
        .map_err(|error| failed("the compiler can't be set up", &error.to_string()))?;
    let code = engine
        .precompile_component(&component)
        .map_err(|error| failed("the compiler refuses this component", &format!("{error:#}")))?;
    let compiled = Compiled { kind, imports: surface.imports, exports: surface.exports, componentized };
    Ok((compiled, code))
}

/// Makes a core module that carries component metadata a component.
fn componentise(module: &[u8]) -> Result<Vec<u8>, Rejected> {
    let facts = inspect::module_facts(module)?;
    inspect::decide_module(&facts)?;
    let encode = || {
        let mut encoder = ComponentEncoder::default().validate(false).module(module)?;
        if facts.preview1 {
            encoder = encoder
                .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?;
        }
        encoder.encode()
    };
    encode().map_err(|error: anyhow::Error| {
        let message = format!("this core module can't be made a component: {}", quote(&format!("{error:#}")));
        Rejected::new(Reason::Invalid, message).hint(
            "its exports have to match the WIT that it carries; build it again with a current toolchain",
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

fn answer(output: &mut impl Write, report: &Report, code: &[u8]) -> io::Result<()> {
    let report = serde_json::to_vec(report)?;
    let length = u32::try_from(report.len()).map_err(io::Error::other)?;
    output.write_all(&length.to_le_bytes())?;
    output.write_all(&report)?;
    output.write_all(code)?;
    output.flush()
}
