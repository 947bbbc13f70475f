//! The log of a function: what it holds, how it is bounded, how it is followed.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Connection, Control, guest, shared};

#[test]
fn c3_lines_are_data_whatever_the_guest_writes() {
    let server = shared();
    let control = server.control();
    control.deploy("talker", &guest::component("log-lines"), &json!({}));
    let answer = server.get("talker", "/").expect_status(200);
    let lines = control.log("talker", 3);
    let find = |stream: &str| {
        lines.iter().find(|line| line["stream"] == stream).unwrap_or_else(|| panic!("{stream}: {lines:?}"))
    };
    assert_eq!(find("stdout")["message"], "a line on stdout");
    let forged = find("stderr");
    assert!(forged["message"].as_str().unwrap().contains("{\"level\":\"critical\"}"), "{forged}");
    assert_ne!(forged["level"], "critical");
    let logged = find("logging");
    assert_eq!(logged["level"], "warn");
    assert!(logged["message"].as_str().unwrap().contains("a warning"), "{logged}");
    for line in &lines {
        assert_eq!(line["invocation"], answer.header("ostro-invocation").unwrap());
        assert_eq!(line["revision"], 1);
        assert!(line["at_ms"].as_i64().unwrap() > 1_700_000_000_000, "{line}");
    }
    // On the wire no escape sequence stands raw.
    let raw = control.get("functions/talker/logs").body;
    assert!(!raw.contains(&0x1b) && !raw.contains(&0), "{:?}", String::from_utf8_lossy(&raw));
}

#[test]
fn c3_a_flood_is_cut_and_counted_and_blocks_nobody() {
    let server = shared();
    let control = server.control();
    control.deploy("flood", &guest::component("log-flood"), &json!({}));
    assert_eq!(server.get("flood", "/").expect_status(200).text(), "flooded\n");
    let lines = until_full(&control, 0);
    let total: usize = lines.iter().map(|line| line["message"].as_str().unwrap().len()).sum();
    assert!(total <= (256 << 10) + 4096, "{total} bytes were kept");
    assert!(total >= 200 << 10, "only {total} bytes were kept");
    let longest = lines.iter().map(|line| line["message"].as_str().unwrap().len()).max().unwrap();
    assert!(longest <= 4096, "a line of {longest} bytes");
    let guest_after = lines.iter().rev().take_while(|line| line["stream"] != "platform").count();
    assert_eq!(guest_after, 0, "lines were kept after the log was full: {:?}", lines.last());
    // The limit is the function's.
    control.deploy("flood", &guest::component("log-flood"), &json!({ "limits": { "log": "1KiB" } }));
    let since = lines.iter().map(|line| line["at_ms"].as_i64().unwrap()).max().unwrap();
    std::thread::sleep(Duration::from_millis(5));
    server.get("flood", "/").expect_status(200);
    let total: usize = until_full(&control, since + 1)
        .iter()
        .filter(|line| line["stream"] == "stdout")
        .map(|line| line["message"].as_str().unwrap().len())
        .sum();
    assert!(total <= 1024 + 128, "{total} bytes");
}

#[test]
fn a_log_can_be_followed() {
    let server = shared();
    let control = server.control();
    control.deploy("followed", &guest::component("log-lines"), &json!({}));
    server.get("followed", "/").expect_status(200);
    control.log("followed", 3);
    let mut connection = Connection::open(control.at);
    connection.patience(Duration::from_secs(20));
    connection.send(&control.request("GET", "functions/followed/logs?follow=true&since_ms=0").bytes());
    let head = connection.head();
    assert_eq!(head.status, 200);
    assert!(
        head.headers
            .iter()
            .any(|(name, value)| name == "content-type" && value.starts_with("application/x-ndjson")),
        "{head:?}"
    );
    let past = read_lines(&mut connection, 3);
    assert!(past.iter().any(|line| line["message"] == "a line on stdout"), "{past:?}");
    let begin = Instant::now();
    let answer = server.get("followed", "/");
    let fresh = read_lines(&mut connection, 3);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    assert!(
        fresh.iter().all(|line| line["invocation"] == answer.header("ostro-invocation").unwrap()),
        "{fresh:?}"
    );
}

#[test]
fn a_limit_and_a_time_bound_the_answer() {
    let server = shared();
    let control = server.control();
    control.deploy("bounded", &guest::component("log-lines"), &json!({}));
    (0..4).for_each(|_| assert_eq!(server.get("bounded", "/").status, 200));
    let all = control.log("bounded", 12);
    let two = control.get("functions/bounded/logs?limit=2").expect_status(200).json();
    assert_eq!(two["lines"].as_array().unwrap()[..], all[all.len() - 2..], "the newest two, oldest first");
    let later = control.get("functions/bounded/logs?since_ms=99999999999999").expect_status(200).json();
    assert_eq!(later["lines"], json!([]));
    control.get("functions/nobody/logs").expect_error(404, "not_found");
    assert_eq!(control.get("functions/bounded/logs?limit=many").status, 400);
}

/// The lines of the flood since then, as soon as the platform has told that the log is full.
fn until_full(control: &Control, since_ms: i64) -> Vec<Value> {
    for _ in 0..200 {
        let path = format!("functions/flood/logs?limit=10000&since_ms={since_ms}");
        let lines = control.get(&path).expect_status(200).json()["lines"].as_array().unwrap().clone();
        let told = |line: &Value| {
            line["stream"] == "platform"
                && line["message"].as_str().unwrap().contains("the log of this invocation is full")
        };
        if lines.iter().any(told) {
            return lines;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("nobody tells that the log is full");
}

/// Reads so many JSON lines of an endless stream.
fn read_lines(connection: &mut Connection, count: usize) -> Vec<Value> {
    let mut text = String::new();
    while text.matches('\n').count() < count {
        let chunk = connection.chunk().unwrap().expect("the stream has no end");
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect()
}
