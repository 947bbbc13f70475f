//! The tables of a project's buckets.

/// The tables, as they were released first: never changed.
pub(crate) const TABLES: &str = "
    CREATE TABLE buckets (
        id   INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE
    ) STRICT;

    -- One row. objects is how many there are, bytes what they, their keys and attributes hold, with what uploads have
    -- reserved.
    CREATE TABLE object_totals (
        id      INTEGER PRIMARY KEY CHECK (id = 1),
        objects INTEGER NOT NULL CHECK (objects >= 0),
        bytes   INTEGER NOT NULL CHECK (bytes >= 0)
    ) STRICT;
    INSERT INTO object_totals (id, objects, bytes) VALUES (1, 0, 0);

    CREATE TABLE objects (
        id           INTEGER PRIMARY KEY,
        bucket       INTEGER NOT NULL,
        key          TEXT NOT NULL,
        content      INTEGER NOT NULL,
        size         INTEGER NOT NULL,
        etag         TEXT NOT NULL,
        written_ms   INTEGER NOT NULL,
        content_type TEXT NOT NULL,
        metadata     TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX objects_keys ON objects (bucket, key);

    -- A file that is there, or was or will be. uses is how many objects have it as their content. With none it is that
    -- of an upload, for which so many bytes are reserved, or waits to be deleted. blocks has the SHA-256 of each MiB.
    CREATE TABLE object_contents (
        id       INTEGER PRIMARY KEY,
        file     TEXT NOT NULL,
        uses     INTEGER NOT NULL CHECK (uses >= 0),
        reserved INTEGER NOT NULL CHECK (reserved >= 0),
        blocks   BLOB NOT NULL
    ) STRICT;
    CREATE INDEX object_contents_unused ON object_contents (uses, id) WHERE uses = 0;
";

/// Uploads in parts. content is the row of the file that they come to; none once one has become an object, of which etag is
/// the tag then. received is how many bytes of the file are right, blocks has the SHA-256 of each MiB of them and of what is
/// behind the last. account is who has begun it; none is somebody who was not signed in.
pub(crate) const UPLOADS: &str = "
    CREATE TABLE object_uploads (
        id           TEXT PRIMARY KEY,
        content      INTEGER,
        account      TEXT,
        bucket       TEXT NOT NULL,
        key          TEXT NOT NULL,
        content_type TEXT NOT NULL,
        metadata     TEXT NOT NULL,
        total        INTEGER NOT NULL CHECK (total > 0),
        received     INTEGER NOT NULL CHECK (received BETWEEN 0 AND total),
        blocks       BLOB NOT NULL,
        etag         TEXT,
        expires_ms   INTEGER NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX object_uploads_contents ON object_uploads (content) WHERE content IS NOT NULL;
    CREATE INDEX object_uploads_accounts ON object_uploads (account) WHERE content IS NOT NULL;
    CREATE INDEX object_uploads_expire ON object_uploads (expires_ms);
";

/// nameless is whether who has begun one has no name: an account without one, or nobody.
pub(crate) const NAMELESS: &str = "
    ALTER TABLE object_uploads ADD COLUMN nameless INTEGER NOT NULL DEFAULT 0 CHECK (nameless IN (0, 1));
    UPDATE object_uploads SET nameless = 1 WHERE account IS NULL;
    CREATE INDEX object_uploads_nameless ON object_uploads (nameless) WHERE content IS NOT NULL;
    CREATE INDEX object_uploads_finished ON object_uploads (expires_ms) WHERE content IS NULL;
    CREATE INDEX object_uploads_own_finished ON object_uploads (account, expires_ms) WHERE content IS NULL;
";

/// Rules as JSON; none permit nothing. owner is the id of the account that an object belongs to, if it belongs to one.
pub(crate) const RULES: &str = "
    ALTER TABLE buckets ADD COLUMN rules TEXT;
    ALTER TABLE objects ADD COLUMN owner TEXT;
    CREATE INDEX objects_owners ON objects (bucket, owner, key) WHERE owner IS NOT NULL;
";
