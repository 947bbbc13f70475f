//! npm: the packages of a folder, as its lock file has them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::{process, tool};

/// Written into `node_modules` when it is complete: the digest of the lock file that it was made from.
const STAMP: &str = ".made-from";

/// npm, where node is there as well.
pub(crate) fn find() -> Option<PathBuf> {
    tool::find("node")?;
    tool::find("npm")
}

/// Installs what `package-lock.json` names, unless it is there already. Needs the registry unless npm has kept the packages.
pub(crate) fn ci(folder: &Path) -> Result<()> {
    let lock = folder.join("package-lock.json");
    let lock = std::fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let digest: String = Sha256::digest(&lock).iter().map(|byte| format!("{byte:02x}")).collect();
    let stamp = folder.join("node_modules").join(STAMP);
    if std::fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == digest) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder);
    process::output(&mut npm).with_context(|| {
        format!("npm cannot install the packages of {} (it asks the npm registry)", folder.display())
    })?;
    // A package without dependencies gets no folder.
    std::fs::create_dir_all(folder.join("node_modules"))?;
    std::fs::write(&stamp, digest)?;
    Ok(())
}
