//! Projects and buckets that know nothing of each other.

use super::Opener;
use super::bench::{Bench, at, owned, project};
use crate::StoreError;
use crate::buckets::{Condition, Result};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    what_was_never_declared(&opener.bench().await?).await?;
    the_same_names_elsewhere(&opener.bench().await?).await
}

async fn what_was_never_declared(bench: &Bench<'_>) -> Result<()> {
    let (_, objects, ..) = &bench.store;
    // The second one has no file at all.
    for (project, bucket) in [(bench.project, "c"), (project(2), "a")] {
        let upload = objects.upload(project, bucket, "k", 0).await.map(drop);
        no_bucket(upload);
        no_bucket(objects.get(project, bucket, "k").await);
        no_bucket(objects.head(project, bucket, "k").await);
        no_bucket(objects.list(project, bucket, "", None, 10).await);
        no_bucket(objects.delete(project, bucket, "k", Condition::Always).await);
        let always = Condition::Always;
        no_bucket(objects.copy(project, at(bucket, "k"), at(bucket, "l"), None, always).await);
    }
    bench.put("k", "text").await?;
    no_bucket(bench.copy(at("a", "k"), at("c", "k")).await);
    no_bucket(bench.copy(at("c", "k"), at("a", "k")).await);
    assert_eq!(bench.store.0.buckets(project(2)).await?, [""; 0]);
    assert_eq!(bench.store.0.buckets(bench.project).await?, owned(&["a", "b"]));
    Ok(())
}

async fn the_same_names_elsewhere(bench: &Bench<'_>) -> Result<()> {
    bench.store.0.declare(project(2), &owned(&["a"])).await?;
    bench.put("k", "text").await?;
    let objects = &bench.store.1;
    assert_eq!(objects.head(project(2), "a", "k").await?, None);
    assert_eq!(objects.head(bench.project, "b", "k").await?, None);
    assert_eq!(objects.list(project(2), "a", "", None, 10).await?.objects, []);
    objects.delete(project(2), "a", "k", Condition::Always).await?;
    assert_eq!(bench.text("k").await?.as_deref(), Some("text"));
    Ok(())
}

#[track_caller]
fn no_bucket<T>(result: Result<T>) {
    match result {
        Err(StoreError::NotFound { what: "bucket" }) => {}
        Err(other) => panic!("must be no bucket: {other:?}"),
        Ok(_) => panic!("must be no bucket"),
    }
}
