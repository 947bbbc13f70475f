//! SQL: private SQLite databases of a project, each by its name, for statements that functions write themselves.
//!
//! A database is a file of its own, made on first use. What was acknowledged is on the disk. The statements come from
//! strangers: everything that they may name, use or take is bounded here, and what a bound refuses leaves no trace.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub(crate) mod sqlite;

use async_trait::async_trait;

use crate::StoreError;
use crate::catalog::ProjectId;

/// Longest statement, bytes.
pub const MAX_SQL_BYTES: usize = 100 << 10;
/// Largest value, and largest row as it is stored, bytes. One instruction of SQLite can't be interrupted, so what it works
/// on is small.
pub const MAX_VALUE_BYTES: usize = 1 << 20;
/// Columns of a table or an answer.
pub const MAX_COLUMNS: usize = 100;
/// All statements that made the schema of a database, bytes: each connection holds it in memory, many times as large.
pub const MAX_SCHEMA_BYTES: usize = 256 << 10;
/// Parameters of a statement.
pub const MAX_PARAMETERS: usize = 1_000;
/// Statements of a batch.
pub const MAX_STATEMENTS: usize = 1_000;
/// What the statements and parameters of a call hold together, and what its answer holds, bytes.
pub const MAX_CALL_BYTES: usize = 8 << 20;
/// Rows of an answer.
pub const MAX_ROWS: usize = 100_000;
/// How long the statements of a call run, milliseconds.
pub const MAX_RUN_MS: i64 = 5_000;
/// Databases of a project.
pub const MAX_DATABASES: usize = 50;
/// What the databases of a project hold together on the disk, bytes.
pub const MAX_PROJECT_BYTES: u64 = 1 << 30;
/// What one call adds to a database, bytes. Calls in several databases at once don't wait for each other, so this is also by
/// how much each of them but one may pass [`MAX_PROJECT_BYTES`].
pub const MAX_GROWTH_BYTES: u64 = 128 << 20;
/// How large the log of a database may become, bytes, and those of a project's databases together, until they are begun anew.
pub const MAX_LOG_BYTES: u64 = 64 << 20;
/// See [`MAX_LOG_BYTES`].
pub const MAX_LOGS_BYTES: u64 = 256 << 20;
/// What a query writes into temporary files, bytes.
pub const MAX_TEMPORARY_BYTES: u64 = 256 << 20;
/// What the calls of a project that run at once have written into logs and temporary files, bytes.
pub const MAX_WRITTEN_BYTES: u64 = 1 << 30;
/// What the calls of a project hold that wait or run, bytes; one may always wait.
pub const MAX_WAITING_BYTES: usize = 64 << 20;

/// The outcome of a call.
pub type Result<T> = std::result::Result<T, SqlError>;

/// Why a call was not done. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// The statement is at fault; the text is for who wrote it, mostly SQLite's own.
    #[error("{0}")]
    Invalid(String),
    /// The statement uses what functions may not.
    #[error("{0}")]
    Denied(String),
    /// A constraint of the database.
    #[error("{0}")]
    Constraint(String),
    /// It takes more time, memory or room than it may.
    #[error("{0}")]
    Limit(String),
    /// The project has too many calls waiting: later.
    #[error("too many statements of the project are waiting")]
    Busy,
    /// The store failed, or the project is gone.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A value, as SQLite has them.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// A floating-point number; one that is none is stored as [`Value::Null`].
    Real(f64),
    /// Text. What is stored as text and is no UTF-8 is read as [`Value::Blob`].
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// What a statement's parameters are bound to: all of them, and nothing else.
#[derive(Clone, Debug, PartialEq)]
pub enum Parameters {
    /// `?1`, `?2` and so on, in order; also those with names, in the order in which they first stand there.
    Positional(Vec<Value>),
    /// `:name`, `@name` or `$name`, with or without the sign before it.
    Named(Vec<(String, Value)>),
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Its text.
    pub sql: String,
    /// What its parameters are bound to.
    pub parameters: Parameters,
}

/// What a statement answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// The names of the columns; empty for a statement that answers nothing.
    pub columns: Vec<String>,
    /// A value for each column.
    pub rows: Vec<Vec<Value>>,
}

/// What a statement that may write has done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Done {
    /// Rows that it inserted, changed or deleted, without those that triggers did.
    pub rows_affected: u64,
    /// The row id of the last row that it inserted, if it did.
    pub last_row_id: Option<i64>,
    /// The rows of `RETURNING`, or of a statement that only reads.
    pub rows: Rows,
}

/// A database, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseInfo {
    /// Its name.
    pub name: String,
    /// What it holds on the disk, bytes.
    pub bytes: u64,
}

/// The databases of projects, which never see each other's.
///
/// Every method that is told a database makes it when it is not there: at most [`MAX_DATABASES`], with a name as
/// [`crate::catalog::check_name`] has it. A call of a project that was deleted is `NotFound`. One statement is one text: what
/// stands behind it is refused.
#[async_trait]
pub trait Databases: Send + Sync {
    /// Runs a statement that only reads. It sees everything that was answered before, as it was at one moment.
    async fn query(&self, project: ProjectId, database: &str, statement: Statement) -> Result<Rows>;
    /// Runs a statement, whole or not at all; durable when it returns.
    async fn execute(&self, project: ProjectId, database: &str, statement: Statement) -> Result<Done>;
    /// Runs statements in their order in one transaction, all or none; durable when it returns. An error of one of them says
    /// which: `statement 2: …`, counted from 1.
    async fn batch(
        &self,
        project: ProjectId,
        database: &str,
        statements: Vec<Statement>,
    ) -> Result<Vec<Done>>;
    /// The databases of a project, by name.
    async fn list(&self, project: ProjectId) -> Result<Vec<DatabaseInfo>>;
}

impl Statement {
    /// A statement with positional parameters.
    pub fn new(sql: impl Into<String>, parameters: Vec<Value>) -> Self {
        Self { sql: sql.into(), parameters: Parameters::Positional(parameters) }
    }

    /// What it holds, bytes.
    pub fn bytes(&self) -> usize {
        self.sql.len()
            + match &self.parameters {
                Parameters::Positional(values) => values.iter().map(Value::bytes).sum::<usize>(),
                Parameters::Named(values) => {
                    values.iter().map(|(name, value)| name.len() + value.bytes()).sum()
                }
            }
    }
}

impl Rows {
    /// What they hold, bytes.
    pub fn bytes(&self) -> usize {
        let values: usize = self.rows.iter().flatten().map(Value::bytes).sum();
        self.columns.iter().map(String::len).sum::<usize>() + values
    }
}

impl Value {
    /// What it takes in a call or an answer, bytes: each has a place beside its text.
    pub fn bytes(&self) -> usize {
        const PLACE: usize = 16;
        PLACE
            + match self {
                Self::Null | Self::Integer(_) | Self::Real(_) => 0,
                Self::Text(text) => text.len(),
                Self::Blob(bytes) => bytes.len(),
            }
    }
}
