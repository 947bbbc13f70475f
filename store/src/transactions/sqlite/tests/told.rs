//! What functions are told of documents that change, where that is enqueued in pieces.

use uuid::Uuid;

use super::*;
use crate::catalog::{DataChange, DataSource, FunctionId};
use crate::events::{self, Subscription};

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
