//! The leases of jobs that this process runs: extended while they run, and before lapsed ones are looked for.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use store::catalog::ProjectId;
use store::jobs::{Extended, HEARTBEAT_MS, Jobs, LEASE_MS, Lease, LeaseRef, Reaped};
use tokio::sync::Notify;

use crate::clock::{Clock, Turned};
use crate::problem::Chain;

/// How often leases are looked at, and how soon the run of a slot that a later one replaces ends.
const LOOK: Duration = Duration::from_secs(1);
/// How often claims are looked at that are on their way when all leases are extended.
const CLAIM_LOOK: Duration = Duration::from_millis(5);
/// How long a heartbeat waits for the store of one project: others wait beside it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Leases extended in one call.
const AT_ONCE: usize = 1_000;

/// The leases that this process holds.
#[derive(Default)]
pub(super) struct Leases {
    held: DashMap<LeaseRef, Held>,
    /// Claims whose leases are not held yet, and when they began.
    claims: Mutex<BTreeMap<u64, Instant>>,
    /// Number of the next claim.
    claim: AtomicU64,
}

/// A claim whose leases are not held yet, until this is dropped.
pub(super) struct Claiming {
    all: Arc<Leases>,
    number: u64,
}

impl Drop for Claiming {
    fn drop(&mut self) {
        self.all.claims().remove(&self.number);
    }
}

struct Held {
    project: ProjectId,
    /// Somebody else may end the job, so its lease is looked at more often.
    replaceable: bool,
    run: Arc<Run>,
}

struct Run {
    leases: AtomicUsize,
    lost: Notify,
}

/// Leases that are held until this is dropped.
pub(super) struct Hold {
    all: Arc<Leases>,
    leases: Vec<LeaseRef>,
    run: Arc<Run>,
}

impl Hold {
    /// Resolves when the last of the leases was lost: the run is worth nothing any more.
    pub(super) async fn lost(&self) {
        self.run.lost.notified().await;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        for lease in &self.leases {
            self.all.held.remove(lease);
        }
    }
}

impl Leases {
    /// Holds the leases of one run.
    pub(super) fn hold(self: &Arc<Self>, project: ProjectId, leases: &[Lease], replaceable: bool) -> Hold {
        let run = Arc::new(Run { leases: AtomicUsize::new(leases.len()), lost: Notify::new() });
        let leases: Vec<LeaseRef> = leases.iter().map(Lease::to_ref).collect();
        for lease in &leases {
            self.held.insert(*lease, Held { project, replaceable, run: run.clone() });
        }
        Hold { all: self.clone(), leases, run }
    }

    /// Announces a claim that begins now.
    pub(super) fn claiming(self: &Arc<Self>, at: Instant) -> Claiming {
        let number = self.claim.fetch_add(1, Relaxed);
        self.claims().insert(number, at);
        Claiming { all: self.clone(), number }
    }

    /// Resolves when the leases of claims that have begun are held, but not later than `patience`. False if one
    /// is still on its way that may have given leases which have not lapsed by themselves.
    async fn known(&self, clock: &Clock, patience: Duration) -> bool {
        let end = clock.instant() + patience;
        let later = self.claim.load(Relaxed);
        let lease = Duration::from_millis(LEASE_MS.unsigned_abs());
        loop {
            let now = clock.instant();
            let open = self.claims().range(..later).any(|(_, begun)| now - *begun < lease);
            if !open || now >= end {
                return !open;
            }
            tokio::time::sleep(CLAIM_LOOK).await;
        }
    }

    fn claims(&self) -> MutexGuard<'_, BTreeMap<u64, Instant>> {
        // Nothing panics while it is held.
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Extends those leases; a run whose leases are all lost is told so. Says of which projects the store could
    /// not be asked.
    async fn extend(&self, jobs: &dyn Jobs, which: Which<'_>) -> HashSet<ProjectId> {
        let mut projects: HashMap<ProjectId, Vec<LeaseRef>> = HashMap::new();
        let wanted = |held: &Held| match which {
            Which::All => true,
            Which::Urgent(failing) => held.replaceable || failing.contains(&held.project),
        };
        for held in self.held.iter().filter(|held| wanted(held)) {
            projects.entry(held.project).or_default().push(*held.key());
        }
        let calls = projects.iter().flat_map(|(project, leases)| {
            leases.chunks(AT_ONCE).map(|leases| async {
                let asked = tokio::time::timeout(PATIENCE, self.extend_some(jobs, *project, leases)).await;
                (*project, asked.unwrap_or(false))
            })
        });
        let asked = futures_util::future::join_all(calls).await;
        asked.into_iter().filter(|(_, asked)| !asked).map(|(project, _)| project).collect()
    }

    async fn extend_some(&self, jobs: &dyn Jobs, project: ProjectId, leases: &[LeaseRef]) -> bool {
        match jobs.extend(project, leases).await {
            Ok(extended) => {
                let lost = leases.iter().zip(extended).filter(|(_, extended)| *extended == Extended::Stale);
                lost.for_each(|(lease, _)| self.lose(lease));
                true
            }
            Err(error) => {
                tracing::error!(project = %project.0, error = %Chain(&error), "leases could not be extended");
                false
            }
        }
    }

    fn lose(&self, lease: &LeaseRef) {
        // Settled and given up in the meantime, if it is not there.
        let Some((_, held)) = self.held.remove(lease) else { return };
        if held.run.leases.fetch_sub(1, Relaxed) == 1 {
            held.run.lost.notify_one();
        }
    }
}

#[derive(Clone, Copy)]
enum Which<'a> {
    All,
    /// Those that somebody else may end, and those of these projects.
    Urgent(&'a HashSet<ProjectId>),
}

/// Extends what is held and takes back what others have let lapse, for as long as it is polled. The order is
/// what makes a jump of the wall clock harmless: own leases are extended before anything is taken back.
pub(super) async fn keep(leases: Arc<Leases>, jobs: Arc<dyn Jobs>, clock: Clock) {
    let mut turned = clock.turned();
    let mut keeper = Keeper { leases, jobs, clock, extended_ms: i64::MIN, failing: HashSet::new() };
    loop {
        keeper.look().await;
        wait(&mut turned).await;
    }
}

async fn wait(turned: &mut Turned) {
    tokio::select! {
        () = tokio::time::sleep(LOOK) => {}
        () = turned.turned() => {}
    }
}

struct Keeper {
    leases: Arc<Leases>,
    jobs: Arc<dyn Jobs>,
    clock: Clock,
    /// When all leases were extended the last time, but for those of failing projects, milliseconds since 1970.
    extended_ms: i64,
    /// Projects whose leases could not be extended the last time. They are tried again at every look, and keep
    /// nobody else's lapsed leases from being taken back; their own lapse in the end.
    failing: HashSet<ProjectId>,
}

impl Keeper {
    async fn look(&mut self) {
        let now = self.clock.now_ms();
        if is_fresh(self.extended_ms, now, HEARTBEAT_MS) {
            self.failing = self.leases.extend(&*self.jobs, Which::Urgent(&self.failing)).await;
        } else {
            // What was claimed before a jump of the clock shall be extended as well.
            let known = self.leases.known(&self.clock, LOOK).await;
            self.failing = self.leases.extend(&*self.jobs, Which::All).await;
            if known {
                self.extended_ms = now;
            }
        }
        // Read again: the clock may have jumped while the store was asked.
        if is_fresh(self.extended_ms, self.clock.now_ms(), LEASE_MS / 2) {
            self.reap().await;
        }
    }

    async fn reap(&self) {
        match self.jobs.reap().await {
            Ok(Reaped { crashed: 0, dead: 0, .. }) => {}
            Ok(Reaped { crashed, dead, .. }) => {
                tracing::warn!(crashed, dead, "jobs of a lost server are tried again; others are dead");
            }
            Err(error) => tracing::error!(error = %Chain(&error), "lapsed leases could not be looked for"),
        }
    }
}

/// Whether what was done at `then` is less than that long ago; a clock that was turned back makes it stale.
fn is_fresh(then: i64, now: i64, for_ms: i64) -> bool {
    (0..for_ms).contains(&now.saturating_sub(then))
}

#[cfg(test)]
mod tests;
