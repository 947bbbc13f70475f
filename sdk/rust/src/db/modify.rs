//! A document, found and changed in one step.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::text::{self, Part, Text, is_false};
use super::{Collection, Result};

/// A change that answers the document, in the making.
#[derive(Clone, Debug)]
#[must_use = "nothing is changed before `run`"]
pub struct FindAndModify<'a> {
    collection: &'a Collection,
    filter: Text,
    change: Change,
    sort: Option<Part>,
    fields: Option<Part>,
    upsert: bool,
    after: bool,
}

/// The change, as the contract has it.
#[derive(Clone, Debug)]
pub(super) struct Change(Text);

impl Change {
    pub(super) fn update(update: &impl Serialize) -> Self {
        Self(Text::new(&Form::Update(update)))
    }

    pub(super) fn replace(document: &(impl Serialize + ?Sized)) -> Self {
        Self(Text::new(&Form::Replace(document)))
    }

    pub(super) fn delete() -> Self {
        Self(Text::new(&Form::<Value>::Delete(true)))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Form<'a, T: Serialize + ?Sized> {
    Update(&'a T),
    Replace(&'a T),
    Delete(bool),
}

/// As the contract has them.
#[derive(Serialize)]
struct Options<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sort: Option<&'a Value>,
    #[serde(skip_serializing_if = "is_false")]
    upsert: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<&'a Value>,
    #[serde(rename = "return", skip_serializing_if = "Option::is_none")]
    returning: Option<&'static str>,
}

impl<'a> FindAndModify<'a> {
    pub(super) fn new(collection: &'a Collection, filter: Text, change: Change) -> Self {
        Self { collection, filter, change, sort: None, fields: None, upsert: false, after: false }
    }

    /// Which document is the first.
    pub fn sort(mut self, sort: impl Serialize) -> Self {
        self.sort = Some(Part::new(&sort));
        self
    }

    /// Only these fields of the answer, or all but these.
    pub fn fields(mut self, fields: impl Serialize) -> Self {
        self.fields = Some(Part::new(&fields));
        self
    }

    /// Makes a document when none matches. Not for a deletion.
    pub fn upsert(mut self) -> Self {
        self.upsert = true;
        self
    }

    /// Answers the document as it is afterwards, not as it was before. Not for a deletion.
    pub fn return_after(mut self) -> Self {
        self.after = true;
        self
    }

    /// Makes the change and returns the document; none when none matched, or when one that was made is asked for as
    /// it was before.
    pub fn run<T: DeserializeOwned>(self) -> Result<Option<T>> {
        let (filter, change, options) = (self.filter.get()?, self.change.0.get()?, self.options()?);
        text::read_one(self.collection.handle.find_and_modify(filter, change, &options)?)
    }

    fn options(&self) -> Result<String> {
        text::write(&Options {
            sort: Part::get(self.sort.as_ref())?,
            upsert: self.upsert,
            fields: Part::get(self.fields.as_ref())?,
            returning: self.after.then_some("after"),
        })
    }
}
