//! What the suites work with: a store, one project, and short words for what they do often.

use std::sync::Arc;

use uuid::Uuid;

use super::Wanted;
use crate::catalog::ProjectId;
use crate::sql::{Databases, Done, Parameters, Result, Rows, SqlError, Statement, Value};

/// A store under test.
pub(super) struct Bench<'o> {
    open: &'o dyn Fn(Wanted) -> Result<Arc<dyn Databases>>,
    wanted: Wanted,
    pub(super) sql: Arc<dyn Databases>,
    pub(super) project: ProjectId,
}

impl<'o> Bench<'o> {
    pub(super) fn new(
        open: &'o dyn Fn(Wanted) -> Result<Arc<dyn Databases>>,
        wanted: Wanted,
    ) -> Result<Self> {
        Ok(Self { open, wanted, sql: open(wanted)?, project: project(1) })
    }

    /// Closes the store and opens it again over the same data.
    pub(super) fn reopen(self) -> Result<Self> {
        let Self { open, wanted, sql, .. } = self;
        drop(sql);
        Self::new(open, wanted)
    }

    /// In database `a`.
    pub(super) async fn query(&self, sql: &str, values: Vec<Value>) -> Result<Rows> {
        self.sql.query(self.project, "a", Statement::new(sql, values)).await
    }

    pub(super) async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<Done> {
        self.sql.execute(self.project, "a", Statement::new(sql, values)).await
    }

    pub(super) async fn batch(&self, statements: &[&str]) -> Result<Vec<Done>> {
        let statements = statements.iter().map(|sql| Statement::new(*sql, Vec::new()));
        self.sql.batch(self.project, "a", statements.collect()).await
    }

    /// The rows of a query without parameters.
    pub(super) async fn rows(&self, sql: &str) -> Result<Vec<Vec<Value>>> {
        Ok(self.query(sql, Vec::new()).await?.rows)
    }

    /// The one number that a query answers.
    pub(super) async fn number(&self, sql: &str) -> Result<i64> {
        let rows = self.rows(sql).await?;
        match rows.as_slice() {
            [row] if matches!(row.as_slice(), [Value::Integer(_)]) => match row[0] {
                Value::Integer(number) => Ok(number),
                _ => unreachable!("it was looked at"),
            },
            other => panic!("{sql}: {other:?}"),
        }
    }
}

pub(super) fn project(number: u128) -> ProjectId {
    ProjectId(Uuid::from_u128(number))
}

pub(super) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(super) fn named(sql: &str, values: &[(&str, Value)]) -> Statement {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    Statement { sql: sql.to_owned(), parameters: Parameters::Named(values.collect()) }
}

/// The kind of an error and its text.
#[track_caller]
pub(super) fn kind<T: std::fmt::Debug>(result: Result<T>) -> (&'static str, String) {
    match result {
        Ok(value) => panic!("must fail, and answers {value:?}"),
        Err(SqlError::Invalid(text)) => ("invalid", text),
        Err(SqlError::Denied(text)) => ("denied", text),
        Err(SqlError::Constraint(text)) => ("constraint", text),
        Err(SqlError::Limit(text)) => ("limit", text),
        Err(SqlError::Busy) => ("busy", String::new()),
        Err(SqlError::Store(error)) => ("store", error.to_string()),
    }
}

/// Checks the kind of an error, and that its text has these words.
#[track_caller]
pub(super) fn fails<T: std::fmt::Debug>(result: Result<T>, wanted: &str, words: &str) {
    fails_as(result, wanted, words, "");
}

/// As [`fails`], for one of many.
#[track_caller]
pub(super) fn fails_as<T: std::fmt::Debug>(result: Result<T>, wanted: &str, words: &str, case: &str) {
    let (kind, text) = kind(result);
    assert!(kind == wanted && text.contains(words), "{case}: {kind}, not {wanted}; {words:?} in {text:?}");
}
