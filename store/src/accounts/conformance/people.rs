//! Accounts are made, found, changed and deleted; an address and an identity are of one account.

use super::Opener;
use super::bench::{Bench, done, hash, identity, nobody, project};
use crate::StoreError;
use crate::accounts::{
    By, Change, Changed, Issuer, Letters, MAX_IDENTITIES, Mail, NewAccount, Result, SessionAnswer, Settings,
};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    settings(opener.bench()?).await?;
    addresses(&opener.bench()?).await?;
    identities(&opener.bench()?).await?;
    ways_in(&opener.bench()?).await?;
    upgrades(&opener.bench()?).await?;
    passwords(&opener.bench()?).await?;
    changes(opener.bench()?).await?;
    room(&opener.bench()?).await?;
    projects_are_apart(&opener.bench()?).await
}

async fn settings(bench: Bench<'_>) -> Result<()> {
    let settings = settings_of(true);
    assert_eq!(bench.accounts.settings(bench.project).await?, None);
    bench.accounts.declare(bench.project, None).await?;
    bench.accounts.declare(bench.project, Some(&settings)).await?;
    let mail =
        Some(Mail::Server(Letters { reset: Some("https://a.b/{token}".to_owned()), ..Letters::default() }));
    let other = Settings { anonymous: true, mail, ..settings };
    bench.accounts.declare(bench.project, Some(&other)).await?;
    let bench = bench.reopen()?;
    assert_eq!(bench.accounts.settings(bench.project).await?, Some(other));
    assert_eq!(bench.accounts.settings(project(2)).await?, None);
    let person = bench.person("a@b.c").await?;
    bench.accounts.declare(bench.project, None).await?;
    assert_eq!(bench.accounts.settings(bench.project).await?, None);
    assert_eq!(bench.find(By::Id(person.id)).await?, Some(person), "accounts stay");
    Ok(())
}

fn settings_of(email: bool) -> Settings {
    Settings {
        email,
        anonymous: false,
        access_ms: 900_000,
        refresh_ms: 86_400_000,
        origins: vec!["https://a.example".to_owned()],
        mail: Some(Mail::Queue("mail".to_owned())),
        issuers: vec![Issuer { url: "https://a.b".to_owned(), audience: "c".to_owned(), roles: None }],
        cookie: true,
    }
}

async fn addresses(bench: &Bench<'_>) -> Result<()> {
    let person = bench.person(" Jose\u{301}@X.y").await?;
    assert_eq!(person.email.as_deref(), Some(" Jose\u{301}@X.y"), "as it was given");
    assert_eq!((person.verified, person.disabled, person.anonymous), (false, false, false));
    assert_eq!((person.created_ms, &person.password), (bench.clock.now(), &Some(hash("old"))));
    for twin in ["jos\u{e9}@x.y", "JOSE\u{301}@x.y "] {
        let new = NewAccount { email: Some(twin.to_owned()), ..NewAccount::default() };
        assert_eq!(bench.create(new).await?, Changed::Taken, "{twin}");
    }
    assert_eq!(bench.find(By::Email("jos\u{e9}@x.y".to_owned())).await?, Some(person.clone()));
    assert_eq!(bench.find(By::Id(person.id)).await?, Some(person));
    assert_eq!(bench.find(By::Email("other@x.y".to_owned())).await?, None);
    assert_eq!(bench.find(By::Id(nobody())).await?, None);
    Ok(())
}

async fn identities(bench: &Bench<'_>) -> Result<()> {
    let openid = identity("wechat", "o6_bmjrPTlm6");
    let new = NewAccount { identity: Some(openid.clone()), ..NewAccount::default() };
    let person = done(bench.create(new.clone()).await?);
    assert_eq!(bench.create(new).await?, Changed::Taken);
    assert_eq!(bench.find(By::Identity(openid.clone())).await?, Some(person.clone()));
    for other in [identity("wechat", "O6_BMJRPTLM6"), identity("weixin", "o6_bmjrPTlm6")] {
        assert_eq!(bench.find(By::Identity(other)).await?, None);
    }
    let link = |id, identity| bench.change(Change::Link(id, identity));
    let other = bench.person("a@b.c").await?;
    assert_eq!(link(other.id, openid.clone()).await?, Changed::Taken);
    assert_eq!(link(person.id, openid).await?, Changed::Done(person));
    let guest = done(bench.create(NewAccount { anonymous: true, ..NewAccount::default() }).await?);
    let session = bench.begin(guest.id, 1).await?;
    let known = done(link(guest.id, identity("wechat", "guest")).await?);
    assert_eq!((known.id, known.anonymous), (guest.id, false));
    assert!(!bench.is_live(session).await?, "F3: whoever had it before has it no more");
    let session = bench.begin(guest.id, 2).await?;
    done(link(guest.id, identity("weixin", "guest")).await?);
    assert!(bench.is_live(session).await?, "it is a named one's own");
    let unlink = async |id, identity| bench.change(Change::Unlink { id, identity, keep: None }).await;
    assert_eq!(unlink(guest.id, identity("wechat", "other")).await?, Changed::Missing);
    assert_eq!(unlink(other.id, identity("weixin", "guest")).await?, Changed::Missing, "another one's");
    assert!(bench.is_live(session).await?, "nothing was changed");
    let kept = bench.begin(guest.id, 3).await?;
    let keeping = Change::Unlink { id: guest.id, identity: identity("wechat", "guest"), keep: Some(kept) };
    done(bench.change(keeping).await?);
    assert_eq!(
        (bench.is_live(session).await?, bench.is_live(kept).await?),
        (false, true),
        "F4: others are out"
    );
    assert_eq!(bench.find(By::Identity(identity("wechat", "guest"))).await?, None);
    assert_eq!(unlink(guest.id, identity("weixin", "guest")).await?, Changed::Missing, "the last way in");
    assert!(bench.find(By::Identity(identity("weixin", "guest"))).await?.is_some());
    assert!(bench.is_live(kept).await?, "nothing was changed");
    done(link(other.id, identity("weixin", "other")).await?);
    let session = bench.begin(other.id, 4).await?;
    done(unlink(other.id, identity("weixin", "other")).await?);
    assert_eq!((bench.is_live(session).await?, bench.is_live(kept).await?), (false, true));
    assert_eq!(link(nobody(), identity("p", "s")).await?, Changed::Missing);
    for number in 0..MAX_IDENTITIES {
        done(link(other.id, identity("p", &number.to_string())).await?);
    }
    let refused = link(other.id, identity("p", "more")).await;
    assert!(matches!(refused, Err(StoreError::Full { limit: MAX_IDENTITIES, .. })), "{refused:?}");
    assert_eq!(bench.find(By::Identity(identity("p", "more"))).await?, None);
    bench.change(Change::Delete(other.id)).await?;
    assert_eq!(bench.find(By::Identity(identity("p", "0"))).await?, None);
    Ok(())
}

/// A password is a way in where the project takes it.
async fn ways_in(bench: &Bench<'_>) -> Result<()> {
    let person = bench.person("a@b.c").await?;
    let identity = identity("wechat", "a");
    done(bench.change(Change::Link(person.id, identity.clone())).await?);
    let unlink = || bench.change(Change::Unlink { id: person.id, identity: identity.clone(), keep: None });
    bench.accounts.declare(bench.project, Some(&settings_of(false))).await?;
    assert_eq!(unlink().await?, Changed::Missing, "nobody could sign in");
    bench.accounts.declare(bench.project, Some(&settings_of(true))).await?;
    done(unlink().await?);
    Ok(())
}

async fn upgrades(bench: &Bench<'_>) -> Result<()> {
    let guest = done(bench.create(NewAccount { anonymous: true, ..NewAccount::default() }).await?);
    let session = bench.begin(guest.id, 1).await?;
    bench.person("taken@x.y").await?;
    let upgrade = |id, email: &str| Change::Upgrade { id, email: email.to_owned(), password: hash("new") };
    assert_eq!(bench.change(upgrade(guest.id, "TAKEN@x.y")).await?, Changed::Taken);
    assert!(bench.is_live(session).await?);
    let person = done(bench.change(upgrade(guest.id, "New@x.y")).await?);
    assert_eq!((person.id, person.anonymous, person.verified), (guest.id, false, false));
    assert_eq!((person.email.as_deref(), &person.password), (Some("New@x.y"), &Some(hash("new"))));
    assert!(!bench.is_live(session).await?, "who it is has changed");
    assert_eq!(bench.change(upgrade(guest.id, "again@x.y")).await?, Changed::Missing);
    assert_eq!(bench.change(upgrade(nobody(), "again@x.y")).await?, Changed::Missing);
    assert_eq!(bench.find(By::Email("new@x.y".to_owned())).await?, Some(person));
    Ok(())
}

async fn passwords(bench: &Bench<'_>) -> Result<()> {
    let person = bench.person("a@b.c").await?;
    let session = bench.begin(person.id, 1).await?;
    let set = |old: &str, new: &str| Change::Password { id: person.id, old: hash(old), new: hash(new) };
    assert_eq!(bench.change(set("wrong", "x")).await?, Changed::Missing);
    assert!(bench.is_live(session).await?);
    let changed = done(bench.change(set("old", "new")).await?);
    assert_eq!(changed.password, Some(hash("new")));
    assert!(!bench.is_live(session).await?);
    assert_eq!(bench.change(set("old", "late")).await?, Changed::Missing, "another change came before");
    Ok(())
}

async fn changes(bench: Bench<'_>) -> Result<()> {
    let person = bench.person("a@b.c").await?;
    let first = bench.begin(person.id, 1).await?;
    let roles = vec!["editor".to_owned()];
    let changed = done(bench.change(Change::Roles(person.id, roles.clone())).await?);
    assert_eq!(changed.roles, roles);
    assert_eq!(bench.refresh(1, 1, 2).await?, SessionAnswer::Live(first, changed), "the next token has them");
    let second = bench.begin(person.id, 2).await?;
    assert!(done(bench.change(Change::Disabled(person.id, true)).await?).disabled);
    assert!(!bench.is_live(second).await?);
    let bench = bench.reopen()?;
    assert_eq!(
        bench.find(By::Id(person.id)).await?.map(|found| (found.roles, found.disabled)),
        Some((roles, true))
    );
    assert!(!done(bench.change(Change::Disabled(person.id, false)).await?).disabled);
    let third = bench.begin(person.id, 3).await?;
    assert!(
        matches!(bench.change(Change::Delete(person.id)).await?, Changed::Done(gone) if gone.id == person.id)
    );
    assert!(!bench.is_live(third).await?);
    for change in
        [Change::Delete(person.id), Change::Roles(person.id, Vec::new()), Change::Disabled(person.id, false)]
    {
        assert_eq!(bench.change(change).await?, Changed::Missing);
    }
    assert_ne!(bench.person("a@b.c").await?.id, person.id, "the address is free again");
    Ok(())
}

async fn room(bench: &Bench<'_>) -> Result<()> {
    for number in 0..5 {
        bench.person(&format!("{number}@x.y")).await?;
    }
    let refused = bench.create(NewAccount { anonymous: true, ..NewAccount::default() }).await;
    assert!(matches!(refused, Err(StoreError::Full { limit: 5, .. })), "{refused:?}");
    let Some(first) = bench.find(By::Email("0@x.y".to_owned())).await? else { panic!("it was made") };
    bench.change(Change::Delete(first.id)).await?;
    bench.person("5@x.y").await?;
    Ok(())
}

async fn projects_are_apart(bench: &Bench<'_>) -> Result<()> {
    let person = bench.person("a@b.c").await?;
    let session = bench.begin(person.id, 1).await?;
    let other = project(2);
    for by in [By::Id(person.id), By::Email("a@b.c".to_owned()), By::Session(session)] {
        assert!(bench.find(by.clone()).await?.is_some());
        assert_eq!(bench.accounts.find(other, &by).await?, None);
    }
    let delete = Change::Delete(person.id);
    assert_eq!(bench.accounts.change(other, delete).await?, Changed::Missing);
    assert!(bench.is_live(session).await?);
    Ok(())
}
