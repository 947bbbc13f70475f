//! What the databases of a project hold on the disk with their logs, what its calls write there, and how much more they may.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Limits;
use crate::sql::{DatabaseInfo, Result, SqlError};

/// So many times as large as it should be a log may become: a call must fit in, and another program that reads the file, such
/// as a backup, keeps it from beginning anew.
const LOG_AT_MOST: u64 = 4;

/// The databases of a project with their sizes.
pub(super) struct Ledger {
    limits: Limits,
    sizes: Mutex<BTreeMap<String, OnDisk>>,
    /// What the calls that run have written into logs and temporary files, bytes.
    written: AtomicU64,
}

/// A database on the disk, bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OnDisk {
    pub(super) file: u64,
    pub(super) log: u64,
}

impl Ledger {
    pub(super) fn new(limits: Limits, sizes: BTreeMap<String, OnDisk>) -> Self {
        Self { limits, sizes: Mutex::new(sizes), written: AtomicU64::new(0) }
    }

    /// Puts in a database that is about to be made, unless there are too many.
    pub(super) fn add(&self, name: &str) -> Result<()> {
        let mut sizes = self.sizes();
        if !sizes.contains_key(name) {
            if sizes.len() >= self.limits.databases {
                let most = self.limits.databases;
                return Err(SqlError::Limit(format!("a project has {most} databases at most")));
            }
            sizes.insert(name.to_owned(), OnDisk::default());
        }
        Ok(())
    }

    /// How large a database may become with its next change, bytes: as long as there is room in the project, and not much
    /// at once, because others may grow meanwhile.
    pub(super) fn most(&self, name: &str) -> u64 {
        let sizes = self.sizes();
        let own = sizes.get(name).map_or(0, |size| size.file);
        let others = sizes.values().map(|size| size.file).sum::<u64>().saturating_sub(own);
        self.limits.bytes.saturating_sub(others).min(own.saturating_add(self.limits.growth))
    }

    /// A database has that size now.
    pub(super) fn set(&self, name: &str, size: OnDisk) {
        self.sizes().insert(name.to_owned(), size);
    }

    /// How large a log should become, bytes.
    pub(super) fn most_of_a_log(&self) -> u64 {
        self.limits.log
    }

    /// A log has that size now.
    pub(super) fn set_log(&self, name: &str, bytes: u64) {
        self.sizes().entry(name.to_owned()).or_default().log = bytes;
    }

    /// Whether a log of that size is to begin anew: because it is large, or because all are and it is one of the larger ones.
    pub(super) fn log_is_large(&self, name: &str, bytes: u64) -> bool {
        self.set_log(name, bytes);
        let sizes = self.sizes();
        let all: u64 = sizes.values().map(|size| size.log).sum();
        let share = self.limits.logs / u64::try_from(self.limits.databases.max(1)).unwrap_or(u64::MAX);
        bytes > self.limits.log || (all > self.limits.logs && bytes > share)
    }

    /// Fails if a log is so large that nothing may be written.
    pub(super) fn check_log(&self, bytes: u64) -> Result<()> {
        let most = self.limits.log.saturating_mul(LOG_AT_MOST);
        match bytes <= most {
            true => Ok(()),
            false => Err(SqlError::Limit(format!(
                "the log of the database is full: it holds {most} bytes at most, and begins anew when nobody reads; change \
                 less at once, or try later"
            ))),
        }
    }

    /// A call has written so much more, and so much in all. Fails if that is too much.
    pub(super) fn write(&self, all: u64, more: u64, may_write: bool) -> Result<()> {
        let together = self.add_written(more);
        let Limits { temporary, written, .. } = self.limits;
        let own = if may_write { written } else { temporary };
        match all <= own && together <= written {
            true => Ok(()),
            false => Err(SqlError::Limit(format!(
                "there is no more room for temporary files: a query writes {temporary} bytes at most, for sorting and \
                 grouping, and the calls of a project that run at once {written} bytes with what they change; sort or group \
                 less, or by an index"
            ))),
        }
    }

    /// A call has written so much more; what all that run have.
    pub(super) fn add_written(&self, more: u64) -> u64 {
        self.written.fetch_add(more, Ordering::Relaxed).saturating_add(more)
    }

    /// A call that has written so much has ended.
    pub(super) fn written_no_more(&self, bytes: u64) {
        self.written.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn list(&self) -> Vec<DatabaseInfo> {
        let sizes = self.sizes();
        sizes.iter().map(|(name, size)| DatabaseInfo { name: name.clone(), bytes: size.file }).collect()
    }

    /// As whoever wanted more is told.
    pub(super) fn full(&self) -> SqlError {
        let Limits { bytes, growth, .. } = self.limits;
        SqlError::Limit(format!(
            "there is no room: the databases of a project hold {bytes} bytes at most, and a call adds {growth} at most"
        ))
    }

    fn sizes(&self) -> MutexGuard<'_, BTreeMap<String, OnDisk>> {
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
        let ledger = Ledger::new(limits, BTreeMap::from([("a".to_owned(), OnDisk { file: 40, log: 0 })]));
        for (a, b, most_of_a, most_of_b) in [
            (40, 0, 70, 30),
            (40, 30, 70, 60),
            (40, 55, 45, 60),
            (40, 60, 40, 60),
            (40, 70, 30, 60),
            (10, 80, 20, 90),
        ] {
            ledger.set("a", OnDisk { file: a, log: 7 });
            ledger.set("b", OnDisk { file: b, log: 0 });
            assert_eq!((ledger.most("a"), ledger.most("b")), (most_of_a, most_of_b), "{a} {b}");
        }
        assert!(matches!(ledger.add("c"), Err(SqlError::Limit(_))));
        assert!(ledger.add("a").is_ok());
        assert_eq!(ledger.list().len(), 2);
    }

    #[test]
    fn logs_begin_anew_in_time() {
        let limits = Limits { log: 100, logs: 150, databases: 10, ..Limits::default() };
        let ledger = Ledger::new(limits, BTreeMap::new());
        for (name, bytes, is_large) in [
            ("a", 100, false),
            ("a", 101, true),
            ("a", 90, false),
            ("b", 60, false),
            ("c", 1, false),
            ("b", 60, true),
            ("c", 15, false),
            ("c", 16, true),
            ("b", 0, false),
            ("c", 16, false),
        ] {
            assert_eq!(ledger.log_is_large(name, bytes), is_large, "{name} {bytes}");
        }
        assert!(ledger.check_log(400).is_ok() && ledger.check_log(401).is_err());
    }

    #[test]
    fn what_is_written_at_once_is_bounded() {
        let limits = Limits { temporary: 100, written: 150, ..Limits::default() };
        let ledger = Ledger::new(limits, BTreeMap::new());
        assert!(ledger.write(90, 90, false).is_ok());
        assert!(ledger.write(101, 11, false).is_err());
        assert!(ledger.write(40, 40, true).is_ok());
        assert!(ledger.write(50, 10, true).is_err(), "together it is too much");
        ledger.written_no_more(101);
        assert!(ledger.write(140, 90, true).is_ok());
        ledger.written_no_more(140);
        assert_eq!(ledger.add_written(0), 0);
    }
}
