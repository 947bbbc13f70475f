//! How an older file becomes a present one.

use rusqlite::Connection;

use super::Result;
use crate::StoreError;

/// The schema of a kind of file.
pub(crate) struct Schema {
    /// The file's name, for messages.
    pub(crate) file: &'static str,
    /// Tells our files from other SQLite databases, and from each other.
    pub(crate) application_id: i64,
    /// Step N leads from version N to version N + 1. Steps that were released are never changed.
    pub(crate) steps: &'static [&'static str],
}

impl Schema {
    /// Brings a file up to date, a transaction for each step: killed anywhere, the next start goes on from
    /// there. `Unusable` when a newer server wrote it.
    pub(crate) fn migrate(&self, connection: &Connection) -> Result<()> {
        let known = self.steps.len();
        let found = version(connection)?;
        let done = usize::try_from(found).unwrap_or(usize::MAX);
        if done > known {
            return Err(StoreError::Unusable(format!(
                "{} has schema {found}, this server knows up to {known}; start the newer Ostro \
                 that wrote it, or restore the backup made before the upgrade",
                self.file
            )));
        }
        for (step, sql) in self.steps.iter().enumerate().skip(done) {
            let version = step + 1;
            let whole = format!(
                "BEGIN IMMEDIATE; {sql} PRAGMA application_id = {}; PRAGMA user_version = {version}; COMMIT;",
                self.application_id
            );
            if let Err(error) = connection.execute_batch(&whole) {
                // The first error is the one to report.
                let _ = connection.execute_batch("ROLLBACK");
                return Err(error.into());
            }
            tracing::debug!(file = self.file, version, "schema migrated");
        }
        Ok(())
    }

    /// `Damaged` when the file is not of this kind.
    pub(crate) fn refuse_foreign(&self, connection: &Connection) -> Result<()> {
        let id: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        if id != self.application_id || version(connection)? == 0 {
            return Err(StoreError::Damaged(format!("it is no {} of Ostro", self.file)));
        }
        Ok(())
    }
}

/// The version of a file's schema; 0 in a new file.
pub(crate) fn version(connection: &Connection) -> Result<u32> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}
