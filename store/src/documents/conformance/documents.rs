//! Documents go in and come out as they are.

use super::Opener;
use super::bench::{assert_invalid, assert_taken, id, owned};
use crate::documents::{Failure, Found, MAX_INSERTED, Read, Result, Target, Write};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    as_they_are(opener).await?;
    new_ids(opener).await?;
    all_or_none(opener).await?;
    limits(opener).await?;
    unknown_collections(opener).await?;
    kept(opener).await
}

async fn as_they_are(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    let documents = [
        r#"{"_id":"1"}"#,
        r#"{"_id":"é🦀","b":1,"a":[1,2.5,{"c":null}],"d":true}"#,
        r#"{"_id":"3","n":9223372036854775807,"m":-9223372036854775808,"x":1.0}"#,
        r#"{"_id":"4","at":{"$date":"2026-02-28T12:00:00.123Z"},"bytes":{"$binary":{"base64":"AQID","subType":"00"}}}"#,
    ];
    let ids = bench.insert(&documents).await?;
    assert_eq!(ids, documents.map(id));
    for (id, document) in ids.iter().zip(documents) {
        assert_eq!(bench.get(id).await?.as_deref(), Some(document));
    }
    assert_eq!(bench.pages("{}", None, 1_000).await?, owned(&documents));
    let fields = Some(r#"{"b":1,"_id":0}"#.to_owned());
    let some = bench.read(Read::Get { id: "é🦀".to_owned(), fields }).await?;
    assert_eq!(some, Found::Document(Some(r#"{"b":1}"#.to_owned())));
    for none in ["", "2", "1\0", &"x".repeat(10_000)] {
        assert_eq!(bench.get(none).await?, None);
    }
    Ok(())
}

/// A document without `_id` gets one; ids sort by age.
async fn new_ids(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.extend(bench.insert(&[&format!(r#"{{"n":{number}}}"#)]).await?);
        bench.clock.turn(1);
    }
    assert!(ids.is_sorted() && ids.iter().all(|id| id.len() == 36), "{ids:?}");
    let first = bench.get(&ids[0]).await?;
    assert_eq!(first, Some(format!(r#"{{"_id":"{}","n":0}}"#, ids[0])));
    Ok(())
}

async fn all_or_none(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    bench.insert(&[r#"{"_id":"b"}"#]).await?;
    let taken = bench.insert(&[r#"{"_id":"a"}"#, r#"{"_id":"b"}"#, r#"{"_id":"c"}"#]).await;
    assert_taken(taken, "_id", r#"{"_id":"b"}"#);
    let twice = bench.insert(&[r#"{"_id":"d"}"#, r#"{"_id":"d"}"#]).await;
    assert_taken(twice, "_id", r#"{"_id":"d"}"#);
    assert_invalid(bench.insert(&[r#"{"_id":"e"}"#, r#"{"$set":1}"#]).await, "");
    assert_eq!(bench.ids("{}", None).await?, ["b"]);
    assert_eq!(bench.counted().await?.0, 1);
    // What is gone is free again.
    bench.delete(Target::one(r#"{"_id":"b"}"#)).await?;
    bench.insert(&[r#"{"_id":"b","again":true}"#]).await?;
    assert_eq!(bench.get("b").await?.as_deref(), Some(r#"{"_id":"b","again":true}"#));
    Ok(())
}

async fn limits(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    for wrong in ["", "1", "[]", "{", r#"{"_id":1}"#, r#"{"_id":""}"#, r#"{"a":1,"a":2}"#] {
        assert_invalid(bench.insert(&[wrong]).await, "");
    }
    assert_invalid(bench.insert(&[]).await, "1 to 1000 documents");
    let many = vec!["{}"; MAX_INSERTED + 1];
    assert_invalid(bench.insert(&many).await, "1 to 1000 documents");
    assert_eq!(bench.insert(&many[1..]).await?.len(), MAX_INSERTED);
    // With `{"_id":"l","t":""}` a document is 18 bytes beside its text.
    for (length, fits) in [((1 << 20) - 19, true), ((1 << 20) - 18, true), ((1 << 20) - 17, false)] {
        let answer = bench.insert(&[&format!(r#"{{"_id":"l","t":"{}"}}"#, "x".repeat(length))]).await;
        assert_eq!(answer.is_ok(), fits, "{length}: {answer:?}");
        bench.delete(Target::one(r#"{"_id":"l"}"#)).await?;
    }
    Ok(())
}

async fn unknown_collections(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    let get = Read::Get { id: "1".to_owned(), fields: None };
    let count = Read::Count { filter: "{}".to_owned(), limit: None };
    for read in [get, count] {
        let answer = bench.documents.read(bench.project, "b", read).await;
        assert!(matches!(&answer, Err(Failure::NoCollection(name)) if name == "b"), "{answer:?}");
    }
    for write in [Write::Insert(owned(&["{}"])), Write::Delete(Target::many("{}"))] {
        let answer = bench.documents.write(bench.project, "b", write).await;
        assert!(matches!(&answer, Err(Failure::NoCollection(name)) if name == "b"), "{answer:?}");
    }
    Ok(())
}

async fn kept(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench().await?;
    bench.insert(&[r#"{"_id":"1","a":1}"#, r#"{"_id":"2","a":2}"#]).await?;
    bench.update(Target::one(r#"{"a":2}"#), r#"{"$set":{"a":3}}"#).await?;
    let counted = bench.counted().await?;
    let bench = bench.reopen()?;
    assert_eq!(bench.pages("{}", None, 10).await?, [r#"{"_id":"1","a":1}"#, r#"{"_id":"2","a":3}"#]);
    assert_eq!(bench.counted().await?, counted);
    Ok(())
}
