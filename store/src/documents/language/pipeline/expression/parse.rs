//! Expressions from JSON.

use super::super::super::filter::{begins_with_operator, literal};
use super::super::super::path::shown;
use super::super::super::{Fault, Object, Path, Value};
use super::dates::{Format, Part};
use super::{Comparison, Expression, Function};

impl Expression {
    /// Reads an expression.
    pub(crate) fn read(value: Value) -> Result<Self, Fault> {
        match value {
            Value::String(text) if text.starts_with('$') => variable(&text),
            Value::Array(values) => {
                Ok(constant(Self::Array(values.into_iter().map(Self::read).collect::<Result<_, _>>()?)))
            }
            Value::Object(object) if begins_with_operator(&object) => operator(object),
            Value::Object(object) => {
                let fields = object.into_iter().map(|(name, value)| {
                    if name.contains(['.', '\0']) || name.starts_with('$') || name.is_empty() {
                        return Err(Fault::new(format!("`{}` is no name of a field", shown(&name))));
                    }
                    Ok((name, Self::read(value)?))
                });
                Ok(constant(Self::Object(fields.collect::<Result<_, _>>()?)))
            }
            value => Ok(Self::Literal(value)),
        }
    }
}

/// What is made of literals is one.
fn constant(expression: Expression) -> Expression {
    let value = |part: Expression| match part {
        Expression::Literal(value) => value,
        _ => Value::Null,
    };
    match expression {
        Expression::Array(parts) if parts.iter().all(|part| matches!(part, Expression::Literal(_))) => {
            Expression::Literal(Value::Array(parts.into_iter().map(value).collect()))
        }
        Expression::Object(fields)
            if fields.iter().all(|(_, part)| matches!(part, Expression::Literal(_))) =>
        {
            let fields = fields.into_iter().map(|(name, part)| (name, value(part)));
            Expression::Literal(Value::Object(fields.collect()))
        }
        other => other,
    }
}

fn variable(text: &str) -> Result<Expression, Fault> {
    let names = |path: &str| -> Result<Vec<String>, Fault> {
        Ok(Path::parse(path)?.parts().iter().map(|part| part.name.clone()).collect())
    };
    let Some(variable) = text.strip_prefix("$$") else {
        return Ok(Expression::Field(names(text.strip_prefix('$').unwrap_or(text))?));
    };
    let (variable, path) =
        variable.split_once('.').map_or((variable, None), |(name, path)| (name, Some(path)));
    match (variable, path) {
        ("ROOT" | "CURRENT", None) => Ok(Expression::Field(Vec::new())),
        ("ROOT" | "CURRENT", Some(path)) => Ok(Expression::Field(names(path)?)),
        ("REMOVE", None) => Ok(Expression::Nothing),
        _ => Err(Fault::new(format!("there is no variable `{}`", shown(text)))),
    }
}

fn operator(object: Object) -> Result<Expression, Fault> {
    let mut fields = object.into_iter();
    let (Some((name, value)), None) = (fields.next(), fields.next()) else {
        return Err(Fault::new("an expression is an object with one operator"));
    };
    let read = match name.as_str() {
        "$literal" => return literal(value).map(Expression::Literal),
        "$cond" => cond(value),
        "$dateToString" => date_to_string(value),
        _ => {
            let (function, least, most) = function(&name)?;
            arguments(value).and_then(|given| match given.len() {
                count if (least..=most).contains(&count) => Ok(Expression::Call(function, given)),
                count if least == most => {
                    Err(Fault::new(format!("{least} expressions are needed, not {count}")))
                }
                count => Err(Fault::new(format!("at least {least} expressions are needed, not {count}"))),
            })
        }
    };
    read.map_err(|fault| Fault::new(format!("`{}`: {}", shown(&name), fault.message)))
}

/// A list of expressions, or one.
fn arguments(value: Value) -> Result<Vec<Expression>, Fault> {
    match value {
        Value::Array(values) => values.into_iter().map(Expression::read).collect(),
        value => Ok(vec![Expression::read(value)?]),
    }
}

/// The function, and how many expressions it takes.
fn function(name: &str) -> Result<(Function, usize, usize), Fault> {
    const ANY: usize = usize::MAX;
    let compare = |comparison| (Function::Compare(comparison), 2, 2);
    let date = |part| (Function::DatePart(part), 1, 1);
    Ok(match name {
        "$add" => (Function::Add, 0, ANY),
        "$subtract" => (Function::Subtract, 2, 2),
        "$multiply" => (Function::Multiply, 0, ANY),
        "$divide" => (Function::Divide, 2, 2),
        "$mod" => (Function::Mod, 2, 2),
        "$concat" => (Function::Concat, 0, ANY),
        "$toUpper" => (Function::ToUpper, 1, 1),
        "$toLower" => (Function::ToLower, 1, 1),
        "$ifNull" => (Function::IfNull, 2, ANY),
        "$eq" => compare(Comparison::Equal),
        "$ne" => compare(Comparison::NotEqual),
        "$gt" => compare(Comparison::Greater),
        "$gte" => compare(Comparison::GreaterOrEqual),
        "$lt" => compare(Comparison::Less),
        "$lte" => compare(Comparison::LessOrEqual),
        "$and" => (Function::And, 0, ANY),
        "$or" => (Function::Or, 0, ANY),
        "$not" => (Function::Not, 1, 1),
        "$size" => (Function::Size, 1, 1),
        "$year" => date(Part::Year),
        "$month" => date(Part::Month),
        "$dayOfMonth" => date(Part::DayOfMonth),
        "$hour" => date(Part::Hour),
        "$minute" => date(Part::Minute),
        "$second" => date(Part::Second),
        "$millisecond" => date(Part::Millisecond),
        "$arrayElemAt" => (Function::ArrayElemAt, 2, 2),
        "$in" => (Function::In, 2, 2),
        _ => return Err(Fault::new(format!("there is no expression `{}`", shown(name)))),
    })
}

fn cond(value: Value) -> Result<Expression, Fault> {
    let fault = || Fault::new("a list of condition, then, else, or an object with `if`, `then` and `else`");
    let parts = match value {
        Value::Array(parts) if parts.len() == 3 => parts,
        Value::Object(mut object) if object.len() == 3 => {
            let parts = ["if", "then", "else"].map(|name| object.remove(name).ok_or_else(fault));
            parts.into_iter().collect::<Result<_, _>>()?
        }
        _ => return Err(fault()),
    };
    let parts = parts.into_iter().map(Expression::read).collect::<Result<_, _>>()?;
    Ok(Expression::Call(Function::Cond, parts))
}

fn date_to_string(value: Value) -> Result<Expression, Fault> {
    let Value::Object(object) = value else {
        return Err(Fault::new("an object with `date` is needed"));
    };
    let (mut date, mut format, mut on_null) = (None, Format::default(), None);
    for (name, value) in object {
        match (name.as_str(), value) {
            ("date", value) => date = Some(Box::new(Expression::read(value)?)),
            ("format", Value::String(text)) => format = Format::read(&text)?,
            ("onNull", value) => on_null = Some(Box::new(Expression::read(value)?)),
            ("timezone", Value::String(zone)) if matches!(zone.as_str(), "UTC" | "GMT" | "+00:00") => {}
            ("timezone", _) => return Err(Fault::new("the only `timezone` is UTC")),
            (name, _) => return Err(Fault::new(format!("`{}` is not understood", shown(name)))),
        }
    }
    let date = date.ok_or_else(|| Fault::new("`date` is needed"))?;
    Ok(Expression::DateToString(date, format, on_null))
}
