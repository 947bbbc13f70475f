//! Uploads in parts: over broken connections and a killed server, and whose they are.

use std::time::Duration;

use serde_json::json;

use super::visitor::{MANIFEST, Visitor};
use crate::accounts::bench::Bench;
use crate::support::{Answer, Connection, Server};

/// Bytes that differ from place to place.
fn noise(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| ((at * at) >> 7) as u8 ^ at as u8).collect()
}

impl Visitor<'_> {
    fn begin(&self, key: &str, bytes: usize) -> Answer {
        let headers = [("upload-length", &*bytes.to_string()), ("content-type", "image/png")];
        self.call("POST", &format!("photos/{key}?uploads"), &headers).send(self.bench.server.listen)
    }

    fn begun(&self, key: &str, bytes: usize) -> String {
        self.begin(key, bytes).expect_status(201).json()["upload"].as_str().unwrap().to_owned()
    }

    fn part(&self, id: &str, offset: usize, bytes: &[u8]) -> Answer {
        let headers =
            [("upload-offset", &*offset.to_string()), ("content-type", "application/offset+octet-stream")];
        self.api("PATCH", &format!("uploads/{id}"), &headers).body(bytes).send(self.bench.server.listen)
    }

    fn upload(&self, method: &str, id: &str) -> Answer {
        self.api(method, &format!("uploads/{id}"), &[]).send(self.bench.server.listen)
    }

    fn offset(&self, id: &str) -> usize {
        let answer = self.upload("HEAD", id).expect_status(200);
        answer.header("upload-offset").unwrap().parse().unwrap()
    }
}

/// Sends the head of a part and less of it than it announces, and goes away.
fn break_off(visitor: &Visitor<'_>, id: &str, offset: usize, announced: usize, sent: &[u8]) {
    let host = visitor.bench.server.listen;
    let mut connection = Connection::open(host);
    let token = &visitor.token;
    let head = format!(
        "PATCH /_ostro/v1/uploads/{id} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/offset+octet-stream\r\nupload-offset: {offset}\r\ncontent-length: {announced}\r\n\r\n"
    );
    connection.send(head.as_bytes());
    connection.send(sent);
    drop(connection);
}

#[test]
fn a_part_that_meets_the_quota_keeps_what_fits() {
    let bench = Bench::over(Server::start_with(&["--object-quota", "4MiB"]), MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    let all = noise(3 << 20);
    let id = ann.begun("film", all.len());
    ann.put("other", &"x".repeat(2_200_000), &[]).expect_status(200);
    assert_eq!(ann.part(&id, 0, &all).expect_status(507).code(), "quota");
    assert_eq!(ann.offset(&id), 1 << 20, "a MiB has come, and is not sent again");
    ann.object("DELETE", "other", &[]).expect_status(204);
    assert!(ann.part(&id, 1 << 20, &all[1 << 20..]).expect_status(204).header("etag").is_some());
}

#[test]
fn an_upload_goes_on_over_a_broken_connection_and_a_killed_server() {
    let mut bench = Bench::start(MANIFEST);
    let all = noise((2 << 20) + 12_345);
    let (token, id, known) = {
        let ann = Visitor::sign_up(&bench, "ann");
        let id = ann.begun("film", all.len());
        let first = ann.part(&id, 0, &all[..1_500_000]).expect_status(204);
        assert_eq!(first.header("upload-offset"), Some("1500000"));
        assert_eq!((first.header("etag"), ann.offset(&id)), (None, 1_500_000));
        // What has come before a connection breaks is kept.
        break_off(&ann, &id, 1_500_000, 500_000, &all[1_500_000..1_600_000]);
        let known = (0..1_000).find_map(|_| {
            std::thread::sleep(Duration::from_millis(10));
            Some(ann.offset(&id)).filter(|known| *known > 1_500_000)
        });
        assert!(known.is_some_and(|known| known <= 1_600_000), "{known:?}");
        assert_eq!(ann.part(&id, 5, b"x").expect_status(409).code(), "offset");
        (ann.token.clone(), id, known.unwrap())
    };
    bench.server.kill9();
    bench.server.restart();
    let ann = Visitor { bench: &bench, token };
    assert_eq!(ann.offset(&id), known, "what was acknowledged is there");
    ann.get("film", &[]).expect_status(404);
    let last = ann.part(&id, known, &all[known..]).expect_status(204);
    let etag = last.header("etag").unwrap();
    let got = ann.get("film", &[]).expect_status(200);
    assert!(got.body == all);
    assert_eq!((got.header("etag"), got.header("content-type")), (Some(etag), Some("image/png")));
    let head = ann.upload("HEAD", &id).expect_status(200);
    let whole = all.len().to_string();
    assert_eq!(head.header("upload-offset"), Some(whole.as_str()), "its last answer may have been lost");
    assert_eq!((head.header("upload-length"), head.header("etag")), (Some(whole.as_str()), Some(etag)));
}

#[test]
fn c9_an_upload_is_whose_it_is() {
    let bench = Bench::start(MANIFEST);
    let (ann, bob) = (Visitor::sign_up(&bench, "ann"), Visitor::sign_up(&bench, "bob"));
    let nobody = Visitor::nobody(&bench);
    let id = ann.begun("k", 4);
    ann.part(&id, 0, b"ab").expect_status(204);
    for other in [&bob, &nobody] {
        for id in [id.as_str(), "none", "%2F", "..%2Fx"] {
            for answer in [other.upload("DELETE", id), other.part(id, 2, b"cd")] {
                let expected = if id.starts_with("..") { 400 } else { 404 };
                assert_eq!(answer.status, expected, "{id}: {}", answer.text());
            }
        }
        assert_eq!(other.upload("HEAD", &id).status, 404);
    }
    // Under a key that is somebody else's it is refused when it begins, and when it ends.
    let late = bob.begun("later", 1);
    ann.put("later", "hers", &[]).expect_status(200);
    assert_eq!(bob.begin("later", 1).expect_status(403).code(), "forbidden");
    assert_eq!(bob.part(&late, 0, b"x").expect_status(403).code(), "forbidden");
    assert_eq!(bob.upload("HEAD", &late).status, 404);
    assert_eq!(ann.get("later", &[]).expect_status(200).text(), "hers");
    assert_eq!(nobody.begin("k", 1).expect_status(403).code(), "forbidden");
    ann.part(&id, 2, b"cd").expect_status(204);
    assert_eq!(ann.get("k", &[]).expect_status(200).text(), "abcd");
    ann.upload("DELETE", &id).expect_status(204);
    ann.upload("DELETE", &id).expect_status(404);
    assert_eq!(ann.get("k", &[]).expect_status(200).text(), "abcd", "the object stays");
}

#[test]
fn what_is_wrong_with_a_part_is_told() {
    let bench = Bench::start(MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    let begin = |headers: &[(&str, &str)], body: &str| {
        let request = ann.call("POST", "photos/k?uploads", headers).body(body);
        let answer = request.send(bench.server.listen);
        (answer.status, answer.code())
    };
    let bad = (400, "bad_request".to_owned());
    for length in ["", "-1", "+1", "x", "1e3", "0", "99999999999999999999"] {
        assert_eq!(begin(&[("upload-length", length)], ""), bad, "{length}");
    }
    assert_eq!(begin(&[], ""), bad);
    assert_eq!(begin(&[("upload-length", "1")], "x"), bad);
    assert_eq!(begin(&[("upload-length", "1"), ("if-none-match", "*")], ""), bad);
    assert_eq!(begin(&[("upload-length", "5368709121")], ""), (413, "too_large".to_owned()));
    assert_eq!(begin(&[("upload-length", "5368709120")], ""), (507, "quota".to_owned()));
    let id = ann.begun("k", 4);
    let patch = |headers: &[(&str, &str)], body: &str| {
        let answer = ann.api("PATCH", &format!("uploads/{id}"), headers).body(body).send(bench.server.listen);
        (answer.status, answer.code())
    };
    let part = ("content-type", "application/offset+octet-stream");
    assert_eq!(patch(&[("upload-offset", "0")], "ab"), (415, "content_type".to_owned()));
    assert_eq!(patch(&[part], "ab"), bad);
    assert_eq!(patch(&[part, ("upload-offset", "-1")], "ab"), bad);
    assert_eq!(patch(&[part, ("upload-offset", "1")], "ab"), (409, "offset".to_owned()));
    assert_eq!(patch(&[part, ("upload-offset", "0")], "abcde"), (413, "too_large".to_owned()));
    assert_eq!(ann.offset(&id), 0);
    assert_eq!(ann.upload("PUT", &id).expect_status(405).code(), "method");
    let wrong = json!({ "action": "get", "expires": 60 });
    assert_eq!(ann.sign("k", &wrong).expect_status(404).code(), "not_found", "nothing is there yet");
    // Two that go on from the same byte: one of them is right.
    let both: Vec<u16> = std::thread::scope(|scope| {
        let parts = [0, 1].map(|_| scope.spawn(|| ann.part(&id, 0, b"abcd").status));
        parts.map(|part| part.join().unwrap()).to_vec()
    });
    assert!(both.contains(&204), "{both:?}");
    assert_eq!(ann.get("k", &[]).expect_status(200).text(), "abcd");
}
