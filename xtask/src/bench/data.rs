//! What data costs: documents, keys and objects through HTTP and a guest, straight at the store, and what lies between.

mod loads;
mod straight;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use self::loads::{AT_ONCE, DOCUMENTS, KEYS, LOADS, Load};
use self::straight::Straight;
use super::wrk::Ask;
use super::{cpu, wrk};
use crate::build::{self, Profile};
use crate::http::Client;
use crate::server::{Server, Setup};
use crate::{guests, workspace};

const WARM_UP_SECONDS: u32 = 1;
const SECONDS: u32 = 3;
/// Documents of one request that fills.
const FILLED_AT_ONCE: usize = 1_000;
/// Calls of one request that is timed by the guest, and how often it is.
const CALLS: usize = 20_000;
const ROUNDS: usize = 5;

/// How instances are used. Each has a project, and so a file, of its own.
const WAYS: [Way; 2] = [
    Way { project: "fresh", name: "fresh", reuse: 1 },
    Way { project: "reused", name: "reuse = 10000", reuse: 10_000 },
];

struct Way {
    project: &'static str,
    name: &'static str,
    reuse: u32,
}

/// Operations a second, and CPU of the server for one, microseconds.
#[derive(Clone, Copy, Debug)]
struct Figure {
    rate: f64,
    cpu_us: f64,
}

/// `cargo xtask bench data`.
pub(crate) fn run(profile: Profile) -> Result<()> {
    wrk::ensure()?;
    println!("building ({profile:?} profile; minutes the first time)");
    let ostro = build::ostro(profile)?;
    let program = build::bench("store", "data", profile)?;
    let component = guests::component("bench-data")?;
    let folder = workspace::fresh("bench")?;
    println!(
        "measuring: wrk -t1, {SECONDS} s after {WARM_UP_SECONDS} s of warm-up, {} cores",
        super::cores()
    );

    let straight = Straight::measure(&program, &folder.join("store"), SECONDS)?;
    println!("  straight at the store: done");
    let server = Setup::on_free_ports(&ostro, &folder).start()?;
    for way in WAYS {
        server.control().create_project(way.project)?;
        server.control().deploy_manifest(way.project, "data", &component, &manifest(&way))?;
        fill(&server, &way)?;
    }
    let mut rows = Vec::with_capacity(LOADS.len());
    for load in &LOADS {
        let mut row = Vec::with_capacity(WAYS.len());
        for way in &WAYS {
            let figure = measure(&server, way, load, &folder);
            row.push(figure.with_context(|| format!("{}, {}", load.what, way.name))?);
        }
        println!("  {}, {}: done", load.what, load.connections);
        rows.push(row);
    }
    print(&rows, &straight);
    calls(&server, &straight)?;
    server.stop()
}

fn manifest(way: &Way) -> String {
    format!(
        "manifest = 1\n[function.data]\nsource = 'data.wasm'\nreuse = {}\n\
        limits = {{ cpu = '60s', wall = '120s' }}\n\
        grants = ['collection:plain', 'collection:users', 'kv:bench', 'bucket:bench']\n\
        [collection.plain]\n[collection.users]\nindexes = [{{ fields = ['name'] }}]\n",
        way.reuse
    )
}

fn host(way: &Way) -> String {
    format!("data--{}.localhost", way.project)
}

/// A client that waits long enough for the slowest request.
fn client(server: &Server) -> Client {
    Client::new(server.listen, Duration::from_secs(120))
}

/// Has the guest put in what the reads look for.
fn fill(server: &Server, way: &Way) -> Result<()> {
    let (mut client, host) = (client(server), host(way));
    let mut post = |path: &str, body: &[u8]| -> Result<()> {
        let head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n\r\n", body.len());
        let answer = client.exchange(&[head.as_bytes(), body].concat())?;
        ensure!(answer.status == 200, "{path} answered {}: {}", answer.status, answer.text());
        Ok(())
    };
    (0..DOCUMENTS).step_by(FILLED_AT_ONCE).try_for_each(|start| post(&format!("/fill?{start}"), b""))?;
    (0..KEYS).try_for_each(|number| post(&format!("/kv-set?key{number}"), &[b'x'; 100]))?;
    post("/object-put?small0", &[b'x'; 1 << 10])?;
    post("/upload?large0", &vec![b'x'; 10 << 20])
}

fn measure(server: &Server, way: &Way, load: &Load, folder: &Path) -> Result<Figure> {
    let script = loads::script(load, folder)?;
    let (host, path) = (host(way), format!("/{}", load.name));
    let ask = Ask { path: &path, script: script.as_deref() };
    let run = |seconds| {
        let load = wrk::Load { to: server.listen, host: &host, connections: load.connections, seconds };
        wrk::ask(&load, ask)
    };
    run(WARM_UP_SECONDS)?;
    let before = cpu::used(server.pid())?;
    let report = run(SECONDS)?;
    let used = cpu::used(server.pid())?.saturating_sub(before);
    let at_once = load.at_once as f64;
    let operations = report.requests as f64 * at_once;
    Ok(Figure { rate: report.rate * at_once, cpu_us: used.as_secs_f64() * 1e6 / operations })
}

/// One line an operation: three ways beside each other, and what a guest's call costs between HTTP and the store.
fn print(rows: &[Vec<Figure>], straight: &Straight) {
    println!(
        "\noperations/s (CPU us of the server for one); \"between\" is the CPU of the reused instance without"
    );
    println!(
        "that of an empty request and without that of the store: arguments, SDK, host call, record, answer\n"
    );
    println!(
        "{:<32} {:>5} {:>20} {:>20} {:>20} {:>9}  goals",
        "", "conns", "straight at store", "HTTP, fresh", "HTTP, reused", "between"
    );
    let empty = rows.first().and_then(|row| row.last()).map_or(0.0, |figure| figure.cpu_us);
    for (load, row) in LOADS.iter().zip(rows) {
        let store = straight.of(load.name, load.callers);
        let at_store = store.map(|store| Figure { rate: store.rate, cpu_us: store.cpu_us });
        let between = match (row.last(), store) {
            (Some(reused), Some(store)) => {
                format!("{:.1}", reused.cpu_us - empty / load.at_once as f64 - store.cpu_us)
            }
            _ => String::new(),
        };
        let [fresh, reused] = [row.first(), row.last()].map(|figure| cell(figure.copied()));
        println!(
            "{:<32} {:>5} {:>20} {fresh:>20} {reused:>20} {between:>9}  {}",
            load.what,
            load.connections,
            cell(at_store),
            goals(load)
        );
    }
    println!(
        "\nReads at the store are by one thread where there is one connection, else by two, as the server has executors."
    );
    println!("Lines with \"{AT_ONCE}\" have {AT_ONCE} operations a request, all others one.");
}

fn cell(figure: Option<Figure>) -> String {
    figure.map_or_else(String::new, |Figure { rate, cpu_us }| format!("{rate:.0} ({cpu_us:.1})"))
}

fn goals(load: &Load) -> String {
    let goal = |place: &str, goal: Option<u32>| goal.map(|goal| format!("{place} >= {goal}"));
    let all: Vec<String> =
        [goal("store", load.goals.1), goal("HTTP", load.goals.0)].into_iter().flatten().collect();
    all.join(", ")
}

/// What one call of a guest costs beyond the CPU that the store takes for the same: timed by the guest, the best of some
/// rounds.
fn calls(server: &Server, straight: &Straight) -> Result<()> {
    let (mut client, [fresh, _]) = (client(server), WAYS);
    println!("\none call of a guest, us (timed by the guest, {CALLS} calls a request, best of {ROUNDS})\n");
    println!("{:<44} {:>8} {:>10} {:>8}  goal", "", "call", "store", "beyond");
    for (what, name, store, goal) in [
        ("a look at the clock: the least that a call is", "clock", None, ""),
        ("key-value get", "kv-get", Some("kv-get"), "<= 2"),
        ("get by _id, the text not looked at", "get", Some("get"), "<= 2"),
        ("get by _id, into a type", "get-typed", Some("get"), ""),
        ("indexed find, into a type", "find", Some("find"), ""),
    ] {
        let mut best = f64::INFINITY;
        for _ in 0..ROUNDS {
            let answer = client.get(&host(&fresh), &format!("/calls?{name},{CALLS}"))?;
            ensure!(answer.status == 200, "{name} was answered {}: {}", answer.status, answer.text());
            let nanoseconds: f64 = answer.text().parse()?;
            best = best.min(nanoseconds / 1e3 / CALLS as f64);
        }
        // Its CPU is its time: a read waits for nothing, and on a busy machine time would be the neighbours'.
        let store = store.and_then(|store| straight.of(store, 1)).map(|store| store.cpu_us);
        let (at_store, beyond) =
            store.map(|store| (format!("{store:.2}"), format!("{:.2}", best - store))).unwrap_or_default();
        println!("{what:<44} {best:>8.2} {at_store:>10} {beyond:>8}  {goal}");
    }
    Ok(())
}
