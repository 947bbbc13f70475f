//! `sdk/rust`: every function of the crate `ostro`, called by a guest of the product, and what a component has in it.
//!
//! The guest is `tests/guests-rust/sdk-script`: it goes through one part of the crate, and says what is not as it should be.

use serde_json::{Value, json};

use crate::support::{Control, Request, Server, example, shared};

/// Has a function go through a part.
fn go_through(server: &Server, control: &Control, function: &str, part: &str) {
    let answer = Request::new("POST", part, &format!("{function}.localhost")).body("").send(server.listen);
    let log = || control.get(&format!("functions/{function}/logs?limit=20")).text();
    assert_eq!(answer.status, 200, "{part}: {}\n{}", answer.text(), log());
}

/// Deploys the guest and has it go through parts, one after the other.
fn check(function: &str, flags: &Value, parts: &[&str]) {
    let server = shared();
    let control = server.control();
    control.deploy(function, &example::component("sdk-script"), flags);
    for part in parts {
        go_through(&server, &control, function, part);
    }
}

#[test]
fn documents() {
    let server = shared();
    let control = server.control();
    let manifest = "manifest = 1\n[function.sdk-documents]\nsource = 'x.wasm'\n\
        grants = ['collection:users', 'collection:many', 'collection:forms', 'collection:unique']\n\
        [collection.unique]\nindexes = [{ fields = ['name'], unique = true }]";
    let component = example::component("sdk-script");
    let parts: &[(&str, &[u8])] = &[("manifest", manifest.as_bytes()), ("component", &component)];
    control.upload("sdk-documents", parts).expect_status(200);
    for part in ["/documents", "/documents/pages", "/documents/forms", "/documents/faults"] {
        go_through(&server, &control, "sdk-documents", part);
    }
}

#[test]
fn transactions() {
    // Held from the first part to the last: the server ends with whoever has it last.
    let server = shared();
    let flags = json!({ "grants": ["collection:stock", "kv:orders", "queue:taken:send"] });
    check("sdk-transactions", &flags, &["/transactions", "/transactions/conflicts"]);
    assert_eq!(server.control().queue("taken")["waiting"], 1, "one of them was committed");
}

#[test]
fn values() {
    let flags = json!({ "grants": ["kv:values", "kv:many", "kv:races"] });
    check("sdk-values", &flags, &["/values", "/values/many", "/values/races"]);
}

#[test]
fn objects() {
    let flags = json!({ "grants": ["bucket:files", "bucket:other", "bucket:streams", "bucket:signed"] });
    check("sdk-objects", &flags, &["/objects", "/objects/streams"]);
}

#[test]
fn signed_urls() {
    let server = shared();
    let flags = json!({ "grants": ["bucket:signed"] });
    server.control().deploy("sdk-signed", &example::component("sdk-script"), &flags);
    let ask = |method: &str, path: &str, body: &str| {
        Request::new(method, path, "sdk-signed.localhost").body(body).send(server.listen)
    };
    let urls = ask("POST", "/objects/signed", "").expect_status(200).text();
    let (get, put) = urls.trim().split_once('\n').unwrap();
    let got = ask("GET", get, "").expect_status(200);
    assert_eq!((got.text(), got.header("content-type")), ("as it is".to_owned(), Some("text/plain")));
    ask("PUT", put, "too long").expect_status(413);
    ask("PUT", put, "short").expect_status(200);
    ask("PUT", put, "twice").expect_status(412);
}

#[test]
fn tables() {
    check("sdk-tables", &json!({ "grants": ["sql:main"] }), &["/tables"]);
}

#[test]
fn queues() {
    let server = shared();
    let control = server.project("sdk-queues");
    control.deploy("front", &example::component("sdk-script"), &json!({ "grants": ["queue:mail:send"] }));
    let answer = Request::new("POST", "/queues", "front--sdk-queues.localhost").body("").send(server.listen);
    answer.expect_status(200);
    assert_eq!(control.queue("mail")["waiting"], 3);
}

#[test]
fn calls() {
    let _held = shared();
    check("sdk-echo", &json!({}), &[]);
    let flags = json!({
        "grants": ["function:sdk-echo", "function:sdk-nobody", "queue:mail:send"],
        "bindings": { "MAIL": "queue:mail" },
    });
    check("sdk-calls", &flags, &["/calls", "/calls/failures"]);
}

#[test]
fn secrets() {
    let server = shared();
    let answer = server.control().put("secrets/SDK_TOKEN", &json!({ "value": "swordfish" }));
    assert!(matches!(answer.status, 200 | 201 | 204), "{}", answer.text());
    check("sdk-secrets", &json!({ "grants": ["secret:SDK_TOKEN", "secret:SDK_NONE"] }), &["/secrets"]);
}

#[test]
fn everything_is_refused_without_grants() {
    check("sdk-refused", &json!({}), &["/refused"]);
}

/// The interfaces beside those of WASI itself that a component imports.
fn imports(component: &[u8]) -> Vec<String> {
    let wit_component::DecodedWasm::Component(resolve, world) = wit_component::decode(component).unwrap()
    else {
        panic!("this is no component");
    };
    let names = resolve.worlds[world].imports.keys().map(|key| resolve.name_world_key(key));
    let mut names: Vec<String> =
        names.filter(|name| name.starts_with("ostro:") || name.starts_with("wasi:keyvalue")).collect();
    names.sort_unstable();
    names
}

/// The crate knows every interface; a component has those that it calls.
#[test]
fn a_component_imports_only_what_it_uses() {
    assert_eq!(
        imports(&example::component("url-shortener")),
        ["wasi:keyvalue/atomics@0.2.0-draft2", "wasi:keyvalue/store@0.2.0-draft2"]
    );
    assert_eq!(imports(&example::component("thumbnails")), ["ostro:storage/objects@0.1.0"]);
    assert_eq!(
        imports(&example::component("sdk-script")),
        [
            "ostro:auth/identity@0.1.0",
            "ostro:auth/users@0.1.0",
            "ostro:db/documents@0.1.0",
            "ostro:db/sql@0.1.0",
            "ostro:db/transactions@0.1.0",
            "ostro:functions/context@0.1.0",
            "ostro:functions/invoke@0.1.0",
            "ostro:queue/producer@0.1.0",
            "ostro:realtime/channels@0.1.0",
            "ostro:secrets/store@0.1.0",
            "ostro:storage/objects@0.1.0",
            "wasi:keyvalue/atomics@0.2.0-draft2",
            "wasi:keyvalue/batch@0.2.0-draft2",
            "wasi:keyvalue/store@0.2.0-draft2",
        ]
    );
}
