//! Namespaces are made when they are declared; projects and namespaces are apart; what was answered stays.

use super::Opener;
use super::bench::{Bench, owned, project, set, spec};
use crate::StoreError;
use crate::kv::{Increment, Result, Swap, Version};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    declaring(&opener.bench().await?).await?;
    what_is_not_declared(&opener.bench().await?).await?;
    projects_are_apart(&opener.bench().await?).await?;
    namespaces_are_apart(&opener.bench().await?).await?;
    reopening(opener.bench().await?).await
}

async fn declaring(bench: &Bench<'_>) -> Result<()> {
    assert_eq!(bench.kv.namespaces(bench.project).await?, [spec("a", None)]);
    bench.set("k", "v").await?;
    let specs = [spec("c", Some(5)), spec("b", None), spec("a", Some(7))];
    bench.kv.declare(bench.project, &specs).await?;
    let by_name = [spec("a", Some(7)), spec("b", None), spec("c", Some(5))];
    assert_eq!(bench.kv.namespaces(bench.project).await?, by_name);
    assert_eq!(bench.value("k").await?.as_deref(), Some("v"), "one that exists keeps what is in it");
    bench.kv.declare(bench.project, &[]).await?;
    bench.kv.declare(bench.project, &[spec("a", None)]).await?;
    assert_eq!(bench.kv.namespaces(bench.project).await?.len(), 3, "the others stay");
    Ok(())
}

async fn what_is_not_declared(bench: &Bench<'_>) -> Result<()> {
    let kv = &bench.kv;
    bench.set("k", "v").await?;
    let nobody = project(77);
    assert_eq!(kv.namespaces(nobody).await?, []);
    kv.declare(nobody, &[]).await?;
    for (project, namespace) in
        [(bench.project, "b"), (bench.project, "A"), (bench.project, ""), (nobody, "a")]
    {
        none(&kv.get(project, namespace, &owned(&["k"])).await);
        none(&kv.get(project, namespace, &[]).await);
        none(&kv.write(project, namespace, vec![set("k", "v")]).await);
        none(&kv.write(project, namespace, Vec::new()).await);
        none(&kv.list(project, namespace, None, 10).await);
        none(&kv.increment(project, namespace, "k", 1).await);
        none(&kv.swap(project, namespace, "k", None, "v".into()).await);
    }
    assert_eq!(kv.namespaces(bench.project).await?, [spec("a", None)], "asking makes none");
    bench.declare("b", None).await?;
    assert_eq!(kv.get(bench.project, "b", &owned(&["k"])).await?, [None]);
    kv.write(bench.project, "b", vec![set("k", "w")]).await?;
    assert_eq!(bench.value("k").await?.as_deref(), Some("v"));
    Ok(())
}

async fn projects_are_apart(bench: &Bench<'_>) -> Result<()> {
    let (kv, mine, other) = (&bench.kv, bench.project, project(2));
    kv.declare(other, &[spec("a", Some(1_000))]).await?;
    bench.set("k", "mine").await?;
    assert_eq!(kv.get(other, "a", &owned(&["k"])).await?, [None]);
    assert_eq!(kv.list(other, "a", None, 10).await?.keys, owned(&[]));
    kv.write(other, "a", vec![set("k", "theirs"), set("l", "theirs")]).await?;
    assert_eq!(kv.increment(other, "a", "n", 5).await?, Increment::To(5));
    assert_eq!(kv.increment(mine, "a", "n", 1).await?, Increment::To(1));
    assert_eq!(kv.swap(other, "a", "s", None, "theirs".into()).await?, Swap::Done);
    assert_eq!(bench.keys().await?, owned(&["k", "n"]));
    assert_eq!(bench.value("k").await?.as_deref(), Some("mine"));
    bench.delete("k").await?;
    bench.delete("l").await?;
    assert_eq!(kv.list(other, "a", None, 10).await?.keys, owned(&["k", "l", "n", "s"]));
    bench.set("k", "mine").await?;
    bench.clock.turn(1_000);
    assert_eq!(kv.list(other, "a", None, 10).await?.keys, owned(&[]));
    assert_eq!(bench.keys().await?, owned(&["k", "n"]));
    assert_eq!(kv.namespaces(mine).await?, [spec("a", None)]);
    Ok(())
}

async fn namespaces_are_apart(bench: &Bench<'_>) -> Result<()> {
    bench.declare("b", None).await?;
    let (kv, mine) = (&bench.kv, bench.project);
    bench.set("k", "of a").await?;
    kv.write(mine, "b", vec![set("k", "of b"), set("l", "of b")]).await?;
    let version = bench.version("k").await?;
    let lost = kv.swap(mine, "b", "k", Some(version), "x".into()).await?;
    assert!(matches!(lost, Swap::Lost(Some(found)) if found.value == "of b"));
    bench.delete("l").await?;
    assert_eq!(bench.value("k").await?.as_deref(), Some("of a"));
    assert_eq!(kv.list(mine, "b", None, 10).await?.keys, owned(&["k", "l"]));
    assert_eq!(bench.keys().await?, owned(&["k"]));
    Ok(())
}

async fn reopening(bench: Bench<'_>) -> Result<()> {
    bench.declare("short", Some(1_000)).await?;
    bench.kv.write(bench.project, "short", vec![set("k", "v")]).await?;
    bench.set("k", "v").await?;
    bench.set("gone", "v").await?;
    let gone = bench.version("gone").await?;
    bench.delete("gone").await?;
    assert_eq!(bench.add("n", 41).await?, Increment::To(41));
    let (before, specs) = (bench.find("k").await?, bench.kv.namespaces(bench.project).await?);
    let bench = bench.reopen()?;
    assert_eq!(bench.find("k").await?, before);
    assert_eq!(bench.keys().await?, owned(&["k", "n"]));
    assert_eq!(bench.kv.namespaces(bench.project).await?, specs);
    assert_eq!(bench.add("n", 1).await?, Increment::To(42));
    bench.set("gone", "v").await?;
    let Version(again) = bench.version("gone").await?;
    assert_ne!(again, gone.0, "versions go on");
    // A change may be the first that is asked of it, and the clock has gone on.
    let bench = bench.reopen()?;
    bench.clock.turn(1_000);
    bench.set("k", "w").await?;
    assert_eq!(bench.kv.list(bench.project, "short", None, 10).await?.keys, owned(&[]));
    Ok(())
}

#[track_caller]
fn none<T: std::fmt::Debug>(result: &Result<T>) {
    assert!(matches!(result, Err(StoreError::NotFound { what: "key-value namespace" })), "{result:?}");
}
