//! How much may be under way at once: of one project, and of all. Who comes later waits in order, for as long as it is worth it.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use store::catalog::ProjectId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a client waits.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Turns. A cheap handle.
#[derive(Clone)]
pub(crate) struct Turns {
    projects: Arc<DashMap<ProjectId, Arc<Semaphore>>>,
    per_project: usize,
    all: Arc<Semaphore>,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _project: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Turns {
    /// So many at once.
    pub(crate) fn new(per_project: usize, in_all: usize) -> Self {
        Self { projects: Arc::default(), per_project, all: Arc::new(Semaphore::new(in_all)) }
    }

    /// Waits for a turn; none when it takes longer than that. A project's own places come first: who waits for them holds
    /// nothing that others need.
    pub(crate) async fn take(&self, project: ProjectId, patience: Duration) -> Option<Turn> {
        let own = self.of(project);
        let take = async {
            let project = own.acquire_owned().await.ok()?;
            let all = self.all.clone().acquire_owned().await.ok()?;
            Some(Turn { _project: project, _all: all })
        };
        timeout(patience, take).await.ok().flatten()
    }

    fn of(&self, project: ProjectId) -> Arc<Semaphore> {
        if let Some(own) = self.projects.get(&project) {
            return own.clone();
        }
        let new = || Arc::new(Semaphore::new(self.per_project));
        self.projects.entry(project).or_insert_with(new).clone()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;
    use uuid::Uuid;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn c5_one_project_leaves_places_for_others() {
        let turns = Turns::new(16, 64);
        let take = |project| turns.take(ProjectId(Uuid::from_u128(project)), PATIENCE);
        let mut held = Vec::new();
        for _ in 0..16 {
            held.push(take(1).await.unwrap());
        }
        let begin = Instant::now();
        assert!(take(1).await.is_none());
        assert_eq!(begin.elapsed(), PATIENCE);
        assert!(take(2).await.is_some());
        held.pop();
        assert!(take(1).await.is_some(), "a place that is given back is taken");
    }
}
