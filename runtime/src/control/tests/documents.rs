//! Collections and documents over the API.

use super::*;

const USERS: &str = "/v1/projects/shop/collections/users";

/// A project with a collection.
async fn users(bench: &Bench) {
    bench.project("shop").await;
    let indexes =
        json!({ "indexes": [{ "fields": ["mail"], "unique": true }, { "fields": ["age", "name"] }] });
    let (status, made) = bench.call(ADMIN, "PUT", USERS, Some(indexes.clone())).await;
    assert_eq!((status, &made["indexes"][1]), (200, &indexes["indexes"][0]), "{made}");
}

impl Bench {
    async fn insert(&self, documents: Value, existing: &str) -> (u16, Value) {
        let body = json!({ "documents": documents, "existing": existing });
        self.call(ADMIN, "POST", &format!("{USERS}/documents"), Some(body)).await
    }

    async fn found(&self, request: Value) -> Value {
        let (status, page) = self.call(ADMIN, "POST", &format!("{USERS}/find"), Some(request)).await;
        assert_eq!(status, 200, "{page}");
        page
    }

    async fn count(&self) -> u64 {
        let (_, counted) = self.call(ADMIN, "POST", &format!("{USERS}/count"), None).await;
        counted["count"].as_u64().unwrap()
    }
}

#[tokio::test]
async fn documents_come_and_go_as_they_are_written() {
    let bench = Bench::new();
    users(&bench).await;
    let mut request = request(ADMIN, "POST", &format!("{USERS}/documents"));
    request.headers_mut().insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
    let text = r#"{"_id":"a/b %?","z":9007199254740993,"a":1.0}"#;
    *request.body_mut() = Body::from(format!(r#"{{"documents": [{text}]}}"#));
    assert_eq!(read(bench.send(request).await).await.1["ids"], json!(["a/b %?"]));
    let answer = bench.send(super::request(ADMIN, "GET", &format!("{USERS}/documents/a%2Fb%20%25%3F"))).await;
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(std::str::from_utf8(&body).unwrap(), text);
}

/// What is there already is found however long the ids are together, and whatever else is in the request.
#[tokio::test]
async fn an_insert_says_what_becomes_of_what_is_there() {
    let bench = Bench::new();
    users(&bench).await;
    let documents = |round: u32| -> Value {
        (0..1_000)
            .map(|n| json!({ "_id": format!("{n:0>256}"), "mail": format!("{n}@x"), "round": round }))
            .collect()
    };
    assert_eq!(bench.insert(documents(1), "refuse").await.0, 200);
    assert_eq!(code(&bench.insert(documents(2), "refuse").await), (409, "duplicate"));
    let (status, skipped) = bench.insert(documents(2), "skip").await;
    assert_eq!((status, skipped), (200, json!({ "ids": [], "replaced": 0, "skipped": 1_000 })));
    let (status, replaced) = bench.insert(documents(3), "replace").await;
    assert_eq!((status, replaced), (200, json!({ "ids": [], "replaced": 1_000, "skipped": 0 })));
    let page = bench.found(json!({ "filter": { "round": { "$ne": 3 } } })).await;
    assert_eq!((page["documents"].as_array().map(Vec::len), bench.count().await), (Some(0), 1_000));
    let mixed = json!([
        { "_id": "new", "n": 1, "mail": "new@x" },
        { "_id": format!("{:0>256}", 7), "mail": "7@x" },
        { "_id": "new", "n": 2, "mail": "new@x" },
    ]);
    let (_, inserted) = bench.insert(mixed.clone(), "skip").await;
    assert_eq!(inserted, json!({ "ids": ["new"], "replaced": 0, "skipped": 2 }));
    assert_eq!(bench.found(json!({ "filter": { "_id": "new" } })).await["documents"][0]["n"], 1);
    let (_, inserted) = bench.insert(mixed, "replace").await;
    assert_eq!(inserted, json!({ "ids": [], "replaced": 3, "skipped": 0 }));
    assert_eq!(bench.found(json!({ "filter": { "_id": "new" } })).await["documents"][0]["n"], 2);
    // Another unique index is nobody's to overrule.
    let taken = json!([{ "_id": "late", "mail": "9@x" }]);
    for existing in ["skip", "replace"] {
        assert_eq!(code(&bench.insert(taken.clone(), existing).await), (409, "duplicate"), "{existing}");
    }
    assert_eq!(code(&bench.insert(json!([{ "_id": 7 }]), "replace").await), (422, "invalid"));
}

#[tokio::test]
async fn pages_follow_each_other() {
    let bench = Bench::new();
    users(&bench).await;
    let documents: Value =
        (0..250).map(|n| json!({ "_id": format!("{n:03}"), "age": n % 7, "mail": n })).collect();
    bench.insert(documents, "refuse").await;
    let (mut seen, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let request = json!({ "sort": [["age", -1], ["_id", 1]], "skip": 0, "limit": 40, "cursor": cursor });
        let page = bench.found(request).await;
        for document in page["documents"].as_array().unwrap() {
            seen.push((document["age"].as_u64().unwrap(), document["_id"].as_str().unwrap().to_owned()));
        }
        cursor = page["cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    let mut expected = seen.clone();
    expected.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    assert_eq!((seen.len(), seen == expected), (250, true), "{seen:?}");
}

#[tokio::test]
async fn scopes_say_who_may_read_and_write() {
    let bench = Bench::new();
    users(&bench).await;
    bench.project("other").await;
    let tokens = [
        (bench.token("/projects/shop", &["read"]).await, [200, 403]),
        (bench.token("/projects/shop", &["deploy"]).await, [403, 200]),
        (bench.token("/projects/shop", &["invoke"]).await, [403, 403]),
        (bench.token("/projects/other", &["admin"]).await, [404, 404]),
        (String::new(), [401, 401]),
    ];
    for (token, [reads, writes]) in tokens {
        for (method, path, body, expected) in [
            ("GET", "/v1/projects/shop/collections".to_owned(), None, reads),
            ("POST", format!("{USERS}/find"), Some(json!({})), reads),
            ("POST", format!("{USERS}/count"), Some(json!({})), reads),
            ("PUT", USERS.to_owned(), Some(json!({})), writes),
            ("POST", format!("{USERS}/documents"), Some(json!({ "documents": [{ "mail": token }] })), writes),
            (
                "POST",
                format!("{USERS}/update"),
                Some(json!({ "filter": { "n": 1 }, "update": { "$inc": { "n": 1 } } })),
                writes,
            ),
            ("POST", format!("{USERS}/delete"), Some(json!({ "filter": {} })), writes),
        ] {
            let (status, answer) = bench.call(&token, method, &path, body).await;
            assert_eq!(status, expected, "{method} {path}: {answer}");
        }
    }
    let actions: Vec<_> = bench
        .audit("shop")
        .await
        .into_iter()
        .map(|(action, subject)| format!("{action} {subject}"))
        .collect();
    for expected in ["documents.delete users (1)", "documents.update users (0)", "collection.declare users"] {
        assert!(actions.iter().any(|action| action == expected), "no {expected:?} in {actions:?}");
    }
}
