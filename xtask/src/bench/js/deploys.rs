//! How long a deploy of JavaScript takes: the first one on an empty machine, and one after an edit.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::sources::Sources;
use crate::http::Client;
use crate::server::{Server, Setup};
use crate::{process, workspace};

const FIRST_GOAL: Duration = Duration::from_secs(3);
const CHANGED_GOAL: Duration = Duration::from_millis(1500);
/// Edits that are measured; the slowest counts.
const EDITS: u32 = 5;

/// Times `ostro deploy`, from the command to its end, with the answer checked after each.
pub(crate) fn measure(ostro: &Path, sources: &Sources) -> Result<()> {
    let folder = workspace::fresh("bench-js")?;
    let setup = Setup::on_free_ports(ostro, &folder);
    let server = setup.start()?;
    let project = folder.join("shop");
    std::fs::create_dir_all(&project)?;
    std::fs::write(project.join("ostro.toml"), "manifest = 1\n\n[function.shop]\nsource = \"app.js\"\n")?;

    let deploy = |text: &str| -> Result<Duration> {
        std::fs::write(project.join("app.js"), source(text))?;
        let took = deploy(&setup, &server, sources, &project)?;
        let answer = Client::new(server.listen, Duration::from_secs(10)).get("shop.localhost", "/")?;
        match answer.text() == text {
            true => Ok(took),
            false => bail!("after the deploy the function answered {:?}", answer.text()),
        }
    };
    let first = deploy("one")?;
    let edits: Result<Vec<Duration>> = (0..EDITS).map(|edit| deploy(&format!("edit {edit}"))).collect();
    let slowest = edits?.into_iter().max().unwrap_or_default();
    let size = sources.size(&project.join("app.js"), &folder.join("hello.wasm"))?;
    println!("\ncomponent of a hello: {:.2} MB (goal: at most 2 MB)", super::megabytes(size));
    println!(
        "first deploy, nothing cached: {:.2} s (goal: at most {} s)",
        first.as_secs_f64(),
        FIRST_GOAL.as_secs()
    );
    println!(
        "a changed file, slowest of {EDITS}: {:.2} s (goal: at most {:.1} s)",
        slowest.as_secs_f64(),
        CHANGED_GOAL.as_secs_f64()
    );
    Ok(())
}

fn deploy(setup: &Setup, server: &Server, sources: &Sources, project: &Path) -> Result<Duration> {
    let mut cli = setup.cli();
    server.address(&mut cli).arg("deploy").arg(project).env("OSTRO_JS", &sources.ostro_js);
    // What the compiler keeps between builds begins empty, too.
    cli.env("XDG_CACHE_HOME", setup.folder.join("cache"));
    let begin = Instant::now();
    process::output(&mut cli).context("ostro deploy failed")?;
    Ok(begin.elapsed())
}

fn source(text: &str) -> String {
    format!("export default {{\n  fetch() {{\n    return new Response({text:?});\n  }},\n}};\n")
}
