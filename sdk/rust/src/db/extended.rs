//! What JSON has no form for: dates and bytes, as MongoDB's Extended JSON writes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Ends of what is written as a text: the years 1970 to 9999.
const TEXT_MS: std::ops::Range<i64> = 0..253_402_300_800_000;

/// A date: milliseconds since 1970, UTC. In a document it is `{"$date": "2026-01-31T12:00:00.000Z"}`.
///
/// For the present time, `$currentDate` in an update leaves it to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub i64);

impl Date {
    /// As a point in time, to the millisecond.
    pub fn system_time(self) -> SystemTime {
        let distance = Duration::from_millis(self.0.unsigned_abs());
        if self.0 < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
    }
}

/// Rounds down to the millisecond; what is beyond the range of [`Date`] becomes its end.
impl From<SystemTime> for Date {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(i64::try_from(after.as_millis()).unwrap_or(i64::MAX)),
            Err(before) => {
                let ms = before.duration().as_nanos().div_ceil(1_000_000);
                Self(i64::try_from(ms).map_or(i64::MIN, |ms| -ms))
            }
        }
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let instant = match TEXT_MS.contains(&self.0) {
            true => Instant::Text(humantime::format_rfc3339_millis(self.system_time()).to_string()),
            false => Instant::Long { ms: self.0.to_string() },
        };
        DateForm { date: instant }.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match DateForm::deserialize(from)?.date {
            Instant::Text(text) => {
                let time = humantime::parse_rfc3339(&text);
                time.map(Self::from).map_err(|fault| de::Error::custom(format!("`$date`: {fault}")))
            }
            Instant::Long { ms } => ms.parse().map(Self).map_err(de::Error::custom),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DateForm {
    #[serde(rename = "$date")]
    date: Instant,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Instant {
    Text(String),
    Long {
        #[serde(rename = "$numberLong")]
        ms: String,
    },
}

/// Bytes. In a document they are `{"$binary": {"base64": "…", "subType": "00"}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Binary(pub Vec<u8>);

impl Serialize for Binary {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let base64 = STANDARD.encode(&self.0);
        BinaryForm { binary: Bytes { base64, sub_type: GENERIC.to_owned() } }.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let BinaryForm { binary } = BinaryForm::deserialize(from)?;
        match binary.sub_type.as_str() {
            GENERIC => STANDARD.decode(binary.base64).map(Self).map_err(de::Error::custom),
            other => Err(de::Error::custom(format!("`$binary` has the subtype {other}"))),
        }
    }
}

/// The subtype of bytes that are nothing else.
const GENERIC: &str = "00";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BinaryForm {
    #[serde(rename = "$binary")]
    binary: Bytes,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bytes {
    base64: String,
    #[serde(rename = "subType")]
    sub_type: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dates_are_written_and_read_as_extended_json() {
        for (date, form) in [
            (Date(0), json!({ "$date": "1970-01-01T00:00:00.000Z" })),
            (Date(1_769_860_800_123), json!({ "$date": "2026-01-31T12:00:00.123Z" })),
            (Date(253_402_300_799_999), json!({ "$date": "9999-12-31T23:59:59.999Z" })),
            (Date(253_402_300_800_000), json!({ "$date": { "$numberLong": "253402300800000" } })),
            (Date(-1), json!({ "$date": { "$numberLong": "-1" } })),
            (Date(i64::MIN), json!({ "$date": { "$numberLong": "-9223372036854775808" } })),
        ] {
            assert_eq!(serde_json::to_value(date).unwrap(), form);
            assert_eq!(serde_json::from_value::<Date>(form).unwrap(), date);
        }
        for wrong in [
            json!("1970-01-01T00:00:00Z"),
            json!({ "$date": "yesterday" }),
            json!({ "$date": { "$numberLong": "x" } }),
            json!({ "$date": "1970-01-01T00:00:00Z", "more": 1 }),
        ] {
            assert!(serde_json::from_value::<Date>(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn points_in_time_are_dates() {
        let moment = UNIX_EPOCH + Duration::from_nanos(1_999_999);
        assert_eq!(Date::from(moment), Date(1));
        assert_eq!(Date::from(UNIX_EPOCH - Duration::from_nanos(1)), Date(-1));
        assert_eq!(Date::from(UNIX_EPOCH - Duration::from_millis(7)), Date(-7));
        assert_eq!(Date::from(Date(-7).system_time()), Date(-7));
    }

    #[test]
    fn bytes_are_written_and_read_as_extended_json() {
        let form = json!({ "$binary": { "base64": "AAH/", "subType": "00" } });
        assert_eq!(serde_json::to_value(Binary(vec![0, 1, 255])).unwrap(), form);
        assert_eq!(serde_json::from_value::<Binary>(form).unwrap(), Binary(vec![0, 1, 255]));
        let function = json!({ "$binary": { "base64": "", "subType": "01" } });
        assert!(serde_json::from_value::<Binary>(function).is_err());
    }
}
