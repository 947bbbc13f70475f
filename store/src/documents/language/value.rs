//! Values: what a document is made of, and the document itself.

use super::{Fault, MAX_DEPTH, MAX_DOCUMENT_BYTES, MAX_ID_BYTES, json};

/// A value of a field. `==` tells apart what a guest can tell apart: `Int(1)` is not `Float(1.0)`. What MongoDB holds
/// to be equal is told by [`Value::compare`].
#[derive(Clone, Debug)]
pub enum Value {
    /// Null.
    Null,
    /// True or false.
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A double.
    Float(f64),
    /// Text.
    String(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// Milliseconds since 1970.
    Date(i64),
    /// Values in order.
    Array(Vec<Value>),
    /// Fields in order.
    Object(Object),
}

/// Fields in order, each name once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    fields: Vec<(String, Value)>,
}

/// An object with an `_id`, a text of 1 to [`MAX_ID_BYTES`] bytes, which stands first.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    object: Object,
}

impl Value {
    /// Reads relaxed or canonical Extended JSON of at most [`MAX_DOCUMENT_BYTES`].
    pub fn parse(json: &str) -> Result<Self, Fault> {
        json::read(json, MAX_DOCUMENT_BYTES, json::Names::OfFields)
    }

    /// Relaxed Extended JSON.
    pub fn to_json(&self) -> String {
        json::write(self)
    }

    /// How many objects and arrays stand within each other; looks no deeper than one beyond [`MAX_DEPTH`].
    pub(crate) fn depth(&self) -> usize {
        self.depth_within(MAX_DEPTH + 1)
    }

    fn depth_within(&self, bound: usize) -> usize {
        let deepest = |values: &mut dyn Iterator<Item = &Self>| match bound {
            0 => 0,
            _ => 1 + values.map(|value| value.depth_within(bound - 1)).max().unwrap_or(0),
        };
        match self {
            Self::Array(values) => deepest(&mut values.iter()),
            Self::Object(object) => deepest(&mut object.fields.iter().map(|(_, value)| value)),
            _ => 0,
        }
    }

    /// About how much memory it takes, bytes.
    pub(crate) fn weight(&self) -> usize {
        let own = size_of::<Self>();
        match self {
            Self::String(text) => own + text.len(),
            Self::Binary(bytes) => own + bytes.len(),
            Self::Array(values) => own + values.iter().map(Self::weight).sum::<usize>(),
            Self::Object(object) => own + object.weight(),
            _ => own,
        }
    }

    /// What it is, in the words of a fault: "an array".
    pub(crate) fn described(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::String(_) => "a text",
            Self::Binary(_) => "binary data",
            Self::Date(_) => "a date",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(two)) => one == two,
            (Self::Int(one), Self::Int(two)) | (Self::Date(one), Self::Date(two)) => one == two,
            (Self::Float(one), Self::Float(two)) => one.to_bits() == two.to_bits(),
            (Self::String(one), Self::String(two)) => one == two,
            (Self::Binary(one), Self::Binary(two)) => one == two,
            (Self::Array(one), Self::Array(two)) => one == two,
            (Self::Object(one), Self::Object(two)) => one == two,
            _ => false,
        }
    }
}

impl Object {
    /// An object without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads an object of at most [`MAX_DOCUMENT_BYTES`], with or without `_id`.
    pub fn parse(json: &str) -> Result<Self, Fault> {
        match Value::parse(json)? {
            Value::Object(object) => Ok(object),
            other => Err(Fault::new(format!("a document is an object, this is {}", other.described()))),
        }
    }

    /// Relaxed Extended JSON.
    pub fn to_json(&self) -> String {
        json::write(self)
    }

    /// The value of that field.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The value of that field, to change it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.fields.iter_mut().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Sets a field, where it stands or at the end, and gives back what it was before.
    pub fn insert(&mut self, name: impl Into<String>, value: Value) -> Option<Value> {
        let name = name.into();
        if let Some(place) = self.get_mut(&name) {
            return Some(std::mem::replace(place, value));
        }
        self.fields.push((name, value));
        None
    }

    /// Takes a field out; the others keep their order.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let at = self.fields.iter().position(|(known, _)| known == name)?;
        Some(self.fields.remove(at).1)
    }

    /// The fields in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Adds a field whose name is known to be new.
    pub(crate) fn push(&mut self, name: String, value: Value) {
        self.fields.push((name, value));
    }

    /// About how much memory it takes, bytes.
    pub(crate) fn weight(&self) -> usize {
        let field = |(name, value): &(String, Value)| size_of::<String>() + name.len() + value.weight();
        size_of::<Self>() + self.fields.iter().map(field).sum::<usize>()
    }
}

/// Of names that are known to differ.
impl FromIterator<(String, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(fields: I) -> Self {
        Self { fields: fields.into_iter().collect() }
    }
}

impl IntoIterator for Object {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.fields.into_iter()
    }
}

impl Document {
    /// Reads a document of at most [`MAX_DOCUMENT_BYTES`] that has an `_id`; it is moved to the front.
    pub fn parse(json: &str) -> Result<Self, Fault> {
        Self::new(Object::parse(json)?, || Err(Fault::new("a document needs an `_id`")))
    }

    /// Makes a document of an object: moves its `_id` to the front, or gives it the new one. A fault where `_id` is
    /// none, or where the object is deeper than [`MAX_DEPTH`].
    pub fn new(mut object: Object, new_id: impl FnOnce() -> Result<String, Fault>) -> Result<Self, Fault> {
        let stands_first = object.fields.first().is_some_and(|(name, _)| name == "_id");
        if !stands_first {
            let id = match object.remove("_id") {
                Some(id) => id,
                None => Value::String(new_id()?),
            };
            object.fields.insert(0, ("_id".to_owned(), id));
        }
        check_id(object.get("_id"))?;
        let deepest = object.fields.iter().map(|(_, value)| value.depth()).max().unwrap_or(0);
        if deepest >= MAX_DEPTH {
            return Err(Fault::new(format!("the document is deeper than {MAX_DEPTH} levels")));
        }
        Ok(Self { object })
    }

    /// Its `_id`.
    pub fn id(&self) -> &str {
        match self.object.get("_id") {
            Some(Value::String(id)) => id,
            _ => "",
        }
    }

    /// All its fields.
    pub fn object(&self) -> &Object {
        &self.object
    }

    /// All its fields.
    pub fn into_object(self) -> Object {
        self.object
    }

    /// Relaxed Extended JSON, as it is stored; a fault when it is longer than [`MAX_DOCUMENT_BYTES`].
    pub fn to_json(&self) -> Result<String, Fault> {
        let json = self.object.to_json();
        match json.len() {
            0..=MAX_DOCUMENT_BYTES => Ok(json),
            long => Err(Fault::new(format!("the document has {long} bytes, {MAX_DOCUMENT_BYTES} at most"))),
        }
    }
}

fn check_id(id: Option<&Value>) -> Result<(), Fault> {
    match id {
        Some(Value::String(id)) if id.is_empty() => Err(Fault::new("`_id` is empty")),
        Some(Value::String(id)) if id.contains('\0') => Err(Fault::new("`_id` has a NUL in it")),
        Some(Value::String(id)) if id.len() > MAX_ID_BYTES => {
            Err(Fault::new(format!("`_id` has {} bytes, {MAX_ID_BYTES} at most", id.len())))
        }
        Some(Value::String(_)) => Ok(()),
        Some(other) => Err(Fault::new(format!("`_id` is a text, this is {}", other.described()))),
        None => Err(Fault::new("a document needs an `_id`")),
    }
}
