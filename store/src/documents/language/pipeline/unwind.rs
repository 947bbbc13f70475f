//! `$unwind`: a document for each element of an array.

use super::super::path::Part;
use super::super::rules::{See, names_of};
use super::super::{Fault, Object, Path, Value};
use super::memory::Memory;

/// `$unwind`.
#[derive(Clone, Debug)]
pub(super) struct Unwind {
    path: Path,
    /// Whether what has no elements stays.
    keeps_empty: bool,
    /// Where the position of the element is put.
    index: Option<Path>,
}

/// A document whose elements come one by one.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// The document, as long as a further one can be made of it.
    rest: Option<Object>,
    elements: std::vec::IntoIter<Value>,
    /// Of the next element; none where there is no array.
    position: Option<i64>,
}

impl Unwind {
    /// Reads `"$tags"` or `{"path": "$tags", …}`.
    pub(super) fn read(value: Value) -> Result<Self, Fault> {
        let object = match value {
            Value::String(path) => Object::from_iter([("path".to_owned(), Value::String(path))]),
            Value::Object(object) => object,
            other => return Err(Fault::new(format!("a path or an object, not {}", other.described()))),
        };
        let (mut path, mut keeps_empty, mut index) = (None, false, None);
        for (name, value) in object {
            match (name.as_str(), value) {
                ("path", Value::String(text)) => match text.strip_prefix('$') {
                    Some(text) => path = Some(Path::parse(text)?),
                    None => return Err(Fault::new("`path` begins with `$`")),
                },
                ("preserveNullAndEmptyArrays", Value::Bool(keeps)) => keeps_empty = keeps,
                ("includeArrayIndex", Value::String(text)) => index = Some(Path::parse(&text)?),
                (name, value) => {
                    return Err(Fault::new(format!("`{name}` cannot be {}", value.described())));
                }
            }
        }
        let path = path.ok_or_else(|| Fault::new("`path` is needed"))?;
        Ok(Self { path, keeps_empty, index })
    }

    /// Shows the fields that it reads and sets.
    pub(super) fn names(&self, see: &mut See<'_>) {
        std::iter::once(&self.path).chain(&self.index).for_each(|path| see(&names_of(path)));
    }

    /// Takes the array out of a document.
    pub(super) fn open(&self, mut document: Object) -> Opened {
        let empty = |rest, position| Opened { rest, elements: Vec::new().into_iter(), position };
        match at(&mut document, self.path.parts()) {
            Some(Value::Array(elements)) if !elements.is_empty() => {
                let elements = std::mem::take(elements).into_iter();
                Opened { rest: Some(document), elements, position: Some(0) }
            }
            Some(Value::Array(_)) if self.keeps_empty => {
                remove(&mut document, self.path.parts());
                empty(Some(document), None)
            }
            None | Some(Value::Null) if self.keeps_empty => empty(Some(document), None),
            None | Some(Value::Null | Value::Array(_)) => empty(None, None),
            // What is no array is its own only element.
            Some(_) => empty(Some(document), None),
        }
    }

    /// The next document of one that is opened.
    pub(super) fn next(&self, opened: &mut Opened, unwound: &Memory) -> Result<Option<Object>, Fault> {
        let Some(position) = opened.position else {
            return Ok(opened.rest.take().map(|mut whole| {
                self.put_index(&mut whole, Value::Null);
                whole
            }));
        };
        let Some(element) = opened.elements.next() else {
            return Ok(None);
        };
        let document = match opened.elements.len() {
            0 => opened.rest.take(),
            _ => opened.rest.clone(),
        };
        let Some(mut document) = document else {
            return Ok(None);
        };
        unwound.take(document.weight())?;
        if let Some(place) = at(&mut document, self.path.parts()) {
            *place = element;
        }
        self.put_index(&mut document, Value::Int(position));
        opened.position = Some(position + 1);
        Ok(Some(document))
    }

    fn put_index(&self, document: &mut Object, position: Value) {
        if let Some(index) = &self.index {
            put(document, index.parts(), position);
        }
    }
}

/// What is at a path that leads through objects only.
fn at<'a>(object: &'a mut Object, parts: &[Part]) -> Option<&'a mut Value> {
    let (first, rest) = parts.split_first()?;
    let value = object.get_mut(&first.name)?;
    match (value, rest) {
        (value, []) => Some(value),
        (Value::Object(inner), rest) => at(inner, rest),
        _ => None,
    }
}

fn remove(object: &mut Object, parts: &[Part]) {
    match parts {
        [] => {}
        [last] => drop(object.remove(&last.name)),
        [first, rest @ ..] => {
            if let Some(Value::Object(inner)) = object.get_mut(&first.name) {
                remove(inner, rest);
            }
        }
    }
}

/// Sets a field, with objects in the place of whatever else is on the way.
fn put(object: &mut Object, parts: &[Part], value: Value) {
    match parts {
        [] => {}
        [last] => drop(object.insert(last.name.as_str(), value)),
        [first, rest @ ..] => {
            if !matches!(object.get(&first.name), Some(Value::Object(_))) {
                object.insert(first.name.as_str(), Value::Object(Object::new()));
            }
            if let Some(Value::Object(inner)) = object.get_mut(&first.name) {
                put(inner, rest, value);
            }
        }
    }
}
