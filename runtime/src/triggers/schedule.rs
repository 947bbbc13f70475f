//! Schedules: when a cron expression fires in its time zone, and what to do about slots that have come. Pure:
//! expression, zone and time in, slots out. The zone data is compiled in, so the answer is the same everywhere.
//!
//! Daylight saving: a local time that does not exist fires once, at the first instant after the gap; one that
//! occurs twice fires at the first; a schedule whose hour field is `*` fires at every instant whose local time
//! matches.

mod expression;
mod plan;
mod slots;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use sha2::{Digest as _, Sha256};
use store::catalog::{CronTrigger, FunctionId};
use store::jobs::ScheduleId;

use expression::Pattern;

/// Longest expression, bytes.
pub const MAX_EXPRESSION_BYTES: usize = 256;
/// Longest name of a time zone, bytes.
const MAX_ZONE_BYTES: usize = 64;

/// A cron expression in a time zone.
#[derive(Clone, Debug)]
pub struct Schedule {
    pattern: Pattern,
    zone: TimeZone,
}

/// Why something is not a schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScheduleError {
    /// Byte of the expression where the fault is; none when the time zone is at fault.
    pub offset: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl Schedule {
    /// Reads five fields (minute, hour, day of month, month, day of week) or a nickname such as `@daily`, and
    /// the IANA name of a time zone. What can never fire is refused.
    pub fn parse(expression: &str, timezone: &str) -> Result<Self, ScheduleError> {
        let pattern = Pattern::parse(expression)?;
        Ok(Self { pattern, zone: zone(timezone)? })
    }

    /// The time zone as IANA writes it.
    pub fn timezone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The first slot that is strictly later than that time (milliseconds since 1970); none at the end of the
    /// calendar.
    pub fn next_after(&self, ms: i64) -> Option<i64> {
        // Slots are at whole seconds.
        let second = slots::next(&self.pattern, &self.zone, ms.div_euclid(1_000).checked_add(1)?)?;
        second.checked_mul(1_000)
    }

    /// How many slots are later than `after` and not later than `until`, milliseconds since 1970.
    pub fn count(&self, after: i64, until: i64) -> u64 {
        let first = after.div_euclid(1_000).saturating_add(1);
        slots::count(&self.pattern, &self.zone, first, until.div_euclid(1_000).saturating_add(1))
    }
}

/// The id of a function's schedule: stable as long as expression, zone and path are.
pub fn schedule_id(function: FunctionId, trigger: &CronTrigger) -> ScheduleId {
    let mut hash = Sha256::new();
    hash.update(function.0.as_bytes());
    for part in [&trigger.schedule, &trigger.timezone, &trigger.path] {
        hash.update([0]);
        hash.update(part.as_bytes());
    }
    let digits = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    ScheduleId(digits)
}

fn zone(name: &str) -> Result<TimeZone, ScheduleError> {
    let known = (name.len() <= MAX_ZONE_BYTES).then(|| TimeZoneDatabase::bundled().get(name).ok()).flatten();
    known.ok_or_else(|| ScheduleError {
        offset: None,
        message: format!(
            "unknown time zone `{}`",
            name.chars().take(MAX_ZONE_BYTES).collect::<String>().escape_debug()
        ),
        hint: Some("write an IANA name such as \"Europe/Berlin\", or \"UTC\"".to_owned()),
    })
}

impl ScheduleError {
    fn at(offset: usize, message: impl Into<String>) -> Self {
        Self { offset: Some(offset), message: message.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

#[cfg(test)]
mod tests;
