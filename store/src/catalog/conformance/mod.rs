//! What every driver of the catalog must do. Each suite is given a new, empty catalog.

mod functions;
mod queues;
mod routes;
mod sites;
mod tenants;

use std::collections::BTreeMap;

use super::{
    Bindings, Catalog, Digest, Export, Function, FunctionId, GuestKind, HourTotal, JobLimits, Limits,
    NewRevision, OnDisconnect, Project, Published, Result, RevisionSpec, Route, Stamp,
};
use crate::StoreError;

/// Runs every suite; `open` makes a new, empty catalog each time it is called.
///
/// Panics where the driver does otherwise than it must; an `Err` is a call that failed where it must not.
pub async fn run(open: impl Fn() -> Result<Catalog>) -> Result<()> {
    tenants::projects(&open()?).await?;
    tenants::tokens(&open()?).await?;
    tenants::secrets(&open()?).await?;
    tenants::deleting_a_project_deletes_what_it_owns(&open()?).await?;
    functions::publish(&open()?).await?;
    functions::numbers_are_never_used_again(&open()?).await?;
    functions::pruning_spares_the_active_revision(&open()?).await?;
    functions::rollback(&open()?).await?;
    functions::deletion_frees_the_name(&open()?).await?;
    functions::many_at_once(&open()?).await?;
    routes::clashes(&open()?).await?;
    routes::clashes_go_both_ways(&open()?).await?;
    routes::a_refused_publish_leaves_no_trace(&open()?).await?;
    routes::projects_are_apart(&open()?).await?;
    queues::a_queue_has_one_consumer(&open()?).await?;
    queues::a_queue_is_free_again(&open()?).await?;
    queues::rivals_for_a_queue(&open()?).await?;
    sites::versions(&open()?).await?;
    sites::references(&open()?).await?;
    audit(&open()?).await?;
    totals(&open()?).await
}

/// The trail is gapless, newest first, and filtered by project; what failed is not in it.
async fn audit(catalog: &Catalog) -> Result<()> {
    assert_eq!(catalog.audit.list(None, 10).await?, []);
    let shop = catalog.projects.create("shop", &at(1)).await?;
    let blog = catalog.projects.create("blog", &at(2)).await?;
    conflict(&catalog.projects.create("shop", &at(3)).await, "another project");
    catalog.secrets.set(shop.id, "KEY", b"sealed", &at(4)).await?;
    not_found(&catalog.secrets.delete(shop.id, "OTHER", &at(5)).await, "secret");
    catalog.projects.delete(shop.id, &at(6)).await?;

    let rows = catalog.audit.list(None, 10).await?;
    let told: Vec<_> =
        rows.iter().map(|r| (r.sequence, r.at_ms, r.action.as_str(), r.subject.as_str())).collect();
    let expected = [
        (4, 6, "project.delete", "shop"),
        (3, 4, "secret.set", "KEY"),
        (2, 2, "project.create", "blog"),
        (1, 1, "project.create", "shop"),
    ];
    assert_eq!(told, expected);
    assert!(rows.iter().all(|row| row.actor == "admin"));

    // The trail of a deleted project stays.
    let of_shop = catalog.audit.list(Some(shop.id), 2).await?;
    assert_eq!(of_shop.iter().map(|row| row.sequence).collect::<Vec<_>>(), [4, 3]);
    let of_blog = catalog.audit.list(Some(blog.id), 10).await?;
    assert_eq!(of_blog.iter().map(|row| row.sequence).collect::<Vec<_>>(), [2]);

    // What changes nothing in the catalog is written down by whoever does it.
    catalog.audit.record(&at(7), blog.id, "queue.purge", "mail").await?;
    let of_blog = catalog.audit.list(Some(blog.id), 1).await?;
    let told: Vec<_> =
        of_blog.iter().map(|r| (r.sequence, r.at_ms, r.action.as_str(), r.subject.as_str())).collect();
    assert_eq!(told, [(5, 7, "queue.purge", "mail")]);
    Ok(())
}

/// Totals add up per hour, stop at the largest number, and outlive the function.
async fn totals(catalog: &Catalog) -> Result<()> {
    let id = FunctionId(uuid::Uuid::from_u128(7));
    let other = FunctionId(uuid::Uuid::from_u128(8));
    let total = |function, hour_ms, invocations| HourTotal {
        function,
        hour_ms,
        invocations,
        failures: 1,
        cpu_us: 20,
        wall_us: 300,
        bytes_in: 4_000,
        bytes_out: 50_000,
    };
    catalog.totals.add(&[]).await?;
    catalog.totals.add(&[total(id, 0, 5), total(other, 0, 9), total(id, 3_600_000, 1)]).await?;
    catalog.totals.add(&[total(id, 3_600_000, 2)]).await?;
    let twice = HourTotal {
        invocations: 3,
        failures: 2,
        cpu_us: 40,
        wall_us: 600,
        bytes_in: 8_000,
        bytes_out: 100_000,
        ..total(id, 3_600_000, 0)
    };
    assert_eq!(catalog.totals.since(id, 0).await?, [total(id, 0, 5), twice.clone()]);
    assert_eq!(catalog.totals.since(id, 1).await?, [twice]);

    catalog.totals.add(&[total(other, 0, u64::MAX)]).await?;
    catalog.totals.add(&[total(other, 0, u64::MAX)]).await?;
    let full = catalog.totals.since(other, 0).await?;
    assert_eq!(full.iter().map(|t| t.invocations).collect::<Vec<_>>(), [i64::MAX.unsigned_abs()]);
    Ok(())
}

fn at(at_ms: i64) -> Stamp {
    Stamp { actor: "admin".to_owned(), at_ms }
}

/// A deploy of that content, keeping 20 revisions, without routes.
fn deploy(project: &Project, name: &str, content: &str) -> NewRevision {
    NewRevision {
        project: project.id,
        name: name.to_owned(),
        spec: RevisionSpec {
            digest: Digest::of(content.as_bytes()),
            wasm: Digest::of(format!("wasm of {content}").as_bytes()),
            wasm_bytes: 1_234,
            assets: None,
            kind: GuestKind::Http02,
            exports: vec![Export::Http],
            jobs: JobLimits::default(),
            env: BTreeMap::from([("CONTENT".to_owned(), content.to_owned())]),
            limits: Limits { memory_bytes: 64 << 20, ..Limits::default() },
            args: Vec::new(),
            reuse: 1,
            concurrent: 1,
            on_disconnect: OnDisconnect::Cancel,
        },
        bindings: Bindings::default(),
        keep: 20,
    }
}

fn route(path: &str, methods: &[&str]) -> Route {
    Route {
        path: path.to_owned(),
        methods: methods.iter().map(|&m| m.to_owned()).collect(),
        strip: None,
        access: None,
    }
}

/// Publishes what must become a new revision.
async fn created(catalog: &Catalog, new: &NewRevision, at_ms: i64) -> Result<Function> {
    match catalog.functions.publish(new, &at(at_ms)).await? {
        Published::Created(function) => Ok(function),
        other => Err(StoreError::driver(format!("must be a new revision, is {other:?}"))),
    }
}

#[track_caller]
fn not_found<T: std::fmt::Debug>(result: &Result<T>, expected: &str) {
    assert!(matches!(result, Err(StoreError::NotFound { what }) if *what == expected), "{result:?}");
}

/// The result must be a conflict with that holder.
#[track_caller]
fn conflict<T: std::fmt::Debug>(result: &Result<T>, expected: &str) {
    assert!(matches!(result, Err(StoreError::Conflict { holder, .. }) if holder == expected), "{result:?}");
}
