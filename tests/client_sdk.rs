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

[function.hello]
"#;

#[test]
fn a_page_signs_in_and_keeps_documents() {
    let bench = Bench::start(MANIFEST);
    let built = std::path::Path::new("sdk/client/dist/ostro-client.js");
    assert!(built.is_file(), "the client is not built: run `npm ci && npm run build` in sdk/client");
    let ran = Command::new("node")
        .args(["tests/client_sdk/page.mjs", &format!("http://{}", bench.server.listen)])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let told: Value = serde_json::from_slice(&ran.stdout).unwrap();
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
        ("afterSignOut", json!("forbidden")),
        ("wrong", json!({ "code": "invalid_credentials", "status": 401 })),
        ("deleted", json!({ "deletedCount": 3 })),
    ] {
        assert_eq!(told[what], expected, "{what}: {told}");
    }
    assert_eq!(told["updated"]["modifiedCount"], 1, "{told}");
    assert_eq!(told["changedByBob"]["matchedCount"], 0, "{told}");
}
