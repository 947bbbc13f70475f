//! Projects.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use store::catalog::Scope;

use super::auth::Caller;
use super::body::{self, Path};
use super::error::{BodyErrors, Errors};
use super::wire::{NewProject, Project, ProjectList};
use super::{ControlState, SharedChanges};
use crate::problem::Problem;

/// The projects that the caller may know of, by name.
#[utoipa::path(
    get, path = "/v1/projects", tag = "projects", operation_id = "list_projects", security(("token" = [])),
    responses((status = 200, body = ProjectList, description = "The projects"), Errors),
)]
pub(super) async fn list(
    State(state): State<ControlState>,
    caller: Caller,
) -> Result<Json<ProjectList>, Problem> {
    let mut projects = state.parts.projects.list().await?;
    match caller.project {
        Some(own) => {
            projects.retain(|project| project.id == own);
            let name = projects.first().map(|project| project.name.clone()).unwrap_or_default();
            caller.project(&state, &name, Scope::Read).await?;
        }
        None => caller.server(Scope::Read)?,
    }
    Ok(Json(ProjectList { projects: projects.into_iter().map(Project::from).collect() }))
}

/// Creates a project.
#[utoipa::path(
    post, path = "/v1/projects", tag = "projects", operation_id = "create_project",
    request_body = NewProject, security(("token" = [])),
    responses((status = 201, body = Project, description = "Created"), Errors, BodyErrors),
)]
pub(super) async fn create(
    State(state): State<ControlState>,
    caller: Caller,
    body::Json(new): body::Json<NewProject>,
) -> Result<(StatusCode, Json<Project>), Problem> {
    caller.server(Scope::Admin)?;
    let work = |changes: SharedChanges| async move { changes.create_project(&new.name, &caller.actor).await };
    let project = state.change(work).await?;
    Ok((StatusCode::CREATED, Json(project.into())))
}

/// Deletes a project with its functions, tokens and secrets. Its audit trail stays.
#[utoipa::path(
    delete, path = "/v1/projects/{project}", tag = "projects", operation_id = "delete_project",
    params(("project" = String, Path, description = "The project's name")), security(("token" = [])),
    responses((status = 204, description = "Deleted"), Errors),
)]
pub(super) async fn delete(
    State(state): State<ControlState>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<StatusCode, Problem> {
    let project = caller.project(&state, &project, Scope::Admin).await?;
    caller.server(Scope::Admin)?;
    let functions = state.functions_of(&project).await?;
    state.change(|changes| async move { changes.delete_project(&project, &caller.actor).await }).await?;
    for (function, _) in functions {
        state.parts.telemetry.forget(function.id);
    }
    Ok(StatusCode::NO_CONTENT)
}
