//! Tables of good and bad expressions, golden slots, and a comparison with a scan of every minute.

mod plans;
mod refusals;
mod scan;

use jiff::Timestamp;

use super::*;

fn ms(instant: &str) -> i64 {
    instant.parse::<Timestamp>().unwrap().as_millisecond()
}

/// The first slots after an instant, as UTC without seconds.
fn slots(expression: &str, timezone: &str, after: &str, count: usize) -> Vec<String> {
    let schedule =
        Schedule::parse(expression, timezone).unwrap_or_else(|error| panic!("{expression}: {error:?}"));
    std::iter::successors(schedule.next_after(ms(after)), |slot| schedule.next_after(*slot))
        .take(count)
        .map(|slot| Timestamp::from_millisecond(slot).unwrap().strftime("%Y-%m-%dT%H:%MZ").to_string())
        .collect()
}

/// Expression, zone, after, the slots.
type Golden = (&'static str, &'static str, &'static str, &'static [&'static str]);

const CHANGES_OF_OFFSET: &[Golden] = &[
    // New York: 02:00 to 03:00 does not exist on 2024-03-10, 01:00 to 02:00 occurs twice on 2024-11-03.
    (
        "30 2 * * *",
        "America/New_York",
        "2024-03-09T00:00:00Z",
        &["2024-03-09T07:30Z", "2024-03-10T07:00Z", "2024-03-11T06:30Z"],
    ),
    (
        "*/15 2 * * *",
        "America/New_York",
        "2024-03-10T00:00:00Z",
        &["2024-03-10T07:00Z", "2024-03-11T06:00Z", "2024-03-11T06:15Z"],
    ),
    ("0 2,3 * * *", "America/New_York", "2024-03-10T00:00:00Z", &["2024-03-10T07:00Z", "2024-03-11T06:00Z"]),
    ("30 1 * * *", "America/New_York", "2024-11-02T12:00:00Z", &["2024-11-03T05:30Z", "2024-11-04T06:30Z"]),
    (
        "30 * * * *",
        "America/New_York",
        "2024-11-03T04:00:00Z",
        &["2024-11-03T04:30Z", "2024-11-03T05:30Z", "2024-11-03T06:30Z", "2024-11-03T07:30Z"],
    ),
    ("30 * * * *", "America/New_York", "2024-03-10T06:00:00Z", &["2024-03-10T06:30Z", "2024-03-10T07:30Z"]),
    (
        "0 */2 * * *",
        "America/New_York",
        "2024-03-10T04:00:00Z",
        &["2024-03-10T05:00Z", "2024-03-10T07:00Z", "2024-03-10T08:00Z"],
    ),
    // Berlin: 02:00 to 03:00 is missing on 2025-03-30 and doubled on 2025-10-26.
    ("0 2 * * *", "Europe/Berlin", "2025-03-29T12:00:00Z", &["2025-03-30T01:00Z", "2025-03-31T00:00Z"]),
    ("59 2 * * *", "Europe/Berlin", "2025-10-25T12:00:00Z", &["2025-10-26T00:59Z", "2025-10-27T01:59Z"]),
    ("0 3 * * *", "Europe/Berlin", "2025-10-25T12:00:00Z", &["2025-10-26T02:00Z", "2025-10-27T02:00Z"]),
    // Lord Howe moves by half an hour: 02:00 to 02:30 is missing, 01:30 to 02:00 is doubled.
    (
        "15 2 * * *",
        "Australia/Lord_Howe",
        "2024-10-05T00:00:00Z",
        &["2024-10-05T15:30Z", "2024-10-06T15:15Z"],
    ),
    (
        "45 1 * * *",
        "Australia/Lord_Howe",
        "2024-04-06T00:00:00Z",
        &["2024-04-06T14:45Z", "2024-04-07T15:15Z"],
    ),
    (
        "45 * * * *",
        "Australia/Lord_Howe",
        "2024-04-06T14:00:00Z",
        &["2024-04-06T14:45Z", "2024-04-06T15:15Z", "2024-04-06T16:15Z"],
    ),
    // Apia had no 2011-12-30.
    (
        "0 12 * * *",
        "Pacific/Apia",
        "2011-12-29T00:00:00Z",
        &["2011-12-29T22:00Z", "2011-12-30T10:00Z", "2011-12-30T22:00Z"],
    ),
    ("0 12 30 12 *", "Pacific/Apia", "2011-01-01T00:00:00Z", &["2011-12-30T10:00Z", "2012-12-29T22:00Z"]),
    ("0 * 30 12 *", "Pacific/Apia", "2011-01-01T00:00:00Z", &["2012-12-29T10:00Z"]),
    // Sao Paulo: midnight is missing on 2018-11-04.
    (
        "0 0 * * *",
        "America/Sao_Paulo",
        "2018-11-03T00:00:00Z",
        &["2018-11-03T03:00Z", "2018-11-04T03:00Z", "2018-11-05T02:00Z"],
    ),
    ("@daily", "America/Sao_Paulo", "2018-11-03T12:00:00Z", &["2018-11-04T03:00Z"]),
    (
        "0,30 0 4 11 *",
        "America/Sao_Paulo",
        "2018-01-01T00:00:00Z",
        &["2018-11-04T03:00Z", "2019-11-04T03:00Z", "2019-11-04T03:30Z"],
    ),
    // Kathmandu is 5:45 ahead.
    ("0 6 * * *", "Asia/Kathmandu", "2024-01-01T00:00:00Z", &["2024-01-01T00:15Z", "2024-01-02T00:15Z"]),
];

const CALENDAR: &[Golden] = &[
    // Leap days, across a century without one.
    ("0 0 29 2 *", "UTC", "2024-03-01T00:00:00Z", &["2028-02-29T00:00Z"]),
    ("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", &["2104-02-29T00:00Z"]),
    ("0 0 28 2 *", "UTC", "2100-02-01T00:00:00Z", &["2100-02-28T00:00Z", "2101-02-28T00:00Z"]),
    ("0 0 L 2 *", "UTC", "2099-03-01T00:00:00Z", &["2100-02-28T00:00Z", "2101-02-28T00:00Z"]),
    ("0 0 * 2 1#5", "UTC", "2072-03-01T00:00:00Z", &["2112-02-29T00:00Z"]),
    // Days: last, nearest working day, nth, and either of day of month and day of week.
    (
        "0 0 L * *",
        "UTC",
        "2024-01-31T00:00:00Z",
        &["2024-02-29T00:00Z", "2024-03-31T00:00Z", "2024-04-30T00:00Z"],
    ),
    ("0 0 LW * *", "UTC", "2024-03-01T00:00:00Z", &["2024-03-29T00:00Z", "2024-04-30T00:00Z"]),
    ("0 0 15W * *", "UTC", "2024-06-01T00:00:00Z", &["2024-06-14T00:00Z", "2024-07-15T00:00Z"]),
    ("0 0 1w 6 *", "UTC", "2024-01-01T00:00:00Z", &["2024-06-03T00:00Z"]),
    ("0 9 * * mon#2", "UTC", "2024-01-01T00:00:00Z", &["2024-01-08T09:00Z", "2024-02-12T09:00Z"]),
    ("0 9 ? * 5L", "UTC", "2024-01-01T00:00:00Z", &["2024-01-26T09:00Z", "2024-02-23T09:00Z"]),
    (
        "0 0 13 * FRI",
        "UTC",
        "2024-09-10T00:00:00Z",
        &[
            "2024-09-13T00:00Z",
            "2024-09-20T00:00Z",
            "2024-09-27T00:00Z",
            "2024-10-04T00:00Z",
            "2024-10-11T00:00Z",
            "2024-10-13T00:00Z",
        ],
    ),
    ("0 0 */1 * MON", "UTC", "2024-09-10T00:00:00Z", &["2024-09-16T00:00Z", "2024-09-23T00:00Z"]),
    (
        "0 0 * * SAT-SUN",
        "UTC",
        "2024-09-09T00:00:00Z",
        &["2024-09-14T00:00Z", "2024-09-15T00:00Z", "2024-09-21T00:00Z"],
    ),
    ("0 0 * * 7", "UTC", "2024-09-09T00:00:00Z", &["2024-09-15T00:00Z", "2024-09-22T00:00Z"]),
    ("0 0 1 jan-MAR/2 *", "UTC", "2024-01-02T00:00:00Z", &["2024-03-01T00:00Z", "2025-01-01T00:00Z"]),
    (
        "10-30/10 8 * * *",
        "UTC",
        "2024-01-01T00:00:00Z",
        &["2024-01-01T08:10Z", "2024-01-01T08:20Z", "2024-01-01T08:30Z", "2024-01-02T08:10Z"],
    ),
    // Nicknames and spaces.
    (" @Hourly\t", "UTC", "2024-01-01T00:00:00Z", &["2024-01-01T01:00Z"]),
    ("@weekly", "UTC", "2024-01-01T00:00:00Z", &["2024-01-07T00:00Z"]),
    ("@monthly", "UTC", "2024-01-01T00:00:00Z", &["2024-02-01T00:00Z"]),
    ("@yearly", "UTC", "2024-01-01T00:00:00Z", &["2025-01-01T00:00Z"]),
    ("@midnight", "UTC", "2024-01-01T00:00:00Z", &["2024-01-02T00:00Z"]),
    ("  0\t0  1 1   * ", "UTC", "2024-01-01T00:00:00Z", &["2025-01-01T00:00Z"]),
];

#[test]
fn golden_slots() {
    for (expression, zone, after, expected) in CHANGES_OF_OFFSET.iter().chain(CALENDAR).copied() {
        assert_eq!(
            slots(expression, zone, after, expected.len()),
            expected,
            "{expression} {zone} after {after}"
        );
    }
}

#[test]
fn slots_are_strictly_later_and_at_whole_minutes() {
    let schedule = Schedule::parse("* * * * *", "UTC").unwrap();
    for (after, next) in
        [(0, 60_000), (-1, 0), (1, 60_000), (59_999, 60_000), (60_000, 120_000), (-60_001, -60_000)]
    {
        assert_eq!(schedule.next_after(after), Some(next), "{after}");
    }
}

#[test]
fn the_ends_of_the_calendar() {
    for zone in ["UTC", "Asia/Kathmandu", "America/New_York"] {
        let schedule = Schedule::parse("0 0 29 2 *", zone).unwrap();
        for end in [i64::MAX, i64::MAX - 1, ms("9999-12-30T22:00:00Z")] {
            assert_eq!(schedule.next_after(end), None);
        }
        for begin in [i64::MIN, ms("-009999-01-04T00:00:00Z")] {
            assert!(schedule.next_after(begin).is_some());
        }
        assert!(schedule.count(i64::MIN, i64::MAX) > 2_000);
    }
}

#[test]
fn zones_have_their_canonical_name() {
    assert_eq!(Schedule::parse("@daily", "europe/berlin").unwrap().timezone(), "Europe/Berlin");
    assert_eq!(Schedule::parse("@daily", "UTC").unwrap().timezone(), "UTC");
}

#[test]
fn ids_are_stable_and_told_apart() {
    let function = FunctionId("01890000-0000-7000-8000-000000000001".parse().unwrap());
    let trigger = |schedule: &str, timezone: &str, path: &str| CronTrigger {
        schedule: schedule.to_owned(),
        timezone: timezone.to_owned(),
        path: path.to_owned(),
        missed: Default::default(),
        overlap: Default::default(),
    };
    let id = |schedule, timezone, path| schedule_id(function, &trigger(schedule, timezone, path)).0;
    let first = id("@daily", "UTC", "/a");
    assert_eq!(first.len(), 16);
    assert_eq!(first, "5d82eee3f7580c1f");
    let others = [id("@daily", "UTC", "/b"), id("@daily", "Asia/Tokyo", "/a"), id("@hourly", "UTC", "/a")];
    assert!(others.iter().all(|other| *other != first));
}
