//! How many requests with large bodies or answers may be in memory at once: of one project, and of all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use store::catalog::ProjectId;

/// Requests that hold their bodies or answers in memory.
#[derive(Clone)]
pub(super) struct Places {
    running: Arc<Mutex<HashMap<ProjectId, u32>>>,
    per_project: u32,
    in_all: u32,
}

/// There is no room for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoPlace;

impl Places {
    /// Room for so many.
    pub(super) fn new(per_project: u32, in_all: u32) -> Self {
        Self { running: Arc::default(), per_project, in_all }
    }

    /// Room for one more, until the place is dropped.
    pub(super) fn begin(&self, project: ProjectId) -> Result<Place, NoPlace> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let own = running.get(&project).copied().unwrap_or(0);
        if own >= self.per_project || running.values().sum::<u32>() >= self.in_all {
            return Err(NoPlace);
        }
        running.insert(project, own + 1);
        Ok(Place { running: Arc::clone(&self.running), project })
    }
}

/// Room that one request has.
#[derive(Debug)]
pub(super) struct Place {
    running: Arc<Mutex<HashMap<ProjectId, u32>>>,
    project: ProjectId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match running.get_mut(&self.project) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                running.remove(&self.project);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a10_requests_at_once_are_bounded_per_project_and_in_all() {
        let places = Places::new(4, 8);
        let begin = |project| places.begin(ProjectId(Uuid::from_u128(project)));
        let mut held: Vec<_> = (0..4).map(|_| begin(1).unwrap()).collect();
        assert_eq!(begin(1).unwrap_err(), NoPlace, "4 of one project");
        held.extend((8..12).map(|index| begin(index / 2).unwrap()));
        assert_eq!(begin(9).unwrap_err(), NoPlace, "8 in all");
        drop(held);
        assert!(places.running.lock().unwrap().is_empty());
        assert!(begin(1).is_ok());
    }
}
