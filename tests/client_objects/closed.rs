//! Threats C9 and F: somebody else's objects cannot be read, found, counted, replaced, deleted or signed for, whatever is tried.

use serde_json::json;

use super::visitor::{MANIFEST, Visitor};
use crate::accounts::bench::Bench;

/// An answer without what differs by chance: for one key as for another.
fn told(answer: &crate::support::Answer) -> (u16, String) {
    (answer.status, answer.text())
}

#[test]
fn c9_another_ones_objects_are_as_if_they_were_not() {
    let bench = Bench::start(MANIFEST);
    let (ann, bob) = (Visitor::sign_up(&bench, "ann"), Visitor::sign_up(&bench, "bob"));
    let nobody = Visitor::nobody(&bench);
    let etag = ann.put("hers", "secret", &[]).expect_status(200).header("etag").unwrap().to_owned();
    for (method, headers) in [
        ("GET", &[][..]),
        ("HEAD", &[]),
        ("GET", &[("range", "bytes=0-1")]),
        ("GET", &[("if-none-match", etag.as_str())]),
        ("GET", &[("if-match", etag.as_str())]),
        ("GET", &[("if-range", etag.as_str()), ("range", "bytes=0-1")]),
        ("DELETE", &[]),
        ("DELETE", &[("if-match", etag.as_str())]),
        ("DELETE", &[("if-match", "*")]),
    ] {
        let [hers, none] = ["hers", "none"].map(|key| told(&bob.object(method, key, headers)));
        assert_eq!(hers, none, "{method} {headers:?}");
        assert!(hers.0 == 404 || method == "DELETE" && matches!(hers.0, 204 | 412), "{method} {hers:?}");
        let [hers, none] = ["hers", "none"].map(|key| told(&nobody.object(method, key, headers)));
        assert_eq!((hers.0, &hers), (403, &none), "{method} {headers:?}");
    }
    for headers in [[("if-match", etag.as_str())], [("if-match", "*")]] {
        let [hers, none] = ["hers", "none"].map(|key| told(&bob.put(key, "x", &headers)));
        assert_eq!((hers.0, &hers), (412, &none), "{headers:?}");
    }
    // That there is something is all that can be learned, by who may put.
    for headers in [&[][..], &[("if-none-match", "*")]] {
        assert_eq!(bob.put("hers", "x", headers).expect_status(403).code(), "forbidden");
        assert_eq!(nobody.put("hers", "x", headers).expect_status(403).code(), "forbidden");
    }
    let get = json!({ "action": "get", "expires": 60 });
    assert_eq!(told(&bob.sign("hers", &get)), told(&bob.sign("none", &get)));
    assert_eq!(bob.sign("hers", &get).status, 404);
    let put = bob.signed("hers", "put");
    bob.by_url("PUT", &put, "x").expect_status(403);
    bob.by_url("GET", &put, "").expect_status(403);
    assert_eq!(ann.get("hers", &[]).expect_status(200).text(), "secret");
}

#[test]
fn c9_lists_tell_of_nothing_else() {
    let bench = Bench::start(MANIFEST);
    let (ann, bob) = (Visitor::sign_up(&bench, "ann"), Visitor::sign_up(&bench, "bob"));
    for key in ["a1", "a3", "a5"] {
        ann.put(key, "hers", &[]).expect_status(200);
    }
    for key in ["a2", "a4"] {
        bob.put(key, "his", &[]).expect_status(200);
    }
    let page = bob.listed("limit=1");
    assert_eq!(page["objects"][0]["key"], "a2");
    let cursor = page["cursor"].as_str().unwrap();
    let page = bob.listed(&format!("limit=1&cursor={cursor}"));
    assert_eq!(
        (&page["objects"][0]["key"], &page["cursor"]),
        (&json!("a4"), &json!(null)),
        "nothing is behind"
    );
    assert_eq!(bob.listed("prefix=a5"), bob.listed("prefix=none"));
    // A cursor of another one's list leads to one's own.
    let hers = ann.listed("limit=1")["cursor"].as_str().unwrap().to_owned();
    assert_eq!(bob.listed(&format!("limit=9&cursor={hers}"))["objects"][0]["key"], "a2");
    assert_eq!(Visitor::nobody(&bench).list("").expect_status(403).code(), "forbidden");
}

#[test]
fn c9_what_an_object_may_become_is_asked() {
    let bench = Bench::start(MANIFEST);
    let nobody = Visitor::nobody(&bench);
    let put = |key: &str, text: &str, content_type: &str| {
        let request = nobody.call("PUT", &format!("small/{key}"), &[("content-type", content_type)]);
        request.body(text).send(bench.server.listen)
    };
    put("k", "12345678", "text/plain").expect_status(200);
    put("k", "1", "text/html").expect_status(200);
    for (key, text, content_type) in
        [("k", "123456789", "text/plain"), ("new", "123456789", "text/plain"), ("new", "1", "text/html")]
    {
        assert_eq!(put(key, text, content_type).expect_status(403).code(), "forbidden", "{key} {text}");
    }
    // Without a length it is known at the end only.
    let chunked = "PUT /_ostro/v1/storage/small/new HTTP/1.1\r\nhost: hello.localhost\r\ncontent-type: text/plain\r\n\
        transfer-encoding: chunked\r\n\r\n9\r\n123456789\r\n0\r\n\r\n";
    let mut connection = crate::support::Connection::open(bench.server.listen);
    connection.send(chunked.as_bytes());
    assert_eq!(connection.answer().expect_status(403).code(), "forbidden");
    let gone = nobody.call("GET", "small/new", &[]).send(bench.server.listen);
    assert_eq!(gone.expect_status(404).code(), "not_found");
    let refused = nobody.call("DELETE", "small/k", &[]).send(bench.server.listen);
    assert_eq!(refused.expect_status(403).code(), "forbidden", "there is no rule for it");
}

#[test]
fn c5_slow_uploads_without_a_name_leave_room_for_others() {
    let bench = Bench::start(MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    let host = bench.server.listen;
    let mut slow: Vec<_> = (0..8)
        .map(|number| {
            let mut connection = crate::support::Connection::open(host);
            let head = format!(
                "PUT /_ostro/v1/storage/small/{number} HTTP/1.1\r\nhost: {host}\r\ncontent-type: text/plain\r\n\
                 content-length: 8\r\nexpect: 100-continue\r\n\r\n"
            );
            connection.send(head.as_bytes());
            connection
        })
        .collect();
    // Each is asked for its content once it has its place.
    for connection in &mut slow {
        assert_eq!(connection.head().status, 100);
    }
    let nobody = Visitor::nobody(&bench).call("PUT", "small/more", &[("content-type", "text/plain")]);
    assert_eq!(nobody.body("x").send(host).expect_status(503).code(), "busy");
    ann.put("k", "x", &[]).expect_status(200);
    for mut connection in slow {
        connection.send(b"12345678");
        connection.answer().expect_status(200);
    }
}
