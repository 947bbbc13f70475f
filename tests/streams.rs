//! Bodies stream both ways, and a client can always tell an answer that was cut.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Connection, Ended, Server, guest, http2, shared};

#[test]
fn a_body_streams_in_while_the_answer_streams_out() {
    let server = shared();
    server.deploy("parrot", &guest::component("echo-body"), &json!({}));
    let mut connection = Connection::open(server.listen);
    connection.send(&server.request("POST", "parrot", "/").header("transfer-encoding", "chunked").bytes());
    // The head and each piece come back before the next piece is sent.
    let mut head = None;
    for piece in ["first ", "second ", "third"] {
        connection.send(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes());
        head.get_or_insert_with(|| connection.head());
        assert_eq!(connection.chunk().unwrap(), Some(piece.as_bytes().to_vec()));
    }
    connection.send(b"0\r\n\r\n");
    assert_eq!(connection.chunk().unwrap(), None);
    assert_eq!(head.unwrap().status, 200);
    // The connection is good for another request.
    connection.send(&server.request("POST", "parrot", "/").body("again").bytes());
    assert_eq!(connection.answer().text(), "again");
}

#[test]
fn the_first_byte_does_not_wait_for_the_last() {
    let server = shared();
    server.deploy("dripping", &guest::component("stream-slow"), &json!({}));
    let mut connection = Connection::open(server.listen);
    let begin = Instant::now();
    connection.send(&server.request("GET", "dripping", "/").bytes());
    connection.head();
    assert_eq!(connection.chunk().unwrap(), Some(b"chunk\n".to_vec()));
    let first = begin.elapsed();
    for _ in 0..4 {
        assert_eq!(connection.chunk().unwrap(), Some(b"chunk\n".to_vec()));
    }
    assert_eq!(connection.chunk().unwrap(), None);
    let whole = begin.elapsed();
    assert!(whole >= Duration::from_millis(490), "{whole:?}");
    assert!(whole - first >= Duration::from_millis(200), "the first chunk came after {first:?} of {whole:?}");
}

#[test]
fn d6_d8_a_failure_after_the_head_is_seen_as_a_cut() {
    let server = shared();
    let quick = json!({ "limits": { "stream_idle": "300ms", "cpu": "300ms" } });
    for (function, component, path, outcome) in [
        ("cut-trap", "stream-then-trap", "/", "trap"),
        ("cut-short", "length-mismatch", "/?5", "bad_response"),
        ("cut-idle", "stream-then-silence", "/", "deadline"),
    ] {
        server.deploy(function, &guest::component(component), &quick);
        let answer = server.get(function, path);
        assert_eq!((answer.status, answer.ended), (200, Ended::Cut), "{function} over HTTP/1.1: {answer:?}");
        let host = format!("{function}.localhost");
        let answer = http2::run(async {
            http2::Client::open(server.listen).await.request("GET", &host, path, Vec::new()).await
        });
        // A stream may be reset before its head was read.
        if let Ok(answer) = answer {
            assert_eq!(
                (answer.status, answer.ended),
                (200, Ended::Cut),
                "{function} over HTTP/2: {answer:?}"
            );
        }
        let records = server.control().invocations(function, 2);
        assert!(records.iter().all(|record| record["outcome"] == outcome), "{function}: {records:?}");
    }
}

#[test]
fn d8_a_body_longer_than_its_length_never_reaches_the_next_answer() {
    let server = shared();
    server.deploy("too-long", &guest::component("length-mismatch"), &json!({}));
    server.deploy("too-long-next", &guest::component("hello"), &json!({}));
    let mut connection = Connection::open(server.listen);
    connection.send(&server.request("GET", "too-long", "/?20").bytes());
    connection.send(&server.request("GET", "too-long-next", "/").bytes());
    let first = connection.answer();
    match first.status {
        502 => assert_eq!(first.code(), "bad_response"),
        200 => assert!(b"0123456789".starts_with(&first.body), "{first:?}"),
        _ => panic!("{first:?}"),
    }
    // Either the connection was closed, or the next answer is a whole one.
    if let Ok(next) = connection.try_answer(false) {
        assert_eq!((next.status, next.text().as_str()), (200, "hello from ostro\n"));
    }
    assert_eq!(server.get("too-long", "/?10").text(), "0123456789");
}

#[test]
fn d6_a_stream_without_end_stops_when_its_time_is_over() {
    let server = shared();
    let component = guest::component("never-ending-stream");
    server.deploy("endless", &component, &json!({ "limits": { "stream_total": "1s", "cpu": "60s" } }));
    let begin = Instant::now();
    let answer = server.get("endless", "/");
    assert_eq!(answer.ended, Ended::Cut);
    assert!(answer.body.len() > 100_000, "{} bytes", answer.body.len());
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
}

#[test]
fn d2_a_client_that_does_not_read_fills_no_memory() {
    let server = Server::start();
    server.deploy(
        "hose",
        &guest::component("never-ending-stream"),
        &json!({ "limits": { "stream_idle": "2s", "stream_total": "6s", "cpu": "60s", "concurrency": 20 } }),
    );
    let before = server.resident();
    let connections: Vec<_> = (0..20)
        .map(|_| {
            let mut connection = Connection::open(server.listen);
            connection.send(&server.request("GET", "hose", "/").bytes());
            connection
        })
        .collect();
    std::thread::sleep(Duration::from_millis(1500));
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 20 * (2 << 20), "{} KiB for {} clients that do not read", grown >> 10, connections.len());
    // Nobody reads, so no byte leaves: each is cut, and a place is free for one that waits for it.
    let mut late = Connection::open(server.listen);
    late.send(&server.request("GET", "hose", "/").bytes());
    assert_eq!(late.head().status, 200);
    drop(late);
    std::thread::sleep(Duration::from_secs(1));
    // Who reads at last sees that it was cut.
    for mut connection in connections {
        assert_eq!(connection.answer().ended, Ended::Cut);
    }
    let records = server.control().invocations("hose", 20);
    assert!(records.iter().all(|record| record["outcome"] == "deadline"), "{records:?}");
}

#[test]
fn d7_an_early_answer_does_not_swallow_a_huge_body() {
    let server = Server::start();
    server.deploy("early", &guest::component("hello"), &json!({}));
    let before = server.resident();
    let mut connection = Connection::open(server.listen);
    connection.send(&server.request("POST", "early", "/").header("transfer-encoding", "chunked").bytes());
    let piece = [format!("{:x}\r\n", 1 << 16).into_bytes(), vec![b'x'; 1 << 16], b"\r\n".to_vec()].concat();
    // 10 GB would follow; the server answers and closes long before.
    let mut sent = 0_u64;
    while sent < 200 << 20 && connection.try_send(&piece).is_ok() {
        sent += 1 << 16;
    }
    assert!(sent < 100 << 20, "the server took {} MiB that nobody reads", sent >> 20);
    assert!(server.resident() < before + (32 << 20));
    assert_eq!(server.get("early", "/").status, 200);
}
