//! Key-value: small values under keys, in namespaces of a project.
//!
//! A namespace is made when it is declared, or when a function is deployed that may use it. What was acknowledged is on
//! the disk. A value past its namespace's time to live is not there any more, whoever looks; what is left of it goes
//! with later writes.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub(crate) mod sqlite;

use async_trait::async_trait;
use bytes::Bytes;

use crate::StoreError;
use crate::catalog::ProjectId;

/// Longest key, bytes.
pub const MAX_KEY_BYTES: usize = 1024;
/// Largest value, bytes.
pub const MAX_VALUE_BYTES: usize = 1 << 20;
/// Keys of one call.
pub const MAX_KEYS: usize = 1000;
/// Values of one call together, bytes; both ways.
pub const MAX_CALL_BYTES: usize = 8 << 20;
/// Most keys of one page.
pub const MAX_PAGE: usize = 1000;
/// What the keys and values of a project hold together, bytes.
pub const MAX_PROJECT_BYTES: u64 = 1 << 30;
/// Keys of a project: each takes space beside its bytes.
pub const MAX_PROJECT_KEYS: u64 = 10_000_000;

/// The outcome of a call.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A namespace, as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceSpec {
    /// Its name, as [`crate::catalog::check_name`] has it.
    pub name: String,
    /// How long a value is there after it was written, milliseconds; none for ever. For writes from now on.
    pub ttl_ms: Option<u64>,
}

/// Which write a value is of: never used again for the same key, also when it was deleted in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub i64);

/// What is under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The value.
    pub value: Bytes,
    /// The write that it is of.
    pub version: Version,
}

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Sets the value, whatever there was.
    Set(String, Bytes),
    /// Removes it, if it is there.
    Delete(String),
}

/// Keys of a namespace, in order of their bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The keys.
    pub keys: Vec<String>,
    /// Whether there are keys after the last one.
    pub has_more: bool,
}

/// How a compare-and-swap ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swap {
    /// The value is the new one.
    Done,
    /// Another write came in between: this is there now. Nothing was changed.
    Lost(Option<Found>),
}

/// How an increment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Increment {
    /// The new number.
    To(i64),
    /// What is there is no number: decimal digits with at most a sign before them, between -2^63 and 2^63 - 1.
    NoNumber,
    /// The sum would not be between -2^63 and 2^63 - 1. Nothing was changed.
    Overflow,
}

/// Namespaces and their values. Limits on keys, values and calls are the caller's to check.
///
/// Every method that is told a namespace fails with `NotFound` when the project has none of that name. What is there is
/// what was written last and has not expired by the store's clock; two projects never see each other's, nor do two
/// namespaces. A write that was answered is seen by everyone who asks afterwards.
///
/// `Full` is the answer to a write after which the project would hold more than [`MAX_PROJECT_BYTES`], and more than
/// before: nothing was changed. Keys and values count, what has expired does not.
#[async_trait]
pub trait KeyValue: Send + Sync {
    /// Makes namespaces that do not exist, and sets the time to live of those that do.
    async fn declare(&self, project: ProjectId, namespaces: &[NamespaceSpec]) -> Result<()>;
    /// The namespaces of a project, by name.
    async fn namespaces(&self, project: ProjectId) -> Result<Vec<NamespaceSpec>>;
    /// What is under these keys, in their order; all as it was at one moment. `Full` when the values together are
    /// more than [`MAX_CALL_BYTES`].
    async fn get(&self, project: ProjectId, namespace: &str, keys: &[String]) -> Result<Vec<Option<Found>>>;
    /// Changes keys, in their order, all or none; durable when it returns, like every change. Room that one of them
    /// frees is there for the others.
    async fn write(&self, project: ProjectId, namespace: &str, writes: Vec<Write>) -> Result<()>;
    /// At most `limit` keys behind that one, whether or not it is there, or from the first.
    async fn list(
        &self,
        project: ProjectId,
        namespace: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page>;
    /// Adds to the number under a key, which is 0 where there is none, and stores the sum as decimal digits: a write
    /// like any other, with a version and a life of its own.
    async fn increment(&self, project: ProjectId, namespace: &str, key: &str, by: i64) -> Result<Increment>;
    /// Sets a value if what is there is still of that write; none: if there is nothing, or nothing any more.
    async fn swap(
        &self,
        project: ProjectId,
        namespace: &str,
        key: &str,
        expected: Option<Version>,
        value: Bytes,
    ) -> Result<Swap>;
}
