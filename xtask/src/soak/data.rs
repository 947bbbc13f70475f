//! `cargo xtask soak data`: clients write documents, values, rows, objects and transactions, the server is killed every few seconds, and
//! in the end everything acknowledged is there, whole, with its messages and events; also in every backup taken meanwhile.
//!
//! A kill leaves what the kernel has: that the disk has it too, only a power cut would show. A seed repeats the choices, not the moments.

mod backups;
mod content;
mod found;
mod judge;
mod ledger;
mod tamper;
mod writer;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::json;

use self::judge::{Verdict, judge};
use self::ledger::{Fate, Kind, Ledger};
use self::writer::Writer;
use crate::build::{self, Profile};
use crate::http::Client;
use crate::random::{Random, seed_from_time};
use crate::server::{Server, Setup};
use crate::{guests, workspace};

const WRITER: &str = "writer";
const WRITER_HOST: &str = "writer.localhost";
const LISTENER: &str = "listener";
const QUEUE: &str = "transfers";
const CLIENTS: usize = 8;
/// So few that transfers get into each other's way.
const ACCOUNTS: u64 = 12;
/// What each account has in the beginning.
const OPENING: i64 = 1_000_000;
/// Between a start and the next kill: also while the server still looks after what the last one has left.
const KILL_AFTER_MS: (u64, u64) = (50, 8_000);
/// Of so many starts one is killed too, at most so long after its beginning: what the first kill has left is half cleared then.
const STARTS: u64 = 4;
const LATEST_START_MS: u64 = 250;
/// A backup begins at most so long after the start, so that some are complete before the kill.
const LATEST_BACKUP_MS: u64 = 3_000;
/// Of two rounds so many have a backup.
const BACKUPS_OF_TWO: u64 = 1;
/// The last writes before the end are not cut.
const LAST_ROUND: Duration = Duration::from_secs(3);
/// Faults that are shown; the others are counted.
const SHOWN: usize = 40;
/// With so many the run ends: it would only print more of them.
const HOPELESS: usize = 100;

const MANIFEST: &str = r#"
manifest = 1
[function.writer]
source = "x.wasm"
grants = [
  "collection:notes", "collection:accounts", "collection:journal", "kv:values", "kv:transfers",
  "bucket:files", "sql:main", "queue:transfers:send",
]
[function.listener]
source = "x.wasm"
grants = ["collection:heard"]
queues = [{ name = "transfers", concurrency = 8 }]
events = [
  { collection = "notes", on = ["insert", "update", "delete"] },
  { collection = "journal", on = "insert" },
  { bucket = "files", on = "put" },
]
"#;

/// `cargo xtask soak data`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Options {
    /// How long is written; what is left of the messages, events and backups comes after it
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=600))]
    minutes: u32,
    /// Ends after so many kills, if that is before
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    kills: Option<u32>,
    /// Repeats the random choices of an earlier run
    #[arg(long)]
    seed: Option<u64>,
    /// Use the release build
    #[arg(long)]
    release: bool,
    /// Lose and change something before the last look, to see that the soak fails
    #[arg(long)]
    tamper: bool,
}

/// What all threads know.
#[derive(Debug, Default)]
struct Shared {
    ledger: Mutex<Ledger>,
    faults: Mutex<Vec<String>>,
    backups: backups::Counts,
}

impl Shared {
    fn with_ledger<T>(&self, with: impl FnOnce(&mut Ledger) -> T) -> T {
        with(&mut self.ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn fault(&self, fault: String) {
        println!("FAULT: {fault}");
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    fn is_hopeless(&self) -> bool {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).len() >= HOPELESS
    }
}

/// The soak while it runs.
struct Soak<'a> {
    setup: &'a Setup,
    shared: &'a Shared,
    writers: Vec<Writer>,
    random: Random,
    kills: u32,
    /// Kills of a server that had not answered yet; not among the others.
    kills_of_starts: u32,
    slowest_start: Duration,
}

/// `cargo xtask soak data`.
pub(crate) fn run(options: Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(seed_from_time);
    let ostro = build::ostro(if options.release { Profile::Release } else { Profile::Dev })?;
    let component = guests::component("soak-data")?;
    let setup = Setup::on_free_ports(&ostro, &workspace::fresh("soak-data")?);
    println!(
        "soak data: {} minutes, {CLIENTS} clients, seed {seed}, data in {}",
        options.minutes,
        setup.folder.display()
    );
    let begin = Instant::now();
    let server = setup.start()?;
    for function in [WRITER, LISTENER] {
        server.control().deploy_manifest("default", function, &component, MANIFEST)?;
    }
    make_accounts(&server)?;

    let shared = Shared::default();
    let mut random = Random::new(seed);
    let writers = (0..CLIENTS).map(|number| Writer::new(number, Random::new(random.next()))).collect();
    let mut soak = Soak {
        setup: &setup,
        shared: &shared,
        writers,
        random,
        kills: 0,
        kills_of_starts: 0,
        slowest_start: Duration::ZERO,
    };
    let verdict = std::thread::scope(|scope| {
        let (sender, taken) = mpsc::channel();
        let checker = scope.spawn(|| backups::check_all(&setup, &shared, taken));
        let ended = soak
            .write_and_kill(server, options, &sender)
            .and_then(|server| soak.end(server, options, &sender));
        drop(sender);
        checker.join().unwrap_or_else(|_| bail!("the checker of backups panicked"))?;
        ended
    })?;
    println!(
        "\n{} kills, and {} of starts; slowest first answer {:.0?}, {:.0?} in all",
        soak.kills,
        soak.kills_of_starts,
        soak.slowest_start,
        begin.elapsed()
    );
    report(&shared, &verdict);
    conclude(&soak, seed)
}

impl Soak<'_> {
    /// Lets the clients write, and kills the server again and again. The last round ends without a kill.
    fn write_and_kill(
        &mut self,
        mut server: Server,
        options: Options,
        taken: &Sender<backups::Taken>,
    ) -> Result<Server> {
        let until = Instant::now() + Duration::from_secs(60 * u64::from(options.minutes));
        let (least, most) = KILL_AFTER_MS;
        let done = |kills| Instant::now() > until || options.kills.is_some_and(|most| kills >= most);
        while !done(self.kills) && !self.shared.is_hopeless() {
            let length = Duration::from_millis(least + self.random.below(most - least));
            self.round(&mut server, length, true, taken)?;
            self.kills += 1;
            if self.random.below(STARTS) == 0 {
                self.setup.start_and_kill(Duration::from_millis(self.random.below(LATEST_START_MS)))?;
                self.kills_of_starts += 1;
            }
            let start = Instant::now();
            server = self.setup.start()?;
            first_answer(&server)?;
            let took = start.elapsed();
            self.slowest_start = self.slowest_start.max(took);
            println!(
                "kill {} after {length:.1?}: first answer {took:.0?} after the start, {} writes acknowledged so far",
                self.kills,
                self.shared.with_ledger(|ledger| ledger.acknowledged())
            );
        }
        self.round(&mut server, LAST_ROUND, false, taken)?;
        Ok(server)
    }

    /// Everybody writes for so long, and perhaps a backup is taken; then the server is killed in the middle of it.
    fn round(
        &mut self,
        server: &mut Server,
        length: Duration,
        kill: bool,
        taken: &Sender<backups::Taken>,
    ) -> Result<()> {
        let (shared, stop, to) = (self.shared, AtomicBool::new(false), server.listen);
        let wanted = self.random.below(2) < BACKUPS_OF_TWO && shared.backups.has_room();
        let backup = wanted.then(|| backups::command(self.setup, server, &shared.backups));
        let wait = Duration::from_millis(self.random.below(LATEST_BACKUP_MS)).min(length);
        std::thread::scope(|scope| {
            let stop = &stop;
            for writer in &mut self.writers {
                scope.spawn(move || writer.run(to, shared, stop));
            }
            let backup = backup.map(|command| {
                scope.spawn(move || {
                    std::thread::sleep(wait);
                    backups::take(command, shared, stop, taken)
                })
            });
            std::thread::sleep(length);
            let killed = if kill { server.kill() } else { Ok(()) };
            stop.store(true, Ordering::Relaxed);
            let backed = backup.map(|backup| backup.join().unwrap_or_else(|_| bail!("a backup panicked")));
            killed.and(backed.unwrap_or(Ok(())))
        })
    }

    /// Waits for what is left, compares everything, and takes a last backup of what is there then.
    fn end(&self, server: Server, options: Options, taken: &Sender<backups::Taken>) -> Result<Verdict> {
        let begin = Instant::now();
        let rest = found::come_to_rest(&server)?;
        println!("all messages and events done {:.0?} after the last write", begin.elapsed());
        let ledger = self.shared.with_ledger(|ledger| ledger.clone());
        if options.tamper {
            tamper::tamper(&server, &self.setup.folder.join("data"), &ledger)?;
        }
        let found = found::read(&server)?;
        let mut verdict = judge(&found, &ledger, &ledger, &openings());
        verdict.faults.extend(rest.faults(&found, &self.setup.folder.join("data"))?);
        let log = std::fs::read_to_string(self.setup.folder.join("server.log"))?;
        verdict.faults.extend(log.lines().filter(|line| line.contains(" ERROR ")).map(str::to_owned));
        let told: u64 = found.heard.values().sum();
        println!(
            "{} changes and messages told, {} of them more than once; {} jobs sent again after three kills",
            found.heard.len(),
            told - found.heard.len() as u64,
            rest.redriven
        );
        for fault in verdict.faults.drain(..) {
            self.shared.fault(fault);
        }
        let last = backups::command(self.setup, &server, &self.shared.backups);
        backups::take(last, self.shared, &AtomicBool::new(false), taken)?;
        server.stop()?;
        Ok(verdict)
    }
}

/// The answers to what was sent.
fn report(shared: &Shared, verdict: &Verdict) {
    shared.with_ledger(|ledger| {
        for kind in Kind::ALL {
            let (sent, acknowledged) = ledger.writes(kind);
            println!("{:<12} {sent:>7} sent {acknowledged:>7} acknowledged", kind.name());
        }
        println!(
            "{:<12} {:>7} sent {:>7} acknowledged {:>7} undone",
            "transaction",
            ledger.transfers.len(),
            ledger.transfers(Fate::Acknowledged),
            ledger.transfers(Fate::Refused)
        );
        println!("{} acknowledged in all", ledger.acknowledged());
    });
    println!(
        "cut before their answer: {} found whole, {} not there at all",
        verdict.unknown_found, verdict.unknown_absent
    );
    let counts = [&shared.backups.taken, &shared.backups.checked, &shared.backups.cut];
    let [taken, checked, cut] = counts.map(|count| count.load(Ordering::Relaxed));
    println!("backups: {taken} taken, {checked} restored and checked, {cut} cut by a kill");
}

fn conclude(soak: &Soak<'_>, seed: u64) -> Result<()> {
    let faults = soak.shared.faults.lock().unwrap_or_else(PoisonError::into_inner);
    if !faults.is_empty() {
        for fault in faults.iter().take(SHOWN) {
            println!("{fault}");
        }
        bail!("{} faults; repeat with --seed {seed}", faults.len());
    }
    if soak.kills == 0 || soak.shared.backups.checked.load(Ordering::Relaxed) == 0 {
        bail!("no kill or no backup: nothing was proved (seed {seed})");
    }
    println!("nothing acknowledged is lost, nothing is half (seed {seed})");
    Ok(())
}

fn make_accounts(server: &Server) -> Result<()> {
    let body = json!({ "accounts": ACCOUNTS, "opening": OPENING }).to_string();
    let mut client = Client::new(server.listen, Duration::from_secs(60));
    let answer = client.exchange(&writer::post("/begin", body.as_bytes()))?;
    anyhow::ensure!(answer.status == 200, "/begin was answered {}: {}", answer.status, answer.text());
    Ok(())
}

fn first_answer(server: &Server) -> Result<()> {
    let answer = Client::new(server.listen, Duration::from_secs(60)).get(WRITER_HOST, "/");
    let answer = answer.context("it does not answer after its start")?;
    anyhow::ensure!(answer.status == 200, "it answers {}: {}", answer.status, answer.text());
    Ok(())
}

fn account(number: u64) -> String {
    format!("a{number}")
}

/// What every account had in the beginning.
fn openings() -> Vec<(String, i64)> {
    (0..ACCOUNTS).map(|number| (account(number), OPENING)).collect()
}
