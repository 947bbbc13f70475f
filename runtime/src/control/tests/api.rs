//! The API as a whole: its description, its guards, its listener.

use super::*;

/// Every method and path, in order.
const PATHS: &str = "\
    DELETE /v1/projects/{project}\n\
    DELETE /v1/projects/{project}/buckets/{bucket}/objects/{key}\n\
    DELETE /v1/projects/{project}/functions/{function}\n\
    DELETE /v1/projects/{project}/secrets/{name}\n\
    DELETE /v1/projects/{project}/site\n\
    DELETE /v1/projects/{project}/tokens/{prefix}\n\
    DELETE /v1/projects/{project}/users/{user}\n\
    DELETE /v1/projects/{project}/users/{user}/identities/{provider}/{subject}\n\
    DELETE /v1/projects/{project}/users/{user}/sessions\n\
    DELETE /v1/tokens/{prefix}\n\
    GET /health\n\
    GET /metrics\n\
    GET /v1/audit\n\
    GET /v1/projects\n\
    GET /v1/projects/{project}/audit\n\
    GET /v1/projects/{project}/buckets\n\
    GET /v1/projects/{project}/buckets/{bucket}/objects\n\
    GET /v1/projects/{project}/buckets/{bucket}/objects/{key}\n\
    GET /v1/projects/{project}/collections\n\
    GET /v1/projects/{project}/collections/{collection}/documents/{id}\n\
    GET /v1/projects/{project}/cron\n\
    GET /v1/projects/{project}/functions\n\
    GET /v1/projects/{project}/functions/{function}\n\
    GET /v1/projects/{project}/functions/{function}/invocations\n\
    GET /v1/projects/{project}/functions/{function}/jobs\n\
    GET /v1/projects/{project}/functions/{function}/logs\n\
    GET /v1/projects/{project}/functions/{function}/revisions\n\
    GET /v1/projects/{project}/jobs/{job}\n\
    GET /v1/projects/{project}/queues\n\
    GET /v1/projects/{project}/queues/{queue}/messages\n\
    GET /v1/projects/{project}/secrets\n\
    GET /v1/projects/{project}/site\n\
    GET /v1/projects/{project}/tokens\n\
    GET /v1/projects/{project}/users\n\
    GET /v1/projects/{project}/users/{user}\n\
    GET /v1/tokens\n\
    GET /v1/whoami\n\
    PATCH /v1/projects/{project}/users/{user}\n\
    POST /v1/backup\n\
    POST /v1/projects\n\
    POST /v1/projects/{project}/collections/{collection}/count\n\
    POST /v1/projects/{project}/collections/{collection}/delete\n\
    POST /v1/projects/{project}/collections/{collection}/documents\n\
    POST /v1/projects/{project}/collections/{collection}/find\n\
    POST /v1/projects/{project}/collections/{collection}/update\n\
    POST /v1/projects/{project}/cron/{schedule}/pause\n\
    POST /v1/projects/{project}/cron/{schedule}/resume\n\
    POST /v1/projects/{project}/cron/{schedule}/run\n\
    POST /v1/projects/{project}/functions/{function}/deploy\n\
    POST /v1/projects/{project}/functions/{function}/invoke\n\
    POST /v1/projects/{project}/functions/{function}/rollback\n\
    POST /v1/projects/{project}/jobs/{job}/redrive\n\
    POST /v1/projects/{project}/queues/{queue}/batch\n\
    POST /v1/projects/{project}/queues/{queue}/messages\n\
    POST /v1/projects/{project}/queues/{queue}/purge\n\
    POST /v1/projects/{project}/queues/{queue}/redrive\n\
    POST /v1/projects/{project}/resources\n\
    POST /v1/projects/{project}/site\n\
    POST /v1/projects/{project}/site/rollback\n\
    POST /v1/projects/{project}/tokens\n\
    POST /v1/projects/{project}/users\n\
    POST /v1/tokens\n\
    PUT /v1/projects/{project}/buckets/{bucket}\n\
    PUT /v1/projects/{project}/buckets/{bucket}/objects/{key}\n\
    PUT /v1/projects/{project}/collections/{collection}\n\
    PUT /v1/projects/{project}/secrets/{name}\n\
    PUT /v1/projects/{project}/site/files";

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
    assert_eq!(listed.join("\n"), PATHS);
    assert_eq!(api["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    for schema in [
        "ErrorBody",
        "DeployReport",
        "DeployFlags",
        "LogLine",
        "InvocationRecord",
        "FunctionDetail",
        "ScheduleView",
        "NewMessage",
        "FindRequest",
        "Index",
        "JobView",
    ] {
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
