//! The calendar day before a moment.

use std::fmt;

const DAY_MS: u64 = 86_400_000;

/// A day of the Gregorian calendar (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Day {
    year: u64,
    month: u64,
    day: u64,
}

impl Day {
    /// The day before the one of that moment, milliseconds since 1970.
    pub(crate) fn before(time_ms: u64) -> Self {
        Self::of(time_ms / DAY_MS - 1)
    }

    /// The day with that number, 1970-01-01 being 0. Years are counted from March, so that the odd day is the last of its year;
    /// 400 of them are 146,097 days.
    fn of(number: u64) -> Self {
        let shifted = number + 719_468;
        let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        Self {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * from_march + 2) / 5 + 1,
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}
