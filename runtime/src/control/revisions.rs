//! Revisions and the way back.

use axum::Json;
use axum::extract::State;
use store::catalog::Scope;

use super::auth::Caller;
use super::body::{OptionalJson, Path};
use super::error::{BodyErrors, Errors};
use super::wire::{RevisionList, RevisionView, RollbackReport, RollbackRequest};
use super::{ControlState, SharedChanges};
use crate::problem::Problem;

/// The kept revisions of a function, newest first.
#[utoipa::path(
    get, path = "/v1/projects/{project}/functions/{function}/revisions", tag = "functions",
    operation_id = "list_revisions",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("function" = String, Path, description = "The function's name"),
    ),
    security(("token" = [])),
    responses((status = 200, body = RevisionList, description = "The revisions"), Errors),
)]
pub(super) async fn list(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, name)): Path<(String, String)>,
) -> Result<Json<RevisionList>, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    let function = state.function(&project, &name).await?;
    let revisions = state.parts.functions.revisions(function.id).await?;
    let view = |revision: store::catalog::Revision| RevisionView {
        number: revision.number,
        active: revision.number == function.active,
        digest: revision.spec.digest.0,
        wasm_bytes: revision.spec.wasm_bytes,
        created_ms: revision.created_ms,
        created_by: revision.created_by,
        limits: revision.spec.limits.into(),
        env: revision.spec.env,
    };
    Ok(Json(RevisionList { revisions: revisions.into_iter().map(view).collect() }))
}

/// Makes an earlier revision active, without compiling. Routes and grants stay as they are. Answers when the
/// revision is live everywhere.
#[utoipa::path(
    post, path = "/v1/projects/{project}/functions/{function}/rollback", tag = "functions",
    operation_id = "rollback",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("function" = String, Path, description = "The function's name"),
    ),
    request_body = Option<RollbackRequest>, security(("token" = [])),
    responses((status = 200, body = RollbackReport, description = "Live"), Errors, BodyErrors),
)]
pub(super) async fn rollback(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, name)): Path<(String, String)>,
    OptionalJson(request): OptionalJson<RollbackRequest>,
) -> Result<Json<RollbackReport>, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    let work = |changes: SharedChanges| async move {
        changes.rollback(&project, &name, request.to, &caller.actor).await
    };
    state.change(work).await.map(Json)
}
