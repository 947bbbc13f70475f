//! The text of a cron expression: checked field by field with the position of every fault, then read by croner
//! and kept as sets of bits.

use croner::Weekday;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::Date;

use super::{MAX_EXPRESSION_BYTES, ScheduleError};

/// Which local times match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// Bit 0 to 59.
    pub minutes: u64,
    /// Bit 0 to 23.
    pub hours: u32,
    /// Bit 1 to 12.
    months: u32,
    /// The days (bit 1 to 31) of a month of 28, 29, 30 and 31 days that begins on a Sunday, a Monday and so on:
    /// nothing else decides on which days `L`, `W` and `#` fall.
    days: [[u32; 7]; 4],
    /// The hour field is `*`.
    pub every_hour: bool,
}

/// A month of each length, and which months can have it.
const LENGTHS: [(i32, u32, u32); 4] =
    [(2001, 2, 1 << 2), (2000, 2, 1 << 2), (2001, 4, 0b1010_0101_0000), (2001, 1, 0b1_0101_1010_1010)];

/// What stands for five fields.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

const SHORTEST: &str = "one minute is the shortest interval: `* * * * *`";

impl Pattern {
    pub(super) fn parse(expression: &str) -> Result<Self, ScheduleError> {
        if expression.len() > MAX_EXPRESSION_BYTES {
            let message = format!("the expression is longer than {MAX_EXPRESSION_BYTES} bytes");
            return Err(ScheduleError::at(MAX_EXPRESSION_BYTES, message));
        }
        let text = expression.trim_matches([' ', '\t']);
        let start = expression.len() - expression.trim_start_matches([' ', '\t']).len();
        if text.is_empty() {
            return Err(ScheduleError::at(0, "the expression is empty")
                .hint("write five fields such as `0 3 * * *`, or `@daily`"));
        }
        let stranger =
            |c: &(usize, char)| (c.1.is_whitespace() || c.1.is_control()) && !matches!(c.1, ' ' | '\t');
        if let Some((at, c)) = expression.char_indices().find(stranger) {
            return Err(ScheduleError::at(at, format!("`{}` is not a space", c.escape_default()))
                .hint("separate the fields with spaces"));
        }
        if text.starts_with('@') {
            let fields = nickname(text).map_err(|error| ScheduleError { offset: Some(start), ..error })?;
            return Self::of(fields, start);
        }
        let fields = fields(text, start)?;
        let mut canonical = Vec::with_capacity(Field::ALL.len());
        for (field, (at, text)) in Field::ALL.into_iter().zip(&fields) {
            canonical.push(field.normalise(*at, text)?);
        }
        // Only days that no month has make an expression that never fires.
        Self::of(&canonical.join(" "), fields.get(2).map_or(start, |(at, _)| *at))
    }

    /// Reads what has been checked; `at` is where the days of the month stand.
    fn of(canonical: &str, at: usize) -> Result<Self, ScheduleError> {
        let pattern = read(canonical).map_err(|error| ScheduleError::at(at, error.to_string()))?;
        if !pattern.ever_fires() {
            return Err(ScheduleError::at(at, "this never fires: none of these months has such a day")
                .hint("use `L` for the last day of a month"));
        }
        Ok(pattern)
    }

    /// The days of the month of that date that match, bit 1 to 31.
    pub(super) fn days_of(&self, date: Date) -> u32 {
        if self.months & (1 << date.month()) == 0 {
            return 0;
        }
        let first = date.first_of_month().weekday().to_sunday_zero_offset();
        let kind = usize::try_from(date.days_in_month() - 28).ok();
        let by_weekday = kind.and_then(|kind| self.days.get(kind));
        by_weekday
            .zip(usize::try_from(first).ok())
            .and_then(|(days, first)| days.get(first))
            .copied()
            .unwrap_or(0)
    }

    fn ever_fires(&self) -> bool {
        let possible = LENGTHS.iter().zip(&self.days).filter(|((_, _, months), _)| self.months & months != 0);
        self.minutes != 0 && self.hours != 0 && possible.flat_map(|(_, days)| days).any(|days| *days != 0)
    }
}

/// croner reads the fields; its own search through time is not used.
fn read(canonical: &str) -> Result<Pattern, CronError> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let pattern = parser.parse(canonical)?.pattern;
    let mut days = [[0; 7]; 4];
    for ((year, month, _), by_weekday) in LENGTHS.into_iter().zip(&mut days) {
        for (first, days) in (0..).map(Weekday::from_days_from_sunday).zip(by_weekday) {
            for day in 1..=croner::time::days_in_month(year, month) {
                let weekday = first.shift(i32::try_from(day).unwrap_or(1) - 1);
                if pattern.day_match(year, month, day, weekday)? {
                    *days |= 1 << day;
                }
            }
        }
    }
    let bits = |values: Vec<u16>| values.into_iter().fold(0, |bits, value| bits | 1_u64 << value);
    let low = |bits: u64| u32::try_from(bits).unwrap_or(0);
    Ok(Pattern {
        minutes: bits(pattern.minutes.values()),
        hours: low(bits(pattern.hours.values())),
        months: low(bits(pattern.months.values())),
        days,
        every_hour: canonical.split(' ').nth(1) == Some("*"),
    })
}

fn nickname(text: &str) -> Result<&'static str, ScheduleError> {
    let known = NICKNAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    if let Some((_, fields)) = known {
        return Ok(fields);
    }
    let lower = text.to_ascii_lowercase();
    let (message, hint) = if lower == "@reboot" {
        (
            "`@reboot` is not a time".to_owned(),
            "schedules are times; call the function when you need it".to_owned(),
        )
    } else if lower.starts_with("@every") {
        (
            "`@every` is not known".to_owned(),
            format!("write `*/5 * * * *` for every five minutes; {SHORTEST}"),
        )
    } else {
        let names: Vec<&str> = NICKNAMES.iter().map(|(name, _)| *name).collect();
        (format!("unknown nickname `{}`", text.escape_debug()), format!("known: {}", names.join(", ")))
    };
    Err(ScheduleError::at(0, message).hint(hint))
}

/// The five fields with their positions.
fn fields(text: &str, start: usize) -> Result<Vec<(usize, &str)>, ScheduleError> {
    let mut fields = Vec::new();
    let mut at = start;
    for field in text.split([' ', '\t']) {
        if !field.is_empty() {
            fields.push((at, field));
        }
        at += field.len() + 1;
    }
    let wanted = Field::ALL.len();
    if let Some((at, _)) = fields.get(wanted) {
        let message = format!(
            "an expression has five fields (minute, hour, day of month, month, day of week), not {}",
            fields.len()
        );
        return Err(
            ScheduleError::at(*at, message).hint(format!("seconds and years are not known; {SHORTEST}"))
        );
    }
    if fields.len() < wanted {
        let missing = Field::ALL.get(fields.len()).map_or("", |field| field.name());
        let message = format!(
            "the {missing} is missing: an expression has five fields (minute, hour, day of month, month, day of week)"
        );
        return Err(ScheduleError::at(start + text.len(), message));
    }
    Ok(fields)
}

/// One of the five.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Minute,
    Hour,
    DayOfMonth,
    Month,
    DayOfWeek,
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Field {
    const ALL: [Self; 5] = [Self::Minute, Self::Hour, Self::DayOfMonth, Self::Month, Self::DayOfWeek];

    fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day of month",
            Self::Month => "month",
            Self::DayOfWeek => "day of week",
        }
    }

    fn article(self) -> &'static str {
        if self == Self::Hour { "an" } else { "a" }
    }

    /// The least and the highest number.
    fn range(self) -> (u32, u32) {
        match self {
            Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            // Sunday is 0 and 7.
            Self::DayOfWeek => (0, 7),
        }
    }

    /// Names, the first of which stands for the least number.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Month => &MONTHS,
            Self::DayOfWeek => &WEEKDAYS,
            Self::Minute | Self::Hour | Self::DayOfMonth => &[],
        }
    }

    /// Checks a field and writes it in croner's plainest form: numbers instead of names, `*` for all.
    fn normalise(self, at: usize, text: &str) -> Result<String, ScheduleError> {
        let days = matches!(self, Self::DayOfMonth | Self::DayOfWeek);
        if text == "*" || text == "*/1" || (text == "?" && days) {
            return Ok("*".to_owned());
        }
        let mut items = Vec::new();
        let mut start = at;
        for item in text.split(',') {
            items.push(self.item(start, item)?);
            start += item.len() + 1;
        }
        // croner reads `L` as `LW` when both stand in one field.
        if self == Self::DayOfMonth
            && items.iter().any(|item| item == "L")
            && items.iter().any(|item| item == "LW")
        {
            return Err(ScheduleError::at(at, "`L` and `LW` can't stand in one list")
                .hint("write two schedules, one with each"));
        }
        Ok(items.join(","))
    }

    /// One item of a list.
    fn item(self, at: usize, text: &str) -> Result<String, ScheduleError> {
        if text.is_empty() {
            return Err(ScheduleError::at(at, format!("{} {} is missing here", self.article(), self.name())));
        }
        if text == "*" {
            return Err(
                ScheduleError::at(at, "`*` can't stand in a list").hint("it means all; write it alone")
            );
        }
        if let Some((range, step)) = text.split_once('/') {
            return self.stepped(at, range, step);
        }
        if let Some(special) = self.special(at, text)? {
            return Ok(special);
        }
        match text.split_once('-') {
            Some((from, to)) => self.span(at, from, to),
            None => self.value(at, text).map(|value| value.to_string()),
        }
    }

    fn stepped(self, at: usize, range: &str, step: &str) -> Result<String, ScheduleError> {
        let (least, most) = self.range();
        let span = match range.split_once('-') {
            _ if range == "*" => range.to_owned(),
            Some((from, to)) => self.span(at, from, to)?,
            None => {
                let from = self.value(at, range)?;
                return Err(ScheduleError::at(at, "a step needs `*` or a range before it")
                    .hint(format!("write `{from}-{most}/{}`", step.escape_debug())));
            }
        };
        let values = most - least + 1;
        match number(step) {
            Some(step) if (1..=values).contains(&step) => Ok(format!("{span}/{step}")),
            _ => Err(ScheduleError::at(
                at + range.len() + 1,
                format!("`{}` is not a step of {} {}", step.escape_debug(), self.article(), self.name()),
            )
            .hint(format!("a step is 1 to {values}"))),
        }
    }

    fn span(self, at: usize, from: &str, to: &str) -> Result<String, ScheduleError> {
        let first = self.value(at, from)?;
        let mut last = self.value(at + from.len() + 1, to)?;
        if self == Self::DayOfWeek && to.eq_ignore_ascii_case("SUN") {
            last = 7;
        }
        if first > last {
            return Err(ScheduleError::at(at, format!("the range `{from}-{to}` runs backwards"))
                .hint("write it as two ranges with a comma between them"));
        }
        Ok(format!("{first}-{last}"))
    }

    /// `L`, `LW`, `15W` for days of the month; `5L`, `5#2` for days of the week.
    fn special(self, at: usize, text: &str) -> Result<Option<String>, ScheduleError> {
        let upper = text.to_ascii_uppercase();
        match self {
            Self::DayOfMonth if upper == "L" || upper == "LW" => Ok(Some(upper)),
            Self::DayOfMonth => match upper.strip_suffix('W') {
                Some(day) => Ok(Some(format!("{}W", self.value(at, day)?))),
                None => Ok(None),
            },
            Self::DayOfWeek => {
                if upper == "L" {
                    return Err(ScheduleError::at(at, "`L` needs a day of the week before it")
                        .hint("write `5L` for the last Friday"));
                }
                if let Some((day, nth)) = upper.split_once('#') {
                    let day = self.value(at, day)?;
                    return match number(nth) {
                        Some(nth @ 1..=5) => Ok(Some(format!("{day}#{nth}"))),
                        _ => Err(ScheduleError::at(at + upper.len() - nth.len(), "`#` takes 1 to 5")
                            .hint("write `1#2` for the second Monday")),
                    };
                }
                match upper.strip_suffix('L') {
                    Some(day) => Ok(Some(format!("{}L", self.value(at, day)?))),
                    None => Ok(None),
                }
            }
            Self::Minute | Self::Hour | Self::Month => Ok(None),
        }
    }

    /// A number in range, or a name.
    fn value(self, at: usize, text: &str) -> Result<u32, ScheduleError> {
        let (least, most) = self.range();
        let named = self.names().iter().zip(least..).find(|(name, _)| name.eq_ignore_ascii_case(text));
        if let Some((_, value)) = named {
            return Ok(value);
        }
        if let Some(value) = number(text).filter(|value| (least..=most).contains(value)) {
            return Ok(value);
        }
        let message = format!("`{}` is not {} {}", text.escape_debug(), self.article(), self.name());
        let names = match self.names() {
            [first, .., last] => format!(", or {first} to {last}"),
            _ => String::new(),
        };
        Err(ScheduleError::at(at, message).hint(format!("it is {least} to {most}{names}")))
    }
}

/// Digits and nothing else; none when it is too large for anything here.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
