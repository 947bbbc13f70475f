//! Realtime: pages see each other's changes, go on where a stream broke, and are told nothing that is not open to them.

mod attacks;
mod channels;
mod ends;
mod kills;
mod stream;

use serde_json::{Value, json};

use crate::accounts::bench::Bench;
use crate::client_documents::Visitor;
use stream::{Stream, notes};

/// Whoever is signed in keeps notes of their own and reads what is public; `score` is the moderators' and hidden.
const MANIFEST: &str = r#"
[auth]
email = true
access = "1m"

[collection.notes]
rules = { read = "owner == auth.user || public == true", create = "auth.user != null", update = "owner == auth.user", delete = "owner == auth.user" }
owner = "owner"
hidden = ["score"]

[collection.closed]

[function.hello]
"#;

impl Visitor<'_> {
    /// Does something with the notes.
    fn do_to_notes(&self, operation: &str, body: &Value) {
        self.ask(&format!("db/notes/{operation}"), body).expect_status(200);
    }

    fn insert(&self, document: &Value) {
        self.do_to_notes("insert", &json!({ "documents": [document] }));
    }

    fn set(&self, id: &str, fields: &Value) {
        self.do_to_notes("update", &json!({ "filter": { "_id": id }, "update": { "$set": fields } }));
    }

    fn delete(&self, id: &str) {
        self.do_to_notes("delete", &json!({ "filter": { "_id": id } }));
    }
}

#[test]
fn pages_see_each_others_changes() {
    let bench = Bench::start(MANIFEST);
    let (ann, bob) = (Visitor::sign_up(&bench, "ann"), Visitor::sign_up(&bench, "bob"));
    let (mut hers, mut his) = (Stream::all(&ann), Stream::all(&bob));
    ann.insert(&json!({ "_id": "a", "public": true, "n": 1 }));
    bob.insert(&json!({ "_id": "b", "public": true }));
    let expected =
        json!({ "subscription": "1", "document": { "_id": "a", "public": true, "n": 1, "owner": ann.id } });
    assert_eq!(his.next().unwrap(), ("insert".to_owned(), expected));
    assert_eq!(his.told(), "insert 1 b");
    assert_eq!([hers.told(), hers.told()], ["insert 1 a", "insert 1 b"]);
    ann.set("a", &json!({ "n": 2 }));
    let (kind, data) = his.next().unwrap();
    assert_eq!((kind.as_str(), &data["document"]["n"]), ("update", &json!(2)));
    // What changes nothing is no change.
    ann.set("a", &json!({ "n": 2 }));
    ann.delete("a");
    assert_eq!(his.told(), "delete 1 a");
    assert_eq!([hers.told(), hers.told()], ["update 1 a", "delete 1 a"]);
}

/// A document that leaves what is watched is gone for whoever watches, and one that enters is new.
#[test]
fn documents_enter_and_leave_what_is_watched() {
    let bench = Bench::start(MANIFEST);
    let (ann, bob) = (Visitor::sign_up(&bench, "ann"), Visitor::sign_up(&bench, "bob"));
    let filters = notes(&[("small", json!({ "n": { "$lt": 10 } })), ("red", json!({ "color": "red" }))]);
    let mut his = Stream::open(&bob, &filters, None);
    his.begin();
    let told = |stream: &mut Stream, count: usize| {
        let mut told: Vec<String> = (0..count).map(|_| stream.told()).collect();
        told.sort_unstable();
        told.join(", ")
    };
    ann.insert(&json!({ "_id": "a", "public": true, "n": 1, "color": "red" }));
    assert_eq!(told(&mut his, 2), "insert red a, insert small a");
    ann.set("a", &json!({ "n": 20 }));
    assert_eq!(told(&mut his, 2), "delete small a, update red a");
    ann.set("a", &json!({ "n": 5, "color": "blue" }));
    assert_eq!(told(&mut his, 2), "delete red a, insert small a");
    // The same by the rule.
    ann.set("a", &json!({ "public": false }));
    assert_eq!(his.told(), "delete small a");
    ann.set("a", &json!({ "n": 6 }));
    ann.set("a", &json!({ "public": true }));
    assert_eq!(his.told(), "insert small a");
    ann.delete("a");
    assert_eq!(his.told(), "delete small a");
}

/// Behind its last event a stream goes on: nothing is missing, and nothing comes twice.
#[test]
fn a_stream_goes_on_where_it_broke() {
    let bench = Bench::start(MANIFEST);
    let ann = Visitor::sign_up(&bench, "ann");
    let watched = notes(&[("1", json!({}))]);
    let mut stream = Stream::all(&ann);
    let mut seen = Vec::new();
    for round in 0..10 {
        for n in 0..7 {
            ann.insert(&json!({ "_id": format!("{round}-{n}") }));
        }
        // Some of what has come is read, and the rest is lost with the connection.
        for _ in 0..=round % 7 {
            seen.push(stream.told());
        }
        let last = stream.id.clone();
        drop(stream);
        ann.insert(&json!({ "_id": format!("{round}-between") }));
        stream = Stream::open(&ann, &watched, last.as_deref());
    }
    while seen.len() < 80 {
        seen.push(stream.told());
    }
    stream.is_told_nothing();
    let ids = (0..10).flat_map(|round| {
        (0..7).map(|n| n.to_string()).chain(["between".to_owned()]).map(move |n| (round, n))
    });
    let expected: Vec<String> = ids.map(|(round, n)| format!("insert 1 {round}-{n}")).collect();
    assert_eq!(seen, expected);
}

/// Where something may have been missed it is said, whatever the reason.
#[test]
fn what_may_have_been_missed_is_said() {
    let mut bench = Bench::start(MANIFEST);
    let (ann, bob) = (Visitor::sign_up(&bench, "ann"), Visitor::sign_up(&bench, "bob"));
    let watched = notes(&[("1", json!({})), ("2", json!({ "n": 1 }))]);
    let told_first = |visitor: &Visitor<'_>, id: &str| {
        let mut stream = Stream::open(visitor, &watched, Some(id));
        (stream.told(), stream.told())
    };
    let reset = ("reset 1".to_owned(), "reset 2".to_owned());
    let mut stream = Stream::all(&ann);
    let first = stream.id.clone().unwrap();
    // Made up, cut, changed, somebody else's.
    let end = if first.ends_with('A') { 'Q' } else { 'A' };
    let changed = format!("{}{end}", &first[..first.len() - 1]);
    let long = "A".repeat(5_000);
    for id in ["", "1", "nonsense", &"A".repeat(27), &long, &first[1..], &changed] {
        assert_eq!(told_first(&ann, id), reset, "{id}");
    }
    assert_eq!(told_first(&bob, &first), reset);
    // Too much has happened since.
    for n in 0..10 {
        ann.insert(&json!({ "_id": n.to_string(), "text": "x".repeat(1_000_000) }));
        stream.told();
    }
    let last = stream.id.clone().unwrap();
    assert_eq!(told_first(&ann, &first), reset);
    let mut goes_on = Stream::open(&ann, &watched, Some(&last));
    ann.insert(&json!({ "_id": "last" }));
    assert_eq!(goes_on.told(), "insert 1 last");
    drop((stream, goes_on));
    // The server was another one.
    let (id, token) = (ann.id.clone(), ann.token.clone());
    bench.server.restart();
    let ann = Visitor { bench: &bench, id, token };
    assert_eq!(
        {
            let mut stream = Stream::open(&ann, &watched, Some(&last));
            (stream.told(), stream.told())
        },
        reset
    );
}
