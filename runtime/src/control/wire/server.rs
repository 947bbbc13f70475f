//! What the server says of itself, and how it says that something is wrong.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Scope;

/// The body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorInfo,
}

/// What went wrong and what to do next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorInfo {
    /// Stable, documented code, such as `not_found`.
    pub code: String,
    /// What is wrong, one sentence.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Structured facts, such as the list of missing imports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub detail: Option<serde_json::Value>,
}

/// Answer of `GET /health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok` as long as the server answers.
    pub status: String,
}

/// Answer of `GET /v1/whoami`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Whoami {
    /// Who acts, as the audit log names it: `admin` or `token:PREFIX`.
    pub actor: String,
    /// The project that the token is limited to; none for a server token.
    pub project: Option<String>,
    /// What the token may do.
    pub scopes: Vec<Scope>,
    /// Version of the server.
    pub server_version: String,
}
