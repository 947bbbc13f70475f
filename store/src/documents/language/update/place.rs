//! Places: where an update changes a document, and the way there, which it makes where there is none.

use std::cmp::Ordering;
use std::fmt;

use super::super::path::{Part, Path, shown};
use super::super::{Fault, Object, Value};
use super::Work;
use super::change::Change;

/// Most elements that an array is filled up with, so that a position behind its end can be set.
const MAX_FILLING: usize = 1000;

/// `a.b`, `a.0.b` or `a.$[].b`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    parts: Vec<Way>,
}

/// From a value into what is inside of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    To(Part),
    /// `$[]`
    ToAll,
}

impl Place {
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let mut plain = Vec::new();
        let mut parts = Vec::new();
        for name in text.split('.') {
            match name {
                "$[]" if !parts.is_empty() => parts.push(Way::ToAll),
                "$" => return Err(refused(text, "`$` is not supported: give the position, or use `$[]`")),
                _ if name.starts_with("$[") => {
                    return Err(refused(text, "of `$[…]` only `$[]` behind an array is supported"));
                }
                _ => {
                    plain.push(name);
                    parts.push(Way::To(Part::new(name)));
                }
            }
        }
        // What a path may be holds for what is left without `$[]`.
        Path::parse(&plain.join("."))?;
        Ok(Self { parts })
    }

    pub(super) fn has_all(&self) -> bool {
        self.parts.contains(&Way::ToAll)
    }

    /// Whether one is the other or inside of it, or may be: `a.$[]` is each of `a.0`, `a.1` and so on.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let differs = self.parts.iter().zip(&other.parts).find(|(one, two)| one != two);
        differs.is_none_or(|(one, two)| *one == Way::ToAll || *two == Way::ToAll)
    }

    /// What stands between its dots.
    pub(super) fn names(&self) -> Vec<&str> {
        let names = self.parts.iter().map(|way| match way {
            Way::To(part) => part.name.as_str(),
            Way::ToAll => "$[]",
        });
        names.collect()
    }

    /// Changes what is there; whether it is another than before.
    pub(super) fn change(
        &self,
        document: &mut Object,
        change: &Change,
        work: &mut Work,
    ) -> Result<bool, Fault> {
        in_object(document, &self.parts, change, work)
    }

    /// Takes out what is there; an element of an array becomes null, so that the others stay where they are.
    pub(super) fn remove(&self, document: &mut Object) -> Result<bool, Fault> {
        remove_in_object(document, &self.parts)
    }

    /// Takes out a field that no array is on the way to.
    pub(super) fn take(&self, document: &mut Object) -> Result<Option<Value>, Fault> {
        let Some((Way::To(last), before)) = self.parts.split_last() else {
            return Ok(None);
        };
        let mut at = document;
        for step in before {
            let Way::To(part) = step else {
                return Ok(None);
            };
            match at.get_mut(&part.name) {
                Some(Value::Object(inner)) => at = inner,
                Some(Value::Array(_)) => return Err(Fault::new("nothing in an array can be renamed")),
                _ => return Ok(None),
            }
        }
        Ok(at.remove(&last.name))
    }

    /// Whether an array is on the way.
    pub(super) fn meets_array(&self, document: &Object) -> bool {
        let mut at = document;
        for step in self.parts.iter().take(self.parts.len().saturating_sub(1)) {
            match step {
                Way::ToAll => return true,
                Way::To(part) => match at.get(&part.name) {
                    Some(Value::Object(inner)) => at = inner,
                    Some(Value::Array(_)) => return true,
                    _ => return false,
                },
            }
        }
        false
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.parts.iter().enumerate() {
            let dot = if at > 0 { "." } else { "" };
            match step {
                Way::To(part) => write!(f, "{dot}{}", part.name)?,
                Way::ToAll => write!(f, "{dot}$[]")?,
            }
        }
        Ok(())
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts.cmp(&other.parts)
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Numbers by their size and before names.
impl Ord for Way {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |step: &Self| match step {
            Self::To(Part { position: Some(position), .. }) => (0, *position),
            Self::To(_) => (1, 0),
            Self::ToAll => (2, 0),
        };
        let name = |step: &Self| match step {
            Self::To(part) => part.name.clone(),
            Self::ToAll => String::new(),
        };
        rank(self).cmp(&rank(other)).then_with(|| name(self).cmp(&name(other)))
    }
}

impl PartialOrd for Way {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn refused(text: &str, why: &str) -> Fault {
    Fault::new(format!("path `{}`: {why}", shown(text)))
}

fn in_object(object: &mut Object, parts: &[Way], change: &Change, work: &mut Work) -> Result<bool, Fault> {
    let (part, rest) = match parts.split_first() {
        Some((Way::To(part), rest)) => (part, rest),
        _ => return Err(Fault::new("`$[]` stands behind an array")),
    };
    if let Some(inner) = object.get_mut(&part.name) {
        return in_value(inner, rest, change, work);
    }
    match made(rest, change, work)? {
        None => Ok(false),
        Some(value) => {
            work.spend(part.name.len())?;
            object.push(part.name.clone(), value);
            Ok(true)
        }
    }
}

fn in_value(value: &mut Value, parts: &[Way], change: &Change, work: &mut Work) -> Result<bool, Fault> {
    match (value, parts.first()) {
        (value, None) => change.edit(value, work),
        (Value::Object(object), Some(_)) => in_object(object, parts, change, work),
        (Value::Array(elements), Some(Way::ToAll)) => {
            let mut is_changed = false;
            let rest = parts.get(1..).unwrap_or_default();
            for element in elements {
                is_changed |= in_value(element, rest, change, work)?;
            }
            Ok(is_changed)
        }
        (Value::Array(elements), Some(Way::To(part))) => {
            in_array(elements, part, parts.get(1..).unwrap_or_default(), change, work)
        }
        (other, Some(Way::ToAll)) => Err(Fault::new(format!("`$[]` behind {}", other.described()))),
        // What only takes away has nothing to do here.
        (_, Some(Way::To(_))) if !change.makes() => Ok(false),
        (other, Some(Way::To(part))) => Err(Fault::new(format!(
            "there is {} where the field `{}` should be made",
            other.described(),
            part.name
        ))),
    }
}

fn in_array(
    elements: &mut Vec<Value>,
    part: &Part,
    rest: &[Way],
    change: &Change,
    work: &mut Work,
) -> Result<bool, Fault> {
    let Some(position) = part.position else {
        return match change.makes() {
            true => {
                Err(Fault::new(format!("there is an array where the field `{}` should be made", part.name)))
            }
            false => Ok(false),
        };
    };
    if let Some(element) = elements.get_mut(position) {
        return in_value(element, rest, change, work);
    }
    let Some(value) = made(rest, change, work)? else {
        return Ok(false);
    };
    let filling = position - elements.len();
    if filling > MAX_FILLING {
        return Err(Fault::new(format!(
            "the position is {filling} behind the array's end, {MAX_FILLING} at most"
        )));
    }
    work.spend(filling * size_of::<Value>())?;
    elements.resize(position, Value::Null);
    elements.push(value);
    Ok(true)
}

/// What is put where nothing was: the change's own value inside of the objects that lead to it.
fn made(parts: &[Way], change: &Change, work: &mut Work) -> Result<Option<Value>, Fault> {
    if parts.contains(&Way::ToAll) {
        return Err(Fault::new("`$[]` where there is no array"));
    }
    let Some(mut value) = change.fresh(work)? else {
        return Ok(None);
    };
    for step in parts.iter().rev() {
        if let Way::To(part) = step {
            work.spend(part.name.len() + size_of::<(String, Value)>())?;
            value = Value::Object(Object::from_iter([(part.name.clone(), value)]));
        }
    }
    Ok(Some(value))
}

fn remove_in_object(object: &mut Object, parts: &[Way]) -> Result<bool, Fault> {
    match parts.split_first() {
        Some((Way::To(part), [])) => Ok(object.remove(&part.name).is_some()),
        Some((Way::To(part), rest)) => match object.get_mut(&part.name) {
            Some(value) => remove_in_value(value, rest),
            None if rest.contains(&Way::ToAll) => Err(Fault::new("`$[]` where there is no array")),
            None => Ok(false),
        },
        _ => Err(Fault::new("`$[]` stands behind an array")),
    }
}

/// `parts` has at least one.
fn remove_in_value(value: &mut Value, parts: &[Way]) -> Result<bool, Fault> {
    let (elements, (way, rest)) = match (value, parts.split_first()) {
        (Value::Object(object), _) => return remove_in_object(object, parts),
        (Value::Array(elements), Some(parts)) => (elements, parts),
        (other, Some((Way::ToAll, _))) => {
            return Err(Fault::new(format!("`$[]` behind {}", other.described())));
        }
        _ => return Ok(false),
    };
    let wanted = match way {
        Way::ToAll => 0..elements.len(),
        Way::To(Part { position: Some(position), .. }) => *position..position.saturating_add(1),
        Way::To(_) => return Ok(false),
    };
    let mut is_changed = false;
    for element in elements.get_mut(wanted).unwrap_or_default() {
        is_changed |= match rest.is_empty() {
            true => std::mem::replace(element, Value::Null) != Value::Null,
            false => remove_in_value(element, rest)?,
        };
    }
    Ok(is_changed)
}
