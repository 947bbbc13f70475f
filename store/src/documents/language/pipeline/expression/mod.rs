//! Expressions: values made of a document.

mod evaluate;
mod parse;

mod arithmetic;
mod dates;

use super::super::rules::See;
use super::super::{Fault, Object, Value};
use dates::{Format, Part};

pub(crate) use evaluate::Evaluation;

/// How to make a value.
#[derive(Clone, Debug)]
pub(crate) enum Expression {
    /// `"$a.b"`; without names the whole document (`"$$ROOT"`).
    Field(Vec<String>),
    /// `"$$REMOVE"`
    Nothing,
    /// Itself.
    Literal(Value),
    /// An object of expressions.
    Object(Vec<(String, Expression)>),
    /// A list of expressions.
    Array(Vec<Expression>),
    /// A function and what it is given.
    Call(Function, Vec<Expression>),
    /// `$dateToString`: the date, its form, and what is there when there is no date.
    DateToString(Box<Expression>, Format, Option<Box<Expression>>),
}

/// What takes a list of expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Add,
    Subtract,
    Multiply,
    Divide,
    Mod,
    Concat,
    ToUpper,
    ToLower,
    /// Condition, then, else.
    Cond,
    IfNull,
    Compare(Comparison),
    And,
    Or,
    Not,
    Size,
    DatePart(Part),
    ArrayElemAt,
    In,
}

/// How two values of any types stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Expression {
    /// Whether it comes to something that counts as true; a fault where it cannot be computed.
    pub(crate) fn is_true(&self, document: &Object) -> Result<bool, Fault> {
        Evaluation::new(document).is_true(self)
    }

    /// Shows the fields that it is made of; the whole document has no names.
    pub(crate) fn names(&self, see: &mut See<'_>) {
        match self {
            Self::Field(names) => see(&names.iter().map(String::as_str).collect::<Vec<_>>()),
            Self::Nothing | Self::Literal(_) => {}
            Self::Object(fields) => fields.iter().for_each(|(_, part)| part.names(see)),
            Self::Array(parts) | Self::Call(_, parts) => parts.iter().for_each(|part| part.names(see)),
            Self::DateToString(date, _, on_null) => {
                date.names(see);
                on_null.iter().for_each(|part| part.names(see));
            }
        }
    }
}
