//! What the databases of a project hold on the disk, and how much more one of them may.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Limits;
use crate::sql::{DatabaseInfo, Result, SqlError};

/// The databases of a project with their sizes, bytes.
pub(super) struct Ledger {
    limits: Limits,
    sizes: Mutex<BTreeMap<String, u64>>,
}

impl Ledger {
    pub(super) fn new(limits: Limits, sizes: BTreeMap<String, u64>) -> Self {
        Self { limits, sizes: Mutex::new(sizes) }
    }

    /// Puts in a database that is about to be made, unless there are too many.
    pub(super) fn add(&self, name: &str) -> Result<()> {
        let mut sizes = self.sizes();
        if !sizes.contains_key(name) {
            if sizes.len() >= self.limits.databases {
                let most = self.limits.databases;
                return Err(SqlError::Limit(format!("a project has {most} databases at most")));
            }
            sizes.insert(name.to_owned(), 0);
        }
        Ok(())
    }

    /// How large a database may become with its next change, bytes: as long as there is room in the project, and not much
    /// at once, because others may grow meanwhile.
    pub(super) fn most(&self, name: &str) -> u64 {
        let sizes = self.sizes();
        let own = sizes.get(name).copied().unwrap_or(0);
        let others = sizes.values().sum::<u64>().saturating_sub(own);
        self.limits.bytes.saturating_sub(others).min(own.saturating_add(self.limits.growth))
    }

    /// A database has that size now.
    pub(super) fn set(&self, name: &str, bytes: u64) {
        self.sizes().insert(name.to_owned(), bytes);
    }

    pub(super) fn list(&self) -> Vec<DatabaseInfo> {
        let sizes = self.sizes();
        sizes.iter().map(|(name, bytes)| DatabaseInfo { name: name.clone(), bytes: *bytes }).collect()
    }

    /// As whoever wanted more is told.
    pub(super) fn full(&self) -> SqlError {
        let Limits { bytes, growth, .. } = self.limits;
        SqlError::Limit(format!(
            "there is no room: the databases of a project hold {bytes} bytes at most, and a call adds {growth} at most"
        ))
    }

    fn sizes(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        // Nothing panics between two halves of a change.
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_shares_its_room() {
        let limits = Limits { bytes: 100, growth: 30, databases: 2, ..Limits::default() };
        let ledger = Ledger::new(limits, BTreeMap::from([("a".to_owned(), 40)]));
        for (a, b, most_of_a, most_of_b) in [
            (40, 0, 70, 30),
            (40, 30, 70, 60),
            (40, 55, 45, 60),
            (40, 60, 40, 60),
            (40, 70, 30, 60),
            (10, 80, 20, 90),
        ] {
            ledger.set("a", a);
            ledger.set("b", b);
            assert_eq!((ledger.most("a"), ledger.most("b")), (most_of_a, most_of_b), "{a} {b}");
        }
        assert!(matches!(ledger.add("c"), Err(SqlError::Limit(_))));
        assert!(ledger.add("a").is_ok());
        assert_eq!(ledger.list().len(), 2);
    }
}
