//! The server itself: health, metrics, who am I, the API's description.

use std::collections::HashMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::ControlState;
use super::auth::Caller;
use super::error::Errors;
use super::wire::{Health, Scope, Whoami};
use crate::problem::Problem;
use crate::telemetry::METRICS_CONTENT_TYPE;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Whether the server answers.
#[utoipa::path(
    get, path = "/health", tag = "server", operation_id = "health",
    responses((status = 200, body = Health, description = "It does")),
)]
pub(super) async fn health() -> Json<Health> {
    Json(Health { status: "ok".to_owned() })
}

/// All metrics, for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "server", operation_id = "metrics",
    responses((status = 200, body = String, content_type = "application/openmetrics-text", description = "OpenMetrics text")),
)]
pub(super) async fn metrics(State(state): State<ControlState>) -> Result<Response, Problem> {
    let projects = state.parts.projects.list().await?;
    let projects: HashMap<_, _> = projects.into_iter().map(|project| (project.id, project.name)).collect();
    let active = state.parts.functions.active().await?;
    let functions: HashMap<_, _> =
        active.into_iter().map(|(function, _)| (function.id, (function.project, function.name))).collect();
    let text = state.parts.telemetry.render(&|id| {
        let (project, name) = functions.get(&id)?;
        Some((projects.get(project)?.clone(), name.clone()))
    });
    Ok(([(header::CONTENT_TYPE, METRICS_CONTENT_TYPE)], text).into_response())
}

/// What the token is and may do.
#[utoipa::path(
    get, path = "/v1/whoami", tag = "server", operation_id = "whoami", security(("token" = [])),
    responses((status = 200, body = Whoami, description = "The caller"), Errors),
)]
pub(super) async fn whoami(
    State(state): State<ControlState>,
    caller: Caller,
) -> Result<Json<Whoami>, Problem> {
    let project = match caller.project {
        None => None,
        Some(id) => {
            let projects = state.parts.projects.list().await?;
            projects.into_iter().find(|project| project.id == id).map(|project| project.name)
        }
    };
    Ok(Json(Whoami {
        actor: caller.actor,
        project,
        scopes: caller.scopes.into_iter().map(Scope::from).collect(),
        server_version: VERSION.to_owned(),
    }))
}

/// The API's description.
pub(super) async fn openapi(json: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}

/// Adds what no single resource knows: title, version, how a token is sent.
pub(super) fn describe(api: &mut OpenApi) {
    api.info.title = "Ostro control API".to_owned();
    api.info.version = VERSION.to_owned();
    api.info.description = Some(
        "Projects, tokens, functions, schedules, queues, jobs, documents, objects, secrets and logs of one Ostro server."
            .to_owned(),
    );
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    bearer.bearer_format = Some("ostro_PREFIX_SECRET".to_owned());
    let components = api.components.get_or_insert_default();
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
}
