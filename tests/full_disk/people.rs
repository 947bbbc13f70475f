//! Accounts and uploads in parts while the disk is full: nobody loses a session or what has arrived.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::{SMALL, again_in_a_namespace, fill};
use crate::accounts::bench::Bench;
use crate::support::{Answer, Request};

const MANIFEST: &str = r#"
[auth]
email = true
cookie = true
refresh = "10m"

[bucket.photos]
rules = { read = "owner == auth.user", create = "auth.user != null" }

[function.hello]
"#;
const PASSWORD: &str = "correct horse";
const PART: usize = 700_000;

#[test]
#[ignore = "needs a mount namespace"]
fn e6_people_go_on_when_there_is_room_again() {
    match std::env::var_os(SMALL) {
        Some(disk) => on_a_small_disk(Path::new(&disk)),
        None => again_in_a_namespace("people::e6_people_go_on_when_there_is_room_again"),
    }
}

fn on_a_small_disk(disk: &Path) {
    let mut bench = Bench::turned(MANIFEST);
    let all: Vec<u8> = (0..3 * PART).map(|at| (at % 251) as u8).collect();
    let mut grant = bench.sign_up("ann@example.com", PASSWORD);
    let words = json!({ "email": "ann@example.com", "password": PASSWORD, "cookie": true });
    let kept = bench.posted("sign-in", &words).header("sec-fetch-site", "same-origin");
    let kept = kept.send(bench.server.listen).expect_status(200).header("set-cookie").unwrap().to_owned();
    let page = |bench: &Bench| {
        let (cookie, _) = kept.split_once(';').unwrap();
        let request = bench.request("GET", "user").header("sec-fetch-site", "same-origin");
        request.header("cookie", cookie).send(bench.server.listen).expect_status(200)
    };
    let length = all.len().to_string();
    let begun =
        call(&bench, &grant, "POST", "storage/photos/film?uploads", &[("upload-length", &length)], b"");
    let id = begun.expect_status(201).json()["upload"].as_str().unwrap().to_owned();
    part(&bench, &grant, &id, &all, 0).expect_status(204);
    // A cookie is renewed after half of ten minutes. Files that were put away meanwhile are opened while there is room.
    bench.server.clock().turn(Duration::from_secs(6 * 60));
    grant = bench.refresh(&grant).expect_status(200).json();
    let filler = fill(disk);
    // The log of the database has some room left.
    let refused = (0..2_000).find_map(|_| {
        let answer = bench.refresh(&grant);
        if answer.status != 200 {
            return Some(answer);
        }
        grant = answer.json();
        None
    });
    is_full(&refused.expect("the disk is full, and still there is room"));
    let ann = json!({ "email": "bob@example.com", "password": PASSWORD });
    is_full(&bench.post("sign-up", &ann));
    let at = offset(&bench, &grant, &id);
    is_full(&part(&bench, &grant, &id, &all, at));
    assert_eq!(page(&bench).header("set-cookie"), None, "nobody is out because it can't be renewed");
    let seen =
        |bench: &Bench| bench.get("user", grant["access_token"].as_str().unwrap()).expect_status(200).json();
    assert_eq!(seen(&bench)["user"]["email"], "ann@example.com");
    bench.server.restart();
    assert_eq!(seen(&bench)["user"]["email"], "ann@example.com", "a start needs no room");
    fs::remove_file(filler).unwrap();
    assert!(page(&bench).header("set-cookie").is_some());
    // A refusal has used up no token.
    let grant = bench.refresh(&grant).expect_status(200).json();
    bench.post("sign-up", &ann).expect_status(200);
    loop {
        let at = offset(&bench, &grant, &id);
        if at == all.len() {
            break;
        }
        part(&bench, &grant, &id, &all, at).expect_status(204);
    }
    assert!(call(&bench, &grant, "GET", "storage/photos/film", &[], b"").expect_status(200).body == all);
}

fn is_full(answer: &Answer) {
    assert_eq!((answer.status, answer.code().as_str()), (507, "no_space"), "{}", answer.text());
}

fn part(bench: &Bench, grant: &Value, id: &str, all: &[u8], at: usize) -> Answer {
    let headers = [("upload-offset", &*at.to_string()), ("content-type", "application/offset+octet-stream")];
    let end = all.len().min(at + PART);
    call(bench, grant, "PATCH", &format!("uploads/{id}"), &headers, &all[at..end])
}

/// How much of an upload has arrived.
fn offset(bench: &Bench, grant: &Value, id: &str) -> usize {
    let answer = call(bench, grant, "HEAD", &format!("uploads/{id}"), &[], b"").expect_status(200);
    answer.header("upload-offset").unwrap().parse().unwrap()
}

fn call(
    bench: &Bench,
    grant: &Value,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let token = grant["access_token"].as_str().unwrap();
    let request = Request::new(method, &format!("/_ostro/v1/{path}"), &bench.server.listen.to_string());
    let request = request.header("authorization", &format!("Bearer {token}"));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    let request = if method == "HEAD" || method == "GET" { request } else { request.body(body) };
    request.send(bench.server.listen)
}
