//! How long values live.

use super::Opener;
use super::bench::{Bench, owned, set, spec};
use crate::kv::{Increment, Result, Swap};

/// A day, milliseconds.
const DAY: i64 = 24 * 3_600_000;

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    values_expire(&opener.bench().await?).await?;
    for_ever(&opener.bench().await?).await?;
    another_time_is_for_later_writes(&opener.bench().await?).await?;
    namespaces_have_their_own(&opener.bench().await?).await?;
    many_expire(&opener.bench().await?).await
}

async fn values_expire(bench: &Bench<'_>) -> Result<()> {
    bench.declare("a", Some(1_000)).await?;
    bench.write(vec![set("1", "x"), set("2", "y")]).await?;
    let first = bench.version("1").await?;
    bench.clock.turn(500);
    bench.set("2", "z").await?;
    bench.clock.turn(499);
    assert_eq!(bench.keys().await?, owned(&["1", "2"]));
    bench.clock.turn(1);
    assert_eq!(bench.value("1").await?, None);
    assert_eq!(bench.keys().await?, owned(&["2"]));
    bench.set("1", "new").await?;
    assert_ne!(bench.version("1").await?, first);
    bench.clock.turn(500);
    assert_eq!(bench.value("2").await?, None, "counted from the last write");
    bench.delete("2").await?;
    assert_eq!(bench.keys().await?, owned(&["1"]));
    Ok(())
}

async fn for_ever(bench: &Bench<'_>) -> Result<()> {
    bench.set("k", "v").await?;
    bench.declare("long", Some(u64::MAX)).await?;
    bench.kv.write(bench.project, "long", vec![set("k", "v")]).await?;
    bench.clock.turn(1_000 * 365 * DAY);
    assert_eq!(bench.value("k").await?.as_deref(), Some("v"));
    assert!(bench.kv.get(bench.project, "long", &owned(&["k"])).await?[0].is_some());
    Ok(())
}

async fn another_time_is_for_later_writes(bench: &Bench<'_>) -> Result<()> {
    bench.set("ever", "v").await?;
    bench.declare("a", Some(1_000)).await?;
    bench.set("short", "v").await?;
    bench.declare("a", Some(10_000)).await?;
    bench.set("long", "v").await?;
    bench.declare("a", None).await?;
    bench.set("ever too", "v").await?;
    bench.clock.turn(1_000);
    assert_eq!(bench.keys().await?, owned(&["ever", "ever too", "long"]));
    bench.clock.turn(9_000);
    assert_eq!(bench.keys().await?, owned(&["ever", "ever too"]));
    bench.declare("a", Some(1)).await?;
    bench.clock.turn(DAY);
    assert_eq!(bench.keys().await?, owned(&["ever", "ever too"]));
    bench.set("ever", "w").await?;
    bench.clock.turn(1);
    assert_eq!(bench.keys().await?, owned(&["ever too"]));
    Ok(())
}

async fn namespaces_have_their_own(bench: &Bench<'_>) -> Result<()> {
    let specs = [spec("a", Some(1_000)), spec("b", None)];
    bench.kv.declare(bench.project, &specs).await?;
    assert_eq!(bench.kv.namespaces(bench.project).await?, specs);
    for namespace in ["a", "b"] {
        bench.kv.write(bench.project, namespace, vec![set("k", "v")]).await?;
    }
    bench.clock.turn(1_000);
    assert_eq!(bench.value("k").await?, None);
    assert!(bench.kv.get(bench.project, "b", &owned(&["k"])).await?[0].is_some());
    Ok(())
}

/// However many there are: what comes later is not disturbed, and the others stay.
async fn many_expire(bench: &Bench<'_>) -> Result<()> {
    bench.set("stays", "v").await?;
    bench.declare("a", Some(1_000)).await?;
    for round in 0..3 {
        let sets = (0..500).map(|number| set(&format!("{round}-{number}"), "5"));
        bench.write(sets.collect()).await?;
    }
    let last = bench.version("2-498").await?;
    bench.clock.turn(1_000);
    assert_eq!(bench.add("2-499", 1).await?, Increment::To(1));
    assert_eq!(bench.swap("2-498", Some(last), "v").await?, Swap::Lost(None));
    assert_eq!(bench.swap("2-498", None, "v").await?, Swap::Done);
    for _ in 0..20 {
        bench.set("new", "v").await?;
        assert_eq!(bench.keys().await?, owned(&["2-498", "2-499", "new", "stays"]));
    }
    Ok(())
}
