//! The ticker over the real store, with a clock that is turned by hand.

use std::collections::HashSet;
use std::sync::atomic::Ordering::SeqCst;

use store::catalog::{Missed, Overlap};
use store::jobs::{JobState, Lane, ScheduleSpec, Trigger};
use uuid::Uuid;

use super::*;
use crate::registry::live::Live;
use crate::triggers::stage::{Stage, scheduled, until};

/// The only schedule of a function, as a deploy declares it.
pub(in crate::triggers) fn spec(live: &Live) -> ScheduleSpec {
    let known = &live.cron[0];
    let trigger = known.trigger.clone();
    ScheduleSpec {
        id: known.id.clone(),
        function: live.function,
        expression: trigger.schedule,
        timezone: trigger.timezone,
        path: trigger.path,
        missed: trigger.missed,
        overlap: trigger.overlap,
        first_ms: known.schedule.next_after(Clock::system().now_ms()),
    }
}

fn project(number: u128) -> ProjectId {
    ProjectId(Uuid::from_u128(number))
}

/// A ticker of that stage that runs until the sender is gone.
fn start(stage: &Stage) -> watch::Sender<bool> {
    let (stop, stopping) = watch::channel(false);
    let ticker = Ticker::new(
        stage.store.schedules.clone(),
        stage.consumers.clone(),
        stage.clock.clone(),
        stage.healer.clone(),
    );
    drop(tokio::spawn(ticker.run(stopping)));
    stop
}

/// The slots that were enqueued for a project's function, and the slots missed before each.
async fn slots(stage: &Stage, number: u128, live: &Live) -> Vec<(i64, u32)> {
    let lane = Lane::Cron(live.function);
    let jobs = stage
        .store
        .queues
        .peek(project(number), &lane, JobState::Pending, 1_000, store::jobs::View::Whole)
        .await
        .unwrap();
    let slots = jobs.into_iter().map(|job| match job.trigger {
        Trigger::Cron { slot_ms, missed, .. } => (slot_ms, missed),
        other => panic!("{other:?}"),
    });
    slots.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_schedules_of_one_minute_all_fire_once() {
    let live: Vec<Live> =
        (0..20).map(|number| scheduled(number, "* * * * *", Missed::Once, Overlap::Allow)).collect();
    let stage = Stage::new(Vec::new());
    let mut first = 0;
    for (number, live) in (0..).zip(&live) {
        let many: Vec<ScheduleSpec> = (0..50)
            .map(|copy| ScheduleSpec { id: ScheduleId(format!("{number}-{copy}")), ..spec(live) })
            .collect();
        first = many[0].first_ms.unwrap();
        stage.store.schedules.reconcile(project(number), &many).await.unwrap();
    }
    // Two tickers: each slot is enqueued by one of them.
    let stops = [start(&stage), start(&stage)];
    stage.turn_by(first - stage.clock.now_ms() + 5);
    let began = Clock::system().instant();
    let all = || async {
        let mut fired = 0;
        for (number, live) in (0..).zip(&live) {
            fired += slots(&stage, number, live).await.len();
        }
        fired >= 1_000
    };
    assert!(until(all).await);
    took(began, Duration::from_secs(10));
    for (number, live) in (0..).zip(&live) {
        let slots = slots(&stage, number, live).await;
        assert_eq!(slots.len(), 50);
        assert!(slots.iter().all(|slot| *slot == (first, 0)), "{slots:?}");
    }
    drop(stops);
}

/// Far above what is promised of a release build.
fn took(began: Instant, most: Duration) {
    let took = Clock::system().instant() - began;
    assert!(took < most, "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_follow_a_clock_that_jumps() {
    let live = scheduled(1, "0 * * * *", Missed::Once, Overlap::Allow);
    let spec = spec(&live);
    let first = spec.first_ms.unwrap();
    let stage = Stage::new(Vec::new());
    stage.deploy(vec![scheduled(1, "0 * * * *", Missed::Once, Overlap::Allow)]);
    stage.store.schedules.reconcile(project(1), &[spec]).await.unwrap();
    let _stop = start(&stage);
    let hour = 3_600_000;
    stage.turn_by(first - stage.clock.now_ms() + 5);
    assert!(until(|| async { slots(&stage, 1, &live).await.len() == 1 }).await);
    // Three hours later: two were missed.
    stage.turn_by(3 * hour);
    assert!(until(|| async { slots(&stage, 1, &live).await.len() == 2 }).await);
    // Back again: nothing comes twice.
    stage.turn_by(-2 * hour);
    let mut ticker = Ticker::new(
        stage.store.schedules.clone(),
        stage.consumers.clone(),
        stage.clock.clone(),
        stage.healer.clone(),
    );
    assert!(matches!(ticker.tick().await, Look::Idle(_)));
    assert_eq!(slots(&stage, 1, &live).await, [(first, 0), (first + 3 * hour, 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_cannot_be_read_stops_no_other_one() {
    let live = scheduled(1, "* * * * *", Missed::Once, Overlap::Allow);
    let good = spec(&live);
    let first = good.first_ms.unwrap();
    let bad = ScheduleSpec {
        id: ScheduleId("bad".to_owned()),
        expression: "not a schedule".to_owned(),
        ..good.clone()
    };
    let stage = Stage::new(Vec::new());
    stage.store.schedules.reconcile(project(1), &[good, bad.clone()]).await.unwrap();
    let mut ticker = Ticker::new(
        stage.store.schedules.clone(),
        stage.consumers.clone(),
        stage.clock.clone(),
        stage.healer.clone(),
    );
    let look = ticker.tick().await;
    assert!(matches!(look, Look::Idle(_)), "nothing is due");
    assert!(ticker.until_next(look).await <= LOOK);
    stage.turn_by(first - stage.clock.now_ms() + 5);
    assert_eq!(ticker.tick().await, Look::Stuck);
    assert_eq!(ticker.unreadable, HashSet::from([bad.id]));
    assert_eq!(ticker.until_next(Look::Stuck).await, LOOK, "it keeps no processor busy");
    assert_eq!(slots(&stage, 1, &live).await, [(first, 0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_has_come_but_is_not_given_keeps_no_processor_busy() {
    let live = scheduled(1, "* * * * *", Missed::Once, Overlap::Allow);
    let first = spec(&live).first_ms.unwrap();
    let stage = Stage::new(Vec::new());
    stage.store.schedules.reconcile(project(1), &[spec(&live)]).await.unwrap();
    let ticker = Ticker::new(
        stage.store.schedules.clone(),
        stage.consumers.clone(),
        stage.clock.clone(),
        stage.healer.clone(),
    );
    assert_eq!(ticker.until_next(Look::Idle(first)).await, LOOK);
    stage.turn_by(first - stage.clock.now_ms() - 50);
    assert!(ticker.until_next(Look::Idle(first - 50)).await <= Duration::from_millis(50));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_the_wall_clock_heals_schedules_and_its_drift_does_not() {
    let stage = Stage::new(Vec::new());
    let _stop = start(&stage);
    let healed = |times| {
        let healer = stage.healer.clone();
        move || {
            let healer = healer.clone();
            async move { healer.times.load(SeqCst) == times }
        }
    };
    stage.turn_by(59_000);
    stage.turn_by(-59_000);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(healed(0)().await);
    for (times, year) in [(1, 365), (2, -365)] {
        stage.turn_by(year * 86_400_000);
        assert!(until(healed(times)).await);
    }
}
