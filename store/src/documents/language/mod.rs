//! The language of documents: values and their order, filters, updates, sorts, projections and pipelines, with
//! MongoDB's meaning. Pure: nothing here reads a clock, a file or a database.
//!
//! `docs/documents-conformance.md` says where it follows MongoDB to the letter, what it refuses and what differs.

pub mod value;

pub(crate) mod json;
mod order;

pub mod key;
pub mod path;

pub mod filter;
pub mod update;

pub mod pipeline;
pub mod projection;
pub mod sort;

pub mod entries;

pub mod rules;

pub use entries::{Entries, entries};
pub use filter::{Filter, KeyRange};
pub use key::key;
pub use path::Path;
pub use pipeline::{Pipeline, Stopped};
pub use projection::Projection;
pub use rules::{Caller, Condition, Hidden, Rule};
pub use sort::{Direction, Sort};
pub use update::{Applied, Update};
pub use value::{Document, Object, Value};

/// Largest document, bytes of JSON.
pub const MAX_DOCUMENT_BYTES: usize = 1 << 20;
/// Largest filter, update, sort, projection or pipeline, bytes of JSON.
pub const MAX_QUERY_BYTES: usize = 64 << 10;
/// Objects and arrays within each other, in documents and in what is asked of them.
pub const MAX_DEPTH: usize = 100;
/// Patterns of one question.
pub(crate) const MAX_PATTERNS: usize = 32;
/// Longest `_id`, bytes.
pub const MAX_ID_BYTES: usize = 256;
/// Most index entries of one document in one index.
pub const MAX_ENTRIES: usize = 1000;

/// What is wrong with a document or with what was asked of it, and where, for the eyes of whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// One sentence: "`$push` at `tags`: …".
    pub message: String,
}

impl Fault {
    /// A fault with that sentence.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

#[cfg(test)]
mod tests;
