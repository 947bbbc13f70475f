//! Documents that wait for the writer: what they hold in memory meanwhile.

use super::super::question::{Fresh, READ_BYTES};
use super::*;
use crate::documents::language::MAX_DOCUMENT_BYTES;

/// A document whose text is nearly as long as it may be, and which takes many times that when it is read.
fn heavy(id: usize) -> String {
    let zeros = "0,".repeat(MAX_DOCUMENT_BYTES / 2 - 50);
    format!(r#"{{"_id":"{id}","n":{id},"zeros":[{zeros}0]}}"#)
}

fn inserted(task: &Task) -> &[Fresh] {
    match task {
        Task::Insert(all) => all,
        _ => panic!("an insert"),
    }
}

#[test]
fn c5_what_waits_is_text() {
    let heavy: Vec<String> = (0..4).map(heavy).collect();
    let task = Task::parse(inserts(&heavy), START_MS).unwrap();
    let read: usize = inserted(&task).iter().map(Fresh::read_bytes).sum();
    assert_eq!(read, 0, "four documents of {} bytes each", heavy[0].len());
    let light: Vec<String> = (0..1_000).map(|n| format!(r#"{{"n":{n}}}"#)).collect();
    let task = Task::parse(inserts(&light), START_MS).unwrap();
    let read: usize = inserted(&task).iter().map(Fresh::read_bytes).sum();
    assert!((1..=READ_BYTES).contains(&read), "{read} bytes beside the texts of small documents");
}

/// Whether a document waits read or as text, the same becomes of it.
#[tokio::test]
async fn heavy_documents_are_indexed_and_replaced() {
    let folder = scratch();
    let documents =
        open_in(folder.path(), TurnedClock::at(START_MS).store_clock(), Limits::default()).unwrap();
    documents.declare(project(1), &[spec(true)]).await.unwrap();
    documents.write(project(1), "a", inserts(&[heavy(1), heavy(2)])).await.unwrap();
    assert_eq!(documents.read(project(1), "a", count(r#"{"n":2}"#)).await.unwrap(), Found::Count(1));
    let taken = documents.write(project(1), "a", inserts(&[heavy(3).replace(r#""n":3"#, r#""n":1"#)])).await;
    assert!(matches!(taken, Err(Failure::Duplicate { .. })), "{taken:?}");
    let replace = Write::Replace { target: Target::one(r#"{"n":1}"#), document: heavy(1), upsert: false };
    let same = documents.write(project(1), "a", replace).await.unwrap();
    assert_eq!(same, Written::Changed { matched: 1, modified: 0, upserted: None });
    let document = heavy(1).replace(r#""n":1"#, r#""n":7"#);
    let replace = Write::Replace { target: Target::one(r#"{"n":1}"#), document, upsert: false };
    let other = documents.write(project(1), "a", replace).await.unwrap();
    assert_eq!(other, Written::Changed { matched: 1, modified: 1, upserted: None });
    assert_eq!(documents.read(project(1), "a", count(r#"{"n":7}"#)).await.unwrap(), Found::Count(1));
}
