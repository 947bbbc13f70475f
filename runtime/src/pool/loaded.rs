//! Compiled revisions in memory: mapped on first use, evicted when there are many.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use dashmap::DashMap;
use store::catalog::{Digest, ProjectId};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;

use crate::instance::Code;
use crate::problem::Problem;
use crate::registry::artifact::Artifacts;

/// Mapped code, shared by all executors.
pub struct LoadedCode {
    artifacts: Arc<Artifacts>,
    runtime: Handle,
    slots: DashMap<(ProjectId, Digest), Arc<Slot>>,
    most: usize,
    uses: AtomicU64,
}

#[derive(Default)]
struct Slot {
    code: OnceCell<Arc<Code>>,
    /// When it was used last, in uses of the whole table: an order, not a time.
    used: AtomicU64,
}

impl LoadedCode {
    /// At most `most` revisions stay mapped, beside those that run. Loading, and compiling again where it is
    /// needed, happens on `runtime`: it goes on when the request that asked for it has run out of time.
    pub fn new(artifacts: Arc<Artifacts>, most: usize, runtime: Handle) -> Self {
        Self { artifacts, runtime, slots: DashMap::new(), most: most.max(1), uses: AtomicU64::new(0) }
    }

    /// The code, mapped now if it is not. Two that ask at once map it once.
    pub async fn get(&self, key: &(ProjectId, Digest)) -> Result<Arc<Code>, Problem> {
        let slot = match self.slots.get(key) {
            Some(slot) => slot.clone(),
            None => self.slots.entry(key.clone()).or_default().clone(),
        };
        slot.used.store(self.uses.fetch_add(1, Relaxed), Relaxed);
        if let Some(code) = slot.code.get() {
            return Ok(code.clone());
        }
        let (artifacts, (project, wasm)) = (self.artifacts.clone(), key.clone());
        let loading = self.runtime.spawn(async move {
            slot.code.get_or_try_init(|| artifacts.load(project, &wasm)).await.cloned()
        });
        let code = loading.await.map_err(|error| Problem::internal(&error))??;
        self.evict();
        Ok(code)
    }

    /// Holds code that no artifact was made of.
    #[cfg(test)]
    pub(crate) fn hold(&self, key: (ProjectId, Digest), code: Arc<Code>) {
        let slot = Slot { code: OnceCell::from(code), used: AtomicU64::new(0) };
        self.slots.insert(key, Arc::new(slot));
    }

    /// Revisions mapped now.
    pub fn count(&self) -> usize {
        self.slots.len()
    }

    /// Forgets those used least recently; what runs keeps its own handle until it ends.
    fn evict(&self) {
        let surplus = self.slots.len().saturating_sub(self.most);
        if surplus == 0 {
            return;
        }
        let mut by_use: Vec<_> =
            self.slots.iter().map(|slot| (slot.used.load(Relaxed), slot.key().clone())).collect();
        by_use.sort_unstable();
        for (_, key) in by_use.into_iter().take(surplus) {
            self.slots.remove(&key);
        }
    }
}
