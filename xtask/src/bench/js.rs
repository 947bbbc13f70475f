//! What JavaScript costs: CPU per request beside workerd and functions-framework, the size of components, the time of a deploy.

mod deploys;
mod sources;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use self::sources::Sources;
use super::hello::Peer;
use super::wrk::Ask;
use super::{cpu, wrk};
use crate::build::{self, Profile};
use crate::http::Client;
use crate::server::Setup;
use crate::workspace;

const CONNECTIONS: u32 = 32;
const WARM_UP_SECONDS: u32 = 2;
const SECONDS: u32 = 6;
/// Requests that an instance serves in the rows that reuse it: what a new one costs is spread over so many.
const REUSE: u32 = 1_000;
const FUNCTION: &str = "app";

/// The questions, in the order of the columns.
const WORKS: [Work; 3] = [
    Work { name: "hello", path: "/hello", posts: false },
    Work { name: "100 KB JSON", path: "/json", posts: true },
    Work { name: "page", path: "/page", posts: false },
];

/// What a request makes the function do.
struct Work {
    name: &'static str,
    path: &'static str,
    /// Whether the request has the JSON as its body.
    posts: bool,
}

/// A server under load.
struct Target<'a> {
    name: &'a str,
    isolation: &'static str,
    pid: u32,
    at: SocketAddr,
}

/// One row of the table.
struct Row {
    name: String,
    isolation: &'static str,
    /// CPU microseconds and requests a second, for each of [`WORKS`].
    figures: Vec<(f64, f64)>,
}

/// `cargo xtask bench js`.
pub(crate) fn run(profile: Profile) -> Result<()> {
    wrk::ensure()?;
    println!("building ({profile:?} profile; minutes the first time)");
    let ostro = build::ostro(profile)?;
    let sources = Sources::prepare()?;
    let component = sources.component()?;
    println!(
        "measuring: wrk -t1 -c{CONNECTIONS} -d{SECONDS}s after {WARM_UP_SECONDS} s of warm-up, {} cores",
        super::cores()
    );
    let mut rows = ours(&ostro, &sources, &component)?;
    match sources.workerd() {
        Some(program) => rows.push(workerd(&program, &sources)?),
        None => println!("workerd is not to be had for this machine: not measured"),
    }
    rows.push(functions_framework(&sources)?);
    print(&rows);
    println!("\ncomponent of the three functions with Preact: {:.2} MB", megabytes(component.len()));
    deploys::measure(&ostro, &sources)
}

/// Ostro's ways to keep requests apart, or not to.
fn ours(ostro: &Path, sources: &Sources, component: &[u8]) -> Result<Vec<Row>> {
    let ways: [(&str, &'static str, Value); 3] = [
        ("ostro, fresh instance per request", "full", json!({})),
        ("ostro, reuse one after the other", "none (reused)", json!({ "reuse": REUSE })),
        ("ostro, reuse with 32 at a time", "none (shared)", json!({ "reuse": REUSE, "concurrent": 32 })),
    ];
    let mut rows = Vec::new();
    for (name, isolation, flags) in ways {
        // A server of its own for each: nothing of the one before is warm.
        let server = Setup::on_free_ports(ostro, &workspace::fresh("bench-js")?).start()?;
        server.control().deploy("default", FUNCTION, component, &flags).with_context(|| name)?;
        let target = Target { name, isolation, pid: server.pid(), at: server.listen };
        rows.push(measure(&target, sources)?);
    }
    Ok(rows)
}

fn workerd(program: &Path, sources: &Sources) -> Result<Row> {
    let peer = Peer::start(|address| {
        let mut command = Command::new(program);
        command.args(["serve", "workerd.capnp", "--socket-addr", &format!("http={address}")]);
        command.current_dir(&sources.folder);
        command
    })?;
    measure(&Target { name: "workerd", isolation: "none (shared)", pid: peer.pid(), at: peer.at }, sources)
}

fn functions_framework(sources: &Sources) -> Result<Row> {
    let peer = Peer::start(|address| {
        let mut command = Command::new("node");
        command.args(["built/express.mjs", address]).env("NODE_ENV", "production");
        command.current_dir(&sources.folder);
        command
    })?;
    let name = "functions-framework (Node)";
    measure(&Target { name, isolation: "none (shared)", pid: peer.pid(), at: peer.at }, sources)
}

fn measure(target: &Target<'_>, sources: &Sources) -> Result<Row> {
    let host = format!("{FUNCTION}.localhost");
    let mut figures = Vec::new();
    for work in &WORKS {
        check(target, work, &host, sources)?;
        let ask = Ask { path: work.path, script: work.posts.then_some(sources.script.as_path()) };
        let load = |seconds| wrk::Load { to: target.at, host: &host, connections: CONNECTIONS, seconds };
        wrk::ask(&load(WARM_UP_SECONDS), ask)?;
        let before = cpu::used(target.pid)?;
        let report =
            wrk::ask(&load(SECONDS), ask).with_context(|| format!("{}: {}", target.name, work.name))?;
        let used = cpu::used(target.pid)?.saturating_sub(before);
        figures.push((used.as_secs_f64() * 1e6 / report.requests as f64, report.rate));
    }
    println!("  {}: done", target.name);
    Ok(Row { name: target.name.to_owned(), isolation: target.isolation, figures })
}

/// One request by hand: a server that answers something else would be measured doing something else.
fn check(target: &Target<'_>, work: &Work, host: &str, sources: &Sources) -> Result<()> {
    let mut client = Client::new(target.at, Duration::from_secs(20));
    let answer = match work.posts {
        true => client.exchange(&sources.post(work.path, host))?,
        false => client.get(host, work.path)?,
    };
    let expected = match work.name {
        "hello" => answer.body == b"Hello, World!\n",
        "page" => answer.text().matches("<li").count() == 50,
        // JavaScript writes 1 where we wrote 1.0: the answer is a little shorter than the question.
        _ => answer.body.len() > 95_000 && answer.text().contains("\"count\":"),
    };
    if answer.status != 200 || !expected {
        let start: String = answer.text().chars().take(200).collect();
        bail!("{} answered {} to {}: {start}", target.name, answer.status, work.name);
    }
    Ok(())
}

fn print(rows: &[Row]) {
    print!("\n{:<36}", "CPU us / request (requests/s)");
    for work in &WORKS {
        print!(" {:>20}", work.name);
    }
    println!("  isolation per request");
    for row in rows {
        print!("{:<36}", row.name);
        for (cpu_us, rate) in &row.figures {
            print!(" {:>20}", format!("{cpu_us:.0} ({rate:.0})"));
        }
        println!("  {}", row.isolation);
    }
}

fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}
