//! `connections.toml` in the user's configuration folder: read, and replaced as a whole. It holds tokens,
//! so nobody else may read it.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::{Connections, folder};
use crate::failure::Failure;

const HEAD: &str =
    "# Servers that the ostro command knows. Written by `ostro serve` and `ostro login`; holds tokens.\n\n";

impl Connections {
    /// Where they are kept.
    pub(crate) fn file() -> Result<PathBuf, Failure> {
        Ok(folder()?.join("connections.toml"))
    }

    /// Reads them; a missing file is an empty one.
    pub(crate) fn load(file: &Path) -> Result<Self, Failure> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Failure::io(file.display(), &error)),
        };
        // The error's own text would quote the file, tokens included.
        toml::from_str(&text).map_err(|error| {
            Failure::local(format!("{} can't be read: {}", file.display(), error.message()))
                .hint("mend or delete it; `ostro serve` and `ostro login` write it anew")
        })
    }

    /// Writes them in one step: a reader sees the old file or the new one.
    pub(crate) fn save(&self, file: &Path) -> Result<(), Failure> {
        let text = toml::to_string(self)
            .map_err(|error| Failure::local(format!("the connections can't be written as TOML: {error}")))?;
        replace(file, format!("{HEAD}{text}").as_bytes()).map_err(|error| Failure::io(file.display(), &error))
    }
}

fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = file.parent().ok_or_else(|| io::Error::other("the path has no folder"))?;
    private_folder().create(folder)?;
    // The process id keeps two writers apart; a left-over of a killed one is overwritten by nobody else.
    let temporary = folder.join(format!(".connections.{}.tmp", std::process::id()));
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, file));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write_new(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = private_file().open(file)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(unix)]
fn private_file() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options
}

#[cfg(unix)]
fn private_folder() -> DirBuilder {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder
}

#[cfg(not(unix))]
fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    options
}

#[cfg(not(unix))]
fn private_folder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    builder
}
