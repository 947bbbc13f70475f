//! `cargo xtask browser`: the examples with a page, deployed as their READMEs say and driven in Debian's Chromium.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::build::{self, Profile};
use crate::server::{Server, Setup};
use crate::{js, npm, process, tool, workspace};

/// The examples, each with a script of the same name in `tests/browser`.
const EXAMPLES: [Example; 3] = [
    Example { name: "todo", has_client: true, editor: None },
    Example { name: "chat", has_client: true, editor: None },
    Example { name: "cms", has_client: false, editor: Some("eve@example.com") },
];
/// Of whoever is there before anybody signs up; the scripts know it.
const PASSWORD: &[u8] = b"correct horse battery";
/// What Debian's package is called, and its executable.
const CHROMIUM: &str = "chromium";

/// What an example's README does before a browser comes.
struct Example {
    name: &'static str,
    /// Whether its pages load the client.
    has_client: bool,
    /// Who has the role `editor` from the beginning.
    editor: Option<&'static str>,
}

/// `cargo xtask browser`.
pub(crate) fn run() -> Result<()> {
    let chromium = chromium()?;
    if npm::find().is_none() {
        bail!("node and npm are needed: Playwright drives the browser");
    }
    let scripts = workspace::root().join("tests/browser");
    npm::ci(&scripts)?;
    process::run(&mut js::client()?).context("the client for pages does not build")?;
    let ostro = build::ostro(Profile::Dev)?;
    let folder = workspace::fresh("browser")?;
    let setup = Setup::on_free_ports(&ostro, &folder);
    let server = setup.start()?;
    for example in &EXAMPLES {
        let name = example.name;
        println!("\n--- {name}");
        let copy = prepare(example, &folder)?;
        deploy(&setup, &server, example, &copy)?;
        let url = format!("http://{name}.localhost:{}/", server.listen.port());
        let mut node = Command::new("node");
        node.arg(scripts.join(format!("{name}.mjs"))).arg(url).arg(&folder).env("CHROMIUM", &chromium);
        process::run(&mut node).with_context(|| format!("{name} does not do what it should"))?;
    }
    server.stop()?;
    println!("\npictures are in {}", folder.display());
    Ok(())
}

/// The browser, installed where that is possible.
fn chromium() -> Result<PathBuf> {
    if let Some(there) = tool::find(CHROMIUM) {
        return Ok(there);
    }
    println!("installing {CHROMIUM} by apt-get");
    let is_root = rustix::process::geteuid().is_root();
    let apt = |arguments: &[&str]| {
        let mut command = if is_root { Command::new("env") } else { Command::new("sudo") };
        if !is_root {
            command.args(["-n", "env"]);
        }
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]).args(arguments);
        process::output(&mut command)
    };
    apt(&["update"])
        .and_then(|_| apt(&["install", "-y", "--no-install-recommends", CHROMIUM]))
        .with_context(|| {
            format!("{CHROMIUM} is needed and cannot be installed: `apt-get install {CHROMIUM}`")
        })?;
    tool::find(CHROMIUM).context("it was installed, and is not there")
}

/// A copy of the example, with the client beside its page.
fn prepare(example: &Example, folder: &Path) -> Result<PathBuf> {
    let (root, copy) = (workspace::root(), folder.join(example.name));
    process::run(Command::new("cp").arg("-R").arg(root.join("examples").join(example.name)).arg(&copy))?;
    if example.has_client {
        let client = root.join("sdk/client/dist/ostro-client.js");
        std::fs::copy(client, copy.join("public/ostro-client.js"))?;
    }
    Ok(copy)
}

fn deploy(setup: &Setup, server: &Server, example: &Example, folder: &Path) -> Result<()> {
    let ostro = |arguments: &[&str]| {
        let mut command = setup.cli();
        process::run(server.address(&mut command).current_dir(folder).args(arguments))
    };
    if folder.join("rules.toml").is_file() {
        ostro(&["rules", "test"])?;
    }
    ostro(&["project", "create", example.name])?;
    ostro(&["deploy"])?;
    let Some(editor) = example.editor else { return Ok(()) };
    let file = folder.join("password");
    std::fs::write(&file, PASSWORD)?;
    let mut create = setup.cli();
    server.address(&mut create).current_dir(folder).stdin(std::fs::File::open(file)?);
    process::run(create.args(["user", "create", editor, "--role", "editor"]))
}
