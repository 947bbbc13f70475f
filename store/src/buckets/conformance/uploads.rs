//! Uploads that run, that end at once, and that are given up.

use bytes::Bytes;

use super::Opener;
use super::bench::{Bench, done, full, noise};
use crate::StoreError;
use crate::buckets::{Attributes, BLOCK_BYTES, Condition, MAX_OBJECT_BYTES, MAX_UPLOADS, Result};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    nothing_is_seen_before_the_end(&opener.bench().await?).await?;
    given_up(&opener.bench().await?).await?;
    not_too_many_at_once(&opener.bench().await?).await?;
    not_too_large(&opener.bench().await?).await?;
    after_a_restart(opener.bench().await?).await
}

async fn nothing_is_seen_before_the_end(bench: &Bench<'_>) -> Result<()> {
    bench.put("k", "old").await?;
    let (mut k, mut l) = (bench.upload("k").await?, bench.upload("l").await?);
    for upload in [&mut k, &mut l] {
        upload.write(noise(2 * BLOCK_BYTES)).await?;
    }
    assert_eq!(bench.text("k").await?.as_deref(), Some("old"));
    assert_eq!(bench.keys().await?, ["k"]);
    done(k.finish(Attributes::default(), Condition::Always).await?);
    assert_eq!(bench.head("k").await?.unwrap().size, 2 * BLOCK_BYTES as u64);
    // The last one to end is the one that stands, whoever began.
    let (mut first, mut second) = (bench.upload("k").await?, bench.upload("k").await?);
    first.write(Bytes::from_static(b"first")).await?;
    second.write(Bytes::from_static(b"second")).await?;
    done(second.finish(Attributes::default(), Condition::Always).await?);
    done(first.finish(Attributes::default(), Condition::Always).await?);
    assert_eq!(bench.text("k").await?.as_deref(), Some("first"));
    Ok(())
}

async fn given_up(bench: &Bench<'_>) -> Result<()> {
    bench.put("k", "old").await?;
    for size in [0, 10, 3 * BLOCK_BYTES + 1] {
        let mut upload = bench.upload("k").await?;
        upload.write(noise(size)).await?;
        drop(upload);
    }
    assert_eq!(bench.text("k").await?.as_deref(), Some("old"));
    assert_eq!(bench.keys().await?, ["k"]);
    Ok(())
}

async fn not_too_many_at_once(bench: &Bench<'_>) -> Result<()> {
    let mut uploads = Vec::new();
    for number in 0..MAX_UPLOADS {
        uploads.push(bench.upload(&number.to_string()).await?);
    }
    busy(&bench.upload("k").await);
    // Another project has its own.
    bench.store.0.declare(super::bench::project(2), &["a".to_owned()]).await?;
    bench.store.1.upload(super::bench::project(2), "a", "k", 0).await?;
    let last = uploads.pop().unwrap();
    done(last.finish(Attributes::default(), Condition::Always).await?);
    uploads.push(bench.upload("k").await?);
    busy(&bench.upload("l").await);
    drop(uploads);
    bench.upload("l").await?;
    Ok(())
}

async fn not_too_large(bench: &Bench<'_>) -> Result<()> {
    let announced = bench.store.1.upload(bench.project, "a", "k", MAX_OBJECT_BYTES + 1).await;
    assert!(full(announced).contains("object"));
    Ok(())
}

async fn after_a_restart(bench: Bench<'_>) -> Result<()> {
    let mut upload = bench.upload("k").await?;
    upload.write(noise(2 * BLOCK_BYTES)).await?;
    drop(upload);
    let bench = bench.reopen().await?;
    assert_eq!(bench.keys().await?, [""; 0]);
    bench.put("k", "text").await?;
    Ok(())
}

#[track_caller]
fn busy<T>(result: &Result<T>) {
    assert!(matches!(result, Err(StoreError::Busy { limit: MAX_UPLOADS, .. })));
}
