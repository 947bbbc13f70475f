//! Sites: versions, the active one, what they refer to.

use super::{at, not_found};
use crate::catalog::{
    Catalog, Digest, NewSite, ProjectId, Result, SiteContent, SiteFile, SitePublished, SiteSpec,
};

fn content(text: &str) -> SiteContent {
    SiteContent { digest: Digest::of(text.as_bytes()), bytes: text.len() as u64 }
}

/// A site of one page, with that text.
fn site(project: ProjectId, text: &str) -> NewSite {
    let file = SiteFile { content: content(text), gzip: None, brotli: Some(content("short")) };
    let files = [("index.html".to_owned(), file)].into();
    NewSite { project, spec: SiteSpec { files, ..SiteSpec::default() }, keep: 2 }
}

async fn numbers(catalog: &Catalog, project: ProjectId) -> Result<Vec<(u32, bool)>> {
    let versions = catalog.sites.versions(project).await?;
    Ok(versions.into_iter().map(|version| (version.number, version.active)).collect())
}

/// A version is published, replaced, brought back, and forgotten when there are too many.
pub(super) async fn versions(catalog: &Catalog) -> Result<()> {
    let project = catalog.projects.create("shop", &at(1)).await?.id;
    let sites = &catalog.sites;
    assert_eq!(sites.active().await?, []);
    not_found(&sites.delete(project, &at(2)).await, "site");
    assert_eq!(sites.publish(&site(project, "one"), &at(3)).await?, SitePublished::Created(1));
    assert_eq!(sites.publish(&site(project, "one"), &at(4)).await?, SitePublished::Unchanged(1));
    assert_eq!(sites.publish(&site(project, "two"), &at(5)).await?, SitePublished::Created(2));
    assert_eq!(numbers(catalog, project).await?, [(2, true), (1, false)]);
    assert_eq!(sites.spec(project, 1).await?, Some(site(project, "one").spec));

    sites.activate(project, 1, &at(6)).await?;
    not_found(&sites.activate(project, 7, &at(7)).await, "version of the site");
    // What was there before is published anew: it is not what is served.
    assert_eq!(sites.publish(&site(project, "two"), &at(8)).await?, SitePublished::Created(3));
    assert_eq!(numbers(catalog, project).await?, [(3, true), (2, false)]);
    assert_eq!(sites.publish(&site(project, "four"), &at(9)).await?, SitePublished::Created(4));
    sites.activate(project, 3, &at(10)).await?;
    assert_eq!(numbers(catalog, project).await?, [(4, false), (3, true)]);

    let actions: Vec<_> = catalog.audit.list(Some(project), 20).await?;
    let actions: Vec<_> = actions.iter().map(|row| (row.action.as_str(), row.subject.as_str())).collect();
    let expected = [
        ("site.rollback", "site@3"),
        ("site.deploy", "site@4"),
        ("site.deploy", "site@3"),
        ("site.rollback", "site@1"),
        ("site.deploy", "site@2"),
        ("site.deploy", "site@1"),
        ("project.create", "shop"),
    ];
    assert_eq!(actions, expected);
    Ok(())
}

/// What is kept is referred to; sites of projects are apart, and go with them.
pub(super) async fn references(catalog: &Catalog) -> Result<()> {
    let shop = catalog.projects.create("shop", &at(1)).await?.id;
    let blog = catalog.projects.create("blog", &at(1)).await?.id;
    catalog.sites.publish(&site(shop, "one"), &at(2)).await?;
    catalog.sites.publish(&site(shop, "two"), &at(3)).await?;
    catalog.sites.publish(&site(blog, "two"), &at(4)).await?;
    let refers = async |texts: &[&str]| -> Result<()> {
        let mut referenced = catalog.sites.referenced().await?;
        let mut expected: Vec<_> = texts.iter().map(|text| content(text).digest).collect();
        referenced.sort();
        expected.sort();
        assert_eq!(referenced, expected);
        Ok(())
    };
    refers(&["one", "two", "short"]).await?;
    catalog.projects.delete(shop, &at(5)).await?;
    refers(&["two", "short"]).await?;
    assert_eq!(catalog.sites.active().await?.len(), 1);
    catalog.sites.delete(blog, &at(6)).await?;
    refers(&[]).await?;
    not_found(&catalog.sites.publish(&site(shop, "x"), &at(7)).await, "project");
    Ok(())
}
