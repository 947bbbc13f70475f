//! What a changed file means: nothing, a deploy, or a build. And when a burst of changes is over. Pure.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    path::{Component, Path, PathBuf},
    time::{Duration, Instant},
};

/// Editors and version control write several files at once: so long without a change is the end of a burst.
const QUIET: Duration = Duration::from_millis(40);
/// Something that writes all the time does not hold up the rest for longer than this.
const LONGEST_BURST: Duration = Duration::from_millis(500);
/// Folders that tools write to, and in which nobody edits.
const IGNORED_FOLDERS: [&str; 5] = ["target", "node_modules", ".ostro", ".git", "__pycache__"];

/// Changes that wait for the end of their burst.
#[derive(Debug, Default)]
pub(super) struct Burst {
    paths: BTreeSet<PathBuf>,
    /// When it began, and its last change.
    span: Option<(Instant, Instant)>,
}

impl Burst {
    /// Takes a change in.
    pub(super) fn add(&mut self, paths: impl IntoIterator<Item = PathBuf>, now: Instant) {
        let mut last = None;
        for path in paths {
            self.paths.insert(path);
            last = Some(now);
        }
        if let Some(last) = last {
            self.span = Some((self.span.map_or(last, |(first, _)| first), last));
        }
    }

    /// How long to wait until it is over; `None` while nothing has changed.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let (first, last) = self.span?;
        let due = (last + QUIET).min(first + LONGEST_BURST);
        Some(due.saturating_duration_since(now))
    }

    /// The changes, once it is over.
    pub(super) fn take(&mut self, now: Instant) -> Option<BTreeSet<PathBuf>> {
        if self.wait(now)? > Duration::ZERO {
            return None;
        }
        self.span = None;
        Some(std::mem::take(&mut self.paths))
    }
}

/// What is to be done for a function; the greater one includes the smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// Nothing.
    Nothing,
    /// The same component, deployed again: its settings or its assets are others.
    Deploy,
    /// A new component.
    Build,
}

/// How a function's component comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `ostro-js` makes it of a script.
    Script,
    /// A command of the manifest makes it.
    Command,
    /// Somebody else makes it: the file is taken as it is.
    File,
}

/// What is known of a function's files. All paths are absolute.
#[derive(Debug)]
pub(super) struct Inputs<'a> {
    /// The manifest's folder.
    pub(super) folder: &'a Path,
    /// How the component comes about.
    pub(super) kind: Kind,
    /// `source` of the manifest.
    pub(super) source: &'a Path,
    /// The files that went into the last build, if it could be told.
    pub(super) known: Option<&'a BTreeSet<PathBuf>>,
    /// `assets` of the manifest.
    pub(super) assets: Option<&'a Path>,
}

/// Whether nobody edits this file: it is below a folder of a tool, or an editor's own. `path` is relative to the project.
pub(super) fn is_ignored(path: &Path) -> bool {
    let of_a_tool = |component: Component<'_>| matches!(component, Component::Normal(name) if IGNORED_FOLDERS.iter().any(|ignored| name == *ignored));
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let of_an_editor = name.ends_with('~')
        || name.starts_with(".#")
        || name.starts_with('#') && name.ends_with('#')
        // Written by package managers when they build.
        || matches!(name, "4913" | "Cargo.lock" | "package-lock.json")
        || matches!(extension(path), "swp" | "swo" | "swx" | "tmp");
    of_an_editor || path.components().any(of_a_tool)
}

/// What one changed file means for a function. `foreign` says that the file is known to belong to another one.
pub(super) fn need(changed: &Path, inputs: &Inputs<'_>, foreign: bool) -> Need {
    if inputs.known.is_some_and(|known| known.contains(changed)) {
        return Need::Build;
    }
    if changed == inputs.source {
        // What a command makes is no reason to run it.
        return if inputs.kind == Kind::Command { Need::Nothing } else { Need::Build };
    }
    if inputs.assets.is_some_and(|assets| changed.starts_with(assets)) {
        return Need::Deploy;
    }
    let guess = match (inputs.kind, inputs.known) {
        (Kind::File, _) | (Kind::Script, Some(_)) => false,
        (Kind::Script, None) => !foreign && is_script_part(changed),
        (Kind::Command, Some(_)) => is_build_setting(changed),
        (Kind::Command, None) => !foreign && !matches!(extension(changed), "md" | "wasm"),
    };
    match guess && changed.starts_with(inputs.folder) {
        true => Need::Build,
        false => Need::Nothing,
    }
}

/// Files that a build command writes into the project itself: they must not start it again for ever.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    /// Changed during one build: by the build, or by somebody who was quick.
    suspects: BTreeSet<PathBuf>,
    /// Changed during two builds, and never in between.
    certain: BTreeSet<PathBuf>,
}

impl Outputs {
    /// Whether a changed file is the work of the build itself. `building` says that one runs or has just ended.
    pub(super) fn has(&mut self, changed: &Path, building: bool) -> bool {
        if !building {
            // Somebody edits it.
            self.suspects.remove(changed);
            self.certain.remove(changed);
            return false;
        }
        if self.suspects.remove(changed) {
            self.certain.insert(changed.to_owned());
        }
        let certain = self.certain.contains(changed);
        if !certain {
            self.suspects.insert(changed.to_owned());
        }
        certain
    }
}

/// The files that a build lists in a `.d` file beside what it makes, as cargo and C compilers do:
/// `made: one two\ three`. Relative ones are of `folder`.
pub(super) fn listed(text: &str, folder: &Path) -> BTreeSet<PathBuf> {
    // A line that goes on ends with a backslash.
    let text = text.replace("\\\n", " ");
    let lists = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": "));
    lists
        .flat_map(|(_, list)| {
            // A space that belongs to a name has a backslash before it.
            let list = list.replace("\\ ", "\0");
            let names: Vec<PathBuf> =
                list.split_whitespace().map(|name| folder.join(name.replace('\0', " "))).collect();
            names
        })
        .collect()
}

fn is_script_part(path: &Path) -> bool {
    matches!(extension(path), "js" | "mjs" | "cjs" | "ts" | "mts" | "cts" | "jsx" | "tsx" | "json")
}

/// Files that no list of sources has, and that change what a build makes.
fn is_build_setting(path: &Path) -> bool {
    extension(path) == "toml" || path.file_name().is_some_and(|name| name == "build.rs")
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(OsStr::to_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(paths: &[&str]) -> BTreeSet<PathBuf> {
        paths.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn a_burst_ends_when_it_is_quiet_or_has_lasted() {
        let start = runtime::clock::Clock::system().instant();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut burst = Burst::default();
        assert_eq!(burst.wait(at(0)), None);
        assert_eq!(burst.take(at(0)), None);
        burst.add([PathBuf::from("/a")], at(0));
        burst.add([PathBuf::from("/a"), PathBuf::from("/b")], at(30));
        assert_eq!(burst.wait(at(30)), Some(QUIET));
        assert_eq!(burst.take(at(69)), None);
        assert_eq!(burst.take(at(70)), Some(set(&["/a", "/b"])));
        assert_eq!(burst.wait(at(70)), None);

        for ms in (0..490).step_by(10) {
            burst.add([PathBuf::from("/log")], at(1_000 + ms));
            assert_eq!(burst.take(at(1_000 + ms)), None, "{ms}");
        }
        burst.add([PathBuf::from("/log")], at(1_499));
        assert_eq!(burst.take(at(1_500)), Some(set(&["/log"])));
    }

    #[test]
    fn nothing_is_no_burst() {
        let mut burst = Burst::default();
        burst.add([], runtime::clock::Clock::system().instant());
        assert_eq!(burst.wait(runtime::clock::Clock::system().instant()), None);
    }

    #[test]
    fn files_of_tools_and_editors_are_ignored() {
        for path in [
            "target/debug/x",
            "a/node_modules/b/c.js",
            ".ostro/dev/catalog.db",
            ".git/index",
            "src/.app.js.swp",
            "app.js~",
            "4913",
            ".#app.js",
            "#app.js#",
        ] {
            assert!(is_ignored(Path::new(path)), "{path}");
        }
        for path in ["app.js", "src/lib.rs", "targets/a.js", "ostro.toml", ".env"] {
            assert!(!is_ignored(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn a_script_is_built_for_its_own_files() {
        let known = set(&["/p/app.js", "/p/lib/a.js"]);
        let inputs = Inputs {
            folder: Path::new("/p"),
            kind: Kind::Script,
            source: Path::new("/p/app.js"),
            known: Some(&known),
            assets: Some(Path::new("/p/public")),
        };
        for (changed, expected) in [
            ("/p/app.js", Need::Build),
            ("/p/lib/a.js", Need::Build),
            ("/p/lib/b.js", Need::Nothing),
            ("/p/public/index.html", Need::Deploy),
            ("/p/publicity.html", Need::Nothing),
            ("/elsewhere/app.js", Need::Nothing),
        ] {
            assert_eq!(need(Path::new(changed), &inputs, false), expected, "{changed}");
        }
        // After a build that failed any script may be the one that was missing.
        let unknown = Inputs { known: None, ..inputs };
        for (changed, foreign, expected) in [
            ("/p/lib/b.ts", false, Need::Build),
            ("/p/lib/b.ts", true, Need::Nothing),
            ("/p/data.json", false, Need::Build),
            ("/p/notes.txt", false, Need::Nothing),
            ("/q/lib/b.ts", false, Need::Nothing),
        ] {
            assert_eq!(need(Path::new(changed), &unknown, foreign), expected, "{changed}");
        }
    }

    #[test]
    fn a_command_is_run_for_what_it_listed_or_for_anything() {
        let known = set(&["/p/src/lib.rs", "/shared/src/lib.rs"]);
        let inputs = Inputs {
            folder: Path::new("/p"),
            kind: Kind::Command,
            source: Path::new("/p/target/x.wasm"),
            known: Some(&known),
            assets: None,
        };
        for (changed, expected) in [
            ("/p/src/lib.rs", Need::Build),
            ("/shared/src/lib.rs", Need::Build),
            ("/p/Cargo.toml", Need::Build),
            ("/p/app.js", Need::Nothing),
        ] {
            assert_eq!(need(Path::new(changed), &inputs, false), expected, "{changed}");
        }
        let unknown = Inputs { known: None, ..inputs };
        assert_eq!(need(Path::new("/p/main.go"), &unknown, false), Need::Build);
        assert_eq!(need(Path::new("/p/app.js"), &unknown, true), Need::Nothing);
        assert_eq!(need(Path::new("/p/README.md"), &unknown, false), Need::Nothing);
        assert_eq!(need(Path::new("/p/target/x.wasm"), &unknown, false), Need::Nothing);
        let file = Inputs { kind: Kind::File, known: None, ..unknown };
        assert_eq!(need(Path::new("/p/target/x.wasm"), &file, false), Need::Build);
        assert_eq!(need(Path::new("/p/src/lib.rs"), &file, false), Need::Nothing);
    }

    #[test]
    fn a_build_is_not_started_by_what_it_writes() {
        let mut outputs = Outputs::default();
        let (made, edited) = (Path::new("/p/gen.h"), Path::new("/p/main.c"));
        assert!(!outputs.has(edited, false));
        assert!(!outputs.has(made, true), "once may be chance");
        assert!(!outputs.has(edited, true), "an edit during a build");
        assert!(outputs.has(made, true));
        assert!(outputs.has(made, true));
        assert!(!outputs.has(edited, false));
        assert!(!outputs.has(edited, true));
        assert!(!outputs.has(made, false), "now it was edited");
    }

    #[test]
    fn a_list_of_sources_is_read() {
        let text =
            "/p/target/x.wasm: /p/src/lib.rs /p/src/my\\ file.rs \\\n  src/b.rs\n# x: y\n\n/p/src/lib.rs:\n";
        let expected = set(&["/p/src/lib.rs", "/p/src/my file.rs", "/p/src/b.rs"]);
        assert_eq!(listed(text, Path::new("/p")), expected);
        assert_eq!(listed("", Path::new("/p")), BTreeSet::new());
    }
}
