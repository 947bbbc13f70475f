//! From local times to instants. Time is cut where a zone's offset changes; within a segment a local time and
//! its instant are a fixed distance apart. Times here are whole seconds since 1970, local ones as if UTC.

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan};

use super::expression::Pattern;

/// How far ahead a slot is looked for: 29 February on one weekday comes after 40 years at the latest.
const HORIZON: i64 = 50 * 366 * 86_400;
/// The year 1: there are no slots before it.
const EARLIEST: i64 = -62_135_596_800;
/// The end of the calendar, in December 9999, with room for every offset.
const LATEST: i64 = 253_402_000_000;
const MINUTE: i64 = 60;
const MINUTES_A_DAY: u32 = 1_440;

/// The first slot at that second or later.
pub(super) fn next(pattern: &Pattern, zone: &TimeZone, from: i64) -> Option<i64> {
    let from = from.max(EARLIEST);
    let end = from.saturating_add(HORIZON).min(LATEST);
    segments(zone, from, end).find_map(|segment| segment.first(pattern))
}

/// How many slots are at `from` or later, and before `until`.
pub(super) fn count(pattern: &Pattern, zone: &TimeZone, from: i64, until: i64) -> u64 {
    segments(zone, from.max(EARLIEST), until.min(LATEST)).map(|segment| segment.count(pattern)).sum()
}

/// A stretch of time without a change of offset.
#[derive(Clone, Copy, Debug)]
struct Segment {
    /// First second.
    from: i64,
    /// First second after it.
    until: i64,
    /// Local time is this much ahead.
    offset: i64,
    /// The local time that had been reached when the offset changed; none if the stretch begins elsewhere.
    reached: Option<i64>,
}

/// The segments of `from..until`, cut at both ends.
fn segments(zone: &TimeZone, from: i64, until: i64) -> impl Iterator<Item = Segment> {
    let mut at = from;
    std::iter::from_fn(move || {
        if at >= until {
            return None;
        }
        let segment = segment(zone, at, until)?;
        at = segment.until;
        Some(segment)
    })
}

fn segment(zone: &TimeZone, from: i64, until: i64) -> Option<Segment> {
    let instant = Timestamp::from_second(from).ok()?;
    let offset = i64::from(zone.to_offset(instant).seconds());
    let change = zone.following(instant).next().map(|change| change.timestamp().as_second());
    // The latest change up to now says which local times have been there before.
    let later = instant.checked_add(1.second()).ok()?;
    let reached = zone.preceding(later).next().and_then(|change| {
        let before = change.timestamp().checked_sub(1.second()).ok()?;
        let reached = change.timestamp().as_second() + i64::from(zone.to_offset(before).seconds());
        // After a gap only the first second has to know of it.
        let matters = change.timestamp().as_second() == from || reached > from + offset;
        matters.then_some(reached)
    });
    Some(Segment { from, until: change.map_or(until, |change| change.min(until)), offset, reached })
}

impl Segment {
    /// The first slot in it.
    fn first(&self, pattern: &Pattern) -> Option<i64> {
        if self.fires_for_gap(pattern) {
            return Some(self.from);
        }
        let (from, until) = self.local(pattern);
        Some(first(pattern, from, until)? - self.offset)
    }

    /// How many slots are in it.
    fn count(&self, pattern: &Pattern) -> u64 {
        let (from, until) = self.local(pattern);
        let start = self.from + self.offset;
        // A slot that falls on the first instant after a gap is the same as what the gap holds back.
        let own = first(pattern, start, start + 1).is_none();
        u64::from(own && self.fires_for_gap(pattern)) + count_local(pattern, from, until)
    }

    /// Local times that did not exist fire at the first instant after them.
    fn fires_for_gap(&self, pattern: &Pattern) -> bool {
        let start = self.from + self.offset;
        match self.reached {
            Some(reached) if reached < start && !pattern.every_hour => {
                first(pattern, reached, start).is_some()
            }
            _ => false,
        }
    }

    /// The local times that may match in it: those that have been there before may not, unless every hour counts.
    fn local(&self, pattern: &Pattern) -> (i64, i64) {
        let start = self.from + self.offset;
        let fresh = if pattern.every_hour { start } else { start.max(self.reached.unwrap_or(start)) };
        (fresh, self.until + self.offset)
    }
}

/// The first local time of `from..until` that matches.
fn first(pattern: &Pattern, from: i64, until: i64) -> Option<i64> {
    let (mut date, mut minute) = day_and_minute(from)?;
    loop {
        let days = pattern.days_of(date) & u32::MAX.checked_shl(date.day().unsigned_abs().into())?;
        let day = i8::try_from(days.trailing_zeros()).ok()?;
        if day == date.day() {
            if let Some(minute) = pattern.minute_from(minute) {
                let found = second_of(date)? + i64::from(minute) * MINUTE;
                return (found < until).then_some(found);
            }
            date = date.tomorrow().ok()?;
        } else if days != 0 {
            date = date.with().day(day).build().ok()?;
        } else {
            date = date.last_of_month().tomorrow().ok()?;
        }
        minute = 0;
        if second_of(date)? >= until {
            return None;
        }
    }
}

/// How many local times of `from..until` match.
fn count_local(pattern: &Pattern, from: i64, until: i64) -> u64 {
    let bounds = (from < until).then(|| day_and_minute(from).zip(day_and_minute(until))).flatten();
    let Some(((first, from_minute), (last, until_minute))) = bounds else { return 0 };
    let per_day = pattern.minutes_before(MINUTES_A_DAY);
    // Whole days up to the last one, which is not included, less what is before `from`, and the rest.
    let mut days = 0;
    let mut month = first.first_of_month();
    while month <= last {
        let mut set = pattern.days_of(month);
        if month == first.first_of_month() {
            set &= u32::MAX.checked_shl(first.day().unsigned_abs().into()).unwrap_or(0);
        }
        if month == last.first_of_month() {
            set &= !u32::MAX.checked_shl(last.day().unsigned_abs().into()).unwrap_or(0);
        }
        days += u64::from(set.count_ones());
        let Ok(following) = month.last_of_month().tomorrow() else { break };
        month = following;
    }
    let on = |date: Date| pattern.days_of(date) & (1 << date.day()) != 0;
    let before = if on(first) { pattern.minutes_before(from_minute) } else { 0 };
    let rest = if on(last) { pattern.minutes_before(until_minute) } else { 0 };
    (days * per_day + rest).saturating_sub(before)
}

impl Pattern {
    /// The first minute of a day that matches, from that one on.
    fn minute_from(&self, minute: u32) -> Option<u32> {
        let (hour, minute) = (minute / 60, minute % 60);
        let this_hour = self.hours & 1_u32.checked_shl(hour)? != 0;
        let rest = self.minutes & (u64::MAX << minute);
        if this_hour && rest != 0 {
            return Some(hour * 60 + rest.trailing_zeros());
        }
        let later = self.hours & u32::MAX.checked_shl(hour + 1)?;
        (later != 0 && self.minutes != 0).then(|| later.trailing_zeros() * 60 + self.minutes.trailing_zeros())
    }

    /// How many minutes of a day match before that one.
    fn minutes_before(&self, minute: u32) -> u64 {
        let (hour, minute) = (minute / 60, minute % 60);
        let hours = self.hours & !u32::MAX.checked_shl(hour).unwrap_or(0);
        let in_hour = if self.hours & 1_u32.checked_shl(hour).unwrap_or(0) == 0 { 0 } else { self.minutes };
        let rest = in_hour & !(u64::MAX << minute);
        u64::from(hours.count_ones()) * u64::from(self.minutes.count_ones()) + u64::from(rest.count_ones())
    }
}

/// The day of a local second, and the first minute of that day that does not begin before it (up to 1,440).
fn day_and_minute(local: i64) -> Option<(Date, u32)> {
    let time = Offset::UTC.to_datetime(Timestamp::from_second(local).ok()?);
    let second = local.rem_euclid(86_400);
    Some((time.date(), u32::try_from((second + MINUTE - 1) / MINUTE).ok()?))
}

fn second_of(date: Date) -> Option<i64> {
    Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok().map(Timestamp::as_second)
}
