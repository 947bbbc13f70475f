//! Functions as they are now.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use store::catalog::{Bindings, Export, Function, Project, Scope};

use super::ControlState;
use super::auth::Caller;
use super::body::Path;
use super::error::Errors;
use super::wire::{
    CronTrigger, DataTrigger, FunctionDetail, FunctionList, FunctionView, QueueTrigger, RouteView,
};
use crate::problem::Problem;
use crate::router;

/// The functions of a project, by name.
#[utoipa::path(
    get, path = "/v1/projects/{project}/functions", tag = "functions", operation_id = "list_functions",
    params(("project" = String, Path, description = "The project's name")), security(("token" = [])),
    responses((status = 200, body = FunctionList, description = "The functions"), Errors),
)]
pub(super) async fn list(
    State(state): State<ControlState>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<Json<FunctionList>, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    let mut functions = state.functions_of(&project).await?;
    functions.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    let functions = functions.into_iter().map(|(function, _)| view(&state, &project, function)).collect();
    Ok(Json(FunctionList { functions }))
}

/// A function and its active revision.
#[utoipa::path(
    get, path = "/v1/projects/{project}/functions/{function}", tag = "functions", operation_id = "show_function",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("function" = String, Path, description = "The function's name"),
    ),
    security(("token" = [])),
    responses((status = 200, body = FunctionDetail, description = "The function"), Errors),
)]
pub(super) async fn show(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, name)): Path<(String, String)>,
) -> Result<Json<FunctionDetail>, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    let function = state.function(&project, &name).await?;
    let revisions = state.parts.functions.revisions(function.id).await?;
    let active = revisions.into_iter().find(|revision| revision.number == function.active);
    // Deleted between the two look-ups.
    let spec = active.ok_or_else(|| Problem::not_found("function"))?.spec;
    let Bindings { cron, queues, events, names, callable, .. } = function.bindings.clone();
    Ok(Json(FunctionDetail {
        function: view(&state, &project, function),
        kind: spec.kind.name().to_owned(),
        limits: spec.limits.into(),
        jobs: spec.jobs.into(),
        cron: cron.into_iter().map(CronTrigger::from).collect(),
        queues: queues.into_iter().map(QueueTrigger::from).collect(),
        events: events.into_iter().map(DataTrigger::from).collect(),
        exports: spec.exports.into_iter().map(export_name).map(str::to_owned).collect(),
        callable,
        env: spec.env,
        bindings: names,
        args: spec.args,
        reuse: spec.reuse,
        concurrent: spec.concurrent,
        on_disconnect: spec.on_disconnect.into(),
        digest: spec.digest.0,
        wasm_bytes: spec.wasm_bytes,
        assets: spec.assets.map(|digest| digest.0),
    }))
}

/// Deletes a function with its revisions and its log. Its audit trail stays; its name is free.
#[utoipa::path(
    delete, path = "/v1/projects/{project}/functions/{function}", tag = "functions",
    operation_id = "delete_function",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("function" = String, Path, description = "The function's name"),
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
    let function = state.function(&project, &name).await?;
    state
        .change(|changes| async move { changes.delete_function(&project, &name, &caller.actor).await })
        .await?;
    state.parts.telemetry.forget(function.id);
    Ok(StatusCode::NO_CONTENT)
}

fn export_name(export: Export) -> &'static str {
    match export {
        Export::Http => "http",
        Export::Scheduled => "scheduled",
        Export::Queued => "queued",
    }
}

fn view(state: &ControlState, project: &Project, function: Function) -> FunctionView {
    let parts = &state.parts;
    let routes = &function.bindings.routes;
    let port = parts.data_plane.port();
    let urls = router::urls(parts.domain.as_deref(), port, &project.name, &function.name, routes);
    let (invocations, failures) = parts.telemetry.counts(function.id);
    FunctionView {
        name: function.name,
        id: function.id.0,
        revision: function.active,
        routes: function.bindings.routes.into_iter().map(RouteView::from).collect(),
        access: function.bindings.access.into(),
        grants: function.bindings.grants,
        urls,
        created_ms: function.created_ms,
        updated_ms: function.updated_ms,
        invocations,
        failures,
    }
}
