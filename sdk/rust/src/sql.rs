//! Private SQLite databases of the project, for SQL of one's own.

mod error;
mod parameters;
mod read;
mod rows;
mod value;

pub use self::error::{Error, Result};
pub use self::parameters::Parameters;
pub use self::rows::{Outcome, Rows};
pub use self::value::Value;
use crate::bindings::ostro::db::sql;
pub use crate::params;

/// Opens a database: a SQLite file of its own, made on first use. Needs the grant `sql:NAME`, or `sql:NAME:read` for
/// queries alone.
///
/// ```no_run
/// use ostro::sql::{self, params};
///
/// #[derive(serde::Deserialize)]
/// struct Book { title: String, year: Option<u16> }
///
/// let main = sql::database("main")?;
/// main.execute("CREATE TABLE IF NOT EXISTS books (title TEXT NOT NULL, year INTEGER)", params![])?;
/// main.execute("INSERT INTO books VALUES (?, ?)", params!["Momo", 1973])?;
/// let books: Vec<Book> = main.query("SELECT * FROM books WHERE year < :year", params! { "year" => 2000 })?.read()?;
/// let (count, first): (u32, Option<u16>) = main.query("SELECT count(*), min(year) FROM books", params![])?.read_one()?;
/// # Ok::<(), sql::Error>(())
/// ```
pub fn database(name: &str) -> Result<Database> {
    Ok(Database { handle: sql::Database::open(name)? })
}

/// A database. Statements are SQLite's dialect without ATTACH, VACUUM, most PRAGMA, temporary and virtual tables, and
/// without BEGIN: [`batch`](Self::batch) is the transaction. What was acknowledged is on the disk.
#[derive(Debug)]
pub struct Database {
    handle: sql::Database,
}

impl Database {
    /// Runs a statement that only reads.
    pub fn query(&self, sql: &str, parameters: impl Into<Parameters>) -> Result<Rows> {
        Ok(self.handle.query(&Statement::new(sql, parameters).into())?.into())
    }

    /// Runs a statement, whole or not at all.
    pub fn execute(&self, sql: &str, parameters: impl Into<Parameters>) -> Result<Outcome> {
        Ok(self.handle.execute(&Statement::new(sql, parameters).into())?.into())
    }

    /// Runs up to 1,000 statements, 8 MiB with their parameters, in order in one transaction: all or none.
    pub fn batch(&self, statements: impl IntoIterator<Item = Statement>) -> Result<Vec<Outcome>> {
        let statements: Vec<sql::Statement> = statements.into_iter().map(Into::into).collect();
        Ok(self.handle.batch(&statements)?.into_iter().map(Into::into).collect())
    }
}

/// One statement, at most 100 KiB.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Its text.
    pub sql: String,
    /// What its parameters are bound to.
    pub parameters: Parameters,
}

impl Statement {
    /// A statement with its parameters: see [`params!`].
    pub fn new(sql: impl Into<String>, parameters: impl Into<Parameters>) -> Self {
        Self { sql: sql.into(), parameters: parameters.into() }
    }
}

impl From<Statement> for sql::Statement {
    fn from(statement: Statement) -> Self {
        Self { sql: statement.sql, parameters: statement.parameters.into() }
    }
}
