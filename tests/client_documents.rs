//! Documents for pages and apps: every operation under the rules of its collection, and what threat C9 tries against them.

use serde_json::{Value, json};

use crate::accounts::bench::Bench;
use crate::support::http::Connection;
use crate::support::{Answer, Request};

/// Whoever is signed in keeps notes of their own and reads what is public; `score` is the moderators' and hidden.
const MANIFEST: &str = r#"
[auth]
email = true
origins = ["https://app.example.com"]

[collection.notes]
rules = { read = "owner == auth.user || public == true", create = "auth.user != null", update = "owner == auth.user", delete = "owner == auth.user" }
owner = "owner"
hidden = ["score"]
indexes = [["owner"], { fields = ["slug"], unique = true }]

[collection.closed]

[function.hello]
"#;

/// Somebody at a page of the project.
pub struct Visitor<'b> {
    pub bench: &'b Bench,
    pub id: String,
    pub token: String,
}

impl<'b> Visitor<'b> {
    pub fn sign_up(bench: &'b Bench, name: &str) -> Self {
        let grant = bench.sign_up(&format!("{name}@example.com"), "correct horse");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self { bench, id: text(&grant["user"]["id"]), token: text(&grant["access_token"]) }
    }

    pub fn nobody(bench: &'b Bench) -> Self {
        Self { bench, id: String::new(), token: String::new() }
    }

    pub fn request(&self, path: &str, body: &Value) -> Request {
        let host = self.bench.server.listen.to_string();
        let request = Request::new("POST", &format!("/_ostro/v1/{path}"), &host);
        let request = request.header("content-type", "application/json").body(body.to_string());
        match self.token.as_str() {
            "" => request,
            token => request.header("authorization", &format!("Bearer {token}")),
        }
    }

    pub fn ask(&self, path: &str, body: &Value) -> Answer {
        self.request(path, body).send(self.bench.server.listen)
    }

    /// An operation on the notes.
    fn notes(&self, operation: &str, body: &Value) -> Answer {
        self.ask(&format!("db/notes/{operation}"), body)
    }

    fn told(&self, operation: &str, body: &Value) -> Value {
        self.notes(operation, body).expect_status(200).json()
    }
}

#[test]
fn a_page_does_all_that_can_be_done_with_documents() {
    let bench = Bench::start(MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    let documents = json!([
        { "_id": "a", "title": "one", "slug": "s1", "tags": ["x", "y"], "n": 1 },
        { "_id": "b", "title": "two", "slug": "s2", "tags": ["y"], "n": 2 },
        { "_id": "c", "title": "three", "slug": "s3", "n": 3 },
    ]);
    assert_eq!(ann.told("insert", &json!({ "documents": documents })), json!({ "ids": ["a", "b", "c"] }));
    let note = ann.told("get", &json!({ "id": "a" }))["document"].take();
    assert_eq!((&note["title"], &note["owner"]), (&json!("one"), &json!(ann.id)));

    let page = ann.told("find", &json!({ "sort": { "n": -1 }, "limit": 2, "fields": { "n": 1 } }));
    assert_eq!(page["documents"], json!([{ "_id": "c", "n": 3 }, { "_id": "b", "n": 2 }]));
    let next = json!({ "sort": { "n": -1 }, "limit": 2, "fields": { "n": 1 }, "cursor": page["cursor"] });
    assert_eq!(ann.told("find", &next), json!({ "documents": [{ "_id": "a", "n": 1 }] }));
    assert_eq!(ann.told("count", &json!({ "filter": { "tags": "y" } })), json!({ "count": 2 }));
    assert_eq!(ann.told("distinct", &json!({ "field": "tags" })), json!({ "values": ["x", "y"] }));
    let pipeline = json!({ "pipeline": [{ "$group": { "_id": null, "sum": { "$sum": "$n" } } }] });
    assert_eq!(ann.told("aggregate", &pipeline), json!({ "documents": [{ "_id": null, "sum": 6 }] }));

    let update = json!({ "filter": { "n": { "$gt": 1 } }, "update": { "$inc": { "n": 10 } }, "many": true });
    assert_eq!(ann.told("update", &update), json!({ "matched": 2, "modified": 2 }));
    let replace = json!({ "filter": { "_id": "c" }, "document": { "title": "new", "slug": "s9" } });
    assert_eq!(ann.told("replace", &replace), json!({ "matched": 1, "modified": 1 }));
    let modify = json!({ "filter": { "_id": "c" }, "update": { "$set": { "n": 5 } }, "returning": "after" });
    let expected =
        json!({ "document": { "_id": "c", "title": "new", "slug": "s9", "owner": ann.id, "n": 5 } });
    assert_eq!(ann.told("find-and-modify", &modify), expected);
    assert_eq!(ann.told("delete", &json!({ "filter": {}, "many": true })), json!({ "deleted": 3 }));
    assert_eq!(ann.told("get", &json!({ "id": "a" })), json!({ "document": null }));
}

#[test]
fn a_batch_goes_on_behind_what_fails() {
    let bench = Bench::start(MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    let step = |collection: &str, operation: &str, body: Value| json!({ "collection": collection, "operation": operation, "body": body });
    let operations = json!({ "operations": [
        step("notes", "insert", json!({ "documents": [{ "_id": "a", "slug": "a" }] })),
        step("notes", "insert", json!({ "documents": [{ "_id": "a", "slug": "a" }] })),
        step("closed", "find", json!({})),
        step("notes", "drop", json!({})),
        step("notes", "count", json!({})),
    ] });
    let answer = ann.ask("batch", &operations).expect_status(200).json();
    let statuses: Vec<_> =
        answer["results"].as_array().unwrap().iter().map(|result| result["status"].clone()).collect();
    assert_eq!(statuses, [200, 409, 403, 404, 200]);
    assert_eq!(answer["results"][4]["body"], json!({ "count": 1 }));
    for wrong in
        [json!({ "operations": [] }), json!([]), json!({ "operations": vec![step("a", "b", json!({})); 51] })]
    {
        ann.ask("batch", &wrong).expect_error(422, "invalid");
    }
    // Answers that are too long together are not made.
    let long = json!({ "documents": [{ "_id": "long", "slug": "long", "text": "x".repeat(1_000_000) }] });
    ann.told("insert", &long);
    let gets = vec![step("notes", "get", json!({ "id": "long" })); 12];
    let answer = ann.ask("batch", &json!({ "operations": gets })).expect_status(200).json();
    assert_eq!(answer["results"][0]["status"], 200);
    assert_eq!(answer["results"][11]["body"]["error"]["code"], "too_much");
}

/// Ann has a note of her own and one that is public, Bob has one.
fn notes_of_two(bench: &Bench) -> (Visitor<'_>, Visitor<'_>) {
    let (ann, bob) = (Visitor::sign_up(bench, "ann"), Visitor::sign_up(bench, "bob"));
    let hers = json!([
        { "_id": "secret", "title": "canary", "slug": "hers", "n": 7 },
        { "_id": "open", "title": "for all", "slug": "open", "public": true },
    ]);
    ann.told("insert", &json!({ "documents": hers }));
    bob.told("insert", &json!({ "documents": [{ "_id": "his", "title": "mine", "slug": "his", "n": 1 }] }));
    (ann, bob)
}

/// Whatever another one asks, the answer is as if Ann's notes were not there (threat C9).
#[test]
fn c9_nobody_learns_of_what_is_not_open_to_them() {
    let bench = Bench::start(MANIFEST);
    let (ann, bob) = notes_of_two(&bench);
    let nobody = Visitor::nobody(&bench);
    let group = json!([{ "$group": { "_id": "$title" } }]);
    let lookups = json!([{ "$match": { "title": "canary" } }, { "$count": "n" }]);
    let modify = json!({ "filter": { "_id": "secret" }, "update": { "$set": { "title": "taken" } } });
    for (operation, body, expected) in [
        ("get", json!({ "id": "secret" }), json!({ "document": null })),
        ("find", json!({ "filter": { "_id": "secret" } }), json!({ "documents": [] })),
        ("find", json!({ "filter": { "title": { "$regex": "^can" } } }), json!({ "documents": [] })),
        (
            "find",
            json!({ "filter": { "$or": [{ "n": 7 }, { "owner": ann.id }] }, "fields": { "n": 1 } }),
            json!({ "documents": [{ "_id": "open" }] }),
        ),
        (
            "find",
            json!({ "filter": { "$nor": [{ "title": "mine" }] }, "fields": { "_id": 1 } }),
            json!({ "documents": [{ "_id": "open" }] }),
        ),
        (
            "find",
            json!({ "sort": { "n": -1 }, "limit": 1, "fields": { "_id": 1 }, "skip": 1 }),
            json!({ "documents": [{ "_id": "open" }] }),
        ),
        ("count", json!({}), json!({ "count": 2 })),
        ("count", json!({ "filter": { "title": "canary" } }), json!({ "count": 0 })),
        ("count", json!({ "filter": { "$expr": { "$eq": ["$title", "canary"] } } }), json!({ "count": 0 })),
        ("distinct", json!({ "field": "title" }), json!({ "values": ["for all", "mine"] })),
        (
            "aggregate",
            json!({ "pipeline": group }),
            json!({ "documents": [{ "_id": "for all" }, { "_id": "mine" }] }),
        ),
        ("aggregate", json!({ "pipeline": lookups }), json!({ "documents": [] })),
        (
            "update",
            json!({ "filter": { "n": 7 }, "update": { "$set": { "n": 8 } } }),
            json!({ "matched": 0, "modified": 0 }),
        ),
        (
            "update",
            json!({ "filter": { "_id": "open" }, "update": { "$set": { "title": "his" } } }),
            json!({ "matched": 0, "modified": 0 }),
        ),
        (
            "replace",
            json!({ "filter": { "_id": "secret" }, "document": {} }),
            json!({ "matched": 0, "modified": 0 }),
        ),
        ("delete", json!({ "filter": { "_id": "open" } }), json!({ "deleted": 0 })),
        ("find-and-modify", modify, json!({ "document": null })),
    ] {
        let mut told = bob.told(operation, &body);
        if let Some(documents) = told.get_mut("documents").and_then(Value::as_array_mut) {
            documents.sort_by_key(Value::to_string);
        }
        if told.get("cursor").is_some() {
            told.as_object_mut().unwrap().remove("cursor");
        }
        assert_eq!(told, expected, "{operation} {body}");
    }
    assert_eq!(nobody.told("count", &json!({})), json!({ "count": 1 }), "what is public");
    assert_eq!(ann.told("count", &json!({})), json!({ "count": 2 }), "hers, as she left it");
    let kept = ann.told("get", &json!({ "id": "secret" }));
    assert_eq!((&kept["document"]["title"], &kept["document"]["n"]), (&json!("canary"), &json!(7)));
}

/// The hidden field in every place where one can name it, another one's pages, to be somebody else (threat C9).
#[test]
fn c9_what_is_refused_tells_nothing() {
    let bench = Bench::start(MANIFEST);
    let (ann, bob) = notes_of_two(&bench);
    let page = ann.told("find", &json!({ "limit": 1 }));
    let cursor = page["cursor"].as_str().unwrap();
    for (operation, body, code) in [
        // The field that is hidden, in every place where it can be named.
        ("find", json!({ "filter": { "score": { "$gt": 1 } } }), "invalid"),
        ("find", json!({ "filter": { "$expr": { "$gt": ["$score", 1] } } }), "invalid"),
        ("find", json!({ "sort": { "score": 1 } }), "invalid"),
        ("find", json!({ "fields": { "score": 1 } }), "invalid"),
        ("count", json!({ "filter": { "score": null } }), "invalid"),
        ("distinct", json!({ "field": "score" }), "invalid"),
        ("aggregate", json!({ "pipeline": [{ "$group": { "_id": "$score" } }] }), "invalid"),
        ("update", json!({ "filter": {}, "update": { "$rename": { "score": "shown" } } }), "invalid"),
        ("insert", json!({ "documents": [{ "score": 5 }] }), "invalid"),
        // Another one's pages.
        ("find", json!({ "limit": 1, "cursor": cursor }), "invalid"),
        // To be somebody else.
        ("insert", json!({ "documents": [{ "owner": ann.id }] }), "forbidden"),
        (
            "update",
            json!({ "filter": { "_id": "his" }, "update": { "$set": { "owner": ann.id } } }),
            "forbidden",
        ),
        // Who has a key is told to nobody.
        ("insert", json!({ "documents": [{ "_id": "secret" }] }), "duplicate"),
        ("insert", json!({ "documents": [{ "slug": "hers" }] }), "duplicate"),
    ] {
        let refused = bob.notes(operation, &body);
        assert_eq!(refused.code(), code, "{operation} {body}: {}", refused.text());
        let text = refused.text();
        assert!(!text.contains("canary") && !text.contains(&ann.id), "{text}");
    }
}

/// What is closed, and what is not there, are the same.
#[test]
fn c7_what_is_closed_and_what_is_not_there_are_alike() {
    let bench = Bench::start(MANIFEST);
    let (ann, nobody) = (Visitor::sign_up(&bench, "ann"), Visitor::nobody(&bench));
    let find =
        |visitor: &Visitor<'_>, collection: &str| visitor.ask(&format!("db/{collection}/find"), &json!({}));
    let closed = find(&ann, "closed").expect_status(403).json();
    assert_eq!(closed["error"]["code"], "forbidden");
    for collection in ["nothing", "no-such", "%20"] {
        assert_eq!(find(&ann, collection).json(), closed, "{collection}");
    }
    assert_eq!(find(&nobody, "closed").json(), closed);
    nobody.notes("insert", &json!({ "documents": [{}] })).expect_error(403, "forbidden");
    let forged = Visitor { bench: &bench, id: String::new(), token: format!("{}x", ann.token) };
    forged.notes("count", &json!({})).expect_error(401, "unauthenticated");
    let theirs = Visitor { bench: &bench, id: String::new(), token: bench.server.token.clone() };
    theirs.notes("count", &json!({})).expect_error(401, "unauthenticated");
}

#[test]
fn what_is_no_operation_is_refused() {
    let bench = Bench::start(MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    for path in ["db", "db/", "db/notes", "db/notes/", "db/notes/drop", "db/notes/find/x", "nothing"] {
        ann.ask(path, &json!({})).expect_error(404, "no_route");
    }
    let get = Request::new("GET", "/_ostro/v1/db/notes/find", &bench.server.listen.to_string());
    get.send(bench.server.listen).expect_error(405, "method");
    let plain = Request::new("POST", "/_ostro/v1/db/notes/find", &bench.server.listen.to_string());
    let plain = plain.header("content-type", "text/plain").body("{}");
    plain.send(bench.server.listen).expect_error(400, "bad_request");
    ann.notes("find", &json!({ "filter": "x".repeat(300_000) })).expect_error(413, "too_large");
    for body in
        [json!({ "filter": { "$where": "1" } }), json!({ "limit": 0 }), json!({ "as": "admin" }), json!([])]
    {
        ann.notes("find", &body).expect_error(422, "invalid");
    }
    let mut nested = json!(1);
    for _ in 0..120 {
        nested = json!({ "a": nested });
    }
    ann.notes("find", &json!({ "filter": nested })).expect_error(422, "invalid");
    assert_eq!(
        ann.told("count", &json!({})),
        json!({ "count": 0 }),
        "the connection and the server are well"
    );
}

/// Threat D2: bodies that never come keep nobody from asking.
#[test]
fn d2_slow_bodies_take_no_turns() {
    let bench = Bench::start(MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    let slow: Vec<_> = [100, 1 << 20]
        .iter()
        .flat_map(|length| std::iter::repeat_n(*length, 40))
        .map(|length| {
            let mut connection = Connection::open(bench.server.listen);
            let head = format!(
                "POST /_ostro/v1/db/notes/insert HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{{",
                bench.server.listen
            );
            connection.send(head.as_bytes());
            connection
        })
        .collect();
    let begin = std::time::Instant::now();
    assert_eq!(ann.told("count", &json!({})), json!({ "count": 0 }));
    ann.told("insert", &json!({ "documents": [{ "slug": "a" }] }));
    assert!(begin.elapsed() < std::time::Duration::from_secs(3), "{:?}", begin.elapsed());
    drop(slow);
}

/// Threat F6.
#[test]
fn f6_pages_of_other_origins_ask_nothing() {
    let bench = Bench::start(MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    let from = |origin: &str| {
        ann.request("db/notes/count", &json!({})).header("origin", origin).send(bench.server.listen)
    };
    from("https://evil.example").expect_error(403, "forbidden");
    let listed = from("https://app.example.com").expect_status(200);
    assert_eq!(listed.header("access-control-allow-origin"), Some("https://app.example.com"));
}
