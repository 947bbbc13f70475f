//! How fast the driver is: prints figures, asserts nothing about them.
//!
//! `cargo test -p store --release documents::sqlite::tests::speed -- --ignored --nocapture --test-threads 1`

#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::time::Instant;

use futures_util::future::try_join_all;

use super::super::*;
use super::{open_in, project};
use crate::documents::{Find, IndexSpec, Target, Which};
use crate::project::tests::block_on;

/// Documents that there are.
const DOCUMENTS: usize = 100_000;

#[tokio::test]
#[ignore = "prints figures; takes a minute"]
async fn speed() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let documents = open_in(folder.path(), Arc::new(now_ms), Limits::default()).unwrap();
    let documents: Arc<dyn Documents> = Arc::new(documents);
    let index = |field: &str| IndexSpec { fields: vec![field.to_owned()], unique: false };
    let spec =
        |name: &str, indexes| CollectionSpec { name: name.to_owned(), indexes: Some(indexes), rules: None };
    let all = [spec("plain", vec![]), spec("a", vec![index("age"), index("name")])];
    documents.declare(project(1), &all).await.unwrap();
    for callers in [1, 8, 64, 256] {
        inserts(&documents, "plain", callers).await;
    }
    let begin = Instant::now();
    for chunk in 0..DOCUMENTS / 1_000 {
        let all = (0..1_000).map(|number| document(chunk * 1_000 + number)).collect();
        documents.write(project(1), "a", Write::Insert(all)).await.unwrap();
    }
    report("insert by thousands, 2 indexes", DOCUMENTS, begin);
    inserts(&documents, "a", 64).await;
    gets(&documents).await;
    gets_of_two_threads(&documents);
    finds(&documents, "find by _id", 1, |n| format!(r#"{{"_id":"{n:08}"}}"#), None).await;
    finds(&documents, "indexed find, 1 of 100,000", 1, |n| format!(r#"{{"name":"user{n}"}}"#), None).await;
    let age = |n| format!(r#"{{"age":{}}}"#, n % 1_000);
    finds(&documents, "indexed find, 10 of 100", 10, age, None).await;
    let newest = Some(r#"{"age":-1}"#);
    finds(&documents, "indexed sort, first 10", 10, |_| "{}".to_owned(), newest).await;
    finds(&documents, "page of 100", 100, |_| "{}".to_owned(), None).await;
    updates(&documents).await;
    let begin = Instant::now();
    let scan = Read::Count { filter: r#"{"text":"nowhere"}"#.to_owned(), limit: None };
    documents.read(project(1), "a", scan).await.unwrap();
    report("scan", DOCUMENTS, begin);
}

async fn inserts(documents: &Arc<dyn Documents>, name: &'static str, callers: usize) {
    let total = (4_000 * callers).min(100_000) / callers * callers;
    let begin = Instant::now();
    let tasks = (0..callers).map(|caller| {
        let documents = documents.clone();
        tokio::spawn(async move {
            for number in 0..total / callers {
                let new = format!(r#"{{"name":"c{caller}","age":{number},"text":"{}"}}"#, "x".repeat(100));
                documents.write(project(1), name, Write::Insert(vec![new])).await.unwrap();
            }
        })
    });
    try_join_all(tasks).await.unwrap();
    report(&format!("insert into {name}, {callers} callers"), total, begin);
}

async fn gets(documents: &Arc<dyn Documents>) {
    let total = 200_000;
    let begin = Instant::now();
    for number in 0..total {
        get(documents, number).await;
    }
    report("get", total, begin);
}

fn gets_of_two_threads(documents: &Arc<dyn Documents>) {
    const EACH: usize = 200_000;
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                block_on(async {
                    for number in 0..EACH {
                        get(documents, number).await;
                    }
                });
            });
        }
    });
    report("get, 2 threads", 2 * EACH, begin);
}

async fn get(documents: &Arc<dyn Documents>, number: usize) {
    let id = format!("{:08}", number * 7_919 % DOCUMENTS);
    let found = documents.read(project(1), "a", Read::Get { id, fields: None }).await.unwrap();
    assert!(matches!(found, Found::Document(Some(_))));
}

async fn finds(
    documents: &Arc<dyn Documents>,
    what: &str,
    limit: u64,
    filter: impl Fn(usize) -> String,
    sort: Option<&str>,
) {
    let total = 20_000;
    let begin = Instant::now();
    for number in 0..total {
        let filter = filter(number * 7_919 % DOCUMENTS);
        let find = Find { limit: Some(limit), sort: sort.map(str::to_owned), ..Find::new(filter) };
        let found = documents.read(project(1), "a", Read::Find(find)).await.unwrap();
        let Found::Page(page) = found else { panic!() };
        assert_eq!(page.documents.len() as u64, limit);
    }
    report(what, total, begin);
}

async fn updates(documents: &Arc<dyn Documents>) {
    let (total, callers) = (50_000, 64);
    let begin = Instant::now();
    let tasks = (0..callers).map(|caller| {
        let documents = documents.clone();
        tokio::spawn(async move {
            for number in 0..total / callers {
                let filter = format!(r#"{{"_id":"{:08}"}}"#, caller * 1_000 + number % 1_000);
                let target = Target { filter, which: Which::One, sort: None };
                let update = r#"{"$inc":{"visits":1}}"#.to_owned();
                let write = Write::Update { target, update, upsert: false };
                documents.write(project(1), "a", write).await.unwrap();
            }
        })
    });
    try_join_all(tasks).await.unwrap();
    report("update by _id, 64 callers", total, begin);
}

fn document(number: usize) -> String {
    let text = "x".repeat(100);
    format!(r#"{{"_id":"{number:08}","name":"user{number}","age":{},"text":"{text}"}}"#, number % 1_000)
}

fn report(what: &str, count: usize, begin: Instant) {
    let took = begin.elapsed();
    let each = took.as_secs_f64() / count as f64;
    println!("{what}: {:.0}/s, {:.1} us each ({count} in {took:?})", 1.0 / each, each * 1e6);
}

fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}
