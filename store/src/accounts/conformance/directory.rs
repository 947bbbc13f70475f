//! Accounts are listed in pages, by time and by address, and shown with what they have.

use super::Opener;
use super::bench::{Bench, TTL_MS, done, identity, nobody, project};
use crate::accounts::{
    Account, Change, NewAccount, Page, Result, SessionAnswer, SessionChange, normal_prefix,
};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    the_newest_come_first(&opener.bench()?).await?;
    addresses_are_searched(&opener.bench()?).await?;
    one_is_shown(&opener.bench()?).await?;
    all_sessions_end(&opener.bench()?).await
}

/// Who is on a page, as long as their names are their addresses.
async fn names(bench: &Bench<'_>, page: &Page, limit: u32) -> Result<Vec<String>> {
    let accounts = bench.directory.page(bench.project, page, limit).await?;
    Ok(accounts.into_iter().map(|account| account.email.unwrap_or_default()).collect())
}

async fn the_newest_come_first(bench: &Bench<'_>) -> Result<()> {
    let newest = Page::Newest { before: None };
    assert_eq!(names(bench, &newest, 9).await?, [""; 0]);
    let mut people: Vec<Account> = Vec::new();
    for email in ["c@x.y", "a@x.y", "b@x.y"] {
        bench.clock.turn(1);
        people.push(bench.person(email).await?);
    }
    bench.clock.turn(1);
    done(bench.create(NewAccount { anonymous: true, ..NewAccount::default() }).await?);
    assert_eq!(names(bench, &newest, 9).await?, ["", "b@x.y", "a@x.y", "c@x.y"]);
    assert_eq!(names(bench, &newest, 2).await?, ["", "b@x.y"]);
    let before = |index: usize| Page::Newest { before: Some(people[index].id) };
    assert_eq!(names(bench, &before(2), 1).await?, ["a@x.y"]);
    bench.change(Change::Delete(people[1].id)).await?;
    assert_eq!(names(bench, &before(1), 9).await?, ["c@x.y"], "after one that is gone");
    assert_eq!(bench.directory.page(project(2), &newest, 9).await?, []);
    Ok(())
}

async fn addresses_are_searched(bench: &Bench<'_>) -> Result<()> {
    for email in ["Bob@x.y", "an@x.y", "Jose\u{301}@x.y", "ann@x.y"] {
        bench.person(email).await?;
    }
    done(bench.create(NewAccount { anonymous: true, ..NewAccount::default() }).await?);
    let page = |prefix: &str, after: Option<&str>| Page::Addresses {
        prefix: normal_prefix(prefix),
        after: after.map(str::to_owned),
    };
    for (prefix, found) in [
        ("", &["an@x.y", "ann@x.y", "Bob@x.y", "Jose\u{301}@x.y"][..]),
        ("AN", &["an@x.y", "ann@x.y"]),
        ("ann@x.y", &["ann@x.y"]),
        (" bo", &["Bob@x.y"]),
        ("jos\u{e9}", &["Jose\u{301}@x.y"]),
        ("%", &[]),
        ("ann@x.yy", &[]),
    ] {
        assert_eq!(names(bench, &page(prefix, None), 9).await?, found, "{prefix}");
    }
    assert_eq!(names(bench, &page("", Some("an@x.y")), 2).await?, ["ann@x.y", "Bob@x.y"]);
    assert_eq!(names(bench, &page("an", Some("ann@x.y")), 2).await?, [""; 0]);
    Ok(())
}

async fn one_is_shown(bench: &Bench<'_>) -> Result<()> {
    let person = bench.person("a@x.y").await?;
    for subject in ["2", "1"] {
        done(bench.change(Change::Link(person.id, identity("p", subject))).await?);
    }
    let detail = || bench.directory.detail(bench.project, person.id);
    let shown = detail().await?.unwrap_or_else(|| panic!("it is there"));
    assert_eq!((shown.sessions, shown.used_ms), (0, None));
    assert_eq!(shown.identities, [identity("p", "1"), identity("p", "2")]);
    assert_eq!(shown.account, person);
    bench.begin(person.id, 1).await?;
    bench.clock.turn(1);
    bench.begin(person.id, 2).await?;
    let now = bench.clock.now();
    let counted = |shown: crate::accounts::Detail| (shown.sessions, shown.used_ms);
    assert_eq!(detail().await?.map(counted), Some((2, Some(now))));
    bench.clock.turn(TTL_MS.cast_signed() - 1);
    assert_eq!(detail().await?.map(counted), Some((1, Some(now))), "one is over");
    assert_eq!(bench.directory.detail(bench.project, nobody()).await?, None);
    assert_eq!(bench.directory.detail(project(2), person.id).await?, None);
    Ok(())
}

async fn all_sessions_end(bench: &Bench<'_>) -> Result<()> {
    let (person, other) = (bench.person("a@x.y").await?, bench.person("b@x.y").await?);
    let ended = [bench.begin(person.id, 1).await?, bench.begin(person.id, 2).await?];
    let apart = bench.begin(other.id, 3).await?;
    for id in [person.id, nobody()] {
        let end = SessionChange::EndAll(id);
        assert_eq!(bench.accounts.session(bench.project, end).await?, SessionAnswer::Over);
    }
    for id in ended {
        assert!(!bench.is_live(id).await?);
    }
    assert!(bench.is_live(apart).await?);
    Ok(())
}
