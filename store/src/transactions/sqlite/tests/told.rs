//! What functions, and those who watch, are told of documents that a transaction changes.

use uuid::Uuid;

use super::*;
use crate::catalog::{DataChange, DataSource, FunctionId};
use crate::documents::{Caller, Rules};
use crate::events::{self, Subscription};
use crate::realtime::{Event, Topic};

const LISTENER: FunctionId = FunctionId(Uuid::from_u128(1));

/// A function hears of updates of both collections; each event is a piece of its own.
async fn bench(folder: &Path) -> Bench {
    let bench = bench_with(folder, crate::documents::sqlite::Limits { told: 1, ..Default::default() }).await;
    let of = |name: &str| Subscription {
        source: DataSource::Collection(name.to_owned()),
        change: DataChange::Update,
        function: LISTENER,
    };
    let events = events::sqlite::open(bench.files.clone());
    events.subscribe(project(1), &[of("a"), of("b")]).await.unwrap();
    bench
}

/// The `_id`s that the function is told of.
async fn told(bench: &Bench) -> Vec<String> {
    let lane = Lane::Event(LISTENER);
    let jobs = bench.jobs.queues.peek(project(1), &lane, JobState::Pending, 100, View::Whole).await.unwrap();
    let id = |job: &crate::jobs::Job| {
        let told: serde_json::Value = serde_json::from_slice(&job.payload).unwrap();
        told["id"].as_str().unwrap().to_owned()
    };
    jobs.iter().map(id).collect()
}

#[tokio::test]
async fn every_change_is_told_once_and_in_order() {
    let folder = scratch();
    let bench = bench(folder.path()).await;
    for id in ["1", "2", "3"] {
        bench.insert("a", &format!(r#"{{"_id":"{id}","n":{id}}}"#)).await;
    }
    bench.update("{}", r#"{"$inc":{"n":1}}"#).await;
    assert_eq!(told(&bench).await, ["1", "2", "3"]);
    let mut open = bench.begin().await;
    open.write("a", update(r#"{"n":{"$lt":4}}"#, r#"{"$inc":{"n":1}}"#)).await.unwrap();
    open.enqueue(vec![message("one")]).await.unwrap();
    assert_eq!(open.commit().await.unwrap().len(), 1, "what it sent itself, and nothing else");
    assert_eq!(told(&bench).await, ["1", "2", "3", "1", "2"]);
    assert_eq!(bench.messages(project(1)).await, ["one"]);
}

#[tokio::test]
async fn what_fails_has_told_nothing() {
    let folder = scratch();
    let bench = bench(folder.path()).await;
    for id in ["1", "2", "9"] {
        bench.insert("b", &format!(r#"{{"_id":"{id}","n":{id}}}"#)).await;
    }
    // The first becomes 8, and so does the second.
    let write = Write::Update {
        target: Target::many(r#"{"n":{"$lt":9}}"#),
        update: r#"{"$set":{"n":8}}"#.to_owned(),
        upsert: false,
    };
    let failed = bench.documents.write(project(1), "b", write).await;
    assert!(matches!(failed, Err(Failure::Duplicate { .. })), "{failed:?}");
    assert_eq!(told(&bench).await, Vec::<String>::new());
}

/// Those who watch hear of a transaction when it is committed, and of nothing else that was in it.
#[tokio::test]
async fn who_watches_is_told_what_was_committed() {
    let folder = scratch();
    let bench = bench_in(folder.path(), 1 << 40).await;
    let rules = Rules { read: Some("true".to_owned()), ..Rules::default() };
    let spec = CollectionSpec { name: "a".to_owned(), indexes: None, rules: Some(rules) };
    bench.documents.declare(project(1), &[spec]).await.unwrap();
    let topic = Topic::Documents { collection: "a".to_owned(), filter: "{}".to_owned() };
    let read = bench.realtime.read(project(1), &Caller::default(), vec![topic]).await.unwrap();
    let mut feed = bench.realtime.watch(read, None).await.unwrap();
    assert!(feed.next().await.unwrap().told.is_empty());
    let insert = |text: &str| Write::Insert(vec![text.to_owned()]);
    let mut dropped = bench.transactions.begin(project(1)).await.unwrap();
    dropped.write("a", insert(r#"{"_id":"dropped","n":1}"#)).await.unwrap();
    drop(dropped);
    let mut late = bench.transactions.begin(project(1)).await.unwrap();
    late.write("a", insert(r#"{"_id":"1","n":1}"#)).await.unwrap();
    let mut first = bench.transactions.begin(project(1)).await.unwrap();
    for id in ["1", "2"] {
        first.write("a", insert(&format!(r#"{{"_id":"{id}","n":{id}}}"#))).await.unwrap();
    }
    first.commit().await.unwrap();
    assert!(late.commit().await.is_err(), "its document is there already");
    bench.documents.write(project(1), "a", Write::Delete(Target::many("{}"))).await.unwrap();
    let mut told = Vec::new();
    while told.len() < 4 {
        told.extend(feed.next().await.unwrap().told.into_iter().map(|told| match told.event {
            Event::Insert(document) => format!("insert {document}"),
            Event::Delete(id) => format!("delete {id}"),
            other => panic!("{other:?}"),
        }));
    }
    let inserted = [r#"insert {"_id":"1","n":1}"#, r#"insert {"_id":"2","n":2}"#];
    assert_eq!(told[..2], inserted);
    assert_eq!(told[2..], ["delete 1", "delete 2"]);
}
