//! The server is killed while it tells people what happens.

use std::collections::BTreeSet;

use serde_json::json;

use super::MANIFEST;
use super::stream::{Stream, notes};
use crate::accounts::bench::Bench;
use crate::client_documents::Visitor;
use crate::support::Ended;

/// What was told has happened, and whoever comes again is told to look.
#[test]
fn what_was_told_has_happened_whatever_comes() {
    let mut bench = Bench::start(MANIFEST);
    let (at, ann) = (bench.server.listen, Visitor::sign_up(&bench, "ann"));
    let (id, token) = (ann.id.clone(), ann.token.clone());
    let mut stream = Stream::all(&ann);
    let insert = |writer: usize, n: usize| {
        ann.request("db/notes/insert", &json!({ "documents": [{ "_id": format!("{writer}-{n}") }] }))
    };
    let requests: Vec<Vec<_>> = (0..3).map(|writer| (0..400).map(|n| insert(writer, n)).collect()).collect();
    let (mut told, mut answered) = (BTreeSet::new(), BTreeSet::new());
    let id_of = |event: String| event.trim_start_matches("insert 1 ").to_owned();
    std::thread::scope(|scope| {
        let write = |writer: usize, requests: Vec<crate::support::Request>| {
            let done =
                |request: &crate::support::Request| request.try_send(at).is_ok_and(|it| it.status == 200);
            let count = requests.iter().take_while(|request| done(request)).count();
            (0..count).map(move |n| format!("{writer}-{n}")).collect::<Vec<_>>()
        };
        let writers: Vec<_> = (0..3).zip(requests).map(|(w, it)| scope.spawn(move || write(w, it))).collect();
        for _ in 0..40 {
            told.insert(id_of(stream.told()));
        }
        bench.server.kill9();
        answered.extend(writers.into_iter().flat_map(|writer| writer.join().unwrap()));
    });
    // What was under way is read to the end.
    while let Some((kind, data)) = stream.next() {
        assert_eq!(kind, "insert");
        told.insert(data["document"]["_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(stream.ended, Some(Ended::Cut), "nobody has said goodbye");
    bench.server.restart();
    let ann = Visitor { bench: &bench, id, token };
    let mut again = Stream::open(&ann, &notes(&[("1", json!({}))]), stream.id.as_deref());
    assert_eq!(again.told(), "reset 1");
    let all = ann.ask("db/notes/distinct", &json!({ "field": "_id" })).expect_status(200).json();
    let all: BTreeSet<String> =
        all["values"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    assert!(told.is_subset(&all), "told and not there: {:?}", told.difference(&all));
    assert!(answered.is_subset(&all), "answered and not there: {:?}", answered.difference(&all));
    ann.insert(&json!({ "_id": "later" }));
    assert_eq!(again.told(), "insert 1 later");
}
