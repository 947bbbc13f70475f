//! Steps of a schedule: in time, late, after an outage, after jumps of the clock.

use std::time::{Duration, Instant};

use store::catalog::Missed;
use store::jobs::{Firing, ScheduleId};

use super::super::*;
use super::ms;

fn plan(expression: &str, next: &str, now: &str, missed: Missed) -> Option<Firing> {
    let schedule = Schedule::parse(expression, "UTC").unwrap();
    schedule.plan(&ScheduleId("s".to_owned()), ms(next), ms(now), missed)
}

/// Slots to run with what they are told, slots not run, the next slot.
fn firing(slots: &[(&str, u32)], missed: u64, expected: &str, next: &str) -> Option<Firing> {
    Some(Firing {
        id: ScheduleId("s".to_owned()),
        expected_ms: ms(expected),
        next_ms: Some(ms(next)),
        slots: slots.iter().map(|(slot, told)| (ms(slot), *told)).collect(),
        missed,
    })
}

#[test]
fn a_slot_that_comes_in_time_runs_under_every_policy() {
    let noon = "2024-05-01T12:00:00Z";
    for missed in [Missed::Once, Missed::Skip, Missed::All] {
        assert_eq!(plan("0 12 * * *", noon, "2024-05-01T11:59:59.999Z", missed), None);
        for now in [noon, "2024-05-01T12:00:03Z", "2024-05-01T12:01:00Z"] {
            let expected = firing(&[(noon, 0)], 0, noon, "2024-05-02T12:00:00Z");
            assert_eq!(plan("0 12 * * *", noon, now, missed), expected, "{missed:?} {now}");
        }
    }
}

#[test]
fn g2_a_late_slot_is_missed() {
    let (noon, next) = ("2024-05-01T12:00:00Z", "2024-05-02T12:00:00Z");
    let late = |missed| plan("0 12 * * *", noon, "2024-05-01T12:01:00.001Z", missed);
    assert_eq!(late(Missed::Once), firing(&[(noon, 0)], 0, noon, next));
    assert_eq!(late(Missed::Skip), firing(&[], 1, noon, next));
    assert_eq!(late(Missed::All), firing(&[(noon, 0)], 0, noon, next));
}

#[test]
fn g2_after_three_days_down() {
    let (first, now, next) = ("2024-05-01T12:00:00Z", "2024-05-04T11:30:00Z", "2024-05-04T12:00:00Z");
    let hourly = |missed| plan("0 * * * *", first, now, missed).unwrap();
    assert_eq!(Some(hourly(Missed::Once)), firing(&[("2024-05-04T11:00:00Z", 71)], 71, first, next));
    assert_eq!(Some(hourly(Missed::Skip)), firing(&[], 72, first, next));
    let all = hourly(Missed::All);
    assert_eq!((all.slots.len(), all.missed, all.slots[0]), (72, 0, (ms(first), 0)));

    // Down until the very moment of a slot: that one is not missed.
    let at_slot = plan("0 * * * *", first, "2024-05-04T12:00:00Z", Missed::Once);
    assert_eq!(at_slot, firing(&[(next, 72)], 72, first, "2024-05-04T13:00:00Z"));
    let at_slot = plan("0 * * * *", first, "2024-05-04T12:00:00Z", Missed::Skip);
    assert_eq!(at_slot, firing(&[(next, 72)], 72, first, "2024-05-04T13:00:00Z"));
}

#[test]
fn g2_all_catches_up_with_the_latest_hundred() {
    let all = plan("* * * * *", "2024-05-01T12:00:00Z", "2024-05-04T12:00:30Z", Missed::All).unwrap();
    assert_eq!((all.slots.len(), all.missed), (100, 3 * 1_440 + 1 - 100));
    assert_eq!(all.slots[0], (ms("2024-05-04T10:21:00Z"), u32::try_from(all.missed).unwrap()));
    assert_eq!(all.slots[99], (ms("2024-05-04T12:00:00Z"), 0));
    assert!(all.slots.windows(2).all(|pair| pair[1].0 - pair[0].0 == 60_000 && pair[1].1 == 0));
}

#[test]
fn slots_of_two_minutes_that_come_together_both_run() {
    let both = plan("* * * * *", "2024-05-01T12:00:00Z", "2024-05-01T12:01:00Z", Missed::Skip).unwrap();
    assert_eq!(both.slots, [(ms("2024-05-01T12:00:00Z"), 0), (ms("2024-05-01T12:01:00Z"), 0)]);
    let second = plan("* * * * *", "2024-05-01T12:00:00Z", "2024-05-01T12:01:00.001Z", Missed::Skip).unwrap();
    assert_eq!((second.slots, second.missed), (vec![(ms("2024-05-01T12:01:00Z"), 1)], 1));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test measures real time")]
fn g2_a_clock_that_jumps_fifty_years_is_reckoned_with_quickly() {
    for expression in ["* * * * *", "0 0 29 2 *", "0 0 * 2 1#5"] {
        for missed in [Missed::Once, Missed::Skip, Missed::All] {
            let began = Instant::now();
            let firing = plan(expression, "1970-01-01T00:00:00Z", "2026-07-01T00:00:30Z", missed).unwrap();
            assert!(
                began.elapsed() < Duration::from_secs(2),
                "{expression} {missed:?}: {:?}",
                began.elapsed()
            );
            let come = firing.slots.len() as u64 + firing.missed;
            let schedule = Schedule::parse(expression, "UTC").unwrap();
            assert_eq!(come, 1 + schedule.count(0, ms("2026-07-01T00:00:30Z")), "{expression} {missed:?}");
            assert!(firing.next_ms.is_some_and(|next| next > ms("2026-07-01T00:00:30Z")));
        }
    }
    // A clock that goes back waits for the slot that it knows.
    assert_eq!(plan("* * * * *", "2026-07-01T00:01:00Z", "1970-01-01T00:00:00Z", Missed::All), None);
}

#[test]
fn a_slot_that_was_promised_runs_although_the_zone_data_say_otherwise() {
    let odd = plan("0 12 * * *", "2024-05-01T11:00:00Z", "2024-05-01T11:00:01Z", Missed::Once);
    assert_eq!(
        odd,
        firing(&[("2024-05-01T11:00:00Z", 0)], 0, "2024-05-01T11:00:00Z", "2024-05-01T12:00:00Z")
    );
}
