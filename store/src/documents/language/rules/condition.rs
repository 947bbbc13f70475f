//! Conditions: what a rule asks of documents once the caller is known.

use std::borrow::Cow;

use super::super::{Object, Path, Value};
use super::{Comparison, Expression};

/// A rule in which nothing of the caller is left open.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition(pub(super) Expression);

/// What it is asked of: a document, and what `request.data` is.
#[derive(Clone, Copy)]
struct Asked<'d> {
    old: &'d Object,
    new: Data<'d>,
}

#[derive(Clone, Copy)]
enum Data<'d> {
    None,
    Document(&'d Object),
    Value(&'d Value),
}

impl Condition {
    /// The one that holds for nothing.
    pub fn never() -> Self {
        Self(Expression::Literal(Value::Bool(false)))
    }

    /// Whether it holds for nothing, whatever is there.
    pub fn is_never(&self) -> bool {
        matches!(&self.0, Expression::Literal(value) if !is_true(value))
    }

    /// Whether it holds for everything.
    pub fn is_always(&self) -> bool {
        matches!(&self.0, Expression::Literal(value) if is_true(value))
    }

    /// Whether it holds for a document that is there and the one that it is to become, if it is to become one. Only what
    /// is exactly true holds.
    pub fn holds(&self, old: &Object, new: Option<&Object>) -> bool {
        Asked { old, new: new.map_or(Data::None, Data::Document) }.is_true(&self.0)
    }

    /// The same where `request.data` may be any value.
    pub(crate) fn holds_with(&self, old: &Object, data: &Value) -> bool {
        Asked { old, new: Data::Value(data) }.is_true(&self.0)
    }

    /// Both of them.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self(super::fold::joined(vec![self.0.clone(), other.0.clone()], false))
    }

    /// Whether it asks what a document is to become.
    pub fn mentions_data(&self) -> bool {
        self.0.any(&|part| matches!(part, Expression::Data(_)))
    }

    /// What of it can be asked before it is known what a document is to become: where that does not hold, the whole does
    /// not either.
    pub fn without_data(&self) -> Self {
        let asks = |part: &Expression| part.any(&|part| matches!(part, Expression::Data(_)));
        let always = || Self(Expression::Literal(Value::Bool(true)));
        match &self.0 {
            Expression::And(all) => {
                let left: Vec<Expression> = all.iter().filter(|part| !asks(part)).cloned().collect();
                if left.is_empty() { always() } else { Self(Expression::And(left)) }
            }
            whole if asks(whole) => always(),
            whole => Self(whole.clone()),
        }
    }
}

impl<'d> Asked<'d> {
    fn is_true(self, expression: &Expression) -> bool {
        match expression {
            Expression::And(all) => all.iter().all(|part| self.is_true(part)),
            Expression::Or(any) => any.iter().any(|part| self.is_true(part)),
            other => is_true(&self.value(other)),
        }
    }

    fn value<'e>(self, expression: &'e Expression) -> Cow<'e, Value>
    where
        'd: 'e,
    {
        let of_bool = |bool| Cow::Owned(Value::Bool(bool));
        match expression {
            Expression::Literal(value) => Cow::Borrowed(value),
            Expression::Field(path) => found(self.old, path),
            Expression::Data(path) => self.new.value(path.as_ref()),
            Expression::List(all) => {
                Cow::Owned(Value::Array(all.iter().map(|part| self.value(part).into_owned()).collect()))
            }
            Expression::And(_) | Expression::Or(_) => of_bool(self.is_true(expression)),
            Expression::Not(one) => of_bool(matches!(*self.value(one), Value::Bool(false))),
            Expression::Compare(comparison, both) => {
                let [left, right] = &**both;
                of_bool(comparison.holds(&self.value(left), &self.value(right)))
            }
            Expression::In(both) => {
                let [one, list] = &**both;
                of_bool(is_in(&self.value(one), &self.value(list)))
            }
            // The caller is known; if it were not, nobody is who one would be.
            Expression::User | Expression::Roles | Expression::Anonymous => Cow::Owned(Value::Null),
        }
    }
}

impl<'d> Data<'d> {
    /// All of it, or what is at a path in it.
    fn value(self, path: Option<&Path>) -> Cow<'d, Value> {
        match (self, path) {
            (Self::None, _) => Cow::Owned(Value::Null),
            (Self::Document(whole), None) => Cow::Owned(Value::Object(whole.clone())),
            (Self::Value(whole), None) => Cow::Borrowed(whole),
            (Self::Document(object) | Self::Value(Value::Object(object)), Some(path)) => found(object, path),
            (Self::Value(_), Some(_)) => Cow::Owned(Value::Null),
        }
    }
}

impl Comparison {
    /// Whether it holds: for `==` and `!=` between whole values, for the others only between two numbers, two texts or
    /// two dates.
    pub(super) fn holds(self, left: &Value, right: &Value) -> bool {
        let order = left.compare(right);
        let is_ordered = match (left, right) {
            (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => {
                !left.is_nan() && !right.is_nan()
            }
            (Value::String(_), Value::String(_)) | (Value::Date(_), Value::Date(_)) => true,
            _ => false,
        };
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => is_ordered && order.is_lt(),
            Self::LessOrEqual => is_ordered && order.is_le(),
            Self::Greater => is_ordered && order.is_gt(),
            Self::GreaterOrEqual => is_ordered && order.is_ge(),
        }
    }
}

/// Whether a value is equal to an element of a list; in what is no list there is nothing.
pub(super) fn is_in(one: &Value, list: &Value) -> bool {
    match list {
        Value::Array(all) => all.iter().any(|element| element.compare(one).is_eq()),
        _ => false,
    }
}

/// Whether it is exactly true.
pub(super) fn is_true(value: &Value) -> bool {
    matches!(value, Value::Bool(true))
}

/// What is at a path that leads through objects only; null where nothing is.
fn found<'d>(object: &'d Object, path: &Path) -> Cow<'d, Value> {
    let mut at: Option<&Value> = None;
    for (depth, part) in path.parts().iter().enumerate() {
        let inside = match (depth, at) {
            (0, _) => Some(object),
            (_, Some(Value::Object(inner))) => Some(inner),
            _ => None,
        };
        at = inside.and_then(|inside| inside.get(&part.name));
        if at.is_none() {
            break;
        }
    }
    at.map_or(Cow::Owned(Value::Null), Cow::Borrowed)
}
