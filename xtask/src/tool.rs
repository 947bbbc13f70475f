//! Programs of the operating system that a command needs: found, or installed by apt-get with a word about it.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

/// A program or a file, the Debian package that has it, and what it is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    /// Name of a program, or an absolute path.
    pub(crate) needs: &'static str,
    /// Debian package.
    pub(crate) package: &'static str,
    /// What it is for; ends the sentence "installing PACKAGE …".
    pub(crate) why: &'static str,
}

impl Tool {
    /// Where it is, if it is.
    pub(crate) fn find(&self) -> Option<PathBuf> {
        find(self.needs)
    }
}

/// Makes sure that all of them are there. What is missing is installed in one go.
pub(crate) fn ensure(tools: &[Tool]) -> Result<()> {
    let missing: Vec<&Tool> = tools.iter().filter(|tool| tool.find().is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for tool in &missing {
        println!("installing {} by apt-get: {}", tool.package, tool.why);
    }
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    let by_hand = format!("install it yourself: apt-get install {}", packages.join(" "));
    if find("apt-get").is_none() {
        bail!("this is no Debian machine (there is no apt-get); {by_hand}");
    }
    let installed = apt_get(&["install", "-y", "-q", "--no-install-recommends"], &packages).or_else(|_| {
        // A fresh machine has no package lists yet, or old ones.
        apt_get(&["update", "-q"], &[])?;
        apt_get(&["install", "-y", "-q", "--no-install-recommends"], &packages)
    });
    if let Err(error) = installed {
        bail!("{error:#}; {by_hand}");
    }
    match missing.iter().find(|tool| tool.find().is_none()) {
        Some(tool) => bail!("the package {} is installed, but {} is not there", tool.package, tool.needs),
        None => Ok(()),
    }
}

/// A program on the PATH (or an absolute path), if it is there.
pub(crate) fn find(needs: &str) -> Option<PathBuf> {
    if Path::new(needs).is_absolute() {
        return Some(PathBuf::from(needs)).filter(|path| path.exists());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(needs)).find(|file| file.is_file())
}

fn apt_get(verbs: &[&str], packages: &[&str]) -> Result<()> {
    let mut command = match rustix::process::geteuid().is_root() {
        true => Command::new("apt-get"),
        false if find("sudo").is_none() => bail!("you are not root, and there is no sudo"),
        false => {
            let mut sudo = Command::new("sudo");
            // Nobody can type a password where there is no terminal.
            if !std::io::stdin().is_terminal() {
                sudo.arg("-n");
            }
            sudo.args(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
            sudo
        }
    };
    command.args(verbs).args(packages).env("DEBIAN_FRONTEND", "noninteractive");
    process::run(&mut command)
}
