//! Buckets and their objects.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Objects of one page.
pub const MAX_OBJECTS: usize = store::buckets::MAX_PAGE;

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BucketView {
    /// Name within the project.
    pub name: String,
}

/// Answer of `GET …/buckets`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BucketList {
    /// By name.
    pub buckets: Vec<BucketView>,
}

/// An object without its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectView {
    /// Key within the bucket.
    pub key: String,
    /// Size of the content, bytes.
    pub size: u64,
    /// Tells contents apart: the same content has the same one.
    pub etag: String,
    /// When it was put.
    pub written_ms: i64,
    /// Media type; empty for none.
    pub content_type: String,
}

/// Query of `GET …/objects`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct ObjectQuery {
    /// Only keys that begin with it.
    #[param(required = false)]
    pub prefix: String,
    /// Only keys behind it: the last one of the page before.
    #[param(required = false)]
    pub after: Option<String>,
    /// At most so many, 1,000 at most and unless given.
    #[param(required = false)]
    pub limit: Option<usize>,
}

/// Answer of `GET …/objects`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectList {
    /// In the order of the bytes of their keys.
    pub objects: Vec<ObjectView>,
    /// There are more behind the last one.
    pub has_more: bool,
}
