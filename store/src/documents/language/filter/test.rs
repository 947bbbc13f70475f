//! Tests: what a filter asks of one field.

use std::cmp::Ordering;

use super::super::path::AtEnd;
use super::super::{Object, Path, Value};
use super::Filter;
use super::pattern::Pattern;

/// What a field has to be.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// `$eq` `$gt` `$gte` `$lt` `$lte`
    Compare(Comparison, Value),
    /// `$in`, sorted.
    In(Vec<Value>),
    /// `$exists`, where it is asked for to be there.
    Exists,
    /// `$type`
    Type(Vec<Type>),
    /// `$mod`
    Mod { divisor: i64, remainder: i64 },
    /// `$regex`
    Matches(Pattern),
    /// `$size`
    Size(usize),
    /// `$elemMatch` by operators: an element for which all of these hold.
    Element(Vec<Test>),
    /// `$elemMatch` by fields: an element that has matching ones.
    ElementMatches(Filter),
    /// Several operators, each by itself; also `$all`.
    All(Vec<Test>),
    /// `$not`, `$ne`, `$nin`: whatever the other one does not match.
    Not(Box<Test>),
    /// `$all` of nothing.
    Never,
}

/// How a value stands to that of the filter; always within one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// A type by MongoDB's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Double,
    /// An integer of 32 bits.
    Int,
    /// An integer that needs more.
    Long,
    Number,
    String,
    Object,
    Array,
    Binary,
    Bool,
    Date,
    Null,
    /// A type that no value here has.
    Absent,
}

impl Test {
    /// Whether it holds for what is at that path.
    pub(super) fn holds_at(&self, path: &Path, document: &Object) -> bool {
        match self {
            Self::All(tests) => tests.iter().all(|test| test.holds_at(path, document)),
            Self::Not(test) => !test.holds_at(path, document),
            Self::Size(_) | Self::Element(_) | Self::ElementMatches(_) => {
                path.any(document, AtEnd::Array, &mut |value| self.holds(value))
            }
            _ => path.any(document, AtEnd::ElementsAndArray, &mut |value| self.holds(value)),
        }
    }

    /// Whether it holds for that value or, where it is an array, for one of its elements.
    pub(super) fn holds_in(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::All(tests), _) => tests.iter().all(|test| test.holds_in(value)),
            (Self::Not(test), _) => !test.holds_in(value),
            (Self::Size(_) | Self::Element(_) | Self::ElementMatches(_), _) => self.holds(Some(value)),
            (_, Value::Array(elements)) => {
                elements.iter().any(|element| self.holds(Some(element))) || self.holds(Some(value))
            }
            _ => self.holds(Some(value)),
        }
    }

    /// Whether it holds for that one value, whose elements do not stand for it. `None`: it is missing.
    pub(super) fn holds(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Compare(comparison, wanted), _) => comparison.holds(value, wanted),
            (Self::In(wanted), None) => matches!(wanted.first(), Some(Value::Null)),
            (Self::In(wanted), Some(value)) => {
                wanted.binary_search_by(|wanted| wanted.compare(value)).is_ok()
            }
            (Self::Exists, _) => value.is_some(),
            (Self::Type(types), Some(value)) => types.iter().any(|wanted| wanted.is_of(value)),
            (Self::Mod { divisor, remainder }, Some(value)) => {
                whole(value).is_some_and(|number| number.wrapping_rem(*divisor) == *remainder)
            }
            (Self::Matches(pattern), Some(Value::String(text))) => pattern.is_match(text),
            (Self::Size(size), Some(Value::Array(elements))) => elements.len() == *size,
            (Self::Element(tests), Some(Value::Array(elements))) => {
                elements.iter().any(|element| tests.iter().all(|test| test.holds(Some(element))))
            }
            (Self::ElementMatches(filter), Some(Value::Array(elements))) => {
                elements.iter().any(|element| matches_fields(filter, element))
            }
            (Self::All(tests), _) => tests.iter().all(|test| test.holds(value)),
            (Self::Not(test), _) => !test.holds(value),
            _ => false,
        }
    }

    /// The text that alone can be there.
    pub(super) fn only_text(&self) -> Option<&str> {
        match self {
            Self::Compare(Comparison::Equal, Value::String(text)) => Some(text),
            Self::In(wanted) => match wanted.as_slice() {
                [Value::String(text)] => Some(text),
                _ => None,
            },
            Self::All(tests) => tests.iter().find_map(Self::only_text),
            _ => None,
        }
    }
}

/// Whether an element has fields that match. An array is an object here, with positions for names.
pub(super) fn matches_fields(filter: &Filter, element: &Value) -> bool {
    match element {
        Value::Object(object) => filter.matches(object),
        Value::Array(values) => {
            let fields = values.iter().enumerate().map(|(at, value)| (at.to_string(), value.clone()));
            filter.matches(&fields.collect())
        }
        _ => false,
    }
}

impl Comparison {
    fn holds(self, value: Option<&Value>, wanted: &Value) -> bool {
        // What is missing compares as null does.
        let value = value.unwrap_or(&Value::Null);
        if value.bracket() != wanted.bracket() {
            return false;
        }
        if value.is_nan() || wanted.is_nan() {
            let both = value.is_nan() && wanted.is_nan();
            return both && matches!(self, Self::Equal | Self::GreaterOrEqual | Self::LessOrEqual);
        }
        let order = value.compare(wanted);
        match self {
            Self::Equal => order == Ordering::Equal,
            Self::Greater => order == Ordering::Greater,
            Self::GreaterOrEqual => order != Ordering::Less,
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual => order != Ordering::Greater,
        }
    }
}

impl Type {
    /// By MongoDB's name for it.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "double" => Self::Double,
            "string" => Self::String,
            "object" => Self::Object,
            "array" => Self::Array,
            "binData" => Self::Binary,
            "bool" => Self::Bool,
            "date" => Self::Date,
            "null" => Self::Null,
            "int" => Self::Int,
            "long" => Self::Long,
            "number" => Self::Number,
            "objectId" | "regex" | "javascript" | "timestamp" | "decimal" | "minKey" | "maxKey" => {
                Self::Absent
            }
            _ => return None,
        })
    }

    /// By MongoDB's number for it.
    pub(super) fn by_number(number: i64) -> Option<Self> {
        Some(match number {
            1 => Self::Double,
            2 => Self::String,
            3 => Self::Object,
            4 => Self::Array,
            5 => Self::Binary,
            8 => Self::Bool,
            9 => Self::Date,
            10 => Self::Null,
            16 => Self::Int,
            18 => Self::Long,
            7 | 11 | 13 | 17 | 19 | -1 | 127 => Self::Absent,
            _ => return None,
        })
    }

    fn is_of(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Int, Value::Int(number)) => i32::try_from(*number).is_ok(),
            (Self::Long, Value::Int(number)) => i32::try_from(*number).is_err(),
            (Self::Double, Value::Float(_))
            | (Self::Number, Value::Int(_) | Value::Float(_))
            | (Self::String, Value::String(_))
            | (Self::Object, Value::Object(_))
            | (Self::Array, Value::Array(_))
            | (Self::Binary, Value::Binary(_))
            | (Self::Bool, Value::Bool(_))
            | (Self::Date, Value::Date(_))
            | (Self::Null, Value::Null) => true,
            _ => false,
        }
    }
}

/// A number without what stands behind its point; none outside 64 bits.
pub(crate) fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Float(number) => {
            let whole = number.trunc();
            (whole >= i64::MIN as f64 && whole < -(i64::MIN as f64)).then_some(whole as i64)
        }
        _ => None,
    }
}
