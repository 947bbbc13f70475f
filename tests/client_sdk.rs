//! `sdk/client` against the product: the module that pages load, run by Node.

use std::process::Command;

use serde_json::{Value, json};

use crate::accounts::bench::Bench;

const MANIFEST: &str = r#"
[auth]
email = true

[collection.notes]
rules = { read = "owner == auth.user", create = "auth.user != null", update = "owner == auth.user", delete = "owner == auth.user" }
owner = "owner"

[collection.closed]

[bucket.photos]
rules = { read = "owner == auth.user", create = "auth.user != null", update = "owner == auth.user", delete = "owner == auth.user" }

[bucket.closed]

[channel."rooms/*"]
rules = { read = "auth.user != null", send = "request.data.from == auth.user" }

[channel."users/*"]
rules = { read = "channel.part == auth.user" }

[function.hello]
"#;

/// What a page prints that is run over the built client.
fn run(page: &str) -> Value {
    let bench = Bench::start(MANIFEST);
    let built = std::path::Path::new("sdk/client/dist/ostro-client.js");
    assert!(built.is_file(), "the client is not built: run `npm ci && npm run build` in sdk/client");
    let url = format!("http://{}", bench.server.listen);
    let ran = Command::new("node").args([&format!("tests/client_sdk/{page}"), &url]).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}

#[test]
fn a_page_signs_in_and_keeps_documents() {
    let told = run("page.mjs");
    let own = json!({ "text": "Milk", "isHers": true, "due": "2026-05-04T10:00:00.000Z" });
    for (what, expected) in [
        ("own", own),
        ("sorted", json!(["Salt", "Bread"])),
        ("chain", json!(["Salt"])),
        ("counted", json!(2)),
        ("total", json!(2)),
        ("batch", json!([3, "forbidden"])),
        ("seenByBob", json!(0)),
        ("refused", json!({ "code": "forbidden", "status": 403 })),
        ("watched", json!([["Bread", "Salt"], ["Oil", "Bread", "Salt"], ["Oil", "Salt"], ["Salt"]])),
        ("hisList", json!(0)),
        ("watchRefused", json!("forbidden")),
        ("afterRefresh", json!(3)),
        ("afterPassword", json!(3)),
        ("elsewhere", json!("unauthenticated")),
        ("afterSignOut", json!("forbidden")),
        ("wrong", json!({ "code": "invalid_credentials", "status": 401 })),
        ("deleted", json!({ "deletedCount": 3 })),
    ] {
        assert_eq!(told[what], expected, "{what}: {told}");
    }
    assert_eq!(told["updated"]["modifiedCount"], 1, "{told}");
    assert_eq!(told["changedByBob"]["matchedCount"], 0, "{told}");
}

#[test]
fn pages_send_messages_to_each_other() {
    let told = run("channels.mjs");
    for (what, expected) in [
        ("refused", json!(["forbidden", "forbidden"])),
        ("heard", json!({ "text": "hello", "isHers": true, "at": "2026-05-04T10:00:00.000Z" })),
        ("forged", json!({ "code": "forbidden", "status": 403 })),
        ("inOrder", json!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])),
        ("afterClose", json!(11)),
        ("resets", json!(1)),
    ] {
        assert_eq!(told[what], expected, "{what}: {told}");
    }
}

#[test]
fn a_page_keeps_objects_and_goes_on_with_what_broke() {
    let told = run("objects.mjs");
    for (what, expected) in [
        ("got", json!({ "text": "0123456789", "type": "text/plain", "size": 10, "sameEtag": true })),
        ("range", json!("234")),
        ("head", json!(10)),
        ("none", Value::Null),
        ("listed", json!([["ann/1 é.txt", true], ["b", false]])),
        ("signed", json!("b")),
        ("bySignedPut", json!("by URL")),
        ("broken", json!("AbortError")),
        ("notYet", Value::Null),
        ("resumed", json!({ "begins": true, "ends": [1_000, 1_000], "sameEtag": true })),
        ("whole", json!(true)),
        ("again", json!(1_000)),
        ("seenByBob", json!([null, null, []])),
        ("refused", json!([["forbidden", 403], ["not_found", 404], 404, ["forbidden", 403]])),
        ("stays", json!("b")),
        ("deleted", Value::Null),
    ] {
        assert_eq!(told[what], expected, "{what}: {told}");
    }
}
