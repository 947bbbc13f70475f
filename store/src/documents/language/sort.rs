//! Sorts: in which order documents come.

use super::entries::keys_at;
use super::{Fault, Object, Path, Value, json};

/// Most fields of a sort.
const MAX_FIELDS: usize = 32;

/// An order of documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    fields: Vec<(Path, Direction)>,
}

/// Which end of the order comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The lowest first: 1.
    Ascending,
    /// The highest first: -1.
    Descending,
}

impl Sort {
    /// Reads `{"age": -1, "name": 1}` or `[["age", -1], ["name", 1]]`: at most 32 fields.
    pub fn parse(json: &str) -> Result<Self, Fault> {
        Self::read(json::read_query(json, "sort")?)
    }

    pub(crate) fn read(value: Value) -> Result<Self, Fault> {
        let pairs: Vec<(String, Value)> = match value {
            Value::Object(object) => object.into_iter().collect(),
            Value::Array(pairs) => pairs.into_iter().map(pair).collect::<Result<_, _>>()?,
            other => return Err(Fault::new(format!("sort: an object, not {}", other.described()))),
        };
        if pairs.len() > MAX_FIELDS {
            return Err(Fault::new(format!("sort: {} fields, {MAX_FIELDS} at most", pairs.len())));
        }
        let mut fields: Vec<(Path, Direction)> = Vec::with_capacity(pairs.len());
        for (name, direction) in pairs {
            let path = Path::parse(&name).map_err(|fault| Fault::new(format!("sort: {}", fault.message)))?;
            if fields.iter().any(|(known, _)| *known == path) {
                return Err(Fault::new(format!("sort: `{name}` stands there twice")));
            }
            fields.push((path, Direction::read(&name, &direction)?));
        }
        Ok(Self { fields })
    }

    /// Bytes by which documents compare in this order. Of an array the lowest element counts, or the highest where the
    /// highest come first.
    pub fn key(&self, document: &Object) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (path, direction) in &self.fields {
            let keys = keys_at(document, path);
            match direction {
                Direction::Ascending => bytes.extend(keys.into_iter().next().unwrap_or_default()),
                Direction::Descending => {
                    bytes.extend(keys.into_iter().next_back().unwrap_or_default().iter().map(|byte| !byte));
                }
            }
        }
        bytes
    }

    /// The fields, the most important first.
    pub fn fields(&self) -> &[(Path, Direction)] {
        &self.fields
    }

    /// Whether no order is asked for.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

impl Direction {
    fn read(name: &str, value: &Value) -> Result<Self, Fault> {
        match value {
            Value::Int(1) => Ok(Self::Ascending),
            Value::Int(-1) => Ok(Self::Descending),
            Value::Float(1.0) => Ok(Self::Ascending),
            Value::Float(-1.0) => Ok(Self::Descending),
            _ => Err(Fault::new(format!("sort: `{name}` is 1 or -1"))),
        }
    }
}

/// `["age", -1]`.
fn pair(value: Value) -> Result<(String, Value), Fault> {
    let fault = || Fault::new("sort: a list has pairs of a field and 1 or -1");
    let Value::Array(pair) = value else {
        return Err(fault());
    };
    match <[Value; 2]>::try_from(pair) {
        Ok([Value::String(name), direction]) => Ok((name, direction)),
        _ => Err(fault()),
    }
}
