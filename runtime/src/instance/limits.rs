//! Memory limits: one instance's, and the byte budget of the whole process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::Notify;
use wasmtime::ResourceLimiter;

/// Most elements that one table may have; the pooling allocator reserves as much for each.
pub(super) const TABLE_ELEMENTS: usize = 100_000;

/// Bytes of guest memory in the whole process, counted when they are granted.
#[derive(Debug)]
pub struct MemoryBudget {
    total: u64,
    used: AtomicU64,
    released: Notify,
}

impl MemoryBudget {
    /// A budget of that many bytes.
    pub fn new(total: u64) -> Arc<Self> {
        Arc::new(Self { total, used: AtomicU64::new(0), released: Notify::new() })
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
    }

    /// Resolves when some memory has been given back.
    pub async fn released(&self) {
        self.released.notified().await;
    }

    fn take(&self, bytes: u64) -> bool {
        let granted = self.used.fetch_update(Relaxed, Relaxed, |used| {
            used.checked_add(bytes).filter(|sum| *sum <= self.total)
        });
        granted.is_ok()
    }

    fn give_back(&self, bytes: u64) {
        if bytes > 0 {
            self.used.fetch_sub(bytes, Relaxed);
            self.released.notify_one();
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
    refused: bool,
}

impl Limiter {
    /// At most `instance_bytes` in this store, all of its memories together, within the process's budget.
    pub(super) fn new(budget: Arc<MemoryBudget>, instance_bytes: u64) -> Self {
        Self { budget, instance_bytes, held: 0, peak: 0, refused: false }
    }

    /// Largest sum of the memories' sizes, bytes.
    pub(super) fn peak(&self) -> u64 {
        self.peak
    }

    /// Whether a request for memory has been refused.
    pub(super) fn refused(&self) -> bool {
        self.refused
    }

    /// Begins a new invocation on a kept instance.
    pub(super) fn begin(&mut self) {
        self.refused = false;
        self.peak = self.held;
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let more = (desired as u64).saturating_sub(current as u64);
        let allowed = self.held.saturating_add(more) <= self.instance_bytes && self.budget.take(more);
        if allowed {
            self.held += more;
            self.peak = self.peak.max(self.held);
        } else {
            self.refused = true;
        }
        Ok(allowed)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = desired <= TABLE_ELEMENTS;
        self.refused |= !allowed;
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
            assert_eq!(limiter.refused(), !allowed);
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
}
