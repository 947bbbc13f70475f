//! The functions of the bench, and the peers that run them: `benches/js`, copied below `target`, its packages by npm.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::{js, npm, process, workspace};

/// Bytes of the JSON that is parsed and sent back, at least.
const JSON_BYTES: usize = 100_000;

/// The bench's own sources, ready to be run.
#[derive(Debug)]
pub(crate) struct Sources {
    /// Where they and their packages are.
    pub(crate) folder: PathBuf,
    /// Our compiler.
    pub(crate) ostro_js: PathBuf,
    /// The script by which wrk posts the JSON.
    pub(crate) script: PathBuf,
    json: String,
}

impl Sources {
    /// Copies them, fetches the packages, bundles what peers need bundled.
    pub(crate) fn prepare() -> Result<Self> {
        if npm::find().is_none() {
            bail!("this bench needs node and npm: they fetch and run what Ostro is compared with");
        }
        let ostro_js = js::ostro_js()?;
        let folder = workspace::target().join("bench-tools/js");
        copy(&workspace::root().join("benches/js"), &folder)?;
        npm::ci(&folder)?;
        bundle(&folder, "src/app.jsx", "built/app.js", &[])?;
        let external = "--external:@google-cloud/functions-framework";
        bundle(&folder, "src/express.mjs", "built/express.mjs", &["--platform=node", external])?;
        let json = json_text();
        std::fs::write(folder.join("built/body.json"), &json)?;
        let script = folder.join("built/post.lua");
        std::fs::write(&script, lua(&folder.join("built/body.json")))?;
        Ok(Self { folder, ostro_js, script, json })
    }

    /// The functions as a component.
    pub(crate) fn component(&self) -> Result<Vec<u8>> {
        let out = self.folder.join("built/app.wasm");
        self.build(&self.folder.join("src/app.jsx"), &out)?;
        Ok(std::fs::read(&out)?)
    }

    /// Bytes of the component of a module.
    pub(crate) fn size(&self, entry: &Path, out: &Path) -> Result<usize> {
        self.build(entry, out)?;
        Ok(usize::try_from(std::fs::metadata(out)?.len())?)
    }

    fn build(&self, entry: &Path, out: &Path) -> Result<()> {
        let mut build = Command::new(&self.ostro_js);
        build.arg("build").arg(entry).arg("-o").arg(out).current_dir(&self.folder);
        process::output(&mut build).map(drop)
    }

    /// workerd's executable, where npm has one for this machine.
    pub(crate) fn workerd(&self) -> Option<PathBuf> {
        let package = match std::env::consts::ARCH {
            "x86_64" => "workerd-linux-64",
            "aarch64" => "workerd-linux-arm64",
            _ => return None,
        };
        let program = self.folder.join("node_modules/@cloudflare").join(package).join("bin/workerd");
        program.is_file().then_some(program)
    }

    /// The POST of the JSON as it goes over the wire.
    pub(crate) fn post(&self, path: &str, host: &str) -> Vec<u8> {
        let Self { json, .. } = self;
        let length = json.len();
        let head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json");
        format!("{head}\r\ncontent-length: {length}\r\n\r\n{json}").into_bytes()
    }
}

fn bundle(folder: &Path, entry: &str, out: &str, options: &[&str]) -> Result<()> {
    let mut esbuild = Command::new(folder.join("node_modules/.bin/esbuild"));
    esbuild.args([entry, "--bundle", "--format=esm", "--jsx=automatic", "--log-level=error"]);
    esbuild.arg(format!("--outfile={out}")).args(options).current_dir(folder);
    process::output(&mut esbuild).map(drop)
}

/// Objects as an API has them: numbers, text, lists, nesting.
fn json_text() -> String {
    let item = |n: usize| json!({ "id": n, "name": format!("item {n}"), "price": n as f64 / 4.0, "tags": ["a", "b\n"], "stock": { "here": n % 7, "there": null } });
    let (mut items, mut bytes) = (Vec::new(), 0);
    while bytes < JSON_BYTES {
        let item = item(items.len());
        bytes += item.to_string().len() + 1;
        items.push(item);
    }
    json!({ "items": items }).to_string()
}

fn lua(body: &Path) -> String {
    format!(
        "wrk.method = \"POST\"\nwrk.headers[\"content-type\"] = \"application/json\"\n\
         local file = io.open(\"{}\", \"rb\")\nwrk.body = file:read(\"*a\")\nfile:close()\n",
        body.display()
    )
}

/// Copies the folder's files; what is beside them in `to` stays.
fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &place)?,
            false => std::fs::copy(entry.path(), place).map(drop)?,
        }
    }
    Ok(())
}
