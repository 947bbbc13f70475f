//! Whether an example has changed since it was built: a digest over its sources and the contract that it is built against.

use std::path::{Path, PathBuf};

use anyhow::Result;
use sha2::{Digest as _, Sha256};

/// Digest over names and contents of what a build of that folder reads, `wit` included, in hexadecimal.
pub(crate) fn digest(folder: &Path, wit: &Path) -> Result<String> {
    let mut files = vec![folder.join("Cargo.toml"), folder.join("Cargo.lock")];
    collect(&folder.join("src"), &mut files)?;
    collect(wit, &mut files)?;
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let content = std::fs::read(&file)?;
        let name = file.strip_prefix(folder).unwrap_or(&file).to_string_lossy().into_owned();
        // Lengths keep names and contents apart.
        for part in [name.as_bytes(), &content] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What the stamp file says, if it is there.
pub(crate) fn read(stamp: &Path) -> Option<String> {
    std::fs::read_to_string(stamp).ok()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => collect(&path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}
