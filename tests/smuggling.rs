//! D4: bytes that two parsers could read as two different requests are refused, and the connection is closed.

use serde_json::json;

use crate::support::{Connection, guest, shared};

/// What must happen to some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// One request, answered; the connection stays open for the one that follows.
    One,
    /// One request, answered; then the connection is closed, so that no byte after it is read in any way.
    Last,
    /// An error status and a close: no byte after it is read as a request.
    Refused,
}

/// Sends the bytes with a second, well-formed request behind them, and looks at how many requests the server saw.
fn check(cases: &[(&str, &str, Verdict)]) {
    let server = shared();
    server.deploy("strict", &guest::component("echo-body"), &json!({}));
    for (what, bytes, expected) in cases {
        let mut connection = Connection::open(server.listen);
        connection.try_send(bytes.as_bytes()).ok();
        connection.try_send(b"POST /next HTTP/1.1\r\nhost: strict.localhost\r\ncontent-length: 4\r\nconnection: close\r\n\r\nnext").ok();
        let first = connection.try_answer(false);
        let verdict = match &first {
            Ok(answer) if answer.status == 200 && answer.header("connection") == Some("close") => {
                Verdict::Last
            }
            Ok(answer) if answer.status == 200 => Verdict::One,
            Ok(answer) => {
                assert!((400..=505).contains(&answer.status), "{what}: {answer:?}");
                Verdict::Refused
            }
            Err(_) => Verdict::Refused,
        };
        assert_eq!(verdict, *expected, "{what}: {first:?}");
        let second = connection.try_answer(false);
        match expected {
            Verdict::One => {
                assert_eq!(second.map(|answer| answer.text()).ok().as_deref(), Some("next"), "{what}")
            }
            Verdict::Last | Verdict::Refused => {
                assert!(second.is_err(), "{what}: read on: {second:?}");
                let body = first.map(|answer| answer.text()).unwrap_or_default();
                assert!(!body.contains("next"), "{what}: read as a body: {body}");
            }
        }
    }
}

#[test]
fn d4_one_length_and_only_one() {
    // Both framings at once: the chunks count and the connection ends (RFC 9112 section 6.1).
    const H: &str = "host: strict.localhost\r\n";
    let request = |headers: &str, body: &str| format!("POST / HTTP/1.1\r\n{H}{headers}\r\n{body}");
    let cases = [
        ("a length", request("content-length: 3\r\n", "abc"), Verdict::One),
        ("chunks", request("transfer-encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"), Verdict::One),
        (
            "length, then chunks",
            request("content-length: 3\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n"),
            Verdict::Last,
        ),
        (
            "chunks, then length",
            request("transfer-encoding: chunked\r\ncontent-length: 3\r\n", "0\r\n\r\n"),
            Verdict::Last,
        ),
        ("two lengths", request("content-length: 3\r\ncontent-length: 5\r\n", "abcde"), Verdict::Refused),
        // One value said twice is one value (RFC 9110 section 8.6); hyper hands on a single header.
        ("two equal lengths", request("content-length: 3\r\ncontent-length: 3\r\n", "abc"), Verdict::One),
        ("a list of lengths", request("content-length: 3, 3\r\n", "abc"), Verdict::Refused),
        ("a signed length", request("content-length: +3\r\n", "abc"), Verdict::Refused),
        ("a negative length", request("content-length: -1\r\n", ""), Verdict::Refused),
        ("a length of words", request("content-length: three\r\n", "abc"), Verdict::Refused),
        (
            "a length beyond numbers",
            request("content-length: 99999999999999999999999\r\n", ""),
            Verdict::Refused,
        ),
        (
            "chunked and identity",
            request("transfer-encoding: chunked, identity\r\n", "0\r\n\r\n"),
            Verdict::Refused,
        ),
        (
            "identity",
            request("transfer-encoding: identity\r\ncontent-length: 3\r\n", "abc"),
            Verdict::Refused,
        ),
        ("xchunked", request("transfer-encoding: xchunked\r\n", "0\r\n\r\n"), Verdict::Refused),
        (
            "chunked twice",
            request("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n"),
            Verdict::Refused,
        ),
        (
            "a space before the colon",
            request("transfer-encoding : chunked\r\n", "0\r\n\r\n"),
            Verdict::Refused,
        ),
        ("gzip and chunked", request("transfer-encoding: gzip, chunked\r\n", "0\r\n\r\n"), Verdict::Refused),
    ];
    check(&cases.each_ref().map(|(what, bytes, verdict)| (*what, bytes.as_str(), *verdict)));
}

#[test]
fn d4_chunks_by_the_letter() {
    let request = |body: &str| {
        format!("POST / HTTP/1.1\r\nhost: strict.localhost\r\ntransfer-encoding: chunked\r\n\r\n{body}")
    };
    let cases = [
        ("a short extension", request("3;name=value\r\nabc\r\n0\r\n\r\n"), Verdict::One),
        ("capital digits", request("A\r\n0123456789\r\n0\r\n\r\n"), Verdict::One),
    ];
    check(&cases.each_ref().map(|(what, bytes, verdict)| (*what, bytes.as_str(), *verdict)));
    // A fault inside the body shows after the head has gone out: the answer is cut or an error, and nothing follows.
    let server = shared();
    let extension = request(&format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(40_000)));
    for (what, bytes) in [
        ("a 0x size", request("0x3\r\nabc\r\n0\r\n\r\n")),
        ("a size with a sign", request("+3\r\nabc\r\n0\r\n\r\n")),
        ("a size that overflows", request("fffffffffffffffff\r\nabc\r\n0\r\n\r\n")),
        ("no line break after a chunk", request("3\r\nabcX0\r\n\r\n")),
        ("a bare line feed", request("3\nabc\n0\n\n")),
        ("an endless extension", extension),
    ] {
        let mut connection = Connection::open(server.listen);
        connection.try_send(bytes.as_bytes()).ok();
        connection
            .try_send(b"POST /next HTTP/1.1\r\nhost: strict.localhost\r\ncontent-length: 4\r\n\r\nnext")
            .ok();
        connection.patience(std::time::Duration::from_secs(10));
        let rest = connection.rest().unwrap_or_else(|| panic!("{what}: the connection stays open"));
        let rest = String::from_utf8_lossy(&rest).into_owned();
        assert!(!rest.contains("next"), "{what}: the bytes behind were read as a request: {rest}");
        assert!(
            !rest.ends_with("0\r\n\r\n") || rest.starts_with("HTTP/1.1 4"),
            "{what}: a whole answer: {rest}"
        );
    }
}

#[test]
fn d4_heads_by_the_letter() {
    const H: &str = "host: strict.localhost\r\n";
    let get = |headers: &str| format!("GET / HTTP/1.1\r\n{headers}\r\n");
    let cases = [
        ("a plain GET", get(H), Verdict::One),
        ("a GET with a body", format!("GET / HTTP/1.1\r\n{H}content-length: 2\r\n\r\nok"), Verdict::One),
        (
            "the absolute form",
            "GET http://strict.localhost/ HTTP/1.1\r\nhost: strict.localhost\r\n\r\n".to_owned(),
            Verdict::One,
        ),
        ("no host", get(""), Verdict::Refused),
        ("two hosts", get("host: strict.localhost\r\nhost: other.localhost\r\n"), Verdict::Refused),
        ("two equal hosts", get("host: strict.localhost\r\nhost: strict.localhost\r\n"), Verdict::Refused),
        ("a list of hosts", get("host: strict.localhost, other.localhost\r\n"), Verdict::Refused),
        ("a host with a space", get("host: strict.localhost other\r\n"), Verdict::Refused),
        ("a host with userinfo", get("host: user@strict.localhost\r\n"), Verdict::Refused),
        ("a host with a path", get("host: strict.localhost/x\r\n"), Verdict::Refused),
        (
            "another host in the target",
            "GET http://other.localhost/ HTTP/1.1\r\nhost: strict.localhost\r\n\r\n".to_owned(),
            Verdict::Refused,
        ),
        ("a folded header", get(&format!("{H}x-folded: a\r\n b\r\n")), Verdict::Refused),
        ("a name with a space", get(&format!("{H}x bad: 1\r\n")), Verdict::Refused),
        ("an empty name", get(&format!("{H}: 1\r\n")), Verdict::Refused),
        ("no colon", get(&format!("{H}nonsense\r\n")), Verdict::Refused),
        ("NUL in a value", get(&format!("{H}x-nul: a\0b\r\n")), Verdict::Refused),
        ("a bare CR in a value", get(&format!("{H}x-cr: a\rb\r\n")), Verdict::Refused),
        (
            "NUL in the target",
            "GET /\0 HTTP/1.1\r\nhost: strict.localhost\r\n\r\n".to_owned(),
            Verdict::Refused,
        ),
        ("no version", format!("GET /\r\n{H}\r\n"), Verdict::Refused),
        ("version 1.2", format!("GET / HTTP/1.2\r\n{H}\r\n"), Verdict::Refused),
        ("version 3", format!("GET / HTTP/3.0\r\n{H}\r\n"), Verdict::Refused),
        ("a relative target", format!("GET x HTTP/1.1\r\n{H}\r\n"), Verdict::Refused),
        ("an odd expectation", get(&format!("{H}expect: the-unexpected\r\n")), Verdict::Refused),
    ];
    check(&cases.each_ref().map(|(what, bytes, verdict)| (*what, bytes.as_str(), *verdict)));
}

#[test]
fn d4_expect_continue_is_answered_once() {
    let server = shared();
    server.deploy("expecting", &guest::component("count-body"), &json!({}));
    let mut connection = Connection::open(server.listen);
    connection.send(
        &server
            .request("POST", "expecting", "/")
            .header("expect", "100-continue")
            .header("content-length", "5")
            .bytes(),
    );
    let first = connection.head();
    assert_eq!(first.status, 100, "{first:?}");
    connection.send(b"12345");
    assert_eq!(connection.answer().text(), "5");
}

/// HTTP/2 requests that would become something else when written as HTTP/1.1.
#[test]
fn d4_http2_heads_that_could_be_read_in_two_ways() {
    use crate::support::http2;
    let server = shared();
    server.deploy("strict-two", &guest::component("echo-request"), &json!({}));
    let base =
        [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "strict-two.localhost")];
    let cases: [(&str, Vec<(&str, &str)>); 10] = [
        ("transfer-encoding", vec![("transfer-encoding", "chunked")]),
        ("connection", vec![("connection", "x")]),
        ("te other than trailers", vec![("te", "chunked")]),
        ("another host", vec![("host", "other.localhost")]),
        ("a line break in a value", vec![("x-a", "1\r\nhost: other")]),
        ("NUL in a value", vec![("x-a", "1\x002")]),
        ("capitals in a name", vec![("X-A", "1")]),
        ("a space in a name", vec![("x a", "1")]),
        ("a pseudo-header late", vec![("x-a", "1"), (":path", "/other")]),
        ("an unknown pseudo-header", vec![(":secret", "1")]),
    ];
    for (what, more) in cases {
        let fields: Vec<_> = base.iter().copied().chain(more).collect();
        let mut connection = Connection::open(server.listen);
        connection
            .send(&[http2::PREFACE, &http2::frame(4, 0, 0, &[]), &http2::headers(1, 1, &fields)].concat());
        connection.patience(std::time::Duration::from_millis(500));
        connection.finish();
        let answer = connection.rest().unwrap_or_default();
        let seen = String::from_utf8_lossy(&answer).into_owned();
        // The guest repeats what it was given: none of it may be seen.
        assert!(!seen.contains("GET /\n"), "{what} reached the guest: {seen:?}");
    }
}
