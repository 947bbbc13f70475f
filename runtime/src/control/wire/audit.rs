//! The record of control actions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// One control action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditRow {
    /// Strictly increasing without gaps on the server.
    pub sequence: i64,
    /// When.
    pub at_ms: i64,
    /// Who: `admin` or `token:PREFIX`.
    pub actor: String,
    /// Id of the project concerned, if any.
    pub project: Option<Uuid>,
    /// What, such as `function.deploy`.
    pub action: String,
    /// On what.
    pub subject: String,
}

/// Answer of `GET …/audit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditList {
    /// Newest first.
    pub audit: Vec<AuditRow>,
}
