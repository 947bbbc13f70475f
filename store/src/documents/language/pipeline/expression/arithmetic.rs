//! Arithmetic of expressions: integers stay integers as long as they fit, dates are moved by milliseconds.

use super::super::super::filter::whole;
use super::super::super::{Fault, Value};

pub(super) fn add(one: &Value, two: &Value) -> Result<Value, Fault> {
    match (one, two) {
        (Value::Date(_), Value::Date(_)) => Err(Fault::new("`$add` takes one date only")),
        (Value::Date(date_ms), by) | (by, Value::Date(date_ms)) => {
            moved(*date_ms, by, i64::checked_add).ok_or_else(|| needs_numbers("$add", by))
        }
        _ => numbers("$add", one, two, i64::checked_add, |one, two| one + two),
    }
}

pub(super) fn subtract(one: &Value, two: &Value) -> Result<Value, Fault> {
    match (one, two) {
        (Value::Date(one), Value::Date(two)) => one
            .checked_sub(*two)
            .map(Value::Int)
            .ok_or_else(|| Fault::new("`$subtract` of dates too far apart")),
        (Value::Date(date_ms), by) => {
            moved(*date_ms, by, i64::checked_sub).ok_or_else(|| needs_numbers("$subtract", by))
        }
        _ => numbers("$subtract", one, two, i64::checked_sub, |one, two| one - two),
    }
}

pub(super) fn multiply(one: &Value, two: &Value) -> Result<Value, Fault> {
    numbers("$multiply", one, two, i64::checked_mul, |one, two| one * two)
}

/// Always a double.
pub(super) fn divide(one: &Value, two: &Value) -> Result<Value, Fault> {
    match double(two) {
        Some(0.0) => Err(Fault::new("`$divide` by 0")),
        _ => numbers("$divide", one, two, |_, _| None, |one, two| one / two),
    }
}

pub(super) fn modulo(one: &Value, two: &Value) -> Result<Value, Fault> {
    match double(two) {
        Some(0.0) => Err(Fault::new("`$mod` by 0")),
        _ => numbers("$mod", one, two, |one, two| Some(one.wrapping_rem(two)), |one, two| one % two),
    }
}

/// Exactly, where both are integers and the result is one; else as doubles.
fn numbers(
    name: &str,
    one: &Value,
    two: &Value,
    exact: fn(i64, i64) -> Option<i64>,
    rounded: fn(f64, f64) -> f64,
) -> Result<Value, Fault> {
    if let (Value::Int(one), Value::Int(two)) = (one, two)
        && let Some(result) = exact(*one, *two)
    {
        return Ok(Value::Int(result));
    }
    match (double(one), double(two)) {
        (Some(one), Some(two)) => Ok(Value::Float(rounded(one, two))),
        (None, _) => Err(needs_numbers(name, one)),
        (_, None) => Err(needs_numbers(name, two)),
    }
}

fn moved(date_ms: i64, by: &Value, how: fn(i64, i64) -> Option<i64>) -> Option<Value> {
    how(date_ms, whole(by)?).map(Value::Date)
}

fn double(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

fn needs_numbers(name: &str, value: &Value) -> Fault {
    Fault::new(format!("`{name}` takes numbers, not {}", value.described()))
}
