//! Whether a guest has changed since it was built: a digest over its sources and what it is built against.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

/// What a build makes itself, or what a lock file says.
const NOT_SOURCES: [&str; 4] = ["target", "node_modules", "README.md", "__pycache__"];

/// Digest over names and contents of the folder's sources and of what it is built against, and over `tool`, in
/// hexadecimal.
pub(crate) fn digest(folder: &Path, against: &[PathBuf], tool: &str) -> Result<String> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    for folder in against {
        collect(folder, &mut files)?;
    }
    files.sort();
    let mut hash = Sha256::new();
    add(&mut hash, tool.as_bytes());
    for file in files {
        let content = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.strip_prefix(folder).unwrap_or(&file).to_string_lossy().into_owned();
        add(&mut hash, name.as_bytes());
        add(&mut hash, &content);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What the stamp file says, if it is there.
pub(crate) fn read(stamp: &Path) -> Option<String> {
    std::fs::read_to_string(stamp).ok()
}

/// Lengths keep the parts apart.
fn add(hash: &mut Sha256, part: &[u8]) {
    hash.update((part.len() as u64).to_le_bytes());
    hash.update(part);
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        // `.npmrc` and what editors leave decide nothing about the result.
        if NOT_SOURCES.iter().any(|not| name == *not) || name.to_string_lossy().starts_with('.') {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => collect(&entry.path(), files)?,
            false => files.push(entry.path()),
        }
    }
    Ok(())
}
