//! What is left of a rule when the caller is known.

use super::super::Value;
use super::condition::{is_in, is_true};
use super::{Caller, Comparison, Expression};

/// Puts the caller in, and works out all that hangs on no document.
pub(super) fn known(expression: &Expression, caller: &Caller) -> Expression {
    let each = |all: &[Expression]| all.iter().map(|part| known(part, caller)).collect::<Vec<_>>();
    match expression {
        Expression::User => Expression::Literal(caller.user.clone().map_or(Value::Null, Value::String)),
        Expression::Roles => {
            let roles = caller.roles.iter().cloned().map(Value::String);
            Expression::Literal(Value::Array(roles.collect()))
        }
        Expression::Anonymous => Expression::Literal(Value::Bool(caller.anonymous)),
        Expression::Literal(_) | Expression::Data(_) | Expression::Field(_) => expression.clone(),
        Expression::List(all) => list(each(all)),
        Expression::And(all) => joined(each(all), false),
        Expression::Or(all) => joined(each(all), true),
        Expression::Not(one) => match known(one, caller) {
            Expression::Literal(value) => literal(value == Value::Bool(false)),
            other => Expression::Not(Box::new(other)),
        },
        Expression::Compare(comparison, both) => compared(*comparison, both, caller),
        Expression::In(both) => within(both, caller),
    }
}

/// Whether nobody is signed in and the expression asks who is.
fn is_nobody(expression: &Expression, caller: &Caller) -> bool {
    caller.user.is_none() && *expression == Expression::User
}

/// `auth.user` of nobody is equal to no field, also where there is nothing: `owner == auth.user` must not open documents
/// without an owner to everyone. Only beside `null` itself it is what it says, so that one can ask for it.
fn compared(comparison: Comparison, both: &[Expression; 2], caller: &Caller) -> Expression {
    let [left, right] = both;
    let is_null = |side: &Expression| *side == Expression::Literal(Value::Null);
    let asks_nobody =
        is_nobody(left, caller) && !is_null(right) || is_nobody(right, caller) && !is_null(left);
    if asks_nobody {
        return literal(false);
    }
    match (known(left, caller), known(right, caller)) {
        (Expression::Literal(left), Expression::Literal(right)) => literal(comparison.holds(&left, &right)),
        (left, right) => Expression::Compare(comparison, Box::new([left, right])),
    }
}

/// The same for lists: nobody is in none, and nothing is in a list because nobody is.
fn within(both: &[Expression; 2], caller: &Caller) -> Expression {
    let [one, all] = both;
    if is_nobody(one, caller) {
        return literal(false);
    }
    let all = match all {
        Expression::List(all) => {
            let somebody = all.iter().filter(|element| !is_nobody(element, caller));
            list(somebody.map(|element| known(element, caller)).collect())
        }
        other => known(other, caller),
    };
    match (known(one, caller), all) {
        (Expression::Literal(one), Expression::Literal(all)) => literal(is_in(&one, &all)),
        (_, Expression::Literal(all)) if !matches!(&all, Value::Array(some) if !some.is_empty()) => {
            literal(false)
        }
        (one, all) => Expression::In(Box::new([one, all])),
    }
}

fn list(all: Vec<Expression>) -> Expression {
    let literals = all.iter().map(|part| match part {
        Expression::Literal(value) => Some(value.clone()),
        _ => None,
    });
    match literals.collect() {
        Some(values) => Expression::Literal(Value::Array(values)),
        None => Expression::List(all),
    }
}

/// `||` when `either`, else `&&`. What is no boolean counts as false.
pub(super) fn joined(all: Vec<Expression>, either: bool) -> Expression {
    let mut left = Vec::with_capacity(all.len());
    for part in all {
        match part {
            Expression::Literal(value) if is_true(&value) == either => return literal(either),
            Expression::Literal(_) => {}
            // Flat, so that every part of a conjunction can lead to an index.
            Expression::And(inner) if !either => left.extend(inner),
            Expression::Or(inner) if either => left.extend(inner),
            other => left.push(other),
        }
    }
    match left.is_empty() {
        true => literal(!either),
        // One alone stays what it was joined to: a field that holds 5 is true in no `&&`.
        false if either => Expression::Or(left),
        false => Expression::And(left),
    }
}

fn literal(bool: bool) -> Expression {
    Expression::Literal(Value::Bool(bool))
}
