//! Places for what holds blocks of an object in memory while it goes on: bounded for each project and for the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use store::catalog::ProjectId;

/// Places of the process, unless told otherwise. Each stands for two blocks at most, which are 2 MiB.
const MAX: usize = 256;
/// Places of one project, unless told otherwise.
const MAX_OF_PROJECT: usize = 64;

/// Places, shared by all clones.
#[derive(Clone)]
pub struct Places {
    most: usize,
    most_of_project: usize,
    taken: Arc<Mutex<HashMap<ProjectId, usize>>>,
}

/// A place that is taken; dropping it gives it back.
pub struct Place {
    places: Places,
    project: ProjectId,
}

impl Default for Places {
    fn default() -> Self {
        Self::new(MAX, MAX_OF_PROJECT)
    }
}

impl Places {
    /// That many places in all, and that many for one project.
    pub fn new(most: usize, most_of_project: usize) -> Self {
        Self { most, most_of_project, taken: Arc::default() }
    }

    /// A place, if the project and the process have one left.
    pub fn take(&self, project: ProjectId) -> Option<Place> {
        let mut taken = self.taken();
        let all: usize = taken.values().sum();
        let own = taken.get(&project).copied().unwrap_or(0);
        if all >= self.most || own >= self.most_of_project {
            return None;
        }
        taken.insert(project, own + 1);
        Some(Place { places: self.clone(), project })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<ProjectId, usize>> {
        // Nothing panics between two halves of a change.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        match taken.get_mut(&self.project) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.project)),
        }
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Place").field(&self.project).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(number: u128) -> ProjectId {
        ProjectId(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn no_project_takes_the_places_of_the_others() {
        let places = Places::default();
        let take =
            |number: u128| -> Vec<Place> { std::iter::from_fn(|| places.take(project(number))).collect() };
        let first = take(1);
        assert_eq!(first.len(), MAX_OF_PROJECT);
        let others: Vec<_> = (2..=4).map(take).collect();
        assert!(others.iter().all(|places| places.len() == MAX_OF_PROJECT));
        assert!(places.take(project(5)).is_none(), "the process is full");
        drop(first);
        assert_eq!(take(1).len(), MAX_OF_PROJECT);
        drop(others);
        assert!(places.taken().is_empty(), "nobody is remembered who has none");
    }
}
