//! What became of jobs goes to the store in groups: while one commit waits for the disk, the next group gathers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dashmap::DashMap;
use store::StoreError;
use store::catalog::ProjectId;
use store::jobs::{Jobs, Settlement};
use tokio::sync::watch;

use crate::problem::Chain;

/// Pauses between attempts to settle a group, about a minute in all. Then its leases are let lapse, unless it is
/// the disk that is full: what has run waits for room as long as it takes.
const PAUSES: [Duration; 14] = {
    let mut pauses = [LONGEST_PAUSE; 14];
    (pauses[0], pauses[1], pauses[2]) =
        (Duration::from_millis(50), Duration::from_millis(250), Duration::from_secs(1));
    pauses
};

const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Settles jobs.
pub(super) struct Settler {
    jobs: Arc<dyn Jobs>,
    projects: DashMap<ProjectId, Arc<Project>>,
}

#[derive(Default)]
struct Project {
    waiting: Mutex<Vec<Settlement>>,
    /// Held by whoever settles for all that wait.
    turn: tokio::sync::Mutex<()>,
}

impl Settler {
    pub(super) fn new(jobs: Arc<dyn Jobs>) -> Self {
        Self { jobs, projects: DashMap::new() }
    }

    /// Resolves when these are stored, or given up: at the latest soon after `cut` has turned true.
    pub(super) async fn settle(
        &self,
        project: ProjectId,
        settlements: impl Iterator<Item = Settlement>,
        cut: &mut watch::Receiver<bool>,
    ) {
        let group = self.projects.entry(project).or_default().clone();
        group.waiting().extend(settlements);
        let _turn = group.turn.lock().await;
        let settlements = std::mem::take(&mut *group.waiting());
        // Whoever had the turn before has settled for this one too.
        if settlements.is_empty() {
            return;
        }
        let mut pauses = PAUSES.into_iter();
        loop {
            let full = match self.jobs.settle(project, settlements.clone()).await {
                Ok(_) => return,
                Err(error) => {
                    tracing::error!(project = %project.0, error = %Chain(&error), "jobs could not be settled");
                    matches!(error, StoreError::NoSpace(_))
                }
            };
            let Some(pause) = pauses.next().or(full.then_some(LONGEST_PAUSE)) else { break };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = cut.wait_for(|cut| *cut) => break,
            }
        }
        tracing::error!(jobs = settlements.len(), "jobs were not settled: they will run again");
    }
}

impl Project {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Settlement>> {
        // Nothing panics while it is held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
