//! Tests of the control API against a real store, with a registry that only writes the catalog.

mod api;
mod callers;
mod cron;
mod documents;
mod functions;
mod jobs;
mod queues;
mod tokens;

use std::sync::Mutex;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use store::Store;
use store::catalog::{Bindings, Digest, GuestKind, NewRevision, Published, RevisionSpec};
use tower_service::Service;
use uuid::Uuid;

use super::wire::*;
use super::*;
use crate::registry::{Settings, Upload};
use crate::telemetry::TelemetryOptions;
use crate::test_store::test_store;
use store::catalog;

/// The project of most tests.
const SHOP: &str = "/v1/projects/shop";
const ADMIN: &str = "ostro_admin000_the-servers-own-secret";

/// Name and content of a part of an upload.
type Part<'a> = (&'a str, &'a [u8]);

/// Writes the catalog and keeps what was uploaded.
struct CatalogOnly {
    store: Arc<Store>,
    uploads: Mutex<Vec<Upload>>,
}

fn stamp(actor: &str) -> Stamp {
    Stamp { actor: actor.to_owned(), at_ms: 1 }
}

/// A revision with a component of that size.
fn spec(bytes: usize, export: catalog::Export) -> RevisionSpec {
    let digest = Digest(format!("{bytes:064x}"));
    RevisionSpec {
        digest: digest.clone(),
        wasm: digest,
        wasm_bytes: bytes as u64,
        assets: None,
        kind: GuestKind::Http02,
        exports: vec![export],
        jobs: Default::default(),
        env: Default::default(),
        limits: Default::default(),
        args: Vec::new(),
        reuse: 1,
        concurrent: 1,
        on_disconnect: Default::default(),
    }
}

#[async_trait]
impl Changes for CatalogOnly {
    async fn deploy(
        &self,
        project: &catalog::Project,
        name: &str,
        upload: Upload,
        actor: &str,
    ) -> Result<DeployReport, Problem> {
        let spec = spec(upload.component.len(), catalog::Export::Http);
        let digest = spec.digest.clone();
        self.uploads.lock().unwrap().push(upload);
        let new = NewRevision {
            project: project.id,
            name: name.to_owned(),
            spec,
            bindings: Bindings::default(),
            keep: 20,
        };
        let (function, outcome) = match self.store.functions.publish(&new, &stamp(actor)).await? {
            Published::Created(function) => (function, DeployOutcome::Created),
            Published::Unchanged(function) => (function, DeployOutcome::Unchanged),
            Published::Rebound(function) => (function, DeployOutcome::Rebound),
        };
        Ok(DeployReport {
            project: project.name.clone(),
            function: function.name,
            revision: function.active,
            outcome,
            digest: digest.0,
            kind: "http-0.2".to_owned(),
            removed: Vec::new(),
            urls: Vec::new(),
            timing: DeployTiming::default(),
        })
    }

    async fn rollback(
        &self,
        project: &catalog::Project,
        name: &str,
        to: Option<u32>,
        actor: &str,
    ) -> Result<RollbackReport, Problem> {
        let function = self.store.functions.by_name(project.id, name).await?;
        let function = function.ok_or_else(|| Problem::not_found("function"))?;
        let to = to.unwrap_or(function.active - 1);
        self.store.functions.activate(function.id, to, &stamp(actor)).await?;
        Ok(RollbackReport { function: function.name, revision: to, previous: function.active, took_ms: 0 })
    }

    async fn delete_function(
        &self,
        project: &catalog::Project,
        name: &str,
        actor: &str,
    ) -> Result<(), Problem> {
        let function = self.store.functions.by_name(project.id, name).await?.unwrap();
        Ok(self.store.functions.delete(function.id, &stamp(actor)).await?)
    }

    async fn declare_resources(
        &self,
        _: &catalog::Project,
        _: &str,
        _: &str,
    ) -> Result<ResourcesReport, Problem> {
        Err(Problem::not_found("manifest"))
    }

    async fn receive_site_files(&self, _: &catalog::Project, tar: Bytes) -> Result<SiteReceived, Problem> {
        Ok(SiteReceived { files: 0, bytes: tar.len() as u64 })
    }

    async fn deploy_site(
        &self,
        project: &catalog::Project,
        deploy: SiteDeploy,
        actor: &str,
    ) -> Result<SiteReport, Problem> {
        let new = catalog::NewSite { project: project.id, spec: Default::default(), keep: 1 };
        self.store.sites.publish(&new, &stamp(actor)).await?;
        Ok(SiteReport {
            project: project.name.clone(),
            version: 1,
            outcome: SiteOutcome::Created,
            files: deploy.files.len(),
            bytes: 0,
            url: String::new(),
            took_ms: 0,
        })
    }

    async fn roll_site_back(
        &self,
        project: &catalog::Project,
        to: Option<u32>,
        actor: &str,
    ) -> Result<u32, Problem> {
        let to = to.unwrap_or(1);
        self.store.sites.activate(project.id, to, &stamp(actor)).await?;
        Ok(to)
    }

    async fn delete_site(&self, project: &catalog::Project, actor: &str) -> Result<(), Problem> {
        Ok(self.store.sites.delete(project.id, &stamp(actor)).await?)
    }

    async fn create_project(&self, name: &str, actor: &str) -> Result<catalog::Project, Problem> {
        Ok(self.store.projects.create(name, &stamp(actor)).await?)
    }

    async fn delete_project(&self, project: &catalog::Project, actor: &str) -> Result<(), Problem> {
        Ok(self.store.projects.delete(project.id, &stamp(actor)).await?)
    }

    async fn set_secret(
        &self,
        project: &catalog::Project,
        name: &str,
        value: &str,
        actor: &str,
    ) -> Result<(), Problem> {
        Ok(self.store.secrets.set(project.id, name, value.as_bytes(), &stamp(actor)).await?)
    }

    async fn delete_secret(
        &self,
        project: &catalog::Project,
        name: &str,
        actor: &str,
    ) -> Result<(), Problem> {
        Ok(self.store.secrets.delete(project.id, name, &stamp(actor)).await?)
    }
}

/// A control API on a data directory of its own.
struct Bench {
    _folder: tempfile::TempDir,
    state: ControlState,
    changes: Arc<CatalogOnly>,
}

impl Bench {
    fn new() -> Self {
        Self::with_data_plane("127.0.0.1:8700".parse().unwrap())
    }

    fn with_data_plane(data_plane: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let store = test_store(folder.path(), &clock);
        let logs = store.data.logs().try_clone().unwrap();
        let options = TelemetryOptions::new(logs, Arc::clone(&store.totals), clock.clone());
        // The writer ends with the last sender: no test here needs its last flush.
        let (telemetry, _guard) = Telemetry::start(options).unwrap();
        let changes = Arc::new(CatalogOnly { store: Arc::clone(&store), uploads: Mutex::default() });
        let state = ControlState::new(ControlParts {
            projects: Arc::clone(&store.projects),
            tokens: Arc::clone(&store.tokens),
            functions: Arc::clone(&store.functions),
            sites: Arc::clone(&store.sites),
            secrets: Arc::clone(&store.secrets),
            jobs: Arc::clone(&store.jobs),
            queues: Arc::clone(&store.queues),
            documents: Arc::clone(&store.documents),
            data: store.data.clone(),
            buckets: Arc::clone(&store.buckets),
            objects: Arc::clone(&store.objects),
            schedules: Arc::clone(&store.schedules),
            accounts: Arc::clone(&store.accounts),
            directory: Arc::clone(&store.directory),
            mails: Mails::new(&store, None, clock.clone()),
            passwords: Passwords::new().unwrap(),
            audit: Arc::clone(&store.audit),
            changes: Arc::clone(&changes) as Arc<dyn Changes>,
            telemetry,
            clock,
            admin: AdminToken::new(ADMIN).unwrap(),
            data_plane,
            pass: crate::pass::Pass::new().unwrap(),
            domain: None,
            admin_hosts: Vec::new(),
        });
        Self { _folder: folder, state, changes }
    }

    async fn send(&self, request: Request<Body>) -> Response {
        router(&self.state).call(request).await.unwrap()
    }

    /// Status and JSON of an answer.
    async fn call(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = request(token, method, path);
        if let Some(body) = body {
            request.headers_mut().insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
            *request.body_mut() = Body::from(body.to_string());
        }
        read(self.send(request).await).await
    }

    async fn get(&self, token: &str, path: &str) -> (u16, Value) {
        self.call(token, "GET", path, None).await
    }

    async fn project(&self, name: &str) {
        let (status, _) = self.call(ADMIN, "POST", "/v1/projects", Some(json!({ "name": name }))).await;
        assert_eq!(status, 201);
    }

    /// A function with these bindings, past the API.
    async fn publish(
        &self,
        project: catalog::ProjectId,
        name: &str,
        export: catalog::Export,
        bindings: Bindings,
    ) -> catalog::Function {
        let new = NewRevision { project, name: name.to_owned(), spec: spec(1, export), bindings, keep: 20 };
        match self.changes.store.functions.publish(&new, &stamp("test")).await.unwrap() {
            Published::Created(function) | Published::Unchanged(function) | Published::Rebound(function) => {
                function
            }
        }
    }

    /// The id of a project.
    async fn id(&self, project: &str) -> catalog::ProjectId {
        self.changes.store.projects.by_name(project).await.unwrap().unwrap().id
    }

    /// Actions and subjects of a project's audit trail, newest first.
    async fn audit(&self, project: &str) -> Vec<(String, String)> {
        let (_, audit) = self.get(ADMIN, &format!("/v1/projects/{project}/audit")).await;
        let audit: AuditList = serde_json::from_value(audit).unwrap();
        audit.audit.into_iter().map(|row| (row.action, row.subject)).collect()
    }

    async fn token(&self, place: &str, scopes: &[&str]) -> String {
        let body = json!({ "label": "test", "scopes": scopes });
        let (status, created) = self.call(ADMIN, "POST", &format!("/v1{place}/tokens"), Some(body)).await;
        assert_eq!(status, 201, "{created}");
        created["token"].as_str().unwrap().to_owned()
    }

    async fn deploy(&self, token: &str, path: &str, parts: &[Part<'_>]) -> (u16, Value) {
        let mut body = Vec::new();
        for (name, content) in parts {
            let head = format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--X--\r\n");
        let mut request = request(token, "POST", path);
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, "multipart/form-data; boundary=X".parse().unwrap());
        *request.body_mut() = Body::from(body);
        read(self.send(request).await).await
    }
}

fn request(token: &str, method: &str, path: &str) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
    *request.uri_mut() = path.parse().unwrap();
    request.headers_mut().insert(header::HOST, "127.0.0.1:8701".parse().unwrap());
    if !token.is_empty() {
        request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    }
    request
}

async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let json = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    (status, json)
}

fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["error"]["code"].as_str().unwrap_or("no error"))
}
