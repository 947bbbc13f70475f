//! The tables of a project's key-value.

/// The tables, as they were released first: never changed.
///
/// What is asked of a row without its value stands before the value: a large one begins on the row's page and goes on
/// on others, which nobody has to read for it.
pub(crate) const TABLES: &str = "
    CREATE TABLE kv_namespaces (
        id     INTEGER PRIMARY KEY,
        name   TEXT NOT NULL UNIQUE,
        ttl_ms INTEGER
    ) STRICT;

    -- One row. version is the last one that was given out. keys is how many there are, bytes what they and their values
    -- hold together.
    CREATE TABLE kv_totals (
        id      INTEGER PRIMARY KEY CHECK (id = 1),
        version INTEGER NOT NULL,
        keys    INTEGER NOT NULL CHECK (keys >= 0),
        bytes   INTEGER NOT NULL CHECK (bytes >= 0)
    ) STRICT;
    INSERT INTO kv_totals (id, version, keys, bytes) VALUES (1, 0, 0, 0);

    CREATE TABLE kv (
        id         INTEGER PRIMARY KEY,
        namespace  INTEGER NOT NULL,
        key        TEXT NOT NULL,
        version    INTEGER NOT NULL,
        expires_ms INTEGER,
        value      BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX kv_keys ON kv (namespace, key);
    CREATE INDEX kv_expiring ON kv (expires_ms) WHERE expires_ms IS NOT NULL;
";
