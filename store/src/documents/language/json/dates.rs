//! Dates as text: RFC 3339 with milliseconds, from 1970 to 9999.

use std::fmt::Write as _;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;

/// The beginning of time. Civil time reaches to the last millisecond of 9999, jiff's timestamps end a day before.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// What a date in UTC is made of; none outside the years -9999 to 9999.
pub(crate) fn civil(date_ms: i64) -> Option<DateTime> {
    EPOCH.checked_add(SignedDuration::from_millis(date_ms)).ok()
}

/// Milliseconds since 1970 of `2020-01-02T03:04:05.678Z`, or with another offset.
pub(super) fn parse(text: &str) -> Option<i64> {
    let pieces = Pieces::parse(text).ok().filter(|pieces| pieces.time_zone_annotation().is_none())?;
    let (time, offset) = (pieces.time()?, pieces.to_numeric_offset()?);
    let since = pieces.date().to_datetime(time).duration_since(EPOCH);
    let utc = since.checked_sub(SignedDuration::from_secs(offset.seconds().into()))?;
    // What stands behind the milliseconds is cut off, before 1970 as after.
    i64::try_from(utc.as_nanos().div_euclid(1_000_000)).ok()
}

/// RFC 3339, where relaxed Extended JSON has it so: from 1970 to 9999.
pub(super) fn format(date_ms: i64) -> Option<String> {
    let at = civil(date_ms).filter(|_| date_ms >= 0)?;
    let mut text = String::with_capacity(24);
    write!(
        text,
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
    .ok()?;
    Some(text)
}
