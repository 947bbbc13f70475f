//! Guests of WASI 0.3: what holds for those of 0.2 holds for them, and their calls may interleave.
//!
//! The guest is `tests/guests-rust/p3-worker`: its path says how it behaves.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::deploy::tar;
use crate::support::jobs::ms;
use crate::support::upstream::Upstream;
use crate::support::{Connection, Ended, Server, example, guest, http2, shared};

/// Deploys the worker under that name.
fn deploy(server: &Server, function: &str, flags: &Value) -> Value {
    server.deploy(function, &example::component("p3-worker"), flags)
}

/// Outcome of a function's only invocation, once it is over.
fn outcome(server: &Server, function: &str) -> Value {
    server.control().invocations(function, 1).remove(0)
}

#[test]
fn a_handler_of_0_3_answers() {
    let server = shared();
    let report = deploy(&server, "new", &json!({}));
    assert_eq!(report["kind"], "http-0.3", "{report}");
    let answer = server.get("new", "/");
    assert_eq!((answer.status, answer.text().as_str()), (200, "hello from 0.3\n"));
    assert_eq!(server.get("new", "/target").text(), "Some(Scheme::Http) Some(\"new.localhost\")\n");
    let record = outcome(&server, "new");
    assert_eq!(record["outcome"], "ok", "{record}");
    assert!(record["bill"]["cpu_us"].as_u64() > Some(0), "{record}");
    assert!(record["bill"]["peak_memory_bytes"].as_u64() > Some(0), "{record}");
    // Each has a fresh instance.
    assert_eq!(server.get("new", "/served").text(), "1\n");
    assert_eq!(server.get("new", "/served").text(), "1\n");
}

#[test]
fn the_example_streams_its_answer() {
    let server = shared();
    server.deploy("lines", &example::component("hello-p3"), &json!({}));
    let mut connection = Connection::open(server.listen);
    let begin = Instant::now();
    connection.send(&server.request("GET", "lines", "/3").bytes());
    connection.head();
    assert_eq!(connection.chunk().unwrap().unwrap(), b"line 1 of 3 from hello-p3\n");
    let first = begin.elapsed();
    assert_eq!(connection.chunk().unwrap().unwrap(), b"line 2 of 3 from hello-p3\n");
    assert_eq!(connection.chunk().unwrap().unwrap(), b"line 3 of 3 from hello-p3\n");
    assert_eq!(connection.chunk().unwrap(), None);
    let whole = begin.elapsed();
    assert!(whole - first >= Duration::from_millis(450), "the first line came after {first:?} of {whole:?}");
}

#[test]
fn a_request_streams_in_while_the_answer_streams_out() {
    let server = shared();
    deploy(&server, "parrot-p3", &json!({}));
    for path in ["/echo", "/pass"] {
        let mut connection = Connection::open(server.listen);
        connection
            .send(&server.request("POST", "parrot-p3", path).header("transfer-encoding", "chunked").bytes());
        let mut head = None;
        for piece in ["first ", "second ", "third"] {
            connection.send(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes());
            head.get_or_insert_with(|| connection.head());
            assert_eq!(connection.chunk().unwrap(), Some(piece.as_bytes().to_vec()), "{path}");
        }
        connection.send(b"0\r\n\r\n");
        assert_eq!(connection.chunk().unwrap(), None, "{path}");
        assert_eq!(head.unwrap().status, 200);
        // The connection is good for another request.
        connection.send(&server.request("POST", "parrot-p3", path).body("again").bytes());
        assert_eq!(connection.answer().text(), "again", "{path}");
    }
    let long: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    for path in ["/echo", "/pass"] {
        assert!(server.post("parrot-p3", path, long.clone()).body == long, "{path} changed a long body");
    }
    let records = server.control().invocations("parrot-p3", 6);
    assert!(records.iter().all(|record| record["outcome"] == "ok"), "{records:?}");
    assert_eq!(records[0]["bill"]["bytes_in"], 3_000_000);
    assert_eq!(records[0]["bill"]["bytes_out"], 3_000_000);
}

#[test]
fn a_client_that_does_not_read_holds_the_guest_back() {
    let server = Server::start();
    deploy(&server, "hose-p3", &json!({ "limits": { "stream_idle": "2s", "memory": "64MiB" } }));
    let before = server.resident();
    let long = vec![b'x'; 8 << 20];
    let mut connections = Vec::new();
    for _ in 0..8 {
        let mut connection = Connection::open(server.listen);
        connection.patience(Duration::from_millis(300));
        // Nobody reads what comes back: at some point no more is taken.
        let request = server.request("POST", "hose-p3", "/echo").body(long.clone());
        connection.try_send(&request.bytes()).ok();
        connections.push(connection);
    }
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 8 * (6 << 20), "{} MiB for {} clients that do not read", grown >> 20, connections.len());
    drop(connections);
}

#[test]
fn outbound_calls_are_granted_and_streamed() {
    let server = shared();
    let upstream = Upstream::answering("HTTP/1.1 203 Fine\r\ncontent-length: 6\r\n\r\nthere\n");
    deploy(&server, "caller-p3", &json!({ "grants": [upstream.grant()] }));
    let answer = server.get("caller-p3", &format!("/fetch?http://{}/a/path", upstream.at));
    assert_eq!((answer.status, answer.text().as_str()), (203, "there\n"));
    assert!(upstream.seen()[0].starts_with("get /a/path http/1.1\r\n"), "{:?}", upstream.seen());
    let answer = server.get("caller-p3", "/fetch?http://127.0.0.1:1/");
    assert_eq!((answer.status, answer.text().as_str()), (502, "ErrorCode::HttpRequestDenied\n"));
    let refusal = server.control().log("caller-p3", 1).remove(0);
    assert!(refusal["message"].as_str().unwrap().contains("http:http://127.0.0.1:1"), "{refusal}");
    let calls = outcome(&server, "caller-p3")["bill"]["host_calls"].to_string();
    assert!(calls.contains("outgoing"), "{calls}");
}

#[test]
fn failures_before_the_head_are_told_apart() {
    let server = shared();
    let short = json!({ "limits": { "cpu": "200ms", "wall": "4s", "memory": "32MiB" } });
    for (function, path, status, code) in [
        ("p3-trap", "/trap", 500, "trap"),
        ("p3-loop", "/loop", 504, "cpu_limit"),
        ("p3-sleep", "/sleep?20000", 504, "deadline"),
        ("p3-never", "/never", 500, "no_response"),
        ("p3-grow", "/grow?64", 500, "memory_limit"),
        ("p3-handles", "/handles", 500, "trap"),
        ("p3-refuse", "/refuse", 502, "bad_response"),
        ("p3-throw", "/throw", 500, "trap"),
    ] {
        deploy(&server, function, &short);
        let answer = server.get(function, path);
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}: {}", answer.text());
        let record = outcome(&server, function);
        assert_eq!((&record["outcome"], &record["status"]), (&json!(code), &json!(status)), "{record}");
        // And the next one is served.
        assert_eq!(server.get(function, "/").text(), "hello from 0.3\n", "after {path}");
    }
    let line = server.control().log("p3-never", 1).remove(0);
    assert!(line["message"].as_str().unwrap().contains("can never happen"), "{line}");
}

#[test]
fn a_failure_after_the_head_is_seen_as_a_cut() {
    let server = shared();
    let quick = json!({ "limits": { "stream_idle": "3s", "cpu": "200ms" } });
    for (function, path, code) in [
        ("p3-cut-trap", "/cut", "trap"),
        ("p3-cut-loop", "/loop-after", "cpu_limit"),
        ("p3-cut-idle", "/stream?20000", "deadline"),
        ("p3-cut-short", "/length?12", "bad_response"),
    ] {
        deploy(&server, function, &quick);
        let answer = server.get(function, path);
        assert_eq!((answer.status, answer.ended), (200, Ended::Cut), "{path} over HTTP/1.1: {answer:?}");
        let host = format!("{function}.localhost");
        let answer = http2::run(async {
            http2::Client::open(server.listen).await.request("GET", &host, path, Vec::new()).await
        });
        // A stream may be reset before its head was read.
        if let Ok(answer) = answer {
            assert_eq!((answer.status, answer.ended), (200, Ended::Cut), "{path} over HTTP/2: {answer:?}");
        }
        let records = server.control().invocations(function, 2);
        assert!(records.iter().all(|record| record["outcome"] == code), "{path}: {records:?}");
    }
    assert_eq!(server.get("p3-cut-short", "/length?10").text(), "ten bytes.");
}

#[test]
fn a_client_that_goes_away_lets_the_guest_finish_or_cancels_it() {
    let server = shared();
    deploy(&server, "left-p3", &json!({}));
    deploy(&server, "left-cancel-p3", &json!({ "on_disconnect": "cancel" }));
    for function in ["left-p3", "left-cancel-p3"] {
        // Before the head, and within the body.
        for path in ["/sleep?1000", "/stream?500"] {
            let mut connection = Connection::open(server.listen);
            connection.send(&server.request("GET", function, path).bytes());
            std::thread::sleep(Duration::from_millis(150));
        }
    }
    let control = server.control();
    assert_eq!(control.log("left-p3", 1)[0]["message"], "the reader is gone");
    let records = control.invocations("left-p3", 2);
    assert!(records.iter().all(|record| record["outcome"] == "ok"), "{records:?}");
    let records = control.invocations("left-cancel-p3", 2);
    for record in &records {
        assert_eq!(record["outcome"], "cancelled", "{record}");
        assert!(record["bill"]["wall_us"].as_u64() < Some(900_000), "{record}");
    }
}

#[test]
fn work_goes_on_after_the_response() {
    let server = shared();
    deploy(&server, "later-p3", &json!({}));
    let begin = Instant::now();
    assert_eq!(server.get("later-p3", "/after?1000").text(), "answered\n");
    assert!(begin.elapsed() < Duration::from_millis(900), "the answer waited: {:?}", begin.elapsed());
    assert_eq!(server.control().log("later-p3", 1)[0]["message"], "worked on for 1000 ms");
    let record = outcome(&server, "later-p3");
    assert_eq!(record["outcome"], "ok", "{record}");
    assert!(record["bill"]["wall_us"].as_u64() >= Some(990_000), "{record}");
}

/// Slow: 30 seconds are what the work has.
#[test]
fn work_after_the_response_has_thirty_seconds() {
    let server = Server::start();
    deploy(&server, "too-late-p3", &json!({}));
    assert_eq!(server.get("too-late-p3", "/after?60000").text(), "answered\n");
    std::thread::sleep(Duration::from_millis(29_000));
    let records = server.control().invocations("too-late-p3", 0);
    assert!(records.is_empty(), "it was ended too early: {records:?}");
    let record = outcome(&server, "too-late-p3");
    assert_eq!((&record["outcome"], &record["status"]), (&json!("deadline"), &json!(200)), "{record}");
    let wall = record["bill"]["wall_us"].as_u64().unwrap();
    assert!((30_000_000..32_000_000).contains(&wall), "{record}");
}

/// Each folder that is being read held a thread of those that read files and look up names for everybody.
#[test]
fn folders_that_nobody_reads_on_hold_up_nobody() {
    let server = Server::start_with(&["--executors", "1"]);
    let bundle = tar(&[("one.txt", b"1"), ("two.txt", b"2"), ("three.txt", b"3")]);
    for (function, component) in
        [("reader-p3", example::component("p3-worker")), ("site-beside", guest::component("assets"))]
    {
        let parts: &[(&str, &[u8])] = &[("flags", b"{}"), ("component", &component), ("assets", &bundle)];
        server.control().upload(function, parts).expect_status(200);
    }
    let reading = std::thread::spawn({
        let (request, at) = (server.request("GET", "reader-p3", "/folders?600"), server.listen);
        move || request.send(at).text()
    });
    server.control().log("reader-p3", 1);
    let begin = Instant::now();
    assert_eq!(server.get("site-beside", "/two.txt").text(), "2");
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    assert_eq!(reading.join().unwrap(), "600\n");
}

#[test]
fn one_instance_serves_one_after_the_other() {
    let server = Server::start_with(&["--executors", "1"]);
    deploy(&server, "again-p3", &json!({ "reuse": 3 }));
    // An answer may be here before its instance is back: an invocation is recorded when all of it is over.
    let served = |number: usize| {
        let text = server.get("again-p3", "/served").text();
        server.control().invocations("again-p3", number);
        text
    };
    assert_eq!([1, 2, 3, 4].map(served), ["1\n", "2\n", "3\n", "1\n"]);
    // A trap ends the instance.
    assert_eq!(server.get("again-p3", "/trap").status, 500);
    assert_eq!(server.get("again-p3", "/served").text(), "1\n");
}

#[test]
fn reuse_is_refused_where_it_breaks() {
    let server = shared();
    let control = server.control();
    let component = example::component("p3-worker");
    for (breaks, reason) in [("trap", "trap"), ("status", "503")] {
        let flags = json!({ "env": { "BREAKS": breaks }, "reuse": 10 });
        let answer = control.try_deploy("fragile-p3", &component, &flags);
        answer.expect_error(422, "reuse");
        assert!(answer.text().contains(reason), "{}", answer.text());
    }
    assert!(!control.functions().contains(&"fragile-p3".to_owned()));
    // What breaks with reuse works without.
    deploy(&server, "fragile-p3", &json!({ "env": { "BREAKS": "trap" } }));
    assert_eq!(server.get("fragile-p3", "/served").text(), "1\n");
    assert_eq!(server.get("fragile-p3", "/served").text(), "1\n");
}

#[test]
fn slots_and_messages_come_by_calls_that_wait() {
    let server = Server::start_turned();
    server.clock().set(ms("2026-05-04T10:00:30Z"));
    let control = server.control();
    let report = deploy(
        &server,
        "waiting",
        &json!({ "cron": [{ "schedule": "* * * * *" }], "queues": [{ "name": "waiting", "batch": 10 }] }),
    );
    assert_eq!(report["kind"], "http-0.3", "{report}");
    server.clock().turn(Duration::from_secs(60));
    let schedule = control.schedule_when("waiting", |schedule| schedule["last_job"].is_string());
    control.job_in(schedule["last_job"].as_str().unwrap(), "done");
    let slot = ms("2026-05-04T10:01:00Z");
    assert_eq!(control.lines("waiting", 1), [format!("slot {slot} of \"* * * * *\", start 1")]);
    let good = control.send("waiting", "", "good");
    control.job_in(&good, "done");
    let bad = control.send("waiting", "", "bad");
    let job = control.job_when(&bad, |job| job["failures"] == 1);
    assert!(job["last_error"].as_str().unwrap().contains("it is bad"), "{job}");
    let lines = control.lines("waiting", 4);
    assert_eq!(lines[1..3], ["1 messages of waiting", "1 messages of waiting"]);
    let records = control.invocations("waiting", 3);
    let triggers: Vec<_> = records.iter().map(|record| record["trigger"].as_str().unwrap()).collect();
    assert_eq!(triggers, ["queue", "queue", "cron"]);
}

/// Sends that many requests at once and returns the answers.
fn at_once(server: &Server, function: &str, path: &str, count: usize) -> Vec<(u16, String)> {
    let calls: Vec<_> = (0..count)
        .map(|_| {
            let (request, at) = (server.request("GET", function, path), server.listen);
            std::thread::spawn(move || {
                let answer = request.send(at);
                let text = answer.text();
                (answer.status, if answer.status == 200 { text } else { answer.code() })
            })
        })
        .collect();
    calls.into_iter().map(|call| call.join().unwrap()).collect()
}

#[test]
fn calls_meet_in_one_instance_where_the_function_asks_for_it() {
    let server = Server::start_with(&["--executors", "1"]);
    let report = deploy(&server, "meeting", &json!({ "reuse": 1000, "concurrent": 4 }));
    assert_eq!(report["kind"], "http-0.3", "{report}");
    for (status, text) in at_once(&server, "meeting", "/meet", 4) {
        assert_eq!((status, text.as_str()), (200, "met\n"));
    }
    // Without it, they are alone; and no more than four are in one.
    deploy(&server, "alone", &json!({}));
    assert_eq!(server.get("alone", "/meet").text(), "alone\n");
    assert_eq!(at_once(&server, "meeting", "/sleep?300", 9).len(), 9);
    let served: Vec<u32> =
        (0..5).map(|_| server.get("meeting", "/served").text().trim().parse().unwrap()).collect();
    assert!(served.windows(2).all(|pair| pair[1] == pair[0] + 1), "one instance goes on: {served:?}");
    let records = server.control().invocations("meeting", 18);
    assert!(records.iter().all(|record| record["outcome"] == "ok"), "{records:?}");
    assert!(records.iter().all(|record| record["bill"]["cpu_us"].as_u64() > Some(0)), "{records:?}");
    // Streams, and work after the answer, as alone.
    assert_eq!(server.get("meeting", "/stream?10").text(), "chunk\n".repeat(5));
    assert_eq!(server.post("meeting", "/echo", "there and back").text(), "there and back");
    assert_eq!(server.get("meeting", "/after?300").text(), "answered\n");
    let lines = server.control().log("meeting", 1);
    assert_eq!(lines[0]["message"], "worked on for 300 ms", "{lines:?}");
}

#[test]
fn a_shared_instance_ends_after_as_many_calls_as_asked() {
    let server = Server::start_with(&["--executors", "1"]);
    deploy(&server, "counted-p3", &json!({ "reuse": 3, "concurrent": 2 }));
    let served: Vec<String> = (0..4).map(|_| server.get("counted-p3", "/served").text()).collect();
    assert_eq!(served, ["1\n", "2\n", "3\n", "1\n"]);
}

#[test]
fn a_trap_fails_all_that_share_the_instance() {
    let server = Server::start_with(&["--executors", "1"]);
    let limits = json!({ "cpu": "200ms", "wall": "8s", "memory": "32MiB" });
    for (function, path, code) in [
        ("shared-trap", "/trap", "trap"),
        ("shared-loop", "/loop", "cpu_limit"),
        ("shared-grow", "/grow?64", "memory_limit"),
    ] {
        deploy(&server, function, &json!({ "reuse": 1000, "concurrent": 8, "limits": limits }));
        let (request, at) = (server.request("GET", function, "/sleep?6000"), server.listen);
        let neighbour = std::thread::spawn(move || request.send(at));
        // It opens the instance.
        std::thread::sleep(Duration::from_millis(200));
        let mut streaming = Connection::open(server.listen);
        streaming.send(&server.request("GET", function, "/stream?2000").bytes());
        streaming.head();
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(server.get(function, path).code(), code);
        assert_eq!(neighbour.join().unwrap().code(), code, "who shares the instance fails with it");
        let rest = streaming.rest().expect("a body that is open is cut");
        assert!(!rest.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&rest));
        let records = server.control().invocations(function, 3);
        assert!(records.iter().all(|record| record["outcome"] == code), "{records:?}");
        assert_eq!(server.get(function, "/served").text(), "1\n", "the next one has a new instance");
    }
}

#[test]
fn one_call_out_of_time_lets_the_others_finish() {
    let server = Server::start_with(&["--executors", "1"]);
    deploy(&server, "patient", &json!({ "reuse": 1000, "concurrent": 8, "limits": { "wall": "700ms" } }));
    let (request, at) = (server.request("GET", "patient", "/sleep?60000"), server.listen);
    let late = std::thread::spawn(move || request.send(at));
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(server.get("patient", "/sleep?600").text(), "rested\n");
    assert_eq!(late.join().unwrap().code(), "deadline");
    assert_eq!(server.get("patient", "/served").text(), "1\n", "nobody else is let in");
    // A client that goes away, where the function asks for cancellation, is given up as well.
    deploy(&server, "hasty", &json!({ "reuse": 1000, "concurrent": 8, "on_disconnect": "cancel" }));
    let mut connection = Connection::open(server.listen);
    connection.send(&server.request("GET", "hasty", "/sleep?5000").bytes());
    std::thread::sleep(Duration::from_millis(150));
    drop(connection);
    assert_eq!(outcome(&server, "hasty")["outcome"], "cancelled");
}
