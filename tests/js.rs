//! JavaScript functions end to end: `ostro-js` builds them, the server runs them.
//!
//! The modules are `sdk/js/tests/*.js`. In `handlers.js` the path says what the handler does; the others are tables of
//! checks that run in the guest and answer with what failed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::jobs::ms;
use crate::support::script::{built, folder};
use crate::support::upstream::Upstream;
use crate::support::{Connection, Control, Request, Server, shared};

/// Deploys `handlers.js`; false where it cannot be built. It is built once, so that the server compiles it once.
fn deploy(control: &Control, function: &str, flags: &Value) -> bool {
    static HANDLERS: OnceLock<Option<Vec<u8>>> = OnceLock::new();
    let component = HANDLERS.get_or_init(|| built(&folder().join("handlers.js")));
    let Some(component) = component else { return false };
    let report = control.deploy(function, component, flags);
    assert_eq!(report["kind"], "http-0.3", "{report}");
    true
}

/// Messages of a log whose level is that.
fn at_level(lines: &[Value], level: &str) -> Vec<String> {
    let lines = lines.iter().filter(|line| line["level"] == level);
    lines.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_handler_sees_its_request_and_answers() {
    let server = shared();
    if !deploy(&server.control(), "js-answer", &json!({})) {
        return;
    }
    let answer = server.get("js-answer", "/hello").expect_status(200);
    assert_eq!(answer.text(), "Hello, world!\n");
    assert_eq!(answer.header("content-type"), Some("text/plain;charset=UTF-8"));
    assert_eq!(answer.header("content-length"), Some("14"));
    let request =
        server.request("PUT", "js-answer", "/request?a=%20b").header("X-Test", "seen").body("grüße");
    let seen = request.send(server.listen).expect_status(200).json();
    assert_eq!(
        seen,
        json!({
            "url": "http://js-answer.localhost/request?a=%20b", "method": "PUT", "header": "seen", "body": "grüße"
        })
    );
    server.get("js-answer", "/elsewhere").expect_status(404);
    // Each instance draws its own random numbers, although all come from one snapshot.
    let (one, two) = (server.get("js-answer", "/random").json(), server.get("js-answer", "/random").json());
    assert!(one[0] != two[0] && one[1] != two[1], "{one} {two}");
}

#[test]
fn streams_run_both_ways() {
    let server = shared();
    if !deploy(&server.control(), "js-stream", &json!({})) {
        return;
    }
    let large: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let back = server.post("js-stream", "/echo", large.clone()).expect_status(200);
    assert!(back.body == large, "{} bytes came back", back.body.len());
    assert_eq!(server.post("js-stream", "/upper", "grüße").text(), "GRÜSSE");
    // What the guest writes is sent at once.
    let mut connection = Connection::open(server.listen);
    let begin = Instant::now();
    connection.send(&server.request("GET", "js-stream", "/ticks").bytes());
    connection.head();
    assert_eq!(connection.chunk().unwrap().unwrap(), b"tick 1\n");
    let first = begin.elapsed();
    assert_eq!(connection.chunk().unwrap().unwrap(), b"tick 2\n");
    assert_eq!(connection.chunk().unwrap().unwrap(), b"tick 3\n");
    assert_eq!(connection.chunk().unwrap(), None);
    let rest = begin.elapsed().checked_sub(first).unwrap();
    assert!(rest >= Duration::from_millis(190), "the rest came {rest:?} after the first");
    // A stream that fails is no whole answer.
    let mut connection = Connection::open(server.listen);
    connection.send(&server.request("GET", "js-stream", "/cut").bytes());
    connection.head();
    assert_eq!(connection.chunk().unwrap().unwrap(), b"begun\n");
    assert_eq!(connection.rest().as_deref(), Some(&b""[..]), "the body seems complete, or is still open");
}

#[test]
fn background_work_goes_on_after_the_answer() {
    let server = shared();
    let control = server.control();
    if !deploy(&control, "js-later", &json!({})) {
        return;
    }
    let begin = Instant::now();
    assert_eq!(server.get("js-later", "/later").text(), "now\n");
    assert!(begin.elapsed() < Duration::from_secs(4), "the answer waited");
    let lines = control.log("js-later", 3);
    let info = at_level(&lines, "info");
    assert_eq!(info, ["later, for the module", "later, for ctx"]);
    assert!(at_level(&lines, "error")[0].contains("nobody waits for this"), "{lines:?}");
    // The timer that nobody waits for does not hold the instance.
    let record = control.invocations("js-later", 1).remove(0);
    assert_eq!(record["outcome"], "ok", "{record}");
    let wall = record["bill"]["wall_us"].as_u64().unwrap();
    assert!((140_000..2_000_000).contains(&wall), "{wall} µs");
}

#[test]
fn the_environment_has_variables_secrets_and_bindings() {
    let server = shared();
    let control = server.project("js-env");
    assert!(control.put("secrets/KEY", &json!({ "value": "12345" })).status < 300);
    assert!(control.put("secrets/OTHER", &json!({ "value": "x" })).status < 300);
    let flags = json!({
        "env": { "GREETING": "hi" },
        "grants": ["secret:KEY", "queue:post:send"],
        "bindings": { "POST": "queue:post" },
        "queues": [{ "name": "post" }],
    });
    if !deploy(&control, "inside", &flags) {
        return;
    }
    let get = |path: &str| {
        Request::new("GET", path, "inside--js-env.localhost").send(server.listen).expect_status(200)
    };
    assert_eq!(
        get("/env").json(),
        json!({ "greeting": "hi", "names": ["GREETING", "KEY", "POST"], "secret": 5, "missing": false })
    );
    let about = get("/about").json();
    assert_eq!(
        (&about["project"], &about["function"], &about["revision"], &about["left"]),
        (&json!("js-env"), &json!("inside"), &json!(1), &json!(true))
    );
    let refused = get("/denied").json();
    assert_eq!((&refused[0], &refused[2]), (&json!("denied"), &json!("denied")), "{refused}");
    assert!(refused[1].as_str().unwrap().contains("queue:elsewhere:send"), "{refused}");
    assert!(refused[3].as_str().unwrap().contains("secret:OTHER"), "{refused}");
    // What is sent comes back to the same module's queue handler, by its media type.
    assert_eq!(get("/send").json(), json!({ "same": true, "more": 2 }));
    let got = |lines: &[Value]| {
        let mut got: Vec<_> =
            at_level(lines, "info").into_iter().filter(|line| line.starts_with("got ")).collect();
        got.sort_unstable();
        got
    };
    let mut lines = control.log("inside", 3);
    for _ in 0..100 {
        if got(&lines).len() >= 3 {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        lines = control.log("inside", 3);
    }
    assert_eq!(got(&lines), ["got post \"text\" 1", "got post bytes 1,2 1", "got post {\"n\":1} 1"]);
}

#[test]
fn a_message_that_is_retried_comes_again() {
    let server = shared();
    let control = server.project("js-queue");
    if !deploy(&control, "worker", &json!({ "queues": [{ "name": "work", "attempts": 2 }] })) {
        return;
    }
    let send = |body: &str| {
        let sent = control
            .request("POST", "queues/work/messages")
            .header("content-type", "application/json")
            .body(body);
        sent.send(control.at).expect_status(202).json()["job"].as_str().unwrap().to_owned()
    };
    let job = control.job_in(&send("{\"retry\":true}"), "done");
    assert_eq!((&job["starts"], &job["failures"]), (&json!(2), &json!(1)), "{job}");
    let lines = control.lines("worker", 3);
    let failed = "failed: 1 of 1 messages failed, the first: the handler asked for a retry";
    assert_eq!(lines, ["got work {\"retry\":true} 1", failed, "got work {\"retry\":true} 2"]);
}

#[test]
fn a_slot_of_a_schedule_calls_its_handler() {
    let server = Server::start_turned();
    server.clock().set(ms("2026-05-04T10:00:30Z"));
    let control = server.control();
    let flags = json!({ "cron": [{ "schedule": "* * * * *" }], "env": { "GREETING": "fail" } });
    if !deploy(&control, "js-cron", &flags) {
        return;
    }
    server.clock().turn(Duration::from_secs(60));
    let slot = "slot * * * * * 2026-05-04T10:01:00.000Z 1 fail";
    let lines = control.lines("js-cron", 2);
    assert_eq!(lines[0], slot);
    assert!(lines[1].starts_with("Error: not this time\n    at scheduled (handlers.js:"), "{}", lines[1]);
    let job = control.jobs_of("js-cron").remove(0);
    let job = control.job_when(job["id"].as_str().unwrap(), |job| job["failures"] == 1);
    assert_eq!(job["last_error"], "handler: Error: not this time", "{job}");
}

#[test]
fn main_is_called_by_name() {
    let server = shared();
    let control = server.project("js-main");
    if !deploy(&control, "adder", &json!({ "env": { "GREETING": "hi" } })) {
        return;
    }
    let call = |body: &str| {
        let path = "functions/adder/invoke?method=POST&path=/_ostro/invoke";
        control.request("POST", path).header("content-type", "application/json").body(body).send(control.at)
    };
    let answer = call("{\"a\":1,\"b\":2}").expect_status(200);
    assert_eq!(answer.json(), json!({ "sum": 3, "function": "adder", "greeting": "hi" }));
    assert_eq!(call("{\"fail\":true}").header("ostro-status"), Some("500"));
    assert_eq!(call("{a").header("ostro-status"), Some("400"));
}

#[test]
fn fetch_reaches_what_is_granted() {
    let server = shared();
    let upstream = Upstream::answering(
        "HTTP/1.1 201 Created\r\nx-up: yes\r\ncontent-length: 4\r\nconnection: close\r\n\r\npong",
    );
    let control = server.control();
    if !deploy(&control, "js-fetch", &json!({ "grants": [upstream.grant()] })) {
        return;
    }
    let answer =
        server.get("js-fetch", &format!("/fetch?to=http://{}/path?q=1", upstream.at)).expect_status(200);
    assert_eq!(answer.text(), "201 yes pong");
    let seen = upstream.seen().remove(0);
    assert!(
        seen.starts_with("post /path?q=1 http/1.1\r\n") && seen.contains("\r\nx-from: guest\r\n"),
        "{seen}"
    );
    assert!(seen.contains("\r\ncontent-length: 4\r\n"), "{seen}");
    let failed = server.get("js-fetch", "/fetch-failed?to=http://example.com/").expect_status(200).json();
    assert_eq!(failed[0], "TypeError", "{failed}");
}

#[test]
fn errors_are_logged_with_their_place_and_hidden_from_clients() {
    let server = shared();
    let control = server.control();
    if !deploy(&control, "js-throw", &json!({})) {
        return;
    }
    for (path, error) in [
        ("/throw", "RangeError: as deep as it goes"),
        ("/reject", "TypeError: rejected"),
        ("/nothing", "TypeError: The fetch handler returned nothing: return a Response."),
    ] {
        let answer = server.get("js-throw", path).expect_status(500);
        assert!(!answer.text().contains("Error"), "{}", answer.text());
        let lines = control.log("js-throw", 1);
        assert!(at_level(&lines, "error").iter().any(|line| line.starts_with(error)), "{lines:?}");
    }
    let stack = at_level(&control.log("js-throw", 3), "error").remove(0);
    let source = std::fs::read_to_string(folder().join("handlers.js")).unwrap();
    let line = 1 + source.lines().position(|line| line.contains("throw new RangeError")).unwrap();
    assert!(stack.contains(&format!("    at deep (handlers.js:{line}:")), "{stack}");
    assert!(!stack.contains("ostro:"), "{stack}");
    let records = control.invocations("js-throw", 3);
    assert!(records.iter().all(|record| record["outcome"] == "trap"), "{records:?}");
    // The console shows objects.
    server.get("js-throw", "/log").expect_status(200);
    let lines = control.log("js-throw", 6);
    assert!(
        at_level(&lines, "info")[0].contains("{ a: [ 1, { b: Map(1) { 'k' => 1 } } ], self: [Circular] }"),
        "{lines:?}"
    );
    assert_eq!(at_level(&lines, "warn"), ["five is 5"]);
}

#[test]
fn typescript_errors_are_in_the_lines_of_the_source() {
    let server = shared();
    let control = server.control();
    let Some(component) = built(&folder().join("typed.ts")) else { return };
    control.deploy("js-typed", &component, &json!({}));
    assert_eq!(server.post("js-typed", "/", "{\"id\":1,\"total\":5}").json(), json!({ "id": 1, "total": 5 }));
    server.post("js-typed", "/", "{\"id\":7,\"total\":-5}").expect_status(500);
    let stack = at_level(&control.log("js-typed", 1), "error").remove(0);
    let source = std::fs::read_to_string(folder().join("typed.ts")).unwrap();
    let line = 1 + source.lines().position(|line| line.contains("throw new Error")).unwrap();
    assert!(stack.starts_with("Error: order 7 is negative\n"), "{stack}");
    assert!(stack.contains(&format!("(typed.ts:{line}:")), "{stack}");
}

#[test]
fn a_handler_that_never_ends_is_ended() {
    let server = shared();
    let control = server.control();
    if !deploy(&control, "js-never", &json!({ "limits": { "wall": "2s", "cpu": "200ms" } })) {
        return;
    }
    // A promise that nothing will settle: the guest is over without an answer. A wait: the time is over.
    for (path, status) in [("/never", 500), ("/wait", 504), ("/forever", 504)] {
        let begin = Instant::now();
        let answer = server.get("js-never", path);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(begin.elapsed() < Duration::from_secs(5), "{path} took {:?}", begin.elapsed());
    }
    let records = control.invocations("js-never", 3);
    let outcomes: Vec<_> = records.iter().rev().map(|record| record["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["no_response", "deadline", "cpu_limit"], "{records:?}");
    // Nothing is left behind: the next one answers.
    assert_eq!(server.get("js-never", "/hello").text(), "Hello, world!\n");
}

#[test]
fn a_client_that_goes_leaves_nothing_behind() {
    let server = shared();
    let control = server.control();
    if !deploy(&control, "js-gone", &json!({ "limits": { "concurrency": 1, "wall": "5s" } })) {
        return;
    }
    let mut connection = Connection::open(server.listen);
    connection.send(&server.request("GET", "js-gone", "/wait").bytes());
    std::thread::sleep(Duration::from_millis(200));
    drop(connection);
    control.invocations("js-gone", 1);
    assert_eq!(server.get("js-gone", "/hello").expect_status(200).text(), "Hello, world!\n");
    let mut connection = Connection::open(server.listen);
    connection.send(&server.request("GET", "js-gone", "/ticks").bytes());
    connection.head();
    connection.chunk().unwrap();
    drop(connection);
    control.invocations("js-gone", 3);
    assert_eq!(server.get("js-gone", "/hello").expect_status(200).text(), "Hello, world!\n");
}

/// Runs a table of checks in a guest; `least` of them pass, and none fails.
fn table(module: &Path, function: &str, least: u64) {
    let server = shared();
    let Some(component) = built(module) else { return };
    server.deploy(function, &component, &json!({ "limits": { "cpu": "60s", "wall": "60s" } }));
    let report = server.get(function, "/").expect_status(200).json();
    eprintln!("{function}: {} checks passed in a guest", report["passed"]);
    assert_eq!(report["failed"], json!([]), "{function}");
    assert!(report["passed"].as_u64() >= Some(least), "{report}");
}

#[test]
fn the_fetch_api_passes_its_tables() {
    table(&folder().join("fetch.js"), "table-fetch", 48);
}

#[test]
fn streams_and_text_pass_their_tables() {
    table(&folder().join("streams.js"), "table-streams", 37);
}

#[test]
fn namespaces_pass_their_table() {
    let server = shared();
    let Some(component) = built(&folder().join("kv.js")) else { return };
    let grants = json!(["kv:words", "kv:lists"]);
    let flags = json!({ "grants": grants, "bindings": { "WORDS": "kv:words" }, "limits": { "cpu": "60s" } });
    server.deploy("table-kv", &component, &flags);
    let report = server.get("table-kv", "/").expect_status(200).json();
    assert_eq!((&report["failed"], &report["passed"]), (&json!([]), &json!(10)), "{report}");
}

/// Runs the table of a module in a project of its own, with these settings: it counts what is there.
fn data_table(name: &str, passed: usize, flags: &Value, functions: &[&str]) {
    let server = shared();
    let Some(component) = built(&folder().join(format!("{name}.js"))) else { return };
    let control = server.project(&format!("js-{name}"));
    for function in functions {
        control.deploy(function, &component, flags);
    }
    let host = format!("{}--js-{name}.localhost", functions[0]);
    let report = Request::new("GET", "/", &host).send(server.listen).expect_status(200).json();
    assert_eq!((&report["failed"], &report["passed"]), (&json!([]), &json!(passed)), "{report}");
}

#[test]
fn collections_and_transactions_pass_their_table() {
    let names = ["users", "things", "many", "kinds", "owned", "accounts", "readonly:read"];
    let grants = names.map(|name| format!("collection:{name}"));
    let grants: Vec<_> =
        grants.into_iter().chain(["kv:words".to_owned(), "queue:post:send".to_owned()]).collect();
    let flags =
        json!({ "grants": grants, "bindings": { "USERS": "collection:users" }, "limits": { "cpu": "60s" } });
    data_table("db", 20, &flags, &["table"]);
}

#[test]
fn buckets_pass_their_table() {
    let flags = json!({
        "grants": ["bucket:files", "bucket:others"],
        "bindings": { "FILES": "bucket:files" },
        "limits": { "cpu": "60s" },
    });
    data_table("storage", 13, &flags, &["table"]);
}

#[test]
fn callers_and_accounts_pass_their_table() {
    // Notes and files are there, and nothing of them is open to callers.
    let flags = json!({ "grants": ["users:sign-in,read", "collection:notes", "bucket:files"] });
    data_table("users", 4, &flags, &["table"]);
}

#[test]
fn databases_pass_their_table() {
    let flags = json!({ "grants": ["sql:main", "sql:report:read"], "bindings": { "MAIN": "sql:main" } });
    data_table("sql", 7, &flags, &["table"]);
}

#[test]
fn calls_of_functions_pass_their_table() {
    let flags = json!({
        "grants": ["function:other", "function:missing"],
        "bindings": { "OTHER": "function:other" },
    });
    data_table("functions", 4, &flags, &["table", "other"]);
}

/// What it costs a program to use data, and one that does not.
#[test]
fn a_component_has_what_its_program_uses() {
    let project = tempfile::tempdir().unwrap();
    let size = |name: &str, text: &str| {
        let file = project.path().join(name);
        std::fs::write(&file, text).unwrap();
        built(&file).map_or(0, |component| component.len())
    };
    let hello = size("hello.js", "export default { fetch: () => new Response('hi') };\n");
    let db = size(
        "db.js",
        "import { db } from 'ostro';\nexport default { fetch: async () => Response.json(await db.collection('a').get('b')) };\n",
    );
    let all = size("all.js", "export * from 'ostro';\nexport default { fetch: () => new Response('hi') };\n");
    eprintln!("hello {hello} bytes, with documents {db}, with everything {all}");
    assert!(hello <= 2_000_000 && db <= 2_100_000 && all <= 2_200_000, "{hello} {db} {all}");
}

#[test]
fn the_rest_of_the_platform_passes_its_tables() {
    table(&folder().join("platform.js"), "table-platform", 21);
}

/// With what a program may do to the globals before the libraries are there.
#[test]
fn libraries_that_nothing_suggests_come_late() {
    let project = tempfile::tempdir().unwrap();
    for name in ["harness.js", "late.js"] {
        std::fs::copy(folder().join(name), project.path().join(name)).unwrap();
    }
    for (name, first) in [
        ("plain", ""),
        ("no-eval", "delete globalThis.eval;"),
        ("other-eval", "globalThis.eval = () => { throw new Error('not this one'); };"),
        ("frozen", "Object.freeze(globalThis);"),
    ] {
        let entry = project.path().join(format!("{name}.js"));
        std::fs::write(&entry, format!("export {{ default }} from './late.js';\n{first}\n")).unwrap();
        table(&entry, &format!("table-late-{name}"), 3);
    }
}

#[test]
fn a_heap_with_holes_comes_back_as_it_was() {
    let server = shared();
    let Some(component) = built(&folder().join("heap.js")) else { return };
    server.deploy("js-heap", &component, &json!({ "limits": { "cpu": "60s", "wall": "60s" } }));
    // What was free, some 10 MB, is not in it.
    assert!(component.len() < 12_000_000, "{} bytes", component.len());
    for _ in 0..2 {
        let seen = server.get("js-heap", "/").expect_status(200).json();
        assert_eq!((&seen["before"], &seen["after"]), (&seen["built"], &seen["built"]), "{seen}");
        assert_eq!((&seen["same"], &seen["ones"]), (&json!(true), &json!(true)), "{seen}");
        assert!(seen["made"].as_u64() > Some(100_000), "{seen}");
    }
}

/// The data are the Web Platform Tests' own, as the crate `url` carries them.
#[test]
fn addresses_pass_the_web_platform_tests() {
    let Some(data) = url_tests() else {
        eprintln!("skipped: the source of the crate `url` is not in cargo's registry");
        return;
    };
    let project = tempfile::tempdir().unwrap();
    for name in ["harness.js", "url.js"] {
        std::fs::copy(folder().join(name), project.path().join(name)).unwrap();
    }
    for name in ["urltestdata.json", "setters_tests.json"] {
        std::fs::copy(data.join(name), project.path().join(name)).unwrap();
    }
    table(&project.path().join("url.js"), "table-url", 1_050);
}

/// The folder of the tests of the crate `url`, which the workspace depends on.
fn url_tests() -> Option<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut asked = Command::new(cargo);
    asked.args(["metadata", "--format-version", "1", "--offline"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let metadata: Value = serde_json::from_slice(&asked.output().unwrap().stdout).ok()?;
    let package = metadata["packages"].as_array()?.iter().find(|package| package["name"] == "url")?.clone();
    let tests = Path::new(package["manifest_path"].as_str()?).with_file_name("tests");
    tests.join("urltestdata.json").is_file().then_some(tests)
}
