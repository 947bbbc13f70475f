//! Places for looks that may take long: few at once for each project.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::catalog::ProjectId;

/// The places of each project that has asked.
pub(crate) struct Asides {
    at_once: usize,
    projects: Mutex<HashMap<ProjectId, Arc<Semaphore>>>,
}

/// A place, given back when it is dropped. It belongs into the look: a caller that goes away leaves that running.
pub(crate) type Aside = OwnedSemaphorePermit;

impl Asides {
    /// So many looks of one project at once. Others wait: a project that asks for much takes from itself.
    pub(crate) fn new(at_once: usize) -> Self {
        Self { at_once, projects: Mutex::default() }
    }

    /// A place; `None` if none is free for so long.
    pub(crate) async fn take(&self, project: ProjectId, wait: Duration) -> Option<Aside> {
        timeout(wait, self.of(project).acquire_owned()).await.ok()?.ok()
    }

    fn of(&self, project: ProjectId) -> Arc<Semaphore> {
        // Nothing panics between two halves of a change.
        let mut all = self.projects.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever waits or looks has a clone.
        all.retain(|_, places| Arc::strong_count(places) > 1);
        all.entry(project).or_insert_with(|| Arc::new(Semaphore::new(self.at_once))).clone()
    }
}
