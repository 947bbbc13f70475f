//! What was typed.

use std::ffi::OsString;
use std::path::PathBuf;

/// How to use it.
pub(crate) const USAGE: &str = "\
Makes a WebAssembly component of a JavaScript or TypeScript module.

usage: ostro-js build ENTRY -o OUT [--root DIR] [--bindings KINDS] [--cache DIR] [--json]
       ostro-js prepare [DIR]
       ostro-js --version

  build      makes a component of ENTRY and all that it imports, and writes it to OUT
    --root   the project's folder (the nearest one above ENTRY with a package.json)
    --bindings  kinds of resources that bindings name, with commas (any, when the program speaks of `env`)
    --cache  where the prepared interpreter is kept (the user's cache folder)
    --json   the outcome as one JSON object on standard output
  prepare    writes the prepared interpreter to DIR (beside this executable), so that the first build need not
";

/// A command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `build`.
    Build(Build),
    /// `prepare`, and where to.
    Prepare(Option<PathBuf>),
    /// `--help`.
    Help,
    /// `--version`.
    Version,
}

/// What `build` is told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Build {
    /// The entry file.
    pub(crate) entry: PathBuf,
    /// Where the component goes.
    pub(crate) out: PathBuf,
    /// The project's folder.
    pub(crate) root: Option<PathBuf>,
    /// The kinds of resources that bindings name, if that is known.
    pub(crate) bindings: Option<Vec<String>>,
    /// Where the prepared interpreter is kept.
    pub(crate) cache: Option<PathBuf>,
    /// A bundled prelude to take instead of the one inside; for work on the prelude.
    pub(crate) prelude: Option<PathBuf>,
    /// Whether to answer in JSON.
    pub(crate) json: bool,
}

/// Reads the arguments after the executable's name. The error says what is wrong with them.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut arguments = arguments.into_iter();
    let command = arguments.next().unwrap_or_default();
    match command.to_str() {
        Some("build") => build(arguments).map(Command::Build),
        Some("prepare") => {
            let folder = arguments.next().map(PathBuf::from);
            match arguments.next() {
                Some(more) => Err(format!("`prepare` takes one folder, not {} as well", more.display())),
                None => Ok(Command::Prepare(folder)),
            }
        }
        Some("--help" | "-h" | "help") => Ok(Command::Help),
        Some("--version" | "-V") => Ok(Command::Version),
        Some("") => Err("a command is missing".to_owned()),
        _ => Err(format!("there is no command {}", command.display())),
    }
}

fn build(mut arguments: impl Iterator<Item = OsString>) -> Result<Build, String> {
    let mut build = Build::default();
    let (mut entry, mut out) = (None, None);
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments.next().map(PathBuf::from).ok_or_else(|| format!("{} needs a value", argument.display()))
        };
        match argument.to_str() {
            Some("-o" | "--out") => out = Some(value()?),
            Some("--root") => build.root = Some(value()?),
            Some("--bindings") => {
                let kinds = value()?;
                let kinds = kinds.to_string_lossy();
                let kinds = kinds.split(',').filter(|kind| !kind.is_empty());
                build.bindings = Some(kinds.map(str::to_owned).collect());
            }
            Some("--cache") => build.cache = Some(value()?),
            Some("--prelude") => build.prelude = Some(value()?),
            Some("--json") => build.json = true,
            Some(option) if option.starts_with('-') => return Err(format!("`build` has no option {option}")),
            _ if entry.is_none() => entry = Some(PathBuf::from(argument)),
            _ => return Err(format!("`build` takes one entry file, not {} as well", argument.display())),
        }
    }
    build.entry = entry.ok_or("`build` needs the entry file")?;
    build.out = out.ok_or("`build` needs `-o OUT`")?;
    Ok(build)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Command, String> {
        parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn a_build_is_read() {
        let build = Build {
            entry: "app.ts".into(),
            out: "app.wasm".into(),
            bindings: Some(vec!["queue".to_owned(), "sql".to_owned()]),
            cache: Some("/c".into()),
            json: true,
            ..Build::default()
        };
        assert_eq!(
            read(&[
                "build",
                "app.ts",
                "-o",
                "app.wasm",
                "--json",
                "--cache",
                "/c",
                "--bindings",
                "queue,,sql"
            ]),
            Ok(Command::Build(build))
        );
        assert_eq!(read(&["prepare"]), Ok(Command::Prepare(None)));
        assert_eq!(read(&["--version"]), Ok(Command::Version));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (arguments, part) in [
            (&[][..], "a command is missing"),
            (&["make"], "no command make"),
            (&["build"], "needs the entry file"),
            (&["build", "a.js"], "-o OUT"),
            (&["build", "a.js", "-o"], "-o needs a value"),
            (&["build", "a.js", "b.js"], "not b.js as well"),
            (&["build", "--fast"], "no option --fast"),
            (&["prepare", "a", "b"], "not b as well"),
        ] {
            let error = read(arguments).unwrap_err();
            assert!(error.contains(part), "{arguments:?}: {error}");
        }
    }
}
