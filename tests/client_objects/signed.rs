//! Threats C5, C7 and C9: a URL that a caller has signed is the caller's at every moment, in what it may and in what it takes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use super::visitor::{MANIFEST, Visitor};
use crate::accounts::bench::Bench;
use crate::support::Connection;

/// Editors see what is on the desk.
const DESK: &str = "[auth]\nemail = true\n[bucket.photos]\n\
    rules = { read = \"'editor' in auth.roles\", create = \"'editor' in auth.roles\" }\n[function.hello]\n";

fn change(bench: &Bench, body: &Value) {
    let request = bench.server.control().request("PATCH", "users/ann@example.com");
    let request = request.header("content-type", "application/json").body(body.to_string());
    request.send(bench.server.admin).expect_status(200);
}

/// Somebody who signs in again, with the roles of now.
fn again(bench: &Bench) -> Visitor<'_> {
    let grant = bench.sign_in("ann@example.com", "correct horse").expect_status(200).json();
    Visitor { bench, token: grant["access_token"].as_str().unwrap().to_owned() }
}

#[test]
fn c9_a_signed_url_tells_nothing_of_its_signer_and_ends_with_it() {
    let bench = Bench::start(DESK);
    let grant = bench.sign_up("ann@example.com", "correct horse");
    change(&bench, &json!({ "roles": ["editor"] }));
    let (ann, nobody) = (again(&bench), Visitor::nobody(&bench));
    ann.put("k", "plans", &[]).expect_status(200);
    let (get, put) = (ann.signed("k", "get"), ann.signed("new", "put"));
    let permit = get.split_once("?p=").unwrap().1.split('&').next().unwrap();
    let permit = String::from_utf8(BASE64.decode(permit).unwrap()).unwrap();
    for word in [grant["user"]["id"].as_str().unwrap(), "editor", "ann"] {
        assert!(!permit.contains(word) && !get.contains(word), "{word}: {permit}");
    }
    assert_ne!(ann.signed("k", "get"), get, "two of one signer cannot be told from those of two");
    assert_eq!(nobody.by_url("GET", &get, "").expect_status(200).text(), "plans");
    // Nobody waits for the URL to expire: what its signer may is what the account may now.
    change(&bench, &json!({ "roles": [] }));
    nobody.by_url("GET", &get, "").expect_status(403);
    nobody.by_url("PUT", &put, "x").expect_status(403);
    change(&bench, &json!({ "roles": ["editor"] }));
    nobody.by_url("GET", &get, "").expect_status(200);
    change(&bench, &json!({ "disabled": true }));
    assert_eq!(nobody.by_url("GET", &get, "").expect_status(403).code(), "forbidden");
    nobody.by_url("PUT", &put, "x").expect_status(403);
    change(&bench, &json!({ "disabled": false }));
    nobody.by_url("PUT", &put, "x").expect_status(200);
    bench.server.control().delete("users/ann@example.com").expect_status(204);
    nobody.by_url("GET", &get, "").expect_status(403);
}

#[test]
fn c5_transfers_by_signed_url_are_those_of_its_signer() {
    let bench = Bench::start(MANIFEST);
    let (ann, bob) = (Visitor::sign_up(&bench, "ann"), Visitor::sign_up(&bench, "bob"));
    let host = bench.server.listen;
    let url = ann.signed("slow", "put");
    let begin = || {
        let mut connection = Connection::open(host);
        let head = format!(
            "PUT {url} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 8\r\nexpect: 100-continue\r\n\r\n"
        );
        connection.send(head.as_bytes());
        connection
    };
    let mut slow: Vec<_> = (0..8).map(|_| begin()).collect();
    for connection in &mut slow {
        assert_eq!(connection.head().status, 100);
    }
    let nobody = Visitor::nobody(&bench);
    assert_eq!(nobody.by_url("PUT", &url, "x").expect_status(503).code(), "busy");
    assert_eq!(ann.put("other", "x", &[]).expect_status(503).code(), "busy", "they are hers");
    bob.put("k", "x", &[]).expect_status(200);
    nobody.by_url("PUT", &bob.signed("by-url", "put"), "x").expect_status(200);
    for mut connection in slow {
        connection.send(b"12345678");
        connection.answer().expect_status(200);
    }
    nobody.by_url("PUT", &url, "x").expect_status(200);
}
