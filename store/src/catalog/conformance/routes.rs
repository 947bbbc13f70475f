//! Who may have which route.

use super::{at, conflict, created, deploy, route};
use crate::StoreError;
use crate::catalog::{Catalog, Result, Route};

/// What a second function asks for while the first holds `/a/{id}` and `/b` for `GET` and `PUT`, and `/c` and
/// `/d/{*rest}` for any method.
const CASES: &[(&str, &[&str], Answer)] = &[
    ("/a/{id}", &["GET"], Answer::Clash("the route GET /a/{id}")),
    ("/a/{name}", &["GET"], Answer::Clash("the route GET /a/{name}")),
    ("/a/{id}", &["POST", "PUT"], Answer::Clash("the route PUT /a/{id}")),
    ("/a/{id}", &[], Answer::Clash("the route /a/{id}")),
    ("/a/{id}", &["POST"], Answer::Free),
    ("/a/{id}/x", &["GET"], Answer::Free),
    ("/a/fixed", &["GET"], Answer::Free),
    ("/a/{*rest}", &["GET"], Answer::Free),
    ("/b", &["GET"], Answer::Clash("the route GET /b")),
    ("/b", &["DELETE"], Answer::Free),
    ("/c", &["POST"], Answer::Clash("the route POST /c")),
    ("/c", &[], Answer::Clash("the route /c")),
    ("/d/{*all}", &["GET"], Answer::Clash("the route GET /d/{*all}")),
    ("/d/{one}", &[], Answer::Free),
    ("/C", &[], Answer::Free),
];

enum Answer {
    Free,
    /// With this description of what was asked for.
    Clash(&'static str),
}

pub(super) async fn clashes(catalog: &Catalog) -> Result<()> {
    let shop = catalog.projects.create("shop", &at(1)).await?;
    let mut holder = deploy(&shop, "holder", "a");
    holder.bindings.routes = vec![
        route("/a/{id}", &["GET", "PUT"]),
        route("/b", &["GET", "PUT"]),
        route("/c", &[]),
        route("/d/{*rest}", &[]),
    ];
    created(catalog, &holder, 2).await?;

    for (path, methods, answer) in CASES {
        let mut new = deploy(&shop, "second", "b");
        new.bindings.routes = vec![route(path, methods)];
        let result = created(catalog, &new, 3).await;
        match (answer, result) {
            (Answer::Free, Ok(function)) => catalog.functions.delete(function.id, &at(4)).await?,
            (Answer::Clash(expected), Err(StoreError::Conflict { what, holder })) => {
                assert_eq!((what.as_str(), holder.as_str()), (*expected, "function holder"));
            }
            (_, result) => assert!(result.is_ok_and(|_| false), "{methods:?} {path}"),
        }
    }

    // Its own routes are no obstacle: neither the same ones again nor fewer of them.
    holder.spec = deploy(&shop, "holder", "c").spec;
    created(catalog, &holder, 5).await?;
    holder.bindings.routes.truncate(1);
    catalog.functions.publish(&holder, &at(6)).await?;
    let mut new = deploy(&shop, "second", "b");
    new.bindings.routes = vec![route("/c", &["GET"])];
    created(catalog, &new, 7).await?;

    // But one function cannot ask for the same one twice.
    let twice = |a: Route, b: Route| {
        let mut new = deploy(&shop, "third", "d");
        new.bindings.routes = vec![a, b];
        new
    };
    let new = twice(route("/e", &["GET"]), route("/e", &[]));
    conflict(&created(catalog, &new, 8).await, "function third");
    let new = twice(route("/e", &[]), route("/e", &["GET"]));
    conflict(&created(catalog, &new, 8).await, "function third");
    created(catalog, &twice(route("/e", &["GET", "GET"]), route("/e", &["PUT"])), 8).await?;
    Ok(())
}

/// Whoever comes first: two routes clash exactly if they have one shape and a method in common.
pub(super) async fn clashes_go_both_ways(catalog: &Catalog) -> Result<()> {
    let paths = ["/a", "/{x}", "/{*x}", "/a/{x}"];
    let methods: [&[&str]; 4] = [&[], &["GET"], &["GET", "PUT"], &["POST"]];
    let asked: Vec<_> = paths.iter().flat_map(|path| methods.map(|methods| route(path, methods))).collect();
    let project = catalog.projects.create("shop", &at(1)).await?;
    for first in &asked {
        let mut holder = deploy(&project, "first", "a");
        holder.bindings.routes = vec![first.clone()];
        let holder = created(catalog, &holder, 2).await?;
        for second in &asked {
            let mut new = deploy(&project, "second", "b");
            new.bindings.routes = vec![second.clone()];
            let shared = second.methods.iter().any(|method| first.methods.contains(method));
            let any = first.methods.is_empty() || second.methods.is_empty();
            match created(catalog, &new, 3).await {
                Ok(function) => {
                    assert!(first.path != second.path || !(shared || any), "{first:?} {second:?}");
                    catalog.functions.delete(function.id, &at(4)).await?;
                }
                Err(error) => {
                    assert!(first.path == second.path && (shared || any), "{first:?} {second:?}");
                    conflict(&Err::<(), _>(error), "function first");
                }
            }
        }
        catalog.functions.delete(holder.id, &at(5)).await?;
    }
    Ok(())
}

pub(super) async fn a_refused_publish_leaves_no_trace(catalog: &Catalog) -> Result<()> {
    let shop = catalog.projects.create("shop", &at(1)).await?;
    let mut holder = deploy(&shop, "holder", "a");
    holder.bindings.routes = vec![route("/taken", &[])];
    created(catalog, &holder, 2).await?;
    let mut other = deploy(&shop, "other", "b");
    other.bindings.routes = vec![route("/mine", &[])];
    let before = created(catalog, &other, 3).await?;
    let trail = catalog.audit.list(None, 10).await?;

    other.spec = deploy(&shop, "other", "c").spec;
    other.bindings.routes = vec![route("/new", &[]), route("/taken", &["GET"])];
    conflict(&created(catalog, &other, 4).await, "function holder");
    let mut third = deploy(&shop, "third", "d");
    third.bindings.routes = vec![route("/new", &[]), route("/taken", &[])];
    conflict(&created(catalog, &third, 4).await, "function holder");

    assert_eq!(catalog.functions.by_name(shop.id, "other").await?.as_ref(), Some(&before));
    assert_eq!(catalog.functions.by_name(shop.id, "third").await?, None);
    assert_eq!(catalog.functions.revisions(before.id).await?.len(), 1);
    assert_eq!(catalog.audit.list(None, 10).await?, trail);
    // Its old route is still its own, and the one it did not get is free.
    third.bindings.routes = vec![route("/mine", &[])];
    conflict(&created(catalog, &third, 5).await, "function other");
    third.bindings.routes = vec![route("/new", &[])];
    created(catalog, &third, 6).await?;
    Ok(())
}

pub(super) async fn projects_are_apart(catalog: &Catalog) -> Result<()> {
    for name in ["shop", "blog"] {
        let project = catalog.projects.create(name, &at(1)).await?;
        let mut new = deploy(&project, "same", "a");
        new.bindings.routes = vec![route("/same", &[])];
        let function = created(catalog, &new, 2).await?;
        assert_eq!((function.project, function.active), (project.id, 1));
    }
    assert_eq!(catalog.functions.active().await?.len(), 2);
    Ok(())
}
