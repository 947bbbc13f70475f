//! Changes that are done only if an object is as it was thought to be.

use bytes::Bytes;

use super::Opener;
use super::bench::{Bench, at, done};
use crate::buckets::{Attributes, Condition, Outcome, Result};
use crate::catalog::Digest;

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    puts(&opener.bench().await?).await?;
    copies(&opener.bench().await?).await?;
    deletes(&opener.bench().await?).await?;
    one_of_many(&opener.bench().await?).await
}

fn other() -> Digest {
    Digest::of(b"another content")
}

async fn puts(bench: &Bench<'_>) -> Result<()> {
    let put = async |condition| bench.put_if("k", Bytes::from_static(b"new"), condition).await;
    assert_eq!(put(Condition::IfPresent).await?, Outcome::Lost);
    assert_eq!(put(Condition::IfMatch(vec![other()])).await?, Outcome::Lost);
    assert_eq!(put(Condition::IfMatch(Vec::new())).await?, Outcome::Lost);
    assert_eq!(bench.head("k").await?, None);
    let first = done(put(Condition::IfAbsent).await?);
    assert_eq!(put(Condition::IfAbsent).await?, Outcome::Lost);
    assert_eq!(put(Condition::IfMatch(vec![other()])).await?, Outcome::Lost);
    done(put(Condition::IfMatch(vec![other(), first.etag])).await?);
    done(put(Condition::IfPresent).await?);
    Ok(())
}

async fn copies(bench: &Bench<'_>) -> Result<()> {
    let source = bench.put("k", "text").await?;
    let copy = async |condition| {
        bench.store.1.copy(bench.project, at("a", "k"), at("a", "l"), None, condition).await
    };
    assert_eq!(copy(Condition::IfPresent).await?, Outcome::Lost);
    assert_eq!(bench.head("l").await?, None);
    done(copy(Condition::IfAbsent).await?);
    assert_eq!(copy(Condition::IfAbsent).await?, Outcome::Lost);
    done(copy(Condition::IfMatch(vec![source.etag])).await?);
    Ok(())
}

async fn deletes(bench: &Bench<'_>) -> Result<()> {
    let delete = async |condition| bench.store.1.delete(bench.project, "a", "k", condition).await;
    assert_eq!(delete(Condition::IfPresent).await?, Outcome::Lost);
    assert_eq!(delete(Condition::Always).await?, Outcome::Missing);
    let put = bench.put("k", "text").await?;
    assert_eq!(delete(Condition::IfMatch(vec![other()])).await?, Outcome::Lost);
    assert_eq!(bench.head("k").await?, Some(put.clone()));
    assert_eq!(delete(Condition::IfMatch(vec![put.etag.clone()])).await?, Outcome::Done(put));
    Ok(())
}

/// Whoever ends first wins, and the others are told.
async fn one_of_many(bench: &Bench<'_>) -> Result<()> {
    let mut uploads = Vec::new();
    for number in 0..8_u8 {
        let mut upload = bench.upload("k").await?;
        upload.write(Bytes::from(vec![number; 10])).await?;
        uploads.push(upload);
    }
    let ends = uploads.into_iter().map(|upload| upload.finish(Attributes::default(), Condition::IfAbsent));
    let ends = futures_util::future::join_all(ends).await;
    let done = ends.into_iter().filter(|end| matches!(end, Ok(Outcome::Done(_)))).count();
    assert_eq!(done, 1);
    Ok(())
}
