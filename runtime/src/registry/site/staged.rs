//! Contents that have come for the next version of a site, and that no version refers to yet.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use store::catalog::{Digest, ProjectId};

/// Contents by project, with their sizes. They are forgotten when the server ends: the next start collects their files.
#[derive(Default)]
pub(in crate::registry) struct Staged(Mutex<HashMap<ProjectId, HashMap<Digest, u64>>>);

impl Staged {
    /// Adds a content of that many bytes.
    pub(super) fn add(&self, project: ProjectId, digest: &Digest, bytes: u64) {
        self.lock().entry(project).or_default().insert(digest.clone(), bytes);
    }

    /// What has come for a project's site.
    pub(super) fn of(&self, project: ProjectId) -> HashMap<Digest, u64> {
        self.lock().get(&project).cloned().unwrap_or_default()
    }

    /// How many bytes that are.
    pub(super) fn bytes(&self, project: ProjectId) -> u64 {
        self.lock().get(&project).map_or(0, |staged| staged.values().sum())
    }

    /// Whether some project waits for that content.
    pub(super) fn has(&self, digest: &Digest) -> bool {
        self.lock().values().any(|staged| staged.contains_key(digest))
    }

    /// Forgets all of a project; answers what that was.
    pub(super) fn take(&self, project: ProjectId) -> BTreeSet<Digest> {
        self.lock().remove(&project).unwrap_or_default().into_keys().collect()
    }

    /// Forgets what is not among these; answers what that was.
    pub(super) fn keep_only(&self, project: ProjectId, wanted: &BTreeSet<Digest>) -> BTreeSet<Digest> {
        let mut all = self.lock();
        let Some(staged) = all.get_mut(&project) else { return BTreeSet::new() };
        let gone: BTreeSet<Digest> =
            staged.keys().filter(|digest| !wanted.contains(*digest)).cloned().collect();
        staged.retain(|digest, _| wanted.contains(digest));
        gone
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProjectId, HashMap<Digest, u64>>> {
        // Nothing panics between two halves of a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_project_waits_for_stays() {
        let staged = Staged::default();
        let project = |number: u128| ProjectId(uuid::Uuid::from_u128(number));
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        staged.add(project(1), &a, 3);
        staged.add(project(1), &a, 3);
        staged.add(project(1), &b, 4);
        staged.add(project(2), &b, 4);
        assert_eq!((staged.bytes(project(1)), staged.bytes(project(3))), (7, 0));
        assert_eq!(staged.keep_only(project(1), &BTreeSet::from([a.clone()])), BTreeSet::from([b.clone()]));
        assert!(staged.has(&b) && !staged.of(project(1)).contains_key(&b));
        assert_eq!(staged.take(project(2)), BTreeSet::from([b.clone()]));
        assert!(!staged.has(&b) && staged.has(&a));
    }
}
