//! The schema of a project's file: the tables of every kind of data, in the order in which they were released.

use crate::sqlite::Schema;
use crate::{accounts, buckets, documents, events, jobs, kv, realtime};

/// `Ostd` tells the file from other SQLite databases.
pub(crate) const SCHEMA: Schema = Schema {
    file: "data.db",
    application_id: 0x4f73_7464,
    steps: &[
        jobs::sqlite::TABLES,
        kv::sqlite::TABLES,
        documents::sqlite::TABLES,
        events::sqlite::TABLES,
        buckets::local::TABLES,
        documents::sqlite::RULES,
        accounts::sqlite::TABLES,
        accounts::sqlite::SEVERAL_TOKENS,
        buckets::local::RULES,
        accounts::sqlite::ABANDONED,
        buckets::local::UPLOADS,
        realtime::sqlite::TABLES,
        buckets::local::NAMELESS,
    ],
};
