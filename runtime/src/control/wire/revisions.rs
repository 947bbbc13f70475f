//! Revisions and the way back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Limits;

/// A kept revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevisionView {
    /// 1, 2, 3 …
    pub number: u32,
    /// Whether it is the one that serves.
    pub active: bool,
    /// Digest over component, assets, environment and limits.
    pub digest: String,
    /// Size of the uploaded component, bytes.
    pub wasm_bytes: u64,
    /// The deploy.
    pub created_ms: i64,
    /// Who deployed it.
    pub created_by: String,
    /// Its limits.
    pub limits: Limits,
    /// Its environment variables.
    pub env: BTreeMap<String, String>,
}

/// Answer of `GET …/revisions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevisionList {
    /// Newest first.
    pub revisions: Vec<RevisionView>,
}

/// Body of `POST …/rollback`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RollbackRequest {
    /// The revision to go back to; by default the one before the active one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<u32>,
}

/// Answer of `POST …/rollback`. The revision named is live everywhere once this is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RollbackReport {
    /// The function's name.
    pub function: String,
    /// The revision that is active now.
    pub revision: u32,
    /// The one that was.
    pub previous: u32,
    /// Time until it was live everywhere, milliseconds.
    pub took_ms: u64,
}
