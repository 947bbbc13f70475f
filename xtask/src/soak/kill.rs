//! `cargo xtask soak kill`: deploys without end, `kill -9` at a random moment, start, check; again and again on one data directory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::check;
use super::ledger::Ledger;
use crate::build::{self, Profile};
use crate::control::Control;
use crate::random::{Random, seed_from_time};
use crate::server::Setup;
use crate::{test_guests, workspace};

/// Functions, each with a client of its own.
const FUNCTIONS: usize = 4;
/// The kill comes at most so long after the deploys have begun.
const LATEST_KILL_MS: u64 = 400;
/// The environment variable that carries the number of the deploy.
pub(super) const NUMBER: &str = "NUMBER";

/// `cargo xtask soak kill`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Options {
    /// How often the server is killed
    #[arg(long, default_value_t = 100)]
    rounds: u32,
    /// Repeats the random choices of an earlier run
    #[arg(long)]
    seed: Option<u64>,
    /// Use the release build
    #[arg(long)]
    release: bool,
}

/// What was done.
#[derive(Debug, Default)]
struct Counts {
    sent: u64,
    acknowledged: u64,
    violations: u64,
}

/// `cargo xtask soak kill`.
pub(crate) fn run(options: Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(seed_from_time);
    let ostro = build::ostro(if options.release { Profile::Release } else { Profile::Dev })?;
    let setup = Setup::on_free_ports(&ostro, &workspace::fresh("soak-kill")?);
    println!("soak kill: {} rounds, seed {seed}, data in {}", options.rounds, setup.folder.display());

    let component = test_guests::component("env");
    let mut random = Random::new(seed);
    let mut ledgers: Vec<Ledger> = vec![Ledger::default(); FUNCTIONS];
    let mut counts = Counts::default();
    let (begin, mut slowest_start) = (Instant::now(), Duration::ZERO);
    let mut server = setup.start()?;
    for round in 1..=options.rounds {
        let moment = Duration::from_millis(random.below(LATEST_KILL_MS + 1));
        let before = total(&ledgers);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for (index, ledger) in ledgers.iter_mut().enumerate() {
                let (control, random) = (server.control(), Random::new(random.next()));
                let (component, stop) = (&component, &stop);
                scope.spawn(move || deploy_until(&control, index, ledger, component, random, stop));
            }
            std::thread::sleep(moment);
            let killed = server.kill();
            stop.store(true, Ordering::Relaxed);
            killed
        })?;
        counts.sent += total(&ledgers) - before;

        let start = Instant::now();
        server = setup.start()?;
        slowest_start = slowest_start.max(start.elapsed());
        let faults = check::all(&server, &setup.folder.join("data"), &mut ledgers)?;
        for fault in &faults {
            println!("VIOLATION in round {round} (killed after {moment:?}): {fault}");
        }
        counts.violations += faults.len() as u64;
        counts.acknowledged = ledgers.iter().map(|ledger| ledger.acknowledgements).sum();
        if round % 25 == 0 || round == options.rounds {
            println!(
                "round {round}: {counts:?}, slowest start {slowest_start:.0?}, {:.0?} in all",
                begin.elapsed()
            );
        }
    }
    server.stop()?;
    match counts.violations {
        0 if counts.acknowledged == 0 => {
            bail!("no deploy was ever acknowledged: nothing was proved (seed {seed})")
        }
        0 => {
            println!("no violation: every acknowledged revision answered after every start (seed {seed})");
            Ok(())
        }
        violations => bail!("{violations} violations; repeat with --seed {seed}"),
    }
}

fn total(ledgers: &[Ledger]) -> u64 {
    ledgers.iter().map(|ledger| ledger.sent).sum()
}

/// Deploys one function again and again until the server is gone. Its name, its ledger: nobody else writes them.
fn deploy_until(
    control: &Control,
    index: usize,
    ledger: &mut Ledger,
    component: &[u8],
    mut random: Random,
    stop: &AtomicBool,
) {
    while !stop.load(Ordering::Relaxed) {
        let number = ledger.send();
        // Half of the deploys bring code that was never seen, so that compiling is interrupted too.
        let code = match random.below(2) {
            0 => with_section(component, &format!("{index}-{number}")),
            _ => component.to_vec(),
        };
        let flags = json!({ "env": { NUMBER: number.to_string() } });
        match control.deploy("default", &function(index), &code, &flags) {
            Ok(report) => match report.get("revision").and_then(Value::as_u64) {
                Some(revision) => ledger.acknowledge(revision),
                None => return eprintln!("a deploy was answered without a revision: {report}"),
            },
            Err(error) if stop.load(Ordering::Relaxed) => drop(error),
            // A refusal would make the soak prove less: it is shown. A cut connection is what we are here for.
            Err(error) if format!("{error:#}").contains("answered") => {
                eprintln!("a deploy failed: {error:#}")
            }
            Err(_) => return,
        }
    }
}

/// The name of a client's function.
pub(super) fn function(index: usize) -> String {
    format!("soak-{index}")
}

/// The component with a custom section that says `text`: other bytes, the same behaviour.
fn with_section(component: &[u8], text: &str) -> Vec<u8> {
    let name = b"soak";
    let mut section = vec![0, (1 + name.len() + text.len()) as u8, name.len() as u8];
    section.extend_from_slice(name);
    section.extend_from_slice(text.as_bytes());
    [component, &section].concat()
}
