//! What is particular to the SQLite driver, and the conformance suite run on it.

mod plans;
mod rules;
mod speed;
mod told;
mod waiting;

use std::path::Path;

use super::*;
use crate::documents::conformance::{self, Wanted};
use crate::documents::{Find, Target};
use crate::jobs::conformance::{START_MS, TurnedClock};
use crate::project::tests::{block_on, copy, project, scratch};
use crate::{DataDir, StoreClock};

/// The driver over the data in a folder.
pub(super) fn open_in(folder: &Path, clock: StoreClock, limits: Limits) -> Result<Sqlite> {
    let data = DataDir::open(folder)?;
    let catalog = Arc::<Catalog>::default();
    let files = ProjectFiles::open(&data, clock, crate::project::Limits::default(), vec![catalog.clone()])?;
    Ok(Sqlite::new(Arc::new(files), catalog, enqueuer(), nobody(), limits))
}

/// Nobody watches here.
fn nobody() -> Arc<Hub> {
    Hub::new(Arc::new(|| std::time::Duration::ZERO), crate::realtime::Limits::default())
}

/// Nobody is told of anything here.
fn enqueuer() -> Enqueuer {
    Enqueuer::new(Arc::default(), crate::jobs::sqlite::Limits::default())
}

async fn conforms(limits: Limits) {
    let folder = scratch();
    let open = |wanted: &Wanted| {
        let folder = folder.path().join(wanted.number.to_string());
        let limits = Limits { bytes: stored(wanted.bytes), ..limits };
        let documents: Arc<dyn Documents> = Arc::new(open_in(&folder, wanted.clock.clone(), limits)?);
        Ok(documents)
    };
    conformance::run(open).await.unwrap();
}

#[tokio::test]
async fn conforms_on_the_callers_thread() {
    conforms(Limits { quick: 1 << 40, ..Limits::default() }).await;
}

/// The same when nothing can be found without spending too much.
#[tokio::test]
async fn conforms_aside() {
    conforms(Limits { quick: 0, ..Limits::default() }).await;
}

fn inserts(documents: &[String]) -> Write {
    Write::Insert(documents.to_vec())
}

fn spec(unique: bool) -> CollectionSpec {
    let index = crate::documents::IndexSpec { fields: vec!["n".to_owned()], unique };
    CollectionSpec { name: "a".to_owned(), indexes: Some(vec![index]), rules: None }
}

fn count(filter: &str) -> Read {
    Read::Count { filter: filter.to_owned(), limit: None }
}

#[tokio::test]
async fn a_killed_server_loses_nothing() {
    let (folder, killed, clock) = (scratch(), scratch(), TurnedClock::at(START_MS));
    let documents = open_in(folder.path(), clock.store_clock(), Limits::default()).unwrap();
    documents.declare(project(1), &[spec(true)]).await.unwrap();
    documents.write(project(1), "a", inserts(&[r#"{"_id":"1","n":1}"#.to_owned()])).await.unwrap();
    copy(folder.path(), killed.path());
    let again = open_in(killed.path(), clock.store_clock(), Limits::default()).unwrap();
    assert_eq!(again.read(project(1), "a", count(r#"{"n":1}"#)).await.unwrap(), Found::Count(1));
    let twice = again.write(project(1), "a", inserts(&[r#"{"n":1}"#.to_owned()])).await;
    assert!(matches!(twice, Err(Failure::Duplicate { .. })), "{twice:?}");
    // Versions go on: no place is given out twice.
    again.write(project(1), "a", inserts(&[r#"{"_id":"2","n":2}"#.to_owned()])).await.unwrap();
}

/// A clock that goes on by a second whenever somebody looks at it.
fn racing_clock() -> StoreClock {
    let now = std::sync::atomic::AtomicI64::new(START_MS);
    Arc::new(move || now.fetch_add(1_000, std::sync::atomic::Ordering::Relaxed))
}

/// What takes too long ends, and has changed nothing; an index helps.
#[tokio::test]
async fn long_looks_end() {
    let folder = scratch();
    let documents = open_in(folder.path(), racing_clock(), Limits::default()).unwrap();
    documents.declare(project(1), &[spec(false)]).await.unwrap();
    for chunk in 0..8 {
        let all: Vec<String> = (0..500).map(|n| format!(r#"{{"n":{},"m":1}}"#, chunk * 500 + n)).collect();
        documents.write(project(1), "a", inserts(&all)).await.unwrap();
    }
    let find = Find { sort: Some(r#"{"m":1}"#.to_owned()), ..Find::new("{}") };
    let pipeline = r#"[{"$group":{"_id":"$m"}}]"#.to_owned();
    let distinct = Read::Distinct { field: "m".to_owned(), filter: "{}".to_owned() };
    for read in [count(r#"{"m":2}"#), Read::Find(find), distinct, Read::Aggregate { pipeline }] {
        let answer = documents.read(project(1), "a", read.clone()).await;
        assert!(matches!(answer, Err(Failure::Timeout)), "{read:?}: {answer:?}");
    }
    let update = |filter: &str, upsert| Write::Update {
        target: Target::many(filter),
        update: r#"{"$set":{"k":1}}"#.to_owned(),
        upsert,
    };
    for write in [update(r#"{"m":1}"#, false), update(r#"{"m":2}"#, true)] {
        let answer = documents.write(project(1), "a", write).await;
        assert!(matches!(answer, Err(Failure::Timeout)), "{answer:?}");
    }
    assert_eq!(documents.read(project(1), "a", count("{}")).await.unwrap(), Found::Count(4_000));
    let found = documents.read(project(1), "a", count(r#"{"n":{"$lt":50}}"#)).await.unwrap();
    assert_eq!(found, Found::Count(50));
    let changed = documents.write(project(1), "a", update(r#"{"n":7}"#, true)).await.unwrap();
    assert_eq!(changed, Written::Changed { matched: 1, modified: 1, upserted: None });
}

/// Documents that are changed together are read together, by an index and without one.
#[test]
fn reading_and_writing_at_once() {
    const ROUNDS: i64 = 200;
    let (folder, clock) = (scratch(), TurnedClock::at(START_MS));
    let documents = open_in(folder.path(), clock.store_clock(), Limits::default()).unwrap();
    block_on(documents.declare(project(1), &[spec(false)])).unwrap();
    let all: Vec<String> = (0..10).map(|id| format!(r#"{{"_id":"{id}","n":0}}"#)).collect();
    block_on(documents.write(project(1), "a", inserts(&all))).unwrap();
    let read_on = || {
        let mut last = 0;
        while last < ROUNDS {
            let find = Find::new(r#"{"n":{"$gte":0}}"#);
            let Found::Page(page) = block_on(documents.read(project(1), "a", Read::Find(find))).unwrap()
            else {
                panic!()
            };
            let numbers: Vec<i64> = page
                .documents
                .iter()
                .map(|document| {
                    serde_json::from_str::<serde_json::Value>(document).unwrap()["n"].as_i64().unwrap()
                })
                .collect();
            assert_eq!(numbers, vec![numbers[0]; 10]);
            assert!(numbers[0] >= last);
            last = numbers[0];
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(read_on);
        }
        for _ in 0..ROUNDS {
            let update = r#"{"$inc":{"n":1}}"#.to_owned();
            let write = Write::Update { target: Target::many("{}"), update, upsert: false };
            block_on(documents.write(project(1), "a", write)).unwrap();
        }
    });
}

/// Upserts of the same thing at once make one document, though each has to look for it beside the writer.
#[tokio::test]
async fn upserts_at_once() {
    let (folder, clock) = (scratch(), TurnedClock::at(START_MS));
    let limits = Limits { quick: 0, ..Limits::default() };
    let documents = open_in(folder.path(), clock.store_clock(), limits).unwrap();
    let plain = CollectionSpec { indexes: Some(vec![]), ..spec(false) };
    documents.declare(project(1), &[plain]).await.unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                // What waits aside needs timers and threads.
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                for number in 0..25 {
                    let target = Target::one(format!(r#"{{"m":{number}}}"#));
                    let update = r#"{"$inc":{"hits":1}}"#.to_owned();
                    let write = Write::Update { target, update, upsert: true };
                    runtime.block_on(documents.write(project(1), "a", write)).unwrap();
                }
            });
        }
    });
    let found = documents.read(project(1), "a", count(r#"{"hits":4}"#)).await.unwrap();
    assert_eq!(found, Found::Count(25));
    assert_eq!(documents.read(project(1), "a", count("{}")).await.unwrap(), Found::Count(25));
}

/// The beginning of a text is not the whole of it, whatever follows in the entries of an index.
#[tokio::test]
async fn beginnings_and_further_fields() {
    let folder = scratch();
    let documents =
        open_in(folder.path(), TurnedClock::at(START_MS).store_clock(), Limits::default()).unwrap();
    let index = crate::documents::IndexSpec { fields: vec!["a".to_owned(), "b".to_owned()], unique: false };
    let spec = CollectionSpec { name: "a".to_owned(), indexes: Some(vec![index]), rules: None };
    documents.declare(project(1), &[spec]).await.unwrap();
    let all = [("ab", 5), ("abc", 5), ("abd", 1), ("b", 5)];
    let all = all.map(|(a, b)| format!(r#"{{"_id":"{a}","a":"{a}","b":{b}}}"#));
    documents.write(project(1), "a", inserts(&all)).await.unwrap();
    let find = async |filter: &str, sort: Option<&str>| {
        let find = Find { sort: sort.map(str::to_owned), ..Find::new(filter) };
        let Found::Page(page) = documents.read(project(1), "a", Read::Find(find)).await.unwrap() else {
            panic!()
        };
        let id = |document: &String| {
            serde_json::from_str::<serde_json::Value>(document).unwrap()["_id"].to_string()
        };
        page.documents.iter().map(id).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(find(r#"{"a":{"$regex":"^ab"},"b":5}"#, Some(r#"{"a":1}"#)).await, r#""ab" "abc""#);
    assert_eq!(find(r#"{"a":{"$regex":"^ab"}}"#, Some(r#"{"b":1,"a":-1}"#)).await, r#""abd" "abc" "ab""#);
}
