//! Changes of one value.

use std::cmp::Ordering;

use super::super::{Fault, Value};
use super::Work;
use super::arrays::{Pull, Push};

/// What happens to a value.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// `$set`
    Set(Value),
    /// `$inc`
    Add(Value),
    /// `$mul`
    Multiply(Value),
    /// `$min`
    Lower(Value),
    /// `$max`
    Raise(Value),
    /// `$currentDate`
    Now,
    /// `$push`
    Push(Push),
    /// `$addToSet`
    AddToSet(Vec<Value>),
    /// `$pop`
    Pop(End),
    /// `$pull` and `$pullAll`
    Pull(Pull),
}

/// An end of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    First,
    Last,
}

impl Change {
    /// Whether it makes what is not there.
    pub(super) fn makes(&self) -> bool {
        !matches!(self, Self::Pop(_) | Self::Pull(_))
    }

    /// What it makes of nothing.
    pub(super) fn fresh(&self, work: &mut Work) -> Result<Option<Value>, Fault> {
        Ok(Some(match self {
            Self::Set(value) | Self::Add(value) | Self::Lower(value) | Self::Raise(value) => {
                work.copy(value)?
            }
            Self::Multiply(Value::Float(_)) => Value::Float(0.0),
            Self::Multiply(_) => Value::Int(0),
            Self::Now => Value::Date(work.now_ms),
            Self::Push(_) | Self::AddToSet(_) => {
                let mut made = Value::Array(Vec::new());
                self.edit(&mut made, work)?;
                made
            }
            Self::Pop(_) | Self::Pull(_) => return Ok(None),
        }))
    }

    /// Changes what is there; whether it is another than before.
    pub(super) fn edit(&self, value: &mut Value, work: &mut Work) -> Result<bool, Fault> {
        let new = match self {
            Self::Push(push) => return push.apply(array(value)?, work),
            Self::AddToSet(members) => return super::arrays::add_to_set(array(value)?, members, work),
            Self::Pop(end) => return Ok(end.pop(array(value)?)),
            Self::Pull(pull) => return Ok(pull.apply(array(value)?)),
            Self::Lower(bound) if bound.compare(value) != Ordering::Less => return Ok(false),
            Self::Raise(bound) if bound.compare(value) != Ordering::Greater => return Ok(false),
            Self::Set(new) if new == value => return Ok(false),
            Self::Set(new) | Self::Lower(new) | Self::Raise(new) => work.copy(new)?,
            Self::Add(by) => calculated(value, by, i64::checked_add, |one, two| one + two)?,
            Self::Multiply(by) => calculated(value, by, i64::checked_mul, |one, two| one * two)?,
            Self::Now => Value::Date(work.now_ms),
        };
        let is_changed = new != *value;
        *value = new;
        Ok(is_changed)
    }
}

impl End {
    fn pop(self, elements: &mut Vec<Value>) -> bool {
        match self {
            Self::Last => elements.pop().is_some(),
            Self::First if elements.is_empty() => false,
            Self::First => {
                elements.remove(0);
                true
            }
        }
    }
}

fn array(value: &mut Value) -> Result<&mut Vec<Value>, Fault> {
    match value {
        Value::Array(elements) => Ok(elements),
        other => Err(Fault::new(format!("an array is needed, there is {}", other.described()))),
    }
}

/// Integers stay integers, exactly; with a double on either side it is a double.
fn calculated(
    value: &Value,
    by: &Value,
    exact: fn(i64, i64) -> Option<i64>,
    rounded: fn(f64, f64) -> f64,
) -> Result<Value, Fault> {
    match (value, by) {
        (Value::Int(one), Value::Int(two)) => {
            exact(*one, *two).map(Value::Int).ok_or_else(|| Fault::new("the result is beyond 64 bits"))
        }
        (Value::Int(one), Value::Float(two)) => Ok(Value::Float(rounded(*one as f64, *two))),
        (Value::Float(one), Value::Int(two)) => Ok(Value::Float(rounded(*one, *two as f64))),
        (Value::Float(one), Value::Float(two)) => Ok(Value::Float(rounded(*one, *two))),
        (other, _) => Err(Fault::new(format!("a number is needed, there is {}", other.described()))),
    }
}
