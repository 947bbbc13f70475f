//! Compare-and-swap: done where nobody came in between, and nothing else.

use super::Opener;
use super::bench::Bench;
use crate::kv::{Found, Result, Swap, Version};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    what_is_there(&opener.bench().await?).await?;
    what_is_not_there(&opener.bench().await?).await?;
    what_has_expired(&opener.bench().await?).await?;
    one_of_many_wins(&opener.bench().await?).await
}

async fn what_is_there(bench: &Bench<'_>) -> Result<()> {
    bench.set("k", "one").await?;
    let one = bench.version("k").await?;
    assert_eq!(bench.swap("k", Some(one), "two").await?, Swap::Done);
    assert_eq!(bench.value("k").await?.as_deref(), Some("two"));
    let two = Found { value: "two".into(), version: bench.version("k").await? };
    assert_ne!(two.version, one);
    assert_eq!(bench.swap("k", Some(one), "late").await?, Swap::Lost(Some(two.clone())));
    assert_eq!(bench.swap("k", None, "new").await?, Swap::Lost(Some(two.clone())));
    assert_eq!(bench.find("k").await?, Some(two), "nothing was changed");
    Ok(())
}

async fn what_is_not_there(bench: &Bench<'_>) -> Result<()> {
    assert_eq!(bench.swap("k", Some(Version(1)), "x").await?, Swap::Lost(None));
    assert_eq!(bench.value("k").await?, None);
    assert_eq!(bench.swap("k", None, "one").await?, Swap::Done);
    let one = bench.version("k").await?;
    bench.delete("k").await?;
    assert_eq!(bench.swap("k", Some(one), "two").await?, Swap::Lost(None));
    bench.set("k", "one").await?;
    let again = bench.find("k").await?;
    assert_eq!(bench.swap("k", Some(one), "two").await?, Swap::Lost(again), "the same value, another write");
    bench.delete("k").await?;
    assert_eq!(bench.swap("k", None, "three").await?, Swap::Done);
    assert_eq!(bench.value("k").await?.as_deref(), Some("three"));
    Ok(())
}

async fn what_has_expired(bench: &Bench<'_>) -> Result<()> {
    bench.declare("a", Some(1_000)).await?;
    bench.set("k", "one").await?;
    let one = bench.version("k").await?;
    bench.clock.turn(1_000);
    assert_eq!(bench.swap("k", Some(one), "two").await?, Swap::Lost(None));
    assert_eq!(bench.swap("k", None, "two").await?, Swap::Done);
    bench.clock.turn(999);
    assert_eq!(bench.value("k").await?.as_deref(), Some("two"), "a swap sets the time anew");
    let two = bench.version("k").await?;
    assert_eq!(bench.swap("k", Some(two), "three").await?, Swap::Done);
    bench.clock.turn(999);
    assert_eq!(bench.value("k").await?.as_deref(), Some("three"));
    Ok(())
}

async fn one_of_many_wins(bench: &Bench<'_>) -> Result<()> {
    for _ in 0..3 {
        // None in the first round.
        let version = bench.find("k").await?.map(|found| found.version);
        let swaps = (0..20).map(|number| async move {
            let value = format!("{number}");
            bench.swap("k", version, &value).await.map(|swap| (swap, value))
        });
        let swaps = futures_util::future::try_join_all(swaps).await?;
        let won: Vec<_> = swaps.iter().filter(|(swap, _)| *swap == Swap::Done).collect();
        assert_eq!(won.len(), 1, "{swaps:?}");
        let there = bench.find("k").await?;
        assert_eq!(there.as_ref().map(|found| &found.value[..]), Some(won[0].1.as_bytes()));
        for (swap, _) in swaps.iter().filter(|(swap, _)| *swap != Swap::Done) {
            assert_eq!(*swap, Swap::Lost(there.clone()));
        }
    }
    Ok(())
}
