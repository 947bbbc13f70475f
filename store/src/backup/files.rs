//! Files of a backup: copied with their digests, durably, closed to others.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// What is copied at once, bytes.
const PIECE_BYTES: usize = 1 << 20;

/// Copies a file to a new one, durably; its length and digest.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<(u64, String)> {
    // What is no file, such as a link to one, is nobody's backup.
    if !fs::symlink_metadata(from)?.is_file() {
        return Err(io::Error::other(format!("{} is no file", from.display())));
    }
    let mut target = new_file(to)?;
    let (bytes, digest) = pass(File::open(from)?, |piece| target.write_all(piece))?;
    target.sync_all()?;
    Ok((bytes, digest))
}

/// Length and digest of a file.
pub(super) fn digest(file: &Path) -> io::Result<(u64, String)> {
    pass(File::open(file)?, |_| Ok(()))
}

/// Writes a new file, durably.
pub(super) fn write_new(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = new_file(file)?;
    new.write_all(bytes)?;
    new.sync_all()
}

/// Makes a folder and those above it.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Makes the names in a folder durable, and those in all folders below it.
pub(super) fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        }
    }
    File::open(folder)?.sync_all()
}

fn new_file(file: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)
}

fn pass(mut from: File, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<(u64, String)> {
    let (mut piece, mut bytes, mut digest) = (vec![0; PIECE_BYTES], 0, Sha256::new());
    loop {
        let read = from.read(&mut piece)?;
        let part = piece.get(..read).unwrap_or_default();
        if part.is_empty() {
            return Ok((bytes, format!("{:x}", digest.finalize())));
        }
        digest.update(part);
        take(part)?;
        bytes += part.len() as u64;
    }
}
