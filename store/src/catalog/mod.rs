//! The catalog: projects, functions, revisions, routes, sites, tokens, secrets, audit and hourly totals.
//!
//! Small object-safe traits, so that a second driver can take over one by one. No method assumes one
//! process. Time is handed in. Every change carries a [`Stamp`] and writes its audit row in the same
//! transaction.

mod access;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod names;
pub mod records;
mod sites;
pub(crate) mod sqlite;

use std::sync::Arc;

use async_trait::async_trait;

pub use access::{Access, SignedIn};
pub use names::check_name;
pub use records::*;
pub use sites::*;

use crate::StoreError;

/// The outcome of a catalog call.
pub type Result<T> = std::result::Result<T, StoreError>;

/// What a driver gives: its part of everything below, all over the same data.
#[derive(Clone)]
pub struct Catalog {
    /// Tenants.
    pub projects: Arc<dyn Projects>,
    /// API tokens.
    pub tokens: Arc<dyn Tokens>,
    /// Functions, revisions and routes.
    pub functions: Arc<dyn Functions>,
    /// Static sites.
    pub sites: Arc<dyn Sites>,
    /// Sealed secrets.
    pub secrets: Arc<dyn Secrets>,
    /// The record of control actions.
    pub audit: Arc<dyn Audit>,
    /// Hourly totals.
    pub totals: Arc<dyn Totals>,
}

/// Tenants.
#[async_trait]
pub trait Projects: Send + Sync {
    /// Creates a project. `Conflict` when the name is taken.
    async fn create(&self, name: &str, stamp: &Stamp) -> Result<Project>;
    /// All projects, by name.
    async fn list(&self) -> Result<Vec<Project>>;
    /// The project of that name.
    async fn by_name(&self, name: &str) -> Result<Option<Project>>;
    /// Deletes a project with its functions, tokens and secrets; its audit trail stays.
    async fn delete(&self, id: ProjectId, stamp: &Stamp) -> Result<()>;
}

/// API tokens. Only a hash of the token's text is stored.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// Stores a token that the caller has made and hashed.
    async fn create(&self, token: &Token, stamp: &Stamp) -> Result<()>;
    /// Tokens of a project, or those of the whole server with `None`, newest first.
    async fn list(&self, project: Option<ProjectId>) -> Result<Vec<Token>>;
    /// The live token of that public prefix.
    async fn by_prefix(&self, prefix: &str) -> Result<Option<Token>>;
    /// Revokes a token of that project (`None`: a server token) for ever.
    async fn revoke(&self, project: Option<ProjectId>, prefix: &str, stamp: &Stamp) -> Result<()>;
}

/// Functions and their immutable revisions.
#[async_trait]
pub trait Functions: Send + Sync {
    /// One transaction: the revision, the function's bindings and routes, the audit row; creates the
    /// function when it is new; forgets revisions beyond [`NewRevision::keep`] (never the active one).
    /// `Conflict` names the holder of a route or the consumer of a queue that is taken within the project.
    async fn publish(&self, new: &NewRevision, stamp: &Stamp) -> Result<Published>;
    /// Makes an earlier revision the active one. Bindings stay.
    async fn activate(&self, function: FunctionId, revision: u32, stamp: &Stamp) -> Result<()>;
    /// Deletes a function with its revisions, its routes and its hold on queues; its audit trail stays.
    async fn delete(&self, function: FunctionId, stamp: &Stamp) -> Result<()>;
    /// The function of that name.
    async fn by_name(&self, project: ProjectId, name: &str) -> Result<Option<Function>>;
    /// Kept revisions, newest first.
    async fn revisions(&self, function: FunctionId) -> Result<Vec<Revision>>;
    /// Every function with its active revision, of every project: what the data plane serves.
    async fn active(&self) -> Result<Vec<(Function, Revision)>>;
    /// Digests of every component and asset bundle that a kept revision refers to.
    async fn referenced(&self) -> Result<Vec<Digest>>;
}

/// Sealed secrets of a project. The values are opaque here: see [`crate::keys`].
#[async_trait]
pub trait Secrets: Send + Sync {
    /// Sets or replaces a secret.
    async fn set(&self, project: ProjectId, name: &str, sealed: &[u8], stamp: &Stamp) -> Result<()>;
    /// Names and times, never values.
    async fn list(&self, project: ProjectId) -> Result<Vec<SecretInfo>>;
    /// Every sealed value of a project, for the data plane.
    async fn load(&self, project: ProjectId) -> Result<Vec<(String, Vec<u8>)>>;
    /// Deletes a secret.
    async fn delete(&self, project: ProjectId, name: &str, stamp: &Stamp) -> Result<()>;
}

/// The append-only record of control actions.
#[async_trait]
pub trait Audit: Send + Sync {
    /// The newest `limit` rows of a project, or of everything with `None`, newest first.
    async fn list(&self, project: Option<ProjectId>, limit: u32) -> Result<Vec<AuditRow>>;
    /// Adds a row for an action that changes nothing in the catalog, such as a purge of a queue.
    async fn record(&self, stamp: &Stamp, project: ProjectId, action: &str, subject: &str) -> Result<()>;
}

/// Durable hourly totals per function.
#[async_trait]
pub trait Totals: Send + Sync {
    /// Adds to the hours named; rows are made as needed.
    async fn add(&self, totals: &[HourTotal]) -> Result<()>;
    /// Totals of a function from `since_hour_ms` on, oldest first.
    async fn since(&self, function: FunctionId, since_hour_ms: i64) -> Result<Vec<HourTotal>>;
}
