//! Documents are changed, replaced and removed.

use super::Opener;
use super::bench::{Bench, assert_invalid, index};
use crate::documents::{Change, FindAndModify, Result, Returning, Target, Write, Written};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    updates(opener).await?;
    upserts(opener).await?;
    replaces(opener).await?;
    deletes(opener).await?;
    modifies(opener).await?;
    failures_change_nothing(opener).await
}

async fn bench<'o>(opener: &Opener<'o>) -> Result<Bench<'o>> {
    let bench = opener.bench().await?;
    bench.declare(&[index(&["n"])]).await?;
    bench.insert(&[r#"{"_id":"1","n":1}"#, r#"{"_id":"2","n":2}"#, r#"{"_id":"3","n":3}"#]).await?;
    Ok(bench)
}

fn sorted(filter: &str, sort: &str) -> Target {
    Target { sort: Some(sort.to_owned()), ..Target::one(filter) }
}

async fn updates(opener: &Opener<'_>) -> Result<()> {
    let bench = bench(opener).await?;
    assert_eq!(bench.update(Target::one(r#"{"_id":"2"}"#), r#"{"$set":{"n":20}}"#).await?, (1, 1));
    assert_eq!(bench.update(Target::one(r#"{"_id":"2"}"#), r#"{"$set":{"n":20}}"#).await?, (1, 0));
    assert_eq!(bench.update(Target::one(r#"{"_id":"4"}"#), r#"{"$set":{"n":20}}"#).await?, (0, 0));
    assert_eq!(bench.update(sorted("{}", r#"{"n":-1}"#), r#"{"$inc":{"n":1}}"#).await?, (1, 1));
    assert_eq!(bench.get("2").await?.as_deref(), Some(r#"{"_id":"2","n":21}"#));
    // Each once, though it moves ahead in the index that leads to it.
    assert_eq!(bench.update(Target::many(r#"{"n":{"$gt":0}}"#), r#"{"$inc":{"n":100}}"#).await?, (3, 3));
    assert_eq!(bench.ids(r#"{"n":{"$gt":100}}"#, Some(r#"{"n":1}"#)).await?, ["1", "3", "2"]);
    assert_eq!(bench.ids(r#"{"n":{"$lt":100}}"#, None).await?, Vec::<String>::new());
    assert_eq!(bench.update(Target::many("{}"), r#"{"$max":{"n":103}}"#).await?, (3, 1));
    Ok(())
}

async fn upserts(opener: &Opener<'_>) -> Result<()> {
    let bench = bench(opener).await?;
    let upsert = async |filter: &str, update: &str| {
        let write = Write::Update { target: Target::one(filter), update: update.to_owned(), upsert: true };
        bench.write(write).await
    };
    let there = upsert(r#"{"n":3}"#, r#"{"$set":{"x":1},"$setOnInsert":{"y":1}}"#).await?;
    assert_eq!(there, Written::Changed { matched: 1, modified: 1, upserted: None });
    assert_eq!(bench.get("3").await?.as_deref(), Some(r#"{"_id":"3","n":3,"x":1}"#));
    let new = upsert(r#"{"_id":"4","n":4}"#, r#"{"$set":{"x":1},"$setOnInsert":{"y":1}}"#).await?;
    assert_eq!(new, Written::Changed { matched: 0, modified: 0, upserted: Some("4".to_owned()) });
    assert_eq!(bench.get("4").await?.as_deref(), Some(r#"{"_id":"4","n":4,"x":1,"y":1}"#));
    let Written::Changed { upserted: Some(id), .. } =
        upsert(r#"{"n":{"$gt":50}}"#, r#"{"$set":{"n":51}}"#).await?
    else {
        panic!("nothing was inserted");
    };
    assert_eq!(bench.get(&id).await?, Some(format!(r#"{{"_id":"{id}","n":51}}"#)));
    let write = Write::Replace {
        target: Target::one(r#"{"_id":"5"}"#),
        document: r#"{"n":5}"#.to_owned(),
        upsert: true,
    };
    let upserted = Some("5".to_owned());
    assert_eq!(bench.write(write).await?, Written::Changed { matched: 0, modified: 0, upserted });
    assert_eq!(bench.get("5").await?.as_deref(), Some(r#"{"_id":"5","n":5}"#));
    Ok(())
}

async fn replaces(opener: &Opener<'_>) -> Result<()> {
    let bench = bench(opener).await?;
    let replace = async |filter: &str, document: &str| {
        let write =
            Write::Replace { target: Target::one(filter), document: document.to_owned(), upsert: false };
        bench.write(write).await
    };
    let changed = |matched, modified| Written::Changed { matched, modified, upserted: None };
    assert_eq!(replace(r#"{"n":2}"#, r#"{"m":1}"#).await?, changed(1, 1));
    assert_eq!(bench.get("2").await?.as_deref(), Some(r#"{"_id":"2","m":1}"#));
    assert_eq!(replace(r#"{"_id":"2"}"#, r#"{"m":1,"_id":"2"}"#).await?, changed(1, 0));
    assert_eq!(replace(r#"{"_id":"9"}"#, r#"{"m":1}"#).await?, changed(0, 0));
    assert_invalid(replace(r#"{"_id":"2"}"#, r#"{"_id":"3"}"#).await, "`_id`");
    assert_eq!(bench.count("{}").await?, 3);
    Ok(())
}

async fn deletes(opener: &Opener<'_>) -> Result<()> {
    let bench = bench(opener).await?;
    assert_eq!(bench.delete(sorted("{}", r#"{"n":-1}"#)).await?, 1);
    assert_eq!(bench.ids("{}", None).await?, ["1", "2"]);
    assert_eq!(bench.delete(Target::many(r#"{"n":7}"#)).await?, 0);
    assert_eq!(bench.delete(Target::many("{}")).await?, 2);
    assert_eq!(bench.counted().await?, (0, 0));
    assert_eq!(bench.count(r#"{"n":{"$gte":0}}"#).await?, 0);
    Ok(())
}

async fn modifies(opener: &Opener<'_>) -> Result<()> {
    let bench = bench(opener).await?;
    let modify = |filter: &str, change, returning| FindAndModify {
        filter: filter.to_owned(),
        sort: Some(r#"{"n":-1}"#.to_owned()),
        change,
        returning,
        upsert: false,
        fields: None,
    };
    let add = || Change::Update(r#"{"$inc":{"n":1}}"#.to_owned());
    let before = bench.modify(modify("{}", add(), Returning::Before)).await?;
    assert_eq!(before.as_deref(), Some(r#"{"_id":"3","n":3}"#));
    let after = bench.modify(modify("{}", add(), Returning::After)).await?;
    assert_eq!(after.as_deref(), Some(r#"{"_id":"3","n":5}"#));
    let replaced = Change::Replace(r#"{"n":9}"#.to_owned());
    let after = bench.modify(modify(r#"{"n":2}"#, replaced, Returning::After)).await?;
    assert_eq!(after.as_deref(), Some(r#"{"_id":"2","n":9}"#));
    let gone = bench.modify(modify("{}", Change::Delete, Returning::Before)).await?;
    assert_eq!(gone.as_deref(), Some(r#"{"_id":"2","n":9}"#));
    assert_eq!(bench.modify(modify(r#"{"n":77}"#, add(), Returning::After)).await?, None);
    for (returning, expected) in [(Returning::Before, None), (Returning::After, Some(r#"{"n":1}"#))] {
        let filter = format!(r#"{{"_id":"{returning:?}"}}"#);
        let fields = Some(r#"{"_id":0}"#.to_owned());
        let upsert = FindAndModify { upsert: true, fields, ..modify(&filter, add(), returning) };
        assert_eq!(bench.modify(upsert).await?.as_deref(), expected);
    }
    assert_eq!(bench.ids("{}", Some(r#"{"_id":1}"#)).await?, ["1", "3", "After", "Before"]);
    Ok(())
}

/// One document that can't be changed keeps the others from it.
async fn failures_change_nothing(opener: &Opener<'_>) -> Result<()> {
    let bench = bench(opener).await?;
    bench.update(Target::one(r#"{"_id":"3"}"#), r#"{"$set":{"x":"text"}}"#).await?;
    let (all, counted) = (bench.pages("{}", None, 10).await?, bench.counted().await?);
    assert_invalid(bench.update(Target::many("{}"), r#"{"$inc":{"x":1,"n":1}}"#).await, "");
    assert_invalid(bench.update(Target::many("{}"), r#"{"n":1}"#).await, "");
    // Who says which is the first and does not say `one` would change, or delete, all.
    let sorted = || Target { sort: Some(r#"{"n":1}"#.to_owned()), ..Target::many("{}") };
    assert_invalid(bench.update(sorted(), r#"{"$inc":{"n":1}}"#).await, "sort");
    assert_invalid(bench.delete(sorted()).await, "sort");
    assert_invalid(bench.update(Target::many("{}"), r#"{"$set":{"_id":"7"}}"#).await, "_id");
    assert_eq!(bench.pages("{}", None, 10).await?, all);
    assert_eq!(bench.counted().await?, counted);
    Ok(())
}
