//! The same rules, written as a walk over every minute of real time.

use jiff::civil::DateTime;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;

use super::super::*;

/// Fields as sets; `None` is `*`.
#[derive(Clone, Debug)]
struct Fields {
    minutes: Vec<i8>,
    hours: Option<Vec<i8>>,
    days: Option<Vec<i8>>,
    months: Option<Vec<i8>>,
    weekdays: Option<Vec<i8>>,
}

impl Fields {
    fn text(&self) -> String {
        let list = |values: &[i8]| values.iter().map(i8::to_string).collect::<Vec<_>>().join(",");
        let field = |values: &Option<Vec<i8>>| values.as_deref().map_or("*".to_owned(), list);
        let rest = [&self.hours, &self.days, &self.months, &self.weekdays].map(field).join(" ");
        format!("{} {rest}", list(&self.minutes))
    }

    fn matches(&self, time: DateTime) -> bool {
        let within = |set: &Option<Vec<i8>>, value: i8| set.as_ref().is_none_or(|set| set.contains(&value));
        let weekday = time.weekday().to_sunday_zero_offset();
        let day = match (&self.days, &self.weekdays) {
            (Some(days), Some(weekdays)) => days.contains(&time.day()) || weekdays.contains(&weekday),
            _ => within(&self.days, time.day()) && within(&self.weekdays, weekday),
        };
        time.second() == 0
            && self.minutes.contains(&time.minute())
            && within(&self.hours, time.hour())
            && within(&self.months, time.month())
            && day
    }

    /// Slots in `from..=until`, found by looking at each minute of real time.
    fn scan(&self, zone: &TimeZone, from: i64, until: i64) -> Vec<i64> {
        let mut slots = Vec::new();
        // Two days before, to know which local times have been there.
        let mut at = from - 2 * 86_400;
        let mut reached: Option<DateTime> = None;
        while at <= until {
            let local = zone.to_datetime(Timestamp::from_second(at).unwrap());
            let mut fires = self.matches(local);
            if self.hours.is_some() {
                let seen = reached.is_some_and(|reached| local <= reached);
                fires &= !seen;
                let mut skipped =
                    reached.map(|reached| reached + 1.minute()).filter(|skipped| *skipped < local);
                while let Some(time) = skipped {
                    fires |= self.matches(time);
                    skipped = Some(time + 1.minute()).filter(|skipped| *skipped < local);
                }
                reached = Some(reached.map_or(local, |reached| reached.max(local)));
            }
            if fires && at >= from {
                slots.push(at * 1_000);
            }
            at += 60;
        }
        slots
    }
}

/// Some instants at which the clocks of a zone change, all at whole minutes, and ordinary ones.
const PLACES: [(&str, &str); 16] = [
    ("America/New_York", "2024-03-10T07:00:00Z"),
    ("America/New_York", "2024-11-03T06:00:00Z"),
    ("Europe/Berlin", "2025-03-30T01:00:00Z"),
    ("Europe/Berlin", "2025-10-26T01:00:00Z"),
    ("Europe/Berlin", "2077-10-31T01:00:00Z"),
    ("Europe/London", "1968-10-27T00:00:00Z"),
    ("Australia/Lord_Howe", "2024-04-06T15:00:00Z"),
    ("Australia/Lord_Howe", "2024-10-05T15:30:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),
    ("America/Sao_Paulo", "2018-02-18T02:00:00Z"),
    ("Asia/Kathmandu", "2024-06-01T00:00:00Z"),
    ("Asia/Kathmandu", "1985-12-31T18:30:00Z"),
    ("Africa/Casablanca", "2024-03-10T02:00:00Z"),
    ("Pacific/Kwajalein", "1993-08-21T12:00:00Z"),
    ("UTC", "2100-02-28T12:00:00Z"),
];

fn set(range: std::ops::RangeInclusive<i8>, most: usize) -> impl Strategy<Value = Vec<i8>> {
    proptest::collection::btree_set(range, 1..=most).prop_map(|set| set.into_iter().collect())
}

fn some_of(range: std::ops::RangeInclusive<i8>, most: usize) -> impl Strategy<Value = Option<Vec<i8>>> {
    proptest::option::of(set(range, most))
}

prop_compose! {
    fn fields()(
        minutes in set(0..=59, 4),
        hours in prop_oneof![Just(None), set(0..=3, 4).prop_map(Some), set(0..=23, 6).prop_map(Some)],
        days in some_of(1..=31, 20),
        months in some_of(1..=12, 11),
        weekdays in some_of(0..=6, 4),
    ) -> Fields {
        Fields { minutes, hours, days, months, weekdays }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn g1_g2_slots_are_those_of_a_minute_scan(fields in fields(), place in 0..PLACES.len(), shift in -2_880_i64..2_880, length in 1_i64..5_760) {
        let (zone, around) = PLACES[place];
        let Ok(schedule) = Schedule::parse(&fields.text(), zone) else { return Ok(()) };
        let from = around.parse::<Timestamp>().unwrap().as_second() + (shift - length / 2) * 60;
        let until = from + length * 60;
        let expected = fields.scan(&TimeZoneDatabase::bundled().get(zone).unwrap(), from, until);
        let (first, last) = (from * 1_000 - 1, until * 1_000);
        let found: Vec<i64> = std::iter::successors(schedule.next_after(first), |slot| schedule.next_after(*slot))
            .take_while(|slot| *slot <= last)
            .collect();
        prop_assert_eq!(&found, &expected, "{} {}", fields.text(), zone);
        prop_assert_eq!(schedule.count(first, last), expected.len() as u64, "{} {}", fields.text(), zone);
    }
}
