//! Extended JSON to values: relaxed and canonical forms, straight from the parser's events.

use std::collections::HashSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

use super::super::{Fault, MAX_DEPTH, MAX_PATTERNS, MAX_QUERY_BYTES, Object, Value};
use super::dates;

/// Up to here the names of an object are compared with each other, from here on they are hashed.
const FEW_FIELDS: usize = 16;

/// What names may begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// Those of a document: never with `$`.
    OfFields,
    /// Those of a query: operators begin with `$`.
    OfOperators,
}

/// Reads one value of at most `max_bytes`.
pub(crate) fn read(json: &str, max_bytes: usize, names: Names) -> Result<Value, Fault> {
    if json.len() > max_bytes {
        return Err(Fault::new(format!("{} bytes of JSON, {max_bytes} at most", json.len())));
    }
    let mut parser = serde_json::Deserializer::from_str(json);
    let read = ValueSeed { names, depth: 0 }.deserialize(&mut parser);
    let value = read.and_then(|value| parser.end().map(|()| value));
    value.map_err(|error| Fault::new(format!("not a value: {error}")))
}

/// Reads what is asked: a filter, an update and the like; `what` is its name in a fault.
pub(crate) fn read_query(json: &str, what: &str) -> Result<Value, Fault> {
    let read = read(json, MAX_QUERY_BYTES, Names::OfOperators);
    let query = read.map_err(|fault| Fault::new(format!("{what}: {}", fault.message)))?;
    // Each takes many times its length to be compiled, and a pipeline, a projection or an update has many filters.
    match patterns(&query) <= MAX_PATTERNS {
        true => Ok(query),
        false => Err(Fault::new(format!("{what}: more than {MAX_PATTERNS} patterns"))),
    }
}

/// How many patterns there are in it.
pub(crate) fn patterns(query: &Value) -> usize {
    match query {
        Value::Array(all) => all.iter().map(patterns).sum(),
        Value::Object(object) => {
            object.iter().map(|(name, value)| usize::from(name == "$regex") + patterns(value)).sum()
        }
        _ => 0,
    }
}

#[derive(Clone, Copy)]
struct ValueSeed {
    names: Names,
    /// Objects and arrays around the value.
    depth: usize,
}

impl ValueSeed {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.depth {
            MAX_DEPTH.. => Err(E::custom(format!("deeper than {MAX_DEPTH} levels"))),
            depth => Ok(Self { depth: depth + 1, ..self }),
        }
    }

    /// The rest of an object whose first name is that one.
    fn object<'de, A: MapAccess<'de>>(self, first: String, mut map: A) -> Result<Value, A::Error> {
        let mut object = Object::new();
        let mut next = Some(first);
        while let Some(name) = next {
            self.check_name(&name)?;
            if object.len() < FEW_FIELDS && object.get(&name).is_some() {
                return Err(A::Error::custom(format!("the name `{name}` stands twice in an object")));
            }
            let value = map.next_value_seed(self)?;
            object.push(name, value);
            next = map.next_key()?;
        }
        if object.len() > FEW_FIELDS {
            let mut seen = HashSet::with_capacity(object.len());
            if let Some((twice, _)) = object.iter().find(|(name, _)| !seen.insert(*name)) {
                return Err(A::Error::custom(format!("the name `{twice}` stands twice in an object")));
            }
        }
        Ok(Value::Object(object))
    }

    fn check_name<E: serde::de::Error>(self, name: &str) -> Result<(), E> {
        if name.contains('\0') {
            return Err(E::custom("a name has a NUL in it"));
        }
        if self.names == Names::OfFields && name.starts_with('$') {
            return Err(E::custom(format!("the name `{name}` begins with `$`")));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, is_true: bool) -> Result<Value, E> {
        Ok(Value::Bool(is_true))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        // Beyond 64 bits with a sign it is a double, as MongoDB's shell and drivers have it.
        Ok(i64::try_from(number).map_or(Value::Float(number as f64), Value::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut values = Vec::new();
        while let Some(value) = elements.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let Some(first) = map.next_key::<String>()? else {
            return Ok(Value::Object(Object::new()));
        };
        if !is_extended(&first) {
            return inner.object(first, map);
        }
        let value = map.next_value_seed(ValueSeed { names: Names::OfOperators, ..inner })?;
        if map.next_key::<String>()?.is_some() {
            return Err(A::Error::custom(format!("nothing can stand beside `{first}`")));
        }
        extended(&first, &value).map_err(A::Error::custom)
    }
}

/// Whether an object with that name in it is a value of its own in Extended JSON.
fn is_extended(name: &str) -> bool {
    name.starts_with('$')
        && matches!(
            name,
            "$date"
                | "$binary"
                | "$numberLong"
                | "$numberInt"
                | "$numberDouble"
                | "$oid"
                | "$uuid"
                | "$numberDecimal"
                | "$timestamp"
                | "$regularExpression"
                | "$minKey"
                | "$maxKey"
                | "$undefined"
                | "$symbol"
                | "$code"
                | "$dbPointer"
        )
}

fn extended(name: &str, value: &Value) -> Result<Value, String> {
    let read = match (name, value) {
        ("$date", Value::String(text)) => dates::parse(text).map(Value::Date),
        ("$date", Value::Int(date_ms)) => Some(Value::Date(*date_ms)),
        ("$binary", Value::Object(object)) => return binary(object),
        ("$numberLong", Value::String(digits)) => digits.parse().ok().map(Value::Int),
        ("$numberInt", Value::String(digits)) => digits.parse::<i32>().ok().map(|n| Value::Int(n.into())),
        ("$numberDouble", Value::String(digits)) => double(digits).map(Value::Float),
        ("$date" | "$binary" | "$numberLong" | "$numberInt" | "$numberDouble", _) => None,
        _ => return Err(format!("values of `{name}` are not supported")),
    };
    read.ok_or_else(|| format!("this is no `{name}`"))
}

fn binary(object: &Object) -> Result<Value, String> {
    let (Some(Value::String(base64)), Some(Value::String(sub_type)), 2) =
        (object.get("base64"), object.get("subType"), object.len())
    else {
        return Err("`$binary` has `base64` and `subType`, both texts".to_owned());
    };
    if !matches!(sub_type.as_str(), "0" | "00") {
        return Err("of `$binary` only the `subType` \"00\" is supported".to_owned());
    }
    STANDARD.decode(base64).map(Value::Binary).map_err(|error| format!("`base64` of `$binary`: {error}"))
}

fn double(digits: &str) -> Option<f64> {
    match digits {
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        // Rust reads words such as `inf` too, which are none of Extended JSON.
        _ if digits.contains(['i', 'n', 'I', 'N']) => None,
        _ => digits.parse().ok(),
    }
}
