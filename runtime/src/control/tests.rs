//! Tests of the control API against a real catalog, with a registry that only writes the catalog.

use std::sync::Mutex;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use store::catalog::{Bindings, Digest, GuestKind, NewRevision, Published, RevisionSpec};
use store::{KeySource, Store};
use tower_service::Service;
use uuid::Uuid;

use super::wire::*;
use super::*;
use crate::registry::{Settings, Upload};
use crate::telemetry::TelemetryOptions;
use store::catalog;

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

#[async_trait]
impl Changes for CatalogOnly {
    async fn deploy(
        &self,
        project: &catalog::Project,
        name: &str,
        upload: Upload,
        actor: &str,
    ) -> Result<DeployReport, Problem> {
        let digest = Digest(format!("{:064x}", upload.component.len()));
        let spec = RevisionSpec {
            digest: digest.clone(),
            wasm: digest.clone(),
            wasm_bytes: upload.component.len() as u64,
            assets: None,
            kind: GuestKind::Http02,
            exports: vec![store::catalog::Export::Http],
            jobs: store::catalog::JobLimits::default(),
            env: Default::default(),
            limits: Default::default(),
            reuse: 1,
            on_disconnect: Default::default(),
        };
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
            kind: "http02".to_owned(),
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
        let key = KeySource::Text("a master key for tests, long enough to be taken".to_owned());
        let store = Arc::new(store::open(store::Config { data: folder.path().join("data"), key }).unwrap());
        let logs = store.data.logs().try_clone().unwrap();
        let options = TelemetryOptions::new(logs, Arc::clone(&store.totals), Clock::system());
        // The writer ends with the last sender: no test here needs its last flush.
        let (telemetry, _guard) = Telemetry::start(options).unwrap();
        let changes = Arc::new(CatalogOnly { store: Arc::clone(&store), uploads: Mutex::default() });
        let state = ControlState::new(ControlParts {
            projects: Arc::clone(&store.projects),
            tokens: Arc::clone(&store.tokens),
            functions: Arc::clone(&store.functions),
            secrets: Arc::clone(&store.secrets),
            audit: Arc::clone(&store.audit),
            changes: Arc::clone(&changes) as Arc<dyn Changes>,
            telemetry,
            clock: Clock::system(),
            admin: AdminToken::new(ADMIN).unwrap(),
            data_plane,
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

#[test]
fn the_description_lists_every_path() {
    let api = serde_json::to_value(openapi()).unwrap();
    let mut listed = Vec::new();
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            listed.push(format!("{} {path}", method.to_uppercase()));
            let open = operation.get("security").is_none();
            assert_eq!(open, ["/health", "/metrics"].contains(&path.as_str()), "{method} {path}");
            let errors =
                operation["responses"].as_object().unwrap().keys().filter(|s| s.starts_with('4')).count();
            assert!(open || errors >= 4, "{method} {path} describes its errors");
        }
    }
    listed.sort();
    let golden = "\
        DELETE /v1/projects/{project}\n\
        DELETE /v1/projects/{project}/functions/{function}\n\
        DELETE /v1/projects/{project}/secrets/{name}\n\
        DELETE /v1/projects/{project}/tokens/{prefix}\n\
        DELETE /v1/tokens/{prefix}\n\
        GET /health\n\
        GET /metrics\n\
        GET /v1/audit\n\
        GET /v1/projects\n\
        GET /v1/projects/{project}/audit\n\
        GET /v1/projects/{project}/functions\n\
        GET /v1/projects/{project}/functions/{function}\n\
        GET /v1/projects/{project}/functions/{function}/invocations\n\
        GET /v1/projects/{project}/functions/{function}/logs\n\
        GET /v1/projects/{project}/functions/{function}/revisions\n\
        GET /v1/projects/{project}/secrets\n\
        GET /v1/projects/{project}/tokens\n\
        GET /v1/tokens\n\
        GET /v1/whoami\n\
        POST /v1/projects\n\
        POST /v1/projects/{project}/functions/{function}/deploy\n\
        POST /v1/projects/{project}/functions/{function}/invoke\n\
        POST /v1/projects/{project}/functions/{function}/rollback\n\
        POST /v1/projects/{project}/tokens\n\
        POST /v1/tokens\n\
        PUT /v1/projects/{project}/secrets/{name}";
    assert_eq!(listed.join("\n"), golden);
    assert_eq!(api["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    for schema in
        ["ErrorBody", "DeployReport", "DeployFlags", "LogLine", "InvocationRecord", "FunctionDetail"]
    {
        assert!(api["components"]["schemas"][schema].is_object(), "{schema}");
    }
}

#[tokio::test]
async fn open_paths_and_wrong_ones() {
    let bench = Bench::new();
    assert_eq!(bench.get("", "/health").await, (200, json!({ "status": "ok" })));
    let (status, api) = bench.get("", "/openapi.json").await;
    assert_eq!((status, api["info"]["title"].as_str()), (200, Some("Ostro control API")));
    let metrics = bench.send(request("", "GET", "/metrics")).await;
    assert_eq!(metrics.status(), 200);
    assert_eq!(metrics.headers()[header::CONTENT_TYPE], crate::telemetry::METRICS_CONTENT_TYPE);
    assert_eq!(code(&bench.get(ADMIN, "/v2").await), (404, "not_found"));
    assert_eq!(code(&bench.get(ADMIN, "/v1/projects/%ff/functions").await), (404, "not_found"));
    assert_eq!(code(&bench.call(ADMIN, "PATCH", "/v1/projects", None).await), (405, "method"));
    assert_eq!(code(&bench.call(ADMIN, "POST", "/v1/projects", None).await), (415, "content_type"));
    assert_eq!(
        code(&bench.call(ADMIN, "POST", "/v1/projects", Some(json!({ "nam": 1 }))).await),
        (400, "bad_json")
    );
    assert_eq!(code(&bench.get(ADMIN, "/v1/audit?limit=x").await), (400, "bad_query"));
    let huge = json!({ "name": "x".repeat(body::JSON_BYTES) });
    assert_eq!(code(&bench.call(ADMIN, "POST", "/v1/projects", Some(huge)).await), (413, "too_large"));
}

#[tokio::test]
async fn f6_browsers_and_foreign_names_are_refused_everywhere() {
    let bench = Bench::new();
    for path in ["/health", "/v1/projects", "/nothing"] {
        let mut from_page = request(ADMIN, "GET", path);
        from_page.headers_mut().insert(header::ORIGIN, "http://127.0.0.1:8701".parse().unwrap());
        assert_eq!(code(&read(bench.send(from_page).await).await), (403, "origin"));
        let mut rebound = request(ADMIN, "GET", path);
        rebound.headers_mut().insert(header::HOST, "evil.example".parse().unwrap());
        assert_eq!(code(&read(bench.send(rebound).await).await), (421, "host"));
        let mut encoded = request(ADMIN, "GET", path);
        encoded.headers_mut().insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
        assert_eq!(code(&read(bench.send(encoded).await).await), (415, "encoding"));
    }
    let preflight = request("", "OPTIONS", "/v1/projects");
    let answer = bench.send(preflight).await;
    assert_eq!(answer.status(), 405);
    assert!(answer.headers().keys().all(|name| !name.as_str().starts_with("access-control")));
}

#[tokio::test]
async fn f5_tokens_live_and_die() {
    let bench = Bench::new();
    for wrong in ["", "x", "ostro_admin000_wrong", "ostro_unknown1_x"] {
        let answer = bench.get(wrong, "/v1/whoami").await;
        assert_eq!(code(&answer), (401, "unauthenticated"), "{wrong}");
        assert_eq!(answer, bench.get("ostro_abcdefgh_x", "/v1/whoami").await, "one answer for all");
    }
    let (_, admin) = bench.get(ADMIN, "/v1/whoami").await;
    assert_eq!((&admin["actor"], &admin["project"]), (&json!("admin"), &Value::Null));
    bench.project("shop").await;
    let token = bench.token("/projects/shop", &["read", "deploy", "read"]).await;
    let prefix = token.split('_').nth(1).unwrap().to_owned();
    let (_, who) = bench.get(&token, "/v1/whoami").await;
    assert_eq!(who["project"], "shop");
    assert_eq!(
        (&who["actor"], &who["scopes"]),
        (&json!(format!("token:{prefix}")), &json!(["deploy", "read"]))
    );
    let (_, list) = bench.get(ADMIN, "/v1/projects/shop/tokens").await;
    assert_eq!(list["tokens"][0]["prefix"], *prefix);
    assert!(!list.to_string().contains(token.rsplit('_').next().unwrap()), "the secret part is shown once");
    let wrong_secret = format!("ostro_{prefix}_x");
    assert_eq!(bench.get(&wrong_secret, "/v1/whoami").await.0, 401);
    let path = format!("/v1/projects/shop/tokens/{prefix}");
    assert_eq!(
        bench.call(ADMIN, "DELETE", &format!("/v1/tokens/{prefix}"), None).await.0,
        404,
        "not a server token"
    );
    assert_eq!(bench.call(ADMIN, "DELETE", &path, None).await.0, 204);
    assert_eq!(bench.get(&token, "/v1/whoami").await.0, 401);
    assert_eq!(bench.call(ADMIN, "DELETE", &path, None).await.0, 404);
}

/// What a request of the table needs.
const SHOP: &str = "/v1/projects/shop";
const TABLE: &[(&str, &str, &str, &str)] = &[
    ("GET", "/functions", "read", ""),
    ("GET", "/functions/cart", "read", ""),
    ("GET", "/functions/cart/revisions", "read", ""),
    ("GET", "/functions/cart/invocations", "read", ""),
    ("GET", "/functions/cart/logs", "read", ""),
    ("GET", "/secrets", "read", ""),
    ("GET", "/tokens", "admin", ""),
    ("GET", "/audit", "read", ""),
    ("PUT", "/secrets/KEY", "deploy", r#"{"value":"v"}"#),
    ("DELETE", "/secrets/KEY", "deploy", ""),
    ("POST", "/functions/cart/rollback", "deploy", r#"{"to":1}"#),
    ("POST", "/functions/cart/deploy", "deploy", ""),
    ("POST", "/functions/cart/invoke", "invoke", ""),
    ("POST", "/tokens", "admin", r#"{"label":"l","scopes":["read"]}"#),
    ("DELETE", "/functions/cart", "deploy", ""),
];

#[tokio::test]
async fn f8_c7_every_resource_by_every_caller() {
    let bench = Bench::new();
    bench.project("shop").await;
    bench.project("other").await;
    let wasm: Part<'_> = ("component", b"wasm");
    bench.deploy(ADMIN, &format!("{SHOP}/functions/cart/deploy"), &[("flags", b"{}"), wasm]).await;
    let scopes = ["read", "deploy", "invoke", "admin"];
    for (method, path, need, body) in TABLE {
        let call = async |token: &str, project: &str| {
            let body = (!body.is_empty()).then(|| serde_json::from_str(body).unwrap());
            bench.call(token, method, &format!("/v1/projects/{project}{path}"), body).await
        };
        assert_eq!(code(&call("", "shop").await), (401, "unauthenticated"), "{method} {path}");
        for scope in scopes {
            let row = format!("{method} {path} with {scope}");
            let foreign = bench.token("/projects/other", &[scope]).await;
            let hidden = call(&foreign, "shop").await;
            assert_eq!(code(&hidden), (404, "not_found"), "{row}");
            assert_eq!(hidden, call(&foreign, "no-such-project").await, "{row}: the very same answer");
            if scope != *need && scope != "admin" {
                let own = bench.token("/projects/shop", &[scope]).await;
                assert_eq!(code(&call(&own, "shop").await), (403, "forbidden"), "{row}");
            }
        }
        let own = bench.token("/projects/shop", &[need]).await;
        let (status, answer) = call(&own, "shop").await;
        let expected: &[u16] = match *path {
            "/functions/cart/deploy" => &[415],      // not multipart, but let in
            "/functions/cart/invoke" => &[502, 200], // nobody listens, but let in
            _ => &[200, 201, 204],
        };
        assert!(expected.contains(&status), "{method} {path}: {status} {answer}");
    }
}

#[tokio::test]
async fn projects_and_server_tokens_need_a_server_admin() {
    let bench = Bench::new();
    bench.project("shop").await;
    bench.project("other").await;
    let own = bench.token("/projects/shop", &["admin"]).await;
    let reader = bench.token("", &["read"]).await;
    let (_, seen) = bench.get(&own, "/v1/projects").await;
    assert_eq!(seen["projects"].as_array().unwrap().len(), 1, "{seen}");
    assert_eq!(seen["projects"][0]["name"], "shop");
    assert!(bench.get(&reader, "/v1/projects").await.1["projects"].as_array().unwrap().len() >= 2);
    for token in [&own, &reader] {
        let new = json!({ "name": "new" });
        assert_eq!(bench.call(token, "POST", "/v1/projects", Some(new)).await.0, 403);
        assert_eq!(bench.call(token, "DELETE", SHOP, None).await.0, 403);
        let new = json!({ "label": "l", "scopes": ["admin"] });
        assert_eq!(bench.call(token, "POST", "/v1/tokens", Some(new)).await.0, 403);
    }
    assert_eq!(bench.get(&own, "/v1/tokens").await.0, 403);
    assert_eq!(bench.get(&own, "/v1/audit").await.0, 403);
    assert_eq!(bench.get(&reader, "/v1/audit").await.0, 200);
    assert_eq!(code(&bench.call(&own, "DELETE", "/v1/projects/other", None).await), (404, "not_found"));
    assert_eq!(
        code(&bench.call(ADMIN, "POST", "/v1/projects", Some(json!({ "name": "shop" }))).await).0,
        409
    );
    assert_eq!(bench.call(ADMIN, "DELETE", SHOP, None).await.0, 204);
    assert_eq!(bench.get(ADMIN, &format!("{SHOP}/functions")).await.0, 404);
    assert_eq!(bench.get(&own, "/v1/whoami").await.0, 401, "its tokens are gone with it");
    let (_, audit) = bench.get(ADMIN, "/v1/audit?limit=1000").await;
    assert!(audit["audit"].as_array().unwrap().iter().any(|row| row["subject"] == "shop"), "{audit}");
}

#[tokio::test]
async fn a_function_from_deploy_to_delete() {
    let bench = Bench::new();
    bench.project("shop").await;
    let cart = format!("{SHOP}/functions/cart");
    let deploy = format!("{cart}/deploy");
    let flags = br#"{"grants":["secret:KEY"],"limits":{"memory":"64MiB","concurrency":5}}"#;
    let (status, report) = bench.deploy(ADMIN, &deploy, &[("flags", flags), ("component", b"one")]).await;
    assert_eq!((status, &report["outcome"], &report["revision"]), (200, &json!("created"), &json!(1)));
    let parts: [Part<'_>; 3] = [("manifest", b"manifest = 1"), ("component", b"second"), ("assets", b"tar")];
    assert_eq!(bench.deploy(ADMIN, &deploy, &parts).await.1["revision"], 2);
    {
        let uploads = bench.changes.uploads.lock().unwrap();
        let Settings::Flags(flags) = &uploads[0].settings else { panic!("flags") };
        let limits = flags.limits.clone().unwrap();
        assert_eq!(limits.memory, Some(Quantity::Text("64MiB".to_owned())));
        assert_eq!((limits.concurrency, limits.cpu), (Some(Quantity::Number(5)), None));
        assert!(matches!(&uploads[1].settings, Settings::Manifest(text) if text == "manifest = 1"));
        assert_eq!(
            (&uploads[1].component[..], uploads[1].assets.as_deref()),
            (&b"second"[..], Some(&b"tar"[..]))
        );
    }
    let (_, shown) = bench.get(ADMIN, &cart).await;
    let shown: FunctionDetail = serde_json::from_value(shown).unwrap();
    assert_eq!((shown.function.revision, shown.wasm_bytes), (2, 6));
    assert_eq!(shown.function.urls, ["http://cart--shop.localhost:8700/"]);
    let (_, list) = bench.get(ADMIN, &format!("{SHOP}/functions")).await;
    assert_eq!(serde_json::from_value::<FunctionList>(list).unwrap().functions, [shown.function]);
    let (status, back) = bench.call(ADMIN, "POST", &format!("{cart}/rollback"), None).await;
    assert_eq!((status, &back["revision"], &back["previous"]), (200, &json!(1), &json!(2)));
    let (_, revisions) = bench.get(ADMIN, &format!("{cart}/revisions")).await;
    let revisions: RevisionList = serde_json::from_value(revisions).unwrap();
    let active: Vec<_> =
        revisions.revisions.iter().map(|revision| (revision.number, revision.active)).collect();
    assert_eq!(active, [(2, false), (1, true)]);
    assert_eq!(bench.call(ADMIN, "DELETE", &cart, None).await.0, 204);
    assert_eq!(code(&bench.get(ADMIN, &cart).await), (404, "not_found"));
}

#[tokio::test]
async fn uploads_out_of_order_or_too_large_are_refused() {
    let bench = Bench::new();
    bench.project("shop").await;
    let path = format!("{SHOP}/functions/cart/deploy");
    let large = vec![0; (256 << 10) + 1];
    let wasm: Part<'_> = ("component", b"wasm");
    let rows: [(&[Part<'_>], (u16, &str)); 8] = [
        (&[], (400, "bad_upload")),
        (&[wasm], (400, "bad_upload")),
        (&[("flags", b"{}")], (400, "bad_upload")),
        (&[wasm, ("flags", b"{}")], (400, "bad_upload")),
        (&[("flags", b"{}"), wasm, ("more", b"")], (400, "bad_upload")),
        (&[("flags", b"{\"memory\":1}"), wasm], (400, "bad_json")),
        (&[("manifest", b"\xff"), wasm], (400, "bad_request")),
        (&[("manifest", &large), wasm], (413, "too_large")),
    ];
    for (parts, expected) in rows {
        let answer = bench.deploy(ADMIN, &path, parts).await;
        assert_eq!(code(&answer), expected, "{}", answer.1);
    }
    let component = vec![0; (64 << 20) + 1];
    let parts: [Part<'_>; 2] = [("flags", b"{}"), ("component", &component)];
    assert_eq!(code(&bench.deploy(ADMIN, &path, &parts).await), (413, "too_large"));
    let parts: [Part<'_>; 2] = [("flags", b"{}"), ("component", &component[1..])];
    assert_eq!(bench.deploy(ADMIN, &path, &parts).await.0, 200, "exactly 64 MiB");
    let mut torn = request(ADMIN, "POST", &path);
    torn.headers_mut().insert(header::CONTENT_TYPE, "multipart/form-data; boundary=X".parse().unwrap());
    *torn.body_mut() = Body::from("--X\r\nContent-Disposition: form-data; name=\"flags\"\r\n\r\n{");
    assert_eq!(read(bench.send(torn).await).await.0, 400);
    assert_eq!(bench.changes.uploads.lock().unwrap().len(), 1, "nothing else got through");
}

#[tokio::test]
async fn secrets_are_set_and_never_shown() {
    let bench = Bench::new();
    bench.project("shop").await;
    let path = format!("{SHOP}/secrets/KEY");
    let set = async |value: &str| bench.call(ADMIN, "PUT", &path, Some(json!({ "value": value }))).await.0;
    assert_eq!(set("").await, 422);
    assert_eq!(set(&"x".repeat(64 << 10)).await, 204);
    assert_eq!(set(&"x".repeat((64 << 10) + 1)).await, 422);
    assert_eq!(set("canary").await, 204);
    let (_, list) = bench.get(ADMIN, &format!("{SHOP}/secrets")).await;
    assert_eq!(list["secrets"][0]["name"], "KEY");
    assert!(!list.to_string().contains("canary"));
    assert_eq!(bench.call(ADMIN, "DELETE", &path, None).await.0, 204);
    assert_eq!(bench.call(ADMIN, "DELETE", &path, None).await.0, 404);
}

fn line(function: store::catalog::FunctionId, message: &str) -> LogLine {
    LogLine {
        at_ms: 5,
        function,
        revision: 1,
        invocation: Uuid::nil(),
        stream: LogStream::Stdout,
        level: "info".to_owned(),
        message: message.to_owned(),
    }
}

#[tokio::test]
async fn logs_are_read_and_followed_until_the_server_stops() {
    let bench = Bench::new();
    bench.project("shop").await;
    let cart = format!("{SHOP}/functions/cart");
    bench.deploy(ADMIN, &format!("{cart}/deploy"), &[("flags", b"{}"), ("component", b"x")]).await;
    let (_, shown) = bench.get(ADMIN, &cart).await;
    let id = store::catalog::FunctionId(serde_json::from_value(shown["id"].clone()).unwrap());
    let telemetry = &bench.state.parts.telemetry;
    telemetry.log(line(id, "first"));
    let (_, lines) = bench.get(ADMIN, &format!("{cart}/logs?since_ms=5&limit=10")).await;
    assert_eq!(serde_json::from_value::<LogList>(lines).unwrap().lines, [line(id, "first")]);
    assert_eq!(bench.get(ADMIN, &format!("{cart}/logs?since_ms=6")).await.1, json!({ "lines": [] }));

    let answer = bench.send(request(ADMIN, "GET", &format!("{cart}/logs?follow=true"))).await;
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/x-ndjson");
    let mut body = answer.into_body();
    telemetry.log(line(id, "second\nforged"));
    for expected in ["first", "second\nforged"] {
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(frame.iter().filter(|byte| **byte == b'\n').count(), 1, "one line of JSON");
        assert_eq!(serde_json::from_slice::<LogLine>(&frame).unwrap().message, expected);
    }
    bench.state.stopping.send_replace(true);
    assert!(body.frame().await.is_none(), "the stream ends with the server");
}

#[tokio::test]
async fn invoke_passes_status_type_and_body_of_the_data_plane() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let data_plane = Router::new().fallback(|request: Request<Body>| async move {
        let (parts, body) = request.into_parts();
        let text = |name| parts.headers.get(name).map_or("none", |value| value.to_str().unwrap());
        let (host, token) = (text(header::HOST), text(header::AUTHORIZATION));
        let seen = format!("{} {} host={host} token={token}", parts.method, parts.uri);
        let body = body.collect().await.unwrap().to_bytes();
        let headers =
            [("content-type", "text/x-test"), ("ostro-invocation", "some-id"), ("set-cookie", "a=b")];
        (StatusCode::IM_A_TEAPOT, headers, format!("{seen} body={}", String::from_utf8_lossy(&body)))
    });
    tokio::spawn(async move { axum::serve(listener, data_plane).await });
    let bench = Bench::with_data_plane(address);
    bench.project("shop").await;
    let cart = format!("{SHOP}/functions/cart");
    bench.deploy(ADMIN, &format!("{cart}/deploy"), &[("flags", b"{}"), ("component", b"x")]).await;
    let mut call = request(ADMIN, "POST", &format!("{cart}/invoke?method=PUT&path=/a%3Fb=c"));
    *call.body_mut() = Body::from("data");
    let answer = bench.send(call).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()[STATUS_HEADER], "418");
    assert_eq!(answer.headers()[INVOCATION_HEADER], "some-id");
    assert_eq!(answer.headers()["content-type"], "text/x-test");
    assert!(!answer.headers().contains_key("set-cookie"));
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let host = format!("cart--shop.localhost:{}", address.port());
    assert_eq!(body, format!("PUT /a?b=c host={host} token=none body=data"));
    assert_eq!(bench.call(ADMIN, "POST", &format!("{SHOP}/functions/none/invoke"), None).await.0, 404);
}

#[tokio::test]
async fn the_listener_answers_and_stops_in_order() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let bench = Bench::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async { stopped.await.unwrap() };
    let server = tokio::spawn(serve(listener, bench.state.clone(), shutdown));
    let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 1_000];
    let count = client.read(&mut answer).await.unwrap();
    let text = String::from_utf8_lossy(&answer[..count]).into_owned();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.contains("cache-control: no-store") && text.contains("nosniff"), "{text}");
    stop.send(()).unwrap();
    server.await.unwrap();
    assert_eq!(client.read(&mut answer).await.unwrap(), 0, "an idle connection is closed");
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens any more");
}
