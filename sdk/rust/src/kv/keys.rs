//! The keys of a namespace, page by page.

use std::vec;

use super::{Namespace, Result};

/// An iterator over keys. After an error it is at its end.
#[derive(Debug)]
pub struct Keys<'a> {
    namespace: &'a Namespace,
    page: vec::IntoIter<String>,
    /// Where the next page begins; none when there is no next one.
    next: Option<From>,
}

#[derive(Debug)]
enum From {
    Start,
    Cursor(String),
}

impl<'a> Keys<'a> {
    pub(super) fn new(namespace: &'a Namespace) -> Self {
        Self { namespace, page: Vec::new().into_iter(), next: Some(From::Start) }
    }

    fn turn(&mut self, from: &From) -> Result<()> {
        let cursor = match from {
            From::Start => None,
            From::Cursor(cursor) => Some(cursor.as_str()),
        };
        let (keys, cursor) = self.namespace.list_page(cursor)?;
        self.page = keys.into_iter();
        self.next = cursor.map(From::Cursor);
        Ok(())
    }
}

impl Iterator for Keys<'_> {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(key) = self.page.next() {
                return Some(Ok(key));
            }
            let from = self.next.take()?;
            if let Err(error) = self.turn(&from) {
                return Some(Err(error));
            }
        }
    }
}
