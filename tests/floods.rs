//! Guests that ask too much of the interfaces for data: threats C1, C2, C5 and C6 of group C. The guest is
//! `tests/guests-rust/walker`; what each interface does about its own limits is in the file of its name.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::http::Answer;
use crate::support::jobs::eventually;
use crate::support::neighbour::Neighbour;
use crate::support::{Control, Request, Server, example, guest, shared};

/// A project whose function may use everything that is called `things`.
fn deploy(server: &Server, project: &str, limits: &serde_json::Value) -> Control {
    let control = server.project(project);
    let grants = json!([
        "collection:things",
        "kv:things",
        "bucket:things",
        "sql:things",
        "queue:things:send",
        "channel:things:send",
        "function:walker",
        "function:none",
    ]);
    control.deploy("walker", &example::component("walker"), &json!({ "grants": grants, "limits": limits }));
    control
}

fn ask(server: &Server, control: &Control, calls: &[&[&str]]) -> Answer {
    let host = format!("walker--{}.localhost", control.project);
    Request::new("POST", "/", &host).body(json!(calls).to_string()).send(server.listen)
}

fn told(server: &Server, control: &Control, calls: &[&[&str]]) -> Vec<String> {
    serde_json::from_slice(&ask(server, control, calls).expect_status(200).body).unwrap()
}

/// A call of each interface that may be made for ever.
const CALLS: [&[&str]; 11] = [
    &["ostro:db/documents get", "things", "same"],
    &["ostro:db/documents replace", "things", "{\"_id\":\"same\"}", "{\"a\":1}", "{\"upsert\":true}"],
    &["ostro:db/transactions get-value", "things", "same"],
    &["ostro:db/sql query", "things", "SELECT 1"],
    &["ostro:storage/objects head", "things", "same"],
    &["wasi:keyvalue/store get", "things", "same"],
    &["wasi:keyvalue/atomics increment", "things", "count"],
    &["ostro:queue/producer send", "things", "x", "same"],
    &["ostro:realtime/channels send", "things", "1"],
    &["ostro:functions/invoke call", "none", "1", ""],
    &["ostro:functions/context about"],
];

/// C1: whoever calls for ever is ended at its limit, and the neighbour sees no error meanwhile.
#[test]
fn c1_calls_without_end_end_at_the_limit() {
    let server = Server::start();
    server.control().deploy("hello", &guest::component("hello"), &json!({}));
    let hello = server.get("hello", "/").expect_status(200).text();
    let control = deploy(&server, "flood", &json!({ "wall": "1s", "cpu": "1s" }));
    let neighbour = Neighbour::call(&server, "hello", &hello);
    for call in CALLS {
        let begin = Instant::now();
        let answer = ask(&server, &control, &[&[&["for ever"], call].concat()]);
        assert_eq!(answer.status, 504, "{call:?}: {}", answer.text());
        assert!(matches!(answer.code().as_str(), "deadline" | "cpu_limit"), "{call:?}: {}", answer.text());
        assert!(begin.elapsed() < Duration::from_secs(8), "{call:?}: {:?}", begin.elapsed());
        // It did not only wait.
        let record = control.invocations("walker", 1)[0].clone();
        assert!(record["bill"]["cpu_us"].as_u64() > Some(1_000), "{call:?}: {record}");
    }
    let times = neighbour.stop();
    let worst = times[times.len() * 99 / 100];
    assert!(times.len() > 100 && worst < Duration::from_millis(500), "{} calls, {worst:?}", times.len());
    // What it flooded is as good as before.
    let answers = told(&server, &control, &CALLS);
    assert!(answers[1].contains("modified") || answers[1].contains("matched"), "{answers:?}");
}

/// C2: an argument beyond the bound of a call ends the guest or is refused, and costs the host little.
#[test]
fn c2_no_interface_takes_an_argument_without_bound() {
    let server = Server::start();
    let control = deploy(&server, "huge", &json!({ "memory": "256MiB" }));
    let before = server.resident();
    let (large, huge) = ("~9437184", "~41943040");
    for size in [large, huge] {
        let calls: [&[&str]; 13] = [
            &["ostro:db/documents insert", "things", size],
            &["ostro:db/documents find", "things", size, ""],
            &["ostro:db/documents find", size, "{}", ""],
            &["ostro:db/transactions set-value", "things", "same", size],
            &["ostro:db/sql query", "things", size],
            &["ostro:storage/objects get", "things", size],
            &["ostro:storage/objects put", "things", "same", "x", size],
            &["wasi:keyvalue/store set", "things", "same", size],
            &["wasi:keyvalue/store get", "things", size],
            &["ostro:queue/producer send", "things", size, "same"],
            &["ostro:realtime/channels send", "things", size],
            &["ostro:functions/invoke call", "walker", size, ""],
            &["ostro:secrets/store get", size],
        ];
        for call in calls {
            let (what, answer) = (call[0], ask(&server, &control, &[call]));
            match answer.status {
                500 => assert_eq!(answer.code(), "trap", "{what}: {}", answer.text()),
                200 => {
                    let text = answer.text();
                    assert!(
                        text.contains("Error") && text.len() < 2_000,
                        "{what} {size}: {} bytes",
                        text.len()
                    );
                }
                other => panic!("{what}: {other} {}", answer.text()),
            }
        }
    }
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 300 << 20, "the server grew by {} MiB", grown >> 20);
}

/// C5: a project has sixteen transactions open and no more, and what an invocation leaves open ends with it.
#[test]
fn c5_transactions_that_nobody_ends_end_with_their_invocation() {
    let server = shared();
    let control = deploy(&server, "held", &json!({}));
    // An instance goes after its answer has gone, on a busy machine a while after.
    let when = |calls: &[&[&str]], right: &dyn Fn(&[String]) -> bool| {
        eventually(|| told(&server, &control, calls), |answers| right(answers))
    };
    for _ in 0..5 {
        when(&[&["ostro:db/transactions hold", "1000"]], &|held| held[0].starts_with("16 Some("));
    }
    // One that changed nothing keeps nobody else from writing, and none is left.
    when(
        &[
            &["ostro:db/transactions hold", "15"],
            &["ostro:db/transactions set-value", "things", "same", "x"],
            &["wasi:keyvalue/store get", "things", "same"],
        ],
        &|written| written == ["15 None", "() ()", "x"],
    );
}

/// C6: whatever a key, an id or a text is, it is that and no other, and no file is made of it.
#[test]
fn c6_keys_and_ids_are_what_was_given() {
    let server = Server::start();
    let control = deploy(&server, "odd", &json!({}));
    let long = "k".repeat(200);
    let odd = [
        "../x",
        "..%2f..%2fx",
        "/etc/passwd",
        "a\\b",
        "caf\u{e9}",
        "cafe\u{301}",
        ".",
        "..",
        "a//b",
        "A",
        "a",
        "trailing.",
        "CON",
        "nul",
        "a b",
        "'; DROP TABLE x; --",
        "\u{202e}gnp",
        "%00",
        &long,
    ];
    for key in odd {
        let document = json!([{ "_id": key, "is": key }]).to_string();
        let insert = format!("INSERT INTO odd VALUES ('{}')", key.replace('\'', "''"));
        let answers = told(
            &server,
            &control,
            &[
                &["wasi:keyvalue/store set", "things", key, key],
                &["ostro:db/documents insert", "things", &document],
                &["ostro:db/sql execute", "things", "CREATE TABLE IF NOT EXISTS odd (word TEXT PRIMARY KEY)"],
                &["ostro:db/sql execute", "things", &insert],
                &["ostro:db/transactions set-value", "things", &format!("{key}t"), key],
            ],
        );
        assert!(!answers.join(" ").contains("Error"), "{key:?}: {answers:?}");
    }
    for key in odd {
        let answers = told(
            &server,
            &control,
            &[
                &["wasi:keyvalue/store get", "things", key],
                &["ostro:db/documents get", "things", key],
                &["ostro:db/transactions get-value", "things", &format!("{key}t")],
            ],
        );
        let document: serde_json::Value = serde_json::from_str(&answers[1]).unwrap();
        assert_eq!((answers[0].as_str(), document["is"].as_str()), (key, Some(key)));
        assert_eq!(answers[2], format!("{key} ()"));
    }
    let counted = told(
        &server,
        &control,
        &[
            &["ostro:db/documents count", "things", "{}"],
            &["ostro:db/sql query", "things", "SELECT count(*) FROM odd"],
        ],
    );
    assert_eq!(counted[0], odd.len().to_string());
    assert!(counted[1].contains(&odd.len().to_string()), "{counted:?}");
    for file in files(&server.data().join("projects")) {
        let plain =
            |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        assert!(plain(&file) && file.len() < 64, "{file:?} is made of a key");
    }
    assert!(!server.folder().join("x").exists() && !server.data().join("x").exists());
}

/// C8: a database has as many tables as their statements may hold together, and goes on to work when that is used up.
#[test]
fn c8_tables_without_end_are_refused() {
    let server = shared();
    let control = deploy(&server, "tables", &json!({ "wall": "30s" }));
    let mut refused = None;
    for round in 0..40 {
        let create = |n: u32| format!("CREATE TABLE {}_{round}_{n} (a, b, c)", "t".repeat(100));
        let statements: Vec<String> = (0..200).map(create).collect();
        let mut call = vec!["ostro:db/sql batch", "things"];
        call.extend(statements.iter().map(String::as_str));
        let answer = told(&server, &control, &[&call]).remove(0);
        if answer.contains("Error") {
            refused = Some((round, answer));
            break;
        }
    }
    let (round, answer) = refused.expect("tables have no end");
    assert!(round > 1 && answer.contains("too many schema objects"), "round {round}: {answer}");
    let first = format!("INSERT INTO {}_0_0 VALUES (1, 2, 3) RETURNING a + b + c", "t".repeat(100));
    let answer = told(&server, &control, &[&["ostro:db/sql execute", "things", &first]]).remove(0);
    assert!(answer.contains('6'), "{answer}");
}

/// The names of all files and folders below one.
fn files(folder: &std::path::Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        names.push(entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            names.extend(files(&entry.path()));
        }
    }
    names
}
