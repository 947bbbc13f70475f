//! `wasi:keyvalue`: what a function keeps, what it may see, and what is left after a crash.
//!
//! The guest is `tests/guests-rust/kv-script`: it does what the lines of its body say.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Control, Request, Server, example, guest, shared};

/// Deploys the guest with these grants.
fn deploy(control: &Control, function: &str, grants: &[&str]) {
    control.deploy(function, &example::component("kv-script"), &json!({ "grants": grants }));
}

/// Has it do what the lines say, and returns its lines.
fn run(server: &Server, host: &str, lines: &str) -> Vec<String> {
    let answer = Request::new("POST", "/", &format!("{host}.localhost")).body(lines).send(server.listen);
    answer.expect_status(200).text().lines().map(str::to_owned).collect()
}

#[test]
fn values_are_set_found_listed_and_removed() {
    let server = shared();
    deploy(&server.control(), "kv-plain", &["kv:plain"]);
    let script = "open plain\nget a\nset a one\nget a\nset a two\nget a\nexists a\nexists b\nset b x\nlist\nlist a\n\
                  delete a\ndelete a\nget a\nlist";
    assert_eq!(
        run(&server, "kv-plain", script),
        [
            "ok",
            "None",
            "()",
            "Some(\"one\")",
            "()",
            "Some(\"two\")",
            "true",
            "false",
            "()",
            "(2, Some(\"a\"), None)",
            "(1, Some(\"b\"), None)",
            "()",
            "()",
            "None",
            "(1, Some(\"b\"), None)",
        ]
    );
    // Another invocation, in another instance.
    assert_eq!(run(&server, "kv-plain", "open plain\nget b")[1], "Some(\"x\")");
    let record = server.control().invocations("kv-plain", 2).remove(0);
    let calls = record["bill"]["host_calls"].as_array().unwrap();
    assert!(calls.iter().any(|call| call["interface"] == "wasi:keyvalue" && call["calls"] == 2), "{record}");
}

#[test]
fn batches_and_pages() {
    let server = shared();
    deploy(&server.control(), "kv-many", &["kv:many"]);
    let script = "open many\nfill 1000 v\nlist\nget-many key00007 none key00999\nset z last\nlist\nlist key00999\n\
                  delete-many key00000 none key00001\nlist key00998\nlist";
    let seen = run(&server, "kv-many", script);
    assert_eq!(seen[2], "(1000, Some(\"key00000\"), None)");
    assert_eq!(seen[3], "[(\"key00007\", Some(\"v\")), (\"none\", None), (\"key00999\", Some(\"v\"))]");
    assert_eq!(seen[5], "(1000, Some(\"key00000\"), Some(\"key00999\"))");
    assert_eq!(seen[6], "(1, Some(\"z\"), None)");
    assert_eq!(seen[8..], ["(2, Some(\"key00999\"), None)", "(999, Some(\"key00002\"), None)"]);
}

#[test]
fn numbers_are_added_up_and_values_swapped() {
    let server = shared();
    deploy(&server.control(), "kv-atomic", &["kv:atomic"]);
    let script = "open atomic\nadd n 5\nadd n -7\nget n\nset n 9223372036854775807\nadd n 1\nset n x\nadd n 1\n\
                  look s\nset s theirs\nswap s mine\nswap s mine\nget s";
    let seen = run(&server, "kv-atomic", script);
    assert_eq!(seen[1..4], ["5", "-2", "Some(\"-2\")"]);
    assert!(seen[5].contains("beyond 64 bits"), "{seen:?}");
    assert!(seen[7].contains("no number"), "{seen:?}");
    assert_eq!(seen[8..], ["None", "()", "lost Some(\"theirs\")", "swapped", "Some(\"mine\")"]);
}

#[test]
fn two_at_once_lose_no_addition() {
    let server = shared();
    deploy(&server.control(), "kv-count", &["kv:count"]);
    let script = format!("open count{}", "\nadd n 1".repeat(50));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| run(&server, "kv-count", &script));
        }
    });
    assert_eq!(run(&server, "kv-count", "open count\nget n")[1], "Some(\"200\")");
}

#[test]
fn what_is_not_granted_is_refused_with_the_line_to_add() {
    let server = shared();
    let control = server.control();
    deploy(&control, "kv-guest", &["kv:seen:read", "kv:put:write"]);
    assert_eq!(run(&server, "kv-guest", "open other"), ["Error::AccessDenied"]);
    let lines = control.log("kv-guest", 1);
    assert!(lines[0]["message"].as_str().unwrap().contains("kv:other:read"), "{lines:?}");
    let seen =
        run(&server, "kv-guest", "open seen\nget a\nset a 1\ndelete a\nadd a 1\nlook a\nswap a 1\nfill 2 x");
    let denied = "AccessDenied";
    assert_eq!(seen[1], "None");
    assert_eq!(
        [&seen[2], &seen[3], &seen[4], &seen[7]].map(|line| line.contains(denied)),
        [true; 4],
        "{seen:?}"
    );
    assert!(seen[6].contains(denied), "{seen:?}");
    let put =
        run(&server, "kv-guest", "open put\nset a 1\nadd n 1\nget a\nexists a\nlist\nlook a\nget-many a");
    assert_eq!(put[1], "()");
    assert!(put[2..].iter().all(|line| line.contains(denied)), "{put:?}");
}

/// Canary bytes in the one project are seen by nothing that the other can do (threat C7).
#[test]
fn c7_projects_do_not_meet() {
    let server = shared();
    for (project, value) in [("kv-left", "canary"), ("kv-right", "other")] {
        let control = server.project(project);
        deploy(&control, "keeper", &["kv:same"]);
        run(&server, &format!("keeper--{project}"), &format!("open same\nset key {value}\nset {value} x"));
    }
    let seen = run(
        &server,
        "keeper--kv-right",
        "open same\nget key\nexists canary\nlist\nget-many canary key\nlook canary\nopen kv-left/same\nopen ../same",
    );
    assert!(!seen.join("\n").contains("\"canary\", Some"), "{seen:?}");
    assert_eq!(seen[1..4], ["Some(\"other\")", "false", "(2, Some(\"key\"), None)"]);
    assert!(seen[6..].iter().all(|line| line.contains("AccessDenied")), "{seen:?}");
}

#[test]
fn limits_hold_at_their_edge() {
    let server = shared();
    deploy(&server.control(), "kv-edge", &["kv:edge"]);
    let script = "open edge\nset ~1024 x\nset ~1025 x\nset  x\nset a ~1048576\nget a\nset a ~1048577\nfill 1000 x\n\
                  fill 1001 x\nfill 8 ~1048576\nfill 9 ~1048576\n\
                  set b ~1048576\nget-many key00000 key00001 key00002 key00003 key00004 key00005 key00006 key00007\n\
                  get-many key00000 key00001 key00002 key00003 key00004 key00005 key00006 key00007 b";
    let seen = run(&server, "kv-edge", script);
    let is_done: Vec<bool> = seen.iter().skip(1).map(|line| !line.starts_with("other: ")).collect();
    assert_eq!(
        is_done,
        [true, false, false, true, true, false, true, false, true, false, true, true, false],
        "{seen:?}"
    );
    assert_eq!(seen[5], "Some(\"1048576 bytes\")");
}

/// What a handle has looked at is in the host's memory, which the limit of the instance does not see.
#[test]
fn handles_hold_no_more_than_a_call_may() {
    let server = shared();
    deploy(&server.control(), "kv-held", &["kv:held"]);
    let looks: String = (0..9).map(|number| format!("\nlook key{number:05}")).collect();
    let script = format!("open held\nfill 8 ~1048576\nset key00008 x{looks}\nswap key00000 y\nlook key00008");
    let seen = run(&server, "kv-held", &script);
    assert!(seen[3..11].iter().all(|line| line == "Some(\"1048576 bytes\")"), "{seen:?}");
    assert!(seen[11].contains("cas"), "{seen:?}");
    assert_eq!(seen[12..], ["swapped", "Some(\"x\")"]);
}

#[test]
fn values_go_when_their_time_is_over() {
    let server = Server::start_turned();
    let control = server.control();
    let manifest = "manifest = 1\n[function.short]\nsource = 'x.wasm'\ngrants = ['kv:sessions']\n[kv.sessions]\nttl = '1h'";
    let component = example::component("kv-script");
    let parts: &[(&str, &[u8])] = &[("manifest", manifest.as_bytes()), ("component", &component)];
    control.upload("short", parts).expect_status(200);
    run(&server, "short", "open sessions\nset a 1");
    server.clock().turn(Duration::from_secs(1_800));
    run(&server, "short", "open sessions\nset b 1");
    server.clock().turn(Duration::from_secs(1_799));
    assert_eq!(run(&server, "short", "open sessions\nget a\nget b")[1..], ["Some(\"1\")", "Some(\"1\")"]);
    server.clock().turn(Duration::from_secs(1));
    assert_eq!(
        run(&server, "short", "open sessions\nget a\nget b\nlist")[1..],
        ["None", "Some(\"1\")", "(1, Some(\"b\"), None)"]
    );
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let mut server = Server::start();
    deploy(&server.control(), "kv-kept", &["kv:kept"]);
    run(&server, "kv-kept", "open kept\nset a 1\nfill 100 x\nadd n 7");
    server.kill9();
    server.restart();
    let seen = run(&server, "kv-kept", "open kept\nget a\nlist\nadd n 1");
    assert_eq!(seen[1..], ["Some(\"1\")", "(102, Some(\"a\"), None)", "8"]);
}

#[test]
fn a_namespace_goes_with_its_project() {
    let server = shared();
    let control = server.project("kv-gone");
    deploy(&control, "keeper", &["kv:same"]);
    run(&server, "keeper--kv-gone", "open same\nset a 1");
    control.delete("/v1/projects/kv-gone").expect_status(204);
    let control = server.project("kv-gone");
    deploy(&control, "keeper", &["kv:same"]);
    assert_eq!(run(&server, "keeper--kv-gone", "open same\nget a")[1], "None");
}

#[test]
fn a_guest_that_is_only_tried_keeps_nothing() {
    let server = shared();
    let control = server.control();
    let flags: Value = json!({ "grants": ["kv:tried"], "reuse": 5 });
    control.deploy("kv-tried", &example::component("kv-script"), &flags);
    assert_eq!(run(&server, "kv-tried", "open tried\nlist")[1], "(0, None, None)");
    let refused = control.try_deploy("kv-hello", &guest::component("hello"), &json!({ "grants": ["kv:"] }));
    refused.expect_error(422, "settings");
}

#[test]
fn the_shortener_makes_links_and_counts_visits() {
    let server = shared();
    let manifest = include_str!("../examples/url-shortener/ostro.toml");
    let component = example::component("url-shortener");
    let parts: &[(&str, &[u8])] = &[("manifest", manifest.as_bytes()), ("component", &component)];
    server.control().upload("url-shortener", parts).expect_status(200);
    let ask = |method: &str, path: &str, body: &str| {
        let mounted = format!("/url-shortener{path}");
        Request::new(method, &mounted, "127.0.0.1").body(body).send(server.listen)
    };
    let code = ask("POST", "", "https://www.rust-lang.org/learn").expect_status(201).text().trim().to_owned();
    assert_eq!(code.len(), 7, "{code}");
    for _ in 0..2 {
        let answer = ask("GET", &format!("/{code}"), "").expect_status(302);
        assert_eq!(answer.header("location"), Some("https://www.rust-lang.org/learn"));
    }
    assert_eq!(ask("GET", &format!("/{code}+"), "").text(), "2 visits\n");
    assert_ne!(ask("POST", "", "https://www.rust-lang.org/learn").text().trim(), code);
    ask("GET", "/nothing", "").expect_status(404);
    for wrong in ["", "javascript:alert(1)", "https://a b", "ftp://x"] {
        ask("POST", "", wrong).expect_status(400);
    }
}
