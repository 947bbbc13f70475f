//! What a condition asks of single fields, so that an index can lead to the documents that it holds for.

use super::super::{Path, Value};
use super::{Comparison, Condition, Expression};

/// Without this a condition does not hold; where it is so, the condition may hold.
#[derive(Clone, Copy)]
pub(crate) enum Needed<'c> {
    /// The value at the path, or an element of it, is that one.
    Equal(&'c Path, &'c Value),
    /// It is one of those.
    Among(&'c Path, &'c [Value]),
    /// It is below that one, or equal to it if so.
    Below(&'c Path, &'c Value, bool),
    /// It is above that one, or equal to it if so.
    Above(&'c Path, &'c Value, bool),
}

impl Condition {
    /// What it needs of fields.
    ///
    /// A value that is whole here is found by MongoDB's walk along the same path, too, which also goes into arrays. Only
    /// null is another thing: it is there as well where nothing is.
    pub(crate) fn needed(&self) -> Vec<Needed<'_>> {
        let mut found = Vec::new();
        collect(&self.0, &mut found);
        found
    }
}

fn collect<'c>(expression: &'c Expression, found: &mut Vec<Needed<'c>>) {
    match expression {
        Expression::And(all) => all.iter().for_each(|part| collect(part, found)),
        // What is left of `a || b` where b is false for this caller.
        Expression::Or(all) if all.len() == 1 => all.iter().for_each(|part| collect(part, found)),
        one => found.extend(needed(one)),
    }
}

fn needed(expression: &Expression) -> Option<Needed<'_>> {
    match expression {
        Expression::Compare(comparison, both) => match &**both {
            [Expression::Field(path), Expression::Literal(value)] => compared(path, *comparison, value),
            [Expression::Literal(value), Expression::Field(path)] => {
                compared(path, comparison.turned(), value)
            }
            _ => None,
        },
        Expression::In(both) => match &**both {
            [Expression::Field(path), Expression::Literal(Value::Array(all))] => {
                (!all.contains(&Value::Null)).then_some(Needed::Among(path, all))
            }
            [Expression::Literal(value), Expression::Field(path)] => {
                (*value != Value::Null).then_some(Needed::Equal(path, value))
            }
            _ => None,
        },
        _ => None,
    }
}

fn compared<'c>(path: &'c Path, comparison: Comparison, value: &'c Value) -> Option<Needed<'c>> {
    let is_ordered = matches!(value, Value::Int(_) | Value::Float(_) | Value::String(_));
    match comparison {
        Comparison::Equal if *value != Value::Null => Some(Needed::Equal(path, value)),
        Comparison::Less if is_ordered => Some(Needed::Below(path, value, false)),
        Comparison::LessOrEqual if is_ordered => Some(Needed::Below(path, value, true)),
        Comparison::Greater if is_ordered => Some(Needed::Above(path, value, false)),
        Comparison::GreaterOrEqual if is_ordered => Some(Needed::Above(path, value, true)),
        _ => None,
    }
}

impl Comparison {
    /// With its sides changed.
    fn turned(self) -> Self {
        match self {
            Self::Equal | Self::NotEqual => self,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }
}
