//! How a run of a job ends, and what follows.

use super::Opener;
use super::bench::{Bench, DAY, HOUR, SECOND, bodies, call, failure, mail, result};
use crate::jobs::{Claim, End, JobState, Result, Settled, Settlement, Suspects};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    done(&opener.bench()?).await?;
    failures_run_out(&opener.bench()?).await?;
    attempts_are_the_claims(&opener.bench()?).await?;
    the_range_of_the_back_off(&opener.bench()?).await?;
    retry_after_wins(&opener.bench()?).await?;
    released_counts_for_nothing(&opener.bench()?).await?;
    splitting(&opener.bench()?).await?;
    results(&opener.bench()?).await?;
    each_of_a_batch_for_itself(&opener.bench()?).await
}

async fn done(bench: &Bench<'_>) -> Result<()> {
    let id = bench.messages(&["a"]).await?[0];
    let lease = bench.claim_one().await?;
    bench.clock.turn(SECOND);
    bench.done(&lease).await?;
    let job = bench.show(id).await?;
    assert_eq!((job.state, job.starts, job.failures), (JobState::Done, 1, 0));
    assert_eq!((job.finished_ms, job.lease_until_ms), (Some(bench.clock.now()), None));
    assert_eq!((job.last_error, job.result), (None, None));
    assert_eq!(bench.counts().await?, [0, 0, 1, 0]);
    assert_eq!(bench.claim(10).await?, []);
    Ok(())
}

async fn failures_run_out(bench: &Bench<'_>) -> Result<()> {
    let id = bench.messages(&["a"]).await?[0];
    for failure in 1..=3 {
        let lease = bench.claim_one().await?;
        let settled = bench.fail(&lease).await?;
        let job = bench.show(id).await?;
        assert_eq!((job.failures, job.starts, job.crashes), (failure, failure, 0));
        assert_eq!(job.last_error.as_deref(), Some("it did not work"));
        match settled {
            Settled::Pending { run_at_ms } if failure < 3 => {
                assert_eq!((job.state, job.run_at_ms), (JobState::Pending, run_at_ms));
                assert_eq!(bench.due_at(&mail()).await?, Some(run_at_ms));
                bench.clock.turn(run_at_ms - bench.clock.now());
            }
            Settled::Dead if failure == 3 => {
                assert_eq!((job.state, job.finished_ms), (JobState::Dead, Some(bench.clock.now())));
            }
            other => panic!("after {failure} failures: {other:?}"),
        }
    }
    assert_eq!(bench.claim(10).await?, []);
    assert_eq!(bench.counts().await?, [0, 0, 0, 1]);
    Ok(())
}

/// A consumer that allows fewer attempts than before is believed.
async fn attempts_are_the_claims(bench: &Bench<'_>) -> Result<()> {
    bench.messages(&["a"]).await?;
    for (attempts, dead) in [(10, false), (10, false), (3, true)] {
        let claim = Claim { lane: mail(), limit: 1, attempts, suspects: Suspects::Leave };
        let leases = bench.store.jobs.claim(bench.project, &claim).await?;
        assert_eq!(leases[0].job.attempts, attempts);
        let settled = bench.settle(&leases[0], failure(Some(0))).await?;
        assert_eq!(settled == Settled::Dead, dead, "{settled:?} with {attempts} attempts");
    }
    Ok(())
}

/// Full jitter: spread from nothing to the bound, never beyond it.
async fn the_range_of_the_back_off(bench: &Bench<'_>) -> Result<()> {
    let bodies: Vec<String> = (0..60).map(|n| n.to_string()).collect();
    bench.messages(&bodies.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    for (failures, bound) in [(1, 10_000), (2, 20_000), (3, 40_000)] {
        let claim = Claim { lane: mail(), limit: 60, attempts: 100, suspects: Suspects::Leave };
        let leases = bench.store.jobs.claim(bench.project, &claim).await?;
        assert_eq!(leases.len(), 60);
        let mut pauses = Vec::new();
        for lease in &leases {
            assert_eq!(lease.job.failures + 1, failures);
            match bench.fail(lease).await? {
                Settled::Pending { run_at_ms } => pauses.push(run_at_ms - bench.clock.now()),
                other => panic!("{other:?}"),
            }
        }
        pauses.sort_unstable();
        assert!(pauses.iter().all(|pause| (0..=bound).contains(pause)), "{failures}: {pauses:?}");
        // Sixty even throws all on one side of the middle: less likely than once in 10^17 runs.
        assert!(pauses[0] < bound / 2 && pauses[59] > bound / 2, "{failures}: {pauses:?}");
        bench.clock.turn(bound);
    }
    Ok(())
}

async fn retry_after_wins(bench: &Bench<'_>) -> Result<()> {
    bench.messages(&["a"]).await?;
    let asked = [(0, 0), (90_000, 90_000), (u64::MAX, DAY)];
    for (delay, pause) in asked {
        let claim = Claim { lane: mail(), limit: 1, attempts: 100, suspects: Suspects::Leave };
        let leases = bench.store.jobs.claim(bench.project, &claim).await?;
        let settled = bench.settle(&leases[0], failure(Some(delay))).await?;
        assert_eq!(settled, Settled::Pending { run_at_ms: bench.clock.now() + pause });
        bench.clock.turn(pause);
    }
    Ok(())
}

async fn released_counts_for_nothing(bench: &Bench<'_>) -> Result<()> {
    let id = bench.messages(&["a"]).await?[0];
    for _ in 0..20 {
        let lease = bench.claim_one().await?;
        let end = End::Released { reason: "no capacity".to_owned(), delay_ms: 250 };
        let run_at_ms = bench.clock.now() + 250;
        assert_eq!(bench.settle(&lease, end).await?, Settled::Pending { run_at_ms });
        assert_eq!(bench.due_at(&mail()).await?, Some(run_at_ms));
        bench.clock.turn(250);
    }
    let job = bench.show(id).await?;
    assert_eq!((job.failures, job.crashes, job.starts), (0, 0, 20));
    assert_eq!(job.last_error.as_deref(), Some("no capacity"));
    Ok(())
}

async fn splitting(bench: &Bench<'_>) -> Result<()> {
    bench.messages(&["a", "b", "c", "d"]).await?;
    let batch = bench.claim(3).await?;
    bench.clock.turn(SECOND);
    for lease in &batch {
        let end = End::Split { error: "trap".to_owned(), split: 2 };
        let settled = bench.settle(lease, end).await?;
        assert!(matches!(settled, Settled::Pending { run_at_ms } if run_at_ms <= bench.clock.now()));
    }
    // They come again at once and before those behind them, with their counts as they were.
    let again = bench.claim(10).await?;
    assert_eq!(bodies(&again), ["a", "b", "c", "d"]);
    let told: Vec<_> = again.iter().map(|l| (l.job.split, l.job.failures, l.job.starts)).collect();
    assert_eq!(told, [(Some(2), 0, 2), (Some(2), 0, 2), (Some(2), 0, 2), (None, 0, 1)]);
    assert_eq!(again[0].job.last_error.as_deref(), Some("trap"));
    // The bound stays whatever happens then, and never gets to nothing.
    bench.settle(&again[0], failure(Some(0))).await?;
    bench.settle(&again[1], End::Released { reason: String::new(), delay_ms: 0 }).await?;
    bench.settle(&again[2], End::Split { error: String::new(), split: 0 }).await?;
    let mut splits: Vec<_> = bench.claim(10).await?.iter().map(|lease| lease.job.split).collect();
    splits.sort_unstable();
    assert_eq!(splits, [Some(1), Some(2), Some(2)]);
    Ok(())
}

async fn results(bench: &Bench<'_>) -> Result<()> {
    let id = bench.enqueue(vec![call(1)]).await?[0];
    let lane = call(1).lane;
    let claim = || bench.claim_of(&lane, 1, Suspects::Leave);
    let lease = claim().await?.remove(0);
    let (first, second) = (result(b"\0first"), result(b""));
    let end = End::Failed { error: "500".to_owned(), delay_ms: Some(0), result: Some(first.clone()) };
    bench.settle(&lease, end).await?;
    assert_eq!(bench.show(id).await?.result, Some(first.clone()), "kept although it failed");
    // A later run without a result leaves what there is; one with a result takes its place.
    let lease = claim().await?.remove(0);
    assert_eq!(lease.job.result, Some(first.clone()));
    bench.settle(&lease, failure(Some(0))).await?;
    assert_eq!(bench.show(id).await?.result, Some(first));
    let lease = claim().await?.remove(0);
    assert_eq!(bench.settle(&lease, End::Done(Some(second.clone()))).await?, Settled::Done);
    assert_eq!(bench.show(id).await?.result, Some(second));
    Ok(())
}

async fn each_of_a_batch_for_itself(bench: &Bench<'_>) -> Result<()> {
    let ids = bench.messages(&["a", "b", "c", "d"]).await?;
    let leases = bench.claim(10).await?;
    let ends = [
        End::Done(None),
        failure(Some(HOUR.unsigned_abs())),
        End::Released { reason: String::new(), delay_ms: 7 },
        End::Done(None),
    ];
    let mut settlements: Vec<_> =
        leases.iter().zip(ends).map(|(lease, end)| Settlement { lease: lease.to_ref(), end }).collect();
    // The last one with a token that is not its own.
    settlements[3].lease.token = settlements[0].lease.token;
    settlements.reverse();
    let settled = bench.store.jobs.settle(bench.project, settlements).await?;
    let now = bench.clock.now();
    let expected = [
        Settled::Stale,
        Settled::Pending { run_at_ms: now + 7 },
        Settled::Pending { run_at_ms: now + HOUR },
        Settled::Done,
    ];
    assert_eq!(settled, expected, "answered in the order given");
    assert_eq!(bench.state(ids[3]).await?, JobState::Running);
    assert_eq!(bench.counts().await?, [2, 1, 1, 0]);
    assert_eq!(bench.store.jobs.settle(bench.project, Vec::new()).await?, []);
    Ok(())
}
