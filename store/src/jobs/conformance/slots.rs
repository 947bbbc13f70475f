//! Slots: exactly one job for each, whoever fires it.

use futures_util::future::join_all;

use super::bench::{Bench, HOUR, SECOND, failure, function, schedule};
use super::{Opener, START_MS};
use crate::catalog::Overlap;
use crate::jobs::{
    End, Extended, Fired, Firing, Job, JobState, Lane, NewJob, Pause, Purge, Result, Schedule, ScheduleSpec,
    Settled, Suspects, Trigger, View,
};

const MINUTE: i64 = 60 * SECOND;

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    a_slot_is_a_job(&opener.bench()?).await?;
    compare_and_set(&opener.bench()?).await?;
    two_fire_at_once(&opener.bench()?).await?;
    overlap_forbid(&opener.bench()?).await?;
    overlap_allow(&opener.bench()?).await?;
    overlap_replace(&opener.bench()?).await?;
    many_missed_slots(&opener.bench()?).await?;
    made_up_for(opener).await?;
    a_slot_that_was_fired_before(&opener.bench()?).await?;
    a_clock_that_was_ahead(&opener.bench()?).await
}

async fn a_slot_is_a_job(bench: &Bench<'_>) -> Result<()> {
    prepare(bench, Overlap::Forbid).await?;
    bench.clock.turn(MINUTE + 5);
    let Fired::Enqueued(jobs) = fire(bench, 1, 2).await? else { panic!("nothing is in the way") };
    assert_eq!(jobs.len(), 1);
    let job = bench.show(jobs[0]).await?;
    let slot_ms = START_MS + MINUTE;
    assert_eq!(job.lane, cron());
    let trigger = Trigger::Cron { schedule: schedule("s").id, slot_ms, missed: 1 };
    assert_eq!(job.trigger, trigger);
    assert_eq!(job.dedupe_key, Some(format!("cron:s:{slot_ms}")));
    assert_eq!((job.run_at_ms, job.state), (bench.clock.now(), JobState::Pending));
    assert_eq!(job.expires_ms, Some(bench.clock.now() + 6 * HOUR));
    assert_eq!((job.payload.len(), job.content_type.as_str()), (0, ""));
    assert_eq!(bench.due_at(&cron()).await?, Some(bench.clock.now()));
    let listed = current(bench).await?;
    assert_eq!((listed.next_ms, listed.last_ms), (Some(START_MS + 2 * MINUTE), Some(slot_ms)));
    assert_eq!((listed.last_job, listed.missed_slots, listed.skipped), (Some(jobs[0]), 1, 0));
    assert_eq!(bench.store.schedules.next().await?, Some(START_MS + 2 * MINUTE));
    Ok(())
}

async fn compare_and_set(bench: &Bench<'_>) -> Result<()> {
    prepare(bench, Overlap::Allow).await?;
    bench.clock.turn(3 * MINUTE);
    assert_eq!(fire(bench, 2, 3).await?, Fired::Stale, "the next slot is another");
    assert!(matches!(fire(bench, 1, 2).await?, Fired::Enqueued(_)));
    assert_eq!(fire(bench, 1, 2).await?, Fired::Stale, "it has moved on");
    bench.store.schedules.set(bench.project, &schedule("s").id, Pause::Pause).await?;
    assert_eq!(fire(bench, 2, 3).await?, Fired::Stale, "it is paused");
    let next = Some(START_MS + 2 * MINUTE);
    bench.store.schedules.set(bench.project, &schedule("s").id, Pause::Resume(next)).await?;
    assert!(matches!(fire(bench, 2, 3).await?, Fired::Enqueued(_)));
    bench.store.schedules.reconcile(bench.project, &[]).await?;
    assert_eq!(fire(bench, 3, 4).await?, Fired::Stale, "it is gone");
    let nowhere = bench.store.schedules.fire(super::bench::project(9), firing(1, 2)).await?;
    assert_eq!(nowhere, Fired::Stale);
    assert_eq!(
        bench.store.queues.peek(bench.project, &cron(), JobState::Pending, 9, View::Whole).await?.len(),
        2
    );
    Ok(())
}

async fn two_fire_at_once(bench: &Bench<'_>) -> Result<()> {
    prepare(bench, Overlap::Allow).await?;
    bench.clock.turn(100 * MINUTE);
    for slot in 1..=50 {
        let fired = join_all([fire(bench, slot, slot + 1), fire(bench, slot, slot + 1)]).await;
        let fired = fired.into_iter().collect::<Result<Vec<_>>>()?;
        let won = fired.iter().filter(|one| matches!(one, Fired::Enqueued(jobs) if jobs.len() == 1));
        let stale = fired.iter().filter(|one| **one == Fired::Stale);
        assert_eq!((won.count(), stale.count()), (1, 1), "slot {slot}: {fired:?}");
    }
    let jobs = bench.store.queues.peek(bench.project, &cron(), JobState::Pending, 100, View::Whole).await?;
    let slots: Vec<_> = jobs.iter().map(slot_of).collect();
    assert_eq!(slots, (1..=50).collect::<Vec<_>>(), "exactly one job for each slot");
    Ok(())
}

async fn overlap_forbid(bench: &Bench<'_>) -> Result<()> {
    prepare(bench, Overlap::Forbid).await?;
    bench.clock.turn(10 * MINUTE);
    assert!(matches!(fire(bench, 1, 2).await?, Fired::Enqueued(_)));
    assert_eq!(fire(bench, 2, 3).await?, Fired::Skipped, "the one before waits");
    let lease = claim(bench).await?;
    assert_eq!(fire(bench, 3, 4).await?, Fired::Skipped, "the one before runs");
    assert!(matches!(bench.settle(&lease, failure(Some(0))).await?, Settled::Pending { .. }));
    assert_eq!(fire(bench, 4, 5).await?, Fired::Skipped, "the one before is tried again");
    let lease = claim(bench).await?;
    bench.settle(&lease, End::Done(None)).await?;
    let listed = current(bench).await?;
    assert_eq!((listed.skipped, listed.missed_slots), (3, 4), "what was missed counts either way");
    assert_eq!((listed.next_ms, listed.last_ms), (Some(START_MS + 5 * MINUTE), Some(START_MS + MINUTE)));
    assert!(matches!(fire(bench, 5, 6).await?, Fired::Enqueued(_)));
    // Another schedule of the same function is another matter.
    let other = ScheduleSpec { overlap: Overlap::Forbid, ..schedule("t") };
    let same = ScheduleSpec { overlap: Overlap::Forbid, ..schedule("s") };
    bench.store.schedules.reconcile(bench.project, &[same, other.clone()]).await?;
    let firing = Firing { id: other.id, ..firing(1, 2) };
    assert!(matches!(bench.store.schedules.fire(bench.project, firing).await?, Fired::Enqueued(_)));
    Ok(())
}

async fn overlap_allow(bench: &Bench<'_>) -> Result<()> {
    prepare(bench, Overlap::Allow).await?;
    bench.clock.turn(10 * MINUTE);
    for slot in 1..=3 {
        assert!(matches!(fire(bench, slot, slot + 1).await?, Fired::Enqueued(_)));
    }
    assert_eq!(bench.claim_of(&cron(), 10, Suspects::Leave).await?.len(), 3);
    Ok(())
}

async fn overlap_replace(bench: &Bench<'_>) -> Result<()> {
    prepare(bench, Overlap::Replace).await?;
    bench.clock.turn(10 * MINUTE);
    fire(bench, 1, 2).await?;
    let running = claim(bench).await?;
    fire(bench, 2, 3).await?;
    let job = bench.show(running.job.id).await?;
    assert_eq!((job.state, job.lease_until_ms), (JobState::Dead, None));
    assert_eq!(job.last_error.as_deref(), Some("replaced by a later slot"));
    assert_eq!(bench.store.jobs.extend(bench.project, &[running.to_ref()]).await?, [Extended::Stale]);
    assert_eq!(bench.settle(&running, End::Done(None)).await?, Settled::Stale);
    // One that waits is replaced as well; one that is done is not touched.
    fire(bench, 3, 4).await?;
    let lease = claim(bench).await?;
    assert_eq!(slot_of(&lease.job), 3);
    bench.settle(&lease, End::Done(None)).await?;
    fire(bench, 4, 5).await?;
    assert_eq!(bench.state(lease.job.id).await?, JobState::Done);
    let dead = bench.store.queues.peek(bench.project, &cron(), JobState::Dead, 9, View::Whole).await?;
    assert_eq!(dead.iter().map(slot_of).collect::<Vec<_>>(), [2, 1]);
    // A run that somebody asked for is a job of the schedule, too.
    let asked = bench.enqueue(vec![run_now()]).await?[0];
    fire(bench, 5, 6).await?;
    assert_eq!(bench.state(asked).await?, JobState::Dead);
    Ok(())
}

async fn many_missed_slots(bench: &Bench<'_>) -> Result<()> {
    prepare(bench, Overlap::Forbid).await?;
    bench.clock.turn(10 * MINUTE);
    let slots = [1, 2, 3].map(|slot| (START_MS + slot * MINUTE, 0)).to_vec();
    let firing = Firing { slots, missed: 7, ..firing(1, 4) };
    let Fired::Enqueued(jobs) = bench.store.schedules.fire(bench.project, firing).await? else {
        panic!("nothing is in the way");
    };
    assert_eq!(jobs.len(), 3, "slots that are made up for do not forbid each other");
    let listed = current(bench).await?;
    assert_eq!((listed.last_job, listed.missed_slots), (jobs.last().copied(), 7));
    assert_eq!(listed.last_ms, Some(START_MS + 3 * MINUTE));
    // None to enqueue: the schedule moves on, and that was its last slot.
    let last = Firing { slots: Vec::new(), missed: 2, next_ms: None, ..self::firing(4, 5) };
    assert_eq!(bench.store.schedules.fire(bench.project, last).await?, Fired::Enqueued(Vec::new()));
    let listed = current(bench).await?;
    assert_eq!((listed.next_ms, listed.missed_slots, listed.skipped), (None, 9, 0));
    assert_eq!(bench.store.schedules.next().await?, None);
    Ok(())
}

/// Whatever is done to a schedule, one slot is one job.
async fn a_slot_that_was_fired_before(bench: &Bench<'_>) -> Result<()> {
    prepare(bench, Overlap::Allow).await?;
    bench.clock.turn(10 * MINUTE);
    let Fired::Enqueued(first) = fire(bench, 1, 2).await? else { panic!("nothing is in the way") };
    let again = Pause::Resume(Some(START_MS + MINUTE));
    bench.store.schedules.set(bench.project, &schedule("s").id, again).await?;
    assert_eq!(fire(bench, 1, 2).await?, Fired::Enqueued(Vec::new()));
    // Not even when its job is dead, or forgotten together with its dedupe key.
    let mut lease = claim(bench).await?;
    assert_eq!(lease.job.id, first[0]);
    while bench.settle(&lease, failure(Some(0))).await? != Settled::Dead {
        lease = claim(bench).await?;
    }
    bench.store.queues.purge(bench.project, &cron(), Purge::Dead).await?;
    bench.clock.turn(3 * 24 * HOUR);
    bench.reap().await?;
    // Slots 1 and 2 are due, by a clock that was wrong in between: the first of them has run.
    bench.store.schedules.set(bench.project, &schedule("s").id, Pause::Resume(Some(START_MS))).await?;
    let slots = [(START_MS + MINUTE, 0), (START_MS + 2 * MINUTE, 0)].to_vec();
    let both = Firing { expected_ms: START_MS, slots, missed: 5, ..firing(1, 3) };
    let Fired::Enqueued(jobs) = bench.store.schedules.fire(bench.project, both).await? else {
        panic!("nothing is in the way");
    };
    assert_eq!(jobs.len(), 1);
    assert_eq!(slot_of(&bench.show(jobs[0]).await?), 2);
    let listed = current(bench).await?;
    assert_eq!(listed.next_ms, Some(START_MS + 3 * MINUTE), "it moves on");
    assert_eq!((listed.last_job, listed.missed_slots), (Some(jobs[0]), 1), "what came before was not missed");
    Ok(())
}

/// A last slot that is still to come says nothing: it is from a clock that was ahead.
async fn a_clock_that_was_ahead(bench: &Bench<'_>) -> Result<()> {
    prepare(bench, Overlap::Allow).await?;
    bench.clock.turn(365 * 24 * HOUR);
    let year = 365 * 24 * 60;
    let ahead = Firing { slots: vec![(START_MS + year * MINUTE, 0)], ..firing(1, year + 1) };
    assert!(matches!(bench.store.schedules.fire(bench.project, ahead).await?, Fired::Enqueued(_)));
    bench.clock.turn(-365 * 24 * HOUR + 10 * MINUTE);
    let right = Pause::Resume(Some(START_MS + 9 * MINUTE));
    bench.store.schedules.set(bench.project, &schedule("s").id, right).await?;
    let Fired::Enqueued(jobs) = fire(bench, 9, 10).await? else { panic!("nothing is in the way") };
    assert_eq!(jobs.len(), 1, "its slots run, though they are before the last one");
    assert_eq!(current(bench).await?.last_ms, Some(START_MS + 9 * MINUTE));
    Ok(())
}

/// Slots that are made up for overlap no more than others.
async fn made_up_for(opener: &Opener<'_>) -> Result<()> {
    let several = || {
        let slots = [1, 2, 3].map(|slot| (START_MS + slot * MINUTE, 0)).to_vec();
        Firing { slots, missed: 7, ..firing(1, 4) }
    };
    let bench = opener.bench()?;
    prepare(&bench, Overlap::Forbid).await?;
    bench.clock.turn(10 * MINUTE);
    bench.store.schedules.fire(bench.project, several()).await?;
    for slot in 1..=3 {
        let leases = bench.claim_of(&cron(), 9, Suspects::Leave).await?;
        assert_eq!(leases.iter().map(|lease| slot_of(&lease.job)).collect::<Vec<_>>(), [slot]);
        bench.settle(&leases[0], End::Done(None)).await?;
    }

    let bench = opener.bench()?;
    prepare(&bench, Overlap::Replace).await?;
    bench.clock.turn(10 * MINUTE);
    let Fired::Enqueued(jobs) = bench.store.schedules.fire(bench.project, several()).await? else {
        panic!("nothing is in the way");
    };
    assert_eq!(jobs.len(), 1, "the last one replaces those before it");
    let trigger = Trigger::Cron { schedule: schedule("s").id, slot_ms: START_MS + 3 * MINUTE, missed: 2 };
    assert_eq!(bench.show(jobs[0]).await?.trigger, trigger);
    assert_eq!(current(&bench).await?.missed_slots, 9);
    Ok(())
}

/// Makes schedule `s` with one slot a minute, and another that nobody fires.
async fn prepare(bench: &Bench<'_>, overlap: Overlap) -> Result<()> {
    let spec = ScheduleSpec { overlap, ..schedule("s") };
    bench.store.schedules.reconcile(bench.project, &[spec]).await
}

/// Fires a slot with one missed before it, by its minute, to be followed by another.
async fn fire(bench: &Bench<'_>, slot: i64, next: i64) -> Result<Fired> {
    bench.store.schedules.fire(bench.project, firing(slot, next)).await
}

fn firing(slot: i64, next: i64) -> Firing {
    let at = |minute| START_MS + minute * MINUTE;
    Firing {
        id: schedule("s").id,
        expected_ms: at(slot),
        next_ms: Some(at(next)),
        slots: vec![(at(slot), 1)],
        missed: 1,
    }
}

fn run_now() -> NewJob {
    NewJob {
        lane: cron(),
        trigger: Trigger::Cron { schedule: schedule("s").id, slot_ms: 0, missed: 0 },
        ..super::bench::call(1)
    }
}

fn cron() -> Lane {
    Lane::Cron(function(1))
}

async fn current(bench: &Bench<'_>) -> Result<Schedule> {
    Ok(bench.store.schedules.list(bench.project).await?.remove(0))
}

async fn claim(bench: &Bench<'_>) -> Result<crate::jobs::Lease> {
    Ok(bench.claim_of(&cron(), 1, Suspects::Leave).await?.remove(0))
}

/// The minute of a slot's job.
fn slot_of(job: &Job) -> i64 {
    match &job.trigger {
        Trigger::Cron { slot_ms, .. } => (slot_ms - START_MS) / MINUTE,
        other => panic!("{other:?} is no slot"),
    }
}
