//! Transactions: reads of one moment and writes that are done together, over documents, keys and queues of a project.
//!
//! A transaction sees the project as it was when it began, and its own writes. Nothing is locked meanwhile: its writes
//! wait in memory. At the end all that it has read is looked at again, and if nobody has changed it, all writes are
//! done in one commit; transactions that were committed are as if each had run alone, in the order of their commits.

pub(crate) mod sqlite;

use async_trait::async_trait;
use bytes::Bytes;

use crate::catalog::ProjectId;
use crate::documents::{Found, Read, Result, Write, Written};
use crate::jobs::{Enqueued, NewJob};

/// Transactions that a project has open at once.
pub const MAX_OPEN: usize = 16;
/// How long a transaction may take, milliseconds.
pub const MAX_LIFE_MS: i64 = 30_000;
/// Calls of one transaction.
pub const MAX_CALLS: usize = 1_000;
/// What one transaction holds until its end, bytes: its writes, and what it remembers of what it has seen.
pub const MAX_HELD_BYTES: usize = 8 << 20;

/// The transactions of projects.
#[async_trait]
pub trait Transactions: Send + Sync {
    /// Begins one. `Busy` when the project has [`MAX_OPEN`] of them.
    async fn begin(&self, project: ProjectId) -> Result<Box<dyn Transaction>>;
}

/// A transaction that is open. Dropping it ends it, and nothing was written.
///
/// Every method fails with `Expired` once it is older than [`MAX_LIFE_MS`], and with `TooLarge` beyond [`MAX_CALLS`]
/// calls or [`MAX_HELD_BYTES`] bytes. A call that fails has written nothing; the transaction may go on after it.
#[async_trait]
pub trait Transaction: Send {
    /// Looks for documents, as [`crate::documents::Documents::read`] does.
    async fn read(&mut self, collection: &str, read: Read) -> Result<Found>;
    /// Changes documents, as [`crate::documents::Documents::write`] does, for the time being in memory. Uniqueness is
    /// checked by [`Self::commit`], document after document: what is removed makes room first, but two documents cannot
    /// exchange unique values in one transaction.
    async fn write(&mut self, collection: &str, write: Write) -> Result<Written>;
    /// What is under these keys of a namespace, in their order.
    async fn keys(&mut self, namespace: &str, keys: &[String]) -> Result<Vec<Option<Bytes>>>;
    /// Sets and removes keys, in their order.
    async fn write_keys(&mut self, namespace: &str, writes: Vec<crate::kv::Write>) -> Result<()>;
    /// Enqueues jobs at the end; the limits on them are the caller's to check.
    async fn enqueue(&mut self, jobs: Vec<NewJob>) -> Result<()>;
    /// Does all of it, durably, or nothing: `Conflict` when somebody has changed what was read, `Duplicate` where an
    /// index is unique, `Full` where there is no room. Answers what came of the jobs, in their order.
    async fn commit(self: Box<Self>) -> Result<Vec<Enqueued>>;
}
