//! The description as a document: whole, and true to its own words.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

fn document() -> Value {
    serde_json::from_slice(&Description::new().json).unwrap()
}

/// Every object in a document.
fn objects<'v>(value: &'v Value, found: &mut Vec<&'v serde_json::Map<String, Value>>) {
    match value {
        Value::Object(object) => {
            found.push(object);
            object.values().for_each(|value| objects(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| objects(value, found)),
        _ => {}
    }
}

/// Every operation, with its path and method.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, item): (&String, &'_ Value)| {
        let path = path.clone();
        let item = item.as_object().unwrap().clone();
        item.into_iter().map(move |(method, _)| (path.clone(), method)).collect::<Vec<_>>()
    };
    let named: Vec<_> = paths.iter().flat_map(of).collect();
    named
        .into_iter()
        .map(|(path, method)| (format!("{method} {path}"), &document["paths"][&path][&method]))
        .collect()
}

#[test]
fn the_document_is_openapi_3_1() {
    let document = document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
    let mut ids = BTreeSet::new();
    for (name, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "{name}: two operations are called {id}");
        assert!(operation["summary"].is_string() || operation["description"].is_string(), "{name}");
        assert!(operation["tags"][0].is_string(), "{name}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(
            responses.keys().any(|status| status.starts_with('2') || status == "default"),
            "{name} never succeeds"
        );
        for (status, response) in responses {
            assert!(response["description"].is_string(), "{name} {status}");
        }
        let contents = responses.values().chain([&operation["requestBody"]]);
        for (kind, content) in contents.filter_map(|one| one["content"].as_object()).flatten() {
            let is_bytes = kind.ends_with("octet-stream")
                || kind == "*/*" && name != "post /_ostro/v1/functions/{function}";
            let schema = content["schema"]["$ref"].as_str().unwrap_or_default();
            assert_eq!(schema == "#/components/schemas/Content", is_bytes, "{name} {kind}: {content}");
        }
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let of_path = parameters.iter().filter(|parameter| parameter["in"] == "path");
        let given: BTreeSet<_> =
            of_path.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect();
        let wanted = name.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        assert_eq!(given, wanted.map(str::to_owned).collect(), "{name}");
        for parameter in &parameters {
            assert_eq!(
                parameter["required"] == true,
                parameter["in"] == "path" || is_needed(parameter),
                "{name}"
            );
            assert!(parameter["schema"].is_object(), "{name}: {parameter}");
        }
    }
}

/// Whether a parameter that is not in the path has to be there.
fn is_needed(parameter: &Value) -> bool {
    ["p", "s", "upload-offset"].contains(&parameter["name"].as_str().unwrap())
}

#[test]
fn what_is_named_is_there() {
    let document = document();
    let mut all = Vec::new();
    objects(&document, &mut all);
    let mut named = BTreeSet::new();
    for target in all.iter().filter_map(|object| object.get("$ref")?.as_str()) {
        let pointer = target.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{target} is nowhere");
        named.insert(pointer.rsplit('/').next().unwrap().to_owned());
    }
    for schema in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(named.contains(schema), "nobody names {schema}");
    }
    for (name, operation) in operations(&document) {
        for scheme in operation["security"].as_array().into_iter().flatten() {
            for scheme in scheme.as_object().unwrap().keys() {
                assert!(document["components"]["securitySchemes"][scheme].is_object(), "{name}: {scheme}");
            }
        }
    }
}

#[test]
fn errors_have_one_shape_and_codes_that_are_documented() {
    let documented =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md")).unwrap();
    let document = document();
    for (name, operation) in operations(&document) {
        let responses = operation["responses"].as_object().unwrap().iter();
        let errors = responses.filter(|(status, _)| status.starts_with(['4', '5']) && *status != "416");
        let mut count = 0;
        for (status, response) in errors {
            count += 1;
            let schema = &response["content"]["application/json"]["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/ErrorBody", "{name} {status}");
            let text = response["description"].as_str().unwrap();
            let codes: Vec<_> = text.split('`').skip(1).step_by(2).collect();
            assert!(!codes.is_empty(), "{name} {status} names no code");
            for code in codes {
                assert!(documented.contains(&format!("| {status} | ")), "{status}");
                assert!(
                    documented.contains(&format!("`{code}`")),
                    "{name}: `{code}` is not in docs/errors.md"
                );
            }
        }
        assert!(count >= 2, "{name} describes its errors");
    }
}

#[test]
fn only_what_is_described_is_let_through() {
    let description = Description::new();
    let check = |method: &str, path: &str| {
        let checked = description.check(path, &method.parse().unwrap());
        checked.map_err(|problem| (problem.status.as_u16(), problem.message))
    };
    assert_eq!(check("GET", "/_ostro/v1/openapi.json"), Ok(()));
    assert_eq!(check("PUT", "/_ostro/v1/storage/b/a/b//c"), Ok(()));
    assert_eq!(check("GET", "/_ostro/v1/storage/b/"), Ok(()), "an empty key is told to be none");
    assert_eq!(check("POST", "/_ostro/v1/db/notes/find"), Ok(()));
    let nobody = (404, no_route().message);
    for path in ["", "x", "db", "db/notes", "db/notes/drop", "db/a/b/find", "auth/sign-up/", "realtime/x"] {
        assert_eq!(check("POST", &format!("/_ostro/v1/{path}")), Err(nobody.clone()), "{path}");
    }
    assert_eq!(check("POST", "/_ostro/v1/auth/user"), Err((405, "this takes GET".to_owned())));
    assert_eq!(check("GET", "/_ostro/v1/batch"), Err((405, "this takes POST".to_owned())));
    assert_eq!(check("POST", "/_ostro/v1/auth/jwks"), Err((405, "this takes GET and HEAD".to_owned())));
    let uploads = (405, "this takes HEAD, PATCH and DELETE".to_owned());
    assert_eq!(check("PUT", "/_ostro/v1/uploads/x"), Err(uploads));
}
