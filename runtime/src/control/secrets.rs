//! A project's secrets: names can be read, values only set.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use store::catalog::Scope;

use super::auth::Caller;
use super::body::{self, Path};
use super::error::{BodyErrors, Errors};
use super::wire::{NewSecret, SecretList, SecretView};
use super::{ControlState, SharedChanges};
use crate::problem::Problem;

/// Largest value, bytes.
const VALUE_BYTES: usize = 64 << 10;

/// Names of a project's secrets.
#[utoipa::path(
    get, path = "/v1/projects/{project}/secrets", tag = "secrets", operation_id = "list_secrets",
    params(("project" = String, Path, description = "The project's name")), security(("token" = [])),
    responses((status = 200, body = SecretList, description = "Names and times, never values"), Errors),
)]
pub(super) async fn list(
    State(state): State<ControlState>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<Json<SecretList>, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    let secrets = state.parts.secrets.list(project.id).await?;
    Ok(Json(SecretList { secrets: secrets.into_iter().map(SecretView::from).collect() }))
}

/// Sets or replaces a secret. Functions with the grant `secret:NAME` see the new value from their next
/// invocation on.
#[utoipa::path(
    put, path = "/v1/projects/{project}/secrets/{name}", tag = "secrets", operation_id = "set_secret",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("name" = String, Path, description = "The secret's name"),
    ),
    request_body = NewSecret, security(("token" = [])),
    responses((status = 204, description = "Set"), Errors, BodyErrors),
)]
pub(super) async fn set(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, name)): Path<(String, String)>,
    body::Json(secret): body::Json<NewSecret>,
) -> Result<StatusCode, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    if secret.value.is_empty() || secret.value.len() > VALUE_BYTES {
        return Err(Problem::new(422, "secret_value", "a secret has between 1 byte and 64 KiB"));
    }
    let work = |changes: SharedChanges| async move {
        changes.set_secret(&project, &name, &secret.value, &caller.actor).await
    };
    state.change(work).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes a secret.
#[utoipa::path(
    delete, path = "/v1/projects/{project}/secrets/{name}", tag = "secrets", operation_id = "delete_secret",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("name" = String, Path, description = "The secret's name"),
    ),
    security(("token" = [])),
    responses((status = 204, description = "Deleted"), Errors),
)]
pub(super) async fn delete(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, name)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    state
        .change(|changes| async move { changes.delete_secret(&project, &name, &caller.actor).await })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
