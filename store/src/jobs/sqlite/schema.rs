//! The tables of a project's jobs and schedules.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use crate::jobs::JobState;

/// Where a job is on its way: [`JobState`], and what claiming and forgetting need to tell apart.
///
/// The partial indexes below name these numbers; a query uses one only when it repeats the index's condition. The
/// plus in some keeps the planner from taking the condition for a range of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Pending.
    Ready = 0,
    /// Pending, and has crashed before.
    Suspect = 1,
    /// Pending behind another of its order key.
    Held = 2,
    /// Leased.
    Running = 3,
    /// Done, without a dedupe key.
    Done = 4,
    /// Done, and stands for its dedupe key.
    Kept = 5,
    /// Dead.
    Dead = 6,
}

impl Phase {
    /// What people are told.
    pub(super) fn state(self) -> JobState {
        match self {
            Self::Ready | Self::Suspect | Self::Held => JobState::Pending,
            Self::Running => JobState::Running,
            Self::Done | Self::Kept => JobState::Done,
            Self::Dead => JobState::Dead,
        }
    }
}

impl ToSql for Phase {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok((*self as i64).into())
    }
}

impl FromSql for Phase {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(match value.as_i64()? {
            0 => Self::Ready,
            1 => Self::Suspect,
            2 => Self::Held,
            3 => Self::Running,
            4 => Self::Done,
            5 => Self::Kept,
            6 => Self::Dead,
            other => return Err(FromSqlError::OutOfRange(other)),
        })
    }
}

/// The tables, as they were released first: never changed.
///
/// Every index of jobs is partial, so that a job is in few of them at a time. Payloads and results stand apart:
/// a job's row is rewritten with every step, and they are not.
pub(crate) const TABLES: &str = "
    -- The counts are those of the rows in jobs, changed in the same transaction. In a database with several
    -- writers the row is also the lock under which an order key's next job is let go.
    CREATE TABLE lanes (
        id           INTEGER PRIMARY KEY,
        name         TEXT NOT NULL UNIQUE,
        retention_ms INTEGER NOT NULL,
        waiting      INTEGER NOT NULL DEFAULT 0 CHECK (waiting >= 0),
        running      INTEGER NOT NULL DEFAULT 0 CHECK (running >= 0),
        done         INTEGER NOT NULL DEFAULT 0 CHECK (done >= 0),
        kept         INTEGER NOT NULL DEFAULT 0 CHECK (kept >= 0),
        dead         INTEGER NOT NULL DEFAULT 0 CHECK (dead >= 0)
    ) STRICT;

    -- One row: what all jobs together hold, the sum of jobs.bytes.
    CREATE TABLE usage (
        id    INTEGER PRIMARY KEY CHECK (id = 1),
        bytes INTEGER NOT NULL CHECK (bytes >= 0)
    ) STRICT;
    INSERT INTO usage (id, bytes) VALUES (1, 0);

    -- seq is the order of enqueueing; a redriven job gets a new one. None is used twice: a purge stops at the last
    -- one that there was when it began. bytes is the size of what is in payloads and results.
    CREATE TABLE jobs (
        seq            INTEGER PRIMARY KEY AUTOINCREMENT,
        id             BLOB NOT NULL UNIQUE,
        lane           INTEGER NOT NULL,
        phase          INTEGER NOT NULL,
        enqueued_ms    INTEGER NOT NULL,
        run_at_ms      INTEGER NOT NULL,
        lifetime_ms    INTEGER,
        expires_ms     INTEGER,
        lease_until_ms INTEGER,
        token          BLOB,
        finished_ms    INTEGER,
        starts         INTEGER NOT NULL DEFAULT 0,
        failures       INTEGER NOT NULL DEFAULT 0,
        crashes        INTEGER NOT NULL DEFAULT 0,
        attempts       INTEGER NOT NULL DEFAULT 0,
        split          INTEGER,
        dedupe_key     TEXT,
        order_key      TEXT,
        schedule       TEXT,
        last_error     TEXT,
        bytes          INTEGER NOT NULL CHECK (bytes >= 0),
        CHECK ((phase = 3) = (token IS NOT NULL AND lease_until_ms IS NOT NULL)),
        CHECK ((phase >= 4) = (finished_ms IS NOT NULL))
    ) STRICT;
    CREATE INDEX jobs_pending ON jobs (lane, phase, run_at_ms, seq, enqueued_ms) WHERE +phase <= 2;
    CREATE INDEX jobs_expiring ON jobs (expires_ms) WHERE phase <= 2 AND expires_ms IS NOT NULL;
    CREATE INDEX jobs_leased ON jobs (lease_until_ms) WHERE phase = 3;
    CREATE INDEX jobs_ended ON jobs (lane, phase, finished_ms) WHERE +phase >= 4;
    CREATE INDEX jobs_emptied ON jobs (finished_ms) WHERE +phase IN (4, 5) AND bytes > 0;
    CREATE UNIQUE INDEX jobs_deduped ON jobs (lane, dedupe_key) WHERE phase <= 5 AND dedupe_key IS NOT NULL;
    CREATE INDEX jobs_ordered ON jobs (lane, order_key, seq) WHERE phase <= 3 AND order_key IS NOT NULL;
    CREATE INDEX jobs_scheduled ON jobs (schedule) WHERE phase <= 3 AND schedule IS NOT NULL;

    CREATE TABLE payloads (
        seq          INTEGER PRIMARY KEY,
        kind         TEXT NOT NULL,
        content_type TEXT NOT NULL,
        payload      BLOB NOT NULL
    ) STRICT;

    CREATE TABLE results (
        seq          INTEGER PRIMARY KEY,
        invocation   BLOB NOT NULL,
        status       INTEGER NOT NULL,
        content_type TEXT,
        cut          INTEGER NOT NULL,
        body         BLOB NOT NULL
    ) STRICT;

    CREATE TABLE schedules (
        id           TEXT PRIMARY KEY,
        function     BLOB NOT NULL,
        expression   TEXT NOT NULL,
        timezone     TEXT NOT NULL,
        path         TEXT NOT NULL,
        missed       TEXT NOT NULL,
        overlap      TEXT NOT NULL,
        next_ms      INTEGER,
        last_ms      INTEGER,
        last_job     BLOB,
        skipped      INTEGER NOT NULL DEFAULT 0,
        missed_slots INTEGER NOT NULL DEFAULT 0,
        paused       INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX schedules_next ON schedules (next_ms) WHERE paused = 0 AND next_ms IS NOT NULL;
";
