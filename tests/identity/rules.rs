//! Collections opened as the caller: the rules bound every operation, whatever the function may do by its grants.

use serde_json::{Value, json};

use super::Stage;

/// What no caller may see. Long, so that no id holds it by chance.
const SCORE: u64 = 9_988_776_655;

/// Ann has a note of her own and one that is public, Bob has one; their scores are the function's.
fn notes(stage: &Stage) -> [String; 2] {
    let ((ann, hers), (bob, his)) = (stage.sign_up("ann"), stage.sign_up("bob"));
    for (owner, documents) in [
        (&ann, json!([{ "_id": "secret", "n": 7 }, { "_id": "open", "n": 1, "public": true }])),
        (&bob, json!([{ "_id": "his", "n": 3 }])),
    ] {
        for document in documents.as_array().unwrap() {
            let mut document = document.clone();
            document["owner"] = json!(owner);
            document["score"] = json!(SCORE);
            stage.ask("front", "", &deed("function", "insert", &json!({ "document": document })));
        }
    }
    [hers, his]
}

fn deed(by: &str, operation: &str, with: &Value) -> Value {
    let mut deed = json!({ "do": by, "collection": "notes", "operation": operation, "filter": {} });
    for (name, value) in with.as_object().unwrap() {
        deed[name] = value.clone();
    }
    deed
}

#[test]
fn a_function_does_as_its_caller_what_the_rules_let_that_caller_do() {
    Stage::each(|stage| {
        let [hers, his] = notes(stage);
        let as_caller = |token: &str, operation: &str, with: Value| {
            stage.ask("front", token, &deed("caller", operation, &with))
        };
        let ids = |documents: &Value| -> Vec<String> {
            documents.as_array().unwrap().iter().map(|it| it["_id"].as_str().unwrap().to_owned()).collect()
        };
        let sorted = json!({ "sort": { "n": 1 } });
        assert_eq!(ids(&as_caller(&hers, "find", sorted.clone())), ["open", "secret"]);
        assert_eq!(ids(&as_caller(&his, "find", sorted.clone())), ["open", "his"]);
        assert_eq!(ids(&as_caller("", "find", sorted.clone())), ["open"]);
        assert_eq!(
            ids(&stage.ask("front", &his, &deed("function", "find", &sorted))),
            ["open", "his", "secret"]
        );
        assert_eq!(as_caller(&his, "get", json!({ "id": "his" }))["score"], json!(null), "hidden");
        // The owner is filled by the server, also through a function.
        let made = as_caller(&his, "insert", json!({ "document": { "_id": "new", "n": 9 } }));
        assert_eq!(made, json!("new"));
        assert_eq!(as_caller(&his, "get", json!({ "id": "new" }))["n"], 9);
        assert_eq!(as_caller(&hers, "get", json!({ "id": "new" })), json!(null));
        assert_eq!(as_caller(&his, "delete", json!({ "filter": { "_id": "new" } })), json!(1));
        // Jobs and calls act for whoever they are for.
        let inner = deed("caller", "count", &json!({}));
        let call = json!({ "do": "call", "function": "back", "input": inner });
        assert_eq!(stage.ask("front", &hers, &call), json!(2));
        assert_eq!(stage.ask("front", "", &call), json!(1));
    });
}

/// Threat C9 through a function: no operation shows, counts, sorts or changes what is another one's.
#[test]
fn c9_as_the_caller_nothing_of_others_is_seen_or_changed() {
    Stage::each(|stage| {
        let [_, his] = notes(stage);
        let all = deed("function", "find", &json!({ "sort": { "_id": 1 } }));
        let before = stage.ask("front", "", &all);
        let secret = json!({ "_id": "secret" });
        let set = json!({ "$set": { "n": 0 } });
        let score = SCORE.to_string();
        for (operation, with, expected) in [
            ("get", json!({ "id": "secret" }), json!(null)),
            ("find", json!({ "filter": secret }), json!([])),
            ("find", json!({ "filter": { "n": { "$gt": 6 } }, "sort": { "n": -1 } }), json!([])),
            ("count", json!({ "filter": secret }), json!(0)),
            ("count", json!({ "filter": { "n": 7 } }), json!(0)),
            ("distinct", json!({ "field": "n", "filter": { "n": { "$gt": 6 } } }), json!([])),
            ("aggregate", json!({ "pipeline": [{ "$match": secret }] }), json!([])),
            (
                "aggregate",
                json!({ "pipeline": [{ "$group": { "_id": null, "most": { "$max": "$n" } } }] }),
                json!([{ "_id": null, "most": 3 }]),
            ),
            ("update", json!({ "filter": secret, "update": set }), json!(0)),
            ("update", json!({ "filter": { "_id": "open" }, "update": set }), json!(0)),
            ("replace", json!({ "filter": secret, "document": { "n": 0 } }), json!(0)),
            ("delete", json!({ "filter": secret }), json!(0)),
            ("modify", json!({ "filter": secret, "update": set }), json!(null)),
        ] {
            let seen = stage.ask("front", &his, &deed("caller", operation, &with));
            assert_eq!(seen, expected, "{operation} {with}");
        }
        for (operation, with) in [
            ("find", json!({ "filter": { "score": { "$gt": 1 } } })),
            ("find", json!({ "sort": { "score": 1 } })),
            ("distinct", json!({ "field": "score" })),
            ("aggregate", json!({ "pipeline": [{ "$project": { "s": "$score" } }] })),
            ("update", json!({ "filter": { "_id": "his" }, "update": { "$set": { "score": 1 } } })),
            ("update", json!({ "filter": { "_id": "his" }, "update": { "$set": { "owner": "x" } } })),
            ("insert", json!({ "document": { "owner": "somebody" } })),
            ("insert", json!({ "document": { "_id": "scored", "score": 1 } })),
            ("insert", json!({ "collection": "closed", "document": {} })),
            ("find", json!({ "collection": "closed" })),
            ("find", json!({ "collection": "kept" })),
        ] {
            let seen = stage.ask("front", &his, &deed("caller", operation, &with));
            let error = seen["error"].as_str().unwrap_or_else(|| panic!("{operation} {with}: {seen}"));
            assert!(
                error.starts_with("Invalid") || error.starts_with("Denied"),
                "{operation} {with}: {error}"
            );
            assert!(!error.contains(&score), "{error}");
        }
        let whole = json!({ "pipeline": [{ "$project": { "whole": "$$ROOT" } }] });
        let seen = stage.ask("front", &his, &deed("caller", "aggregate", &whole)).to_string();
        assert!(seen.contains("whole") && !seen.contains("score") && !seen.contains(&score), "{seen}");
        assert_eq!(stage.ask("front", "", &all), before, "nothing of others was changed");
    });
}

/// The grant bounds what the function does, also where the rules would let its caller do more.
#[test]
fn a_function_needs_the_grant_as_well() {
    Stage::each(|stage| {
        let [hers, _] = notes(stage);
        let call = |input: Value| json!({ "do": "call", "function": "back", "input": input });
        let update = json!({ "filter": { "_id": "secret" }, "update": { "$set": { "n": 0 } } });
        let refused = stage.ask("front", &hers, &call(deed("caller", "update", &update)));
        assert!(refused["error"].as_str().unwrap().contains("collection:notes:write"), "{refused}");
        let seen = stage.ask("front", &hers, &call(deed("caller", "count", &json!({}))));
        assert_eq!(seen, json!(2));
        let refused =
            stage.ask("front", &hers, &call(deed("caller", "count", &json!({ "collection": "closed" }))));
        assert!(refused["error"].as_str().unwrap().contains("collection:closed:read"), "{refused}");
    });
}
