//! Documents that match: in order, in part, page by page.

use std::vec;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::text::{self, Part, Text};
use super::{Collection, Result};

/// Most documents of a page.
const MAX_PAGE: u64 = 1_000;
/// Documents of a page when they are looked at one after the other, and nobody has said how many.
const PAGE: u64 = 100;

/// A question for documents in the making.
#[derive(Clone, Debug)]
#[must_use = "nothing is looked for before `all`, `first` or `iter`"]
pub struct Find<'a> {
    collection: &'a Collection,
    filter: Text,
    sort: Option<Part>,
    fields: Option<Part>,
    skip: u64,
    limit: Option<u64>,
    page: Option<u64>,
}

/// As the contract has them.
#[derive(Serialize)]
struct Options<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sort: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip: Option<u64>,
    limit: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
}

#[derive(Deserialize)]
struct Page<T> {
    documents: Vec<T>,
    cursor: Option<String>,
}

impl<'a> Find<'a> {
    pub(super) fn new(collection: &'a Collection, filter: Text) -> Self {
        Self { collection, filter, sort: None, fields: None, skip: 0, limit: None, page: None }
    }

    /// In which order: `json!({ "age": -1, "name": 1 })`, or `[("age", -1), ("name", 1)]`.
    pub fn sort(mut self, sort: impl Serialize) -> Self {
        self.sort = Some(Part::new(&sort));
        self
    }

    /// Passes over so many, up to 1,000,000.
    pub fn skip(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    /// At most so many in all.
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Only these fields, or all but these: a projection, such as `json!({ "name": 1 })`.
    pub fn fields(mut self, fields: impl Serialize) -> Self {
        self.fields = Some(Part::new(&fields));
        self
    }

    /// How many documents a page has: what one call of the server fetches, 1 to 1,000.
    pub fn page_size(mut self, documents: u64) -> Self {
        self.page = Some(documents);
        self
    }

    /// All of them.
    pub fn all<T: DeserializeOwned>(mut self) -> Result<Vec<T>> {
        self.page.get_or_insert(MAX_PAGE);
        self.iter().collect()
    }

    /// The first one, if there is any.
    pub fn first<T: DeserializeOwned>(self) -> Result<Option<T>> {
        self.limit(1).iter().next().transpose()
    }

    /// One after the other, fetched in pages as they are asked for. What is written in between neither repeats nor
    /// hides the others.
    pub fn iter<T: DeserializeOwned>(self) -> Documents<'a, T> {
        let left = self.limit.unwrap_or(u64::MAX);
        Documents { find: self, page: Vec::new().into_iter(), next: Next::First, left }
    }

    /// The options for a page of at most `left` documents.
    fn options(&self, left: u64, cursor: Option<&str>) -> Result<String> {
        text::write(&Options {
            sort: Part::get(self.sort.as_ref())?,
            // A cursor is behind what was passed over.
            skip: Some(self.skip).filter(|skip| *skip > 0 && cursor.is_none()),
            limit: self.page.unwrap_or(PAGE).min(left),
            fields: Part::get(self.fields.as_ref())?,
            cursor,
        })
    }
}

/// An iterator over documents. After an error it is at its end.
#[derive(Debug)]
pub struct Documents<'a, T> {
    find: Find<'a>,
    page: vec::IntoIter<T>,
    next: Next,
    /// How many may still be fetched.
    left: u64,
}

/// Which page comes next.
#[derive(Debug)]
enum Next {
    First,
    Behind(String),
    None,
}

impl<T: DeserializeOwned> Documents<'_, T> {
    /// Fetches the next page; false when there is none.
    fn turn(&mut self) -> Result<bool> {
        let cursor = match std::mem::replace(&mut self.next, Next::None) {
            _ if self.left == 0 => return Ok(false),
            Next::First => None,
            Next::Behind(cursor) => Some(cursor),
            Next::None => return Ok(false),
        };
        let options = self.find.options(self.left, cursor.as_deref())?;
        let answer = self.find.collection.handle.find(self.find.filter.get()?, &options)?;
        let page: Page<T> = text::read(&answer)?;
        self.left = self.left.saturating_sub(page.documents.len() as u64);
        self.next = page.cursor.map_or(Next::None, Next::Behind);
        self.page = page.documents.into_iter();
        Ok(true)
    }
}

impl<T: DeserializeOwned> Iterator for Documents<'_, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(document) = self.page.next() {
                return Some(Ok(document));
            }
            match self.turn() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
