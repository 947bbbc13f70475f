//! From a function's source to the bytes of its component: `ostro build`, `ostro deploy` and `ostro dev` use it.

mod child;
mod script;

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::failure::Failure;

/// What a component is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    /// `build` of the manifest: run first, in the folder.
    pub(crate) command: Option<&'a str>,
    /// The manifest's folder; places in messages are relative to it.
    pub(crate) folder: &'a Path,
    /// `source` of the manifest: a component, or a script that `ostro-js` makes one of.
    pub(crate) file: &'a Path,
    /// Kinds of resources that the function is bound to, if that is known: a script has what it takes for these.
    pub(crate) bound: Option<&'a [String]>,
}

/// Where the output of a build goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// To standard error, as it comes. Ctrl-C ends the build too.
    Through,
    /// It is kept: into [`Built::output`], or into the failure. Only [`Stop`] ends the build.
    Kept,
}

/// Ends a build from another thread, and every process that it started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ends it now.
    pub(crate) fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was ended.
    pub(crate) fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What came of a build.
#[derive(Debug)]
pub(crate) struct Built {
    /// The component, or whatever the file holds.
    pub(crate) component: Vec<u8>,
    /// The files that went into it, if that is known.
    pub(crate) modules: Option<Vec<PathBuf>>,
    /// What the build had to say, if it was kept.
    pub(crate) output: String,
}

/// Whether `ostro-js` makes a component of this file.
pub(crate) fn is_script(file: &Path) -> bool {
    let extension = file.extension().and_then(OsStr::to_str).unwrap_or_default();
    matches!(extension, "js" | "mjs" | "jsx" | "ts" | "mts" | "tsx")
}

/// Runs the command, compiles the script, reads the component: whatever of it there is to do. Blocks.
pub(crate) fn build(source: &Source<'_>, voice: Voice, stop: &Stop) -> Result<Built, Failure> {
    let mut output = match source.command {
        Some(command) => run(command, source.folder, voice, stop)?,
        None => String::new(),
    };
    if !is_script(source.file) {
        return Ok(Built { component: read(source)?, modules: None, output });
    }
    let compiled = script::compile(source, stop)?;
    output.push_str(&compiled.output);
    // What a command bundled was made of other files, which nobody has told us.
    let modules = source.command.is_none().then_some(compiled.modules);
    Ok(Built { component: compiled.component, modules, output })
}

/// Runs the manifest's `build` in the manifest's folder.
fn run(command: &str, folder: &Path, voice: Voice, stop: &Stop) -> Result<String, Failure> {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(folder).stdin(Stdio::null()).env_remove("OSTRO_TOKEN");
    let failed = |error: io::Error| Failure::io("the build can't be started: sh", &error);
    let ended = child::run(shell, voice, stop, None).map_err(failed)?;
    if stop.is_stopped() {
        return Err(Failure::Said);
    }
    if ended.status.success() {
        return Ok(ended.output);
    }
    let failure = Failure::local(format!("the build failed ({})", ended.status))
        .hint(format!("in {}: {command}", folder.display()));
    Err(match ended.output.trim().is_empty() {
        true => failure,
        false => failure.excerpt(with_end(ended.output)),
    })
}

fn read(source: &Source<'_>) -> Result<Vec<u8>, Failure> {
    let file = source.file.display();
    std::fs::read(source.file).map_err(|error| match (error.kind(), source.command) {
        (io::ErrorKind::NotFound, Some(_)) => Failure::local(format!("the build did not make {file}"))
            .hint("`source` in the manifest has to name what `build` makes"),
        (io::ErrorKind::NotFound, None) => {
            Failure::local(format!("there is no file {file}")).hint("build it first, or check the name")
        }
        _ => Failure::io(file, &error),
    })
}

/// Text that ends with a line break.
fn with_end(mut text: String) -> String {
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn make(command: &str, file: &str) -> Result<Built, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(file);
        let source = Source { command: Some(command), folder: folder.path(), file: &file, bound: None };
        build(&source, Voice::Kept, &Stop::default())
    }

    #[test]
    fn a_command_makes_the_component() {
        let built = make("echo hi; echo warning >&2; printf x > a.wasm", "a.wasm").unwrap();
        assert_eq!((built.component.as_slice(), built.output.as_str()), (&b"x"[..], "hi\nwarning\n"));
        assert!(built.modules.is_none());
    }

    #[test]
    fn a_failure_has_what_the_command_said() {
        let failure = make("echo a.c:1:2: no >&2; exit 3", "a.wasm").unwrap_err();
        let word = failure.word().unwrap();
        assert_eq!(word.message, "the build failed (exit status: 3)");
        assert_eq!(word.excerpt.as_deref(), Some("a.c:1:2: no\n"));
        let failure = make("true", "a.wasm").unwrap_err();
        assert!(failure.word().unwrap().message.starts_with("the build did not make "));
    }

    #[test]
    fn a_build_and_its_children_can_be_ended() {
        let stop = Stop::default();
        let other = stop.clone();
        let ender = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            other.stop();
        });
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.wasm");
        let command = "sleep 1000 & echo $! > pid; wait";
        let source = Source { command: Some(command), folder: folder.path(), file: &file, bound: None };
        assert!(matches!(build(&source, Voice::Kept, &stop), Err(Failure::Said)));
        ender.join().unwrap();
        let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
        // Whoever collects orphans needs a moment.
        let process = Path::new("/proc").join(pid.trim()).join("cmdline");
        let runs = || std::fs::read(&process).is_ok_and(|line| !line.is_empty());
        for _ in 0..100 {
            if !runs() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the child of the build still runs");
    }

    #[test]
    fn scripts_are_known_by_their_names() {
        for name in ["app.js", "a/b.mjs", "x.ts", "x.tsx"] {
            assert!(is_script(Path::new(name)), "{name}");
        }
        for name in ["app.wasm", "js", "app.json", "app.cjs"] {
            assert!(!is_script(Path::new(name)), "{name}");
        }
    }
}
