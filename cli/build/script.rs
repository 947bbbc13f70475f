//! Scripts: `ostro-js`, which is an executable of its own, makes components of them. Its errors become ours, with the place.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use serde::Deserialize;
use uuid::Uuid;

use super::{Source, Stop, Voice, child, with_end};
use crate::failure::Failure;

/// Name of the compiler.
const COMPILER: &str = "ostro-js";
/// Names its file when it is not beside this one.
const VARIABLE: &str = "OSTRO_JS";

/// It limits itself; this is for what it can't limit, such as a file system that does not answer.
const LONGEST: Duration = Duration::from_secs(180);

/// A script that was made into a component.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) component: Vec<u8>,
    /// The files that went into it.
    pub(super) modules: Vec<PathBuf>,
    /// What the script said while it was built, a line each.
    pub(super) output: String,
}

/// What the compiler answers.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Report {
    ok: bool,
    modules: Vec<PathBuf>,
    errors: Vec<Fault>,
    console: Vec<Line>,
}

/// What is wrong with a script.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fault {
    message: String,
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
    /// The line with a mark below the column.
    frame: Option<String>,
    hint: Option<String>,
    stack: Option<String>,
}

/// A line that the script wrote while it was built.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line {
    level: String,
    message: String,
}

/// Makes a component of a script.
pub(super) fn compile(source: &Source<'_>, stop: &Stop) -> Result<Compiled, Failure> {
    let compiler = find().ok_or_else(|| {
        let file = source.file.strip_prefix(source.folder).unwrap_or(source.file);
        Failure::local(format!("{} needs {COMPILER}, which is not here", file.display())).hint(format!(
            "it comes with Ostro's archive: put it beside `ostro`, or name it with {VARIABLE}; from source: `cargo xtask js`"
        ))
    })?;
    let place = Place::new().map_err(|error| Failure::io("a folder for the component", &error))?;
    let made = place.0.join("component.wasm");
    let mut command = Command::new(&compiler);
    command.arg("build").arg(source.file).arg("-o").arg(&made).arg("--root").arg(source.folder).arg("--json");
    if let Some(bound) = source.bound {
        command.arg("--bindings").arg(bound.join(","));
    }
    command.stdin(Stdio::null()).env_remove("OSTRO_TOKEN");
    let ended = child::run(command, Voice::Kept, stop, Some(LONGEST))
        .map_err(|error| Failure::io(compiler.display(), &error))?;
    if stop.is_stopped() {
        return Err(Failure::Said);
    }
    let report = ended.output.lines().rev().find_map(|line| serde_json::from_str::<Report>(line).ok());
    let Some(report) = report else {
        return Err(Failure::local(format!("{COMPILER} failed ({})", ended.status))
            .excerpt(with_end(ended.output))
            .hint("is it of the same version as `ostro`?"));
    };
    if !report.ok {
        return Err(refuse(report, source.file));
    }
    let component = fs::read(&made).map_err(|error| Failure::io(made.display(), &error))?;
    let modules = report.modules.iter().map(|module| source.folder.join(module)).collect();
    Ok(Compiled { component, modules, output: said(&report.console) })
}

/// The compiler: beside this executable, or named by the environment, or on the path.
fn find() -> Option<PathBuf> {
    let own = std::env::current_exe().ok().map(|own| own.with_file_name(COMPILER));
    let named = std::env::var_os(VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(COMPILER));
    own.into_iter().chain(named).chain(on_path).find(|file| file.is_file())
}

/// A folder that nobody else may write to; it goes when this is dropped.
struct Place(PathBuf);

impl Place {
    fn new() -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("ostro-build-{}", Uuid::now_v7()));
        DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What is left of it is small, and in a folder that the system clears.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The first fault is the message; the others, the calls and what the script said follow as they are.
fn refuse(report: Report, file: &Path) -> Failure {
    let console = said(&report.console);
    let mut faults = report.errors.into_iter();
    let first = faults
        .next()
        .unwrap_or_else(|| Fault { message: "it can't be built".to_owned(), ..Fault::default() });
    let mut excerpt = String::new();
    for part in [&first.frame, &first.stack].into_iter().flatten() {
        part.trim_end().lines().for_each(|line| excerpt.push_str(&format!("  {line}\n")));
    }
    for fault in faults {
        excerpt.push_str(&format!("{}\n", fault.sentence(file)));
        let frame = fault.frame.as_deref().unwrap_or_default();
        frame.trim_end().lines().for_each(|line| excerpt.push_str(&format!("  {line}\n")));
        fault.hint.iter().for_each(|hint| excerpt.push_str(&format!("  {hint}\n")));
    }
    excerpt.push_str(&console);
    let failure = Failure::local(first.sentence(file));
    let failure = first.hint.into_iter().fold(failure, Failure::hint);
    if excerpt.is_empty() { failure } else { failure.excerpt(excerpt) }
}

impl Fault {
    /// `app.js:3:5: what is wrong`
    fn sentence(&self, entry: &Path) -> String {
        let mut text = self.file.clone().unwrap_or_else(|| entry.display().to_string());
        [self.line, self.column]
            .into_iter()
            .flatten()
            .for_each(|number| text.push_str(&format!(":{number}")));
        format!("{text}: {}", self.message)
    }
}

fn said(console: &[Line]) -> String {
    console.iter().map(|line| format!("{}: {}\n", line.level, line.message)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_names_its_place() {
        let report: Report = serde_json::from_str(
            r#"{"ok":false,"errors":[
                {"message":"`x` is not defined","file":"app.js","line":3,"column":5,"frame":"3 | x\n  | ^","hint":"declare it"},
                {"message":"no such file","file":"lib/a.js","line":1,"column":1,"hint":"make it"},
                {"message":"it never ends"}],
               "console":[{"level":"warn","message":"hm"}]}"#,
        )
        .unwrap();
        let failure = refuse(report, Path::new("main.js"));
        let word = failure.word().unwrap();
        assert_eq!(word.message, "app.js:3:5: `x` is not defined");
        assert_eq!(word.hint.as_deref(), Some("declare it"));
        let excerpt =
            "  3 | x\n    | ^\nlib/a.js:1:1: no such file\n  make it\nmain.js: it never ends\nwarn: hm\n";
        assert_eq!(word.excerpt.as_deref(), Some(excerpt));
    }

    #[test]
    fn the_place_is_private_and_goes() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = Place::new().unwrap();
        let folder = place.0.clone();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(folder.join("component.wasm"), "x").unwrap();
        drop(place);
        assert!(!folder.exists());
    }
}
