//! The control API: what manages projects, functions, tokens and secrets, on a listener of its own.
//!
//! A request passes [`guard`] (host, origin, encodings, slow bodies), then its handler, one resource a
//! file. A handler names the caller and the scope it needs ([`auth`]), reads the catalog, and changes
//! things through [`Changes`] only: route table and pool follow the registry.

mod audit;
mod auth;
mod backup;
mod body;
mod changes;
mod collections;
mod convert;
mod cron;
mod deploy;
mod documents;
mod error;
mod existing;
mod functions;
mod guard;
mod invocations;
mod invoke;
mod jobs;
mod logs;
mod message;
mod objects;
mod projects;
mod queues;
mod resources;
mod revisions;
mod secrets;
mod serve;
mod server;
mod site;
mod tokens;
mod users;
pub mod wire;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use bytes::Bytes;
use store::DataDir;
use store::accounts::{Accounts, Directory};
use store::buckets::{Buckets, Objects};
use store::catalog::{
    Audit, Function, FunctionId, Functions, Project, ProjectId, Projects, Revision, Secrets, Sites, Stamp,
    Tokens,
};
use store::documents::Documents;
use store::jobs::{Enqueued, Jobs, NewJob, Queues, Schedules};
use tokio::sync::{Semaphore, watch};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use auth::AdminToken;
pub use changes::Changes;
pub use serve::serve;

use crate::accounts::mails::Mails;
use crate::accounts::passwords::Passwords;
use crate::clock::Clock;
use crate::pass::Pass;
use crate::places::Places;
use crate::problem::Problem;
use crate::telemetry::Telemetry;
use auth::Caller;

/// What the control API works on.
pub struct ControlParts {
    /// Tenants, to read.
    pub projects: Arc<dyn Projects>,
    /// Tokens: they serve nothing, so this API creates and revokes them itself.
    pub tokens: Arc<dyn Tokens>,
    /// Functions and revisions, to read.
    pub functions: Arc<dyn Functions>,
    /// Static sites, to read.
    pub sites: Arc<dyn Sites>,
    /// Names of secrets, to read.
    pub secrets: Arc<dyn Secrets>,
    /// Where messages, calls and slots are enqueued.
    pub jobs: Arc<dyn Jobs>,
    /// Queues and jobs, to look at and clean up.
    pub queues: Arc<dyn Queues>,
    /// Collections and their documents.
    pub documents: Arc<dyn Documents>,
    /// Which buckets there are.
    pub buckets: Arc<dyn Buckets>,
    /// What is in them.
    pub objects: Arc<dyn Objects>,
    /// Schedules, to look at, pause and resume.
    pub schedules: Arc<dyn Schedules>,
    /// The people who use projects, to change.
    pub accounts: Arc<dyn Accounts>,
    /// The same, to look at.
    pub directory: Arc<dyn Directory>,
    /// Has people written to.
    pub mails: Mails,
    /// Hashes passwords; with the client API, because both take the same processors.
    pub passwords: Passwords,
    /// The data directory, to back it up.
    pub data: DataDir,
    /// The audit trail.
    pub audit: Arc<dyn Audit>,
    /// The registry: whatever changes what is served.
    pub changes: Arc<dyn Changes>,
    /// Records, logs, metrics.
    pub telemetry: Arc<Telemetry>,
    /// Time.
    pub clock: Clock,
    /// The server's own token.
    pub admin: AdminToken,
    /// Where the data plane listens.
    pub data_plane: SocketAddr,
    /// Opens the data plane for calls by name.
    pub pass: Pass,
    /// The server's domain, without a port.
    pub domain: Option<String>,
    /// Names, besides IP addresses and `localhost`, that clients may call this API by.
    pub admin_hosts: Vec<String>,
}

type SharedChanges = Arc<dyn Changes>;

/// [`ControlParts`], shared by all requests.
#[derive(Clone)]
pub struct ControlState {
    parts: Arc<ControlParts>,
    uploads: Places,
    batches: Places,
    lists: Places,
    transfers: Places,
    /// One at a time.
    backups: Arc<Semaphore>,
    /// True once the server stops: endless answers end then.
    stopping: watch::Sender<bool>,
}

impl ControlState {
    /// The state of a control API that has not started yet.
    pub fn new(parts: ControlParts) -> Self {
        Self {
            parts: Arc::new(parts),
            uploads: Places::new(deploy::UPLOADS_PER_PROJECT, deploy::UPLOADS),
            batches: Places::new(queues::BATCHES_PER_PROJECT, queues::BATCHES),
            lists: Places::new(jobs::LISTS_PER_PROJECT, jobs::LISTS),
            transfers: Places::new(objects::TRANSFERS_PER_PROJECT, objects::TRANSFERS),
            backups: Arc::new(Semaphore::new(1)),
            stopping: watch::Sender::new(false),
        }
    }

    fn stamp(&self, actor: &str) -> Stamp {
        Stamp { actor: actor.to_owned(), at_ms: self.parts.clock.now_ms() }
    }

    /// The function of that name, or the same 404 as for a foreign project.
    async fn function(&self, project: &Project, name: &str) -> Result<Function, Problem> {
        let function = self.parts.functions.by_name(project.id, name).await?;
        function.ok_or_else(|| Problem::not_found(&format!("function `{name}`")))
    }

    /// The functions of a project with their active revisions, in no order.
    async fn functions_of(&self, project: &Project) -> Result<Vec<(Function, Revision)>, Problem> {
        let mut functions = self.parts.functions.active().await?;
        functions.retain(|(function, _)| function.project == project.id);
        Ok(functions)
    }

    /// The names of a project's functions.
    async fn names(&self, project: &Project) -> Result<HashMap<FunctionId, String>, Problem> {
        let functions = self.functions_of(project).await?;
        Ok(functions.into_iter().map(|(function, _)| (function.id, function.name)).collect())
    }

    /// Stores one job.
    async fn enqueue(&self, project: ProjectId, job: NewJob) -> Result<Enqueued, Problem> {
        let enqueued = self.parts.jobs.enqueue(project, vec![job]).await?;
        enqueued.into_iter().next().ok_or_else(|| {
            Problem::internal(&std::io::Error::other("the store does not say what it did with a job"))
        })
    }

    /// Does something that the catalog knows nothing of, and records it: what was done and on what comes from
    /// `work`. Runs to its end even when the client goes away meanwhile.
    async fn recorded<T, F>(
        &self,
        caller: &Caller,
        project: &Project,
        action: &'static str,
        work: F,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Future<Output = Result<(T, String), Problem>> + Send + 'static,
    {
        let (parts, project, stamp) = (Arc::clone(&self.parts), project.id, self.stamp(&caller.actor));
        let work = async move {
            let (done, subject) = work.await?;
            parts.audit.record(&stamp, project, action, &subject).await?;
            Ok(done)
        };
        tokio::spawn(work).await.unwrap_or_else(|error| Err(Problem::internal(&error)))
    }

    /// Runs a change to its end, even when the client goes away meanwhile: what is committed must also be
    /// served.
    async fn change<T, F>(&self, work: impl FnOnce(SharedChanges) -> F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Problem>> + Send + 'static,
    {
        let work = work(Arc::clone(&self.parts.changes));
        tokio::spawn(work).await.unwrap_or_else(|error| Err(Problem::internal(&error)))
    }
}

/// Every route of the API, and its description.
fn router(state: &ControlState) -> Router {
    let (router, mut api) = resources().split_for_parts();
    server::describe(&mut api);
    // An API description always becomes JSON; if not, an empty one shows it.
    let openapi = Bytes::from(serde_json::to_vec(&api).unwrap_or_default());
    router
        .route("/openapi.json", axum::routing::get(move || server::openapi(openapi)))
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(axum::middleware::from_fn_with_state(state.clone(), guard::guard))
        .with_state(state.clone())
}

/// The description of the API.
pub fn openapi() -> OpenApi {
    let (_, mut api) = resources().split_for_parts();
    server::describe(&mut api);
    api
}

fn resources() -> OpenApiRouter<ControlState> {
    let upload = OpenApiRouter::new()
        .routes(routes!(deploy::deploy))
        .layer(DefaultBodyLimit::max(deploy::UPLOAD_BYTES));
    OpenApiRouter::new()
        .routes(routes!(server::health))
        .routes(routes!(server::metrics))
        .routes(routes!(server::whoami))
        .routes(routes!(backup::make))
        .routes(routes!(projects::list, projects::create))
        .routes(routes!(projects::delete))
        .routes(routes!(tokens::list_server, tokens::create_server))
        .routes(routes!(tokens::revoke_server))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(functions::list))
        .routes(routes!(functions::show, functions::delete))
        .merge(upload)
        .routes(routes!(revisions::list))
        .routes(routes!(revisions::rollback))
        .routes(routes!(invoke::invoke))
        .routes(routes!(invocations::list))
        .routes(routes!(logs::read))
        .routes(routes!(cron::list))
        .routes(routes!(cron::pause))
        .routes(routes!(cron::resume))
        .routes(routes!(cron::run))
        .routes(routes!(queues::list))
        .routes(routes!(queues::peek, queues::send))
        .routes(routes!(queues::batch))
        .routes(routes!(queues::redrive))
        .routes(routes!(queues::purge))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::show))
        .routes(routes!(jobs::redrive))
        .routes(routes!(collections::list))
        .routes(routes!(collections::declare))
        .routes(routes!(documents::find))
        .routes(routes!(documents::count))
        .routes(routes!(documents::show))
        .routes(routes!(documents::insert))
        .routes(routes!(documents::update))
        .routes(routes!(documents::delete))
        .routes(routes!(objects::buckets))
        .routes(routes!(objects::declare))
        .routes(routes!(objects::list))
        .routes(routes!(objects::get, objects::put, objects::delete))
        .routes(routes!(resources::declare))
        .routes(routes!(site::show, site::deploy, site::delete))
        .routes(routes!(site::put_files))
        .routes(routes!(site::rollback))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::show, users::change_user, users::delete))
        .routes(routes!(users::sign_out))
        .routes(routes!(users::unlink))
        .routes(routes!(secrets::list))
        .routes(routes!(secrets::set, secrets::delete))
        .routes(routes!(audit::list_server))
        .routes(routes!(audit::list))
}

#[cfg(test)]
mod tests;
