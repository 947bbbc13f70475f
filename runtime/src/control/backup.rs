//! Backups: the server writes them into a folder of its own machine, while it runs.

use std::path::Path;

use axum::Json;
use axum::extract::State;
use store::catalog::Scope;
use tokio::task::spawn_blocking;

use super::ControlState;
use super::auth::Caller;
use super::body;
use super::error::{BodyErrors, Errors};
use super::wire::{BackupReport, BackupRequest};
use crate::backup;
use crate::problem::Problem;

/// Lines about what is missing in a backup; its `backup.json` has all of it.
const MAX_LOGGED: usize = 20;

/// Makes a backup, of everything or of one project, in a new folder on the server's machine. Takes a token of the
/// server with `admin`. Answers when the folder is complete. What could not be saved, because it is lost or damaged, is
/// listed as missing: then the backup has all else.
#[utoipa::path(
    post, path = "/v1/backup", tag = "server", operation_id = "backup", security(("token" = [])),
    request_body = BackupRequest,
    responses((status = 200, body = BackupReport, description = "The folder is complete"), Errors, BodyErrors),
)]
pub(super) async fn make(
    State(state): State<ControlState>,
    caller: Caller,
    body::Json(request): body::Json<BackupRequest>,
) -> Result<Json<BackupReport>, Problem> {
    caller.server(Scope::Admin)?;
    if !Path::new(&request.folder).is_absolute() {
        return Err(Problem::new(422, "backup", "the folder is an absolute path on the server's machine"));
    }
    let place = state.backups.clone().try_acquire_owned().map_err(|_| {
        Problem::new(429, "too_many_backups", "a backup is being made").hint("try again when it is done")
    })?;
    let parts = state.parts.clone();
    // It runs to its end, also when nobody waits for it any more.
    let work = spawn_blocking(move || {
        let _place = place;
        let (folder, project) = (Path::new(&request.folder), request.project.as_deref());
        let made = backup::make(&parts.data, folder, project, &parts.clock)?;
        let (files, missing) = (made.files.len(), made.missing.len());
        tracing::info!(folder = %folder.display(), files, missing, actor = %caller.actor, "backup made");
        for missing in made.missing.iter().take(MAX_LOGGED) {
            let backup::Missing { project, what, path, why } = missing;
            tracing::warn!(project, what, path, why, "missing in the backup");
        }
        Ok(BackupReport::of(request.folder, &made))
    });
    work.await.unwrap_or_else(|error| Err(Problem::internal(&error))).map(Json)
}
