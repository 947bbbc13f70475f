//! `ostro:db/sql`: private SQLite databases of the function's project.

use std::fmt;
use std::sync::Arc;

use store::StoreError;
use store::catalog::ProjectId;
use store::sql::{self, Databases, SqlError};
use wasmtime::component::Resource;

use crate::bindings::ostro::db::sql::{
    Error, Host, HostDatabase, Outcome as Done, Parameters, Rows, Statement, Value,
};
use crate::ctx::HostCtxView;
use crate::failure::Told;
use crate::grants::{Data, Verb, Verbs, data_grant};
use crate::meter::Interface;

/// A database that a guest has opened.
#[allow(unreachable_pub, reason = "the generated bindings name it again")]
#[derive(Clone, Debug)]
pub struct SqlDatabase {
    name: Arc<str>,
    verbs: Verbs,
}

/// The SQL databases of all projects; by default none.
#[derive(Clone, Default)]
pub(crate) struct SqlDatabases {
    store: Option<Arc<dyn Databases>>,
}

/// The SQL databases of one project.
#[derive(Clone, Default)]
pub(crate) struct ProjectSql {
    project: Option<(ProjectId, Arc<dyn Databases>)>,
}

/// Why a call of a guest fails.
#[allow(unreachable_pub, reason = "the generated bindings name it again")]
pub type SqlFailure = crate::failure::Failure<Error>;

type Answer<T> = Result<T, Error>;
type Outcome<T> = Result<T, SqlFailure>;

impl SqlDatabases {
    /// The databases of that store.
    pub(crate) fn new(store: Arc<dyn Databases>) -> Self {
        Self { store: Some(store) }
    }

    /// Those of a project.
    pub(crate) fn of(&self, project: ProjectId) -> ProjectSql {
        ProjectSql { project: self.store.clone().map(|store| (project, store)) }
    }
}

impl ProjectSql {
    fn open(&self) -> Answer<(ProjectId, &dyn Databases)> {
        match &self.project {
            Some((project, store)) => Ok((*project, store.as_ref())),
            None => Err(Error::Unavailable("there are no data while a function is only tried".to_owned())),
        }
    }
}

impl fmt::Debug for ProjectSql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProjectSql").field(&self.project.as_ref().map(|(project, _)| project)).finish()
    }
}

impl HostCtxView<'_> {
    /// The database of a handle, for these verbs.
    fn sql_database(&mut self, handle: &Resource<SqlDatabase>, verbs: &[Verb]) -> Outcome<Arc<str>> {
        self.ctx.meter.count(Interface::Sql);
        let database = self.table.get(handle)?;
        match verbs.iter().find(|verb| !database.verbs.allow(**verb)) {
            None => Ok(database.name.clone()),
            Some(missing) => {
                let grant = data_grant(Data::Sql, &database.name, *missing);
                Err(self.sql_refused(grant).into())
            }
        }
    }

    /// The text is told to the guest, and stands in its log.
    fn sql_refused(&self, grant: String) -> Error {
        Error::Denied(self.ctx.refuse(Interface::Sql, grant).to_string())
    }

    async fn sql_batch(&mut self, database: &str, statements: Vec<sql::Statement>) -> Answer<Vec<sql::Done>> {
        let given: usize = statements.iter().map(sql::Statement::bytes).sum();
        let (project, store) = self.ctx.services.sql.open()?;
        let done = store.batch(project, database, statements).await?;
        let rows = done.iter().map(|done| done.rows.rows.len() + count(done.rows_affected));
        let answered: usize = done.iter().map(|done| done.rows.bytes()).sum();
        self.ctx.meter.moved(Interface::Sql, rows.sum(), given + answered);
        Ok(done)
    }
}

impl Host for HostCtxView<'_> {
    fn convert_error(&mut self, failure: SqlFailure) -> wasmtime::Result<Error> {
        failure.told()
    }
}

impl HostDatabase for HostCtxView<'_> {
    async fn open(&mut self, name: String) -> Outcome<Resource<SqlDatabase>> {
        self.ctx.meter.count(Interface::Sql);
        let Some(verbs) = self.ctx.grants.data(Data::Sql, &name) else {
            return Err(self.sql_refused(data_grant(Data::Sql, &name, Verb::Read)).into());
        };
        Ok(self.table.push(SqlDatabase { name: name.into(), verbs })?)
    }

    async fn query(&mut self, handle: Resource<SqlDatabase>, statement: Statement) -> Outcome<Rows> {
        let database = self.sql_database(&handle, &[Verb::Read])?;
        let statement: sql::Statement = statement.into();
        let given = statement.bytes();
        let (project, store) = self.ctx.services.sql.open()?;
        let rows = store.query(project, &database, statement).await.map_err(Error::from)?;
        self.ctx.meter.moved(Interface::Sql, rows.rows.len(), given + rows.bytes());
        Ok(rows.into())
    }

    async fn execute(&mut self, handle: Resource<SqlDatabase>, statement: Statement) -> Outcome<Done> {
        let database = self.sql_database(&handle, &[Verb::Read, Verb::Write])?;
        let mut done = self.sql_batch(&database, vec![statement.into()]).await?;
        let done =
            done.pop().ok_or_else(|| Error::Unavailable("a statement without an answer".to_owned()))?;
        Ok(done.into())
    }

    async fn batch(
        &mut self,
        handle: Resource<SqlDatabase>,
        statements: Vec<Statement>,
    ) -> Outcome<Vec<Done>> {
        let database = self.sql_database(&handle, &[Verb::Read, Verb::Write])?;
        let statements = statements.into_iter().map(Into::into).collect();
        let done = self.sql_batch(&database, statements).await?;
        Ok(done.into_iter().map(Into::into).collect())
    }

    async fn drop(&mut self, handle: Resource<SqlDatabase>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Told for Error {}

/// A store's failure, as its decision for the guest. The cause stays with the server.
impl From<SqlError> for Error {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Invalid(text) | SqlError::Denied(text) => Self::Invalid(text),
            SqlError::Constraint(text) => Self::Constraint(text),
            SqlError::Limit(text) => Self::Limit(text),
            SqlError::Busy => Self::Unavailable(SqlError::Busy.to_string()),
            SqlError::Store(StoreError::NoSpace(_)) => {
                Self::Unavailable("the server's disk is full".to_owned())
            }
            SqlError::Store(error) => {
                let cause = std::error::Error::source(&error);
                tracing::error!(%error, ?cause, "an SQL database failed");
                Self::Unavailable("the server failed; its log has the details".to_owned())
            }
        }
    }
}

impl From<Statement> for sql::Statement {
    fn from(statement: Statement) -> Self {
        let parameters = match statement.parameters {
            Parameters::Positional(values) => {
                sql::Parameters::Positional(values.into_iter().map(Into::into).collect())
            }
            Parameters::Named(values) => {
                sql::Parameters::Named(values.into_iter().map(|(name, value)| (name, value.into())).collect())
            }
        };
        Self { sql: statement.sql, parameters }
    }
}

impl From<Value> for sql::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(number) => Self::Integer(number),
            Value::Real(number) => Self::Real(number),
            Value::Text(text) => Self::Text(text),
            Value::Blob(bytes) => Self::Blob(bytes),
        }
    }
}

impl From<sql::Value> for Value {
    fn from(value: sql::Value) -> Self {
        match value {
            sql::Value::Null => Self::Null,
            sql::Value::Integer(number) => Self::Integer(number),
            sql::Value::Real(number) => Self::Real(number),
            sql::Value::Text(text) => Self::Text(text),
            sql::Value::Blob(bytes) => Self::Blob(bytes),
        }
    }
}

impl From<sql::Rows> for Rows {
    fn from(rows: sql::Rows) -> Self {
        let values = |row: Vec<sql::Value>| row.into_iter().map(Into::into).collect();
        Self { columns: rows.columns, rows: rows.rows.into_iter().map(values).collect() }
    }
}

impl From<sql::Done> for Done {
    fn from(done: sql::Done) -> Self {
        let sql::Done { rows_affected, last_row_id, rows } = done;
        Self { rows_affected, last_row_id, rows: rows.into() }
    }
}
