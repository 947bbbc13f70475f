//! Projects, tokens and secrets.

use super::{at, conflict, created, deploy, not_found, route};
use crate::catalog::{Bindings, Catalog, ProjectId, Result, Scope, SecretInfo, Token};

pub(super) async fn projects(catalog: &Catalog) -> Result<()> {
    assert_eq!(catalog.projects.list().await?, []);
    let shop = catalog.projects.create("shop", &at(1_000)).await?;
    let blog = catalog.projects.create("blog", &at(2_000)).await?;
    assert_eq!((shop.name.as_str(), shop.created_ms), ("shop", 1_000));
    assert_ne!(shop.id, blog.id);
    assert!(shop.id < blog.id, "ids sort by age");
    assert_eq!(catalog.projects.list().await?, [blog.clone(), shop.clone()]);
    assert_eq!(catalog.projects.by_name("shop").await?, Some(shop.clone()));
    assert_eq!(catalog.projects.by_name("SHOP").await?, None);
    conflict(&catalog.projects.create("shop", &at(3_000)).await, "another project");

    catalog.projects.delete(shop.id, &at(4_000)).await?;
    not_found(&catalog.projects.delete(shop.id, &at(5_000)).await, "project");
    assert_eq!(catalog.projects.list().await?, [blog]);
    let again = catalog.projects.create("shop", &at(6_000)).await?;
    assert_ne!(again.id, shop.id, "an id is never used again");
    Ok(())
}

pub(super) async fn tokens(catalog: &Catalog) -> Result<()> {
    let shop = catalog.projects.create("shop", &at(1)).await?;
    let nowhere = ProjectId(uuid::Uuid::from_u128(1));
    let server = token("aaaaaaa0", None, 10);
    let older = token("aaaaaaa1", Some(shop.id), 20);
    let newer = token("aaaaaaa2", Some(shop.id), 30);
    for token in [&server, &older, &newer] {
        catalog.tokens.create(token, &at(token.created_ms)).await?;
    }
    conflict(&catalog.tokens.create(&token("aaaaaaa1", None, 40), &at(40)).await, "another token");
    not_found(&catalog.tokens.create(&token("aaaaaaa3", Some(nowhere), 50), &at(50)).await, "project");

    assert_eq!(catalog.tokens.list(None).await?, [server]);
    assert_eq!(catalog.tokens.list(Some(shop.id)).await?, [newer.clone(), older.clone()]);
    assert_eq!(catalog.tokens.list(Some(nowhere)).await?, []);
    assert_eq!(catalog.tokens.by_prefix("aaaaaaa1").await?, Some(older));
    assert_eq!(catalog.tokens.by_prefix("aaaaaaa3").await?, None);

    // A token is revoked only where it belongs.
    not_found(&catalog.tokens.revoke(None, "aaaaaaa1", &at(60)).await, "token");
    not_found(&catalog.tokens.revoke(Some(nowhere), "aaaaaaa1", &at(60)).await, "token");
    not_found(&catalog.tokens.revoke(Some(shop.id), "aaaaaaa0", &at(60)).await, "token");
    catalog.tokens.revoke(Some(shop.id), "aaaaaaa1", &at(70)).await?;
    catalog.tokens.revoke(None, "aaaaaaa0", &at(80)).await?;
    assert_eq!(catalog.tokens.by_prefix("aaaaaaa1").await?, None);
    assert_eq!(catalog.tokens.list(None).await?, []);
    assert_eq!(catalog.tokens.list(Some(shop.id)).await?, [newer]);
    Ok(())
}

pub(super) async fn secrets(catalog: &Catalog) -> Result<()> {
    let shop = catalog.projects.create("shop", &at(1)).await?;
    let blog = catalog.projects.create("blog", &at(2)).await?;
    catalog.secrets.set(shop.id, "STRIPE", b"first", &at(10)).await?;
    catalog.secrets.set(shop.id, "MAIL", b"\0\xff", &at(20)).await?;
    catalog.secrets.set(shop.id, "STRIPE", b"second", &at(30)).await?;
    let info = |name: &str, updated_ms| SecretInfo { name: name.to_owned(), updated_ms };
    assert_eq!(catalog.secrets.list(shop.id).await?, [info("MAIL", 20), info("STRIPE", 30)]);
    let sealed = [("MAIL".to_owned(), b"\0\xff".to_vec()), ("STRIPE".to_owned(), b"second".to_vec())];
    assert_eq!(catalog.secrets.load(shop.id).await?, sealed);
    assert_eq!(catalog.secrets.load(blog.id).await?, []);

    not_found(&catalog.secrets.delete(blog.id, "MAIL", &at(40)).await, "secret");
    catalog.secrets.delete(shop.id, "MAIL", &at(50)).await?;
    assert_eq!(catalog.secrets.list(shop.id).await?, [info("STRIPE", 30)]);
    let nowhere = ProjectId(uuid::Uuid::from_u128(1));
    not_found(&catalog.secrets.set(nowhere, "MAIL", b"x", &at(60)).await, "project");
    Ok(())
}

pub(super) async fn deleting_a_project_deletes_what_it_owns(catalog: &Catalog) -> Result<()> {
    let shop = catalog.projects.create("shop", &at(1)).await?;
    let blog = catalog.projects.create("blog", &at(2)).await?;
    for project in [&shop, &blog] {
        let mut new = deploy(project, "cart", &project.name);
        new.bindings = Bindings { routes: vec![route("/cart", &[])], ..Bindings::default() };
        created(catalog, &new, 3).await?;
        catalog.secrets.set(project.id, "KEY", b"sealed", &at(4)).await?;
        let prefix = format!("{}0000", project.name);
        catalog.tokens.create(&token(&prefix, Some(project.id), 5), &at(5)).await?;
    }
    catalog.projects.delete(shop.id, &at(6)).await?;

    assert_eq!(catalog.tokens.by_prefix("shop0000").await?, None);
    assert_eq!(catalog.secrets.load(shop.id).await?, []);
    assert_eq!(catalog.functions.by_name(shop.id, "cart").await?, None);
    assert!(catalog.tokens.by_prefix("blog0000").await?.is_some());
    let left = catalog.functions.active().await?;
    assert_eq!(left.iter().map(|(f, _)| f.project).collect::<Vec<_>>(), [blog.id]);
    assert_eq!(catalog.functions.referenced().await?, [deploy(&blog, "cart", "blog").spec.wasm]);
    assert_eq!(catalog.audit.list(Some(shop.id), 10).await?.len(), 5);
    Ok(())
}

fn token(prefix: &str, project: Option<ProjectId>, created_ms: i64) -> Token {
    Token {
        prefix: prefix.to_owned(),
        hash: [7; 32],
        project,
        label: format!("label of {prefix}"),
        scopes: vec![Scope::Deploy, Scope::Read],
        created_ms,
    }
}
