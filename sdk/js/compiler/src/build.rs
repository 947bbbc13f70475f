//! One build: engine, program, snapshot, what is left out, the file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use std::{fs, io};

use anyhow::{Context, Result};

use crate::args::Build;
use crate::engine::{Engine, Origin};
use crate::fault::{Fault, Faults};
use crate::finish::finish;
use crate::program::{PARTS, PRELUDE, Program, Project, Uses};
use crate::snapshot::{self, Line};
use crate::{entry, limits};

/// A component was made.
pub(crate) struct Built {
    /// What it can be called by.
    pub(crate) handlers: Vec<String>,
    /// Its size.
    pub(crate) bytes: usize,
    /// All files that went in, the entry first, relative to the working directory where they are below it.
    pub(crate) modules: Vec<PathBuf>,
    /// What the program wrote to the console.
    pub(crate) console: Vec<Line>,
    /// Steps, and how long each took, milliseconds.
    pub(crate) timing: Vec<(&'static str, f64)>,
    /// Whether the engine was there already.
    pub(crate) engine: Origin,
}

/// Why none was made.
pub(crate) enum Failed {
    /// The program is at fault.
    Program(Faults, Vec<Line>),
    /// The tool, or its surroundings, are.
    Tool(anyhow::Error),
}

impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        Self::Tool(error)
    }
}

/// Makes the component and writes it.
pub(crate) fn run(build: &Build) -> Result<Built, Failed> {
    limits::set();
    let mut clock = Clock::new();
    let project = Project::open(&build.entry, build.root.as_deref())
        .map_err(|error| Failed::Program(vec![Fault::new(format!("{error:#}"))], Vec::new()))?;
    let prelude = prelude(build)?;
    let uses = Uses { bindings: build.bindings.clone() };
    let program =
        Program::read(&project, &prelude, &uses).map_err(|faults| Failed::Program(faults, Vec::new()))?;
    let entry = entry::text(&program);
    clock.lap("read");
    let engine = Engine::open(program.world, &cache(build))?;
    clock.lap("engine");
    let program = Arc::new(program);
    let runtime = tokio::runtime::Builder::new_current_thread().build().context("no runtime")?;
    let taken = runtime.block_on(snapshot::take(&engine, &program, &entry));
    let snapshot = taken.map_err(|failure| match failure {
        snapshot::Failure::Program(fault, console) => Failed::Program(vec![*fault], console),
        snapshot::Failure::Tool(error) => Failed::Tool(error),
    })?;
    clock.lap("run");
    let hidden: Vec<_> =
        [PRELUDE, PARTS].into_iter().chain(program.extensions.iter().map(String::as_str)).collect();
    let component = finish(&snapshot.component, &snapshot.handlers, &hidden)?;
    clock.lap("finish");
    write(&build.out, &component)?;
    clock.lap("write");
    Ok(Built {
        handlers: snapshot.handlers,
        bytes: component.len(),
        modules: program.files().into_iter().map(Path::to_owned).collect(),
        console: snapshot.console,
        timing: clock.laps,
        engine: engine.origin,
    })
}

fn prelude(build: &Build) -> Result<String> {
    match &build.prelude {
        Some(path) => fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display())),
        None => Ok(include_str!(env!("OSTRO_PRELUDE")).to_owned()),
    }
}

/// Where the prepared interpreter is kept: what was named, else the user's cache folder.
fn cache(build: &Build) -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let of_user = || variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    build.cache.clone().unwrap_or_else(|| of_user().unwrap_or_else(std::env::temp_dir).join("ostro-js"))
}

/// Writes a file whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let part = path.with_extension(format!("{}.part", std::process::id()));
    let written = fs::write(&part, bytes).and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        drop(fs::remove_file(&part));
    }
    written.map_err(|error: io::Error| error).with_context(|| format!("{} cannot be written", path.display()))
}

/// A stop watch.
struct Clock {
    last: Instant,
    laps: Vec<(&'static str, f64)>,
}

impl Clock {
    fn new() -> Self {
        Self { last: Instant::now(), laps: Vec::new() }
    }

    /// The time since the last lap was for this.
    fn lap(&mut self, step: &'static str) {
        self.laps.push((step, self.last.elapsed().as_secs_f64() * 1e3));
        self.last = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use wasmparser::{ComponentExternalKind, Parser, Payload, Validator, WasmFeatures};

    use super::*;

    /// The component of a program, its exported interfaces, and what it imports.
    fn built(source: &str) -> (Built, Vec<String>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let (entry, out) = (folder.path().join("app.ts"), folder.path().join("out.wasm"));
        fs::write(&entry, source).unwrap();
        // Shared by all tests, so that the interpreter is compiled once.
        let cache = Some(std::env::temp_dir().join("ostro-js-tests"));
        let built = run(&Build { entry, out: out.clone(), cache, ..Build::default() });
        let built = built.unwrap_or_else(|failed| match failed {
            Failed::Program(faults, _) => panic!("{faults:?}"),
            Failed::Tool(error) => panic!("{error:#}"),
        });
        let component = fs::read(out).unwrap();
        Validator::new_with_features(WasmFeatures::all()).validate_all(&component).unwrap();
        let (mut exports, mut depth, mut imports) = (Vec::new(), 0, Vec::new());
        for payload in Parser::new(0).parse_all(&component) {
            match payload.unwrap() {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::ComponentExportSection(section) if depth == 0 => {
                    let section = section.into_iter().map(Result::unwrap);
                    let instances = section.filter(|export| export.kind == ComponentExternalKind::Instance);
                    exports.extend(instances.map(|export| export.name.name.to_owned()));
                }
                Payload::ComponentImportSection(section) if depth == 0 => {
                    imports.extend(section.into_iter().map(|import| import.unwrap().name.name.to_owned()));
                }
                _ => {}
            }
        }
        (built, exports, imports)
    }

    #[test]
    fn a_component_exports_what_the_program_handles() {
        let loads = |imports: &[String]| imports.iter().any(|name| name == snapshot::LOADER);
        let (all, exports, imports) =
            built("export default { fetch() {}, scheduled() {}, queue() {} };\nconsole.log('built');");
        assert_eq!((all.handlers.len(), exports.len(), loads(&imports)), (3, 3, false), "{exports:?}");
        assert_eq!(all.console.iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), ["built"]);
        let (one, exports, imports) =
            built("export async function main(event: { a: number }) { return event.a; }");
        assert_eq!((one.handlers.as_slice(), loads(&imports)), (&["main".to_owned()][..], false));
        assert_eq!(exports, ["wasi:http/handler@0.3.0"]);
        assert_eq!(one.modules.len(), 1);
    }

    #[test]
    fn a_component_imports_what_the_program_uses() {
        let data = |source: &str| {
            let (built, _, imports) = built(source);
            let data = imports
                .iter()
                .filter(|name| name.starts_with("ostro:db/") || name.starts_with("ostro:storage/"));
            (built.bytes, data.count())
        };
        let (plain, none) = data("export default { fetch() {} };");
        let (large, all) =
            data("import { db } from 'ostro';\nexport default { fetch: () => db.collection('a').find() };");
        assert_eq!((none, all), (0, 4));
        assert!(plain < large && large < plain + 100_000, "{plain} {large}");
    }
}
