//! Documents: JSON objects in collections of a project, spoken to in MongoDB's words.
//!
//! A collection is made when it is declared, or when a function is deployed that may use it. Documents, filters and
//! all that is said in [`language`] come and go as JSON text: what is stored is answered as it is stored. What was
//! acknowledged is on the disk.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod failure;
pub mod language;
mod records;
pub(crate) mod sqlite;

use async_trait::async_trait;

pub use failure::Failure;
pub use language::Caller;
pub use records::*;

use crate::catalog::ProjectId;

/// Documents of one insert.
pub const MAX_INSERTED: usize = 1_000;
/// Documents that one update or delete changes.
pub const MAX_CHANGED: u64 = 100_000;
/// Documents of one page.
pub const MAX_PAGE: u64 = 1_000;
/// Documents of a page when nobody says how many.
pub const DEFAULT_PAGE: u64 = 100;
/// Documents that a find passes over.
pub const MAX_SKIP: u64 = 1_000_000;
/// Documents, or values, of one answer together, bytes of JSON.
pub const MAX_ANSWER_BYTES: usize = 8 << 20;
/// How long one call looks for documents, milliseconds.
pub const MAX_LOOK_MS: i64 = 5_000;
/// Collections of a project.
pub const MAX_COLLECTIONS: usize = 1_000;
/// Indexes of a collection.
pub const MAX_INDEXES: usize = 20;
/// Fields of an index.
pub const MAX_INDEX_FIELDS: usize = 8;
/// Longest key of a document in an index: of the values of its fields together, bytes.
pub const MAX_KEY_BYTES: usize = 4 << 10;
/// What the documents of a project hold together with their index entries, bytes.
pub const MAX_PROJECT_BYTES: u64 = 1 << 30;
/// What a document is counted beside its bytes: its place, its `_id` and its version.
pub const DOCUMENT_BYTES: usize = 64;

/// The outcome of a call.
pub type Result<T> = std::result::Result<T, Failure>;

/// Collections and their documents.
///
/// Whoever names a collection that the project does not have is told [`Failure::NoCollection`]; two projects never see
/// each other's. All of one call is as it was at one moment, and a write that was answered is seen by everyone who asks
/// afterwards. A write is done as a whole or not at all, with what it means for indexes.
#[async_trait]
pub trait Documents: Send + Sync {
    /// Makes collections that do not exist. Of those that say so it makes the indexes those that are declared: new ones
    /// are built, others removed. `Duplicate` with the key where a unique index is declared over documents that are not
    /// unique, `Full` when there are more than [`MAX_COLLECTIONS`]; then nothing has changed.
    async fn declare(&self, project: ProjectId, collections: &[CollectionSpec]) -> Result<()>;
    /// The collections of a project with their counts, by name.
    async fn collections(&self, project: ProjectId) -> Result<Vec<CollectionInfo>>;
    /// Looks for documents; answers in the kind of what was asked. `Timeout` after [`MAX_LOOK_MS`].
    async fn read(&self, project: ProjectId, collection: &str, read: Read) -> Result<Found>;
    /// Changes documents; durable when it returns. `Full` when the project would hold more than [`MAX_PROJECT_BYTES`],
    /// and more than before; `Timeout` when the documents are not found within [`MAX_LOOK_MS`].
    async fn write(&self, project: ProjectId, collection: &str, write: Write) -> Result<Written>;
    /// The same as [`Self::read`] for a caller from outside: among what the collection's rules let that caller see, and
    /// without its hidden fields. `Forbidden` where that is nothing whatever is there, and where there is no collection.
    async fn read_as(
        &self,
        project: ProjectId,
        caller: &Caller,
        collection: &str,
        read: Read,
    ) -> Result<Found>;
    /// The same as [`Self::write`] for a caller from outside: of the documents that it may see, those that the rules let
    /// it change or remove; new ones as they let it put them in. `Forbidden` where the rules do not.
    async fn write_as(
        &self,
        project: ProjectId,
        caller: &Caller,
        collection: &str,
        write: Write,
    ) -> Result<Written>;
    /// What [`Self::read_as`] or [`Self::write_as`] would look for, and how. Nothing is done.
    async fn explain(
        &self,
        project: ProjectId,
        caller: &Caller,
        collection: &str,
        call: Call,
    ) -> Result<Explained>;
}
