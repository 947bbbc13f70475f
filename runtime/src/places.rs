//! How much may be under way at once: of one project or client, and of all. Who comes too many is refused, not kept waiting.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use store::catalog::ProjectId;

/// Places, counted by what they are taken for. A cheap handle.
#[derive(Clone)]
pub(crate) struct Places<K = ProjectId> {
    running: Arc<Mutex<HashMap<K, u32>>>,
    per_key: u32,
    in_all: u32,
}

/// There is no room for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoPlace;

impl<K: Clone + Eq + Hash> Places<K> {
    /// Room for so many.
    pub(crate) fn new(per_key: u32, in_all: u32) -> Self {
        Self { running: Arc::default(), per_key, in_all }
    }

    /// Room for one more, until the place is dropped.
    pub(crate) fn begin(&self, key: K) -> Result<Place<K>, NoPlace> {
        self.begin_some(key, 1)
    }

    /// Room for so many more at once.
    pub(crate) fn begin_some(&self, key: K, count: u32) -> Result<Place<K>, NoPlace> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let own = running.get(&key).copied().unwrap_or(0).saturating_add(count);
        if own > self.per_key || running.values().sum::<u32>().saturating_add(count) > self.in_all {
            return Err(NoPlace);
        }
        running.insert(key.clone(), own);
        Ok(Place { running: Arc::clone(&self.running), key, count })
    }
}

/// Room that one has.
#[derive(Debug)]
pub(crate) struct Place<K: Eq + Hash = ProjectId> {
    running: Arc<Mutex<HashMap<K, u32>>>,
    key: K,
    count: u32,
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match running.get_mut(&self.key) {
            Some(count) if *count > self.count => *count -= self.count,
            _ => {
                running.remove(&self.key);
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
        let some = |count| places.begin_some(ProjectId(Uuid::from_u128(1)), count);
        let held = (some(3).unwrap(), some(0).unwrap());
        assert_eq!((some(2).unwrap_err(), some(u32::MAX).unwrap_err()), (NoPlace, NoPlace));
        assert!(some(1).is_ok());
        drop(held);
        assert!(places.running.lock().unwrap().is_empty());
    }
}
