//! What one hello costs: requests a second, and CPU of the server per request, which depends far less on the load generator.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::{cpu, wrk};
use crate::build::{self, Profile};
use crate::http::Client;
use crate::server::Setup;
use crate::{guests, tool, workspace};

const CONNECTIONS: u32 = 32;
const WARM_UP_SECONDS: u32 = 2;
const SECONDS: u32 = 8;

/// One row of the table.
struct Row {
    name: &'static str,
    isolation: &'static str,
    rate: f64,
    cpu_us: f64,
}

/// `cargo xtask bench hello`.
pub(crate) fn run(profile: Profile) -> Result<()> {
    wrk::ensure()?;
    println!("building ({profile:?} profile; minutes the first time)");
    let ostro = build::ostro(profile)?;
    let floor = build::bench("ostro", "hyper_floor", profile)?;
    let component = guests::component("hello-rust")?;
    let bare = build::bench("ostro", "bare_wasmtime", profile)?;
    println!(
        "measuring: wrk -t1 -c{CONNECTIONS} -d{SECONDS}s after {WARM_UP_SECONDS} s of warm-up, {} cores",
        super::cores()
    );

    let mut rows = Vec::new();
    let peer = Peer::start(|address| {
        let mut command = Command::new(&floor);
        command.arg(address);
        command
    })?;
    rows.push(measure("bare hyper, constant answer", "none", peer.pid(), peer.at, "localhost")?);
    drop(peer);
    let peer = Peer::start(|address| {
        let mut command = Command::new(&bare);
        command.arg(address).arg(workspace::target().join("guests/hello-rust.wasm"));
        command
    })?;
    rows.push(measure("bare hyper and wasmtime, fresh", "no limits", peer.pid(), peer.at, "localhost")?);
    drop(peer);

    let server = Setup::on_free_ports(&ostro, &workspace::fresh("bench")?).start()?;
    for (function, name, isolation, reuse) in [
        ("fresh", "ostro, fresh instance per request", "full", 1),
        ("reused", "ostro, reuse = 10000", "none (reused)", 10_000),
    ] {
        server.control().deploy("default", function, &component, &json!({ "reuse": reuse }))?;
        let host = format!("{function}.localhost");
        rows.push(measure(name, isolation, server.pid(), server.listen, &host)?);
    }
    drop(server);

    if let Some(program) = peer_program() {
        let wasm = workspace::target().join("guests/hello-rust.wasm");
        let peer = Peer::start(|address| {
            let mut command = Command::new(&program);
            // Defaults, but for the interfaces that the guest imports beside HTTP.
            command.args(["serve", "-Scli", "--addr", address]).arg(&wasm);
            command
        })?;
        rows.push(measure("wasmtime serve, defaults", "full", peer.pid(), peer.at, "localhost")?);
    } else {
        println!(
            "`wasmtime` is not there: not measured (cargo install --locked wasmtime-cli@48.0.8 --root {})",
            tools().display()
        );
    }
    print(&rows);
    Ok(())
}

/// Where peers are installed for measuring, so that they need not be on the PATH.
fn tools() -> PathBuf {
    workspace::target().join("bench-tools")
}

/// The peer's executable, if it is installed.
fn peer_program() -> Option<PathBuf> {
    let own = tools().join("bin/wasmtime");
    if own.exists() { Some(own) } else { tool::find("wasmtime") }
}

fn measure(name: &'static str, isolation: &'static str, pid: u32, to: SocketAddr, host: &str) -> Result<Row> {
    let answer = Client::new(to, Duration::from_secs(10)).get(host, "/")?;
    if answer.status != 200 || answer.body.is_empty() {
        bail!("{name} answered {}: {}", answer.status, answer.text());
    }
    let load = |seconds| wrk::Load { to, host, connections: CONNECTIONS, seconds };
    wrk::run(&load(WARM_UP_SECONDS))?;
    let before = cpu::used(pid)?;
    let report = wrk::run(&load(SECONDS)).with_context(|| name)?;
    let used = cpu::used(pid)?.saturating_sub(before);
    println!("  {name}: done");
    Ok(Row { name, isolation, rate: report.rate, cpu_us: used.as_secs_f64() * 1e6 / report.requests as f64 })
}

fn print(rows: &[Row]) {
    let floor = rows.first().map_or(0.0, |row| row.cpu_us);
    println!(
        "\n{:<36} {:>12} {:>18} {:>9}  isolation per request",
        "server", "requests/s", "CPU us / request", "x floor"
    );
    for row in rows {
        println!(
            "{:<36} {:>12.0} {:>18.1} {:>9.2}  {}",
            row.name,
            row.rate,
            row.cpu_us,
            row.cpu_us / floor,
            row.isolation
        );
    }
    let cost = |start: &str| rows.iter().find(|row| row.name.starts_with(start)).map(|row| row.cpu_us);
    if let Some(fresh) = cost("ostro, fresh") {
        println!("\nfresh against bare hyper: {:.2} x the CPU (goal: at most 4)", fresh / floor);
        if let Some(bare) = cost("bare hyper and wasmtime") {
            println!(
                "hyper and wasmtime alone: {:.2} x; what Ostro adds to them: {:.1} us",
                bare / floor,
                fresh - bare
            );
        }
        if let Some(peer) = cost("wasmtime serve") {
            println!("wasmtime serve against fresh: {:.2} x the CPU (goal: at least 3)", peer / fresh);
        }
    }
}

/// Another server, killed when dropped.
pub(super) struct Peer {
    process: Child,
    /// Where it listens, on the loopback.
    pub(super) at: SocketAddr,
}

impl Peer {
    /// Starts it on a port that was free a moment ago, and waits until it accepts.
    pub(super) fn start(command: impl FnOnce(&str) -> Command) -> Result<Self> {
        let at = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = command(&at.to_string());
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let peer = Self { process, at };
        let until = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(at).is_err() {
            if Instant::now() > until {
                bail!("{} does not accept on {at}", crate::process::line(&command));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(peer)
    }

    /// The id of its process.
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Both fail only when it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
