//! Tokens and what they may do.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Deploy, roll back and delete functions; set and delete secrets.
    Deploy,
    /// Read functions, logs, invocations, names of secrets, the audit log.
    Read,
    /// Call functions through the control API.
    Invoke,
    /// Everything in the project, or on the server for a server token.
    Admin,
}

/// Body of `POST …/tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for, 1 to 100 characters.
    pub label: String,
    /// What it may do; at least one.
    pub scopes: Vec<Scope>,
}

/// Answer of `POST …/tokens`: the only time that the token's text is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedToken {
    /// The whole token: `ostro_PREFIX_SECRET`.
    pub token: String,
    /// Its public part.
    pub prefix: String,
    /// What it is for.
    pub label: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The project it is limited to; none for a server token.
    pub project: Option<String>,
}

/// A token without its secret part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// Its public part.
    pub prefix: String,
    /// What it is for.
    pub label: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The project it is limited to; none for a server token.
    pub project: Option<String>,
    /// Creation.
    pub created_ms: i64,
}

/// Answer of `GET …/tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    /// Newest first.
    pub tokens: Vec<TokenView>,
}
