//! The record of control actions.

use axum::Json;
use axum::extract::State;
use store::catalog::{ProjectId, Scope};

use super::ControlState;
use super::auth::Caller;
use super::body::{Path, Query};
use super::error::Errors;
use super::invocations::list_length;
use super::wire::{AuditList, AuditRow, ListQuery};
use crate::problem::Problem;

/// Control actions on the whole server, newest first.
#[utoipa::path(
    get, path = "/v1/audit", tag = "audit", operation_id = "list_server_audit",
    params(ListQuery), security(("token" = [])),
    responses((status = 200, body = AuditList, description = "The newest actions"), Errors),
)]
pub(super) async fn list_server(
    State(state): State<ControlState>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<AuditList>, Problem> {
    caller.server(Scope::Read)?;
    rows(&state, None, &query).await
}

/// Control actions in a project, newest first.
#[utoipa::path(
    get, path = "/v1/projects/{project}/audit", tag = "audit", operation_id = "list_audit",
    params(("project" = String, Path, description = "The project's name"), ListQuery), security(("token" = [])),
    responses((status = 200, body = AuditList, description = "The newest actions"), Errors),
)]
pub(super) async fn list(
    State(state): State<ControlState>,
    caller: Caller,
    Path(project): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<Json<AuditList>, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    rows(&state, Some(project.id), &query).await
}

async fn rows(
    state: &ControlState,
    project: Option<ProjectId>,
    query: &ListQuery,
) -> Result<Json<AuditList>, Problem> {
    let rows = state.parts.audit.list(project, list_length(query)).await?;
    Ok(Json(AuditList { audit: rows.into_iter().map(AuditRow::from).collect() }))
}
