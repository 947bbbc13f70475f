//! Compilation in a child process: hostile WebAssembly may break the compiler, but only that process, and only
//! for so long. The parent starts its own program again with a hidden command.
//!
//! Pipe in: the memory and CPU limits (two little-endian u64: bytes, seconds); the lengths of the functions known for
//! either lane (two u64) and these ([`Known`]); the upload. Pipe out: the length of a JSON [`Report`] (little-endian
//! u32) and the report; the length of the functions that are new (u64) and these; the machine code if there is any.

mod child;
mod functions;

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use serde::{Deserialize, Serialize};
use store::catalog::{GuestKind, ProjectId};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

pub use child::child_main;
#[cfg(test)]
pub(crate) use child::compile as compile_here;
pub use functions::Known;
pub(crate) use functions::{MAX_FUNCTIONS_BYTES, merge};

use super::inspect::{self, Form, Reason, Rejected};
use crate::problem::Problem;

/// Name of the hidden command.
pub const COMMAND: &str = "__compile";
/// The code of a problem: the child reached one of its limits.
pub const COMPILE_LIMIT: &str = "compile_limit";
/// Longest report, bytes.
const MAX_REPORT_BYTES: u32 = 16 << 20;
/// Largest machine code, bytes.
const MAX_CODE_BYTES: u64 = 1 << 30;
/// A compiler that is itself not optimised, as tests run it, takes three times as long for a large component.
const SLOWNESS: u64 = if cfg!(debug_assertions) { 3 } else { 1 };
/// What is kept of the child's last words, bytes.
const MAX_WORDS_BYTES: u64 = 8 << 10;

/// What one compilation may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Address space, bytes.
    pub memory_bytes: u64,
    /// CPU of all its threads.
    pub cpu: Duration,
    /// Time.
    pub wall: Duration,
    /// Compilations at once.
    pub children: usize,
}

impl Default for CompileLimits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            memory_bytes: 2 << 30,
            cpu: Duration::from_secs(60 * SLOWNESS),
            wall: Duration::from_secs(120 * SLOWNESS),
            children: cores.div_ceil(2).max(2),
        }
    }
}

/// What the child says of an upload that it has compiled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compiled {
    /// How it is run.
    pub kind: GuestKind,
    /// Names of its imports.
    pub imports: Vec<String>,
    /// Names of its exports.
    pub exports: Vec<String>,
    /// It was a core module.
    pub componentized: bool,
    /// Functions that were compiled, trampolines among them.
    pub functions_compiled: u32,
    /// Functions whose code was known from an earlier compilation of the project.
    pub functions_reused: u32,
}

/// What comes of a compilation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// What the child says of it.
    pub compiled: Compiled,
    /// The functions that were not known. Made by a child that has read this project's upload: for no other project.
    pub functions: Vec<u8>,
    /// The machine code of the whole component.
    pub code: Vec<u8>,
}

/// What the child says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Report {
    /// New functions and machine code follow.
    Compiled(Compiled),
    /// Nothing follows.
    Rejected(Rejected),
}

/// Starts compiler children, so many at once; one at a time for each project, in order.
pub struct Compiler {
    exe: PathBuf,
    limits: CompileLimits,
    children: Semaphore,
    projects: DashMap<ProjectId, Arc<Semaphore>>,
}

impl Compiler {
    /// A compiler that starts `exe` with [`COMMAND`].
    pub fn new(exe: PathBuf, limits: CompileLimits) -> Self {
        let children = Semaphore::new(limits.children.max(1));
        Self { exe, limits, children, projects: DashMap::new() }
    }

    /// A compiler that starts this very program, with the default limits.
    pub fn of_this_program() -> Result<Self, Problem> {
        // On Linux the name stays good when the file is replaced by an upgrade while the server runs.
        let exe = match cfg!(target_os = "linux") {
            true => PathBuf::from("/proc/self/exe"),
            false => std::env::current_exe().map_err(|error| Problem::internal(&error))?,
        };
        Ok(Self::new(exe, CompileLimits::default()))
    }

    /// Checks and compiles; what `known` gives has been compiled for the same project. It is large, and asked when it is
    /// needed. What is clearly no WebAssembly is refused without a child.
    pub async fn compile(
        &self,
        project: ProjectId,
        wasm: Bytes,
        known: impl Future<Output = Known>,
    ) -> Result<Output, Problem> {
        recognise(&wasm)?;
        let turn = self.projects.entry(project).or_insert_with(|| Arc::new(Semaphore::new(1))).clone();
        let _turn = turn.acquire().await.map_err(|error| Problem::internal(&error))?;
        let _place = self.children.acquire().await.map_err(|error| Problem::internal(&error))?;
        let running = self.run(wasm, known.await);
        match tokio::time::timeout(self.limits.wall, running).await {
            Ok(done) => done,
            // Dropping the future has killed the child.
            Err(_) => Err(limit(&format!("took longer than {} s", self.limits.wall.as_secs()))),
        }
    }

    async fn run(&self, wasm: Bytes, known: Known) -> Result<Output, Problem> {
        let mut child = self.start().map_err(|error| {
            tracing::error!(%error, exe = %self.exe.display(), "the compiler could not be started");
            Problem::new(
                500,
                "internal",
                "the compiler could not be started; the server's log has the details",
            )
        })?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut stdin), Some(mut stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            return Err(Problem::new(500, "internal", "the compiler has no pipes"));
        };
        let mut head = self.limits.memory_bytes.to_le_bytes().to_vec();
        head.extend_from_slice(&self.limits.cpu.as_secs().max(1).to_le_bytes());
        let sets = [known.plain, known.concurrent];
        sets.iter().for_each(|set| head.extend_from_slice(&(set.len() as u64).to_le_bytes()));
        let send = async move {
            // A child that has answered early no longer reads: its answer says why.
            let [plain, concurrent] = &sets;
            for part in [&head, plain, concurrent, &*wasm] {
                let _ = stdin.write_all(part).await;
            }
            drop(stdin);
        };
        let words = async move {
            let mut words = Vec::new();
            let _ = stderr.take(MAX_WORDS_BYTES).read_to_end(&mut words).await;
            String::from_utf8_lossy(&words).into_owned()
        };
        let ((), answer, words) = tokio::join!(send, receive(&mut stdout), words);
        let status = child.wait().await.map_err(|error| Problem::internal(&error))?;
        match (status.success(), answer) {
            (true, Some((Report::Compiled(compiled), functions, code))) => {
                Ok(Output { compiled, functions, code })
            }
            (true, Some((Report::Rejected(rejected), ..))) => Err(rejected.into()),
            _ => Err(died(status, &words)),
        }
    }

    fn start(&self) -> std::io::Result<Child> {
        Command::new(&self.exe)
            .arg(COMMAND)
            .env_clear()
            // Each thread and each arena of the allocator takes address space, which is limited.
            .env("RAYON_NUM_THREADS", "2")
            .env("MALLOC_ARENA_MAX", "2")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }
}

/// What can be told from the first bytes, and code that somebody has compiled already: machine code is trusted
/// code, and an upload is not trusted.
pub fn recognise(wasm: &[u8]) -> Result<Form, Rejected> {
    if wasmtime::Engine::detect_precompiled(wasm).is_some() {
        return Err(Rejected::at(Reason::Invalid, 0, "this is compiled code (.cwasm), not WebAssembly")
            .hint("upload the .wasm file; the server compiles it"));
    }
    inspect::form(wasm)
}

/// Nothing that is said here is believed before it is whole: the child may have been taken over by what it compiles.
async fn receive(stdout: &mut (impl AsyncRead + Unpin)) -> Option<(Report, Vec<u8>, Vec<u8>)> {
    let length = stdout.read_u32_le().await.ok().filter(|length| *length <= MAX_REPORT_BYTES)?;
    let mut report = Vec::new();
    stdout.take(u64::from(length)).read_to_end(&mut report).await.ok()?;
    let report = serde_json::from_slice(&report).ok()?;
    let length = stdout.read_u64_le().await.ok().filter(|length| *length <= MAX_FUNCTIONS_BYTES as u64)?;
    let mut functions = Vec::new();
    stdout.take(length).read_to_end(&mut functions).await.ok()?;
    let mut code = Vec::new();
    stdout.take(MAX_CODE_BYTES + 1).read_to_end(&mut code).await.ok()?;
    (code.len() as u64 <= MAX_CODE_BYTES).then_some((report, functions, code))
}

/// Reads the cause off a child that ended without an answer.
fn died(status: ExitStatus, words: &str) -> Problem {
    use std::os::unix::process::ExitStatusExt as _;
    const SIGKILL: i32 = 9;
    const SIGXCPU: i32 = 24;
    tracing::warn!(%status, words, "a compilation ended without an answer");
    match status.signal() {
        Some(SIGXCPU) => limit("used up its CPU time"),
        // The hard CPU limit, or the kernel when memory is short.
        Some(SIGKILL) => limit("used up its CPU time or memory"),
        _ if out_of_memory(words) => limit("used up its memory"),
        _ => Rejected::new(Reason::Failed, "the compiler failed on this component")
            .hint("if other tools accept it, please report it as a bug of Ostro")
            .into(),
    }
}

/// How the allocator and the kernel put it.
fn out_of_memory(words: &str) -> bool {
    ["memory allocation of", "Cannot allocate memory", "Resource temporarily unavailable", "out of memory"]
        .iter()
        .any(|phrase| words.contains(phrase))
}

fn limit(how: &str) -> Problem {
    Problem::new(422, COMPILE_LIMIT, format!("compiling this component {how}"))
        .hint("make the component smaller, or split very large functions")
}

#[cfg(test)]
mod tests;
