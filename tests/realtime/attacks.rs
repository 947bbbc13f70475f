//! Threat C9 over streams: whatever a second user watches, nothing of the first one's documents comes, nor anything that
//! says that there are any.

use serde_json::{Value, json};

use super::MANIFEST;
use super::stream::{Stream, notes};
use crate::accounts::bench::Bench;
use crate::client_documents::Visitor;

/// All that Ann does with a note that is hers alone, and never anybody else's.
fn ann_is_busy(ann: &Visitor<'_>) {
    ann.insert(&json!({ "_id": "secret", "title": "canary", "n": 7 }));
    ann.set("secret", &json!({ "n": 8, "title": "canary two" }));
    ann.delete("secret");
    ann.insert(&json!({ "_id": "secret", "title": "canary", "n": 7 }));
}

#[test]
fn c9_nothing_comes_of_what_is_not_open() {
    let bench = Bench::start(MANIFEST);
    let (ann, bob) = (Visitor::sign_up(&bench, "ann"), Visitor::sign_up(&bench, "bob"));
    let filters = [
        json!({}),
        json!({ "_id": "secret" }),
        json!({ "owner": ann.id }),
        json!({ "owner": { "$ne": bob.id } }),
        json!({ "title": { "$regex": "^can" } }),
        json!({ "$or": [{ "n": 7 }, { "public": { "$exists": false } }] }),
        json!({ "$nor": [{ "title": "mine" }] }),
        json!({ "$expr": { "$eq": ["$title", "canary"] } }),
        json!({ "$expr": { "$gt": ["$n", 0] } }),
    ];
    let named: Vec<(String, &Value)> =
        filters.iter().enumerate().map(|(at, filter)| (at.to_string(), filter)).collect();
    let all: Vec<(&str, Value)> =
        named.iter().map(|(name, filter)| (name.as_str(), (*filter).clone())).collect();
    let mut his = Stream::open(&bob, &notes(&all), None);
    his.begin();
    let mut nobodys = Stream::open(&Visitor::nobody(&bench), &notes(&all), None);
    nobodys.begin();
    let place = his.id.clone().unwrap();
    ann_is_busy(&ann);
    ann.insert(&json!({ "_id": "sign", "public": true, "title": "end" }));
    for stream in [&mut his, &mut nobodys] {
        for _ in 0..4 {
            let (kind, data) = stream.next().unwrap();
            assert_eq!((kind.as_str(), &data["document"]["_id"]), ("insert", &json!("sign")), "{data}");
        }
        stream.is_told_nothing();
    }
    // Nor when he goes on from before it happened, with what he likes.
    let mut again = Stream::open(&bob, &notes(&all), Some(&place));
    for _ in 0..4 {
        assert!(again.told().ends_with(" sign"));
    }
    again.is_told_nothing();
}

/// Hidden fields are not told, not asked for, and their changes are none.
#[test]
fn c9_hidden_fields_stay_hidden() {
    let bench = Bench::start(MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    let filters = [
        ("0", json!({})),
        ("1", json!({ "score": 5 })),
        ("2", json!({ "score": { "$exists": true } })),
        ("3", json!({ "$expr": { "$gt": ["$score", 1] } })),
        ("4", json!({ "$or": [{ "n": 1 }, { "score.x": 1 }] })),
        ("5", json!({ "$expr": { "$eq": ["$$ROOT", 1] } })),
    ];
    let mut stream = Stream::open(&ann, &notes(&filters), None);
    for number in 1..6 {
        let (kind, data) = stream.next().unwrap();
        assert_eq!((kind.as_str(), &data["subscription"]), ("error", &json!(number.to_string())));
        assert_eq!(data["error"]["code"], "invalid", "{data}");
    }
    let moderator = bench.server.control();
    let moderate = |score: u32| {
        let update = json!({ "filter": { "_id": "a" }, "update": { "$set": { "score": score } } });
        moderator.post("collections/notes/update", &update).expect_status(200);
    };
    ann.insert(&json!({ "_id": "a", "n": 1 }));
    moderate(5);
    moderate(6);
    ann.set("a", &json!({ "n": 2 }));
    assert_eq!(stream.told(), "insert 0 a");
    let (kind, data) = stream.next().unwrap();
    assert_eq!(kind, "update");
    assert_eq!(data["document"], json!({ "_id": "a", "n": 2, "owner": ann.id }));
}

/// What is closed, what is not there and what is told of it are alike; one refusal leaves the others as they are.
#[test]
fn c7_closed_collections_and_none_are_alike() {
    let bench = Bench::start(MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    let one = |id: &str, collection: &str| json!({ "id": id, "collection": collection });
    let subscriptions = json!({ "subscriptions": [
        one("closed", "closed"), one("none", "nothing"), one("odd", "\u{0}"), one("open", "notes"),
    ] });
    let mut stream = Stream::open(&ann, &subscriptions, None);
    let mut errors = Vec::new();
    for name in ["closed", "none", "odd"] {
        let (kind, data) = stream.next().unwrap();
        assert_eq!((kind.as_str(), &data["subscription"]), ("error", &json!(name)));
        errors.push(data["error"].clone());
    }
    assert_eq!(errors[0]["code"], "forbidden");
    assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
    ann.insert(&json!({ "_id": "a" }));
    assert_eq!(stream.told(), "insert open a");
    let forged = Visitor { bench: &bench, id: String::new(), token: format!("{}x", ann.token) };
    Stream::refused(&forged, &subscriptions).expect_error(401, "unauthenticated");
}

/// Rules hold from the moment of their deploy for those who watch already.
#[test]
fn rules_hold_for_streams_that_are_open() {
    let bench = Bench::start(MANIFEST);
    let (ann, bob) = (Visitor::sign_up(&bench, "ann"), Visitor::sign_up(&bench, "bob"));
    let mut his = Stream::all(&bob);
    let place = his.id.clone().unwrap();
    ann.insert(&json!({ "_id": "a", "public": true }));
    assert_eq!(his.told(), "insert 1 a");
    // The same rules again are none that have changed.
    bench.deploy(MANIFEST);
    let own = MANIFEST.replace(" || public == true", "");
    bench.deploy(&own);
    assert_eq!(his.told(), "reset 1");
    ann.insert(&json!({ "_id": "b", "public": true }));
    bob.insert(&json!({ "_id": "c" }));
    assert_eq!(his.told(), "insert 1 c");
    // What was before is not told by the rules of then.
    let mut again = Stream::open(&bob, &notes(&[("1", json!({}))]), Some(&place));
    assert_eq!(again.told(), "reset 1");
    let none = own.replace("read = \"owner == auth.user\", ", "");
    bench.deploy(&none);
    for stream in [&mut his, &mut again] {
        let (kind, data) = stream.next().unwrap();
        assert_eq!((kind.as_str(), &data["error"]["code"]), ("error", &json!("forbidden")));
    }
    bob.ask("db/notes/insert", &json!({ "documents": [{ "_id": "d" }] })).expect_status(200);
    his.is_told_nothing();
}
