//! Collections and their documents.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// Documents in one insert.
pub const MAX_INSERTED: usize = store::documents::MAX_INSERTED;
/// JSON of one insert or update, bytes.
pub const MAX_INSERT_BYTES: usize = 8 << 20;
/// Largest document, bytes of JSON.
pub const MAX_DOCUMENT_BYTES: usize = store::documents::language::MAX_DOCUMENT_BYTES;
/// Documents of one page.
pub const MAX_PAGE: u64 = store::documents::MAX_PAGE;
/// Documents that a find passes over.
pub const MAX_SKIP: u64 = store::documents::MAX_SKIP;

/// An index of a collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// Dotted paths, the most important first.
    pub fields: Vec<String>,
    /// No two documents may have the same values there.
    #[serde(default)]
    pub unique: bool,
}

/// A collection and what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CollectionView {
    /// Name within the project.
    pub name: String,
    /// Its indexes, besides the one on `_id`.
    pub indexes: Vec<Index>,
    /// How many documents there are.
    pub documents: u64,
    /// What they and their index entries hold.
    pub bytes: u64,
}

/// Answer of `GET …/collections`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CollectionList {
    /// By name.
    pub collections: Vec<CollectionView>,
}

/// Body of `PUT …/collections/{collection}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewCollection {
    /// The indexes it is to have: others are removed. Left out, they stay as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub indexes: Option<Vec<Index>>,
}

/// Body of `POST …/find`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FindRequest {
    /// Which documents, in MongoDB's words; all unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub filter: Option<Box<RawValue>>,
    /// In which order: `{"age": -1}`, or `[["age", -1], ["name", 1]]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub sort: Option<Box<RawValue>>,
    /// Documents that are passed over, at most 1,000,000.
    pub skip: u64,
    /// Documents of this page, at most 1,000; 100 unless given. A page also ends at 8 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Which fields: `{"name": 1}`, or `{"secret": 0}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub fields: Option<Box<RawValue>>,
    /// Where the page before this one ended; filter and sort must be the same again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Answer of `POST …/find`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct DocumentPage {
    /// The documents, as they are stored.
    #[schema(value_type = Vec<Object>)]
    pub documents: Vec<Box<RawValue>>,
    /// There when there are more: it asks for the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Body of `POST …/count`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CountRequest {
    /// Which documents; all unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub filter: Option<Box<RawValue>>,
    /// Counts no further.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// Answer of `POST …/count`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counted {
    /// How many documents match.
    pub count: u64,
}

/// What a document means whose `_id` the collection has already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Existing {
    /// Nothing of the request is stored.
    #[default]
    Refuse,
    /// The one that is there stays.
    Skip,
    /// The new one takes its place. Those that take a place do so each for themselves, and the others together.
    Replace,
}

/// Body of `POST …/documents`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InsertRequest {
    /// 1 to 1,000, each at most 1 MiB. One without `_id` gets a UUID version 7.
    #[schema(value_type = Vec<Object>)]
    pub documents: Vec<Box<RawValue>>,
    /// What becomes of those that are there already; a request that leaves it out is stored whole or not at all.
    #[serde(default)]
    pub existing: Existing,
}

/// Answer of `POST …/documents`: what it tells of is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Inserted {
    /// The `_id`s of the new documents, in their order.
    pub ids: Vec<String>,
    /// How many have taken the place of another.
    pub replaced: u64,
    /// How many were there already and are left as they were.
    pub skipped: u64,
}

/// Body of `POST …/update`: either `update` or `replace`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateRequest {
    /// Which documents; `{}` is all.
    #[schema(value_type = Object)]
    pub filter: Box<RawValue>,
    /// What is changed, in MongoDB's operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub update: Option<Box<RawValue>>,
    /// What takes the place of the first that matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub replace: Option<Box<RawValue>>,
    /// All that match, up to 100,000, and not only the first.
    #[serde(default)]
    pub many: bool,
    /// Makes a document where none matches.
    #[serde(default)]
    pub upsert: bool,
    /// Which of them is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub sort: Option<Box<RawValue>>,
}

/// Answer of `POST …/update`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    /// How many documents matched.
    pub matched: u64,
    /// How many of those are another than before.
    pub modified: u64,
    /// The `_id` of the one that was made because none matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upserted: Option<String>,
}

/// Body of `POST …/delete`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteRequest {
    /// Which documents; `{}` is all.
    #[schema(value_type = Object)]
    pub filter: Box<RawValue>,
    /// All that match, up to 100,000, and not only the first.
    #[serde(default)]
    pub many: bool,
    /// Which of them is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub sort: Option<Box<RawValue>>,
}

/// Answer of `POST …/delete`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deleted {
    /// How many documents were deleted.
    pub deleted: u64,
}
