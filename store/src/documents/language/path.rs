//! Paths: `a.b.0.c`, and MongoDB's walk along them through objects and arrays.

use super::{Fault, MAX_DEPTH, Object, Value};

/// Longest path, bytes.
const MAX_BYTES: usize = 1024;
/// A number in a path may be a position in an array and a name in each of its elements: both ways are walked, so that
/// each number can double the work.
const MAX_NUMBERS: usize = 8;

/// A dotted path, parsed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    text: String,
    parts: Vec<Part>,
}

/// What stands between two dots.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Part {
    /// As a name of a field.
    pub(crate) name: String,
    /// As a position in an array, if it is a number.
    pub(crate) position: Option<usize>,
}

/// How an array at the end of a path is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtEnd {
    /// Its elements one by one, then the array itself.
    ElementsAndArray,
    /// Only the array itself.
    Array,
}

impl Path {
    /// Reads a path: 1 to 100 names between dots, none empty, none beginning with `$`, no NUL, 1 KiB at most; at most 8
    /// of the names are numbers.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let fault = |what: String| Err(Fault::new(format!("path `{}`: {what}", shown(text))));
        if text.len() > MAX_BYTES {
            return fault(format!("{} bytes, {MAX_BYTES} at most", text.len()));
        }
        let parts: Vec<Part> = text.split('.').map(Part::new).collect();
        if parts.iter().any(|part| part.name.is_empty()) {
            return fault("a name is empty".to_owned());
        }
        if parts.iter().any(|part| part.name.starts_with('$')) {
            return fault("a name begins with `$`".to_owned());
        }
        if text.contains('\0') {
            return fault("there is a NUL in it".to_owned());
        }
        if parts.len() > MAX_DEPTH {
            return fault(format!("{} names, {MAX_DEPTH} at most", parts.len()));
        }
        if parts.iter().filter(|part| part.position.is_some()).count() > MAX_NUMBERS {
            return fault(format!("more than {MAX_NUMBERS} numbers"));
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The values that `distinct` finds at the path: an array counts as its elements, nothing as nothing.
    pub fn distinct<'a>(&self, object: &'a Object) -> Vec<&'a Value> {
        let mut found = Vec::new();
        self.any(object, AtEnd::Array, &mut |value| {
            match value {
                Some(Value::Array(elements)) => found.extend(elements),
                Some(value) => found.push(value),
                None => {}
            }
            false
        });
        found
    }

    /// What stands between the dots.
    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether one path begins with the other, or is it.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.parts.iter().zip(&other.parts).all(|(one, two)| one.name == two.name)
    }

    /// What is left of a path behind that one.
    pub(crate) fn behind<'a>(&self, longer: &'a str) -> Option<&'a str> {
        longer.strip_prefix(self.text.as_str())?.strip_prefix('.')
    }

    /// Shows what is at the path, until `see` answers true; so does this, then.
    ///
    /// A way that ends too early shows `None`. Where an array stands on the way, it goes on in each element that is an
    /// object, and where the next name is a number, also in the element at that position; elements that are neither
    /// show nothing. An array that only a position leads to is shown as one value, even at the end.
    pub(crate) fn any<'a>(
        &self,
        object: &'a Object,
        at_end: AtEnd,
        see: &mut dyn FnMut(Option<&'a Value>) -> bool,
    ) -> bool {
        in_object(object, &self.parts, at_end, see)
    }

    /// Whether an array stands on the way or at its end.
    pub(crate) fn meets_array(&self, object: &Object) -> bool {
        let mut at = object;
        for part in &self.parts {
            match at.get(&part.name) {
                Some(Value::Object(inner)) => at = inner,
                Some(Value::Array(_)) => return true,
                _ => return false,
            }
        }
        false
    }
}

impl Part {
    /// A name, and a position where it is a number without needless zeros.
    pub(crate) fn new(name: &str) -> Self {
        let is_number = name.bytes().all(|byte| byte.is_ascii_digit())
            && (name == "0" || !name.starts_with('0'))
            && !name.is_empty();
        let position = if is_number { name.parse().ok() } else { None };
        Self { name: name.to_owned(), position }
    }
}

type See<'s, 'a> = dyn FnMut(Option<&'a Value>) -> bool + 's;

fn in_object<'a>(object: &'a Object, parts: &[Part], at_end: AtEnd, see: &mut See<'_, 'a>) -> bool {
    let Some((first, rest)) = parts.split_first() else {
        return false;
    };
    match (object.get(&first.name), rest) {
        (Some(Value::Array(elements)), []) if at_end == AtEnd::ElementsAndArray => {
            elements.iter().any(|element| see(Some(element))) || see(object.get(&first.name))
        }
        (value, []) => see(value),
        (Some(Value::Object(inner)), _) => in_object(inner, rest, at_end, see),
        (Some(Value::Array(elements)), _) => in_array(elements, rest, at_end, see),
        // A way that ends in something that has no fields.
        _ => see(None),
    }
}

/// `parts` has at least one part.
fn in_array<'a>(elements: &'a [Value], parts: &[Part], at_end: AtEnd, see: &mut See<'_, 'a>) -> bool {
    let in_objects = elements.iter().any(|element| match element {
        Value::Object(object) => in_object(object, parts, at_end, see),
        _ => false,
    });
    if in_objects {
        return true;
    }
    let Some((first, rest)) = parts.split_first() else {
        return false;
    };
    match (first.position.and_then(|position| elements.get(position)), rest) {
        (None, _) => false,
        (Some(element), []) => see(Some(element)),
        (Some(Value::Object(object)), _) => in_object(object, rest, at_end, see),
        (Some(Value::Array(inner)), _) => in_array(inner, rest, at_end, see),
        (Some(_), _) => false,
    }
}

/// The beginning of a text from outside, for a fault.
pub(crate) fn shown(text: &str) -> &str {
    /// Enough to recognise it by.
    const MOST: usize = 80;
    text.char_indices().nth(MOST).map_or(text, |(at, _)| text.get(..at).unwrap_or(text))
}
