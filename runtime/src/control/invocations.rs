//! Recent invocations with their bills.

use axum::Json;
use axum::extract::State;
use store::catalog::Scope;

use super::ControlState;
use super::auth::Caller;
use super::body::{Path, Query};
use super::error::Errors;
use super::wire::{InvocationList, ListQuery};
use crate::problem::Problem;

const LENGTH: u32 = 50;
const LONGEST: u32 = 1_000;

/// Recent invocations of a function, newest first: the last 1,000 since the server started, and older
/// failures.
#[utoipa::path(
    get, path = "/v1/projects/{project}/functions/{function}/invocations", tag = "functions",
    operation_id = "list_invocations",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("function" = String, Path, description = "The function's name"),
        ListQuery,
    ),
    security(("token" = [])),
    responses((status = 200, body = InvocationList, description = "Outcomes and bills"), Errors),
)]
pub(super) async fn list(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, function)): Path<(String, String)>,
    Query(query): Query<ListQuery>,
) -> Result<Json<InvocationList>, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    let function = state.function(&project, &function).await?;
    let limit = usize::try_from(list_length(&query)).unwrap_or(usize::MAX);
    let invocations = state.parts.telemetry.invocations(function.id, limit).await;
    let invocations = invocations.map_err(|error| Problem::internal(&error))?;
    Ok(Json(InvocationList { invocations }))
}

/// The length asked for, within its limit.
pub(super) fn list_length(query: &ListQuery) -> u32 {
    query.limit.unwrap_or(LENGTH).min(LONGEST)
}
