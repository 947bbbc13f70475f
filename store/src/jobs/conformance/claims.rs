//! Who gets which job, and for how long.

use super::bench::{Bench, SECOND, bodies, call, failure, function, mail, message};
use super::{Opener, START_MS};
use crate::jobs::{
    Claim, End, Extended, HEARTBEAT_MS, JobState, LEASE_MS, Lane, LeaseRef, LeaseToken, MAX_CRASHES, NewJob,
    Result, Settled, Settlement, Suspects, backoff_ms,
};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    a_lease(&opener.bench()?).await?;
    lanes_are_apart(&opener.bench()?).await?;
    nobody_gets_what_another_has(&opener.bench()?).await?;
    heartbeats(&opener.bench()?).await?;
    g4_stale_tokens(&opener.bench()?).await?;
    g3_crashes_run_out(&opener.bench()?).await?;
    suspects_come_alone(&opener.bench()?).await?;
    the_clock_jumps(&opener.bench()?).await
}

async fn a_lease(bench: &Bench<'_>) -> Result<()> {
    let ids = bench.messages(&["a", "b", "c"]).await?;
    bench.clock.turn(SECOND);
    let leases = bench.claim(2).await?;
    assert_eq!(bodies(&leases), ["a", "b"]);
    assert_ne!(leases[0].token, leases[1].token);
    let job = &leases[0].job;
    assert_eq!((job.id, job.state, job.starts, job.attempts), (ids[0], JobState::Running, 1, 3));
    assert_eq!(job.lease_until_ms, Some(START_MS + SECOND + LEASE_MS));
    assert_eq!(bench.show(ids[0]).await?, *job, "the job in the lease is the job as it is");
    assert_eq!(bench.counts().await?, [1, 2, 0, 0]);
    assert_eq!(bench.due_at(&mail()).await?, Some(START_MS));
    assert_eq!(bodies(&bench.claim(2).await?), ["c"]);
    assert_eq!(bench.claim(2).await?, []);
    assert_eq!(bench.claim(0).await?, []);
    assert_eq!(bench.due_at(&mail()).await?, None);
    Ok(())
}

async fn lanes_are_apart(bench: &Bench<'_>) -> Result<()> {
    let cron = NewJob { lane: Lane::Cron(function(1)), ..call(1) };
    bench.enqueue(vec![call(1), cron.clone(), call(2), message("m")]).await?;
    for lane in [call(1).lane, cron.lane, call(2).lane, mail()] {
        assert_eq!(bench.due_at(&lane).await?, Some(START_MS));
        let leases = bench.claim_of(&lane, 10, Suspects::Leave).await?;
        assert_eq!(leases.iter().map(|l| &l.job.lane).collect::<Vec<_>>(), [&lane]);
        assert_eq!(bench.due_at(&lane).await?, None);
    }
    assert_eq!(bench.claim_of(&Lane::Queue("none".to_owned()), 10, Suspects::Leave).await?, []);
    assert_eq!(bench.info("none").await?, None, "to ask for a queue does not make it");
    Ok(())
}

/// Ten claim at once what is enough for four.
async fn nobody_gets_what_another_has(bench: &Bench<'_>) -> Result<()> {
    let mut ids = Vec::new();
    for n in 0..40 {
        ids.extend(bench.messages(&[&n.to_string()]).await?);
    }
    let claims = (0..10).map(|_| bench.claim(10));
    let leases = futures_util::future::try_join_all(claims).await?.concat();
    let mut got: Vec<_> = leases.iter().map(|lease| lease.job.id).collect();
    got.sort();
    ids.sort();
    assert_eq!(got, ids, "each exactly once");
    Ok(())
}

async fn heartbeats(bench: &Bench<'_>) -> Result<()> {
    bench.messages(&["a", "b"]).await?;
    let leases = bench.claim(2).await?;
    let refs: Vec<_> = leases.iter().map(crate::jobs::Lease::to_ref).collect();
    // For twenty minutes one of the two is held.
    for beat in 0..80 {
        bench.clock.turn(HEARTBEAT_MS);
        assert_eq!(bench.store.jobs.extend(bench.project, &refs[..1]).await?, [Extended::Held]);
        let crashed = bench.reap().await?.crashed;
        assert_eq!(crashed, u64::from(beat == 2), "the other lapses after three beats");
    }
    let job = bench.show(refs[0].id).await?;
    assert_eq!((job.state, job.crashes), (JobState::Running, 0));
    assert_eq!(job.lease_until_ms, Some(bench.clock.now() + LEASE_MS));
    // Each is answered for itself, in the order given.
    let both = [refs[1], refs[0], LeaseRef { id: refs[0].id, token: refs[1].token }];
    let extended = bench.store.jobs.extend(bench.project, &both).await?;
    assert_eq!(extended, [Extended::Stale, Extended::Held, Extended::Stale]);
    bench.done(&leases[0]).await?;
    assert_eq!(bench.store.jobs.extend(bench.project, &refs[..1]).await?, [Extended::Stale]);
    assert_eq!(bench.store.jobs.extend(bench.project, &[]).await?, []);
    Ok(())
}

async fn g4_stale_tokens(bench: &Bench<'_>) -> Result<()> {
    let id = bench.messages(&["a", "other"]).await?[0];
    let leases = bench.claim(2).await?;
    let (old, other) = (&leases[0], &leases[1]);
    let unknown = LeaseToken(uuid::Uuid::from_u128(5));
    for token in [other.token, unknown] {
        stale(bench, LeaseRef { id, token }).await?;
    }
    // Acknowledged twice.
    bench.done(other).await?;
    stale(bench, other.to_ref()).await?;
    // Late, while it waits again, while another runs it, and when that one is through.
    bench.clock.turn(LEASE_MS);
    assert_eq!(bench.reap().await?.crashed, 1);
    stale(bench, old.to_ref()).await?;
    bench.clock.turn(3_600 * SECOND);
    let new = bench.claim_suspect().await?;
    assert_eq!(new[0].job.id, id);
    stale(bench, old.to_ref()).await?;
    assert_eq!(bench.store.jobs.extend(bench.project, &[old.to_ref()]).await?, [Extended::Stale]);
    bench.done(&new[0]).await?;
    stale(bench, old.to_ref()).await?;
    let job = bench.show(id).await?;
    assert_eq!((job.state, job.failures, job.crashes, job.starts), (JobState::Done, 0, 1, 2));
    Ok(())
}

async fn g3_crashes_run_out(bench: &Bench<'_>) -> Result<()> {
    let id = bench.messages(&["bad"]).await?[0];
    for crash in 1..=MAX_CRASHES {
        let lease = match crash {
            1 => bench.claim_one().await?,
            _ => bench.claim_suspect().await?.remove(0),
        };
        assert_eq!(lease.job.starts, crash, "counted when it starts, not when it ends");
        bench.clock.turn(LEASE_MS - 1);
        bench.reap().await?;
        assert_eq!(bench.state(id).await?, JobState::Running, "the lease holds to its end");
        bench.clock.turn(1);
        let reaped = bench.reap().await?;
        let job = bench.show(id).await?;
        assert_eq!((job.crashes, job.failures, job.lease_until_ms), (crash, 0, None));
        assert!(job.last_error.is_some_and(|error| error.contains("lost")));
        if crash == MAX_CRASHES {
            assert_eq!((job.state, reaped.dead, reaped.crashed), (JobState::Dead, 1, 0));
            assert_eq!(job.finished_ms, Some(bench.clock.now()));
            break;
        }
        assert_eq!((job.state, reaped.dead, reaped.crashed), (JobState::Pending, 0, 1));
        let longest = i64::try_from(backoff_ms_at_most(crash)).unwrap_or(i64::MAX);
        let pause = job.run_at_ms - bench.clock.now();
        assert!((0..=longest).contains(&pause), "{pause} after {crash} crashes");
        assert_eq!(bench.due_at(&mail()).await?, Some(job.run_at_ms));
        bench.clock.turn(pause);
    }
    assert_eq!(bench.counts().await?, [0, 0, 0, 1]);
    assert_eq!(bench.due_at(&mail()).await?, None);
    Ok(())
}

async fn suspects_come_alone(bench: &Bench<'_>) -> Result<()> {
    bench.messages(&["one", "two"]).await?;
    assert_eq!(bench.claim_suspect().await?, [], "nothing has crashed yet");
    bench.claim(10).await?;
    bench.clock.turn(LEASE_MS);
    assert_eq!(bench.reap().await?.crashed, 2);
    bench.clock.turn(60 * SECOND);
    bench.messages(&["good"]).await?;
    assert_eq!(bodies(&bench.claim(10).await?), ["good"]);
    assert!(bench.due_at(&mail()).await?.is_some_and(|at| at <= bench.clock.now()));
    let first = bench.claim_suspect().await?;
    let second = bench.claim_suspect().await?;
    assert_eq!((first.len(), second.len()), (1, 1), "one at a time");
    assert_ne!(first[0].job.id, second[0].job.id);
    assert_eq!(bench.claim_suspect().await?, []);
    // A suspect that fails in good order, or is given back, stays one.
    bench.settle(&first[0], failure(Some(0))).await?;
    bench.settle(&second[0], End::Released { reason: String::new(), delay_ms: 0 }).await?;
    assert_eq!(bench.claim(10).await?, []);
    let again = [bench.claim_suspect().await?, bench.claim_suspect().await?].concat();
    let mut told: Vec<_> = again.iter().map(|l| (l.job.failures, l.job.crashes, l.job.starts)).collect();
    told.sort_unstable();
    assert_eq!(told, [(0, 1, 3), (1, 1, 3)]);
    // `limit` holds for suspects, too.
    let none = Claim { lane: mail(), limit: 0, attempts: 3, suspects: Suspects::One };
    bench.settle(&again[0], End::Released { reason: String::new(), delay_ms: 0 }).await?;
    assert_eq!(bench.store.jobs.claim(bench.project, &none).await?, []);
    Ok(())
}

/// Whoever beats before it reaps keeps what it holds, however far the clock jumps.
async fn the_clock_jumps(bench: &Bench<'_>) -> Result<()> {
    bench.messages(&["a"]).await?;
    let lease = bench.claim_one().await?;
    bench.clock.turn(24 * 3_600 * SECOND);
    assert_eq!(bench.store.jobs.extend(bench.project, &[lease.to_ref()]).await?, [Extended::Held]);
    assert_eq!(bench.reap().await?.crashed, 0);
    // Back again: nothing lapses early, and nothing is lost.
    bench.clock.turn(-48 * 3_600 * SECOND);
    assert_eq!(bench.store.jobs.extend(bench.project, &[lease.to_ref()]).await?, [Extended::Held]);
    assert_eq!(bench.reap().await?.crashed, 0);
    bench.clock.turn(LEASE_MS);
    assert_eq!(bench.reap().await?.crashed, 1, "it lapses by the new time");
    let id = bench.messages(&["b"]).await?[0];
    assert_eq!(bench.claim_one().await?.job.id, id);
    bench.clock.turn(LEASE_MS);
    assert_eq!(bench.reap().await?.crashed, 1);
    Ok(())
}

fn backoff_ms_at_most(failures: u32) -> u64 {
    // Full jitter is a remainder: the largest is its modulus less one.
    (0..64).map(|bit| backoff_ms(failures, (1 << bit) - 1)).max().unwrap_or(0).max(5_000 << failures.min(8))
}

/// Nothing may change by that lease.
async fn stale(bench: &Bench<'_>, lease: LeaseRef) -> Result<()> {
    let before = bench.show(lease.id).await?;
    let counts = bench.counts().await?;
    let ends = [
        End::Done(Some(super::bench::result(b"stale"))),
        failure(None),
        End::Split { error: "stale".to_owned(), split: 1 },
        End::Released { reason: "stale".to_owned(), delay_ms: 0 },
    ];
    for end in ends {
        let settled = bench.store.jobs.settle(bench.project, vec![Settlement { lease, end }]).await?;
        assert_eq!(settled, [Settled::Stale]);
    }
    assert_eq!(bench.show(lease.id).await?, before);
    assert_eq!(bench.counts().await?, counts);
    Ok(())
}
