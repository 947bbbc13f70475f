//! The tables of a project's accounts.

/// The tables, as they were released first: never changed.
pub(crate) const TABLES: &str = "
    -- One row where people can sign in.
    CREATE TABLE account_settings (
        id       INTEGER PRIMARY KEY CHECK (id = 1),
        settings TEXT NOT NULL
    ) STRICT;

    -- One row. accounts is how many there are.
    CREATE TABLE account_totals (
        id       INTEGER PRIMARY KEY CHECK (id = 1),
        accounts INTEGER NOT NULL CHECK (accounts >= 0)
    ) STRICT;
    INSERT INTO account_totals (id, accounts) VALUES (1, 0);

    -- normal is the address in the form under which it is unique.
    CREATE TABLE accounts (
        id         BLOB PRIMARY KEY,
        email      TEXT,
        normal     TEXT UNIQUE,
        password   TEXT,
        verified   INTEGER NOT NULL,
        disabled   INTEGER NOT NULL,
        anonymous  INTEGER NOT NULL,
        roles      TEXT NOT NULL,
        created_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE account_identities (
        provider TEXT NOT NULL,
        subject  TEXT NOT NULL,
        account  BLOB NOT NULL,
        PRIMARY KEY (provider, subject)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX account_identities_of ON account_identities (account);

    -- Of tokens there are only hashes. previous is the refresh token before the present one, until moved_ms.
    CREATE TABLE account_sessions (
        id         BLOB PRIMARY KEY,
        account    BLOB NOT NULL,
        family     BLOB NOT NULL UNIQUE,
        token      BLOB NOT NULL,
        previous   BLOB,
        moved_ms   INTEGER NOT NULL,
        created_ms INTEGER NOT NULL,
        used_ms    INTEGER NOT NULL,
        expires_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX account_sessions_of ON account_sessions (account, used_ms);
    CREATE INDEX account_sessions_expiring ON account_sessions (expires_ms);

    CREATE TABLE account_tokens (
        hash       BLOB PRIMARY KEY,
        account    BLOB NOT NULL,
        purpose    TEXT NOT NULL,
        expires_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX account_tokens_of ON account_tokens (account, purpose);
    CREATE INDEX account_tokens_expiring ON account_tokens (expires_ms);

    CREATE TABLE account_keys (
        id         INTEGER PRIMARY KEY,
        kid        TEXT NOT NULL UNIQUE,
        public     BLOB NOT NULL,
        sealed     BLOB NOT NULL,
        created_ms INTEGER NOT NULL
    ) STRICT;
";

/// Since then an account has several tokens of a purpose.
pub(crate) const SEVERAL_TOKENS: &str = "
    DROP INDEX account_tokens_of;
    CREATE INDEX account_tokens_of ON account_tokens (account, purpose, expires_ms);
";

/// Since then anonymous accounts go that nobody can sign in to any more. seen_ms is when a session of one was used last.
pub(crate) const ABANDONED: &str = "
    ALTER TABLE accounts ADD COLUMN seen_ms INTEGER NOT NULL DEFAULT 0;
    UPDATE accounts SET seen_ms = created_ms;
    CREATE INDEX accounts_abandoned ON accounts (seen_ms) WHERE anonymous;
";
