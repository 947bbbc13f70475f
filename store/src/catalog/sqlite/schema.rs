//! The tables of the catalog, and how an older catalog becomes a present one.

use rusqlite::Connection;

use crate::StoreError;
use crate::catalog::Result;

/// `Ostr`: tells our files from other SQLite databases.
pub(super) const APPLICATION_ID: i64 = 0x4f73_7472;

/// Step N leads from version N to version N + 1. Steps that were released are never changed.
const STEPS: [&str; 1] = [INITIAL];

/// Revisions, routes and so on go with their owner. The audit trail and the totals stay, so they refer to
/// nothing. Nothing is deferred: a constraint fails its own change, never the shared transaction's commit.
const INITIAL: &str = "
    CREATE TABLE projects (
        id         BLOB PRIMARY KEY,
        name       TEXT NOT NULL UNIQUE,
        created_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE tokens (
        prefix     TEXT PRIMARY KEY,
        hash       BLOB NOT NULL CHECK (length(hash) = 32),
        project    BLOB REFERENCES projects ON DELETE CASCADE,
        label      TEXT NOT NULL,
        scopes     TEXT NOT NULL,
        created_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tokens_of_project ON tokens (project);

    -- last_revision outlives the revisions: a number is never used again.
    CREATE TABLE functions (
        id            BLOB PRIMARY KEY,
        project       BLOB NOT NULL REFERENCES projects ON DELETE CASCADE,
        name          TEXT NOT NULL,
        active        INTEGER NOT NULL,
        last_revision INTEGER NOT NULL CHECK (last_revision >= active),
        bindings      TEXT NOT NULL,
        created_ms    INTEGER NOT NULL,
        updated_ms    INTEGER NOT NULL,
        UNIQUE (project, name)
    ) STRICT, WITHOUT ROWID;

    -- wasm and assets repeat what is in spec, for the collection of orphans.
    CREATE TABLE revisions (
        function   BLOB NOT NULL REFERENCES functions ON DELETE CASCADE,
        number     INTEGER NOT NULL CHECK (number > 0),
        wasm       TEXT NOT NULL,
        assets     TEXT,
        spec       TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        created_by TEXT NOT NULL,
        PRIMARY KEY (function, number)
    ) STRICT, WITHOUT ROWID;

    -- One row for each method of a route; method * is any.
    CREATE TABLE routes (
        project  BLOB NOT NULL REFERENCES projects ON DELETE CASCADE,
        shape    TEXT NOT NULL,
        method   TEXT NOT NULL,
        function BLOB NOT NULL REFERENCES functions ON DELETE CASCADE,
        PRIMARY KEY (project, shape, method)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX routes_of_function ON routes (function);

    CREATE TABLE secrets (
        project    BLOB NOT NULL REFERENCES projects ON DELETE CASCADE,
        name       TEXT NOT NULL,
        sealed     BLOB NOT NULL,
        updated_ms INTEGER NOT NULL,
        PRIMARY KEY (project, name)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE audit (
        sequence INTEGER PRIMARY KEY,
        at_ms    INTEGER NOT NULL,
        actor    TEXT NOT NULL,
        project  BLOB,
        action   TEXT NOT NULL,
        subject  TEXT NOT NULL
    ) STRICT;
    CREATE INDEX audit_of_project ON audit (project, sequence);

    CREATE TABLE totals (
        function    BLOB NOT NULL,
        hour_ms     INTEGER NOT NULL,
        invocations INTEGER NOT NULL,
        failures    INTEGER NOT NULL,
        cpu_us      INTEGER NOT NULL,
        wall_us     INTEGER NOT NULL,
        bytes_in    INTEGER NOT NULL,
        bytes_out   INTEGER NOT NULL,
        PRIMARY KEY (function, hour_ms)
    ) STRICT, WITHOUT ROWID;
";

/// The version of the schema; 0 in a new file.
pub(super) fn version(connection: &Connection) -> Result<u32> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// Brings the schema up to date, a transaction for each step: killed anywhere, the next start goes on from
/// there. `Unusable` when a newer server wrote it.
pub(super) fn migrate(connection: &Connection) -> Result<()> {
    let known = STEPS.len();
    let found = version(connection)?;
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    if done > known {
        return Err(StoreError::Unusable(format!(
            "catalog.db has schema {found}, this server knows up to {known}; start the newer Ostro \
             that wrote it, or restore the backup made before the upgrade"
        )));
    }
    for (step, sql) in STEPS.iter().enumerate().skip(done) {
        let version = step + 1;
        let whole = format!(
            "BEGIN IMMEDIATE; {sql} PRAGMA application_id = {APPLICATION_ID}; \
             PRAGMA user_version = {version}; COMMIT;"
        );
        if let Err(error) = connection.execute_batch(&whole) {
            // The first error is the one to report.
            let _ = connection.execute_batch("ROLLBACK");
            return Err(error.into());
        }
        tracing::info!(version, "catalog migrated");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrating_twice_is_migrating_once() {
        let connection = Connection::open_in_memory().unwrap();
        migrate(&connection).unwrap();
        migrate(&connection).unwrap();
        assert_eq!(version(&connection).unwrap(), 1);
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_alone() {
        let connection = Connection::open_in_memory().unwrap();
        // In the way of the last statements of the step.
        connection.execute_batch("CREATE TABLE totals (x)").unwrap();
        assert!(migrate(&connection).is_err());
        assert_eq!(version(&connection).unwrap(), 0);
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", [], |r| r.get(0))
            .unwrap();
        assert_eq!(tables, 1, "nothing of the step stays");
        connection.execute_batch("DROP TABLE totals").unwrap();
        migrate(&connection).unwrap();
        assert_eq!(version(&connection).unwrap(), 1);
    }

    #[test]
    fn e13_a_newer_schema_is_refused_with_an_instruction() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("PRAGMA user_version = 99").unwrap();
        let Err(StoreError::Unusable(text)) = migrate(&connection) else { panic!("must be refused") };
        assert!(text.contains("schema 99") && text.contains("newer Ostro"), "{text}");
    }
}
