//! The order of values, as MongoDB has it.

use std::cmp::Ordering;

use super::{Object, Value};

/// Types in their order; both kinds of number are one. What MongoDB calls a type bracket: ranges look at one only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Bracket {
    /// Null; what is missing is here too.
    Null = 0x10,
    /// Integers and doubles.
    Number = 0x20,
    /// Text.
    String = 0x30,
    /// Objects.
    Object = 0x40,
    /// Arrays.
    Array = 0x50,
    /// Bytes.
    Binary = 0x60,
    /// Booleans.
    Bool = 0x70,
    /// Dates.
    Date = 0x80,
}

impl Value {
    /// The order: null, numbers, text, objects, arrays, bytes, booleans, dates. 1 and 1.0 are equal, NaN is equal to
    /// itself and below all numbers, texts compare by their bytes, objects and arrays field by field.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(one), Self::Bool(two)) => one.cmp(two),
            (Self::Int(one), Self::Int(two)) | (Self::Date(one), Self::Date(two)) => one.cmp(two),
            (Self::Float(one), Self::Float(two)) => floats(*one, *two),
            (Self::Int(one), Self::Float(two)) => int_and_float(*one, *two),
            (Self::Float(one), Self::Int(two)) => int_and_float(*two, *one).reverse(),
            (Self::String(one), Self::String(two)) => one.cmp(two),
            // The shorter one first, whatever is in it.
            (Self::Binary(one), Self::Binary(two)) => one.len().cmp(&two.len()).then_with(|| one.cmp(two)),
            (Self::Array(one), Self::Array(two)) => arrays(one, two),
            (Self::Object(one), Self::Object(two)) => objects(one, two),
            _ => self.bracket().cmp(&other.bracket()),
        }
    }

    /// Its place in the order of types.
    pub(crate) fn bracket(&self) -> Bracket {
        match self {
            Self::Null => Bracket::Null,
            Self::Int(_) | Self::Float(_) => Bracket::Number,
            Self::String(_) => Bracket::String,
            Self::Object(_) => Bracket::Object,
            Self::Array(_) => Bracket::Array,
            Self::Binary(_) => Bracket::Binary,
            Self::Bool(_) => Bracket::Bool,
            Self::Date(_) => Bracket::Date,
        }
    }

    /// Whether it is the double that is no number.
    pub(crate) fn is_nan(&self) -> bool {
        matches!(self, Self::Float(number) if number.is_nan())
    }
}

fn floats(one: f64, two: f64) -> Ordering {
    // What does not compare is NaN, on one side or on both.
    one.partial_cmp(&two).unwrap_or_else(|| two.is_nan().cmp(&one.is_nan()))
}

/// Exact: neither side is rounded to the other's kind.
fn int_and_float(int: i64, float: f64) -> Ordering {
    /// 2^63, the first double beyond all integers.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if float.is_nan() || float < -BEYOND {
        return Ordering::Greater;
    }
    if float >= BEYOND {
        return Ordering::Less;
    }
    let whole = float.trunc();
    int.cmp(&(whole as i64)).then_with(|| floats(whole, float))
}

fn arrays(one: &[Value], two: &[Value]) -> Ordering {
    let differs = one.iter().zip(two).map(|(one, two)| one.compare(two)).find(|order| order.is_ne());
    differs.unwrap_or_else(|| one.len().cmp(&two.len()))
}

/// Field by field: first the types of the values, then the names, then the values.
fn objects(one: &Object, two: &Object) -> Ordering {
    let fields = one.iter().zip(two.iter());
    let compared = fields.map(|((one_name, one), (two_name, two))| {
        one.bracket().cmp(&two.bracket()).then_with(|| one_name.cmp(two_name)).then_with(|| one.compare(two))
    });
    compared.into_iter().find(|order| order.is_ne()).unwrap_or_else(|| one.len().cmp(&two.len()))
}
