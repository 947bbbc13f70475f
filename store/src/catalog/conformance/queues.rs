//! Who may consume which queue.

use futures_util::future::join_all;

use super::{at, created, deploy};
use crate::StoreError;
use crate::catalog::{Catalog, NewRevision, Project, Published, QueueTrigger, Result};

pub(super) async fn a_queue_has_one_consumer(catalog: &Catalog) -> Result<()> {
    let shop = catalog.projects.create("shop", &at(1)).await?;
    let blog = catalog.projects.create("blog", &at(2)).await?;
    let first = created(catalog, &consumer(&shop, "first", "a", &["mail", "sms"]), 3).await?;
    assert_eq!(first.bindings.queues.len(), 2);
    // Another project's queue of that name is another queue.
    created(catalog, &consumer(&blog, "first", "a", &["mail"]), 3).await?;

    let trail = catalog.audit.list(None, 10).await?;
    taken(catalog, &consumer(&shop, "second", "b", &["fax", "mail"]), "mail", "first").await;
    assert_eq!(catalog.functions.by_name(shop.id, "second").await?, None);
    assert_eq!(catalog.audit.list(None, 10).await?, trail, "a refused publish leaves no trace");
    // Nor can one function consume a queue twice.
    taken(catalog, &consumer(&shop, "third", "c", &["fax", "fax"]), "fax", "third").await;
    // What the refused ones asked for as well is free.
    created(catalog, &consumer(&shop, "second", "b", &["fax"]), 4).await?;

    // A change of the bindings alone is held to the same rule.
    taken(catalog, &consumer(&shop, "second", "b", &["sms"]), "sms", "first").await;
    let kept = catalog.functions.by_name(shop.id, "second").await?;
    let queues = kept.map(|f| f.bindings.queues).unwrap_or_default();
    assert_eq!(queues.iter().map(|q| q.name.as_str()).collect::<Vec<_>>(), ["fax"]);
    Ok(())
}

pub(super) async fn a_queue_is_free_again(catalog: &Catalog) -> Result<()> {
    let shop = catalog.projects.create("shop", &at(1)).await?;
    let holder = created(catalog, &consumer(&shop, "holder", "a", &["mail", "sms"]), 2).await?;
    // Its own queues are no obstacle: neither the same again nor fewer.
    created(catalog, &consumer(&shop, "holder", "b", &["mail", "sms"]), 3).await?;
    let fewer = catalog.functions.publish(&consumer(&shop, "holder", "b", &["mail"]), &at(4)).await?;
    assert!(matches!(fewer, Published::Rebound(_)), "{fewer:?}");
    created(catalog, &consumer(&shop, "other", "c", &["sms"]), 5).await?;
    // A rollback leaves bindings alone.
    catalog.functions.activate(holder.id, 1, &at(6)).await?;
    taken(catalog, &consumer(&shop, "third", "d", &["mail"]), "mail", "holder").await;

    catalog.functions.delete(holder.id, &at(7)).await?;
    created(catalog, &consumer(&shop, "third", "d", &["mail"]), 8).await?;
    catalog.projects.delete(shop.id, &at(9)).await?;
    let again = catalog.projects.create("shop", &at(10)).await?;
    created(catalog, &consumer(&again, "fourth", "e", &["mail", "sms"]), 11).await?;
    Ok(())
}

/// Ten want the same queue: one gets it, nine are told who has it.
pub(super) async fn rivals_for_a_queue(catalog: &Catalog) -> Result<()> {
    let shop = catalog.projects.create("shop", &at(1)).await?;
    let rivals: Vec<_> =
        (0..10).map(|n| consumer(&shop, &format!("rival{n}"), "rival", &["prize"])).collect();
    let results = join_all(rivals.iter().map(|new| created(catalog, new, 2))).await;
    let winners: Vec<_> = results.iter().flatten().map(|f| format!("function `{}`", f.name)).collect();
    assert_eq!(winners.len(), 1);
    for loser in results.iter().filter_map(|result| result.as_ref().err()) {
        assert!(
            matches!(loser, StoreError::Conflict { holder, .. } if winners.contains(holder)),
            "{loser:?}"
        );
    }
    Ok(())
}

fn consumer(project: &Project, name: &str, content: &str, queues: &[&str]) -> NewRevision {
    let mut new = deploy(project, name, content);
    let queue = |name: &&str| QueueTrigger {
        name: (*name).to_owned(),
        batch: 10,
        concurrency: 4,
        attempts: 5,
        path: "/_ostro/queue".to_owned(),
    };
    new.bindings.queues = queues.iter().map(queue).collect();
    new
}

/// The publish must be refused because of that queue and its holder.
async fn taken(catalog: &Catalog, new: &NewRevision, queue: &str, holder: &str) {
    let result = catalog.functions.publish(new, &at(100)).await;
    let expected = (format!("queue `{queue}`"), format!("function `{holder}`"));
    assert!(
        matches!(&result, Err(StoreError::Conflict { what, holder }) if (what, holder) == (&expected.0, &expected.1)),
        "{result:?}"
    );
}
