//! What a project has, declared by a manifest without a function.

use axum::Json;
use axum::extract::{Request, State};
use store::catalog::Scope;

use super::auth::Caller;
use super::body::{self, Path};
use super::deploy::too_many;
use super::error::{BodyErrors, Errors};
use super::wire::{ResourcesDeploy, ResourcesReport};
use super::{ControlState, SharedChanges};
use crate::places::NoPlace;
use crate::problem::Problem;

/// Largest body, bytes: a manifest of 256 KiB, escaped.
const DECLARED_BYTES: usize = 1 << 20;

/// Declares what the manifest says the project has: how people sign in, collections with rules and indexes, buckets,
/// channels, namespaces, queues. It is what the deploy of a function does before it, for projects without one. What the manifest does not
/// name stays; without `[auth]` nobody can sign in.
#[utoipa::path(
    post, path = "/v1/projects/{project}/resources", tag = "resources", operation_id = "declare_resources",
    params(("project" = String, Path, description = "The project's name")),
    request_body = ResourcesDeploy, security(("token" = [])),
    responses((status = 200, body = ResourcesReport, description = "All of it exists"), Errors, BodyErrors),
)]
pub(super) async fn declare(
    State(state): State<ControlState>,
    caller: Caller,
    Path(project): Path<String>,
    request: Request,
) -> Result<Json<ResourcesReport>, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    let place = state.uploads.begin(project.id).map_err(|NoPlace| too_many())?;
    let deploy: ResourcesDeploy = body::parse(&body::read_json(request, DECLARED_BYTES).await?)?;
    let work = |changes: SharedChanges| async move {
        let _place = place;
        changes.declare_resources(&project, &deploy.manifest, &caller.actor).await
    };
    state.change(work).await.map(Json)
}
