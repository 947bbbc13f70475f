//! Tokens for one use: used once, for what they are for, in time.

use super::Opener;
use super::bench::{Bench, TTL_MS, done, hash, nobody, of, project};
use crate::accounts::{By, Change, Identity, Once, Purpose, Result};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    verifying(&opener.bench()?).await?;
    f2_resetting(opener.bench()?).await?;
    f2_crowding_voids_nothing(&opener.bench()?).await?;
    f2_whoever_was_there_before_is_out(&opener.bench()?).await?;
    f2_void_tokens(&opener.bench()?).await
}

async fn verifying(bench: &Bench<'_>) -> Result<()> {
    let person = bench.person("a@b.c").await?;
    assert_eq!(bench.issue(nobody(), Purpose::Verify, 1).await?, None);
    bench.issue(person.id, Purpose::Verify, 1).await?;
    assert_eq!(bench.once(Once::Reset(of(1), hash("x"))).await?, None, "it is not for that");
    assert_eq!(bench.once(Once::Verify(of(2))).await?, None);
    assert_eq!(bench.accounts.once(project(2), Once::Verify(of(1))).await?, None);
    assert_eq!(bench.find(By::Token(Purpose::Reset, of(1))).await?, None);
    assert_eq!(bench.find(By::Token(Purpose::Verify, of(1))).await?, Some(person.clone()));
    let verified = bench.once(Once::Verify(of(1))).await?;
    assert_eq!(
        verified.map(|found| (found.id, found.verified, found.password)),
        Some((person.id, true, person.password))
    );
    assert_eq!(bench.once(Once::Verify(of(1))).await?, None, "once");
    Ok(())
}

async fn f2_resetting(bench: Bench<'_>) -> Result<()> {
    let person = bench.person("a@b.c").await?;
    let session = bench.begin(person.id, 1).await?;
    bench.issue(person.id, Purpose::Reset, 1).await?;
    bench.issue(person.id, Purpose::Reset, 2).await?;
    assert!(bench.is_live(session).await?);
    bench.clock.turn(TTL_MS.cast_signed() - 1);
    let bench = bench.reopen()?;
    let reset = bench.once(Once::Reset(of(2), hash("new"))).await?;
    assert_eq!(reset.map(|found| (found.password, found.verified)), Some((Some(hash("new")), true)));
    assert!(!bench.is_live(session).await?);
    for number in [1, 2] {
        let again = bench.once(Once::Reset(of(number), hash("again"))).await?;
        assert_eq!(again, None, "{number}: once, and the others are void");
    }
    bench.issue(person.id, Purpose::Reset, 3).await?;
    bench.clock.turn(TTL_MS.cast_signed());
    assert_eq!(bench.find(By::Token(Purpose::Reset, of(3))).await?, None);
    assert_eq!(bench.once(Once::Reset(of(3), hash("late"))).await?, None, "too late");
    assert_eq!(bench.find(By::Id(person.id)).await?.and_then(|found| found.password), Some(hash("new")));
    Ok(())
}

/// A reset by who has the address takes away what somebody has linked who had not proved it; later ones take nothing.
async fn f2_whoever_was_there_before_is_out(bench: &Bench<'_>) -> Result<()> {
    let person = bench.person("a@b.c").await?;
    for (number, stays) in [(1, false), (2, true)] {
        let elsewhere = Identity { provider: "p".to_owned(), subject: number.to_string() };
        done(bench.change(Change::Link(person.id, elsewhere.clone())).await?);
        bench.issue(person.id, Purpose::Reset, number).await?;
        assert!(bench.once(Once::Reset(of(number), hash("new"))).await?.is_some());
        let found = bench.find(By::Identity(elsewhere)).await?;
        assert_eq!(found.is_some(), stays, "{number}");
    }
    Ok(())
}

/// Whoever asks for others takes nothing from who has one.
async fn f2_crowding_voids_nothing(bench: &Bench<'_>) -> Result<()> {
    let person = bench.person("a@b.c").await?;
    for number in 1..=3 {
        assert!(bench.issue(person.id, Purpose::Reset, number).await?.is_some(), "{number}");
    }
    assert_eq!(bench.issue(person.id, Purpose::Reset, 4).await?, None);
    assert!(bench.issue(person.id, Purpose::Verify, 5).await?.is_some(), "another purpose");
    bench.clock.turn(TTL_MS.cast_signed() - 1);
    assert_eq!(bench.issue(person.id, Purpose::Reset, 4).await?, None);
    assert!(bench.find(By::Token(Purpose::Reset, of(1))).await?.is_some());
    bench.clock.turn(1);
    assert!(bench.issue(person.id, Purpose::Reset, 4).await?.is_some(), "the others are too old");
    Ok(())
}

async fn f2_void_tokens(bench: &Bench<'_>) -> Result<()> {
    let person = bench.person("a@b.c").await?;
    bench.issue(person.id, Purpose::Reset, 1).await?;
    done(bench.change(Change::Password { id: person.id, old: hash("old"), new: hash("new") }).await?);
    assert_eq!(bench.once(Once::Reset(of(1), hash("x"))).await?, None, "the password is another one");
    bench.issue(person.id, Purpose::Reset, 2).await?;
    done(bench.change(Change::Disabled(person.id, true)).await?);
    assert_eq!(bench.issue(person.id, Purpose::Reset, 3).await?, None);
    done(bench.change(Change::Disabled(person.id, false)).await?);
    for number in [2, 3] {
        assert_eq!(bench.once(Once::Reset(of(number), hash("x"))).await?, None, "{number}");
    }
    bench.issue(person.id, Purpose::Verify, 4).await?;
    bench.change(Change::Delete(person.id)).await?;
    assert_eq!(bench.once(Once::Verify(of(4))).await?, None);
    Ok(())
}
