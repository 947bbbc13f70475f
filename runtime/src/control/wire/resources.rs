//! What a project has, declared without a function.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is to exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourcesDeploy {
    /// The text of `ostro.toml`: its `[auth]`, collections, buckets, channels, namespaces and queues count.
    pub manifest: String,
}

/// What a manifest declares, and the project has now. Names are in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourcesReport {
    /// The project.
    pub project: String,
    /// Whether people can have accounts.
    pub accounts: bool,
    /// Collections, with the rules and indexes that the manifest says.
    pub collections: Vec<String>,
    /// Buckets.
    pub buckets: Vec<String>,
    /// Channels, with the rules that the manifest says.
    pub channels: Vec<String>,
    /// Key-value namespaces.
    pub namespaces: Vec<String>,
    /// Queues.
    pub queues: Vec<String>,
    /// How long it took, milliseconds.
    pub took_ms: u64,
}
