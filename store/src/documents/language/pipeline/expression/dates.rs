//! Dates in expressions, all in UTC.

use std::fmt::Write as _;

use jiff::civil::DateTime;

use super::super::super::json::civil;
use super::super::super::{Fault, Value};

/// A part of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Year,
    Month,
    DayOfMonth,
    DayOfYear,
    Hour,
    Minute,
    Second,
    Millisecond,
}

/// How a date is written.
#[derive(Clone, Debug)]
pub(crate) struct Format(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    /// With so many digits.
    Part(Part, usize),
}

impl Part {
    /// The part of a date.
    pub(super) fn of(self, date_ms: i64) -> Result<Value, Fault> {
        Ok(Value::Int(self.number(&at(date_ms)?)))
    }

    fn number(self, at: &DateTime) -> i64 {
        match self {
            Self::Year => at.year().into(),
            Self::Month => at.month().into(),
            Self::DayOfMonth => at.day().into(),
            Self::DayOfYear => at.date().day_of_year().into(),
            Self::Hour => at.hour().into(),
            Self::Minute => at.minute().into(),
            Self::Second => at.second().into(),
            Self::Millisecond => at.millisecond().into(),
        }
    }
}

impl Format {
    /// Reads `%Y-%m-%d`; there are Y, m, d, j, H, M, S, L and %.
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        let mut pieces = Vec::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            pieces.push(match letter {
                '%' => Piece::read(letters.next())?,
                other => Piece::Text(other.to_string()),
            });
        }
        Ok(Self(pieces))
    }

    /// A date in this form.
    pub(super) fn write(&self, date_ms: i64) -> Result<Value, Fault> {
        let at = at(date_ms)?;
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Part(part, digits) => {
                    let number = part.number(&at);
                    write!(text, "{number:0digits$}")
                        .map_err(|_| Fault::new("a date that cannot be written"))?;
                }
            }
        }
        Ok(Value::String(text))
    }
}

impl Default for Format {
    /// RFC 3339 with milliseconds.
    fn default() -> Self {
        Self::read("%Y-%m-%dT%H:%M:%S.%LZ").unwrap_or(Self(Vec::new()))
    }
}

impl Piece {
    fn read(letter: Option<char>) -> Result<Self, Fault> {
        Ok(match letter {
            Some('Y') => Self::Part(Part::Year, 4),
            Some('m') => Self::Part(Part::Month, 2),
            Some('d') => Self::Part(Part::DayOfMonth, 2),
            Some('j') => Self::Part(Part::DayOfYear, 3),
            Some('H') => Self::Part(Part::Hour, 2),
            Some('M') => Self::Part(Part::Minute, 2),
            Some('S') => Self::Part(Part::Second, 2),
            Some('L') => Self::Part(Part::Millisecond, 3),
            Some('%') => Self::Text("%".to_owned()),
            _ => return Err(Fault::new("behind `%` in `format` stands one of Y, m, d, j, H, M, S, L and %")),
        })
    }
}

fn at(date_ms: i64) -> Result<DateTime, Fault> {
    civil(date_ms).ok_or_else(|| Fault::new("the date is outside the years -9999 to 9999"))
}
