//! Fairness, both ways: short work beside endless work, and long work beside a flood of short work.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::open_loop::{self, Latencies};
use super::{cores, cpu, wrk};
use crate::build::{self, Profile};
use crate::control::Control;
use crate::http::Client;
use crate::server::{Server, Setup};
use crate::{guests, test_guests, workspace};

const RATE: u32 = 400;
const REQUESTS: u32 = 12_000;
const LOOPS: usize = 8;

const FLOOD_CONNECTIONS: u32 = 64;
const FLOOD_SECONDS: u32 = 10;
const BURNERS: usize = 4;
const BURN: Duration = Duration::from_millis(50);

/// `cargo xtask bench neighbour`.
pub(crate) fn run(profile: Profile) -> Result<()> {
    wrk::ensure()?;
    println!("building ({profile:?} profile; minutes the first time)");
    let ostro = build::ostro(profile)?;
    let hello = guests::component("hello-rust")?;
    beside_loops(&ostro, &hello)?;
    beside_flood(&ostro, &hello)
}

fn start(ostro: &Path, projects: &[&str]) -> Result<Server> {
    let server = Setup::on_free_ports(ostro, &workspace::fresh("bench")?).start()?;
    projects.iter().try_for_each(|project| server.control().create_project(project))?;
    Ok(server)
}

/// A hello at a fixed rate, alone and beside endless loops of another project.
fn beside_loops(ostro: &Path, hello: &[u8]) -> Result<()> {
    let mut server = start(ostro, &["quiet", "noisy"])?;
    let control = server.control();
    control.deploy("quiet", "hello", hello, &json!({}))?;
    let forever = test_guests::component("loop-forever");
    control.deploy("noisy", "loop", &forever, &json!({ "limits": { "cpu": "10s", "wall": "60s" } }))?;

    println!(
        "\nA hello at {RATE} requests/s (open loop, {REQUESTS} requests, latency from the intended moment)"
    );
    // A thread's priority is its own: this one asks in a thread that ends, only to know.
    if std::thread::spawn(open_loop::raise_priority).join().ok() != Some(open_loop::Priority::Raised) {
        println!("  (not root: the clients' own waits for a processor are in the figures)");
    }
    let load =
        open_loop::Load { to: server.listen, host: "hello--quiet.localhost", rate: RATE, requests: REQUESTS };
    let quiet = open_loop::run(load)?;
    show("quiet", &quiet);
    let stop = AtomicBool::new(false);
    let ((beside, busy), ended) = std::thread::scope(|scope| {
        let loops: Vec<_> = (0..LOOPS).map(|_| scope.spawn(|| call_loops(load.to, &stop))).collect();
        std::thread::sleep(Duration::from_secs(1));
        let beside = with_cores(server.pid(), || open_loop::run(load));
        stop.store(true, Ordering::Relaxed);
        // The loops hold their clients until the server is gone, whatever came of the load.
        let killed = server.kill();
        let ended = loops.into_iter().filter_map(|client| client.join().ok()).sum::<u64>();
        killed.and(beside).map(|beside| (beside, ended))
    })?;
    show(&format!("beside {LOOPS} endless loops"), &beside);
    let ratio = beside.quantile(990).as_secs_f64() / quiet.quantile(990).as_secs_f64();
    println!("  p99 beside / p99 quiet: {ratio:.2} (goal: below 2)");
    println!(
        "  meanwhile the server kept {busy:.2} of {} cores busy and ended {ended} loops by their limit",
        cores()
    );
    Ok(())
}

/// What the work answers, and how many cores the process kept busy meanwhile.
fn with_cores<T>(pid: u32, work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let (before, begin) = (cpu::used(pid)?, Instant::now());
    let done = work()?;
    let used = cpu::used(pid)?.saturating_sub(before);
    Ok((done, used.as_secs_f64() / begin.elapsed().as_secs_f64()))
}

/// Calls the endless loop again and again; how many calls the server ended.
fn call_loops(to: SocketAddr, stop: &AtomicBool) -> u64 {
    let mut client = Client::new(to, Duration::from_secs(120));
    let mut ended = 0;
    while !stop.load(Ordering::Relaxed) {
        match client.get("loop--noisy.localhost", "/") {
            Ok(answer) if answer.status == 504 => ended += 1,
            Ok(answer) => eprintln!("a loop was answered {}: {}", answer.status, answer.text()),
            // The server is gone: the measurement is over.
            Err(_) => break,
        }
    }
    ended
}

/// Functions that need 50 ms of CPU, beside a flood of hellos of another project.
fn beside_flood(ostro: &Path, hello: &[u8]) -> Result<()> {
    let server = start(ostro, &["flood", "work"])?;
    let control = server.control();
    control.deploy("flood", "hello", hello, &json!({}))?;
    deploy_burner(&server, &control)?;

    println!(
        "\n{BURNERS} clients call a function that burns {BURN:?} of CPU beside a flood (wrk -c{FLOOD_CONNECTIONS})"
    );
    let (to, stop) = (server.listen, AtomicBool::new(false));
    let begin = Instant::now();
    let (flood, calls) = std::thread::scope(|scope| {
        let burners: Vec<_> = (0..BURNERS).map(|_| scope.spawn(|| call_burner(to, &stop))).collect();
        let flood = wrk::run(&wrk::Load {
            to,
            host: "hello--flood.localhost",
            connections: FLOOD_CONNECTIONS,
            seconds: FLOOD_SECONDS,
        });
        stop.store(true, Ordering::Relaxed);
        let calls: Vec<Call> =
            burners.into_iter().filter_map(|client| client.join().ok()).flatten().collect();
        flood.map(|flood| (flood, calls))
    })?;
    let wall = begin.elapsed();
    let answered = calls.iter().filter(|call| call.status == 200).count();
    let per_call = mean_cpu(&control)?;
    let share = per_call.as_secs_f64() * answered as f64 / wall.as_secs_f64() / cores() as f64;
    println!("  flood: {:.0} requests/s", flood.rate);
    show("50 ms functions", &Latencies::new(calls.iter().map(|call| call.took).collect()));
    println!(
        "  {answered} calls in {:.1} s at {:.1} ms of CPU each (by their bills): {:.0} % of {} cores (goal: at least 20 %)",
        wall.as_secs_f64(),
        per_call.as_secs_f64() * 1e3,
        share * 100.0,
        cores()
    );
    println!("  deadlines missed or other failures: {} (goal: 0)", calls.len() - answered);
    Ok(())
}

#[derive(Clone, Copy, Debug)]
struct Call {
    status: u16,
    took: Duration,
}

fn call_burner(to: SocketAddr, stop: &AtomicBool) -> Vec<Call> {
    let mut client = Client::new(to, Duration::from_secs(60));
    let mut calls = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let begin = Instant::now();
        // Status 0 stands for a broken connection: a failure like any other.
        let status = client.get("burn--work.localhost", "/").map_or(0, |answer| answer.status);
        calls.push(Call { status, took: begin.elapsed() });
    }
    calls
}

/// Deploys the function with as many rounds as burn 50 ms on this machine, found by its own bills.
fn deploy_burner(server: &Server, control: &Control) -> Result<()> {
    let mut client = Client::new(server.listen, Duration::from_secs(60));
    let mut rounds = 20_000_000;
    for _ in 0..2 {
        control.deploy("work", "burn", &burner(rounds), &json!({}))?;
        for _ in 0..5 {
            let answer = client.get("burn--work.localhost", "/")?;
            if answer.status != 200 {
                bail!("the burning function answered {}: {}", answer.status, answer.text());
            }
        }
        let took = mean_cpu(control)?;
        rounds = (rounds as f64 * BURN.as_secs_f64() / took.as_secs_f64().max(1e-4)) as u64;
    }
    control.deploy("work", "burn", &burner(rounds), &json!({})).map(drop)
}

/// The mean CPU of the recent calls of the active revision, by their bills.
fn mean_cpu(control: &Control) -> Result<Duration> {
    let records = control.get("projects/work/functions/burn/invocations?limit=1000")?;
    let records = records.get("invocations").and_then(Value::as_array).context("no invocations")?;
    let newest = records.iter().filter_map(|record| record.get("revision")?.as_u64()).max();
    let of_newest = |record: &&Value| record.get("revision").and_then(Value::as_u64) == newest;
    let cpu: Vec<u64> = records
        .iter()
        .filter(of_newest)
        .filter_map(|record| record.get("bill")?.get("cpu_us")?.as_u64())
        .collect();
    let sum = cpu.iter().sum::<u64>();
    sum.checked_div(cpu.len() as u64).map(Duration::from_micros).context("no bills of the burning function")
}

/// The guest `burn-50ms` with a fixed number of rounds instead of its look at the clock: it burns CPU, not time.
fn burner(rounds: u64) -> Vec<u8> {
    let source = test_guests::source("burn-50ms");
    let begin = source.find("(local.set $until").unwrap_or(source.len());
    let end = source.rfind("(call $respond (local.get $out)").unwrap_or(source.len());
    let by_clock = source.get(begin..end).unwrap_or_default();
    let counted = format!(
        "(local.set $until (i64.const {rounds}))
        (loop $again
          (local.set $until (i64.sub (local.get $until) (i64.const 1)))
          (br_if $again (i64.gt_s (local.get $until) (i64.const 0))))"
    );
    let width = by_clock.len();
    test_guests::variant("burn-50ms", by_clock, &format!("{counted:<width$}"))
}

fn show(name: &str, latencies: &Latencies) {
    let ms = |per_mille| latencies.quantile(per_mille).as_secs_f64() * 1e3;
    println!(
        "  {name:<24} {:>6} samples   p50 {:>8.2} ms   p99 {:>8.2} ms   p99.9 {:>8.2} ms   max {:>8.2} ms",
        latencies.count(),
        ms(500),
        ms(990),
        ms(999),
        ms(1000)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_burning_guest_is_a_component() {
        assert!(burner(u64::from(u32::MAX)).starts_with(b"\0asm\x0d\0\x01\0"));
    }
}
