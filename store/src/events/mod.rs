//! Data events: functions are told of changes of documents and objects, by jobs that are written in the same transaction
//! as the change. So no change is told that did not happen, and none that did is lost.

pub(crate) mod sqlite;

use async_trait::async_trait;

use crate::StoreError;
use crate::catalog::{DataChange, DataSource, FunctionId, ProjectId};

/// The outcome of a call.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A function that wants to be told of changes of some data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subscription {
    /// Of which data.
    pub source: DataSource,
    /// Of which changes.
    pub change: DataChange,
    /// Which function.
    pub function: FunctionId,
}

/// Who is told of what.
#[async_trait]
pub trait Events: Send + Sync {
    /// Makes the subscriptions of a project those given, for changes from now on.
    async fn subscribe(&self, project: ProjectId, subscriptions: &[Subscription]) -> Result<()>;
    /// The subscriptions of a project, in order.
    async fn subscriptions(&self, project: ProjectId) -> Result<Vec<Subscription>>;
}
