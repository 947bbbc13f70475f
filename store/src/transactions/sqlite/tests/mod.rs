//! Transactions: what they see, what conflicts, what bounds them. `serial.rs` shows that they are as if one ran after
//! the other, `told.rs` what functions hear of them.

mod serial;
mod told;

use std::path::Path;
use std::sync::Arc;

use crate::DataDir;
use crate::catalog::ProjectId;
use crate::documents::{
    CollectionSpec, Documents, Failure, Find, Found, IndexSpec, Read, Result, Target, Write, Written,
};
use crate::jobs::conformance::{START_MS, TurnedClock};
use crate::jobs::{JobState, Lane, NewJob, Trigger, View};
use crate::kv::{self, KeyValue, NamespaceSpec};
use crate::project::tests::{files_of, project, scratch};
use crate::project::{Account, ProjectFiles};
use crate::realtime::Realtime;
use crate::transactions::{MAX_CALLS, MAX_HELD_BYTES, MAX_LIFE_MS, MAX_OPEN, Transaction, Transactions};

/// All that transactions are over.
struct Bench {
    clock: TurnedClock,
    files: Arc<ProjectFiles>,
    documents: Arc<dyn Documents>,
    kv: Arc<dyn KeyValue>,
    jobs: crate::jobs::JobStore,
    transactions: Arc<dyn Transactions>,
    realtime: Arc<dyn Realtime>,
}

/// A store in that folder, with collections `a` (indexed by `n`) and `b` (unique by `n`), namespace `k` and queue
/// `mail` in project 1.
async fn bench_in(folder: &Path, quick: i64) -> Bench {
    bench_with(folder, crate::documents::sqlite::Limits { quick, ..Default::default() }).await
}

/// The same with other bounds.
async fn bench_with(folder: &Path, limits: crate::documents::sqlite::Limits) -> Bench {
    let clock = TurnedClock::at(START_MS);
    let data = DataDir::open(folder).unwrap();
    let index = Arc::<crate::jobs::sqlite::Index>::default();
    let names = Arc::<kv::sqlite::Names>::default();
    let catalog = Arc::<crate::documents::sqlite::Catalog>::default();
    let accounts: Vec<Arc<dyn Account>> = vec![index.clone(), names.clone(), catalog.clone()];
    let files = ProjectFiles::open(&data, clock.store_clock(), crate::project::Limits::default(), accounts);
    let files = Arc::new(files.unwrap());
    let (job_limits, kv_limits) = (crate::jobs::sqlite::Limits::default(), kv::sqlite::Limits::default());
    let enqueuer = crate::jobs::sqlite::Enqueuer::new(index.clone(), job_limits);
    let timer = Arc::new(|| std::time::Duration::ZERO);
    let hub = crate::realtime::Hub::new(timer, crate::realtime::Limits::default());
    let documents =
        crate::documents::sqlite::Sqlite::new(files.clone(), catalog, enqueuer.clone(), hub, limits);
    let documents = Arc::new(documents);
    let bench = Bench {
        transactions: Arc::new(super::Sqlite::new(documents.clone(), enqueuer, kv_limits)),
        jobs: crate::jobs::sqlite::open(files.clone(), index, job_limits),
        kv: kv::sqlite::open(files.clone(), names, kv_limits),
        realtime: Arc::new(crate::realtime::sqlite::Sqlite::new(documents.clone(), Arc::default()).unwrap()),
        documents,
        files,
        clock,
    };
    bench.declare(project(1)).await;
    bench
}

impl Bench {
    async fn declare(&self, owner: ProjectId) {
        let spec = |name: &str, unique| CollectionSpec {
            name: name.to_owned(),
            indexes: Some(vec![IndexSpec { fields: vec!["n".to_owned()], unique }]),
            rules: None,
        };
        self.documents.declare(owner, &[spec("a", false), spec("b", true)]).await.unwrap();
        self.kv.declare(owner, &[NamespaceSpec { name: "k".to_owned(), ttl_ms: None }]).await.unwrap();
    }

    async fn begin(&self) -> Box<dyn Transaction> {
        self.transactions.begin(project(1)).await.unwrap()
    }

    async fn insert(&self, collection: &str, document: &str) {
        let write = Write::Insert(vec![document.to_owned()]);
        self.documents.write(project(1), collection, write).await.unwrap();
    }

    async fn update(&self, filter: &str, update: &str) -> Written {
        let write = Write::Update { target: Target::many(filter), update: update.to_owned(), upsert: false };
        self.documents.write(project(1), "a", write).await.unwrap()
    }

    async fn all(&self, collection: &str) -> Vec<String> {
        page(self.documents.read(project(1), collection, find("{}")).await)
    }

    async fn key(&self, key: &str) -> Option<String> {
        let found = self.kv.get(project(1), "k", &[key.to_owned()]).await.unwrap().remove(0);
        found.map(|found| String::from_utf8(found.value.to_vec()).unwrap())
    }

    async fn messages(&self, owner: ProjectId) -> Vec<String> {
        let all = self.jobs.queues.peek(owner, &mail(), JobState::Pending, 100, View::Whole).await.unwrap();
        all.iter().map(|job| String::from_utf8(job.payload.to_vec()).unwrap()).collect()
    }
}

fn mail() -> Lane {
    Lane::Queue("mail".to_owned())
}

fn message(body: &str) -> NewJob {
    NewJob { payload: body.to_owned().into(), ..NewJob::new(mail(), Trigger::Queue) }
}

fn find(filter: &str) -> Read {
    Read::Find(Find { sort: Some(r#"[["n",1],["_id",1]]"#.to_owned()), ..Find::new(filter) })
}

fn get(id: &str) -> Read {
    Read::Get { id: id.to_owned(), fields: None }
}

fn count(filter: &str) -> Read {
    Read::Count { filter: filter.to_owned(), limit: None }
}

fn insert(document: &str) -> Write {
    Write::Insert(vec![document.to_owned()])
}

fn update(filter: &str, update: &str) -> Write {
    Write::Update { target: Target::many(filter), update: update.to_owned(), upsert: false }
}

fn set(key: &str, value: &str) -> kv::Write {
    kv::Write::Set(key.to_owned(), value.to_owned().into())
}

fn page(found: Result<Found>) -> Vec<String> {
    match found {
        Ok(Found::Page(page)) => page.documents,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn all_or_nothing() {
    let folder = scratch();
    let bench = bench_in(folder.path(), 1 << 30).await;
    let mut open = bench.begin().await;
    open.write("a", insert(r#"{"_id":"1","n":1}"#)).await.unwrap();
    open.write("b", insert(r#"{"_id":"2","n":2}"#)).await.unwrap();
    open.write_keys("k", vec![set("x", "1"), set("y", "2")]).await.unwrap();
    open.enqueue(vec![message("hello")]).await.unwrap();
    let nothing = async || {
        assert_eq!(bench.all("a").await.len() + bench.all("b").await.len(), 0);
        assert_eq!(bench.key("x").await, None);
        assert!(bench.messages(project(1)).await.is_empty());
    };
    nothing().await;
    drop(open);
    nothing().await;
    let mut open = bench.begin().await;
    open.write("a", insert(r#"{"_id":"1","n":1}"#)).await.unwrap();
    open.write_keys("k", vec![set("x", "1")]).await.unwrap();
    open.enqueue(vec![message("one"), message("two")]).await.unwrap();
    assert_eq!(open.commit().await.unwrap().len(), 2);
    assert_eq!(bench.all("a").await, [r#"{"_id":"1","n":1}"#]);
    assert_eq!(bench.key("x").await.as_deref(), Some("1"));
    assert_eq!(bench.messages(project(1)).await, ["one", "two"]);
    assert_eq!(bench.jobs.jobs.due().await.unwrap().len(), 1, "whoever delivers knows of them");
    // One that can't be done keeps the others from being done.
    bench.insert("b", r#"{"_id":"3","n":3}"#).await;
    let mut open = bench.begin().await;
    open.write("a", insert(r#"{"_id":"4","n":4}"#)).await.unwrap();
    open.write("b", insert(r#"{"_id":"4","n":3}"#)).await.unwrap();
    open.write_keys("k", vec![set("x", "2")]).await.unwrap();
    open.enqueue(vec![message("three")]).await.unwrap();
    let taken = open.commit().await;
    assert!(matches!(&taken, Err(Failure::Duplicate { index, .. }) if index == "n"), "{taken:?}");
    assert_eq!((bench.all("a").await.len(), bench.key("x").await.as_deref()), (1, Some("1")));
    assert_eq!(bench.messages(project(1)).await.len(), 2);
}

/// The project as it was, and one's own writes.
#[tokio::test]
async fn what_a_transaction_sees() {
    for quick in [1 << 30, 0] {
        let folder = scratch();
        let bench = bench_in(folder.path(), quick).await;
        for n in 1..5 {
            bench.insert("a", &format!(r#"{{"_id":"{n}","n":{n}}}"#)).await;
        }
        bench.kv.write(project(1), "k", vec![set("x", "old")]).await.unwrap();
        let mut open = bench.begin().await;
        bench.insert("a", r#"{"_id":"9","n":9}"#).await;
        bench.kv.write(project(1), "k", vec![set("x", "new")]).await.unwrap();
        assert_eq!(open.read("a", count("{}")).await.unwrap(), Found::Count(4));
        assert_eq!(open.read("a", get("9")).await.unwrap(), Found::Document(None));
        let x = open.keys("k", &["x".to_owned()]).await.unwrap().remove(0);
        assert_eq!(x.as_deref(), Some(&b"old"[..]));
        open.write("a", update(r#"{"n":{"$gte":3}}"#, r#"{"$inc":{"n":-3}}"#)).await.unwrap();
        open.write("a", insert(r#"{"_id":"5","n":2}"#)).await.unwrap();
        open.write("a", Write::Delete(Target::one(r#"{"_id":"1"}"#))).await.unwrap();
        open.write_keys("k", vec![set("x", "mine")]).await.unwrap();
        let x = open.keys("k", &["x".to_owned()]).await.unwrap().remove(0);
        assert_eq!(x.as_deref(), Some(&b"mine"[..]));
        let expected =
            [r#"{"_id":"3","n":0}"#, r#"{"_id":"4","n":1}"#, r#"{"_id":"2","n":2}"#, r#"{"_id":"5","n":2}"#];
        assert_eq!(page(open.read("a", find("{}")).await), expected);
        assert_eq!(page(open.read("a", find(r#"{"n":{"$lt":2}}"#)).await), expected[..2]);
        assert_eq!(page(open.read("a", find(r#"{"_id":"5"}"#)).await), expected[3..]);
        assert_eq!(open.read("a", count(r#"{"n":2}"#)).await.unwrap(), Found::Count(2));
        assert_eq!(open.read("a", count("{}")).await.unwrap(), Found::Count(4));
        let values = Read::Distinct { field: "n".to_owned(), filter: "{}".to_owned() };
        let three = ["0", "1", "2"].map(str::to_owned).to_vec();
        assert_eq!(open.read("a", values).await.unwrap(), Found::Values(three));
        let pipeline =
            r#"[{"$match":{"n":{"$gt":0}}},{"$group":{"_id":null,"sum":{"$sum":"$n"}}}]"#.to_owned();
        let sum = open.read("a", Read::Aggregate { pipeline }).await.unwrap();
        assert_eq!(sum, Found::Values(vec![r#"{"_id":null,"sum":5}"#.to_owned()]));
        let (mut paged, mut cursor) = (Vec::new(), None);
        loop {
            let sort = Some(r#"{"n":1}"#.to_owned());
            let one = Find { sort, limit: Some(1), cursor, ..Find::new("{}") };
            let Found::Page(next) = open.read("a", Read::Find(one)).await.unwrap() else { panic!() };
            paged.extend(next.documents);
            cursor = next.cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(paged, expected);
        let skip = Find { skip: 3, sort: Some(r#"{"n":1}"#.to_owned()), ..Find::new("{}") };
        assert_eq!(page(open.read("a", Read::Find(skip)).await), expected[3..]);
        let twice = open.write("a", insert(r#"{"_id":"5"}"#)).await;
        assert!(matches!(twice, Err(Failure::Duplicate { .. })));
        let none = open.read("c", count("{}")).await;
        assert!(matches!(none, Err(Failure::NoCollection(_))));
    }
}

/// What was read, by a transaction that writes something, and what somebody else writes meanwhile.
#[tokio::test]
async fn what_conflicts() {
    let reads: [(Read, [bool; 4]); 7] = [
        // Another document is changed; the one that is read; one is put in; one that matches is put in.
        (get("1"), [false, true, false, false]),
        (get("7"), [false, false, false, true]),
        (find(r#"{"n":{"$gte":5}}"#), [false, true, false, true]),
        (count(r#"{"n":{"$gte":5}}"#), [false, true, false, true]),
        (
            Read::Distinct { field: "n".to_owned(), filter: r#"{"n":{"$gt":4}}"#.to_owned() },
            [false, true, false, true],
        ),
        (
            Read::Aggregate { pipeline: r#"[{"$match":{"n":{"$gt":4}}},{"$count":"n"}]"#.to_owned() },
            [false, true, false, true],
        ),
        (
            // The first two that match: what comes behind them does not matter.
            Read::Find(Find { limit: Some(1), sort: Some(r#"{"n":-1}"#.to_owned()), ..Find::new("{}") }),
            [true, true, false, true],
        ),
    ];
    for (read, conflicts) in reads {
        for (step, conflicts) in conflicts.into_iter().enumerate() {
            let folder = scratch();
            let bench = bench_in(folder.path(), 1 << 30).await;
            bench.insert("a", r#"{"_id":"1","n":5}"#).await;
            bench.insert("a", r#"{"_id":"2","n":2}"#).await;
            bench.insert("a", r#"{"_id":"3","n":1}"#).await;
            let mut open = bench.begin().await;
            open.read("a", read.clone()).await.unwrap();
            open.write("b", insert(r#"{"_id":"1","n":1}"#)).await.unwrap();
            match step {
                0 => drop(bench.update(r#"{"_id":"2"}"#, r#"{"$set":{"m":1}}"#).await),
                1 => drop(bench.update(r#"{"_id":"1"}"#, r#"{"$set":{"m":1}}"#).await),
                2 => bench.insert("a", r#"{"_id":"8","n":0}"#).await,
                _ => bench.insert("a", r#"{"_id":"7","n":8}"#).await,
            }
            let end = open.commit().await;
            assert_eq!(matches!(end, Err(Failure::Conflict)), conflicts, "{read:?}, step {step}: {end:?}");
            assert_eq!(bench.all("b").await.len(), usize::from(!conflicts));
        }
    }
}

#[tokio::test]
async fn writes_and_keys_conflict() {
    let folder = scratch();
    let bench = bench_in(folder.path(), 1 << 30).await;
    bench.insert("a", r#"{"_id":"1","n":1}"#).await;
    // Two that add to the same number: one of them is told to try again.
    let (mut one, mut two) = (bench.begin().await, bench.begin().await);
    for open in [&mut one, &mut two] {
        open.write("a", update(r#"{"_id":"1"}"#, r#"{"$inc":{"n":1}}"#)).await.unwrap();
    }
    two.commit().await.unwrap();
    assert!(matches!(one.commit().await, Err(Failure::Conflict)));
    assert_eq!(bench.all("a").await, [r#"{"_id":"1","n":2}"#]);
    // A key that was read; one that was only written does not matter.
    for (read, conflicts) in [("x", true), ("y", false)] {
        let mut open = bench.begin().await;
        open.keys("k", &[read.to_owned()]).await.unwrap();
        open.write_keys("k", vec![set("x", "mine")]).await.unwrap();
        bench.kv.write(project(1), "k", vec![set("x", "theirs")]).await.unwrap();
        assert_eq!(matches!(open.commit().await, Err(Failure::Conflict)), conflicts);
    }
    // What only reads has seen one moment, and is not asked again.
    let mut open = bench.begin().await;
    open.read("a", count("{}")).await.unwrap();
    bench.insert("a", r#"{"_id":"2","n":2}"#).await;
    open.commit().await.unwrap();
    // Keys expire by the clock.
    let short = NamespaceSpec { name: "short".to_owned(), ttl_ms: Some(1_000) };
    bench.kv.declare(project(1), &[short]).await.unwrap();
    bench.kv.write(project(1), "short", vec![set("x", "1")]).await.unwrap();
    let mut open = bench.begin().await;
    assert!(open.keys("short", &["x".to_owned()]).await.unwrap()[0].is_some());
    open.write_keys("short", vec![set("y", "1")]).await.unwrap();
    bench.clock.turn(1_000);
    assert!(matches!(open.commit().await, Err(Failure::Conflict)));
}

/// Also those that are never ended, and small ones that are too many.
#[tokio::test]
async fn c5_transactions_are_few_and_end() {
    let folder = scratch();
    let bench = bench_in(folder.path(), 1 << 30).await;
    bench.insert("a", r#"{"_id":"1","n":1}"#).await;
    let mut open = Vec::new();
    for _ in 0..MAX_OPEN {
        open.push(bench.begin().await);
    }
    assert!(matches!(bench.transactions.begin(project(1)).await, Err(Failure::Busy)));
    bench.transactions.begin(project(2)).await.unwrap();
    open.pop();
    open.push(bench.begin().await);
    // They keep the file open, for as long as they live.
    bench.clock.turn(MAX_LIFE_MS - 1);
    bench.files.close_idle().await;
    let mut last = open.pop().unwrap();
    last.read("a", count("{}")).await.unwrap();
    bench.clock.turn(1);
    assert!(matches!(last.read("a", count("{}")).await, Err(Failure::Expired)));
    assert!(matches!(last.commit().await, Err(Failure::Expired)));
    bench.clock.turn(120_000);
    bench.files.close_idle().await;
    assert_eq!(files_of(folder.path(), 1), ["data.db"], "nobody holds the file");
    assert!(matches!(open.pop().unwrap().keys("k", &[]).await, Err(Failure::Expired)));
    // They have their places until they are dropped: what they hold is in memory.
    while open.len() < MAX_OPEN {
        open.push(bench.begin().await);
    }
    assert!(matches!(bench.transactions.begin(project(1)).await, Err(Failure::Busy)));
    drop(open);
    let mut long = bench.begin().await;
    for _ in 0..MAX_CALLS {
        long.read("a", get("1")).await.unwrap();
    }
    assert!(matches!(long.read("a", get("1")).await, Err(Failure::TooLarge { .. })));
    let mut large = bench.begin().await;
    let megabyte = "x".repeat(1_000_000);
    for number in 0..MAX_HELD_BYTES / 1_000_000 + 1 {
        large.write("a", insert(&format!(r#"{{"_id":"l{number}","t":"{megabyte}"}}"#))).await.unwrap();
    }
    assert!(matches!(large.read("a", get("1")).await, Err(Failure::TooLarge { .. })));
    assert!(matches!(large.commit().await, Err(Failure::TooLarge { .. })));
    assert_eq!(bench.all("a").await.len(), 1);
}

/// A project is deleted though a transaction is open in it.
#[tokio::test]
async fn a_deleted_project() {
    let folder = scratch();
    let bench = bench_in(folder.path(), 1 << 30).await;
    bench.insert("a", r#"{"_id":"1","n":1}"#).await;
    let mut open = bench.begin().await;
    open.write("a", update("{}", r#"{"$inc":{"n":1}}"#)).await.unwrap();
    bench.jobs.cleanup.forget(project(1)).await.unwrap();
    assert!(open.read("a", count("{}")).await.is_err());
    assert!(open.commit().await.is_err());
    assert!(bench.documents.read(project(1), "a", count("{}")).await.is_err());
}
