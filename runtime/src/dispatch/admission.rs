//! Who may run now: concurrency of a function, of the whole process, and memory. In order, bounded, timed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use dashmap::DashMap;
use governor::clock::DefaultClock;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use store::catalog::{FunctionId, ProjectId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::instance::{Budgets, MemoryBudget};

/// Longest wait for capacity.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Waiting requests per running one that a function may have.
const WAITING_PER_SLOT: u32 = 4;
/// Memory that must be free for an instance to start: one page of growth is not enough to be useful.
const MEMORY_TO_START: u64 = 1 << 20;

/// What all executors count together.
pub struct Admission {
    process: Arc<Semaphore>,
    projects: DashMap<ProjectId, Arc<Semaphore>>,
    per_project: usize,
    gates: DashMap<FunctionId, Arc<Gate>>,
    rates: Option<RateLimiter<ProjectId, DashMapStateStore<ProjectId>, DefaultClock>>,
    budgets: Arc<Budgets>,
}

/// A place to run in, given back when it is dropped.
#[derive(Debug)]
pub struct Permit {
    _function: OwnedSemaphorePermit,
    _project: OwnedSemaphorePermit,
    _process: OwnedSemaphorePermit,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No capacity in time, or too many are waiting already.
    Busy,
    /// The project is over its rate.
    Rate,
}

#[derive(Debug)]
struct Gate {
    slots: Arc<Semaphore>,
    limit: AtomicU32,
    waiting: AtomicU32,
}

impl Admission {
    /// `instances` at once in the process, at most half of them of one project, so that none can take what the
    /// others need; `rate` in requests a second per project, none for no limit.
    pub fn new(instances: u32, rate: Option<std::num::NonZeroU32>, budgets: Arc<Budgets>) -> Self {
        Self {
            process: Arc::new(Semaphore::new(instances as usize)),
            projects: DashMap::new(),
            per_project: instances.div_ceil(2) as usize,
            gates: DashMap::new(),
            rates: rate.map(|rate| RateLimiter::dashmap(Quota::per_second(rate))),
            budgets,
        }
    }

    /// Waits for a place in order of arrival, at most five seconds.
    pub async fn enter(
        &self,
        project: ProjectId,
        function: FunctionId,
        limit: u32,
    ) -> Result<Permit, Refused> {
        if self.rates.as_ref().is_some_and(|rates| rates.check_key(&project).is_err()) {
            return Err(Refused::Rate);
        }
        let gate = self.gate(function, limit);
        let slots = self.project(project);
        let memory = self.budgets.of(project);
        if let Some(permit) = self.enter_now(&gate, &slots, &memory) {
            return Ok(permit);
        }
        let waiting = Waiting::join(&gate, limit.saturating_mul(WAITING_PER_SLOT)).ok_or(Refused::Busy)?;
        let entered = tokio::time::timeout(MAX_WAIT, self.enter_later(&gate, slots, &memory)).await;
        drop(waiting);
        entered.ok().flatten().ok_or(Refused::Busy)
    }

    fn gate(&self, function: FunctionId, limit: u32) -> Arc<Gate> {
        let gate = match self.gates.get(&function) {
            Some(gate) => gate.clone(),
            None => self.gates.entry(function).or_insert_with(|| Arc::new(Gate::new(limit))).clone(),
        };
        gate.resize(limit);
        gate
    }

    fn project(&self, project: ProjectId) -> Arc<Semaphore> {
        match self.projects.get(&project) {
            Some(slots) => slots.clone(),
            None => {
                let slots = || Arc::new(Semaphore::new(self.per_project));
                self.projects.entry(project).or_insert_with(slots).clone()
            }
        }
    }

    fn enter_now(&self, gate: &Gate, slots: &Arc<Semaphore>, memory: &MemoryBudget) -> Option<Permit> {
        let function = gate.slots.clone().try_acquire_owned().ok()?;
        let project = slots.clone().try_acquire_owned().ok()?;
        let process = self.process.clone().try_acquire_owned().ok()?;
        let permit = Permit { _function: function, _project: project, _process: process };
        memory.fits(MEMORY_TO_START).then_some(permit)
    }

    /// The narrowest limit first: whoever waits for its own function holds nothing that others need.
    async fn enter_later(&self, gate: &Gate, slots: Arc<Semaphore>, memory: &MemoryBudget) -> Option<Permit> {
        let function = gate.slots.clone().acquire_owned().await.ok()?;
        let project = slots.acquire_owned().await.ok()?;
        let process = self.process.clone().acquire_owned().await.ok()?;
        while !memory.fits(MEMORY_TO_START) {
            // The bell rings for one waiter only and may ring between look and wait: look again soon.
            let _ = tokio::time::timeout(Duration::from_millis(50), memory.released()).await;
        }
        Some(Permit { _function: function, _project: project, _process: process })
    }
}

impl Gate {
    fn new(limit: u32) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(limit as usize)),
            limit: AtomicU32::new(limit),
            waiting: AtomicU32::new(0),
        }
    }

    /// A new revision may have another limit: slots are added at once, and taken away as they come free.
    fn resize(&self, limit: u32) {
        let old = self.limit.load(Relaxed);
        if old == limit || self.limit.compare_exchange(old, limit, Relaxed, Relaxed).is_err() {
            return;
        }
        if limit > old {
            self.slots.add_permits((limit - old) as usize);
        } else {
            let surplus = old - limit;
            let slots = self.slots.clone();
            drop(tokio::spawn(async move {
                if let Ok(permits) = slots.acquire_many_owned(surplus).await {
                    permits.forget();
                }
            }));
        }
    }
}

/// A place in the queue of a gate.
struct Waiting<'a> {
    gate: &'a Gate,
}

impl<'a> Waiting<'a> {
    fn join(gate: &'a Gate, most: u32) -> Option<Self> {
        let joined =
            gate.waiting.fetch_update(Relaxed, Relaxed, |waiting| (waiting < most).then_some(waiting + 1));
        joined.ok().map(|_| Self { gate })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.gate.waiting.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn admission(instances: u32) -> Admission {
        Admission::new(instances, None, Budgets::new(1 << 30))
    }

    const PROJECT: ProjectId = ProjectId(Uuid::nil());
    const FUNCTION: FunctionId = FunctionId(Uuid::nil());

    #[tokio::test(start_paused = true)]
    async fn over_the_limit_waits_and_then_is_busy() {
        let admission = admission(10);
        let first = admission.enter(PROJECT, FUNCTION, 1).await.unwrap();
        assert_eq!(admission.enter(PROJECT, FUNCTION, 1).await.unwrap_err(), Refused::Busy);
        drop(first);
        assert!(admission.enter(PROJECT, FUNCTION, 1).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn at_most_four_wait_for_each_slot() {
        let admission = Arc::new(admission(10));
        let held = admission.enter(PROJECT, FUNCTION, 1).await.unwrap();
        let waiters: Vec<_> = (0..5)
            .map(|_| {
                let admission = admission.clone();
                tokio::spawn(async move { admission.enter(PROJECT, FUNCTION, 1).await.map(drop) })
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(
            waiters.iter().filter(|waiter| waiter.is_finished()).count(),
            1,
            "the fifth is refused at once"
        );
        drop(held);
        let mut entered = 0;
        for waiter in waiters {
            entered += usize::from(waiter.await.unwrap().is_ok());
        }
        assert_eq!(entered, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_limit_holds_from_the_next_request_on() {
        let admission = admission(10);
        let first = admission.enter(PROJECT, FUNCTION, 1).await.unwrap();
        let second = admission.enter(PROJECT, FUNCTION, 2).await.unwrap();
        drop((first, second));
        let _one = admission.enter(PROJECT, FUNCTION, 1).await.unwrap();
        tokio::task::yield_now().await;
        assert_eq!(admission.enter(PROJECT, FUNCTION, 1).await.unwrap_err(), Refused::Busy);
    }

    #[tokio::test(start_paused = true)]
    async fn the_process_limit_holds_over_all_functions() {
        let admission = admission(1);
        let other = FunctionId(Uuid::max());
        let _held = admission.enter(PROJECT, FUNCTION, 10).await.unwrap();
        assert_eq!(admission.enter(PROJECT, other, 10).await.unwrap_err(), Refused::Busy);
    }

    #[tokio::test(start_paused = true)]
    async fn one_project_leaves_half_to_the_others() {
        let admission = admission(4);
        let mut held = Vec::new();
        for _ in 0..2 {
            held.push(admission.enter(PROJECT, FUNCTION, 10).await.unwrap());
        }
        assert_eq!(admission.enter(PROJECT, FUNCTION, 10).await.unwrap_err(), Refused::Busy);
        let (neighbour, function) = (ProjectId(Uuid::max()), FunctionId(Uuid::max()));
        assert!(admission.enter(neighbour, function, 10).await.is_ok());
    }

    #[tokio::test]
    async fn over_the_rate_is_refused_at_once() {
        let admission = Admission::new(10, std::num::NonZeroU32::new(2), Budgets::new(1 << 30));
        for expected in [None, None, Some(Refused::Rate)] {
            assert_eq!(admission.enter(PROJECT, FUNCTION, 10).await.err(), expected);
        }
    }
}
