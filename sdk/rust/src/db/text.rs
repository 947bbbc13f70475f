//! The JSON texts of a call, made when it is put together; a fault waits there until the call is made.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Error, Result};
use crate::json;

/// A filter, an update or a document as text.
#[derive(Clone, Debug)]
pub(super) struct Text(Result<String>);

impl Text {
    pub(super) fn new(value: &(impl Serialize + ?Sized)) -> Self {
        Self(json::text(value).map_err(Error::Invalid))
    }

    pub(super) fn get(&self) -> Result<&str> {
        self.0.as_deref().map_err(Clone::clone)
    }
}

/// A value that stands inside other JSON, such as `sort` in options.
#[derive(Clone, Debug)]
pub(super) struct Part(Result<Value>);

impl Part {
    pub(super) fn new(value: &(impl Serialize + ?Sized)) -> Self {
        Self(serde_json::to_value(value).map_err(|fault| Error::Invalid(fault.to_string())))
    }

    /// The value of a part that may not be there.
    pub(super) fn get(part: Option<&Self>) -> Result<Option<&Value>> {
        part.map(|part| part.0.as_ref().map_err(Clone::clone)).transpose()
    }
}

pub(super) fn write(value: &(impl Serialize + ?Sized)) -> Result<String> {
    json::text(value).map_err(Error::Invalid)
}

/// The text of one document: a list in its place would be stored as several.
pub(super) fn write_one(document: &(impl Serialize + ?Sized)) -> Result<String> {
    let text = write(document)?;
    match text.starts_with('[') {
        false => Ok(text),
        true => Err(Error::Invalid("a document is an object: `insert_many` stores a list".to_owned())),
    }
}

pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T> {
    json::value(text).map_err(Error::Mismatch)
}

pub(super) fn read_one<T: DeserializeOwned>(text: Option<String>) -> Result<Option<T>> {
    text.map(|text| read(&text)).transpose()
}

/// For options that are written only when they are set.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
pub(super) fn is_false(value: &bool) -> bool {
    !value
}
