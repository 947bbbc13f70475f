//! The tables of a project's documents.

/// The tables, as they were released first: never changed. Each collection has a table of its own beside them, and
/// each index has one: see [`collection_table`] and [`index_table`].
pub(crate) const TABLES: &str = "
    -- One row. version is the last one that was given out, bytes what all documents hold.
    CREATE TABLE document_totals (
        id      INTEGER PRIMARY KEY CHECK (id = 1),
        version INTEGER NOT NULL,
        bytes   INTEGER NOT NULL CHECK (bytes >= 0)
    ) STRICT;
    INSERT INTO document_totals (id, version, bytes) VALUES (1, 0, 0);

    -- generation is another one whenever the collection or its indexes are not what they were. changed is the version
    -- of the last change of a document.
    CREATE TABLE collections (
        id         INTEGER PRIMARY KEY,
        name       TEXT NOT NULL UNIQUE,
        generation INTEGER NOT NULL,
        changed    INTEGER NOT NULL DEFAULT 0,
        documents  INTEGER NOT NULL DEFAULT 0 CHECK (documents >= 0),
        bytes      INTEGER NOT NULL DEFAULT 0 CHECK (bytes >= 0)
    ) STRICT;

    -- fields is a JSON list of paths. is_multikey: some document has, or had, an array there.
    CREATE TABLE document_indexes (
        id          INTEGER PRIMARY KEY AUTOINCREMENT,
        collection  INTEGER NOT NULL,
        fields      TEXT NOT NULL,
        is_unique   INTEGER NOT NULL,
        is_multikey INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX document_indexes_of ON document_indexes (collection);
";

/// Rules as JSON; none permit nothing.
pub(crate) const RULES: &str = "ALTER TABLE collections ADD COLUMN rules TEXT;";

/// Makes the table of a collection's documents.
///
/// `seq` is the version of the write that put the document in: it is never used again, and documents come in the order
/// in which they were put in. The body stands last: a large one goes on in pages that nobody reads who asks for the rest.
pub(super) fn collection_table(collection: i64) -> String {
    format!(
        "CREATE TABLE c{collection} (
             seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, body TEXT NOT NULL
         ) STRICT"
    )
}

/// Makes the table of an index's entries.
pub(super) fn index_table(index: i64) -> String {
    format!(
        "CREATE TABLE x{index} (key BLOB NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (key, seq)) STRICT, WITHOUT ROWID"
    )
}
