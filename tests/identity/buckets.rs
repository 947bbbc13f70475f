//! Buckets opened as the caller: the rules bound every operation, whatever the function may do by its grants.

use serde_json::{Value, json};

use super::Stage;
use crate::support::Request;

/// Ann has an object of her own and one that is public, Bob has one, and one is nobody's. The ids and the tokens of both.
fn objects(stage: &Stage) -> [(String, String); 2] {
    let (ann, bob) = (stage.sign_up("ann"), stage.sign_up("bob"));
    for (key, owner, metadata) in [
        ("secret", json!(ann.0), json!({})),
        ("open", json!(ann.0), json!({ "public": "yes" })),
        ("his", json!(bob.0), json!({})),
        ("form", json!(null), json!({})),
    ] {
        let with = json!({ "key": key, "content": format!("<{key}>"), "owner": owner, "metadata": metadata });
        assert_eq!(stage.ask("front", "", &deed("function", "put", &with)), owner);
    }
    [ann, bob]
}

fn deed(by: &str, operation: &str, with: &Value) -> Value {
    let mut deed = json!({ "do": "objects", "as": by, "bucket": "files", "operation": operation });
    for (name, value) in with.as_object().unwrap() {
        deed[name] = value.clone();
    }
    deed
}

impl Stage {
    /// What a function does as whoever has that token.
    fn as_caller(&self, token: &str, operation: &str, with: &Value) -> Value {
        self.ask("front", token, &deed("caller", operation, with))
    }

    /// What there is for the function itself: every key, and what is under it.
    fn all(&self) -> Vec<(String, Value)> {
        let keys = self.ask("front", "", &deed("function", "list", &json!({})));
        let keys = keys.as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned());
        keys.map(|key| {
            let text = self.ask("front", "", &deed("function", "get", &json!({ "key": key })));
            (key, text)
        })
        .collect()
    }

    /// The status of a request for a signed URL.
    fn follow(&self, method: &str, url: &Value) -> u16 {
        let url = url.as_str().unwrap_or_else(|| panic!("no URL: {url}"));
        let request = Request::new(method, url, "front.localhost");
        let request = if method == "PUT" { request.body("<put>") } else { request };
        request.send(self.bench.server.listen).status
    }
}

#[test]
fn a_function_does_with_objects_what_the_rules_let_its_caller_do() {
    Stage::each(|stage| {
        let [(ann, hers), (bob, his)] = objects(stage);
        let list = |token: &str| stage.as_caller(token, "list", &json!({}));
        assert_eq!(list(&hers), json!(["open", "secret"]));
        assert_eq!(list(&his), json!(["his", "open"]));
        assert_eq!(list(""), json!(["open"]));
        let secret = json!({ "key": "secret" });
        assert_eq!(stage.as_caller(&hers, "get", &secret), json!("<secret>"));
        assert_eq!(stage.as_caller(&hers, "range", &secret), json!("se"));
        assert_eq!(stage.as_caller(&hers, "head", &secret), json!(8));
        // What is put is the caller's, by whichever way.
        for (operation, key) in [("put", "new"), ("upload", "newer")] {
            let made = stage.as_caller(&his, operation, &json!({ "key": key, "content": "<new>" }));
            assert_eq!(made, json!(bob), "{operation}");
        }
        let to_his = json!({ "key": "open", "to": "files", "to_as": "caller", "to_key": "copy" });
        assert_eq!(stage.as_caller(&his, "copy", &to_his), json!(bob));
        assert_eq!(list(&his), json!(["copy", "his", "new", "newer", "open"]));
        assert_eq!(stage.as_caller(&his, "delete", &json!({ "key": "copy" })), json!(true));
        // Each end of a copy is as it was opened: a form of the function's for Bob, one of Ann's to where only functions are.
        let form = json!({ "key": "form", "to": "files", "to_as": "caller", "to_key": "filled" });
        assert_eq!(stage.ask("front", &his, &deed("function", "copy", &form)), json!(bob));
        let away = json!({ "key": "secret", "to": "vault", "to_as": "function", "to_key": "kept" });
        assert_eq!(stage.as_caller(&hers, "copy", &away), json!(ann));
        // Calls act for whoever they are for.
        let call = |input: Value| json!({ "do": "call", "function": "back", "input": input });
        assert_eq!(stage.ask("front", &hers, &call(deed("caller", "list", &json!({})))), list(&hers));
        assert_eq!(stage.ask("front", "", &call(deed("caller", "list", &json!({})))), json!(["open"]));
        let url = stage.as_caller(&hers, "sign", &secret);
        assert_eq!(stage.follow("GET", &url), 200);
        let url = stage.as_caller(&his, "sign", &json!({ "key": "his", "method": "put" }));
        assert_eq!(stage.follow("PUT", &url), 200);
    });
}

/// Threat C9 through a function: no operation shows, lists, copies or changes what is another one's.
#[test]
fn c9_as_the_caller_no_object_of_others_is_seen_or_changed() {
    Stage::each(|stage| {
        let [_, (_, his)] = objects(stage);
        let before = stage.all();
        let to = |key: &str, to: &str| json!({ "key": key, "to": "files", "to_as": "caller", "to_key": to });
        for key in ["secret", "form", "none"] {
            let with = json!({ "key": key });
            for (operation, with, expected) in [
                ("get", with.clone(), json!(null)),
                ("head", with.clone(), json!(null)),
                ("range", with.clone(), json!(null)),
                ("list", json!({ "prefix": key }), json!([])),
                ("delete", with.clone(), json!(false)),
                ("copy", to(key, "mine"), json!(null)),
                ("copy", to(key, "secret"), json!(null)),
            ] {
                assert_eq!(stage.as_caller(&his, operation, &with), expected, "{operation} {with}");
            }
            let by = json!({ "key": key, "to": "vault", "to_as": "function", "to_key": "mine" });
            assert_eq!(stage.as_caller(&his, "copy", &by), json!(null), "{key}");
        }
        let content = |key: &str| json!({ "key": key, "content": "<his>" });
        for (operation, with) in [
            ("put", content("secret")),
            ("put", content("open")),
            ("put", content("form")),
            ("upload", content("secret")),
            ("copy", to("his", "secret")),
            ("copy", to("his", "form")),
            ("delete", json!({ "key": "open" })),
            ("sign", json!({ "key": "secret" })),
            ("sign", json!({ "key": "none" })),
            ("put", json!({ "key": "given", "content": "x", "owner": "somebody" })),
            ("put", json!({ "key": "large", "content": "x".repeat(101) })),
            ("upload", json!({ "key": "large", "content": "x".repeat(101) })),
            ("get", json!({ "bucket": "vault", "key": "secret" })),
            ("list", json!({ "bucket": "vault" })),
            ("put", json!({ "bucket": "vault", "key": "x", "content": "x" })),
            ("sign", json!({ "bucket": "vault", "key": "x", "method": "put" })),
            ("sign", json!({ "key": "his", "expires": 86_401 })),
        ] {
            let seen = stage.as_caller(&his, operation, &with);
            let error = seen["error"].as_str().unwrap_or_else(|| panic!("{operation} {with}: {seen}"));
            assert!(
                error.starts_with("Denied") || error.starts_with("Invalid"),
                "{operation} {with}: {error}"
            );
        }
        assert_eq!(stage.all(), before, "nothing of others was changed");
    });
}

/// A URL that is signed as the caller is under the rules when it is used, whoever has it.
#[test]
fn c9_a_url_of_the_callers_leads_where_the_caller_may() {
    Stage::each(|stage| {
        let [(ann, _), (_, his)] = objects(stage);
        let sign =
            |key: &str, method: &str| stage.as_caller(&his, "sign", &json!({ "key": key, "method": method }));
        let (read, put) = (sign("open", "get"), sign("secret", "put"));
        assert_eq!((stage.follow("GET", &read), stage.follow("PUT", &put)), (200, 403));
        // What is hers alone from now on is so for the URL as well.
        let closed = json!({ "key": "open", "content": "<closed>", "owner": ann });
        stage.ask("front", "", &deed("function", "put", &closed));
        assert_eq!(stage.follow("GET", &read), 404);
        let free = sign("free", "put");
        assert_eq!(stage.follow("PUT", &free), 200);
        assert_eq!(stage.as_caller(&his, "get", &json!({ "key": "free" })), json!("<put>"));
        assert_eq!(
            stage.as_caller("", "sign", &json!({ "key": "x", "method": "put" }))["error"]
                .as_str()
                .map(|error| error.starts_with("Denied")),
            Some(true)
        );
        // What a function signs for itself asks nobody.
        let own = stage.ask("front", &his, &deed("function", "sign", &json!({ "key": "secret" })));
        assert_eq!(stage.follow("GET", &own), 200);
    });
}

/// The grant bounds what the function does, also where the rules would let its caller do more.
#[test]
fn a_function_needs_the_grant_of_the_bucket_as_well() {
    Stage::each(|stage| {
        let [(_, hers), _] = objects(stage);
        let call = |input: Value| json!({ "do": "call", "function": "back", "input": input });
        let secret = json!({ "key": "secret", "content": "x", "method": "put" });
        for operation in ["put", "delete", "sign"] {
            let refused = stage.ask("front", &hers, &call(deed("caller", operation, &secret)));
            let error = refused["error"].as_str().unwrap_or_else(|| panic!("{operation}: {refused}"));
            assert!(error.contains("bucket:files:write"), "{error}");
        }
        assert_eq!(stage.ask("front", &hers, &call(deed("caller", "get", &secret))), json!("<secret>"));
        let vault = deed("caller", "list", &json!({ "bucket": "vault" }));
        let refused = stage.ask("front", &hers, &call(vault));
        assert!(refused["error"].as_str().unwrap().contains("bucket:vault:read"), "{refused}");
    });
}
