//! What starts functions besides requests: schedules, queues, calls that nobody waits for.
//!
//! All of them are jobs in the store. `cron` turns slots into jobs. `runner` claims jobs as `lanes` deals out
//! room, and starts each `delivery`: `deliver` makes the event (`cloudevents` its request) and reads the answer,
//! `settler` stores what came of it, `leases` keeps what runs. `schedule`, `lanes`, `queue`, `pace` and
//! `cloudevents` are pure.

mod cloudevents;
mod cron;
pub mod deliver;
mod delivery;
mod lanes;
mod leases;
mod pace;
mod queue;
mod runner;
pub mod schedule;
mod settler;
#[cfg(test)]
mod stage;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use store::jobs::{Jobs, Schedules};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::registry::live::Consumers;
use cron::Ticker;
use deliver::Deliver;
use lanes::Room;
use leases::Leases;
use runner::{Parts, Runner};
use settler::Settler;

/// After the drain, what was cut has this long to give its leases back; whoever waits for that waits longer.
pub const GIVE_BACK: Duration = Duration::from_secs(3);
/// Jobs in memory at once: with the largest payload each they take half a gibibyte.
const MAX_JOBS: u32 = 4_096;

/// Brings schedules back to this server's time after its wall clock has stepped.
#[async_trait]
pub trait Heal: Send + Sync {
    /// Schedules that were moved on by a clock that was ahead come at their time again. Says in the log what
    /// could not be done.
    async fn heal_schedules(&self);
}

/// What triggers work with.
pub struct TriggerParts {
    /// Jobs.
    pub jobs: Arc<dyn Jobs>,
    /// Schedules.
    pub schedules: Arc<dyn Schedules>,
    /// Who takes what.
    pub consumers: Arc<ArcSwap<Consumers>>,
    /// Where events go.
    pub door: Arc<dyn Deliver>,
    /// Who heals schedules.
    pub heal: Arc<dyn Heal>,
    /// Time.
    pub clock: Clock,
    /// Deliveries at once in the whole process.
    pub deliveries: u32,
    /// Longest wait for jobs in flight at the end.
    pub drain_time: Duration,
}

/// The service that turns schedules into jobs and jobs into invocations.
pub struct Triggers {
    runner: JoinHandle<()>,
    keeper: JoinHandle<()>,
    ticker: JoinHandle<()>,
    cut: watch::Sender<bool>,
}

impl Triggers {
    /// Starts the service on the current runtime. When `stop` turns true nothing is begun any more, and jobs in
    /// flight have the drain time to end.
    pub fn start(parts: TriggerParts, stop: &watch::Receiver<bool>) -> Self {
        let TriggerParts { jobs, schedules, consumers, door, heal, clock, deliveries, drain_time } = parts;
        let leases = Arc::new(Leases::default());
        let (cut, _) = watch::channel(false);
        let ticker = Ticker::new(schedules, consumers.clone(), clock.clone(), heal);
        let keeper = leases::keep(leases.clone(), jobs.clone(), clock.clone());
        let bounds = Room { deliveries: deliveries.max(1), jobs: MAX_JOBS };
        let settler = Settler::new(jobs.clone());
        let parts = Parts { jobs, consumers, door, clock, leases, settler, bounds, drain_time };
        let runner = Runner::new(Arc::new(parts), cut.clone());
        Self {
            ticker: tokio::spawn(ticker.run(stop.clone())),
            keeper: tokio::spawn(keeper),
            runner: tokio::spawn(runner.run(stop.clone())),
            cut,
        }
    }

    /// Gives up what is still in flight: it is given back, to be run again.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// Resolves when the service has ended: what was in flight has ended or was given back.
    pub async fn ended(&mut self) {
        for task in [&mut self.runner, &mut self.ticker] {
            if !task.is_finished() {
                drop(task.await);
            }
        }
        // Leases are extended until the last job has ended.
        self.keeper.abort();
    }
}
