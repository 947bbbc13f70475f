//! The objects of a bucket, page by page.

use std::vec;

use serde::{Deserialize, Serialize};

use super::{Error, Object, Result, options};
use crate::bindings::ostro::storage::objects;
use crate::json;

/// Objects of a page, at most.
const PAGE: u32 = 1_000;

/// An iterator over objects. After an error it is at its end.
#[derive(Debug)]
pub struct Objects<'a> {
    bucket: &'a objects::Bucket,
    prefix: String,
    page: vec::IntoIter<Object>,
    next: Next,
}

/// Which page comes next.
#[derive(Debug)]
enum Next {
    First,
    Behind(String),
    None,
}

/// As the contract has them.
#[derive(Serialize)]
struct Options<'a> {
    prefix: &'a str,
    limit: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    objects: Vec<Object>,
    cursor: Option<String>,
}

impl<'a> Objects<'a> {
    pub(super) fn new(bucket: &'a objects::Bucket, prefix: &str) -> Self {
        Self { bucket, prefix: prefix.to_owned(), page: Vec::new().into_iter(), next: Next::First }
    }

    /// Fetches the next page; false when there is none.
    fn turn(&mut self) -> Result<bool> {
        let cursor = match std::mem::replace(&mut self.next, Next::None) {
            Next::First => None,
            Next::Behind(cursor) => Some(cursor),
            Next::None => return Ok(false),
        };
        let options = options::text(&Options { prefix: &self.prefix, limit: PAGE, cursor })?;
        let page: Page = json::value(&self.bucket.list(&options)?).map_err(Error::Mismatch)?;
        self.next = page.cursor.map_or(Next::None, Next::Behind);
        self.page = page.objects.into_iter();
        Ok(true)
    }
}

impl Iterator for Objects<'_> {
    type Item = Result<Object>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(object) = self.page.next() {
                return Some(Ok(object));
            }
            match self.turn() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
