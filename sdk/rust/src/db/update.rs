//! Changes of documents that matched.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::text::{self, Part, Text, is_false};
use super::{Collection, Result};

/// An update or a replacement in the making.
#[derive(Clone, Debug)]
#[must_use = "nothing is changed before `run`"]
pub struct Update<'a> {
    collection: &'a Collection,
    filter: Text,
    change: Change,
    sort: Option<Part>,
    upsert: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Operators { update: Text, many: bool },
    Replacement(Text),
}

/// What a change came to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Updated {
    /// How many documents matched.
    pub matched: u64,
    /// How many of them are not as they were.
    pub modified: u64,
    /// The `_id` of the document that was made because none matched.
    #[serde(default)]
    pub upserted: Option<String>,
}

/// As the contract has them.
#[derive(Serialize)]
struct Options<'a> {
    #[serde(skip_serializing_if = "is_false")]
    many: bool,
    #[serde(skip_serializing_if = "is_false")]
    upsert: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort: Option<&'a Value>,
}

impl<'a> Update<'a> {
    pub(super) fn operators(collection: &'a Collection, (filter, update): (Text, Text), many: bool) -> Self {
        let change = Change::Operators { update, many };
        Self { collection, filter, change, sort: None, upsert: false }
    }

    pub(super) fn replacement(collection: &'a Collection, (filter, document): (Text, Text)) -> Self {
        Self { collection, filter, change: Change::Replacement(document), sort: None, upsert: false }
    }

    /// Makes a document when none matches.
    pub fn upsert(mut self) -> Self {
        self.upsert = true;
        self
    }

    /// Which document is the first; for one document only.
    pub fn sort(mut self, sort: impl Serialize) -> Self {
        self.sort = Some(Part::new(&sort));
        self
    }

    /// Makes the change.
    pub fn run(self) -> Result<Updated> {
        let (filter, options, handle) = (self.filter.get()?, self.options()?, &self.collection.handle);
        let answer = match &self.change {
            Change::Operators { update, .. } => handle.update(filter, update.get()?, &options)?,
            Change::Replacement(document) => handle.replace(filter, document.get()?, &options)?,
        };
        text::read(&answer)
    }

    fn options(&self) -> Result<String> {
        let many = matches!(self.change, Change::Operators { many: true, .. });
        text::write(&Options { many, upsert: self.upsert, sort: Part::get(self.sort.as_ref())? })
    }
}
