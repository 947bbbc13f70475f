//! Computing expressions.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::super::super::filter::{is_true, whole};
use super::super::super::{Fault, Object, Value};
use super::arithmetic::{add, divide, modulo, multiply, subtract};
use super::{Comparison, Expression, Function};

/// How much one document may be made to grow to, bytes: an expression can name a field a thousand times.
const MAX_RESULT_BYTES: usize = 16 << 20;

/// What expressions are computed of.
#[derive(Debug)]
pub(crate) struct Evaluation<'a> {
    document: &'a Object,
    room: usize,
}

/// A value, or `None` where it is missing.
type Maybe<'a> = Option<Cow<'a, Value>>;

impl<'a> Evaluation<'a> {
    /// Of that document.
    pub(crate) fn new(document: &'a Object) -> Self {
        Self { document, room: MAX_RESULT_BYTES }
    }

    /// The value of an expression, to keep.
    pub(crate) fn owned(&mut self, expression: &Expression) -> Result<Option<Value>, Fault> {
        match self.value(expression)? {
            Some(value) => {
                self.spend(value.weight())?;
                Ok(Some(value.into_owned()))
            }
            None => Ok(None),
        }
    }

    /// Whether it comes to something that counts as true.
    pub(crate) fn is_true(&mut self, expression: &Expression) -> Result<bool, Fault> {
        Ok(self.value(expression)?.is_some_and(|value| is_true(&value)))
    }

    fn value<'e>(&mut self, expression: &'e Expression) -> Result<Maybe<'e>, Fault>
    where
        'a: 'e,
    {
        match expression {
            Expression::Field(names) => self.field(names),
            Expression::Nothing => Ok(None),
            Expression::Literal(value) => Ok(Some(Cow::Borrowed(value))),
            Expression::Object(fields) => {
                let mut object = Object::new();
                for (name, expression) in fields {
                    if let Some(value) = self.owned(expression)? {
                        object.push(name.clone(), value);
                    }
                }
                made(Value::Object(object))
            }
            Expression::Array(expressions) => {
                let mut values = Vec::with_capacity(expressions.len());
                for expression in expressions {
                    values.push(self.owned(expression)?.unwrap_or(Value::Null));
                }
                made(Value::Array(values))
            }
            Expression::Call(function, given) => self.call(*function, given),
            Expression::DateToString(date, format, on_null) => {
                match (self.value(date)?.as_deref(), on_null) {
                    (Some(Value::Date(date_ms)), _) => made(format.write(*date_ms)?),
                    (None | Some(Value::Null), Some(on_null)) => self.value(on_null),
                    (None | Some(Value::Null), None) => made(Value::Null),
                    (Some(other), _) => Err(needs("$dateToString", "a date", other)),
                }
            }
        }
    }

    fn field(&mut self, names: &[String]) -> Result<Maybe<'a>, Fault> {
        let document = self.document;
        let Some((first, rest)) = names.split_first() else {
            self.spend(document.weight())?;
            return made(Value::Object(document.clone()));
        };
        match document.get(first) {
            Some(value) => self.inside(value, rest),
            None => Ok(None),
        }
    }

    /// Through an array it is the list of what its objects have there.
    fn inside(&mut self, value: &'a Value, names: &[String]) -> Result<Maybe<'a>, Fault> {
        let Some((first, rest)) = names.split_first() else {
            return Ok(Some(Cow::Borrowed(value)));
        };
        match value {
            Value::Object(object) => match object.get(first) {
                Some(inner) => self.inside(inner, rest),
                None => Ok(None),
            },
            Value::Array(elements) => {
                let mut values = Vec::new();
                for element in elements.iter().filter(|element| matches!(element, Value::Object(_))) {
                    if let Some(found) = self.inside(element, names)? {
                        self.spend(found.weight())?;
                        values.push(found.into_owned());
                    }
                }
                made(Value::Array(values))
            }
            _ => Ok(None),
        }
    }

    fn call<'e>(&mut self, function: Function, given: &'e [Expression]) -> Result<Maybe<'e>, Fault>
    where
        'a: 'e,
    {
        match function {
            Function::Add => self.fold(given, Value::Int(0), add),
            Function::Multiply => self.fold(given, Value::Int(1), multiply),
            Function::Concat => self.concat(given),
            Function::IfNull => self.if_null(given),
            Function::And => {
                for expression in given {
                    if !self.is_true(expression)? {
                        return made(Value::Bool(false));
                    }
                }
                made(Value::Bool(true))
            }
            Function::Or => {
                for expression in given {
                    if self.is_true(expression)? {
                        return made(Value::Bool(true));
                    }
                }
                made(Value::Bool(false))
            }
            Function::Cond => match given {
                [condition, then, other] => {
                    let is_true = self.is_true(condition)?;
                    self.value(if is_true { then } else { other })
                }
                _ => Ok(None),
            },
            function => match given {
                [one] => {
                    let one = self.value(one)?;
                    one_given(function, one.as_deref())
                }
                [one, two] => {
                    let (one, two) = (self.value(one)?, self.value(two)?);
                    two_given(function, one.as_deref(), two.as_deref())
                }
                _ => Ok(None),
            },
        }
    }

    /// Null as soon as something is null or missing.
    fn fold<'e>(
        &mut self,
        given: &[Expression],
        begin: Value,
        with: fn(&Value, &Value) -> Result<Value, Fault>,
    ) -> Result<Maybe<'e>, Fault> {
        let mut total = begin;
        for expression in given {
            match self.value(expression)?.as_deref() {
                None | Some(Value::Null) => return made(Value::Null),
                Some(value) => total = with(&total, value)?,
            }
        }
        made(total)
    }

    fn concat<'e>(&mut self, given: &[Expression]) -> Result<Maybe<'e>, Fault> {
        let mut text = String::new();
        for expression in given {
            match self.value(expression)?.as_deref() {
                None | Some(Value::Null) => return made(Value::Null),
                Some(Value::String(part)) => {
                    self.spend(part.len())?;
                    text.push_str(part);
                }
                Some(other) => return Err(needs("$concat", "texts", other)),
            }
        }
        made(Value::String(text))
    }

    fn if_null<'e>(&mut self, given: &'e [Expression]) -> Result<Maybe<'e>, Fault>
    where
        'a: 'e,
    {
        let Some((last, before)) = given.split_last() else {
            return Ok(None);
        };
        for expression in before {
            let value = self.value(expression)?;
            if !matches!(value.as_deref(), None | Some(Value::Null)) {
                return Ok(value);
            }
        }
        self.value(last)
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Fault> {
        match self.room.checked_sub(bytes) {
            Some(left) => {
                self.room = left;
                Ok(())
            }
            None => {
                Err(Fault::new(format!("expressions make more than {MAX_RESULT_BYTES} bytes of a document")))
            }
        }
    }
}

fn made<'a>(value: Value) -> Result<Maybe<'a>, Fault> {
    Ok(Some(Cow::Owned(value)))
}

fn needs(name: &str, what: &str, value: &Value) -> Fault {
    Fault::new(format!("`{name}` takes {what}, not {}", value.described()))
}

fn one_given<'a>(function: Function, value: Option<&Value>) -> Result<Maybe<'a>, Fault> {
    let is_nothing = matches!(value, None | Some(Value::Null));
    made(match (function, value) {
        (Function::Not, value) => Value::Bool(!value.is_some_and(is_true)),
        (Function::ToUpper, value) => Value::String(text("$toUpper", value)?.to_ascii_uppercase()),
        (Function::ToLower, value) => Value::String(text("$toLower", value)?.to_ascii_lowercase()),
        (Function::Size, Some(Value::Array(elements))) => {
            Value::Int(i64::try_from(elements.len()).unwrap_or(i64::MAX))
        }
        (Function::Size, value) => return Err(needs("$size", "an array", value.unwrap_or(&Value::Null))),
        (Function::DatePart(part), Some(Value::Date(date_ms))) => part.of(*date_ms)?,
        (Function::DatePart(_), _) if is_nothing => Value::Null,
        (_, value) => return Err(needs("a part of a date", "a date", value.unwrap_or(&Value::Null))),
    })
}

/// What `$toUpper` and `$toLower` make of a value first.
fn text(name: &str, value: Option<&Value>) -> Result<String, Fault> {
    match value {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Int(number)) => Ok(number.to_string()),
        Some(Value::Float(number)) => Ok(number.to_string()),
        Some(Value::Date(date_ms)) => match super::Format::default().write(*date_ms)? {
            Value::String(text) => Ok(text),
            _ => Ok(String::new()),
        },
        Some(other) => Err(needs(name, "a text", other)),
    }
}

fn two_given<'a>(function: Function, one: Option<&Value>, two: Option<&Value>) -> Result<Maybe<'a>, Fault> {
    // What is missing is below null here, and not equal to it.
    let order = || match (one, two) {
        (Some(one), Some(two)) => one.compare(two),
        _ => one.is_some().cmp(&two.is_some()),
    };
    let calculate: fn(&Value, &Value) -> Result<Value, Fault> = match function {
        Function::Compare(comparison) => return made(Value::Bool(comparison.holds(order()))),
        Function::In => return is_in(one, two),
        Function::ArrayElemAt => return element_at(one, two),
        Function::Subtract => subtract,
        Function::Divide => divide,
        _ => modulo,
    };
    match (one, two) {
        (None | Some(Value::Null), _) | (_, None | Some(Value::Null)) => made(Value::Null),
        (Some(one), Some(two)) => made(calculate(one, two)?),
    }
}

fn is_in<'a>(wanted: Option<&Value>, values: Option<&Value>) -> Result<Maybe<'a>, Fault> {
    match values {
        Some(Value::Array(values)) => made(Value::Bool(
            wanted.is_some_and(|wanted| values.iter().any(|value| value.compare(wanted).is_eq())),
        )),
        other => Err(needs("$in", "a list", other.unwrap_or(&Value::Null))),
    }
}

/// From the end when negative; missing where there is none.
fn element_at<'a>(array: Option<&Value>, position: Option<&Value>) -> Result<Maybe<'a>, Fault> {
    let elements = match (array, position) {
        (None | Some(Value::Null), _) | (_, None | Some(Value::Null)) => return made(Value::Null),
        (Some(Value::Array(elements)), _) => elements,
        (Some(other), _) => return Err(needs("$arrayElemAt", "an array", other)),
    };
    let fault = || Fault::new("`$arrayElemAt` takes a whole number as the position");
    let position = match position {
        Some(Value::Float(number)) if number.fract() != 0.0 => return Err(fault()),
        Some(position) => whole(position).ok_or_else(fault)?,
        None => return made(Value::Null),
    };
    let distance = usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX);
    let at = if position < 0 { elements.len().checked_sub(distance) } else { Some(distance) };
    Ok(at.and_then(|at| elements.get(at)).cloned().map(Cow::Owned))
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
        }
    }
}
