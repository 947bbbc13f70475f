//! Sessions: each refresh token is good for one use, and one that comes again ends its session.

use super::Opener;
use super::bench::{Bench, TTL_MS, done, identity, nobody, of, project};
use crate::StoreError;
use crate::accounts::{
    ABANDONED_MS, By, Change, Held, NewAccount, RACE_MS, Result, SessionAnswer, SessionChange,
};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    f3_tokens_rotate(opener.bench()?).await?;
    f3_a_used_token_ends_the_session(&opener.bench()?).await?;
    f3_a_lost_answer_ends_nothing(opener.bench()?).await?;
    f3_a_thief_is_found_out_by_the_next_refresh(&opener.bench()?).await?;
    f3_two_at_once(&opener.bench()?).await?;
    f3_a_session_is_kept_elsewhere(&opener.bench()?).await?;
    ends(&opener.bench()?).await?;
    f3_a_token_is_looked_at_and_not_used(&opener.bench()?).await?;
    times(&opener.bench()?).await?;
    disabled(&opener.bench()?).await?;
    crowds(&opener.bench()?).await?;
    nobody_s_accounts_go(&opener.bench()?).await
}

async fn f3_tokens_rotate(bench: Bench<'_>) -> Result<()> {
    let person = bench.person("a@b.c").await?;
    let id = bench.begin(person.id, 1).await?;
    assert_eq!(bench.refresh(1, 1, 2).await?, SessionAnswer::Live(id, person.clone()));
    let bench = bench.reopen()?;
    bench.clock.turn(1);
    assert_eq!(bench.refresh(1, 2, 3).await?, SessionAnswer::Live(id, person.clone()));
    assert_eq!(bench.refresh(1, 3, 4).await?, SessionAnswer::Live(id, person));
    assert_eq!(bench.refresh(9, 4, 5).await?, SessionAnswer::Over, "another family");
    let (family, token, next) = (of(1), of(4), of(5));
    let refresh = SessionChange::Refresh { family, token, next, next_family: family, ttl_ms: TTL_MS };
    assert_eq!(bench.accounts.session(project(2), refresh).await?, SessionAnswer::Over, "another project");
    assert!(bench.is_live(id).await?);
    Ok(())
}

async fn f3_a_used_token_ends_the_session(bench: &Bench<'_>) -> Result<()> {
    let person = bench.person("a@b.c").await?;
    let (stolen, other) = (bench.begin(person.id, 1).await?, bench.begin(person.id, 50).await?);
    bench.refresh(1, 1, 2).await?;
    bench.refresh(1, 2, 3).await?;
    bench.clock.turn(RACE_MS);
    assert_eq!(bench.refresh(1, 1, 9).await?, SessionAnswer::Reused);
    assert!(!bench.is_live(stolen).await?);
    assert_eq!(bench.refresh(1, 3, 4).await?, SessionAnswer::Over, "the honest one is out as well");
    assert!(bench.is_live(other).await?, "only that session");
    // Older than the one before, however quick.
    let quick = bench.begin(person.id, 20).await?;
    bench.refresh(20, 20, 21).await?;
    bench.refresh(20, 21, 22).await?;
    assert_eq!(bench.refresh(20, 20, 9).await?, SessionAnswer::Reused);
    assert!(!bench.is_live(quick).await?);
    Ok(())
}

async fn f3_a_lost_answer_ends_nothing(bench: Bench<'_>) -> Result<()> {
    let person = bench.person("a@b.c").await?;
    let id = bench.begin(person.id, 1).await?;
    let live = SessionAnswer::Live(id, person);
    assert_eq!(bench.refresh(1, 1, 2).await?, live);
    // Nobody got 2, nor 3.
    for next in [3, 4] {
        bench.clock.turn(RACE_MS);
        assert_eq!(bench.refresh(1, 1, next).await?, live);
        assert_eq!(bench.refresh(1, 1, 9).await?, SessionAnswer::Race, "another tab, a moment later");
    }
    let bench = bench.reopen()?;
    assert_eq!(bench.refresh(1, 4, 5).await?, live);
    bench.clock.turn(RACE_MS);
    assert_eq!(bench.refresh(1, 4, 6).await?, live, "the same again, with the next one");
    assert_eq!(bench.refresh(1, 6, 7).await?, live);
    assert_eq!(bench.refresh(1, 4, 8).await?, SessionAnswer::Reused, "its successor was used");
    assert!(!bench.is_live(id).await?);
    Ok(())
}

/// Who has stolen a token and uses it before its owner's next refresh is found out by that.
async fn f3_a_thief_is_found_out_by_the_next_refresh(bench: &Bench<'_>) -> Result<()> {
    let person = bench.person("a@b.c").await?;
    for is_thief_first in [false, true] {
        let id = bench.begin(person.id, 1).await?;
        let live = SessionAnswer::Live(id, person.clone());
        assert_eq!(bench.refresh(1, 1, 2).await?, live, "of the honest one");
        bench.clock.turn(RACE_MS);
        assert_eq!(bench.refresh(1, 1, 3).await?, live, "of the thief");
        if is_thief_first {
            assert_eq!(bench.refresh(1, 3, 4).await?, live);
        }
        assert_eq!(bench.refresh(1, 2, 5).await?, SessionAnswer::Reused);
        assert_eq!(bench.refresh(1, 3, 6).await?, SessionAnswer::Over);
        assert!(!bench.is_live(id).await?);
    }
    Ok(())
}

async fn f3_two_at_once(bench: &Bench<'_>) -> Result<()> {
    let person = bench.person("a@b.c").await?;
    let id = bench.begin(person.id, 1).await?;
    bench.refresh(1, 1, 2).await?;
    bench.clock.turn(RACE_MS - 1);
    assert_eq!(bench.refresh(1, 1, 9).await?, SessionAnswer::Race);
    assert_eq!(bench.refresh(1, 9, 10).await?, SessionAnswer::Reused, "the loser got no token");
    assert!(!bench.is_live(id).await?);
    let id = bench.begin(person.id, 1).await?;
    bench.refresh(1, 1, 2).await?;
    assert_eq!(bench.refresh(1, 1, 9).await?, SessionAnswer::Race);
    assert_eq!(bench.refresh(1, 2, 3).await?, SessionAnswer::Live(id, person));
    // A clock that is turned back lets nothing pass.
    bench.clock.turn(-60_000);
    assert_eq!(bench.refresh(1, 1, 9).await?, SessionAnswer::Reused);
    Ok(())
}

/// It is the same one, whoever asks when it began.
async fn f3_a_session_is_kept_elsewhere(bench: &Bench<'_>) -> Result<()> {
    let person = bench.person("a@b.c").await?;
    let id = bench.begin(person.id, 1).await?;
    let live = SessionAnswer::Live(id, person);
    bench.refresh(1, 1, 2).await?;
    assert_eq!(bench.exchange((1, 1), (5, 5)).await?, SessionAnswer::Race, "another tab, a moment later");
    bench.clock.turn(RACE_MS);
    assert_eq!(bench.exchange((1, 2), (5, 5)).await?, live);
    bench.clock.turn(RACE_MS);
    for token in [1, 2, 5] {
        assert_eq!(
            bench.refresh(1, token, 9).await?,
            SessionAnswer::Over,
            "nothing is left of the family before"
        );
    }
    assert!(bench.is_live(id).await?);
    assert_eq!(bench.refresh(5, 5, 6).await?, live);
    // What was used up before is used up in the other one, too.
    assert_eq!(bench.exchange((5, 6), (7, 7)).await?, live);
    bench.clock.turn(RACE_MS);
    assert_eq!(bench.refresh(7, 6, 9).await?, SessionAnswer::Reused);
    assert!(!bench.is_live(id).await?);
    let other = bench.begin(bench.person("d@e.f").await?.id, 20).await?;
    bench.refresh(20, 20, 21).await?;
    bench.refresh(20, 21, 22).await?;
    assert_eq!(bench.exchange((20, 20), (30, 30)).await?, SessionAnswer::Reused);
    assert!(!bench.is_live(other).await?);
    Ok(())
}

async fn ends(bench: &Bench<'_>) -> Result<()> {
    let person = bench.person("a@b.c").await?;
    let (one, two) = (bench.begin(person.id, 1).await?, bench.begin(person.id, 2).await?);
    for _ in 0..2 {
        let end = SessionChange::End(one);
        assert_eq!(bench.accounts.session(bench.project, end).await?, SessionAnswer::Over);
    }
    assert_eq!((bench.is_live(one).await?, bench.is_live(two).await?), (false, true));
    assert_eq!(bench.refresh(1, 1, 3).await?, SessionAnswer::Over);
    for (family, is_live) in [(1, true), (2, false)] {
        let end = SessionChange::EndFamily(of(family));
        assert_eq!(bench.accounts.session(bench.project, end).await?, SessionAnswer::Over);
        assert_eq!(bench.is_live(two).await?, is_live);
    }
    let begin = SessionChange::Begin { account: nobody(), family: of(5), token: of(5), ttl_ms: TTL_MS };
    assert_eq!(bench.accounts.session(bench.project, begin).await?, SessionAnswer::Over);
    Ok(())
}

async fn f3_a_token_is_looked_at_and_not_used(bench: &Bench<'_>) -> Result<()> {
    const FRESH_MS: u64 = 60_000;
    let person = bench.person("a@b.c").await?;
    let id = bench.begin(person.id, 1).await?;
    let (good, due) = (Held::Good(id, person.clone()), Held::Due(id, person.clone()));
    for _ in 0..2 {
        assert_eq!(bench.held(1, 1, FRESH_MS).await?, good, "as often as it comes");
    }
    assert_eq!(bench.held(2, 1, FRESH_MS).await?, Held::Over, "another family");
    let elsewhere = bench.accounts.held(project(2), of(1), of(1), FRESH_MS).await?;
    assert_eq!(elsewhere, Held::Over, "another project");
    bench.clock.turn(60_000);
    assert_eq!(bench.held(1, 1, FRESH_MS).await?, due);
    bench.refresh(1, 1, 2).await?;
    assert_eq!((bench.held(1, 1, FRESH_MS).await?, bench.held(1, 2, FRESH_MS).await?), (good.clone(), good));
    bench.clock.turn(RACE_MS);
    assert_eq!(bench.held(1, 1, FRESH_MS).await?, due, "the answer may have been lost");
    bench.refresh(1, 2, 3).await?;
    assert_eq!(bench.held(1, 1, FRESH_MS).await?, Held::Reused);
    assert!(bench.is_live(id).await?, "looking changes nothing");
    assert_eq!(bench.refresh(1, 1, 9).await?, SessionAnswer::Reused);
    assert_eq!(bench.held(1, 3, FRESH_MS).await?, Held::Over);
    for (number, change) in [(20, Change::Disabled(person.id, true)), (21, Change::Delete(person.id))] {
        done(bench.change(Change::Disabled(person.id, false)).await?);
        bench.begin(person.id, number).await?;
        done(bench.change(change).await?);
        assert_eq!(bench.held(number, number, FRESH_MS).await?, Held::Over);
    }
    Ok(())
}

async fn times(bench: &Bench<'_>) -> Result<()> {
    let ttl = TTL_MS.cast_signed();
    let person = bench.person("a@b.c").await?;
    let id = bench.begin(person.id, 1).await?;
    bench.clock.turn(ttl - 1);
    assert!(matches!(bench.refresh(1, 1, 2).await?, SessionAnswer::Live(..)), "used in time");
    bench.clock.turn(ttl - 1);
    assert!(bench.is_live(id).await?, "it lives from its last use");
    bench.clock.turn(1);
    assert_eq!(bench.held(1, 2, TTL_MS).await?, Held::Over);
    assert!(!bench.is_live(id).await?);
    assert_eq!(bench.refresh(1, 2, 3).await?, SessionAnswer::Over);
    Ok(())
}

async fn disabled(bench: &Bench<'_>) -> Result<()> {
    let person = bench.person("a@b.c").await?;
    bench.begin(person.id, 1).await?;
    done(bench.change(Change::Disabled(person.id, true)).await?);
    assert_eq!(bench.refresh(1, 1, 2).await?, SessionAnswer::Over);
    let begin = SessionChange::Begin { account: person.id, family: of(5), token: of(5), ttl_ms: TTL_MS };
    assert_eq!(bench.accounts.session(bench.project, begin).await?, SessionAnswer::Over);
    Ok(())
}

async fn crowds(bench: &Bench<'_>) -> Result<()> {
    let (person, other) = (bench.person("a@b.c").await?, bench.person("d@e.f").await?);
    let apart = bench.begin(other.id, 99).await?;
    let mut sessions = Vec::new();
    for number in 1..=3 {
        bench.clock.turn(1);
        sessions.push(bench.begin(person.id, number).await?);
    }
    bench.clock.turn(1);
    bench.refresh(1, 1, 11).await?;
    sessions.push(bench.begin(person.id, 4).await?);
    let mut live = Vec::new();
    for id in sessions {
        live.push(bench.is_live(id).await?);
    }
    assert_eq!(live, [true, false, true, true], "the one that was used longest ago is over");
    assert!(bench.is_live(apart).await?);
    Ok(())
}

async fn nobody_s_accounts_go(bench: &Bench<'_>) -> Result<()> {
    let ttl = TTL_MS.cast_signed();
    let mut guests = Vec::new();
    for number in 1..=3 {
        let guest = done(bench.create(NewAccount { anonymous: true, ..NewAccount::default() }).await?);
        bench.begin(guest.id, number).await?;
        guests.push(guest);
    }
    let person = bench.person("a@b.c").await?;
    done(bench.change(Change::Link(guests[2].id, identity("p", "s"))).await?);
    bench.clock.turn(1);
    bench.refresh(1, 1, 11).await?;
    let left = async |number: u8| {
        bench.begin(person.id, number).await?;
        let mut left = Vec::new();
        for guest in &guests {
            left.push(bench.find(By::Id(guest.id)).await?.is_some());
        }
        Ok::<_, StoreError>(left)
    };
    bench.clock.turn(ttl + ABANDONED_MS - 2);
    assert_eq!(left(21).await?, [true, true, true]);
    bench.clock.turn(1);
    assert_eq!(left(22).await?, [true, false, true], "the first was used later, the third may come back");
    bench.clock.turn(1);
    assert_eq!(left(23).await?, [false, false, true]);
    assert_eq!(bench.find(By::Id(person.id)).await?, Some(person.clone()));
    // There is room for them again: of five accounts there are two.
    for _ in 0..3 {
        done(bench.create(NewAccount { anonymous: true, ..NewAccount::default() }).await?);
    }
    Ok(())
}
