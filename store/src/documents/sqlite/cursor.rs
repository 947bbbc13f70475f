//! Where a page ended, as text that its reader gives back.
//!
//! It holds no right: it says where to go on in a question that is asked again as a whole. It begins with a digest of
//! that question, so that the cursor of another one, or of another project, is refused without a look.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::plan::Order;
use crate::catalog::ProjectId;
use crate::documents::language::Direction;
use crate::documents::{Failure, Result};

/// Longest cursor, bytes of text: sorting by values that are longer than this has pages without an end.
const MAX_BYTES: usize = 64 << 10;
/// Bytes of the digest.
const DIGEST: usize = 16;

/// Behind a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// The order that the pages have.
    pub(super) order: Order,
    /// The document's key in that order.
    pub(super) sort_key: Vec<u8>,
    /// Its place.
    pub(super) seq: i64,
    /// The index that was walked, and its entry there.
    pub(super) entry: Option<(i64, Vec<u8>)>,
}

/// The question that pages belong to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) project: ProjectId,
    pub(super) collection: i64,
    pub(super) filter: &'a str,
    pub(super) sort: Option<&'a str>,
    /// What its caller may see, where that is not all.
    pub(super) under: Option<&'a str>,
}

impl Position {
    /// What it takes in memory, bytes.
    pub(super) fn bytes(&self) -> usize {
        let order: usize =
            self.order.iter().map(|(field, _)| size_of::<(String, Direction)>() + field.len()).sum();
        order + self.sort_key.len() + self.entry.as_ref().map_or(0, |(_, entry)| entry.len())
    }

    /// Its entry in an index.
    pub(super) fn entry_in(&self, index: i64) -> Option<&[u8]> {
        self.entry.as_ref().filter(|(of, _)| *of == index).map(|(_, entry)| entry.as_slice())
    }

    /// The cursor.
    pub(super) fn write(&self, asked: Asked<'_>) -> Result<String> {
        let order: Vec<(&str, bool)> =
            self.order.iter().map(|(field, way)| (field.as_str(), *way == Direction::Descending)).collect();
        let order = serde_json::to_vec(&order).map_err(super::catalog::damaged)?;
        let (index, entry) = self.entry.clone().unwrap_or_default();
        let mut bytes = asked.digest().to_vec();
        bytes.extend(self.seq.to_be_bytes());
        bytes.extend(index.to_be_bytes());
        for part in [&order, &self.sort_key, &entry] {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part);
        }
        if bytes.len() > MAX_BYTES / 4 * 3 {
            let what = "where the page ends, in bytes of the values that it is sorted by";
            return Err(Failure::TooLarge { what, limit: MAX_BYTES as u64 });
        }
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads a cursor of that question.
    pub(super) fn read(text: &str, asked: Asked<'_>) -> Result<Self> {
        let bytes = (text.len() <= MAX_BYTES).then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten();
        let rest = bytes.as_deref().and_then(|bytes| bytes.strip_prefix(&asked.digest()));
        rest.and_then(Self::read_rest).ok_or_else(foreign)
    }

    fn read_rest(mut bytes: &[u8]) -> Option<Self> {
        let seq = number(&mut bytes)?;
        let index = number(&mut bytes)?;
        let mut part = || {
            let length = usize::try_from(number(&mut bytes)?).ok()?;
            let (part, rest) = bytes.split_at_checked(length)?;
            bytes = rest;
            Some(part)
        };
        let order: Vec<(String, bool)> = serde_json::from_slice(part()?).ok()?;
        let (sort_key, entry) = (part()?.to_vec(), part()?.to_vec());
        let way = |is_descending| if is_descending { Direction::Descending } else { Direction::Ascending };
        let order = order.into_iter().map(|(field, is_descending)| (field, way(is_descending))).collect();
        let entry = (index != 0).then_some((index, entry));
        bytes.is_empty().then_some(Self { order, sort_key, seq, entry })
    }
}

impl Asked<'_> {
    fn digest(&self) -> [u8; DIGEST] {
        let mut hash = Sha256::new();
        hash.update(self.project.0.as_bytes());
        hash.update(self.collection.to_be_bytes());
        let parts = [self.filter, self.sort.unwrap_or("\0")];
        for part in parts.into_iter().chain(self.under) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let all = hash.finalize();
        let mut digest = [0; DIGEST];
        digest.iter_mut().zip(all).for_each(|(to, from)| *to = from);
        digest
    }
}

/// What is told of a cursor of another question.
pub(super) fn foreign() -> Failure {
    Failure::Invalid("the cursor is none of this collection, filter and sort".to_owned())
}

fn number(bytes: &mut &[u8]) -> Option<i64> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(i64::from_be_bytes(*number))
}
