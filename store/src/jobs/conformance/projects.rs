//! Projects do not see each other; what was acknowledged is there after a restart.

use super::bench::schedule;
use super::bench::{
    Bench, SECOND, bodies, call, deduped, failure, function, mail, message, ordered, project,
};
use super::{Opener, START_MS};
use crate::StoreError;
use crate::jobs::{
    Claim, Enqueued, Extended, JobState, LEASE_MS, NewJob, Pause, Purge, QueueSpec, Reaped, Result,
    ScheduleId, Settled, Settlement, Suspects, View,
};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    g7_c7_projects_are_apart(&opener.bench()?).await?;
    a_project_without_jobs(&opener.bench()?).await?;
    forgetting_a_project(opener.bench()?).await?;
    reopening(opener.bench()?).await?;
    leases_of_a_lost_process(opener.bench()?).await?;
    many_projects(opener.bench()?).await
}

async fn g7_c7_projects_are_apart(bench: &Bench<'_>) -> Result<()> {
    let (mine, other) = (bench.project, project(2));
    let store = &bench.store;
    let new = || vec![NewJob { order_key: Some("o".to_owned()), ..deduped("a", "k") }];
    let id = bench.enqueue(new()).await?[0];
    let theirs = store.jobs.enqueue(other, new()).await?;
    assert!(matches!(theirs[..], [Enqueued::New(_)]), "keys are a project's own: {theirs:?}");
    store.schedules.reconcile(mine, &[schedule("s")]).await?;

    let lease = bench.claim_one().await?;
    // Whoever has the id and even the token, but comes from another project, finds nothing.
    assert_eq!(store.queues.show(other, id).await?, None);
    assert_eq!(store.jobs.extend(other, &[lease.to_ref()]).await?, [Extended::Stale]);
    let settlement = Settlement { lease: lease.to_ref(), end: failure(None) };
    assert_eq!(store.jobs.settle(other, vec![settlement]).await?, [Settled::Stale]);
    let set = store.schedules.set(other, &ScheduleId("s".to_owned()), Pause::Pause).await;
    assert!(matches!(set, Err(StoreError::NotFound { what: "schedule" })), "{set:?}");
    bench.kill(&lease).await?;
    assert_eq!(store.queues.redrive(other, &mail(), Some(&[id])).await?, 0);
    assert_eq!(store.queues.redrive(other, &mail(), None).await?, 0);
    assert_eq!(store.queues.purge(other, &mail(), Purge::Dead).await?, 0);
    store.cleanup.orphan(other, function(1), "gone").await?;
    assert_eq!(bench.state(id).await?, JobState::Dead);
    assert_eq!(store.schedules.list(mine).await?.len(), 1);
    assert_eq!(store.schedules.list(other).await?, []);

    // And what they have is still theirs.
    let claim = Claim { lane: mail(), limit: 9, attempts: 3, suspects: Suspects::Leave };
    let leases = store.jobs.claim(other, &claim).await?;
    assert_eq!(leases.iter().map(|l| l.job.id).collect::<Vec<_>>(), [theirs[0].id()]);
    Ok(())
}

async fn a_project_without_jobs(bench: &Bench<'_>) -> Result<()> {
    let (store, nobody) = (&bench.store, project(77));
    let id = crate::jobs::JobId(uuid::Uuid::from_u128(1));
    let claim = Claim { lane: mail(), limit: 9, attempts: 3, suspects: Suspects::Leave };
    assert_eq!(store.jobs.claim(nobody, &claim).await?, []);
    assert_eq!(store.queues.list(nobody).await?, []);
    assert_eq!(store.queues.spec(nobody, "mail").await?, None);
    assert_eq!(store.queues.show(nobody, id).await?, None);
    assert_eq!(store.queues.peek(nobody, &mail(), JobState::Pending, 9, View::Whole).await?, []);
    assert_eq!(store.queues.redrive(nobody, &mail(), None).await?, 0);
    assert_eq!(store.queues.purge(nobody, &mail(), Purge::Waiting).await?, 0);
    store.cleanup.orphan(nobody, function(1), "gone").await?;
    store.schedules.reconcile(nobody, &[]).await?;
    assert_eq!(store.schedules.list(nobody).await?, []);
    assert_eq!(store.schedules.next().await?, None);
    assert_eq!(store.schedules.due().await?, []);
    assert_eq!(store.jobs.due().await?, []);
    assert_eq!(store.jobs.reap().await?, Reaped::default());
    assert_eq!(store.cleanup.projects().await?, [], "looking makes nothing");
    Ok(())
}

async fn forgetting_a_project(bench: Bench<'_>) -> Result<()> {
    let id = bench.messages(&["a", "b"]).await?[0];
    bench.store.schedules.reconcile(bench.project, &[schedule("s")]).await?;
    bench.store.jobs.enqueue(project(2), vec![message("other")]).await?;
    let lease = bench.claim_one().await?;
    let mut kept = bench.store.cleanup.projects().await?;
    kept.sort_unstable();
    assert_eq!(kept, [bench.project, project(2)]);
    bench.store.cleanup.forget(bench.project).await?;
    assert_eq!(bench.store.cleanup.projects().await?, [project(2)]);
    assert_eq!(bench.store.queues.show(bench.project, id).await?, None);
    assert_eq!(bench.store.queues.list(bench.project).await?, []);
    assert_eq!(bench.store.schedules.list(bench.project).await?, []);
    assert_eq!(bench.store.schedules.next().await?, None);
    assert_eq!(bench.settle(&lease, failure(None)).await?, Settled::Stale);
    let due = bench.store.jobs.due().await?;
    assert_eq!(due.iter().map(|due| due.project).collect::<Vec<_>>(), [project(2)]);
    // A sender that comes late does not bring it back.
    let late = bench.store.jobs.enqueue(bench.project, vec![message("late")]).await;
    assert!(matches!(late, Err(StoreError::NotFound { what: "project" })), "{late:?}");
    bench.store.cleanup.forget(bench.project).await?;
    bench.store.cleanup.forget(project(3)).await?;
    let bench = bench.reopen()?;
    assert_eq!(bench.store.cleanup.projects().await?, [project(2)]);
    assert_eq!(bench.store.queues.list(bench.project).await?, []);
    assert_eq!(bench.store.jobs.due().await?.len(), 1);
    Ok(())
}

async fn reopening(bench: Bench<'_>) -> Result<()> {
    let late = NewJob { delay_ms: 5_000, ..message("late") };
    let new = vec![late, ordered("k1", "k"), ordered("k2", "k"), call(1), deduped("d", "d")];
    let ids = bench.enqueue(new).await?;
    let queue = QueueSpec { name: "quiet".to_owned(), retention_ms: Some(7_777) };
    bench.store.queues.declare(bench.project, std::slice::from_ref(&queue)).await?;
    bench.store.schedules.reconcile(bench.project, &[schedule("s")]).await?;
    let leases = bench.claim(10).await?;
    assert_eq!(bodies(&leases), ["k1", "d"]);
    bench.done(&leases[1]).await?;
    let mut before = Vec::new();
    for id in &ids {
        before.push(bench.show(*id).await?);
    }
    let (mut due, next) = (bench.store.jobs.due().await?, bench.store.schedules.next().await?);

    let bench = bench.reopen()?;
    // From memory, before anything else has touched the project.
    let mut now_due = bench.store.jobs.due().await?;
    now_due.sort_by(|a, b| a.lane.cmp(&b.lane));
    due.sort_by(|a, b| a.lane.cmp(&b.lane));
    assert_eq!(now_due, due);
    assert_eq!(due.len(), 2);
    assert_eq!(bench.store.schedules.next().await?, next);
    assert_eq!(bench.store.queues.spec(bench.project, "quiet").await?, Some(queue));
    for (id, job) in ids.iter().zip(before) {
        let again = bench.show(*id).await?;
        // A driver may know that whoever held a lease is lost.
        let lease_until_ms = again.lease_until_ms.and(job.lease_until_ms);
        assert_eq!(crate::jobs::Job { lease_until_ms, ..again }, job);
    }
    // Tokens, order keys and dedupe keys hold.
    assert_eq!(bench.claim(10).await?, []);
    bench.done(&leases[0]).await?;
    assert_eq!(bench.claimable().await?, ["k2"]);
    let again = bench.store.jobs.enqueue(bench.project, vec![deduped("d", "d")]).await?;
    assert_eq!(again, [Enqueued::Duplicate(ids[4])]);
    Ok(())
}

async fn leases_of_a_lost_process(bench: Bench<'_>) -> Result<()> {
    bench.messages(&["a"]).await?;
    bench.claim_one().await?;
    let bench = bench.reopen()?;
    // At once by a driver that knows that the holder is lost, else when the lease lapses.
    let at_once = bench.reap().await?.crashed;
    bench.clock.turn(LEASE_MS);
    let later = bench.reap().await?.crashed;
    assert_eq!(at_once + later, 1, "one crash, and nobody has to touch the project before");
    Ok(())
}

async fn many_projects(bench: Bench<'_>) -> Result<()> {
    let all: Vec<_> = (100..150).map(project).collect();
    for project in &all {
        bench.store.jobs.enqueue(*project, vec![message("a"), message("b")]).await?;
    }
    let bench = bench.reopen()?;
    let due = bench.store.jobs.due().await?;
    assert_eq!(due.len(), all.len());
    assert!(due.iter().all(|due| due.at_ms == START_MS));
    let claim = Claim { lane: mail(), limit: 9, attempts: 3, suspects: Suspects::Leave };
    for project in &all {
        assert_eq!(bench.store.jobs.claim(*project, &claim).await?.len(), 2);
    }
    // The files of the idle ones may be closed at any time, and nobody notices.
    for _ in 0..3 {
        bench.clock.turn(61 * SECOND);
        bench.reap().await?;
    }
    let due = bench.store.jobs.due().await?;
    assert_eq!(due.len(), all.len(), "every lease has lapsed");
    for project in &all {
        let info = bench.store.queues.list(*project).await?;
        assert_eq!((info[0].waiting, info[0].running), (2, 0));
    }
    Ok(())
}
