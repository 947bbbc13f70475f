//! The runner: claims due jobs, has them delivered, settles them. One task decides; claims and deliveries are
//! tasks of their own and report to it.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use store::StoreError;
use store::catalog::Overlap;
use store::jobs::{Claim, Jobs, Lane, Lease, Suspects};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};

use super::GIVE_BACK;
use super::deliver::Deliver;
use super::delivery::{Delivery, Place, STOPS, give_back};
use super::lanes::{Grant, Lanes, Room};
use super::leases::{Claiming, Hold, Leases};
use super::pace::Verdict;
use super::queue::{self, Consumer, Key};
use super::settler::Settler;
use crate::clock::Clock;
use crate::problem::Chain;
use crate::registry::live::{Consumers, LiveSchedule};

/// Longest sleep: the safety net under all bells.
const LOOK: Duration = Duration::from_secs(1);
/// Looks take one part of so many of the time at most: what happens in between is dealt with together.
const LOOK_SHARE: u32 = 5;
/// Why jobs are given back that were claimed for a function as it was.
const CHANGED: &str = "the function was changed before it began";
/// Timers know nothing shorter.
const SHORTEST: Duration = Duration::from_millis(1);

/// What a runner works with.
pub(super) struct Parts {
    pub jobs: Arc<dyn Jobs>,
    pub consumers: Arc<ArcSwap<Consumers>>,
    pub door: Arc<dyn Deliver>,
    pub clock: Clock,
    pub leases: Arc<Leases>,
    pub settler: Settler,
    /// Room for jobs in the process.
    pub bounds: Room,
    /// Longest wait for jobs in flight at the end.
    pub drain_time: Duration,
}

/// What happened elsewhere.
pub(super) enum Report {
    /// A claim has answered.
    Claimed { grant: Grant, claiming: Claiming, leases: Result<Vec<Lease>, StoreError> },
    /// A delivery is over: its place is free.
    Ended { key: Key, jobs: u32, verdict: Verdict },
    /// The jobs of a delivery are settled or given up.
    Settled { key: Key, suspects: Suspects },
}

/// Claimed jobs that are told to their function together.
pub(super) struct Batch {
    pub key: Key,
    pub leases: Vec<Lease>,
    pub hold: Hold,
    pub suspects: Suspects,
}

/// Claims, starts and drains.
pub(super) struct Runner {
    parts: Arc<Parts>,
    lanes: Lanes,
    /// Claimed, and waiting for a place in their lane.
    ready: HashMap<Key, VecDeque<Batch>>,
    claims: usize,
    deliveries: JoinSet<()>,
    reporter: mpsc::UnboundedSender<Report>,
    reports: mpsc::UnboundedReceiver<Report>,
    /// Turns true when deliveries are given up.
    cut: watch::Sender<bool>,
    /// Nothing is begun any more.
    stopping: bool,
}

impl Runner {
    /// `cut` is turned true when the drain has lasted long enough; whoever turns it earlier ends the drain.
    pub(super) fn new(parts: Arc<Parts>, cut: watch::Sender<bool>) -> Self {
        let (reporter, reports) = mpsc::unbounded_channel();
        Self {
            lanes: Lanes::new(parts.bounds),
            parts,
            ready: HashMap::new(),
            claims: 0,
            deliveries: JoinSet::new(),
            reporter,
            reports,
            cut,
            stopping: false,
        }
    }

    /// Runs jobs until the server stops, then lets those in flight end, and gives back what is left.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let bell = self.parts.jobs.bell();
        let mut turned = self.parts.clock.turned();
        loop {
            // Heard from before the look on, so that nothing is missed.
            let mut rung = pin!(bell.notified());
            rung.as_mut().enable();
            let looked = self.parts.clock.instant();
            let wait = self.look().await;
            let gathered = looked + (self.parts.clock.instant() - looked) * LOOK_SHARE;
            let wake = async {
                tokio::select! {
                    () = rung => {}
                    () = turned.turned() => {}
                    () = tokio::time::sleep(wait) => {}
                }
            };
            tokio::select! {
                // An error means that the sender is gone, which is the end as well.
                _ = stop.wait_for(|stop| *stop) => break,
                Some(report) = self.reports.recv() => self.take(report),
                () = wake => {}
            }
            self.gather(gathered).await;
        }
        self.drain().await;
    }

    /// Takes what has been reported, and what is until then.
    async fn gather(&mut self, until: Instant) {
        tokio::task::yield_now().await;
        while let Ok(report) = self.reports.try_recv() {
            self.take(report);
        }
        if until.saturating_duration_since(self.parts.clock.instant()) >= SHORTEST {
            let mut alarm = pin!(tokio::time::sleep_until(until.into()));
            loop {
                tokio::select! {
                    () = &mut alarm => break,
                    Some(report) = self.reports.recv() => self.take(report),
                }
            }
        }
        while let Some(ended) = self.deliveries.try_join_next() {
            report_panic(ended);
        }
    }

    /// Claims what is due as far as there is room. Says how long nothing is to be expected.
    async fn look(&mut self) -> Duration {
        let due = self.parts.jobs.due().await.unwrap_or_else(|error| {
            tracing::error!(error = %Chain(&error), "jobs that are due could not be looked for");
            Vec::new()
        });
        let (now_ms, at) = (self.parts.clock.now_ms(), self.parts.clock.instant());
        let consumers = self.parts.consumers.load_full();
        let mut wait = LOOK;
        let mut wishes = Vec::new();
        let mut known = HashMap::new();
        for due in due {
            if let Ok(ms @ 1..) = u64::try_from(due.at_ms.saturating_sub(now_ms)) {
                wait = wait.min(Duration::from_millis(ms));
                continue;
            }
            let key = (due.project, due.lane);
            // Without one they wait: nobody is told, and nothing spins.
            let Some(consumer) = Consumer::of(&consumers, &key) else { continue };
            wishes.push(consumer.wish(&key, true));
            known.insert(key, consumer);
        }
        for key in self.ready.keys().cloned().collect::<Vec<_>>() {
            if known.contains_key(&key) {
                continue;
            }
            match Consumer::of(&consumers, &key) {
                Some(consumer) => {
                    wishes.push(consumer.wish(&key, false));
                    known.insert(key, consumer);
                }
                None => self.withdraw(&key),
            }
        }
        let plan = self.lanes.grant(wishes, at);
        for (key, pause) in plan.starts {
            self.begin(&key, pause, known.get(&key));
        }
        for grant in plan.grants {
            if let Some(consumer) = known.get(&grant.key) {
                self.claim(grant, consumer.attempts);
            }
        }
        plan.again.map_or(wait, |again| wait.min(again.saturating_duration_since(at)))
    }

    fn claim(&mut self, grant: Grant, attempts: u32) {
        self.claims += 1;
        let (jobs, reporter) = (self.parts.jobs.clone(), self.reporter.clone());
        let (project, lane) = grant.key.clone();
        let claim = Claim { lane, limit: grant.room.jobs, attempts, suspects: grant.suspects };
        let claiming = self.parts.leases.claiming(self.parts.clock.instant());
        // Never dropped on the way: a lease that nobody knows of would lapse.
        drop(tokio::spawn(async move {
            let leases = AssertUnwindSafe(jobs.claim(project, &claim)).catch_unwind().await;
            let leases = leases.unwrap_or_else(|_| Err(StoreError::Driver("the claim panicked".into())));
            // Without a runner the process ends.
            let _ = reporter.send(Report::Claimed { grant, claiming, leases });
        }));
    }

    fn take(&mut self, report: Report) {
        let at = self.parts.clock.instant();
        match report {
            Report::Claimed { grant, claiming, leases } => {
                self.claims = self.claims.saturating_sub(1);
                match leases {
                    Ok(leases) => self.claimed(&grant, leases, at),
                    Err(error) => {
                        let lane = &grant.key.1;
                        tracing::error!(%lane, error = %Chain(&error), "jobs could not be claimed");
                        self.lanes.claim_failed(&grant, at);
                    }
                }
                drop(claiming);
            }
            Report::Ended { key, jobs, verdict } => self.lanes.ended(&key, jobs, verdict, at),
            Report::Settled { key, suspects } => self.lanes.settled(&key, suspects),
        }
    }

    fn claimed(&mut self, grant: &Grant, leases: Vec<Lease>, at: Instant) {
        let key = &grant.key;
        let consumers = self.parts.consumers.load_full();
        // Who has none by now gives them back.
        let consumer = Consumer::of(&consumers, key);
        let replaces = |schedule: &Arc<LiveSchedule>| schedule.trigger.overlap == Overlap::Replace;
        let replaceable = matches!(key.1, Lane::Cron(_))
            && consumer.as_ref().is_some_and(|consumer| consumer.live.cron.iter().any(replaces));
        let batch = consumer.as_ref().map_or(1, |consumer| consumer.batch);
        let mut got = Room::default();
        for leases in queue::batches(leases, batch) {
            got.deliveries += 1;
            got.jobs += count(&leases);
            let hold = self.parts.leases.hold(key.0, &leases, replaceable);
            let batch = Batch { key: key.clone(), leases, hold, suspects: grant.suspects };
            let ready = self.ready.entry(key.clone()).or_default();
            match grant.suspects {
                Suspects::Leave => ready.push_back(batch),
                Suspects::One => ready.push_front(batch),
            }
        }
        self.lanes.claimed(grant, got, at);
        if self.stopping {
            return;
        }
        // Others wait until it is their turn.
        for _ in 0..grant.room.deliveries.min(got.deliveries) {
            let Some(pause) = self.lanes.start(key) else { break };
            self.begin(key, pause, consumer.as_ref());
        }
        // A suspect that may not begin keeps those of others from beginning.
        let front = self.ready.get(key).and_then(VecDeque::front);
        if front.is_some_and(|batch| batch.suspects == Suspects::One) {
            self.withdraw(key);
        }
    }

    /// Begins what is ready first in a lane, as its place in `lanes` says: with the function as it is deployed
    /// now. If it has no function any more, or one that takes fewer at once, it is given back.
    fn begin(&mut self, key: &Key, pause: Duration, consumer: Option<&Consumer>) {
        let Some(batch) = self.next_ready(key) else { return };
        let jobs = count(&batch.leases);
        let Some(consumer) = consumer.filter(|consumer| jobs <= consumer.batch) else {
            self.lanes.ended(key, jobs, Verdict::Void, self.parts.clock.instant());
            return self.give_back(batch, CHANGED);
        };
        let place = Place::new(&batch, self.reporter.clone());
        let live = consumer.live.clone();
        let delivery = Delivery { parts: self.parts.clone(), live, cut: self.cut.subscribe(), pause };
        self.deliveries.spawn(delivery.run(batch, place));
    }

    fn next_ready(&mut self, key: &Key) -> Option<Batch> {
        let ready = self.ready.get_mut(key)?;
        let batch = ready.pop_front();
        if ready.is_empty() {
            self.ready.remove(key);
        }
        batch
    }

    /// Gives back all that is ready in a lane.
    fn withdraw(&mut self, key: &Key) {
        for batch in self.ready.remove(key).into_iter().flatten() {
            self.lanes.withdrawn(key, count(&batch.leases));
            self.give_back(batch, CHANGED);
        }
    }

    fn give_back(&mut self, batch: Batch, reason: &'static str) {
        let place = Place::withdrawn(&batch, self.reporter.clone());
        self.deliveries.spawn(give_back(self.parts.clone(), self.cut.subscribe(), batch, place, reason));
    }

    /// Lets deliveries end, and gives back what has not begun or does not end in time.
    async fn drain(&mut self) {
        self.stopping = true;
        let mut cut = self.cut.subscribe();
        let mut until = self.parts.clock.instant() + self.parts.drain_time;
        let mut is_cut = false;
        loop {
            for batch in std::mem::take(&mut self.ready).into_values().flatten() {
                self.give_back(batch, STOPS);
            }
            if self.claims == 0 && self.deliveries.is_empty() {
                return;
            }
            tokio::select! {
                Some(report) = self.reports.recv() => self.take(report),
                Some(ended) = self.deliveries.join_next() => report_panic(ended),
                _ = cut.wait_for(|cut| *cut), if !is_cut => {
                    tracing::warn!("jobs in flight are cut and given back");
                    is_cut = true;
                    until = self.parts.clock.instant() + GIVE_BACK;
                }
                () = tokio::time::sleep_until(until.into()) => {
                    if is_cut {
                        tracing::error!("jobs in flight were left behind; they are taken over within a minute");
                        return;
                    }
                    self.cut.send_replace(true);
                }
            }
        }
    }
}

/// A delivery must not panic. If one does, its jobs' leases lapse, and that counts as a crash.
fn report_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a delivery panicked");
    }
}

fn count(leases: &[Lease]) -> u32 {
    u32::try_from(leases.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
