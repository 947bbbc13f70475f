//! Components as other tools make them: what runs elsewhere runs here, unchanged.

use serde_json::json;

use crate::support::{Server, example, shared};

#[test]
fn rust_with_wasip2() {
    let server = shared();
    server.deploy("ready-wasip2", &example::component("ready-wasip2"), &json!({}));
    let answer = server.post("ready-wasip2", "/count", vec![7; 1_000_000]);
    assert_eq!((answer.status, answer.text().as_str()), (200, "wasip2 got 1000000 bytes at /count\n"));
}

#[test]
fn rust_with_wasip3_and_http() {
    let server = shared();
    let report = server.deploy("ready-wasip3", &example::component("ready-wasip3"), &json!({}));
    assert_eq!(report["kind"], "http-0.3", "{report}");
    let request = server.request("PUT", "ready-wasip3", "/a/b?c").header("user-agent", "a test");
    let answer = request.send(server.listen).expect_status(200);
    assert_eq!(answer.text(), "wasip3 got PUT /a/b from a test\n");
    assert_eq!(answer.header("content-type"), Some("text/plain"));
}

#[test]
fn rust_with_wstd() {
    let server = shared();
    server.deploy("ready-wstd", &example::component("ready-wstd"), &json!({}));
    let body: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    let answer = server.post("ready-wstd", "/", body.clone()).expect_status(200);
    assert!(answer.body == body, "{} bytes came back", answer.body.len());
}

#[test]
fn python_by_componentize_py() {
    let Some(component) = ready("hello-python") else { return };
    let server = shared();
    let manifest = example::manifest("hello-python", &[]);
    server.control().try_deploy_manifest("hello-python", &component, &manifest).expect_status(200);
    let answer = server.get("hello-python", "/world").expect_status(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json(), json!({ "message": "hello from Python", "path": "/world" }));
    assert_eq!(server.post("hello-python", "/", "[1, 2, 3.5]").json(), json!({ "sum": 6.5 }));
    let long = format!("[{}]", vec!["1"; 50_000].join(","));
    assert_eq!(server.post("hello-python", "/", long).json(), json!({ "sum": 50_000 }));
    assert_eq!(server.post("hello-python", "/", "[1, \"two\"]").status, 400);
    assert_eq!(server.request("DELETE", "hello-python", "/").send(server.listen).status, 405);
}

#[test]
fn starlingmonkey_by_componentize_js_fresh_only() {
    let Some(component) = ready("starlingmonkey") else { return };
    // The largest guest of all: on its own server, so that nobody waits for its compilation.
    let server = Server::start();
    server.deploy("monkey", &component, &json!({}));
    for _ in 0..3 {
        let answer = server.get("monkey", "/a?b").expect_status(200);
        assert_eq!(answer.text(), "starlingmonkey: asked for /a\n");
        assert_eq!(server.post("monkey", "/", "12345").text(), "starlingmonkey: 5 characters\n");
    }
    // It serves one request in its life. The deploy finds that out, not the second client.
    let refused = server.control().try_deploy("monkey", &component, &json!({ "reuse": 10 }));
    refused.clone().expect_error(422, "reuse");
    assert_eq!(server.get("monkey", "/still").text(), "starlingmonkey: asked for /still\n");
}

/// A component whose tools not every machine has; says so where they are missing.
fn ready(name: &str) -> Option<Vec<u8>> {
    example::component_if_possible(name)
        .inspect_err(|reason| eprintln!("{name} is not tested: {reason}"))
        .ok()
}
