//! What is stored, when it is due, and what is not stored twice or at all.

use super::bench::{Bench, DAY, HOUR, SECOND, bodies, call, deduped, mail, message, result};
use super::{Opener, START_MS};
use crate::StoreError;
use crate::jobs::{
    DEDUPE_WINDOW_MS, End, Enqueued, JobState, Lane, NewJob, QueueSpec, Result, Suspects, Trigger,
};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    what_was_enqueued_is_there(&opener.bench()?).await?;
    in_order(&opener.bench()?).await?;
    delays(&opener.bench()?).await?;
    g7_dedupe_keys(&opener.bench()?).await?;
    g7_the_edge_of_the_window(&opener.bench()?).await?;
    g7_dead_jobs_free_their_key(&opener.bench()?).await?;
    expiry(&opener.bench()?).await?;
    retention_is_a_messages_expiry(&opener.bench()?).await?;
    g6_full(opener).await?;
    the_bell(&opener.bench()?).await
}

async fn what_was_enqueued_is_there(bench: &Bench<'_>) -> Result<()> {
    let new = NewJob {
        delay_ms: 500,
        dedupe_key: Some("d".to_owned()),
        order_key: Some("o".to_owned()),
        ..call(7)
    };
    let id = bench.enqueue(vec![new.clone()]).await?[0];
    let job = bench.show(id).await?;
    assert_eq!((job.id, &job.lane, &job.trigger), (id, &new.lane, &new.trigger));
    assert_eq!((&job.payload, &job.content_type), (&new.payload, &new.content_type));
    assert_eq!((job.state, job.enqueued_ms, job.run_at_ms), (JobState::Pending, START_MS, START_MS + 500));
    assert_eq!((&job.dedupe_key, &job.order_key), (&new.dedupe_key, &new.order_key));
    assert_eq!(job.expires_ms, Some(START_MS + 500 + 6 * HOUR), "counted from when it is due");
    assert_eq!((job.starts, job.failures, job.crashes, job.attempts), (0, 0, 0, 0));
    assert_eq!((job.split, job.lease_until_ms, job.finished_ms), (None, None, None));
    assert_eq!((job.last_error, job.result), (None, None));

    // Any bytes, and nothing at all.
    for payload in [&b""[..], &[0, 255, 0, 128]] {
        let new = NewJob { payload: payload.to_vec().into(), content_type: String::new(), ..message("") };
        let id = bench.enqueue(vec![new]).await?[0];
        let job = bench.show(id).await?;
        assert_eq!((&job.payload[..], job.content_type.as_str()), (payload, ""));
    }
    assert_eq!(bench.enqueue(Vec::new()).await?, []);
    Ok(())
}

async fn in_order(bench: &Bench<'_>) -> Result<()> {
    let ids = bench.messages(&["a", "b", "c"]).await?;
    bench.clock.turn(1);
    let more = bench.messages(&["d", "e"]).await?;
    let leases = bench.claim(10).await?;
    assert_eq!(bodies(&leases), ["a", "b", "c", "d", "e"]);
    assert_eq!(leases.iter().map(|l| l.job.id).collect::<Vec<_>>(), [ids, more].concat());
    Ok(())
}

async fn delays(bench: &Bench<'_>) -> Result<()> {
    let late = NewJob { delay_ms: 10_000, ..message("late") };
    let later = NewJob { delay_ms: 20_000, ..message("later") };
    bench.enqueue(vec![later, late, message("now")]).await?;
    assert_eq!(bench.due_at(&mail()).await?, Some(START_MS));
    let leases = bench.claim(10).await?;
    assert_eq!(bodies(&leases), ["now"]);
    assert_eq!(bench.due_at(&mail()).await?, Some(START_MS + 10_000));
    bench.clock.turn(9_999);
    assert_eq!(bench.claim(10).await?, []);
    bench.clock.turn(1);
    assert_eq!(bodies(&bench.claim(10).await?), ["late"]);
    bench.clock.turn(30_000);
    bench.messages(&["last"]).await?;
    assert_eq!(bodies(&bench.claim(10).await?), ["later", "last"], "the earliest due comes first");
    assert_eq!(bench.due_at(&mail()).await?, None);
    // A delay beyond all time is no failure.
    bench.enqueue(vec![NewJob { delay_ms: u64::MAX, ..message("never") }]).await?;
    assert_eq!(bench.claim(10).await?, []);
    Ok(())
}

async fn g7_dedupe_keys(bench: &Bench<'_>) -> Result<()> {
    let both = vec![deduped("a", "k"), deduped("b", "k"), deduped("c", "K"), message("d")];
    let enqueued = bench.store.jobs.enqueue(bench.project, both).await?;
    let [Enqueued::New(first), Enqueued::Duplicate(again), Enqueued::New(other), Enqueued::New(_)] =
        enqueued[..]
    else {
        panic!("within one call, too: {enqueued:?}");
    };
    assert_eq!(first, again);
    assert_ne!(first, other);
    // Running.
    let leases = bench.claim(10).await?;
    assert_eq!(bodies(&leases), ["a", "c", "d"]);
    duplicate(bench, deduped("e", "k"), first).await?;
    // Pending again after a failure.
    bench.fail(&leases[0]).await?;
    duplicate(bench, deduped("f", "k"), first).await?;
    // Another lane and another kind of lane.
    let sms = NewJob { lane: Lane::Queue("sms".to_owned()), ..deduped("g", "k") };
    let call = NewJob { dedupe_key: Some("k".to_owned()), ..call(1) };
    bench.enqueue(vec![sms, call]).await?;
    // An empty key is a key.
    let empty = bench.enqueue(vec![deduped("h", "")]).await?[0];
    duplicate(bench, deduped("i", ""), empty).await
}

async fn g7_the_edge_of_the_window(bench: &Bench<'_>) -> Result<()> {
    let first = bench.enqueue(vec![deduped("a", "k")]).await?[0];
    let lease = bench.claim_one().await?;
    bench.clock.turn(SECOND);
    bench.settle(&lease, End::Done(Some(result(b"r")))).await?;
    bench.clock.turn(DEDUPE_WINDOW_MS - 1);
    bench.reap().await?;
    duplicate(bench, deduped("b", "k"), first).await?;
    assert_eq!(bench.counts().await?, [0, 0, 1, 0]);
    bench.clock.turn(1);
    // Exactly one window after its end the key is free, reaped or not.
    let second = bench.enqueue(vec![deduped("c", "k")]).await?[0];
    assert_ne!(first, second);
    assert_eq!(bench.store.queues.show(bench.project, first).await?, None);
    assert_eq!(bench.counts().await?, [1, 0, 0, 0]);
    duplicate(bench, deduped("d", "k"), second).await
}

async fn g7_dead_jobs_free_their_key(bench: &Bench<'_>) -> Result<()> {
    let first = bench.enqueue(vec![deduped("a", "k")]).await?[0];
    let lease = bench.claim_one().await?;
    bench.kill(&lease).await?;
    let second = bench.enqueue(vec![deduped("b", "k")]).await?[0];
    assert_eq!(bench.state(first).await?, JobState::Dead);
    duplicate(bench, deduped("c", "k"), second).await
}

async fn expiry(bench: &Bench<'_>) -> Result<()> {
    let soon = |body: &str| NewJob { expires_after_ms: Some(5_000), ..message(body) };
    let lapses = NewJob { delay_ms: 1_000, ..soon("lapses") };
    let ids = bench.enqueue(vec![soon("runs"), lapses, soon("fails"), message("stays")]).await?;
    let leases = bench.claim(10).await?;
    assert_eq!(bodies(&leases), ["runs", "fails", "stays"]);
    bench.settle(&leases[2], End::Released { reason: "no room".to_owned(), delay_ms: 0 }).await?;
    bench.settle(&leases[1], super::bench::failure(Some(20_000))).await?;
    bench.clock.turn(5_000);
    // A message that runs is not touched; one that waits is dead at its time, and not before.
    assert_eq!(bench.reap().await?.dead, 1);
    let failed = bench.show(ids[2]).await?;
    assert_eq!((failed.state, failed.failures), (JobState::Dead, 1));
    assert!(failed.last_error.is_some_and(|e| e.contains("expired") && e.contains("it did not work")));
    assert_eq!(bench.state(ids[1]).await?, JobState::Pending);
    bench.clock.turn(1_000);
    // Claiming sees it without the reaper, and never gives it out.
    assert_eq!(bodies(&bench.claim(10).await?), ["stays"]);
    let lapsed = bench.show(ids[1]).await?;
    assert_eq!((lapsed.state, lapsed.finished_ms), (JobState::Dead, Some(bench.clock.now())));
    assert!(lapsed.last_error.is_some_and(|e| e.contains("expired")));
    bench.done(&leases[0]).await?;
    assert_eq!(bench.counts().await?, [0, 1, 1, 2]);
    Ok(())
}

async fn retention_is_a_messages_expiry(bench: &Bench<'_>) -> Result<()> {
    let queue = QueueSpec { name: "mail".to_owned(), retention_ms: Some(2 * HOUR) };
    bench.store.queues.declare(bench.project, &[queue]).await?;
    let default = NewJob { lane: Lane::Queue("other".to_owned()), ..message("b") };
    let call = NewJob { expires_after_ms: None, ..call(1) };
    let ids = bench.enqueue(vec![message("a"), default, call]).await?;
    assert_eq!(bench.show(ids[0]).await?.expires_ms, Some(START_MS + 2 * HOUR));
    assert_eq!(bench.show(ids[1]).await?.expires_ms, Some(START_MS + 14 * DAY));
    assert_eq!(bench.show(ids[2]).await?.expires_ms, None);
    bench.clock.turn(2 * HOUR);
    assert_eq!(bench.claim(10).await?, []);
    assert_eq!(bench.state(ids[0]).await?, JobState::Dead);
    Ok(())
}

async fn g6_full(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench_with(3, 1_000)?;
    bench.messages(&["a", "b"]).await?;
    // All or none: two more are one too many.
    full(&bench, vec![message("c"), message("d")]).await;
    assert_eq!(bench.counts().await?, [2, 0, 0, 0]);
    bench.enqueue(vec![deduped("c", "k")]).await?;
    full(&bench, vec![message("d")]).await;
    // A duplicate takes no room, and another lane has its own.
    let enqueued = bench.store.jobs.enqueue(bench.project, vec![deduped("c", "k")]).await?;
    assert!(matches!(enqueued[..], [Enqueued::Duplicate(_)]), "{enqueued:?}");
    bench.enqueue(vec![call(1)]).await?;
    let mixed = vec![call(1), message("d")];
    full(&bench, mixed).await;
    let calls = bench.claim_of(&call(1).lane, 10, Suspects::Leave).await?;
    assert_eq!(calls.len(), 1, "nothing of a refused enqueue is stored");
    assert!(matches!(calls[0].job.trigger, Trigger::Async { .. }));
    // What runs makes room; what comes back may exceed the limit, nothing that was accepted is lost.
    let lease = bench.claim_one().await?;
    bench.messages(&["d"]).await?;
    full(&bench, vec![message("e")]).await;
    bench.settle(&lease, End::Released { reason: String::new(), delay_ms: 0 }).await?;
    assert_eq!(bench.counts().await?, [4, 0, 0, 0]);
    full(&bench, vec![message("e")]).await;
    Ok(())
}

async fn the_bell(bench: &Bench<'_>) -> Result<()> {
    let bell = bench.store.jobs.bell();
    let mut rung = Box::pin(async move { bell.notified().await });
    assert!(!is_ready(&mut rung).await);
    bench.messages(&["a"]).await?;
    assert!(is_ready(&mut rung).await, "an enqueue rings it before it is answered");

    // A ring that nobody heard is kept for the next who listens.
    bench.messages(&["b"]).await?;
    let bell = bench.store.jobs.bell();
    assert!(is_ready(&mut Box::pin(async move { bell.notified().await })).await);
    Ok(())
}

/// Whether the future is ready now.
async fn is_ready(future: &mut (impl Future<Output = ()> + Unpin)) -> bool {
    futures_util::future::poll_immediate(future).await.is_some()
}

async fn duplicate(bench: &Bench<'_>, new: NewJob, of: crate::jobs::JobId) -> Result<()> {
    assert_eq!(bench.store.jobs.enqueue(bench.project, vec![new]).await?, [Enqueued::Duplicate(of)]);
    Ok(())
}

async fn full(bench: &Bench<'_>, jobs: Vec<NewJob>) {
    let result = bench.store.jobs.enqueue(bench.project, jobs).await;
    assert!(
        matches!(&result, Err(StoreError::Full { what, limit: 3 }) if what == "queue `mail`"),
        "{result:?}"
    );
}
