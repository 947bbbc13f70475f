//! Static sites: files come first, then the version that names them.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use store::catalog::{Scope, SiteVersion};

use super::auth::Caller;
use super::body::{self, OptionalJson, Path};
use super::deploy::too_many;
use super::error::{BodyErrors, Errors};
use super::wire::{RollbackRequest, SiteDeploy, SiteReceived, SiteReport, SiteVersionView, SiteView};
use super::{ControlState, SharedChanges};
use crate::places::NoPlace;
use crate::problem::Problem;
use crate::router;

/// Largest tar of files, bytes.
const FILES_BYTES: usize = 64 << 20;
/// Largest description of a version, bytes: 20,000 names.
const DEPLOY_BYTES: usize = 8 << 20;

/// Takes files of a site, to be named by a version. What no version names in the end is removed.
#[utoipa::path(
    put, path = "/v1/projects/{project}/site/files", tag = "site", operation_id = "put_site_files",
    params(("project" = String, Path, description = "The project's name")),
    request_body(content = Vec<u8>, content_type = "application/x-tar",
        description = "A tar of at most 64 MiB; the names in it do not matter"),
    security(("token" = [])),
    responses((status = 200, body = SiteReceived, description = "Stored"), Errors, BodyErrors),
)]
pub(super) async fn put_files(
    State(state): State<ControlState>,
    caller: Caller,
    Path(project): Path<String>,
    request: Request,
) -> Result<Json<SiteReceived>, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    let place = state.uploads.begin(project.id).map_err(|NoPlace| too_many())?;
    let tar = body::read(request, FILES_BYTES).await?;
    let work = |changes: SharedChanges| async move {
        let _place = place;
        changes.receive_site_files(&project, tar).await
    };
    state.change(work).await.map(Json)
}

/// Publishes a version of the site. Files that the server does not have are named by `missing_files`: send them, then ask
/// again. Answers when it is served everywhere.
#[utoipa::path(
    post, path = "/v1/projects/{project}/site", tag = "site", operation_id = "deploy_site",
    params(("project" = String, Path, description = "The project's name")),
    request_body = SiteDeploy, security(("token" = [])),
    responses((status = 200, body = SiteReport, description = "Live"), Errors, BodyErrors),
)]
pub(super) async fn deploy(
    State(state): State<ControlState>,
    caller: Caller,
    Path(project): Path<String>,
    request: Request,
) -> Result<Json<SiteReport>, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    let place = state.uploads.begin(project.id).map_err(|NoPlace| too_many())?;
    let deploy: SiteDeploy = body::parse(&body::read_json(request, DEPLOY_BYTES).await?)?;
    let work = |changes: SharedChanges| async move {
        let _place = place;
        changes.deploy_site(&project, deploy, &caller.actor).await
    };
    state.change(work).await.map(Json)
}

/// The site of a project with its kept versions.
#[utoipa::path(
    get, path = "/v1/projects/{project}/site", tag = "site", operation_id = "show_site",
    params(("project" = String, Path, description = "The project's name")), security(("token" = [])),
    responses((status = 200, body = SiteView, description = "The site"), Errors),
)]
pub(super) async fn show(
    State(state): State<ControlState>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<Json<SiteView>, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    view(&state, &project).await.map(Json)
}

/// Serves an earlier version again. Answers when it is served everywhere.
#[utoipa::path(
    post, path = "/v1/projects/{project}/site/rollback", tag = "site", operation_id = "rollback_site",
    params(("project" = String, Path, description = "The project's name")),
    request_body = Option<RollbackRequest>, security(("token" = [])),
    responses((status = 200, body = SiteView, description = "Live"), Errors, BodyErrors),
)]
pub(super) async fn rollback(
    State(state): State<ControlState>,
    caller: Caller,
    Path(project): Path<String>,
    OptionalJson(request): OptionalJson<RollbackRequest>,
) -> Result<Json<SiteView>, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    let changed = project.clone();
    let work = |changes: SharedChanges| async move {
        changes.roll_site_back(&changed, request.to, &caller.actor).await
    };
    state.change(work).await?;
    view(&state, &project).await.map(Json)
}

/// Deletes the site of a project with all its versions.
#[utoipa::path(
    delete, path = "/v1/projects/{project}/site", tag = "site", operation_id = "delete_site",
    params(("project" = String, Path, description = "The project's name")), security(("token" = [])),
    responses((status = 204, description = "It is gone"), Errors),
)]
pub(super) async fn delete(
    State(state): State<ControlState>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<StatusCode, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    let work = |changes: SharedChanges| async move { changes.delete_site(&project, &caller.actor).await };
    state.change(work).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn view(state: &ControlState, project: &store::catalog::Project) -> Result<SiteView, Problem> {
    let versions = state.parts.sites.versions(project.id).await?;
    let active = versions.iter().find(|version| version.active).ok_or_else(|| Problem::not_found("site"))?;
    let (domain, port) = (state.parts.domain.as_deref(), state.parts.data_plane.port());
    let previews = active.spec.previews;
    let view = |version: &SiteVersion| SiteVersionView {
        number: version.number,
        active: version.active,
        url: previews.then(|| router::preview_url(domain, port, &project.name, version.number)),
        files: version.spec.files.len(),
        bytes: version.spec.bytes(),
        created_ms: version.created_ms,
        created_by: version.created_by.clone(),
    };
    Ok(SiteView {
        version: active.number,
        url: router::site_url(domain, port, &project.name),
        versions: versions.iter().map(view).collect(),
    })
}
