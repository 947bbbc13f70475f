//! `ostro:db`: collections of documents, transactions over documents, key-value and queues, and SQL databases.

mod documents;
mod failure;
mod options;
mod sql;
mod transactions;

use std::fmt;
use std::sync::Arc;

use store::catalog::ProjectId;
use store::documents::{Caller, Documents, Found, Read, Write, Written};
use store::transactions::Transactions;

#[allow(unreachable_pub, reason = "the generated bindings name it again")]
pub use self::documents::Collection;
use self::failure::Answer;
#[allow(unreachable_pub, reason = "the generated bindings name it again")]
pub use self::failure::Failure;
pub(crate) use self::sql::{ProjectSql, SqlDatabases};
#[allow(unreachable_pub, reason = "the generated bindings name it again")]
pub use self::sql::{SqlDatabase, SqlFailure};
use self::transactions::Running;
#[allow(unreachable_pub, reason = "the generated bindings name it again")]
pub use self::transactions::Transaction;
use crate::bindings::ostro::db::documents::Error;

/// The databases of all projects; by default none.
#[derive(Clone, Default)]
pub(crate) struct Databases {
    open: Option<Open>,
}

/// The database of one project.
#[derive(Clone, Default)]
pub(crate) struct ProjectDatabase {
    project: Option<(ProjectId, Open)>,
}

#[derive(Clone)]
struct Open {
    documents: Arc<dyn Documents>,
    transactions: Arc<dyn Transactions>,
}

impl Databases {
    /// The databases of that store.
    pub(crate) fn new(documents: Arc<dyn Documents>, transactions: Arc<dyn Transactions>) -> Self {
        Self { open: Some(Open { documents, transactions }) }
    }

    /// That of a project.
    pub(crate) fn of(&self, project: ProjectId) -> ProjectDatabase {
        ProjectDatabase { project: self.open.clone().map(|open| (project, open)) }
    }
}

impl ProjectDatabase {
    async fn read(&self, collection: &str, read: Read) -> Answer<Found> {
        let (project, open) = self.open()?;
        Ok(open.documents.read(project, collection, read).await?)
    }

    async fn write(&self, collection: &str, write: Write) -> Answer<Written> {
        let (project, open) = self.open()?;
        Ok(open.documents.write(project, collection, write).await?)
    }

    async fn read_as(&self, caller: &Caller, collection: &str, read: Read) -> Answer<Found> {
        let (project, open) = self.open()?;
        Ok(open.documents.read_as(project, caller, collection, read).await?)
    }

    async fn write_as(&self, caller: &Caller, collection: &str, write: Write) -> Answer<Written> {
        let (project, open) = self.open()?;
        Ok(open.documents.write_as(project, caller, collection, write).await?)
    }

    async fn begin(&self) -> Answer<Running> {
        let (project, open) = self.open()?;
        Ok(Running::new(open.transactions.begin(project).await?))
    }

    fn open(&self) -> Answer<(ProjectId, &Open)> {
        match &self.project {
            Some((project, open)) => Ok((*project, open)),
            None => Err(Error::Unavailable("there are no data while a function is only tried".to_owned())),
        }
    }
}

impl fmt::Debug for ProjectDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProjectDatabase").field(&self.project.as_ref().map(|(project, _)| project)).finish()
    }
}
