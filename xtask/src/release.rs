//! `cargo xtask release`: dist/ with a stripped archive (`ostro`, `ostro-js`), its checksum, a systemd unit and a Dockerfile.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::build::{self, Profile};
use crate::tool::{self, Tool};
use crate::{js, process, workspace};

const STRIP: Tool =
    Tool { needs: "strip", package: "binutils", why: "removes debug information from the release" };
const UNIT: &str = include_str!("release/ostro.service");
const DOCKERFILE: &str = include_str!("release/Dockerfile");

/// `cargo xtask release`.
pub(crate) fn run() -> Result<()> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!("releases are made on Linux x86-64");
    }
    tool::ensure(&[STRIP])?;
    let ostro = build::ostro(Profile::Release)?;
    let name = format!("ostro-{}-x86_64-linux", env!("CARGO_PKG_VERSION"));
    let dist = empty_dist()?;
    let staged = workspace::fresh("release-staging")?;
    let folder = staged.join(&name);
    std::fs::create_dir(&folder)?;
    process::run(Command::new("strip").arg("-o").arg(folder.join("ostro")).arg(&ostro))?;
    js::copy_to(&folder)?;
    for file in ["LICENSE", "README.md"] {
        std::fs::copy(workspace::root().join(file), folder.join(file))
            .with_context(|| format!("no {file}"))?;
    }
    std::fs::write(folder.join("ostro.service"), UNIT)?;
    std::fs::write(dist.join("ostro.service"), UNIT)?;
    std::fs::write(dist.join("Dockerfile"), DOCKERFILE)?;

    let archive = format!("{name}.tar.gz");
    pack(&staged, &name, &dist.join(&archive))?;
    // The Dockerfile copies the executable, which stands beside it.
    std::fs::copy(folder.join("ostro"), dist.join("ostro"))?;
    let files = [archive.as_str(), "ostro", "ostro.service", "Dockerfile"];
    let sums = process::output(Command::new("sha256sum").current_dir(&dist).args(files))?;
    std::fs::write(dist.join("SHA256SUMS"), &sums)?;
    print!("{}:\n{sums}", dist.display());
    Ok(())
}

fn empty_dist() -> Result<PathBuf> {
    let dist = workspace::root().join("dist");
    if dist.exists() {
        std::fs::remove_dir_all(&dist)?;
    }
    std::fs::create_dir(&dist)?;
    Ok(dist)
}

/// The same content makes the same archive: no names of users, no times.
fn pack(from: &Path, folder: &str, archive: &Path) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "-C"]).arg(from);
    tar.args(["-I", "gzip -n -9", "-cf"]).arg(archive).arg(folder);
    process::run(&mut tar)
}
