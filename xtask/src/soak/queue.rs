//! `cargo xtask soak queue`: messages without end through one queue, `kill -9` every 10,000; in the end every message that was
//! acknowledged has to be done, or dead where its handler fails.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::build::{self, Profile};
use crate::random::{Random, seed_from_time};
use crate::sender::{Sender, Sent, count};
use crate::server::{Server, Setup};
use crate::test_clock::TurnedClock;
use crate::{test_guests, workspace};

const QUEUE: &str = "soak";
/// Messages in one request.
const BATCH: u64 = 200;
/// The server is killed each time that so many more have been acknowledged.
const KILL_EVERY: u64 = 10_000;
/// Of a thousand messages so many fail whenever they are handled.
const FAILING_PER_MILLE: u64 = 50;
/// Real time for what is left when the last message is acknowledged.
const PATIENCE: Duration = Duration::from_secs(600);
/// Connections that ask for the end of every message.
const CHECKERS: usize = 4;

/// `cargo xtask soak queue`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Options {
    /// Messages to be acknowledged; the server remembers 100,000 that are done
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1_000..=100_000))]
    messages: u64,
    /// Repeats the random choices of an earlier run
    #[arg(long)]
    seed: Option<u64>,
    /// Use the release build
    #[arg(long)]
    release: bool,
}

/// What a message will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Good,
    Failing,
}

/// What the sender knows: the id of every acknowledged message, and what it will do.
#[derive(Debug, Default)]
struct Ledger {
    acknowledged: BTreeMap<String, Kind>,
    /// Sent, and cut before the answer came: stored or not.
    uncertain: u64,
    kills: u64,
}

/// How the acknowledged messages ended.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    done: u64,
    dead: u64,
    /// Good ones that are dead: the server was killed under them three times.
    crashed: u64,
    /// Neither, or not there.
    lost: u64,
}

/// `cargo xtask soak queue`.
pub(crate) fn run(options: Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(seed_from_time);
    let ostro = build::ostro(if options.release { Profile::Release } else { Profile::Dev })?;
    let folder = workspace::fresh("soak-queue")?;
    let clock = TurnedClock::new(&folder);
    let mut setup = Setup::on_free_ports(&ostro, &folder);
    setup.clock = Some(clock.file().to_owned());
    println!("soak queue: {} messages, seed {seed}, data in {}", options.messages, folder.display());

    let server = setup.start()?;
    let trigger = json!({ "name": QUEUE, "batch": 100, "concurrency": 4, "attempts": 2 });
    server.control().deploy(
        "default",
        "handler",
        &test_guests::component("accept"),
        &json!({ "queues": [trigger] }),
    )?;
    let mut ledger = Ledger::default();
    let begin = Instant::now();
    let mut server = ledger.fill(server, &setup, &clock, options.messages, &mut Random::new(seed))?;
    let sent = begin.elapsed();
    drain(&mut server, &clock)?;
    let all = begin.elapsed();
    let ends = ledger.check(&server)?;
    server.stop()?;

    let acknowledged = ledger.acknowledged.len();
    println!(
        "acknowledged {acknowledged} in {sent:.0?} ({:.0}/s, restarts included), {} kills, {} messages cut before their answer",
        acknowledged as f64 / sent.as_secs_f64(),
        ledger.kills,
        ledger.uncertain
    );
    println!("settled {all:.0?} after the first was sent ({:.0}/s)", acknowledged as f64 / all.as_secs_f64());
    println!(
        "done {}   dead {} (of them {} by three kills)   lost {}",
        ends.done, ends.dead, ends.crashed, ends.lost
    );
    let failing = ledger.acknowledged.values().filter(|kind| **kind == Kind::Failing).count() as u64;
    if ledger.kills == 0 && options.messages >= KILL_EVERY {
        bail!("the server was never killed: nothing was proved (seed {seed})");
    }
    if ends.lost > 0 || ends.dead != failing + ends.crashed {
        bail!(
            "{failing} messages fail whenever they are handled, the others never; repeat with --seed {seed}"
        );
    }
    println!("every acknowledged message is done or dead (seed {seed})");
    Ok(())
}

impl Ledger {
    /// Sends until so many are acknowledged; kills the server in between, in the middle of sending.
    fn fill(
        &mut self,
        mut server: Server,
        setup: &Setup,
        clock: &TurnedClock,
        messages: u64,
        random: &mut Random,
    ) -> Result<Server> {
        let mut number = 0;
        while (self.acknowledged.len() as u64) < messages {
            let target = (self.acknowledged.len() as u64 + KILL_EVERY).min(messages);
            self.send_until(&mut Sender::new(&server, "default"), target, &mut number, random)?;
            if target == messages {
                break;
            }
            self.kill_while_sending(&mut server, &mut number, random)?;
            // The leases of the dead server lapse.
            clock.turn(Duration::from_secs(50));
            server = setup.start()?;
            println!("{} acknowledged, killed {} times", self.acknowledged.len(), self.kills);
        }
        Ok(server)
    }

    fn send_until(
        &mut self,
        sender: &mut Sender,
        target: u64,
        number: &mut u64,
        random: &mut Random,
    ) -> Result<()> {
        while (self.acknowledged.len() as u64) < target {
            let (bodies, kinds) = batch(BATCH.min(target - self.acknowledged.len() as u64), number, random);
            match sender.batch(QUEUE, &bodies)? {
                Sent::Acknowledged(ids) => self.note(ids, &kinds)?,
                Sent::Full => std::thread::sleep(Duration::from_millis(50)),
            }
        }
        Ok(())
    }

    /// Sends on until the server is gone. What was on its way then is uncertain.
    fn kill_while_sending(
        &mut self,
        server: &mut Server,
        number: &mut u64,
        random: &mut Random,
    ) -> Result<()> {
        let mut sender = Sender::new(server, "default");
        let moment = Duration::from_millis(random.below(100));
        std::thread::scope(|scope| {
            let killer = scope.spawn(|| {
                std::thread::sleep(moment);
                server.kill()
            });
            loop {
                let (bodies, kinds) = batch(BATCH, number, random);
                match sender.batch(QUEUE, &bodies) {
                    Ok(Sent::Acknowledged(ids)) => self.note(ids, &kinds)?,
                    Ok(Sent::Full) => std::thread::sleep(Duration::from_millis(5)),
                    Err(_) => {
                        self.uncertain += bodies.len() as u64;
                        break;
                    }
                }
            }
            self.kills += 1;
            killer.join().unwrap_or_else(|_| bail!("the killer panicked"))
        })
    }

    fn note(&mut self, ids: Vec<String>, kinds: &[Kind]) -> Result<()> {
        if ids.len() != kinds.len() {
            bail!("{} messages were sent, {} acknowledged", kinds.len(), ids.len());
        }
        for (id, kind) in ids.into_iter().zip(kinds) {
            if self.acknowledged.insert(id.clone(), *kind).is_some() {
                bail!("the id {id} was given twice");
            }
        }
        Ok(())
    }

    /// Asks for every acknowledged message.
    fn check(&self, server: &Server) -> Result<Ends> {
        let all: Vec<(&String, &Kind)> = self.acknowledged.iter().collect();
        let parts: Result<Vec<Ends>> = std::thread::scope(|scope| {
            let checkers: Vec<_> = all
                .chunks(all.len().div_ceil(CHECKERS).max(1))
                .map(|part| scope.spawn(move || check_part(server, part)))
                .collect();
            checkers
                .into_iter()
                .map(|checker| checker.join().unwrap_or_else(|_| bail!("a checker panicked")))
                .collect()
        });
        Ok(parts?.into_iter().fold(Ends::default(), |sum, part| Ends {
            done: sum.done + part.done,
            dead: sum.dead + part.dead,
            crashed: sum.crashed + part.crashed,
            lost: sum.lost + part.lost,
        }))
    }
}

fn check_part(server: &Server, part: &[(&String, &Kind)]) -> Result<Ends> {
    let mut sender = Sender::new(server, "default");
    let mut ends = Ends::default();
    for (id, kind) in part {
        let job = match sender.get(&format!("jobs/{id}")) {
            Ok(job) => job,
            Err(error) if format!("{error}").contains("answered 404") => {
                ends.lost += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        match job.get("state").and_then(Value::as_str).context("a job without a state")? {
            "done" => ends.done += 1,
            "dead" => {
                ends.dead += 1;
                let by_kills = count(&job, "crashes") >= 3;
                ends.crashed += u64::from(**kind == Kind::Good && by_kills);
                // A failing one that was killed three times counts among the failing.
                ends.lost += u64::from(**kind == Kind::Good && !by_kills);
            }
            _ => ends.lost += 1,
        }
    }
    Ok(ends)
}

/// The next messages, and what each will do.
fn batch(messages: u64, number: &mut u64, random: &mut Random) -> (Vec<String>, Vec<Kind>) {
    (0..messages)
        .map(|_| {
            *number += 1;
            match random.below(1_000) < FAILING_PER_MILLE {
                true => (format!("f{number}"), Kind::Failing),
                false => (format!("{number}"), Kind::Good),
            }
        })
        .unzip()
}

/// Turns the clock until nothing waits and nothing runs.
fn drain(server: &mut Server, clock: &TurnedClock) -> Result<()> {
    let mut sender = Sender::new(server, "default");
    let until = Instant::now() + PATIENCE;
    loop {
        let queue = sender.queue(QUEUE)?;
        if count(&queue, "waiting") + count(&queue, "running") == 0 {
            return Ok(());
        }
        if Instant::now() > until {
            bail!("the queue is not empty after {PATIENCE:?}: {queue}");
        }
        clock.turn(Duration::from_secs(1));
        std::thread::sleep(Duration::from_millis(100));
    }
}
