//! Limits are on by default, each ends as the table of semantics.md says, and a neighbour sees nothing of it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Connection, Neighbour, Request, Server, guest, shared};

struct Case {
    guest: &'static str,
    path: &'static str,
    limits: Value,
    status: u16,
    code: &'static str,
}

/// Deploys each guest, calls it, and expects the outcome: to the client without a detail, in the record and the log with one.
fn check(prefix: &str, cases: &[Case]) {
    let server = shared();
    let control = server.control();
    for Case { guest: name, path, limits, status, code } in cases {
        let function = format!("{prefix}-{name}");
        control.deploy(&function, &guest::component(name), &json!({ "limits": limits }));
        let answer = server.get(&function, path);
        assert_eq!((answer.status, answer.code().as_str()), (*status, *code), "{name}: {}", answer.text());
        for inside in ["wasm", "0x", "backtrace", "unreachable"] {
            assert!(
                !answer.text().to_lowercase().contains(inside),
                "{name} tells the client too much: {}",
                answer.text()
            );
        }
        let record = control.invocations(&function, 1).remove(0);
        assert_eq!(record["outcome"], *code, "{name}");
        assert_eq!(record["status"], *status, "{name}");
        let line = control.log(&function, 1).pop().unwrap();
        assert_eq!(
            (&line["stream"], &line["invocation"]),
            (&json!("platform"), &record["id"]),
            "{name}: {line}"
        );
        // And again: the executor is none the worse for it.
        assert_eq!(server.get(&function, path).code(), *code, "{name} once more");
    }
}

#[test]
fn b1_b2_c1_cpu_is_bounded_wherever_it_is_spent() {
    let short = || json!({ "cpu": "200ms" });
    let case = |guest| Case { guest, path: "/", limits: short(), status: 504, code: "cpu_limit" };
    check("cpu", &[case("loop-forever"), case("loop-in-realloc"), case("bulk-fill"), case("clock-flood")]);
}

#[test]
fn b3_b7_traps_and_silence_are_told_apart() {
    let case = |guest, code| Case { guest, path: "/", limits: json!({}), status: 500, code };
    check(
        "end",
        &[
            case("trap", "trap"),
            case("grow-then-trap", "trap"),
            case("deep-recursion", "trap"),
            case("no-response", "no_response"),
            case("exit", "no_response"),
        ],
    );
}

#[test]
fn b4_b6_c2_memory_and_handles_are_bounded() {
    let small = || json!({ "memory": "16MiB", "cpu": "2s" });
    check(
        "room",
        &[
            Case { guest: "allocate-forever", path: "/", limits: small(), status: 500, code: "memory_limit" },
            Case { guest: "handles-forever", path: "/", limits: small(), status: 500, code: "trap" },
            Case { guest: "random", path: "/?1099511627776", limits: small(), status: 500, code: "trap" },
        ],
    );
}

#[test]
fn b4_memory_ends_at_the_page_that_the_limit_says() {
    let server = shared();
    server.deploy("pages", &guest::component("grow-to"), &json!({ "limits": { "memory": "4MiB" } }));
    for (pages, expected) in [(63, "grown\n"), (64, "grown\n"), (65, "refused\n")] {
        let answer = server.get("pages", &format!("/?{pages}")).expect_status(200);
        assert_eq!(answer.text(), expected, "{pages} pages");
    }
}

#[test]
fn b1_the_cpu_limit_is_kept_within_a_tick_or_two() {
    let server = shared();
    server.deploy("spinner", &guest::component("loop-forever"), &json!({ "limits": { "cpu": "100ms" } }));
    for _ in 0..3 {
        server.get("spinner", "/").expect_error(504, "cpu_limit");
    }
    for record in server.control().invocations("spinner", 3) {
        let cpu = record["bill"]["cpu_us"].as_u64().unwrap();
        assert!((99_000..200_000).contains(&cpu), "100 ms were allowed, {cpu} µs were used");
    }
}

#[test]
fn the_wall_limit_at_its_edges() {
    let server = shared();
    server.deploy("wall", &guest::component("sleeper"), &json!({ "limits": { "wall": "400ms" } }));
    assert_eq!(server.get("wall", "/?200").expect_status(200).text(), "rested\n");
    let begin = Instant::now();
    server.get("wall", "/?5000").expect_error(504, "deadline");
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(390) && took < Duration::from_secs(4), "{took:?}");
    // The wall is the time to the head: a stream may last longer.
    server.deploy("wall-stream", &guest::component("stream-slow"), &json!({ "limits": { "wall": "200ms" } }));
    assert_eq!(server.get("wall-stream", "/").body.len(), 30);
}

#[test]
fn a_request_body_at_its_limit() {
    let server = shared();
    server.deploy(
        "intake",
        &guest::component("count-body"),
        &json!({ "limits": { "request_body": 10_000 } }),
    );
    for (length, status) in [(9_999, 200), (10_000, 200), (10_001, 413)] {
        let answer = server.post("intake", "/", vec![b'x'; length]);
        assert_eq!(answer.status, status, "{length} bytes with content-length: {}", answer.text());
        let mut connection = Connection::open(server.listen);
        connection
            .send(&server.request("POST", "intake", "/").header("transfer-encoding", "chunked").bytes());
        // The server may have closed before the last piece was sent.
        connection
            .try_send(
                &[format!("{length:x}\r\n").into_bytes(), vec![b'x'; length], b"\r\n0\r\n\r\n".to_vec()]
                    .concat(),
            )
            .ok();
        let answer = connection.answer();
        assert_eq!(answer.status, status, "{length} bytes in chunks: {}", answer.text());
        if status == 200 {
            assert_eq!(answer.text(), length.to_string());
        }
    }
}

#[test]
fn concurrency_waits_in_order_and_then_says_busy() {
    let server = shared();
    server.deploy("narrow", &guest::component("sleeper"), &json!({ "limits": { "concurrency": 1 } }));
    let ask = |path: &'static str| {
        let (request, at) = (server.request("GET", "narrow", path), server.listen);
        std::thread::spawn(move || {
            let begin = Instant::now();
            (request.send(at), begin.elapsed())
        })
    };
    // Two at once: the second waits for the first.
    let (first, second) = (ask("/?300"), ask("/?300"));
    let (first, second) = (first.join().unwrap(), second.join().unwrap());
    assert_eq!((first.0.status, second.0.status), (200, 200));
    assert!(
        first.1.max(second.1) >= Duration::from_millis(590),
        "they ran at once: {:?} {:?}",
        first.1,
        second.1
    );
    // One that runs and four that wait: the sixth is refused at once.
    let running = ask("/?2500");
    std::thread::sleep(Duration::from_millis(150));
    let waiting: Vec<_> = (0..4).map(|_| ask("/?1")).collect();
    std::thread::sleep(Duration::from_millis(150));
    let begin = Instant::now();
    let refused = server.get("narrow", "/?1");
    assert!(begin.elapsed() < Duration::from_millis(1500), "{:?}", begin.elapsed());
    refused.clone().expect_error(503, "busy");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    for answer in waiting.into_iter().chain([running]) {
        assert_eq!(answer.join().unwrap().0.status, 200);
    }
}

#[test]
fn waiting_longer_than_five_seconds_is_busy() {
    let server = shared();
    server.deploy("queue-end", &guest::component("sleeper"), &json!({ "limits": { "concurrency": 1 } }));
    let (request, at) = (server.request("GET", "queue-end", "/?8000"), server.listen);
    let running = std::thread::spawn(move || request.send(at));
    std::thread::sleep(Duration::from_millis(200));
    let begin = Instant::now();
    server.get("queue-end", "/?1").expect_error(503, "busy");
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(4900) && took < Duration::from_millis(7500), "{took:?}");
    assert_eq!(running.join().unwrap().status, 200);
}

#[test]
fn the_rate_of_a_project_is_bounded() {
    let server = Server::start_with(&["--project-rate", "20"]);
    server.deploy("hasty", &guest::component("hello"), &json!({}));
    let other = server.project("calm");
    other.deploy("calm", &guest::component("hello"), &json!({}));
    let answers: Vec<_> = (0..100).map(|_| server.get("hasty", "/")).collect();
    let refused = answers.iter().find(|answer| answer.status == 429).expect("a hundred at once are too many");
    refused.clone().expect_error(429, "rate");
    assert!(refused.header("retry-after").is_some());
    assert!(answers.iter().filter(|answer| answer.status == 200).count() >= 20);
    let calm = Request::new("GET", "/", "calm--calm.localhost").send(server.listen);
    assert_eq!(calm.status, 200, "another project's rate is its own");
}

#[test]
fn a_neighbour_sees_no_error_beside_every_abuse() {
    let server = Server::start();
    server.project("good").deploy("neighbour", &guest::component("hello"), &json!({}));
    let limits = json!({ "limits": { "cpu": "400ms", "memory": "64MiB" } });
    let abuses = [
        "loop-forever",
        "allocate-forever",
        "trap",
        "deep-recursion",
        "bulk-fill",
        "handles-forever",
        "clock-flood",
    ];
    for abuse in abuses {
        server.deploy(abuse, &guest::component(abuse), &limits);
    }
    let neighbour = Neighbour::call(&server, "neighbour--good", "hello from ostro\n");
    std::thread::scope(|scope| {
        for abuse in abuses {
            scope.spawn(|| (0..2).for_each(|_| assert!(server.get(abuse, "/").status >= 500)));
        }
    });
    let times = neighbour.stop();
    // A debug build on two busy cores: the real figures are `cargo xtask bench neighbour`'s.
    let median = times[times.len() / 2];
    assert!(median < Duration::from_secs(1), "the neighbour's median was {median:?} of {}", times.len());
}

#[test]
fn short_work_beside_long_work_both_get_done() {
    let server = shared();
    server.deploy("burner", &guest::component("burn-50ms"), &json!({ "limits": { "wall": "10s" } }));
    server.deploy("quick", &guest::component("hello"), &json!({}));
    let neighbour = Neighbour::call(&server, "quick", "hello from ostro\n");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..5)
                    .for_each(|_| assert_eq!(server.get("burner", "/").expect_status(200).text(), "burnt\n"))
            });
        }
    });
    assert!(neighbour.stop().len() > 20);
}

#[test]
fn the_byte_budget_of_the_process_holds_over_all_instances() {
    let server = Server::start_with(&["--max-memory", "128MiB"]);
    server.deploy(
        "hungry",
        &guest::component("allocate-forever"),
        &json!({ "limits": { "memory": "96MiB" } }),
    );
    server.deploy("modest", &guest::component("hello"), &json!({}));
    let neighbour = Neighbour::call(&server, "modest", "hello from ostro\n");
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..3 {
                    let answer = server.get("hungry", "/");
                    assert!(
                        matches!(
                            (answer.status, answer.code().as_str()),
                            (500, "memory_limit") | (503, "busy")
                        ),
                        "{answer:?}"
                    );
                }
            });
        }
    });
    neighbour.stop();
}
