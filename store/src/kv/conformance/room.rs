//! What a project may hold, and that refused writes leave no trace.

use super::Opener;
use super::bench::{Bench, delete, owned, project, set, spec};
use crate::StoreError;
use crate::kv::{Increment, Result, Swap};

/// What a project holds here, bytes.
const ROOM: u64 = 100;

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    keys_and_values_count(&opener.bench_with(ROOM).await?).await?;
    every_way_to_write(&opener.bench_with(ROOM).await?).await?;
    all_or_none(&opener.bench_with(ROOM).await?).await?;
    room_that_is_freed(&opener.bench_with(ROOM).await?).await?;
    what_has_expired(&opener.bench_with(10_000).await?).await?;
    a_project_is_full_for_itself(&opener.bench_with(ROOM).await?).await
}

async fn keys_and_values_count(bench: &Bench<'_>) -> Result<()> {
    bench.set("12345678", &"v".repeat(42)).await?;
    full(bench.set("é", &"v".repeat(49)).await);
    bench.set("é", &"v".repeat(48)).await?;
    full(bench.set("1", "").await);
    full(bench.set("é", &"v".repeat(49)).await);
    bench.set("é", &"w".repeat(48)).await?;
    assert_eq!(bench.keys().await?, owned(&["12345678", "é"]));
    bench.delete("é").await?;
    bench.set("1", &"v".repeat(49)).await
}

async fn every_way_to_write(bench: &Bench<'_>) -> Result<()> {
    bench.set("k", &"v".repeat(97)).await?;
    full(bench.swap("s", None, "12").await);
    full(bench.add("n", 10).await);
    assert_eq!(bench.swap("s", None, "1").await?, Swap::Done);
    full(bench.add("n", 1).await);
    let one = bench.version("s").await?;
    full(bench.swap("s", Some(one), "12").await);
    assert_eq!(bench.version("s").await?, one);
    full(bench.add("s", 9).await);
    assert_eq!(bench.add("s", 8).await?, Increment::To(9));
    assert_eq!(bench.add("s", 0).await?, Increment::To(9));
    assert_eq!(bench.keys().await?, owned(&["k", "s"]));
    Ok(())
}

async fn all_or_none(bench: &Bench<'_>) -> Result<()> {
    bench.write(vec![set("a", "1"), set("b", &"v".repeat(50))]).await?;
    let before = bench.find("a").await?;
    let writes = vec![set("a", "2"), delete("b"), set("c", "3"), set("d", &"v".repeat(100))];
    full(bench.write(writes).await);
    assert_eq!(bench.find("a").await?, before);
    assert_eq!(bench.keys().await?, owned(&["a", "b"]));
    // And what they would have held is not counted.
    bench.set("c", &"v".repeat(46)).await?;
    full(bench.set("d", "").await);
    Ok(())
}

async fn room_that_is_freed(bench: &Bench<'_>) -> Result<()> {
    bench.set("k", &"v".repeat(99)).await?;
    full(bench.write(vec![set("l", &"v".repeat(99))]).await);
    bench.write(vec![delete("k"), set("l", &"v".repeat(99))]).await?;
    bench.write(vec![set("m", &"v".repeat(99)), delete("l")]).await?;
    bench.set("m", "").await?;
    bench.set("n", &"v".repeat(98)).await?;
    bench.write(vec![delete("m"), delete("n"), delete("none")]).await?;
    bench.set("k", &"v".repeat(99)).await
}

/// However many they are, and however little each of them held.
async fn what_has_expired(bench: &Bench<'_>) -> Result<()> {
    bench.declare("a", Some(1_000)).await?;
    for round in 0..5 {
        let sets = (0..500).map(|number| set(&format!("{:04}", round * 500 + number), ""));
        bench.write(sets.collect()).await?;
    }
    full(bench.set("k", "").await);
    bench.clock.turn(1_000);
    bench.set("k", &"v".repeat(9_999)).await?;
    assert_eq!(bench.keys().await?, owned(&["k"]));
    full(bench.set("l", "").await);
    bench.clock.turn(1_000);
    assert_eq!(bench.add("n", 1).await?, Increment::To(1));
    bench.set("l", &"v".repeat(9_997)).await
}

async fn a_project_is_full_for_itself(bench: &Bench<'_>) -> Result<()> {
    bench.declare("b", None).await?;
    bench.set("k", &"v".repeat(99)).await?;
    full(bench.kv.write(bench.project, "b", vec![set("k", "")]).await);
    bench.kv.declare(project(2), &[spec("a", None)]).await?;
    bench.kv.write(project(2), "a", vec![set("k", &"v".repeat(99))]).await
}

#[track_caller]
fn full<T: std::fmt::Debug>(result: Result<T>) {
    match result {
        Err(StoreError::Full { what, limit }) => {
            assert!(what.contains("key-value") && limit > 0, "{what:?}, {limit}");
        }
        other => panic!("must be Full: {other:?}"),
    }
}
