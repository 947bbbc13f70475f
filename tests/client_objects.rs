//! Objects for pages and apps: every call under the rules of its bucket, and what threat C9 tries against them.

mod closed;
mod parts;
mod signed;
mod visitor;

use serde_json::json;

use crate::accounts::bench::Bench;
use crate::support::example;
use visitor::{MANIFEST, Visitor};

#[test]
fn a_page_does_all_that_can_be_done_with_objects() {
    let bench = Bench::start(MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    let put = ann.put("ann%2F1.png", "0123456789", &[("content-type", "image/png")]).expect_status(200);
    let etag = put.header("etag").unwrap().to_owned();
    let got = ann.get("ann%2F1.png", &[]).expect_status(200);
    assert_eq!((got.text().as_str(), got.header("content-type")), ("0123456789", Some("image/png")));
    assert_eq!(got.header("etag"), Some(etag.as_str()));
    // A slash is one however it is written.
    assert_eq!(ann.get("ann/1.png", &[("range", "bytes=2-4")]).expect_status(206).text(), "234");
    ann.get("ann%2F1.png", &[("if-none-match", &etag)]).expect_status(304);
    ann.get("ann%2F1.png", &[("if-match", "\"other\"")]).expect_status(412);
    let head = ann.object("HEAD", "ann%2F1.png", &[]).expect_status(200);
    assert_eq!((head.header("content-length"), head.text().as_str()), (Some("10"), ""));
    assert_eq!(
        ann.put("ann%2F1.png", "x", &[("if-none-match", "*")]).expect_status(412).code(),
        "precondition"
    );
    assert_eq!(
        ann.put("ann%2F1.png", "x", &[("if-match", "\"other\"")]).expect_status(412).code(),
        "precondition"
    );
    ann.put("ann%2F1.png", "changed", &[("if-match", &etag)]).expect_status(200);
    ann.put("with%20%25%3F%23%C3%A9", "odd", &[]).expect_status(200);
    assert_eq!(ann.get("with%20%25%3F%23%C3%A9", &[]).expect_status(200).text(), "odd");
    let listed = ann.listed("");
    let key = |at: usize| listed["objects"][at]["key"].clone();
    assert_eq!([key(0), key(1)], [json!("ann/1.png"), json!("with %?#é")]);
    assert_eq!((&listed["objects"][0]["size"], &listed["cursor"]), (&json!(7), &json!(null)));
    ann.object("DELETE", "ann%2F1.png", &[("if-match", &etag)]).expect_status(412);
    ann.object("DELETE", "ann%2F1.png", &[]).expect_status(204);
    ann.object("DELETE", "ann%2F1.png", &[]).expect_status(204);
    assert_eq!(ann.get("ann%2F1.png", &[]).expect_status(404).code(), "not_found");
}

#[test]
fn pages_go_on_where_they_ended() {
    let bench = Bench::start(MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    for key in ["a%2F1", "a%2F2", "a%2F3", "b"] {
        ann.put(key, "x", &[]).expect_status(200);
    }
    let first = ann.listed("prefix=a%2F&limit=2");
    assert_eq!(first["objects"].as_array().unwrap().len(), 2);
    let cursor = first["cursor"].as_str().unwrap();
    let second = ann.listed(&format!("prefix=a%2F&limit=2&cursor={cursor}"));
    assert_eq!((&second["objects"][0]["key"], &second["cursor"]), (&json!("a/3"), &json!(null)));
    for query in [format!("cursor={cursor}"), "cursor=x".to_owned(), "limit=0".to_owned(), "x=1".to_owned()] {
        assert_eq!(ann.list(&query).expect_status(400).code(), "bad_request", "{query}");
    }
}

#[test]
fn a_signed_url_does_what_its_signer_may() {
    let bench = Bench::start(MANIFEST);
    let (ann, bob) = (Visitor::sign_up(&bench, "ann"), Visitor::sign_up(&bench, "bob"));
    let nobody = Visitor::nobody(&bench);
    ann.put("k", "hers", &[]).expect_status(200);
    let get = ann.signed("k", "get");
    assert_eq!(nobody.by_url("GET", &get, "").expect_status(200).text(), "hers");
    nobody.by_url("PUT", &get, "x").expect_status(403);
    let put = ann.signed("new", "put");
    nobody.by_url("PUT", &put, "by url").expect_status(200);
    assert_eq!(ann.get("new", &[]).expect_status(200).text(), "by url", "it is the signer's");
    bob.get("new", &[]).expect_status(404);
    // The rules are those of the moment: what another one puts under the key is not the signer's.
    ann.object("DELETE", "k", &[]).expect_status(204);
    bob.put("k", "his", &[]).expect_status(200);
    nobody.by_url("GET", &get, "").expect_status(404);
    ann.object("DELETE", "new", &[]).expect_status(204);
    bob.put("new", "his", &[]).expect_status(200);
    nobody.by_url("PUT", &put, "x").expect_status(403);
    for (body, code) in [
        (json!({ "action": "get", "expires": 0 }), "bad_request"),
        (json!({ "action": "get", "expires": 86_401 }), "bad_request"),
        (json!({ "action": "delete", "expires": 60 }), "bad_request"),
        (json!({ "action": "get", "expires": 60, "owner": "x" }), "bad_request"),
    ] {
        assert_eq!(ann.sign("k", &body).expect_status(400).code(), code, "{body}");
    }
}

#[test]
fn what_users_put_cannot_act_as_the_site() {
    let bench = Bench::start(MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    ann.put("x.html", "<script>1</script>", &[("content-type", "text/html")]).expect_status(200);
    let got = ann.get("x.html", &[]).expect_status(200);
    assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
    let policy = got.header("content-security-policy").unwrap();
    assert!(policy.contains("sandbox") && policy.contains("default-src 'none'"), "{policy}");
    assert_eq!(got.header("cache-control"), Some("private, no-cache"));
}

#[test]
fn what_is_wrong_is_refused_and_told() {
    let bench = Bench::start(MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    for (method, target, status, code) in [
        ("PUT", "photos/..%2F..%2Fetc", 400, "bad_request"),
        ("PUT", "photos/a%00b", 400, "bad_request"),
        ("PUT", "photos/%ff", 400, "bad_request"),
        ("PUT", "photos/", 400, "bad_request"),
        ("GET", "photos/k?x=1", 404, "no_route"),
        ("GET", "photos/k?sign", 405, "method"),
        ("POST", "photos/k", 405, "method"),
        ("PATCH", "photos/k", 405, "method"),
        ("PUT", "photos", 405, "method"),
        ("GET", "none/k", 403, "forbidden"),
        ("GET", "closed/k", 403, "forbidden"),
        ("PUT", "closed/k", 403, "forbidden"),
        ("DELETE", "closed/k", 403, "forbidden"),
        ("GET", "closed", 403, "forbidden"),
    ] {
        let answer = ann.call(method, target, &[]).send(bench.server.listen);
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {target}");
    }
    let long = "x".repeat(1_025);
    assert_eq!(ann.put(&long, "x", &[]).expect_status(400).code(), "bad_request");
    ann.put(&long[1..], "x", &[]).expect_status(200);
    let odd = ann.put("k", "x", &[("content-type", "text/ü")]);
    assert_eq!(odd.expect_status(400).code(), "bad_request");
    let twice = [("if-match", "*"), ("if-none-match", "*")];
    assert_eq!(ann.put("k", "x", &twice).expect_status(400).code(), "bad_request");
    let mut wrong = Visitor::nobody(&bench);
    wrong.token = "wrong".to_owned();
    assert_eq!(wrong.get("k", &[]).expect_status(401).code(), "unauthenticated");
}

#[test]
fn two_put_at_once_and_one_of_them_is_whole() {
    let bench = Bench::start(MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    std::thread::scope(|scope| {
        for number in 0..4 {
            let ann = &ann;
            scope.spawn(move || {
                let text = number.to_string().repeat(100_000);
                ann.put("k", &text, &[]).expect_status(200);
            });
        }
    });
    let text = ann.get("k", &[]).expect_status(200).text();
    let first = text.chars().next().unwrap();
    assert!(text.len() == 100_000 && text.chars().all(|each| each == first), "{} bytes", text.len());
}

#[test]
fn a_function_gives_objects_to_whom_it_likes() {
    let manifest = MANIFEST.replace("[function.hello]", "[function.hello]\ngrants = [\"bucket:photos\"]");
    let bench = Bench::start(&manifest);
    let grant = bench.sign_up("ann@example.com", "correct horse");
    let ann = Visitor { bench: &bench, token: grant["access_token"].as_str().unwrap().to_owned() };
    ann.put("mine", "hers", &[]).expect_status(200);
    let control = bench.server.control();
    let script = example::component("object-script");
    control.try_deploy_manifest("hello", &script, &manifest).expect_status(200);
    let owner = json!({ "owner": grant["user"]["id"] });
    let lines =
        format!("open\tphotos\nput\tgiven\tfor her\t{owner}\nhead\tgiven\nput\tmine\ttaken\nhead\tmine");
    let answer = bench.server.post("hello", "/", lines).expect_status(200).text();
    let said: Vec<&str> = answer.lines().collect();
    assert!(said[2].contains(&owner.to_string()[1..]), "{said:?}");
    assert!(!said[4].contains("owner"), "{said:?}");
    assert_eq!(ann.get("given", &[]).expect_status(200).text(), "for her");
    ann.get("mine", &[]).expect_status(404);
}
