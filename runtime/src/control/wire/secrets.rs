//! Secrets: values go in and never come out.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A secret without its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretView {
    /// Name within the project.
    pub name: String,
    /// Last change.
    pub updated_ms: i64,
}

/// Answer of `GET …/secrets`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretList {
    /// By name.
    pub secrets: Vec<SecretView>,
}

/// Body of `PUT …/secrets/{name}`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    /// The value, at most 64 KiB. It is never shown again.
    #[schema(format = Password)]
    pub value: String,
}

impl std::fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewSecret")
    }
}
