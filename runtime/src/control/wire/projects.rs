//! Projects.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Project {
    /// Name, unique on the server.
    pub name: String,
    /// Immutable id.
    pub id: Uuid,
    /// Creation.
    pub created_ms: i64,
}

/// Body of `POST /v1/projects`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProject {
    /// Name: `[a-z0-9-]{1,40}`, no `--`.
    pub name: String,
}

/// Answer of `GET /v1/projects`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectList {
    /// By name; a project's token sees its own project only.
    pub projects: Vec<Project>,
}
