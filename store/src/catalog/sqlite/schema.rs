//! The tables of the catalog.

use crate::sqlite::Schema;

/// The catalog's schema; `Ostr` tells our files from other SQLite databases.
pub(crate) const SCHEMA: Schema =
    Schema { file: "catalog.db", application_id: 0x4f73_7472, steps: &[INITIAL, CONSUMERS, SITES] };

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

/// One function consumes a queue. What functions were bound to before counts.
const CONSUMERS: &str = "
    CREATE TABLE consumers (
        project  BLOB NOT NULL REFERENCES projects ON DELETE CASCADE,
        queue    TEXT NOT NULL,
        function BLOB NOT NULL REFERENCES functions ON DELETE CASCADE,
        PRIMARY KEY (project, queue)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX consumers_of_function ON consumers (function);
    INSERT OR IGNORE INTO consumers (project, queue, function)
        SELECT f.project, json_extract(q.value, '$.name'), f.id
        FROM functions f, json_each(f.bindings, '$.queues') q ORDER BY f.created_ms;
";

/// Versions of sites: one of a project is active.
const SITES: &str = "
    CREATE TABLE sites (
        project    BLOB NOT NULL REFERENCES projects ON DELETE CASCADE,
        number     INTEGER NOT NULL CHECK (number > 0),
        active     INTEGER NOT NULL CHECK (active IN (0, 1)),
        digest     TEXT NOT NULL,
        spec       TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        created_by TEXT NOT NULL,
        PRIMARY KEY (project, number)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX active_sites ON sites (project) WHERE active = 1;
";

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::StoreError;
    use crate::sqlite::version;

    #[test]
    fn migrating_twice_is_migrating_once() {
        let connection = Connection::open_in_memory().unwrap();
        SCHEMA.migrate(&connection).unwrap();
        SCHEMA.migrate(&connection).unwrap();
        assert_eq!(version(&connection).unwrap(), 3);
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_alone() {
        let connection = Connection::open_in_memory().unwrap();
        // In the way of the last statements of the step.
        connection.execute_batch("CREATE TABLE totals (x)").unwrap();
        assert!(SCHEMA.migrate(&connection).is_err());
        assert_eq!(version(&connection).unwrap(), 0);
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", [], |r| r.get(0))
            .unwrap();
        assert_eq!(tables, 1, "nothing of the step stays");
        connection.execute_batch("DROP TABLE totals").unwrap();
        SCHEMA.migrate(&connection).unwrap();
        assert_eq!(version(&connection).unwrap(), 3);
    }

    #[test]
    fn e13_a_newer_schema_is_refused_with_an_instruction() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("PRAGMA user_version = 99").unwrap();
        let Err(StoreError::Unusable(text)) = SCHEMA.migrate(&connection) else { panic!("must be refused") };
        assert!(text.contains("schema 99") && text.contains("newer Ostro"), "{text}");
    }

    #[test]
    fn functions_of_the_schema_before_keep_their_queues() {
        let connection = Connection::open_in_memory().unwrap();
        Schema { steps: &[INITIAL], ..SCHEMA }.migrate(&connection).unwrap();
        let bindings = [
            (
                1,
                r#"{"routes":[],"grants":[],"queues":[{"name":"mail","batch":10},{"name":"sms","batch":1}]}"#,
            ),
            (2, r#"{"routes":[],"grants":[]}"#),
            (3, r#"{"queues":[{"name":"mail"},{"name":"fax"}]}"#),
        ];
        connection.execute("INSERT INTO projects VALUES (x'00', 'p', 0)", []).unwrap();
        for (number, bindings) in bindings {
            connection
                .execute(
                    "INSERT INTO functions
                     VALUES (CAST(?1 AS BLOB), x'00', CAST(?1 AS TEXT), 1, 1, ?2, ?1, 0)",
                    (number, bindings),
                )
                .unwrap();
        }
        SCHEMA.migrate(&connection).unwrap();
        let told: String = connection
            .query_row(
                "SELECT group_concat(queue || CAST(function AS TEXT), ' ')
                 FROM (SELECT * FROM consumers ORDER BY queue)",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(told, "fax3 mail1 sms1", "the older one keeps what two claim");
    }
}
