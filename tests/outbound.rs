//! Outbound HTTP: only to what is granted, never to private addresses that are not granted as such (threats.md C11 to C16).

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::upstream::Upstream;
use crate::support::{Server, guest, shared};

/// Cases of `wasi:http`'s error-code by number.
/// Prohibited address, request denied, URI invalid.
const DENIED: &[u64] = &[4, 15, 19];
const NO_CONNECTION: &[u64] = &[1, 2, 3, 4, 15];

/// What the guest `fetch` tells of a URL.
fn fetch(server: &Server, function: &str, url: &str) -> Fetched {
    let text = server.get(function, &format!("/?{url}")).expect_status(200).text();
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    match first.strip_prefix("error ") {
        Some(code) => Fetched::Failed(code.parse().unwrap_or(u64::MAX)),
        None => Fetched::Answered(first.parse().unwrap_or_else(|_| panic!("{url}: {text}")), rest.to_owned()),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Fetched {
    Answered(u16, String),
    /// The error-code's number; the largest number when the URL could not even be set.
    Failed(u64),
}

const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nhello\n";

#[test]
fn only_what_is_granted_is_reached() {
    let server = shared();
    let (granted, other) = (Upstream::answering(FINE), Upstream::answering(FINE));
    let component = guest::component("fetch");
    server.deploy("reach", &component, &json!({ "grants": [granted.grant()] }));
    server.deploy("reach-nothing", &component, &json!({}));
    assert_eq!(
        fetch(&server, "reach", &format!("http://{}/path?q", granted.at)),
        Fetched::Answered(200, "hello\n".to_owned())
    );
    assert!(granted.seen()[0].starts_with("get /path?q http/1.1\r\n"), "{:?}", granted.seen());
    assert!(granted.seen()[0].contains(&format!("\r\nhost: {}\r\n", granted.at)), "{:?}", granted.seen());
    for (function, to) in [("reach", &other), ("reach-nothing", &granted)] {
        assert_eq!(
            fetch(&server, function, &format!("http://{}/", to.at)),
            Fetched::Failed(15),
            "{function}"
        );
    }
    assert_eq!((granted.seen().len(), other.seen().len()), (1, 0));
    let line = server.control().log("reach-nothing", 1).remove(0);
    assert!(
        line["message"].as_str().unwrap().contains(&granted.grant()),
        "the line to add is not named: {line}"
    );
}

/// C11: an address that is granted is reached in that spelling only; nothing else private is, however it is written.
#[test]
fn c11_private_addresses_are_denied_in_every_spelling() {
    let server = shared();
    let upstream = Upstream::answering(FINE);
    let port = upstream.at.port();
    let grants =
        json!([upstream.grant(), "http:http://example.com", format!("http:http://{}", server.admin),]);
    let flags = json!({ "grants": grants, "limits": { "wall": "20s" } });
    server.deploy("ssrf", &guest::component("fetch"), &flags);
    let hosts = [
        "localhost",
        "localhost.",
        "LOCALHOST",
        "127.0.0.2",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "169.254.169.254",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "224.0.0.1",
        "255.255.255.255",
    ];
    for host in hosts {
        let begin = Instant::now();
        match fetch(&server, "ssrf", &format!("http://{host}:{port}/")) {
            Fetched::Failed(code) => {
                assert!(DENIED.contains(&code) || code == u64::MAX, "{host}: error {code}")
            }
            answered => panic!("{host} was reached: {answered:?}"),
        }
        assert!(begin.elapsed() < Duration::from_secs(5), "{host} was dialled for {:?}", begin.elapsed());
    }
    for url in
        [format!("http://example.com@127.0.0.1:{port}/"), format!("http://127.0.0.1:{port}#example.com/")]
    {
        let text = server.get("ssrf", &format!("/?{url}")).text();
        assert!(text.starts_with("error"), "{url}: {text}");
    }
    // The control API is never reached, not even with a grant.
    for own in [server.listen, server.admin] {
        let fetched = fetch(&server, "ssrf", &format!("http://{own}/health"));
        assert!(matches!(fetched, Fetched::Failed(_)), "{own} is the server's own: {fetched:?}");
    }
    assert_eq!(upstream.seen(), Vec::<String>::new());
    let url = format!("http://{}/", upstream.at);
    assert_eq!(fetch(&server, "ssrf", &url), Fetched::Answered(200, "hello\n".to_owned()));
}

/// C11: names of this machine and odd notations of addresses can't be granted at all; the refusal says what to write.
#[test]
fn c11_a_grant_names_an_address_in_the_usual_notation() {
    let server = shared();
    let control = server.control();
    for (host, hint) in [
        ("localhost", "http:http://127.0.0.1:9000"),
        ("LOCALHOST.", "http:http://127.0.0.1:9000"),
        ("inner.localhost", "http:http://127.0.0.1:9000"),
        ("127.1", "such as"),
        ("2130706433", "such as"),
        ("0x7f000001", "such as"),
        ("0177.0.0.1", "such as"),
    ] {
        let flags = json!({ "grants": [format!("http:http://{host}:9000")] });
        let answer = control.try_deploy("odd-grant", &guest::component("fetch"), &flags);
        answer.expect_error(422, "settings");
        assert!(
            answer.json()["error"]["hint"].as_str().unwrap_or_default().contains(hint),
            "{host}: {}",
            answer.text()
        );
    }
    control.get("functions/odd-grant").expect_error(404, "not_found");
}

#[test]
fn c12_names_that_do_not_resolve_end_soon() {
    let server = shared();
    let component = guest::component("fetch");
    server.deploy(
        "nowhere",
        &component,
        &json!({ "grants": ["http:http://no-such-name.invalid"], "limits": { "wall": "25s" } }),
    );
    let Fetched::Failed(code) = fetch(&server, "nowhere", "http://no-such-name.invalid/") else {
        panic!("answered")
    };
    assert!(NO_CONNECTION.contains(&code), "error {code}");
}

#[test]
fn c13_redirects_are_the_guests_business() {
    let server = shared();
    let inside = Upstream::answering(FINE);
    let answer = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://{}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        inside.at
    );
    let upstream = Upstream::answering(&answer);
    server.deploy("redirected", &guest::component("fetch"), &json!({ "grants": [upstream.grant()] }));
    assert_eq!(
        fetch(&server, "redirected", &format!("http://{}/", upstream.at)),
        Fetched::Answered(302, String::new())
    );
    assert_eq!(inside.seen(), Vec::<String>::new());
}

#[test]
fn c14_odd_upstreams_give_typed_errors() {
    let server = shared();
    let component = guest::component("fetch");
    let cases: Vec<(&str, String)> = vec![
        ("closes at once", String::new()),
        ("is no HTTP", "220 mail.example.com ESMTP\r\n".to_owned()),
        ("has a huge header", format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(2 << 20))),
        ("has a million headers", format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(300_000))),
    ];
    for (what, answer) in cases {
        let upstream = Upstream::answering(&answer);
        server.deploy("odd-upstream", &component, &json!({ "grants": [upstream.grant()] }));
        let fetched = fetch(&server, "odd-upstream", &format!("http://{}/", upstream.at));
        assert!(matches!(fetched, Fetched::Failed(code) if code < 39), "{what}: {fetched:?}");
    }
    // A body that breaks off, or is not framed as it says, is told to the guest as such.
    for (what, answer) in [
        ("a body cut short", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello"),
        ("a chunk that is none", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"),
    ] {
        let upstream = Upstream::answering(answer);
        server.deploy("odd-upstream", &component, &json!({ "grants": [upstream.grant()] }));
        let fetched = fetch(&server, "odd-upstream", &format!("http://{}/", upstream.at));
        let Fetched::Answered(200, body) = &fetched else { panic!("{what}: {fetched:?}") };
        assert!(body.ends_with("broken\n"), "{what}: {body}");
    }
}

#[test]
fn c14_an_upstream_that_drips_is_bounded_by_the_wall() {
    let server = shared();
    let upstream = Upstream::start(|mut stream| {
        for byte in b"HTTP/1.1 200 OK\r\n".iter().chain(b"x: y\r\n".iter().cycle()) {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    server.deploy(
        "drip",
        &guest::component("fetch"),
        &json!({ "grants": [upstream.grant()], "limits": { "wall": "1s" } }),
    );
    let begin = Instant::now();
    server.get("drip", &format!("/?http://{}/", upstream.at)).expect_error(504, "deadline");
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
}

#[test]
fn c15_headers_that_are_the_hosts_are_refused_or_dropped() {
    let server = shared();
    let upstream = Upstream::answering(FINE);
    server.deploy("forged", &guest::component("fetch"), &json!({ "grants": [upstream.grant()] }));
    let url = format!("http://{}/", upstream.at);
    let names = [
        "host",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "upgrade",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "forwarded",
        "x-forwarded-for",
        "x-real-ip",
        "ostro-user",
        "ostro-trigger",
    ];
    for name in names {
        let text = server.get("forged", &format!("/{name}?{url}")).text();
        if text != "header refused\n" {
            let seen = upstream.seen().pop().unwrap_or_default();
            assert!(!seen.contains(&format!("\r\n{name}: 1\r\n")), "{name} went out: {seen}");
        }
    }
    assert!(server.get("forged", &format!("/x-mine?{url}")).text().starts_with("200"));
    assert!(upstream.seen().pop().unwrap().contains("\r\nx-mine: 1\r\n"));
}

#[test]
fn c16_calls_are_counted_and_ports_are_not_scanned() {
    let server = shared();
    let upstream = Upstream::answering(FINE);
    let many = guest::component("fetch-many");
    server.deploy("caller", &many, &json!({ "grants": [upstream.grant()] }));
    assert_eq!(server.get("caller", &format!("/?http://{}/", upstream.at)).text(), "50");
    server.deploy("caller", &many, &json!({ "limits": { "outbound_calls": 3 } }));
    assert_eq!(server.get("caller", &format!("/?http://{}/", upstream.at)).text(), "3");
    let record = server.control().invocations("caller", 2).remove(0);
    assert!(record["bill"]["host_calls"].to_string().contains("wasi:http/outgoing-handler"), "{record}");
    // A grant of an origin is a grant of its port only.
    server.deploy("scanner", &guest::component("fetch"), &json!({ "grants": ["http:http://example.com"] }));
    for port in [22, 25, 5432] {
        assert_eq!(
            fetch(&server, "scanner", &format!("http://example.com:{port}/")),
            Fetched::Failed(15),
            "port {port}"
        );
    }
}
