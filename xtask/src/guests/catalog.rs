//! Which guests there are, and what kind of build each wants: seen by the files in its folder.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::workspace;

/// Folders whose folders are guests.
const HOMES: [&str; 4] = ["examples", "benches", "tests/guests-rust", "tests/guests-js"];

/// How a guest is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By cargo: there is a `Cargo.toml`.
    Rust,
    /// By another tool that npm brings: there is a `build.mjs`.
    Npm,
    /// By componentize-py: there is a `requirements.txt`.
    Python,
    /// By ostro-js: the manifest's source is JavaScript or TypeScript.
    Script,
}

impl Kind {
    /// All of them; the slowest first.
    pub(crate) const ALL: [Self; 4] = [Self::Rust, Self::Npm, Self::Python, Self::Script];
}

/// A folder that becomes a component.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    /// The folder's name, unique among all guests.
    pub(crate) name: String,
    /// Where its sources are.
    pub(crate) folder: PathBuf,
    /// How it is built.
    pub(crate) kind: Kind,
    /// `source` of its manifest, if it has one.
    pub(crate) source: Option<PathBuf>,
    /// `build` of its manifest, if there is one.
    pub(crate) command: Option<String>,
}

impl Guest {
    /// Where its component is put.
    pub(crate) fn built(&self) -> PathBuf {
        workspace::target().join("guests").join(format!("{}.wasm", self.name))
    }

    /// The folders that it is built against: the contract, and the crate for Rust where it depends on that.
    pub(crate) fn against(&self) -> Result<Vec<PathBuf>> {
        let mut folders = vec![workspace::root().join("wit")];
        let names_crate = self.kind == Kind::Rust
            && std::fs::read_to_string(self.folder.join("Cargo.toml"))?.contains("sdk/rust");
        if names_crate {
            folders.push(workspace::root().join("sdk/rust/src"));
        }
        Ok(folders)
    }
}

/// All guests, sorted by name.
pub(crate) fn all() -> Result<Vec<Guest>> {
    let mut guests: Vec<Guest> = Vec::new();
    for home in HOMES.map(|home| workspace::root().join(home)).iter().filter(|home| home.is_dir()) {
        for entry in std::fs::read_dir(home)? {
            guests.extend(guest(&entry?.path())?);
        }
    }
    guests.sort_by(|a, b| a.name.cmp(&b.name));
    match guests
        .windows(2)
        .find_map(|two| matches!(two, [a, b] if a.name == b.name).then(|| two.first()).flatten())
    {
        Some(twice) => bail!("two guests are called {}", twice.name),
        None => Ok(guests),
    }
}

/// The guest in that folder, if it is one that is built here.
fn guest(folder: &Path) -> Result<Option<Guest>> {
    let has = |file: &str| folder.join(file).is_file();
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (source, command) = if has("ostro.toml") { manifest(folder, &name)? } else { (None, None) };
    let is_script = |source: &PathBuf| {
        let extension = source.extension().unwrap_or_default();
        ["js", "mjs", "jsx", "ts", "tsx"].iter().any(|script| extension == *script)
    };
    let kind = if has("Cargo.toml") {
        Kind::Rust
    } else if has("build.mjs") {
        Kind::Npm
    } else if has("requirements.txt") {
        Kind::Python
    } else if source.as_ref().is_some_and(is_script) {
        Kind::Script
    } else {
        return Ok(None);
    };
    Ok(Some(Guest { name, folder: folder.to_owned(), kind, source, command }))
}

/// `source` and `build` of the function that is called as its folder.
fn manifest(folder: &Path, name: &str) -> Result<(Option<PathBuf>, Option<String>)> {
    let file = folder.join("ostro.toml");
    let manifest: toml::Table =
        std::fs::read_to_string(&file)?.parse().with_context(|| format!("{} is no TOML", file.display()))?;
    let function = manifest.get("function").and_then(|functions| functions.get(name));
    let text = |key: &str| Some(function?.get(key)?.as_str()?.to_owned());
    Ok((text("source").map(|source| folder.join(source)), text("build")))
}
