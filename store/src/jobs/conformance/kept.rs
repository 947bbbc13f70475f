//! What people see and clean up, and what is forgotten by itself.

use super::bench::{
    Bench, DAY, HOUR, SECOND, bodies, call, deduped, function, mail, message, ordered, schedule,
};
use super::{Opener, START_MS};
use crate::StoreError;
use crate::jobs::{
    DEAD_KEPT_MS, DEDUPE_WINDOW_MS, JobId, JobState, Lane, NewJob, Purge, QueueSpec, Result, ScheduleId,
    Suspects, Trigger, View,
};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    declared_queues(&opener.bench()?).await?;
    counts_and_the_oldest(&opener.bench()?).await?;
    peeking(&opener.bench()?).await?;
    redriving(&opener.bench()?).await?;
    redriving_respects_keys_and_room(opener).await?;
    purging(&opener.bench()?).await?;
    many(&opener.bench_with(5_000, 5_000)?).await?;
    g6_forgetting(&opener.bench()?).await?;
    a_surplus_of_done_jobs_goes(opener).await?;
    g6_orphans(&opener.bench()?).await
}

async fn declared_queues(bench: &Bench<'_>) -> Result<()> {
    let queues = &bench.store.queues;
    assert_eq!(queues.list(bench.project).await?, []);
    queues.declare(bench.project, &[]).await?;
    assert_eq!(queues.spec(bench.project, "mail").await?, None);
    let spec = |name: &str, retention_ms| QueueSpec { name: name.to_owned(), retention_ms };
    queues.declare(bench.project, &[spec("sms", None), spec("mail", Some(HOUR))]).await?;
    let told = |list: Vec<crate::jobs::QueueInfo>| {
        list.into_iter().map(|info| (info.name, info.retention_ms)).collect::<Vec<_>>()
    };
    let (mail, sms) = ("mail".to_owned(), "sms".to_owned());
    assert_eq!(told(queues.list(bench.project).await?), [(mail.clone(), HOUR), (sms.clone(), DEAD_KEPT_MS)]);
    // What is not said again stays.
    queues.declare(bench.project, &[spec("mail", None), spec("sms", Some(DAY))]).await?;
    assert_eq!(told(queues.list(bench.project).await?), [(mail, HOUR), (sms, DAY)]);
    assert_eq!(queues.spec(bench.project, "sms").await?, Some(spec("sms", Some(DAY))));
    assert_eq!(queues.spec(bench.project, "SMS").await?, None);
    assert_eq!(queues.spec(super::bench::project(2), "sms").await?, None);
    // Calls and slots are no queues.
    bench.enqueue(vec![call(1)]).await?;
    assert_eq!(queues.list(bench.project).await?.len(), 2);
    Ok(())
}

async fn counts_and_the_oldest(bench: &Bench<'_>) -> Result<()> {
    let late = NewJob { delay_ms: 60_000, ..message("late") };
    bench.enqueue(vec![late]).await?;
    bench.clock.turn(SECOND);
    bench.messages(&["a", "b", "c", "d"]).await?;
    let leases = bench.claim(3).await?;
    bench.done(&leases[0]).await?;
    bench.kill(&leases[1]).await?;
    let info = bench.info("mail").await?.unwrap_or_else(|| panic!("it was used"));
    assert_eq!((info.waiting, info.running, info.done, info.dead), (2, 1, 1, 1));
    assert_eq!(info.oldest_ms, Some(START_MS), "by enqueueing, not by when it is due");
    bench.clock.turn(60 * SECOND);
    assert_eq!(bench.claim(10).await?.len(), 2);
    assert_eq!(bench.info("mail").await?.and_then(|info| info.oldest_ms), None);
    Ok(())
}

async fn peeking(bench: &Bench<'_>) -> Result<()> {
    let late = NewJob { delay_ms: 60_000, ..message("late") };
    let mut new = vec![late, message("a"), ordered("k1", "k"), ordered("k2", "k"), deduped("b", "b")];
    new.extend(["c", "d", "e"].map(message));
    bench.enqueue(new).await?;
    assert_eq!(peek(bench, JobState::Pending, 20).await?, ["a", "k1", "k2", "b", "c", "d", "e", "late"]);
    assert_eq!(peek(bench, JobState::Pending, 2).await?, ["a", "k1"]);
    assert_eq!(peek(bench, JobState::Pending, 0).await?, Vec::<String>::new());
    // Peeking takes nothing.
    let leases = bench.claim(20).await?;
    assert_eq!(bodies(&leases), ["a", "k1", "b", "c", "d", "e"]);
    assert_eq!(peek(bench, JobState::Running, 20).await?.len(), 6);
    for lease in &leases[..4] {
        bench.clock.turn(1);
        bench.done(lease).await?;
    }
    assert_eq!(peek(bench, JobState::Done, 20).await?, ["c", "b", "k1", "a"], "newest first");
    assert_eq!(peek(bench, JobState::Done, 3).await?, ["c", "b", "k1"], "with and without a key");
    bench.kill(&leases[4]).await?;
    bench.clock.turn(1);
    bench.kill(&leases[5]).await?;
    assert_eq!(peek(bench, JobState::Dead, 1).await?, ["e"]);
    assert_eq!(peek(bench, JobState::Dead, 9).await?, ["e", "d"]);
    let none = Lane::Queue("none".to_owned());
    assert_eq!(bench.store.queues.peek(bench.project, &none, JobState::Dead, 9, View::Whole).await?, []);
    Ok(())
}

async fn redriving(bench: &Bench<'_>) -> Result<()> {
    let new = ["a", "b", "c"].map(|b| NewJob { expires_after_ms: Some(1_000_000), ..message(b) });
    let ids = bench.enqueue(new.to_vec()).await?;
    bench.messages(&["alive"]).await?;
    let leases = bench.claim(4).await?;
    bench.done(&leases[3]).await?;
    for lease in &leases[..3] {
        bench.kill(lease).await?;
    }
    bench.clock.turn(2_000_000);
    let queues = &bench.store.queues;
    let other = Lane::Queue("other".to_owned());
    assert_eq!(queues.redrive(bench.project, &other, None).await?, 0, "of that lane only");
    assert_eq!(queues.redrive(bench.project, &other, Some(&ids)).await?, 0);
    // Named ones that are unknown, alive or named twice count for nothing.
    let named = [ids[1], ids[1], JobId(uuid::Uuid::from_u128(3)), leases[3].job.id];
    assert_eq!(queues.redrive(bench.project, &mail(), Some(&named)).await?, 1);
    let job = bench.show(ids[1]).await?;
    assert_eq!((job.state, job.run_at_ms), (JobState::Pending, bench.clock.now()));
    assert_eq!((job.starts, job.failures, job.crashes, job.finished_ms), (0, 0, 0, None), "fresh counts");
    assert_eq!(job.enqueued_ms, START_MS);
    assert_eq!(job.expires_ms, Some(bench.clock.now() + 1_000_000), "a new life of the same length");
    assert_eq!(&job.payload[..], b"b");
    assert_eq!(bench.due_at(&mail()).await?, Some(bench.clock.now()));
    assert_eq!(queues.redrive(bench.project, &mail(), Some(&[])).await?, 0);
    assert_eq!(queues.redrive(bench.project, &mail(), None).await?, 2);
    assert_eq!(queues.redrive(bench.project, &mail(), None).await?, 0);
    assert_eq!(bodies(&bench.claim(10).await?), ["b", "a", "c"], "in their old order");
    assert_eq!(bench.counts().await?, [0, 3, 1, 0]);
    Ok(())
}

async fn redriving_respects_keys_and_room(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench_with(2, 1_000)?;
    let first = bench.enqueue(vec![deduped("first", "k")]).await?[0];
    let lease = bench.claim_one().await?;
    bench.kill(&lease).await?;
    bench.enqueue(vec![deduped("second", "k")]).await?;
    let queues = &bench.store.queues;
    // Its key is another's now: both at once would be what the key forbids.
    assert_eq!(queues.redrive(bench.project, &mail(), None).await?, 0);
    assert_eq!(bench.state(first).await?, JobState::Dead);
    let second = bench.claim_one().await?;
    bench.done(&second).await?;
    bench.clock.turn(DEDUPE_WINDOW_MS);
    bench.messages(&["x", "y"]).await?;
    let full = queues.redrive(bench.project, &mail(), None).await;
    assert!(matches!(full, Err(StoreError::Full { limit: 2, .. })), "{full:?}");
    assert_eq!(bench.state(first).await?, JobState::Dead);
    bench.claim_one().await?;
    assert_eq!(queues.redrive(bench.project, &mail(), None).await?, 1);
    Ok(())
}

async fn purging(bench: &Bench<'_>) -> Result<()> {
    bench.enqueue(vec![call(1)]).await?;
    let late = NewJob { delay_ms: 60_000, ..deduped("late", "k") };
    bench.enqueue(vec![late, message("a"), message("b"), message("c"), message("d")]).await?;
    let leases = bench.claim(3).await?;
    bench.done(&leases[0]).await?;
    bench.kill(&leases[1]).await?;
    let queues = &bench.store.queues;
    assert_eq!(queues.purge(bench.project, &mail(), Purge::Waiting).await?, 2);
    assert_eq!(bench.counts().await?, [0, 1, 1, 1]);
    assert_eq!(bench.due_at(&mail()).await?, None);
    bench.enqueue(vec![deduped("late again", "k")]).await?;
    assert_eq!(queues.purge(bench.project, &mail(), Purge::Dead).await?, 1);
    assert_eq!(bench.counts().await?, [1, 1, 1, 0]);
    assert_eq!(queues.purge(bench.project, &mail(), Purge::Dead).await?, 0);
    bench.done(&leases[2]).await?;
    assert_eq!(bench.claim_of(&call(1).lane, 9, Suspects::Leave).await?.len(), 1, "other lanes stay");
    assert_eq!(queues.purge(bench.project, &Lane::Queue("none".to_owned()), Purge::Dead).await?, 0);
    Ok(())
}

/// More than any driver does in one transaction.
async fn many(bench: &Bench<'_>) -> Result<()> {
    const COUNT: usize = 2_500;
    let short = NewJob { expires_after_ms: Some(1_000), ..message("m") };
    for _ in 0..5 {
        bench.enqueue(vec![short.clone(); COUNT / 5]).await?;
    }
    bench.clock.turn(1_000);
    let count = COUNT as u64;
    assert_eq!(bench.reap().await?.dead, count);
    let queues = &bench.store.queues;
    assert_eq!(queues.redrive(bench.project, &mail(), None).await?, count);
    assert_eq!(queues.purge(bench.project, &mail(), Purge::Waiting).await?, count);
    assert_eq!(bench.counts().await?, [0, 0, 0, 0]);
    for _ in 0..5 {
        bench.enqueue(vec![short.clone(); COUNT / 5]).await?;
    }
    bench.clock.turn(1_000);
    assert_eq!(bench.reap().await?.dead, count);
    assert_eq!(queues.purge(bench.project, &mail(), Purge::Dead).await?, count);
    Ok(())
}

async fn g6_forgetting(bench: &Bench<'_>) -> Result<()> {
    let queue = QueueSpec { name: "brief".to_owned(), retention_ms: Some(HOUR) };
    bench.store.queues.declare(bench.project, &[queue]).await?;
    let brief = NewJob { lane: Lane::Queue("brief".to_owned()), ..message("brief") };
    let ids = bench.enqueue(vec![brief, message("dead"), message("done"), deduped("kept", "k")]).await?;
    let leases = bench.claim(10).await?;
    bench.kill(&leases[0]).await?;
    bench.done(&leases[1]).await?;
    bench.done(&leases[2]).await?;
    bench.clock.turn(HOUR);
    // The brief one expires, and is dead for an hour from then.
    assert_eq!(bench.reap().await?.dead, 1);
    // What goes when, counted from the start.
    let [brief, dead, done, kept] = ids[..] else { panic!("four were enqueued") };
    let mut left = vec![brief, done, kept, dead];
    for (at, gone) in [(2 * HOUR, 1), (DAY, 2), (DEAD_KEPT_MS, 1)] {
        bench.clock.turn(START_MS + at - 1 - bench.clock.now());
        assert_eq!(bench.reap().await?.forgotten, 0, "too early for {gone}");
        bench.clock.turn(1);
        assert_eq!(bench.reap().await?.forgotten, gone as u64);
        for id in left.drain(..gone) {
            assert_eq!(bench.store.queues.show(bench.project, id).await?, None);
        }
        for id in &left {
            bench.show(*id).await?;
        }
    }
    assert_eq!(bench.counts().await?, [0, 0, 0, 0]);
    assert_eq!(bench.reap().await?, crate::jobs::Reaped::default());
    Ok(())
}

async fn a_surplus_of_done_jobs_goes(opener: &Opener<'_>) -> Result<()> {
    let bench = opener.bench_with(1_000, 3)?;
    bench.enqueue(vec![deduped("kept", "k")]).await?;
    bench.messages(&["1", "2", "3", "4", "5"]).await?;
    for lease in bench.claim(10).await? {
        bench.clock.turn(1);
        bench.done(&lease).await?;
    }
    assert_eq!(bench.reap().await?.forgotten, 2);
    assert_eq!(peek(&bench, JobState::Done, 10).await?, ["5", "4", "3", "kept"], "the newest stay");
    assert_eq!(bench.counts().await?, [0, 0, 4, 0]);
    Ok(())
}

async fn g6_orphans(bench: &Bench<'_>) -> Result<()> {
    let cron = |number| NewJob {
        lane: Lane::Cron(function(number)),
        trigger: Trigger::Cron { schedule: ScheduleId("x".to_owned()), slot_ms: 1, missed: 0 },
        ..call(number)
    };
    let new = vec![call(1), call(1), cron(1), call(2), cron(2), message("m")];
    let ids = bench.enqueue(new).await?;
    let running = bench.claim_of(&call(1).lane, 1, Suspects::Leave).await?;
    let mut of_two = schedule("two");
    of_two.function = function(2);
    bench.store.schedules.reconcile(bench.project, &[schedule("one"), of_two]).await?;
    bench.store.cleanup.orphan(bench.project, function(1), "function `cart` was deleted").await?;

    let states = [JobState::Running, JobState::Dead, JobState::Dead, JobState::Pending, JobState::Pending];
    for (id, state) in ids.iter().zip(states) {
        let job = bench.show(*id).await?;
        assert_eq!(job.state, state, "{:?}", job.lane);
        let reason = (state == JobState::Dead).then_some("function `cart` was deleted");
        assert_eq!(job.last_error.as_deref(), reason);
    }
    assert_eq!(bench.state(ids[5]).await?, JobState::Pending, "messages stay where they are");
    let schedules = bench.store.schedules.list(bench.project).await?;
    assert_eq!(schedules.iter().map(|s| s.spec.id.0.as_str()).collect::<Vec<_>>(), ["two"]);
    assert_eq!(bench.due_at(&call(1).lane).await?, None);
    bench.done(&running[0]).await?;
    Ok(())
}

async fn peek(bench: &Bench<'_>, state: JobState, limit: u32) -> Result<Vec<String>> {
    let jobs = bench.store.queues.peek(bench.project, &mail(), state, limit, View::Whole).await?;
    assert!(jobs.iter().all(|job| job.state == state));
    Ok(jobs.iter().map(|job| String::from_utf8_lossy(&job.payload).into_owned()).collect())
}
