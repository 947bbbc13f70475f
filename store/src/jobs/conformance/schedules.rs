//! Schedules: what a deploy makes of them, and who pauses them.

use super::bench::{Bench, SECOND, function, schedule};
use super::{Opener, START_MS};
use crate::StoreError;
use crate::catalog::{Missed, Overlap};
use crate::jobs::{Fired, Firing, Pause, Result, Schedule, ScheduleId, ScheduleSpec};

pub(super) async fn all(opener: &Opener<'_>) -> Result<()> {
    reconciling(opener.bench()?).await?;
    pausing(&opener.bench()?).await?;
    what_is_due(&opener.bench()?).await?;
    order_of_the_list(&opener.bench()?).await
}

async fn reconciling(bench: Bench<'_>) -> Result<()> {
    let (one, two) = (schedule("one"), schedule("two"));
    reconcile(&bench, &[one.clone(), two.clone()]).await?;
    let listed = bench.store.schedules.list(bench.project).await?;
    assert_eq!(listed.len(), 2);
    let fresh = Schedule {
        spec: ScheduleSpec { first_ms: None, ..one.clone() },
        next_ms: one.first_ms,
        last_ms: None,
        last_job: None,
        skipped: 0,
        missed_slots: 0,
        paused: false,
    };
    assert_eq!(listed[0], fresh);

    // One has been fired, the other paused; then both are deployed again with other settings.
    bench.clock.turn(60 * SECOND);
    let next = START_MS + 120 * SECOND;
    let firing = Firing {
        id: one.id.clone(),
        expected_ms: START_MS + 60 * SECOND,
        next_ms: Some(next),
        slots: vec![(START_MS + 60 * SECOND, 3)],
        missed: 3,
    };
    let Fired::Enqueued(jobs) = bench.store.schedules.fire(bench.project, firing).await? else {
        panic!("nothing is in the way");
    };
    bench.store.schedules.set(bench.project, &two.id, Pause::Pause).await?;
    let changed = |spec: &ScheduleSpec| ScheduleSpec {
        missed: Missed::All,
        overlap: Overlap::Replace,
        first_ms: Some(START_MS + 9_999 * SECOND),
        ..spec.clone()
    };
    reconcile(&bench, &[changed(&two), changed(&one)]).await?;
    let bench = bench.reopen()?;
    let listed = bench.store.schedules.list(bench.project).await?;
    let (first, second) = (&listed[0], &listed[1]);
    assert_eq!((first.next_ms, first.last_ms), (Some(next), Some(START_MS + 60 * SECOND)));
    assert_eq!((first.last_job, first.missed_slots, first.paused), (jobs.first().copied(), 3, false));
    assert_eq!((first.spec.missed, first.spec.overlap), (Missed::All, Overlap::Replace));
    assert_eq!((second.next_ms, second.paused), (two.first_ms, true));

    // What is not named any more is gone, also if it comes back.
    reconcile(&bench, &[one]).await?;
    assert_eq!(bench.store.schedules.list(bench.project).await?.len(), 1);
    reconcile(&bench, &[two]).await?;
    let listed = bench.store.schedules.list(bench.project).await?;
    assert_eq!((listed.len(), listed[0].paused), (1, false));
    reconcile(&bench, &[]).await?;
    assert_eq!(bench.store.schedules.list(bench.project).await?, []);
    assert_eq!(bench.store.schedules.next().await?, None);
    Ok(())
}

async fn pausing(bench: &Bench<'_>) -> Result<()> {
    let schedules = &bench.store.schedules;
    let (one, two) = (schedule("one"), schedule("two"));
    reconcile(bench, &[one.clone(), two.clone()]).await?;
    schedules.set(bench.project, &one.id, Pause::Pause).await?;
    schedules.set(bench.project, &one.id, Pause::Pause).await?;
    bench.clock.turn(60 * SECOND);
    let due = schedules.due().await?;
    assert_eq!(due.iter().map(|(_, s)| &s.spec.id).collect::<Vec<_>>(), [&two.id]);
    schedules.set(bench.project, &two.id, Pause::Pause).await?;
    assert_eq!(schedules.next().await?, None);
    let later = START_MS + 300 * SECOND;
    schedules.set(bench.project, &one.id, Pause::Resume(Some(later))).await?;
    assert_eq!(schedules.next().await?, Some(later));
    let listed = schedules.list(bench.project).await?;
    assert_eq!((listed[0].paused, listed[0].next_ms), (false, Some(later)));
    schedules.set(bench.project, &one.id, Pause::Resume(None)).await?;
    assert_eq!(schedules.next().await?, None, "it has no slot any more");
    let unknown = ScheduleId("unknown".to_owned());
    for pause in [Pause::Pause, Pause::Resume(Some(1))] {
        let set = schedules.set(bench.project, &unknown, pause).await;
        assert!(matches!(set, Err(StoreError::NotFound { what: "schedule" })), "{set:?}");
    }
    Ok(())
}

async fn what_is_due(bench: &Bench<'_>) -> Result<()> {
    let schedules = &bench.store.schedules;
    let late = ScheduleSpec { first_ms: Some(START_MS + 90 * SECOND), ..schedule("late") };
    let never = ScheduleSpec { first_ms: None, ..schedule("never") };
    reconcile(bench, &[schedule("soon"), late, never]).await?;
    let other = super::bench::project(2);
    schedules.reconcile(other, &[schedule("other")]).await?;
    assert_eq!(schedules.next().await?, Some(START_MS + 60 * SECOND));
    bench.clock.turn(60 * SECOND - 1);
    assert_eq!(schedules.due().await?, []);
    bench.clock.turn(1);
    let mut due: Vec<_> =
        schedules.due().await?.into_iter().map(|(project, s)| (project, s.spec.id.0)).collect();
    due.sort();
    assert_eq!(due, [(bench.project, "soon".to_owned()), (other, "other".to_owned())]);
    bench.clock.turn(30 * SECOND);
    assert_eq!(schedules.due().await?.len(), 3);
    Ok(())
}

async fn order_of_the_list(bench: &Bench<'_>) -> Result<()> {
    let spec = |id: &str, number, expression: &str| ScheduleSpec {
        function: function(number),
        expression: expression.to_owned(),
        ..schedule(id)
    };
    reconcile(bench, &[spec("a", 2, "@daily"), spec("b", 1, "@hourly"), spec("c", 1, "0 3 * * *")]).await?;
    let listed = bench.store.schedules.list(bench.project).await?;
    assert_eq!(listed.iter().map(|s| s.spec.id.0.as_str()).collect::<Vec<_>>(), ["c", "b", "a"]);
    Ok(())
}

async fn reconcile(bench: &Bench<'_>, specs: &[ScheduleSpec]) -> Result<()> {
    bench.store.schedules.reconcile(bench.project, specs).await
}
