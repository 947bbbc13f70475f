//! Updates from JSON.

use super::super::filter::{Filter, begins_with_operator, literal, whole};
use super::super::path::shown;
use super::super::{Direction, Fault, Object, Sort, Value};
use super::arrays::{Order, Pull, Push};
use super::change::{Change, End};
use super::place::Place;
use super::{Step, Update, What};

/// Most places of an update: each may look at all of a document.
const MAX_PLACES: usize = 1000;

/// What an operator makes of the value at a place.
type Reader = fn(Value) -> Result<What, Fault>;

impl Update {
    pub(crate) fn read(value: Value) -> Result<Self, Fault> {
        let operators = match value {
            Value::Object(operators) if begins_with_operator(&operators) => operators,
            Value::Object(_) => {
                return Err(Fault::new(
                    "update: an object of operators such as `$set`; to put another document in its place, replace it",
                ));
            }
            other => return Err(Fault::new(format!("update: an object, not {}", other.described()))),
        };
        let mut steps = Vec::new();
        for (name, places) in operators {
            let (operator, read) = operator(&name)?;
            let Value::Object(places) = places else {
                return Err(Fault::new(format!("update: `{name}` has an object of places")));
            };
            for (at, value) in places {
                let fault =
                    |fault: Fault| Fault::new(format!("`{name}` at `{}`: {}", shown(&at), fault.message));
                let place = Place::parse(&at).map_err(fault)?;
                steps.push(Step { operator, place, what: read(value).map_err(fault)? });
            }
        }
        if steps.len() > MAX_PLACES {
            return Err(Fault::new(format!("update: {} places, {MAX_PLACES} at most", steps.len())));
        }
        check_places(&steps)?;
        steps.sort_by(|one, two| one.place.cmp(&two.place));
        Ok(Self { steps })
    }
}

fn operator(name: &str) -> Result<(&'static str, Reader), Fault> {
    let all: [(&'static str, Reader); 15] = [
        ("$set", |value| Ok(What::Change(Change::Set(literal(value)?)))),
        ("$unset", |_| Ok(What::Remove)),
        ("$inc", |value| Ok(What::Change(Change::Add(number(value)?)))),
        ("$mul", |value| Ok(What::Change(Change::Multiply(number(value)?)))),
        ("$min", |value| Ok(What::Change(Change::Lower(literal(value)?)))),
        ("$max", |value| Ok(What::Change(Change::Raise(literal(value)?)))),
        ("$rename", rename),
        ("$currentDate", |value| current_date(&value)),
        ("$setOnInsert", |value| Ok(What::OnInsert(Change::Set(literal(value)?)))),
        ("$push", |value| Ok(What::Change(Change::Push(push(value)?)))),
        ("$pop", |value| pop(&value)),
        ("$addToSet", |value| Ok(What::Change(Change::AddToSet(members(value)?)))),
        ("$pull", |value| Ok(What::Change(Change::Pull(pull(value)?)))),
        ("$pullAll", |value| Ok(What::Change(Change::Pull(Pull::Equal(sorted(list("`$pullAll`", value)?)))))),
        ("$bit", |_| Err(Fault::new("is not supported"))),
    ];
    let known = all.into_iter().find(|(known, _)| *known == name);
    known.ok_or_else(|| Fault::new(format!("update: there is no operator `{}`", shown(name))))
}

/// No place may be another one or inside of it: the result would hang on the order.
fn check_places(steps: &[Step]) -> Result<(), Fault> {
    let mut places: Vec<&Place> = Vec::with_capacity(steps.len());
    for step in steps {
        places.push(&step.place);
        if let What::MoveTo(target) = &step.what {
            places.push(target);
            if step.place.has_all() || target.has_all() {
                return Err(Fault::new(format!("`$rename` at `{}`: `$[]` cannot be in it", step.place)));
            }
        }
    }
    // All that a place is the beginning of stands right behind it, and `$[]` behind all other ways from the same place.
    places.sort();
    for pair in places.windows(2) {
        if let [one, two] = pair
            && one.overlaps(two)
        {
            return Err(Fault::new(format!("update: `{one}` and `{two}` are in conflict")));
        }
    }
    Ok(())
}

fn number(value: Value) -> Result<Value, Fault> {
    match value {
        Value::Int(_) | Value::Float(_) => Ok(value),
        other => Err(Fault::new(format!("a number is needed, not {}", other.described()))),
    }
}

fn rename(value: Value) -> Result<What, Fault> {
    match value {
        Value::String(target) => Ok(What::MoveTo(Place::parse(&target)?)),
        other => Err(Fault::new(format!("the new name is a text, not {}", other.described()))),
    }
}

fn current_date(value: &Value) -> Result<What, Fault> {
    let is_date = match value {
        Value::Bool(true) => true,
        Value::Object(object) => {
            object.len() == 1 && object.get("$type") == Some(&Value::String("date".to_owned()))
        }
        _ => false,
    };
    match is_date {
        true => Ok(What::Change(Change::Now)),
        false => Err(Fault::new("`true` or `{\"$type\": \"date\"}` is needed; there are no timestamps")),
    }
}

fn pop(value: &Value) -> Result<What, Fault> {
    match whole(value) {
        Some(1) => Ok(What::Change(Change::Pop(End::Last))),
        Some(-1) => Ok(What::Change(Change::Pop(End::First))),
        _ => Err(Fault::new("1 is for the last element, -1 for the first")),
    }
}

fn list(what: &str, value: Value) -> Result<Vec<Value>, Fault> {
    match literal(value)? {
        Value::Array(values) => Ok(values),
        other => Err(Fault::new(format!("{what} has a list, not {}", other.described()))),
    }
}

fn sorted(mut values: Vec<Value>) -> Vec<Value> {
    values.sort_by(Value::compare);
    values
}

fn push(value: Value) -> Result<Push, Fault> {
    let mut push = Push { each: Vec::new(), position: None, sort: None, slice: None };
    let modifiers = match value {
        Value::Object(object) if object.get("$each").is_some() => object,
        value => {
            push.each.push(literal(value)?);
            return Ok(push);
        }
    };
    for (name, value) in modifiers {
        match name.as_str() {
            "$each" => push.each = list("`$each`", value)?,
            "$position" => push.position = Some(integer(&name, &value)?),
            "$slice" => push.slice = Some(integer(&name, &value)?),
            "$sort" => push.sort = Some(order(value)?),
            _ => return Err(Fault::new(format!("`{}` cannot stand beside `$each`", shown(&name)))),
        }
    }
    Ok(push)
}

fn integer(name: &str, value: &Value) -> Result<i64, Fault> {
    let whole = match value {
        Value::Float(number) if number.fract() != 0.0 => None,
        value => whole(value),
    };
    whole.ok_or_else(|| Fault::new(format!("`{name}` has a whole number")))
}

fn order(value: Value) -> Result<Order, Fault> {
    match value {
        Value::Int(1) | Value::Float(1.0) => Ok(Order::Values(Direction::Ascending)),
        Value::Int(-1) | Value::Float(-1.0) => Ok(Order::Values(Direction::Descending)),
        Value::Object(object) if !object.is_empty() => Ok(Order::Fields(Sort::read(Value::Object(object))?)),
        _ => Err(Fault::new("`$sort` is 1, -1, or an object of fields")),
    }
}

fn members(value: Value) -> Result<Vec<Value>, Fault> {
    match value {
        Value::Object(mut object) if object.get("$each").is_some() => {
            match (object.len(), object.remove("$each")) {
                (1, Some(each)) => list("`$each`", each),
                _ => Err(Fault::new("nothing can stand beside `$each`")),
            }
        }
        value => Ok(vec![literal(value)?]),
    }
}

fn pull(value: Value) -> Result<Pull, Fault> {
    match value {
        Value::Object(object) => matching(object),
        value => Ok(Pull::Equal(vec![literal(value)?])),
    }
}

fn matching(object: Object) -> Result<Pull, Fault> {
    Ok(Pull::Matching(Box::new(Filter::of_element(object)?)))
}
