//! The calls of the walk, made of what was taken from the project that they are after.

use std::collections::BTreeMap;

use super::tenant::{Call, call};

/// What the calls are made of.
pub const TAKEN: [&str; 10] = [
    "project",
    "only",
    "document-cursor",
    "object-cursor",
    "etag",
    "get",
    "message",
    "job",
    "invocation",
    "user",
];

/// Calls that look and change nothing.
pub fn looks(taken: &BTreeMap<&str, String>) -> Vec<Call> {
    [data(taken), others(taken), ids(taken)].concat()
}

/// What is kept under names.
fn data(taken: &BTreeMap<&str, String>) -> Vec<Call> {
    let [project, only, document_cursor, object_cursor] =
        ["project", "only", "document-cursor", "object-cursor"].map(|name| taken[name].as_str());
    let page = format!("{{\"sort\":{{\"_id\":1}},\"limit\":2,\"cursor\":\"{document_cursor}\"}}");
    let objects = format!("{{\"limit\":2,\"cursor\":\"{object_cursor}\"}}");
    vec![
        call(&["ostro:db/documents find", "things", "{}", ""]),
        call(&["ostro:db/documents find", "things", "{}", &page]),
        call(&[
            "ostro:db/documents find",
            "things",
            "{\"word\":{\"$regex\":\"k.*7f3a\"}}",
            "{\"sort\":{\"word\":1}}",
        ]),
        call(&["ostro:db/documents find", &format!("{project}/things"), "{}", ""]),
        call(&["ostro:db/documents open-as-caller", "things", "{}", ""]),
        call(&["ostro:db/documents count", "things", &format!("{{\"_id\":\"{only}\"}}")]),
        call(&["ostro:db/documents distinct", "things", "word", "{}"]),
        call(&[
            "ostro:db/documents aggregate",
            "things",
            "[{\"$sort\":{\"word\":1}},{\"$group\":{\"_id\":\"$word\"}}]",
        ]),
        call(&[
            "ostro:db/documents aggregate",
            "things",
            &format!("[{{\"$lookup\":{{\"from\":\"{project}.things\",\"as\":\"all\"}}}}]"),
        ]),
        call(&["ostro:db/transactions collection", "things", only]),
        call(&["ostro:db/transactions get-value", "things", only]),
        call(&["ostro:db/transactions get-value", "things", "same"]),
        call(&["ostro:db/sql query", "things", "SELECT * FROM things"]),
        call(&["ostro:db/sql query", "things", "SELECT sql, name FROM sqlite_schema"]),
        call(&["ostro:db/sql query", &format!("../{project}/things"), "SELECT 1"]),
        call(&["ostro:storage/objects list", "things", ""]),
        call(&["ostro:storage/objects list", "things", &objects]),
        call(&["ostro:storage/objects open-as-caller", "things", ""]),
        call(&["ostro:storage/objects sign", "things", "get", only]),
        call(&["ostro:storage/objects get", &format!("{project}/things"), "same"]),
        call(&["ostro:storage/objects get", "things", &format!("../../{project}/things/same")]),
        call(&["wasi:keyvalue/store list-keys", "things"]),
        call(&["wasi:keyvalue/store list-keys", "things", only]),
        call(&["wasi:keyvalue/store get", &format!("{project}/things"), "same"]),
        call(&["wasi:keyvalue/batch get-many", "things", "same", only]),
    ]
}

/// Whom one can ask that is no data: itself, its configuration, other functions.
fn others(taken: &BTreeMap<&str, String>) -> Vec<Call> {
    let [project, only, get, user] = ["project", "only", "get", "user"].map(|name| taken[name].as_str());
    let inside = |name: &str| format!("http://{name}.ostro.internal/");
    let of_project = format!("host: inner--{project}.localhost");
    vec![
        call(&["ostro:auth/identity caller"]),
        call(&["ostro:auth/identity user"]),
        call(&["ostro:auth/identity roles"]),
        call(&["ostro:auth/users get", user]),
        call(&["ostro:auth/users list", ""]),
        call(&["ostro:auth/users list", &format!("{{\"cursor\":\"{user}\"}}")]),
        call(&["ostro:functions/context about"]),
        call(&["ostro:functions/context bindings"]),
        call(&["ostro:secrets/store get", "WORD"]),
        call(&["ostro:secrets/store get", &format!("{project}/WORD")]),
        call(&["ostro:secrets/store names"]),
        call(&["wasi:config/store get", "VALUE"]),
        call(&["wasi:config/store get", "WORD"]),
        call(&["wasi:config/store get-all"]),
        call(&["wasi:cli/environment get-environment"]),
        call(&["wasi:http/outgoing-handler GET", &inside("inner"), ""]),
        call(&["wasi:http/outgoing-handler GET", &inside(only), "", &of_project]),
        call(&["wasi:http/outgoing-handler GET", &inside(&format!("inner--{project}")), ""]),
        call(&["wasi:http/outgoing-handler GET", &inside(&format!("inner.{project}")), ""]),
        call(&["wasi:http/outgoing-handler GET", &format!("http://inner@{project}.ostro.internal/"), ""]),
        call(&["wasi:http/outgoing-handler GET", &format!("http://inner.ostro.internal{get}"), ""]),
        call(&["wasi:http/outgoing-handler GET", &format!("http://inner--{project}.localhost/"), ""]),
        call(&["ostro:functions/invoke call", "inner", "{}", ""]),
        call(&["ostro:functions/invoke call", only, "{}", ""]),
        call(&["ostro:functions/invoke call", &format!("{project}/inner"), "{}", ""]),
        call(&["ostro:functions/invoke call", &format!("inner--{project}"), "{}", ""]),
    ]
}

/// Everything that has an id or a key, under each that was taken; and files.
fn ids(taken: &BTreeMap<&str, String>) -> Vec<Call> {
    let [project, only, etag, message, job, invocation] =
        ["project", "only", "etag", "message", "job", "invocation"].map(|name| taken[name].as_str());
    let mut calls = Vec::new();
    for id in ["same", only, message, job, invocation] {
        calls.push(call(&["ostro:db/documents get", "things", id]));
        calls.push(call(&["ostro:storage/objects get", "things", id]));
        calls.push(call(&["ostro:storage/objects head", "things", id]));
        calls.push(call(&["ostro:storage/objects download", "things", id]));
        calls.push(call(&["wasi:keyvalue/store get", "things", id]));
        calls.push(call(&["wasi:keyvalue/atomics current", "things", id]));
        calls.push(call(&["wasi:keyvalue/store exists", "things", id]));
        calls.push(call(&["ostro:storage/objects head", "things", &format!("{id}?{etag}")]));
    }
    for file in
        ["/proc/self/environ", "/data", "../..", "/", "data/catalog.db", &format!("/projects/{project}")]
    {
        calls.push(call(&["wasi:filesystem/types read", file]));
    }
    calls
}

/// Calls that change what they reach, or end the invocation.
pub fn changes(taken: &BTreeMap<&str, String>, word: &str) -> Vec<Call> {
    let [only, message, user] = ["only", "message", "user"].map(|name| taken[name].as_str());
    let set = format!("{{\"$set\":{{\"word\":\"{word}\"}}}}");
    let own = format!("{{\"_id\":\"{only}\"}}");
    let mut calls = vec![
        call(&["ostro:db/documents update", "things", &own, &set, ""]),
        call(&["ostro:db/documents update", "things", "{\"_id\":\"same\"}", &set, ""]),
        call(&["ostro:db/documents replace", "things", &own, "{}", ""]),
        call(&["ostro:db/documents find-and-modify", "things", &own, &format!("{{\"update\":{set}}}")]),
        call(&[
            "ostro:db/documents insert",
            "things",
            &format!("[{{\"_id\":\"{message}\",\"word\":\"{word}\"}}]"),
        ]),
        call(&["ostro:db/documents insert", "things", &format!("[{{\"_id\":\"{message}\"}}]")]),
        call(&["ostro:db/documents delete", "things", "{}"]),
        call(&["ostro:db/transactions set-value", "things", only, word]),
        call(&["ostro:db/transactions delete-value", "things", only]),
        call(&["ostro:db/transactions send", "things", word, ""]),
        call(&[
            "ostro:db/sql execute",
            "things",
            &format!("INSERT INTO things VALUES ('{only}', '{word}') RETURNING *"),
        ]),
        call(&["ostro:db/sql execute", "things", &format!("INSERT INTO things VALUES ('{only}', '{word}')")]),
        call(&["ostro:db/sql batch", "things", "DELETE FROM things RETURNING *", "SELECT * FROM things"]),
        call(&["ostro:storage/objects put", "things", only, word, ""]),
        call(&["ostro:storage/objects copy", "things", only, "things", "copied"]),
        call(&["ostro:storage/objects upload", "things", "same", word]),
        call(&["ostro:storage/objects delete", "things", only]),
        call(&["ostro:storage/objects sign", "things", "put", only]),
        call(&["wasi:keyvalue/store set", "things", only, word]),
        call(&["wasi:keyvalue/store delete", "things", only]),
        call(&["wasi:keyvalue/atomics increment", "things", only]),
        call(&["wasi:keyvalue/atomics increment", "things", "same"]),
        call(&["wasi:keyvalue/atomics swap", "things", "same", word]),
        call(&["wasi:keyvalue/batch set-many", "things", "same", word]),
        call(&["wasi:keyvalue/batch delete-many", "things", "same"]),
        call(&["ostro:queue/producer send", "things", word, "second"]),
        call(&["ostro:queue/producer send", "things", word, message]),
        call(&["ostro:realtime/channels send", "things", &format!("\"{word}\"")]),
        call(&["ostro:functions/invoke send", only, "{}", ""]),
        call(&["ostro:functions/invoke send", "inner", "{}", ""]),
        call(&["wasi:logging/logging log", word]),
        call(&["ostro:auth/users sign-in-external", word, user]),
        call(&["ostro:auth/users set-roles", user, word]),
        call(&["ostro:auth/users delete", user]),
    ];
    for kind in ["collection", "transaction", "database", "bucket", "download", "upload", "namespace", "cas"]
    {
        for handle in ["1", "2", "7", "4294967295"] {
            calls.push(call(&[&format!("forged {kind}"), handle]));
        }
    }
    calls
}
