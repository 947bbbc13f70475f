//! Order keys: one in flight per lane and key, first in first out.

use super::Opener;
use super::bench::{Bench, HOUR, SECOND, bodies, failure, mail, message, ordered};
use crate::jobs::{End, JobState, LEASE_MS, Lane, NewJob, Purge, Result, Settled, Suspects};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    one_at_a_time(&opener.bench()?).await?;
    a_head_that_waits_holds_the_others(&opener.bench()?).await?;
    g7_a_dead_head_lets_the_next_go(&opener.bench()?).await?;
    a_crashed_head_stays_the_head(&opener.bench()?).await?;
    a_redriven_job_goes_to_the_end(&opener.bench()?).await?;
    purging_leaves_no_gap(&opener.bench()?).await?;
    keys_belong_to_their_lane(&opener.bench()?).await
}

async fn one_at_a_time(bench: &Bench<'_>) -> Result<()> {
    let jobs = ["a1", "b1", "a2", "b2", "a3"].map(|body| ordered(body, &body[..1]));
    bench.enqueue(jobs.into_iter().chain([message("free")]).collect()).await?;
    let mut leases = bench.claim(10).await?;
    assert_eq!(bodies(&leases), ["a1", "b1", "free"], "within one claim, too");
    assert_eq!(bench.claim(10).await?, []);
    assert_eq!(bench.due_at(&mail()).await?, None, "what is held is not due");
    assert_eq!(bench.counts().await?, [3, 3, 0, 0], "but it waits");
    bench.done(&leases.remove(0)).await?;
    assert!(bench.due_at(&mail()).await?.is_some());
    let a2 = bench.claim(10).await?;
    assert_eq!(bodies(&a2), ["a2"]);
    // Both of a batch end in one call, in whichever order.
    bench.done(&a2[0]).await?;
    bench.done(&leases[0]).await?;
    assert_eq!(bodies(&bench.claim(10).await?), ["b2", "a3"]);
    Ok(())
}

async fn a_head_that_waits_holds_the_others(bench: &Bench<'_>) -> Result<()> {
    let late = NewJob { delay_ms: 60_000, ..ordered("1", "k") };
    bench.enqueue(vec![late, ordered("2", "k"), ordered("3", "k")]).await?;
    assert_eq!(bench.claim(10).await?, [], "a delayed head holds what is due behind it");
    bench.clock.turn(60 * SECOND);
    let head = bench.claim(10).await?;
    assert_eq!(bodies(&head), ["1"]);
    let Settled::Pending { run_at_ms } = bench.settle(&head[0], failure(Some(30_000))).await? else {
        panic!("it has attempts left");
    };
    assert_eq!(bench.due_at(&mail()).await?, Some(run_at_ms));
    bench.clock.turn(29_999);
    assert_eq!(bench.claim(10).await?, [], "nor is its back-off jumped");
    bench.clock.turn(1);
    let head = bench.claim(10).await?;
    assert_eq!(bodies(&head), ["1"]);
    for end in
        [End::Released { reason: String::new(), delay_ms: 0 }, End::Split { error: String::new(), split: 1 }]
    {
        let lease = bench.claim(10).await?.pop().unwrap_or_else(|| head[0].clone());
        bench.settle(&lease, end).await?;
    }
    assert_eq!(bench.claimable().await?, ["1"]);
    Ok(())
}

async fn g7_a_dead_head_lets_the_next_go(bench: &Bench<'_>) -> Result<()> {
    let short = NewJob { expires_after_ms: Some(1_000), ..ordered("expires", "k") };
    let shorter = NewJob { expires_after_ms: Some(500), ..ordered("expires in line", "k") };
    bench.enqueue(vec![ordered("fails", "k"), shorter, short, ordered("last", "k")]).await?;
    let lease = bench.claim_one().await?;
    bench.kill(&lease).await?;
    bench.clock.turn(1_000);
    bench.reap().await?;
    assert_eq!(bench.claimable().await?, ["last"]);
    assert_eq!(bench.counts().await?, [1, 0, 0, 3]);
    Ok(())
}

async fn a_crashed_head_stays_the_head(bench: &Bench<'_>) -> Result<()> {
    bench.enqueue(vec![ordered("1", "k"), ordered("2", "k")]).await?;
    bench.claim(10).await?;
    bench.clock.turn(LEASE_MS);
    bench.reap().await?;
    bench.clock.turn(HOUR);
    assert_eq!(bench.claim(10).await?, [], "a suspect head holds the others");
    let head = bench.claim_suspect().await?;
    assert_eq!(bodies(&head), ["1"]);
    assert_eq!(bench.claim_suspect().await?, []);
    bench.done(&head[0]).await?;
    assert_eq!(bench.claimable().await?, ["2"]);
    Ok(())
}

async fn a_redriven_job_goes_to_the_end(bench: &Bench<'_>) -> Result<()> {
    let ids = bench.enqueue(["1", "2", "3"].map(|body| ordered(body, "k")).to_vec()).await?;
    let lease = bench.claim_one().await?;
    bench.kill(&lease).await?;
    let second = bench.claim_one().await?;
    assert_eq!(bench.store.queues.redrive(bench.project, &mail(), Some(&ids[..1])).await?, 1);
    assert_eq!(bench.claim(10).await?, [], "one in flight, also after a redrive");
    bench.done(&second).await?;
    let third = bench.claim(10).await?;
    assert_eq!(bodies(&third), ["3"]);
    bench.done(&third[0]).await?;
    assert_eq!(bench.claimable().await?, ["1"]);
    // Alone with its key it is the head at once.
    let lease = bench.claim_one().await?;
    bench.kill(&lease).await?;
    assert_eq!(bench.store.queues.redrive(bench.project, &mail(), None).await?, 1);
    assert_eq!(bench.claimable().await?, ["1"]);
    Ok(())
}

async fn purging_leaves_no_gap(bench: &Bench<'_>) -> Result<()> {
    bench.enqueue(["1", "2", "3"].map(|body| ordered(body, "k")).to_vec()).await?;
    let head = bench.claim_one().await?;
    assert_eq!(bench.store.queues.purge(bench.project, &mail(), Purge::Waiting).await?, 2);
    bench.enqueue(vec![ordered("4", "k")]).await?;
    assert_eq!(bench.claim(10).await?, []);
    bench.done(&head).await?;
    assert_eq!(bench.claimable().await?, ["4"]);
    assert_eq!(bench.store.queues.purge(bench.project, &mail(), Purge::Waiting).await?, 1);
    bench.enqueue(vec![ordered("5", "k")]).await?;
    assert_eq!(bench.claimable().await?, ["5"]);
    Ok(())
}

async fn keys_belong_to_their_lane(bench: &Bench<'_>) -> Result<()> {
    let sms = Lane::Queue("sms".to_owned());
    let other = NewJob { lane: sms.clone(), ..ordered("sms", "k") };
    let ids = bench.enqueue(vec![ordered("mail", "k"), other]).await?;
    assert_eq!(bodies(&bench.claim(10).await?), ["mail"]);
    assert_eq!(bodies(&bench.claim_of(&sms, 10, Suspects::Leave).await?), ["sms"]);
    assert_eq!(bench.state(ids[1]).await?, JobState::Running);
    Ok(())
}
