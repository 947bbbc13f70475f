//! The description of the client API: what it lists is answered, what is answered is listed, and answers are as it says.

use serde_json::{Value, json};

use crate::accounts::bench::Bench;
use crate::support::{Answer, Request};

const MANIFEST: &str = r#"
[auth]
email = true
anonymous = true
origins = ["https://app.example.com"]

[collection.notes]
rules = { read = "true", create = "true", update = "true", delete = "true" }

[bucket.photos]
rules = { read = "true", create = "true", update = "true", delete = "true" }

[function.hello]
callable = true
"#;
const PATH: &str = "/_ostro/v1/openapi.json";
const METHODS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];

fn described(bench: &Bench) -> Value {
    send(bench, &Request::new("GET", PATH, &host(bench))).expect_status(200).json()
}

fn host(bench: &Bench) -> String {
    bench.server.listen.to_string()
}

fn send(bench: &Bench, request: &Request) -> Answer {
    request.send(bench.server.listen)
}

#[test]
fn it_is_handed_out_to_everybody_and_kept() {
    let bench = Bench::start(MANIFEST);
    let ask = |method: &str, headers: &[(&str, &str)]| {
        let request = Request::new(method, PATH, &host(&bench));
        send(&bench, &headers.iter().fold(request, |request, (name, value)| request.header(name, value)))
    };
    let answer = ask("GET", &[]).expect_status(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    assert_eq!(answer.json()["info"]["title"], "Ostro client API");
    let etag = answer.header("etag").unwrap();
    let again = ask("GET", &[("if-none-match", etag)]).expect_status(304);
    assert_eq!((again.text().as_str(), again.header("etag")), ("", Some(etag)));
    ask("GET", &[("if-none-match", "\"other\"")]).expect_status(200);
    let head = ask("HEAD", &[]).expect_status(200);
    assert_eq!((head.text().as_str(), head.header("etag")), ("", Some(etag)));
    let listed = ask("GET", &[("origin", "https://app.example.com")]).expect_status(200);
    assert_eq!(listed.header("access-control-allow-origin"), Some("https://app.example.com"));
    assert_eq!(ask("GET", &[("origin", "https://evil.example")]).expect_status(403).code(), "forbidden");
    assert_eq!(ask("POST", &[]).expect_status(405).code(), "method");
    // A schema of a collection is nobody's business outside.
    assert!(!answer.text().contains("notes") && !answer.text().contains("photos"));
}

#[test]
fn what_is_listed_is_answered_and_nothing_else() {
    let bench = Bench::start(MANIFEST);
    let document = described(&bench);
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in METHODS {
            let answer = send(&bench, &asked(&bench, path, method));
            let is_refused = answer.status == 405 || answer.code() == "no_route";
            let is_signed = path.starts_with("/_ostro/objects/");
            // Who has no good URL is told nothing, not even of methods.
            let is_refused = if is_signed { answer.status != 403 } else { is_refused };
            let is_listed = item.get(method).is_some();
            assert_eq!(!is_refused, is_listed || is_signed, "{method} {path}: {answer:?}");
        }
    }
    for path in ["x", "auth/x", "db/notes/drop", "db/notes", "storage", "uploads", "functions", "batch/x", ""]
    {
        let request = Request::new("POST", &format!("/_ostro/v1/{path}"), &host(&bench));
        assert_eq!(send(&bench, &request).expect_status(404).code(), "no_route", "{path}");
    }
}

/// A request for a path, with something for each of its parameters.
fn asked(bench: &Bench, path: &str, method: &str) -> Request {
    let mut target = path.to_owned();
    for (parameter, value) in [
        ("{collection}", "notes"),
        ("{bucket}", "photos"),
        ("{key}", "k"),
        ("{upload}", "x"),
        ("{function}", "hello"),
        ("{channel}", "news"),
    ] {
        target = target.replace(parameter, value);
    }
    assert!(!target.contains('{'), "give {path} a value");
    if method == "post" && path.ends_with("/storage/{bucket}/{key}") {
        target.push_str("?sign");
    }
    let request = Request::new(&method.to_uppercase(), &target, &host(bench));
    if method == "get" || method == "head" {
        return request;
    }
    request.header("content-type", "application/json").body("{}")
}

#[test]
fn answers_are_as_described() {
    let bench = Bench::start(MANIFEST);
    let document = described(&bench);
    let grant = bench.sign_up("ann@example.com", "correct horse");
    let call = |method: &str, path: &str, body: &Value| {
        let token = format!("Bearer {}", grant["access_token"].as_str().unwrap());
        let request = Request::new(method, &format!("/_ostro/v1/{path}"), &host(&bench));
        let request = request.header("authorization", &token).header("content-type", "application/json");
        send(&bench, &if method == "GET" { request } else { request.body(body.to_string()) })
    };
    let compare = |method: &str, path: &str, body: &Value, template: &str| {
        let answer = call(method, path, body).expect_status(200);
        let operation = &document["paths"][format!("/_ostro/v1/{template}")][method.to_lowercase()];
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{path} describes no answer");
        check(&document, schema, &answer.json(), path);
    };
    let none = json!({});
    let words = json!({ "email": "bob@example.com", "password": "correct horse" });
    for (path, body) in [
        ("auth/sign-up", &words),
        ("auth/sign-in", &words),
        ("auth/anonymous", &none),
        ("auth/refresh", &json!({ "refresh_token": grant["refresh_token"] })),
    ] {
        compare("POST", path, body, path);
    }
    compare("GET", "auth/user", &none, "auth/user");
    compare("GET", "auth/jwks", &none, "auth/jwks");
    for (operation, body) in operations() {
        let path = format!("db/notes/{operation}");
        compare("POST", &path, &body, &format!("db/{{collection}}/{operation}"));
    }
    let steps = json!({ "operations": [{ "collection": "notes", "operation": "count", "body": {} },
        { "collection": "notes", "operation": "x", "body": {} }] });
    compare("POST", "batch", &steps, "batch");
    call("PUT", "storage/photos/k", &none).expect_status(200);
    compare("GET", "storage/photos?limit=5", &none, "storage/{bucket}");
    let sign = json!({ "action": "get", "expires": 60 });
    compare("POST", "storage/photos/k?sign", &sign, "storage/{bucket}/{key}");
    let refused = call("POST", "db/none/find", &none).expect_status(403).json();
    check(&document, &json!({ "$ref": "#/components/schemas/ErrorBody" }), &refused, "an error");
}

/// Every operation on documents, some with and without an answer.
fn operations() -> Vec<(&'static str, Value)> {
    vec![
        ("insert", json!({ "documents": [{ "_id": "a", "n": 1 }, { "_id": "b", "n": 2 }] })),
        ("find", json!({ "limit": 1 })),
        ("find", json!({})),
        ("get", json!({ "id": "a" })),
        ("get", json!({ "id": "none" })),
        ("count", json!({})),
        ("distinct", json!({ "field": "n" })),
        ("aggregate", json!({ "pipeline": [{ "$count": "n" }] })),
        ("update", json!({ "filter": {}, "update": { "$inc": { "n": 1 } } })),
        ("replace", json!({ "filter": { "_id": "c" }, "document": {}, "upsert": true })),
        ("find-and-modify", json!({ "filter": { "_id": "a" }, "delete": true })),
        ("delete", json!({ "filter": {} })),
    ]
}

/// Fails unless a value is what a schema says, and has nothing that it does not say.
fn check(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        return check(document, document.pointer(&name[1..]).unwrap(), value, at);
    }
    if let Some(any) = schema["oneOf"].as_array() {
        let other = any.iter().find(|one| (one["type"] == "null") == value.is_null());
        return check(document, other.unwrap_or_else(|| panic!("{at}: {value}")), value, at);
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    match &schema["type"] {
        Value::Null => {}
        Value::Array(kinds) => assert!(kinds.contains(&json!(kind)), "{at}: {value} is no {kinds:?}"),
        own => assert_eq!(own, kind, "{at}: {value}"),
    }
    for item in value.as_array().into_iter().flatten() {
        check(document, &schema["items"], item, at);
    }
    let (Some(object), Some(properties)) = (value.as_object(), schema["properties"].as_object()) else {
        return;
    };
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(object.contains_key(name.as_str().unwrap()), "{at}: no {name} in {value}");
    }
    for (name, value) in object {
        let property = properties.get(name).unwrap_or_else(|| panic!("{at}: `{name}` is not described"));
        check(document, property, value, &format!("{at}.{name}"));
    }
}
