//! Publishing, revisions, rollback and deletion.

use std::collections::BTreeSet;

use futures_util::future::{join_all, try_join_all};

use super::{at, created, deploy, not_found, route};
use crate::StoreError;
use crate::catalog::{Bindings, Catalog, Digest, FunctionId, NewRevision, ProjectId, Published, Result};

pub(super) async fn publish(catalog: &Catalog) -> Result<()> {
    let shop = catalog.projects.create("shop", &at(1)).await?;
    let mut new = deploy(&shop, "cart", "one");
    new.spec.assets = Some(Digest::of(b"assets"));
    let first = created(catalog, &new, 100).await?;
    assert_eq!((first.active, first.created_ms, first.updated_ms), (1, 100, 100));
    assert_eq!(catalog.functions.publish(&new, &at(200)).await?, Published::Unchanged(first.clone()));

    let grants = vec!["http:https://api.example.com".to_owned()];
    new.bindings = Bindings { routes: vec![route("/cart/{id}", &["GET"])], grants, ..Bindings::default() };
    let rebound = catalog.functions.publish(&new, &at(300)).await?;
    let mut function = first;
    function.bindings = new.bindings.clone();
    function.updated_ms = 300;
    assert_eq!(rebound, Published::Rebound(function.clone()));

    new.spec = deploy(&shop, "cart", "two").spec;
    let second = created(catalog, &new, 400).await?;
    function.active = 2;
    function.updated_ms = 400;
    assert_eq!(second, function);
    assert_eq!(catalog.functions.by_name(shop.id, "cart").await?, Some(second.clone()));

    let kept = catalog.functions.revisions(second.id).await?;
    assert_eq!(kept.iter().map(|r| (r.number, r.created_ms)).collect::<Vec<_>>(), [(2, 400), (1, 100)]);
    assert!(kept.iter().all(|r| r.function == second.id && r.created_by == "admin"));
    assert_eq!(kept.first().map(|r| &r.spec), Some(&new.spec), "the content comes back as it was");
    let active = catalog.functions.active().await?;
    assert_eq!(active, [(second, kept.first().cloned().ok_or(StoreError::NotFound { what: "revision" })?)]);

    let mut referenced = catalog.functions.referenced().await?;
    let mut expected =
        vec![Digest::of(b"assets"), deploy(&shop, "cart", "one").spec.wasm, new.spec.wasm.clone()];
    referenced.sort();
    expected.sort();
    assert_eq!(referenced, expected);

    let trail = catalog.audit.list(Some(shop.id), 3).await?;
    let told: Vec<_> = trail.iter().map(|r| (r.action.as_str(), r.subject.as_str())).collect();
    assert_eq!(
        told,
        [("function.deploy", "cart@2"), ("function.bind", "cart@1"), ("function.deploy", "cart@1")]
    );

    new.project = ProjectId(uuid::Uuid::from_u128(1));
    not_found(&catalog.functions.publish(&new, &at(500)).await, "project");
    Ok(())
}

pub(super) async fn numbers_are_never_used_again(catalog: &Catalog) -> Result<()> {
    let shop = catalog.projects.create("shop", &at(1)).await?;
    // Back to the content of an earlier revision is a new revision all the same.
    let mut numbers = Vec::new();
    for content in ["a", "b", "a", "c", "a"] {
        let new = NewRevision { keep: 1, ..deploy(&shop, "cart", content) };
        numbers.push(created(catalog, &new, 2).await?.active);
    }
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let function = created(catalog, &NewRevision { keep: 9, ..deploy(&shop, "cart", "d") }, 3).await?;
    catalog.functions.activate(function.id, 5, &at(4)).await?;
    let next = created(catalog, &NewRevision { keep: 9, ..deploy(&shop, "cart", "e") }, 5).await?;
    assert_eq!(next.active, 7, "after a rollback the count goes on from the highest number");
    Ok(())
}

pub(super) async fn pruning_spares_the_active_revision(catalog: &Catalog) -> Result<()> {
    let shop = catalog.projects.create("shop", &at(1)).await?;
    for content in ["a", "b", "c", "d", "e"] {
        created(catalog, &NewRevision { keep: 3, ..deploy(&shop, "cart", content) }, 2).await?;
    }
    let function = catalog.functions.by_name(shop.id, "cart").await?;
    let id = function.ok_or(StoreError::NotFound { what: "function" })?.id;
    assert_eq!(numbers(catalog, id).await?, [5, 4, 3]);

    // Zero means the active one alone.
    created(catalog, &NewRevision { keep: 0, ..deploy(&shop, "cart", "f") }, 3).await?;
    assert_eq!(numbers(catalog, id).await?, [6]);
    assert_eq!(catalog.functions.active().await?.len(), 1);
    assert_eq!(catalog.functions.referenced().await?.len(), 1, "pruned content is not referred to any more");
    Ok(())
}

pub(super) async fn rollback(catalog: &Catalog) -> Result<()> {
    let shop = catalog.projects.create("shop", &at(1)).await?;
    created(catalog, &deploy(&shop, "cart", "a"), 2).await?;
    let mut second = deploy(&shop, "cart", "b");
    second.bindings.routes = vec![route("/cart", &[])];
    let second = created(catalog, &second, 3).await?;

    catalog.functions.activate(second.id, 1, &at(4)).await?;
    let (function, revision) =
        catalog.functions.active().await?.pop().ok_or(StoreError::NotFound { what: "function" })?;
    assert_eq!((function.active, revision.number, function.updated_ms), (1, 1, 4));
    assert_eq!(revision.spec, deploy(&shop, "cart", "a").spec);
    assert_eq!(function.bindings, second.bindings, "bindings stay as they are now");
    let trail = catalog.audit.list(None, 1).await?;
    let told: Vec<_> = trail.iter().map(|r| (r.action.as_str(), r.subject.as_str())).collect();
    assert_eq!(told, [("function.rollback", "cart@1")]);

    not_found(&catalog.functions.activate(second.id, 3, &at(5)).await, "revision");
    let nobody = FunctionId(uuid::Uuid::from_u128(1));
    not_found(&catalog.functions.activate(nobody, 1, &at(5)).await, "function");
    Ok(())
}

pub(super) async fn deletion_frees_the_name(catalog: &Catalog) -> Result<()> {
    let shop = catalog.projects.create("shop", &at(1)).await?;
    let mut new = deploy(&shop, "cart", "a");
    new.bindings.routes = vec![route("/cart", &[])];
    let first = created(catalog, &new, 2).await?;
    catalog.functions.delete(first.id, &at(3)).await?;
    not_found(&catalog.functions.delete(first.id, &at(4)).await, "function");
    assert_eq!(catalog.functions.by_name(shop.id, "cart").await?, None);
    assert_eq!(catalog.functions.revisions(first.id).await?, []);
    assert_eq!(catalog.functions.referenced().await?, []);

    // The name and the route are free, also for another function.
    new.name = "basket".to_owned();
    created(catalog, &new, 5).await?;
    let second = created(catalog, &deploy(&shop, "cart", "a"), 6).await?;
    assert_ne!(second.id, first.id);
    assert_eq!(second.active, 1);
    let trail = catalog.audit.list(Some(shop.id), 10).await?;
    assert_eq!(trail.len(), 5, "the deleted function's rows stay");
    Ok(())
}

/// 200 publishes at once: of functions of their own, and of one function. Every one is acknowledged and
/// there.
pub(super) async fn many_at_once(catalog: &Catalog) -> Result<()> {
    let shop = catalog.projects.create("shop", &at(1)).await?;
    let apart = (0..100).map(|n| {
        let mut new = deploy(&shop, &format!("f{n}"), &format!("content {n}"));
        new.bindings.routes = vec![route(&format!("/f{n}"), &[])];
        new
    });
    let together = (0..100).map(|n| NewRevision { keep: 200, ..deploy(&shop, "one", &format!("one {n}")) });
    let all: Vec<_> = apart.chain(together).collect();
    let functions = try_join_all(all.iter().map(|new| created(catalog, new, 2))).await?;

    assert_eq!(catalog.functions.active().await?.len(), 101);
    let of_one: BTreeSet<u32> = functions.iter().filter(|f| f.name == "one").map(|f| f.active).collect();
    assert_eq!(of_one, (1..=100).collect(), "every revision has a number of its own");
    let trail = catalog.audit.list(None, 1_000).await?;
    let sequence: Vec<_> = trail.iter().rev().map(|row| row.sequence).collect();
    assert_eq!(sequence, (1..=201).collect::<Vec<_>>(), "the trail has no gaps");

    // Ten want the same route: one gets it, nine are told who has it.
    let rivals: Vec<_> = (0..10)
        .map(|n| {
            let mut new = deploy(&shop, &format!("rival{n}"), "rival");
            new.bindings.routes = vec![route("/prize", &[])];
            new
        })
        .collect();
    let results = join_all(rivals.iter().map(|new| created(catalog, new, 3))).await;
    let winners: Vec<_> = results.iter().flatten().map(|f| format!("function {}", f.name)).collect();
    assert_eq!(winners.len(), 1);
    for loser in results.iter().filter_map(|r| r.as_ref().err()) {
        assert!(
            matches!(loser, StoreError::Conflict { holder, .. } if winners.contains(holder)),
            "{loser:?}"
        );
    }
    Ok(())
}

async fn numbers(catalog: &Catalog, id: FunctionId) -> Result<Vec<u32>> {
    Ok(catalog.functions.revisions(id).await?.iter().map(|r| r.number).collect())
}
