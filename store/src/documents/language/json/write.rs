//! Values to relaxed Extended JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::super::{Object, Value};
use super::dates;

/// The text of a value.
pub(crate) fn write(value: &impl Serialize) -> String {
    // Nothing here can fail: names are texts, and no number is without a form.
    serde_json::to_string(value).unwrap_or_default()
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::Bool(is_true) => to.serialize_bool(*is_true),
            Self::Int(number) => to.serialize_i64(*number),
            Self::Float(number) if number.is_finite() => to.serialize_f64(*number),
            Self::Float(number) => wrapped(to, "$numberDouble", not_finite(*number)),
            Self::String(text) => to.serialize_str(text),
            Self::Binary(bytes) => wrapped(to, "$binary", &Base64(bytes)),
            Self::Date(date_ms) => match dates::format(*date_ms) {
                Some(text) => wrapped(to, "$date", &text),
                None => wrapped(to, "$date", &NumberLong(*date_ms)),
            },
            Self::Array(values) => to.collect_seq(values),
            Self::Object(object) => object.serialize(to),
        }
    }
}

fn wrapped<S: Serializer>(to: S, name: &str, value: &(impl Serialize + ?Sized)) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(1))?;
    map.serialize_entry(name, value)?;
    map.end()
}

fn not_finite(number: f64) -> &'static str {
    match number {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

struct Base64<'a>(&'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(2))?;
        map.serialize_entry("base64", &STANDARD.encode(self.0))?;
        map.serialize_entry("subType", "00")?;
        map.end()
    }
}

struct NumberLong(i64);

impl Serialize for NumberLong {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        wrapped(to, "$numberLong", &self.0.to_string())
    }
}
