//! Memory limits: one instance's, and the byte budget of the whole process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use dashmap::DashMap;
use store::catalog::ProjectId;
use tokio::sync::Notify;
use wasmtime::ResourceLimiter;

/// Most elements that one table may have; the pooling allocator reserves as much for each.
pub(super) const TABLE_ELEMENTS: usize = 100_000;

/// The memory of the whole process, and of it at most half for each project, so that no project can take what
/// the others need.
#[derive(Debug)]
pub struct Budgets {
    process: Arc<MemoryBudget>,
    projects: DashMap<ProjectId, Arc<MemoryBudget>>,
}

impl Budgets {
    /// That many bytes for all instances together.
    pub fn new(total: u64) -> Arc<Self> {
        Arc::new(Self { process: MemoryBudget::new(total), projects: DashMap::new() })
    }

    /// The budget of the whole process.
    pub fn process(&self) -> &Arc<MemoryBudget> {
        &self.process
    }

    /// The budget of one project.
    pub fn of(&self, project: ProjectId) -> Arc<MemoryBudget> {
        match self.projects.get(&project) {
            Some(budget) => budget.clone(),
            None => {
                self.projects.entry(project).or_insert_with(|| MemoryBudget::share(&self.process)).clone()
            }
        }
    }
}

/// Bytes of guest memory, counted when they are granted.
#[derive(Debug)]
pub struct MemoryBudget {
    total: u64,
    used: AtomicU64,
    released: Notify,
    whole: Option<Arc<MemoryBudget>>,
}

impl MemoryBudget {
    /// A budget of that many bytes.
    pub fn new(total: u64) -> Arc<Self> {
        Arc::new(Self { total, used: AtomicU64::new(0), released: Notify::new(), whole: None })
    }

    /// A budget of half of that one, and taken from it.
    fn share(whole: &Arc<Self>) -> Arc<Self> {
        let (used, released) = (AtomicU64::new(0), Notify::new());
        Arc::new(Self { total: whole.total / 2, used, released, whole: Some(whole.clone()) })
    }

    /// Bytes granted now.
    pub fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// Bytes that may be granted in all.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Whether that many bytes more would fit now.
    pub fn fits(&self, bytes: u64) -> bool {
        self.used().saturating_add(bytes) <= self.total
            && self.whole.as_ref().is_none_or(|whole| whole.fits(bytes))
    }

    /// Resolves when some memory has been given back.
    pub async fn released(&self) {
        self.released.notified().await;
    }

    fn take(&self, bytes: u64) -> bool {
        let granted = self
            .used
            .fetch_update(Relaxed, Relaxed, |used| used.checked_add(bytes).filter(|sum| *sum <= self.total));
        match (&self.whole, granted) {
            (_, Err(_)) => false,
            (None, Ok(_)) => true,
            (Some(whole), Ok(_)) if whole.take(bytes) => true,
            (Some(_), Ok(_)) => {
                self.used.fetch_sub(bytes, Relaxed);
                false
            }
        }
    }

    fn give_back(&self, bytes: u64) {
        if bytes > 0 {
            self.used.fetch_sub(bytes, Relaxed);
            self.released.notify_one();
            if let Some(whole) = &self.whole {
                whole.give_back(bytes);
            }
        }
    }
}

/// The limiter of one store.
#[derive(Debug)]
pub(super) struct Limiter {
    budget: Arc<MemoryBudget>,
    instance_bytes: u64,
    held: u64,
    peak: u64,
    refused: Option<Refusal>,
}

/// Who refused memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The instance has reached its own limit.
    Instance,
    /// The project or the process has no memory left.
    Budget,
}

impl Limiter {
    /// At most `instance_bytes` in this store, all of its memories together, within the process's budget.
    pub(super) fn new(budget: Arc<MemoryBudget>, instance_bytes: u64) -> Self {
        Self { budget, instance_bytes, held: 0, peak: 0, refused: None }
    }

    /// Largest sum of the memories' sizes, bytes.
    pub(super) fn peak(&self) -> u64 {
        self.peak
    }

    /// Who refused memory last, if anybody did.
    pub(super) fn refused(&self) -> Option<Refusal> {
        self.refused
    }

    /// Begins a new invocation on a kept instance.
    pub(super) fn begin(&mut self) {
        self.refused = None;
        self.peak = self.held;
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = (desired as u64).saturating_sub(current as u64);
        // wasmtime asks before it looks at the memory's own maximum: granting more would be counted and never used.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.refused = if self.held.saturating_add(more) > self.instance_bytes {
            Some(Refusal::Instance)
        } else if !self.budget.take(more) {
            Some(Refusal::Budget)
        } else {
            self.held += more;
            self.peak = self.peak.max(self.held);
            return Ok(true);
        };
        Ok(false)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = desired <= TABLE_ELEMENTS;
        if !allowed {
            self.refused = Some(Refusal::Instance);
        }
        Ok(allowed)
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.budget.give_back(self.held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_held_to_its_limit_exactly() {
        let budget = MemoryBudget::new(1_000);
        for (desired, allowed) in [(99, true), (100, true), (101, false)] {
            let mut limiter = Limiter::new(budget.clone(), 100);
            assert_eq!(limiter.memory_growing(0, desired, None).unwrap(), allowed, "{desired}");
            assert_eq!(limiter.refused(), (!allowed).then_some(Refusal::Instance));
        }
        assert_eq!(budget.used(), 0, "everything was given back");
    }

    #[test]
    fn the_process_is_held_to_its_budget_over_all_instances() {
        let budget = MemoryBudget::new(150);
        let mut first = Limiter::new(budget.clone(), 100);
        let mut second = Limiter::new(budget.clone(), 100);
        assert!(first.memory_growing(0, 100, None).unwrap());
        assert!(!second.memory_growing(0, 51, None).unwrap());
        assert!(second.memory_growing(0, 50, None).unwrap());
        drop(first);
        assert!(second.memory_growing(50, 100, None).unwrap());
        assert_eq!(second.peak(), 100);
    }

    #[test]
    fn one_project_gets_at_most_half() {
        let budgets = Budgets::new(100);
        let project = ProjectId(uuid::Uuid::nil());
        let mut hungry = Limiter::new(budgets.of(project), 1_000);
        assert!(hungry.memory_growing(0, 50, None).unwrap());
        assert!(!hungry.memory_growing(50, 51, None).unwrap());
        assert_eq!(hungry.refused(), Some(Refusal::Budget));
        let mut other = Limiter::new(budgets.of(ProjectId(uuid::Uuid::max())), 1_000);
        assert!(other.memory_growing(0, 50, None).unwrap());
        assert_eq!(budgets.process().used(), 100);
        drop((hungry, other));
        assert_eq!((budgets.process().used(), budgets.of(project).used()), (0, 0));
    }

    #[test]
    fn a_grow_over_the_memorys_own_maximum_is_not_counted() {
        let budget = MemoryBudget::new(1_000);
        let mut limiter = Limiter::new(budget.clone(), 1_000);
        assert!(!limiter.memory_growing(0, 101, Some(100)).unwrap());
        assert_eq!((budget.used(), limiter.refused()), (0, None));
    }
}
