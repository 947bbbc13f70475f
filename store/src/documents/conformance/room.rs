//! What a project may hold, and how much one call answers.

use super::Opener;
use super::bench::{Bench, index, spec};
use crate::StoreError;
use crate::documents::{
    CollectionSpec, DOCUMENT_BYTES, Failure, MAX_COLLECTIONS, Read, Result, Target, Write,
};

/// What projects hold here, bytes.
const ROOM: u64 = 10_000;

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    to_the_byte(opener).await?;
    entries_count(opener).await?;
    less_is_always_done(opener).await?;
    collections(opener).await?;
    large_answers(opener).await
}

fn is_full<T: std::fmt::Debug>(answer: &Result<T>) -> bool {
    matches!(answer, Err(Failure::Store(StoreError::Full { .. })))
}

/// A document that is counted as that many bytes.
fn counted_as(id: char, bytes: u64) -> String {
    let frame = format!(r#"{{"_id":"{id}","t":""}}"#).len() + DOCUMENT_BYTES + 1;
    format!(r#"{{"_id":"{id}","t":"{}"}}"#, "x".repeat(usize::try_from(bytes).unwrap_or(0) - frame))
}

async fn to_the_byte(opener: &Opener<'_>) -> Result<()> {
    for (bytes, fits) in [(ROOM - 1, true), (ROOM, true), (ROOM + 1, false)] {
        let bench = opener.bench_with(ROOM).await?;
        let answer = bench.insert(&[&counted_as('a', bytes / 2), &counted_as('b', bytes - bytes / 2)]).await;
        assert_eq!((answer.is_ok(), is_full(&answer)), (fits, !fits), "{bytes}: {answer:?}");
        assert_eq!(bench.counted().await?, if fits { (2, bytes) } else { (0, 0) });
    }
    Ok(())
}

async fn fill(bench: &Bench<'_>) -> Result<()> {
    bench.insert(&[&counted_as('a', ROOM / 2), &counted_as('b', ROOM / 2)]).await.map(drop)
}

async fn entries_count(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench_with(ROOM).await?;
    fill(&bench).await?;
    assert!(is_full(&bench.declare(&[index(&["x"])]).await));
    bench.delete(Target::one("{}")).await?;
    bench.declare(&[index(&["x"])]).await?;
    let values: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    let long = format!(r#"{{"$set":{{"x":[{}]}}}}"#, values.join(","));
    assert!(is_full(&bench.update(Target::one("{}"), &long).await));
    Ok(())
}

async fn less_is_always_done(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench_with(ROOM).await?;
    fill(&bench).await?;
    let set = |text: &str| format!(r#"{{"$set":{{"t":"{text}"}}}}"#);
    assert!(is_full(&bench.update(Target::many("{}"), &set(&"y".repeat(5_000))).await));
    assert_eq!(bench.update(Target::one(r#"{"_id":"a"}"#), &set("")).await?, (1, 1));
    assert_eq!(bench.update(Target::one(r#"{"_id":"a"}"#), &set("zz")).await?, (1, 1));
    assert_eq!(bench.delete(Target::many("{}")).await?, 2);
    fill(&bench).await
}

async fn collections(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    let names = |from: usize, to: usize| -> Vec<CollectionSpec> {
        (from..to).map(|number| spec(&format!("c{number}"), &[])).collect()
    };
    // With `a` there is one more.
    bench.documents.declare(bench.project, &names(1, MAX_COLLECTIONS)).await?;
    bench.documents.declare(bench.project, &names(1, MAX_COLLECTIONS)).await?;
    assert!(is_full(
        &bench.documents.declare(bench.project, &names(MAX_COLLECTIONS, MAX_COLLECTIONS + 1)).await
    ));
    assert_eq!(bench.documents.collections(bench.project).await?.len(), MAX_COLLECTIONS);
    Ok(())
}

/// Values and pipelines that would answer more than one answer holds fail.
async fn large_answers(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    for number in 0..9 {
        let text = format!("{number}{}", "x".repeat(1_000_000));
        bench.write(Write::Insert(vec![format!(r#"{{"t":"{text}"}}"#)])).await?;
    }
    let all = Read::Distinct { field: "t".to_owned(), filter: "{}".to_owned() };
    assert!(matches!(bench.read(all).await, Err(Failure::TooLarge { .. })));
    let some = Read::Distinct { field: "t".to_owned(), filter: r#"{"t":{"$lt":"8"}}"#.to_owned() };
    assert_eq!(bench.values(some).await?.len(), 8);
    for (limit, fits) in [(9, false), (8, true)] {
        let pipeline = format!(r#"[{{"$sort":{{"t":1}}}},{{"$limit":{limit}}}]"#);
        let answer = bench.read(Read::Aggregate { pipeline }).await;
        assert_eq!((answer.is_ok(), matches!(answer, Err(Failure::TooLarge { .. }))), (fits, !fits));
    }
    Ok(())
}
