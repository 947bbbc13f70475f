//! `cargo xtask soak cron`: the clock is turned hour by hour, the server is killed and started every few seconds, and in the end every
//! slot has to have made exactly one job.
//!
//! All schedules run what they missed and may overlap, so that no slot may be passed over for a reason: 100 slots of a minute are
//! more than pass while the server is down.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::slots::{Seen, Slot};
use crate::build::{self, Profile};
use crate::random::{Random, seed_from_time};
use crate::sender::Sender;
use crate::server::{Server, Setup};
use crate::test_clock::TurnedClock;
use crate::{test_guests, workspace};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Projects × functions × schedules: 1,000 that are due in the same minute. One project may have 50.
const PROJECTS: usize = 20;
const FUNCTIONS: usize = 10;
const SCHEDULES: usize = 5;
/// The project of the one that is due each minute.
const MINUTELY: &str = "minutely";
/// Real time for one simulated minute.
const STEP: Duration = Duration::from_millis(200);
/// Between two kills, real time. Jobs that a kill has cut run one at a time afterwards, and a job expires six hours after it was due:
/// at 300 times real time that is 72 s, so there must be time to catch up.
const KILL_AFTER_MS: (u64, u64) = (1_500, 5_000);
/// After the turn to a new minute, real time.
const LATEST_KILL_MS: u64 = 60;
/// Simulated minutes that pass at most while the server is down.
const MOST_DOWN: u64 = 5;
/// Real time for what is left when the clock stands at the end.
const PATIENCE: Duration = Duration::from_secs(300);
/// What is left is turned on by this, up to before the next full hour.
const REST_STEP: Duration = Duration::from_secs(10);
const MOST_REST_MS: i64 = 50 * MINUTE_MS;

/// `cargo xtask soak cron`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Options {
    /// Simulated hours
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=20))]
    hours: u32,
    /// Repeats the random choices of an earlier run
    #[arg(long)]
    seed: Option<u64>,
    /// Use the release build
    #[arg(long)]
    release: bool,
}

/// A function with schedules.
struct Subject {
    project: String,
    function: String,
    every_ms: i64,
}

/// The soak while it runs.
struct Soak {
    setup: Setup,
    clock: TurnedClock,
    subjects: Vec<Subject>,
    seen: Seen,
    kills: u64,
}

/// `cargo xtask soak cron`.
pub(crate) fn run(options: Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(seed_from_time);
    let ostro = build::ostro(if options.release { Profile::Release } else { Profile::Dev })?;
    let mut soak = Soak::prepare(&ostro, &workspace::fresh("soak-cron")?);
    println!(
        "soak cron: {} simulated hours, 1 schedule each minute and {} each hour, seed {seed}, data in {}",
        options.hours,
        PROJECTS * FUNCTIONS * SCHEDULES,
        soak.setup.folder.display()
    );
    let begin = Instant::now();
    let server = soak.setup.start()?;
    let begin_ms = soak.deploy(&server)?;
    println!("deployed in {:.0?}", begin.elapsed());

    // Five minutes after the last full hour, so that only the minutely schedule is due while things come to rest.
    let end_ms =
        begin_ms / HOUR_MS * HOUR_MS + i64::from(options.hours) * HOUR_MS + 5 * MINUTE_MS + MINUTE_MS / 2;
    let mut server = soak.turn_and_kill(server, end_ms, &mut Random::new(seed))?;
    let expected = soak.expected(&mut server, begin_ms, end_ms)?;
    soak.come_to_rest(&server, end_ms)?;
    let balance = soak.seen.balance(&expected);
    server.stop()?;
    println!("{} kills in {:.0?}", soak.kills, begin.elapsed());
    println!("slots expected {}   enqueued {}", balance.expected, balance.enqueued);
    println!(
        "duplicates {}   missing {}   unexpected {}   not done {}",
        balance.duplicates, balance.missing, balance.unexpected, balance.unfinished
    );
    println!(
        "runs {} (of them {} cut by a kill); jobs given up after three kills {}",
        balance.runs, balance.crashes, balance.given_up
    );
    if soak.kills == 0 {
        bail!("the server was never killed: nothing was proved (seed {seed})");
    }
    if !balance.is_even() {
        if let Some(example) = soak.seen.unfinished() {
            println!("{example}");
        }
        bail!("slots and jobs differ; repeat with --seed {seed}");
    }
    println!("every slot made one job, and every job came to its end (seed {seed})");
    Ok(())
}

impl Soak {
    fn prepare(ostro: &Path, folder: &Path) -> Self {
        let clock = TurnedClock::new(folder);
        let mut setup = Setup::on_free_ports(ostro, folder);
        setup.clock = Some(clock.file().to_owned());
        let hourly = (0..PROJECTS).flat_map(|project| {
            (0..FUNCTIONS).map(move |function| Subject {
                project: format!("hourly-{project}"),
                function: format!("f{function}"),
                every_ms: HOUR_MS,
            })
        });
        let minutely =
            Subject { project: MINUTELY.to_owned(), function: "f0".to_owned(), every_ms: MINUTE_MS };
        let subjects = std::iter::once(minutely).chain(hourly).collect();
        Self { setup, clock, subjects, seen: Seen::default(), kills: 0 }
    }

    /// Deploys everything at half past ten minutes past an hour; that moment.
    fn deploy(&self, server: &Server) -> Result<i64> {
        let begin_ms = self.clock.now_ms() / HOUR_MS * HOUR_MS + 10 * MINUTE_MS + MINUTE_MS / 2;
        let (control, component) = (server.control(), test_guests::component("hello"));
        let mut made = BTreeSet::new();
        for subject in &self.subjects {
            if made.insert(&subject.project) {
                control.create_project(&subject.project)?;
            }
            let (expression, count) = match subject.every_ms {
                MINUTE_MS => ("* * * * *", 1),
                _ => ("0 * * * *", SCHEDULES),
            };
            let cron: Vec<Value> = (0..count)
                .map(|path| json!({ "schedule": expression, "path": format!("/{path}"), "missed": "all", "overlap": "allow" }))
                .collect();
            // Deploying takes real seconds: the clock stands.
            self.clock.set(begin_ms);
            control.deploy(&subject.project, &subject.function, &component, &json!({ "cron": cron }))?;
        }
        self.clock.set(begin_ms);
        Ok(begin_ms)
    }

    /// Turns the clock minute by minute to the end, and kills the server again and again meanwhile.
    fn turn_and_kill(&mut self, mut server: Server, end_ms: i64, random: &mut Random) -> Result<Server> {
        let (least, most) = KILL_AFTER_MS;
        let mut hour = 0;
        let begin_ms = self.clock.now_ms();
        loop {
            let until = Instant::now() + Duration::from_millis(least + random.below(most - least));
            while self.clock.now_ms() < end_ms {
                self.turn_minutes(1, end_ms);
                // The moment when 1,001 are due is worth a kill more often than others.
                let full_hour = self.clock.now_ms() % HOUR_MS < MINUTE_MS;
                if Instant::now() > until || (full_hour && random.below(2) == 0) {
                    break;
                }
                std::thread::sleep(STEP);
            }
            // Just after a slot has come: while it is enqueued, or while its job runs.
            std::thread::sleep(Duration::from_millis(random.below(LATEST_KILL_MS)));
            server.kill()?;
            self.kills += 1;
            self.turn_minutes(random.below(MOST_DOWN + 1), end_ms);
            server = self.setup.start()?;
            self.look(&server)?;
            let now_ms = self.clock.now_ms();
            let passed = (now_ms - begin_ms) / HOUR_MS;
            if passed > hour {
                hour = passed;
                println!("hour {hour}: {} kills, {} slots enqueued", self.kills, self.seen.len());
            }
            if now_ms >= end_ms {
                return Ok(server);
            }
        }
    }

    fn turn_minutes(&self, minutes: u64, end_ms: i64) {
        let to_ms = self.clock.now_ms() + MINUTE_MS * minutes as i64;
        // Half past, so that a slot is never less than half a minute away from where the clock stands.
        self.clock.set((to_ms / MINUTE_MS * MINUTE_MS + MINUTE_MS / 2).min(end_ms));
    }

    /// The minutely schedule has more jobs than a list shows, so it is looked at after every start.
    fn look(&mut self, server: &Server) -> Result<()> {
        let Some(minutely) = self.subjects.first() else { return Ok(()) };
        look_at(&mut self.seen, server, minutely)
    }

    /// Waits until every schedule has passed the end, and says which slots there were by then.
    fn expected(&self, server: &mut Server, begin_ms: i64, end_ms: i64) -> Result<BTreeSet<Slot>> {
        let mut expected = BTreeSet::new();
        for subject in self.subjects.iter().filter(|subject| subject.function == "f0") {
            let mut sender = Sender::new(server, &subject.project);
            let patience = Instant::now() + PATIENCE;
            let schedules = loop {
                let list = sender.get("cron")?;
                let schedules =
                    list.get("schedules").and_then(Value::as_array).context("no schedules")?.clone();
                let next = |schedule: &Value| schedule.get("next_ms").and_then(Value::as_i64);
                if schedules.iter().all(|schedule| next(schedule) > Some(end_ms)) {
                    break schedules;
                }
                if Instant::now() > patience {
                    bail!("project {} has not come to the end: {list}", subject.project);
                }
                std::thread::sleep(Duration::from_millis(50));
            };
            for schedule in schedules {
                let id = schedule.get("id").and_then(Value::as_str).context("a schedule without an id")?;
                let first = begin_ms / subject.every_ms + 1;
                let slots =
                    (first..).map(|index| index * subject.every_ms).take_while(|slot| *slot <= end_ms);
                expected.extend(slots.map(|slot| (id.to_owned(), slot)));
                if subject.every_ms == MINUTE_MS {
                    sender.post(&format!("cron/{id}/pause"), &json!({}))?;
                }
            }
        }
        Ok(expected)
    }

    /// Lets the last leases lapse and the last jobs run, then counts.
    fn come_to_rest(&mut self, server: &Server, end_ms: i64) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        for subject in &self.subjects {
            let jobs = format!("functions/{}/jobs", subject.function);
            let mut sender = Sender::new(server, &subject.project);
            while !is_empty(&mut sender, &format!("{jobs}?state=waiting&limit=1"))?
                || !is_empty(&mut sender, &format!("{jobs}?state=running&limit=1"))?
            {
                if Instant::now() > until {
                    bail!("jobs of {} {} do not come to their end", subject.project, subject.function);
                }
                if self.clock.now_ms() < end_ms + MOST_REST_MS {
                    self.clock.turn(REST_STEP);
                }
                std::thread::sleep(STEP);
            }
            look_at(&mut self.seen, server, subject)?;
        }
        Ok(())
    }
}

fn is_empty(sender: &mut Sender, jobs: &str) -> Result<bool> {
    let list = sender.get(jobs)?;
    Ok(list.get("jobs").and_then(Value::as_array).context("no list of jobs")?.is_empty())
}

/// Notes the newest jobs of a function, those that run or wait first.
fn look_at(seen: &mut Seen, server: &Server, subject: &Subject) -> Result<()> {
    let mut sender = Sender::new(server, &subject.project);
    for state in ["waiting", "running", "done", "dead"] {
        seen.note(&sender.get(&format!("functions/{}/jobs?state={state}&limit=100", subject.function))?)?;
    }
    Ok(())
}
