//! What a project may hold, and that refused changes leave no trace.

use bytes::Bytes;

use super::Opener;
use super::bench::{Bench, at, done, full, noise, owned, project};
use crate::buckets::{Attributes, BLOCK_BYTES, Condition, MAX_BUCKETS, Metadata, Result, Upload};

/// What the empty metadata takes, bytes.
const EMPTY: usize = 2;

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    all_of_it_counts(&opener.bench_with(1_000).await?).await?;
    room_that_is_freed(&opener.bench_with(1_000).await?).await?;
    two_at_once(&opener.bench_with(8 * BLOCK_BYTES as u64).await?).await?;
    what_is_announced(&opener.bench_with(1_000).await?).await?;
    after_a_restart(opener.bench_with(4 * BLOCK_BYTES as u64).await?).await?;
    a_project_is_full_for_itself(&opener.bench_with(1_000).await?).await?;
    buckets(&opener.bench().await?).await
}

async fn all_of_it_counts(bench: &Bench<'_>) -> Result<()> {
    let attributes = Attributes {
        content_type: "text/html".to_owned(),
        metadata: Metadata::from([("a".to_owned(), "b".to_owned())]),
        owner: None,
    };
    let metadata = r#"{"a":"b"}"#.len();
    let put = async |size: usize| {
        let mut upload = bench.upload("key").await?;
        upload.write(noise(size)).await?;
        upload.finish(attributes.clone(), Condition::Always).await
    };
    let most = 1_000 - "key".len() - "text/html".len() - metadata;
    full(put(most + 1).await);
    assert_eq!(bench.head("key").await?, None);
    done(put(most).await?);
    full(bench.put("k", "").await);
    full(bench.copy(at("a", "key"), at("b", "k")).await);
    // What is not more than before is done.
    done(put(most).await?);
    done(put(most - 1).await?);
    full(bench.put("k", "").await);
    Ok(())
}

async fn room_that_is_freed(bench: &Bench<'_>) -> Result<()> {
    for _ in 0..3 {
        bench.put("k", &"v".repeat(996 - EMPTY)).await?;
        full(bench.put("l", "123").await);
        bench.put("k", &"v".repeat(400)).await?;
        done(bench.copy(at("a", "k"), at("b", "k")).await?);
        full(bench.copy(at("a", "k"), at("b", "l")).await);
        done(bench.delete("k").await?);
        done(bench.store.1.delete(bench.project, "b", "k", Condition::Always).await?);
        let mut given_up = bench.upload("k").await?;
        given_up.write(noise(900)).await?;
    }
    Ok(())
}

/// Together they would be too much: one of them is refused while it runs.
async fn two_at_once(bench: &Bench<'_>) -> Result<()> {
    let (mut first, mut second) = (bench.upload("k").await?, bench.upload("l").await?);
    let more = async |upload: &mut Box<dyn Upload>| upload.write(noise(BLOCK_BYTES)).await;
    let mut written = 0;
    let mut refused = None;
    for _ in 0..8 {
        more(&mut first).await?;
        written += 1;
        if refused.is_none() {
            refused = more(&mut second).await.err().map(|_| ());
            written += u32::from(refused.is_none());
        }
        assert!(written <= 8);
        if written == 8 {
            break;
        }
    }
    assert!(refused.is_some() || written == 8);
    // Whoever is given up gives its room back at once.
    drop((first, second));
    bench.store.1.upload(bench.project, "a", "m", 8 * BLOCK_BYTES as u64).await?;
    Ok(())
}

async fn what_is_announced(bench: &Bench<'_>) -> Result<()> {
    let upload = async |bytes| bench.store.1.upload(bench.project, "a", "k", bytes).await;
    full(upload(1_001).await);
    let mut first = upload(900).await?;
    full(upload(101).await);
    full(bench.put("l", &"v".repeat(100)).await);
    bench.put("l", &"v".repeat(90)).await?;
    first.write(noise(800)).await?;
    done(first.finish(Attributes::default(), Condition::Always).await?);
    bench.put("m", &"v".repeat(50)).await?;
    full(bench.put("n", &"v".repeat(60)).await);
    Ok(())
}

/// What was reserved by an upload that the end of the server ended is there again.
async fn after_a_restart(bench: Bench<'_>) -> Result<()> {
    let mut upload = bench.upload("k").await?;
    upload.write(noise(3 * BLOCK_BYTES)).await?;
    full(bench.put_bytes("l", noise(3 * BLOCK_BYTES)).await);
    drop(upload);
    let bench = bench.reopen().await?;
    bench.put_bytes("l", noise(3 * BLOCK_BYTES)).await?;
    Ok(())
}

async fn a_project_is_full_for_itself(bench: &Bench<'_>) -> Result<()> {
    bench.put("k", &"v".repeat(900)).await?;
    full(bench.put("l", &"v".repeat(900)).await);
    bench.store.0.declare(project(2), &owned(&["a"])).await?;
    let mut upload = bench.store.1.upload(project(2), "a", "k", 0).await?;
    upload.write(Bytes::from(vec![0; 900])).await?;
    done(upload.finish(Attributes::default(), Condition::Always).await?);
    Ok(())
}

async fn buckets(bench: &Bench<'_>) -> Result<()> {
    let names: Vec<String> = (0..MAX_BUCKETS - 2).map(|number| format!("n{number:03}")).collect();
    bench.store.0.declare(bench.project, &names).await?;
    bench.store.0.declare(bench.project, &names).await?;
    assert!(full(bench.store.0.declare(bench.project, &owned(&["one-more"])).await).contains("buckets"));
    let all = bench.store.0.buckets(bench.project).await?;
    assert_eq!(all, [owned(&["a", "b"]), names].concat());
    Ok(())
}
