//! What a change of a bucket says of itself: the headers of CloudEvents 1.0 in binary mode.

use wstd::http::HeaderMap;

/// A change of a bucket, with the key of its object.
#[derive(Debug, PartialEq)]
pub enum Change {
    /// An object was put.
    Put(String),
    /// An object was deleted.
    Deleted(String),
}

impl Change {
    /// The change that a request tells of, if it does.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        // Set by the platform alone: clients can't say it.
        if text("ostro-trigger")? != "event" {
            return None;
        }
        let key = decoded(text("ce-subject")?)?;
        match text("ce-type")? {
            "dev.ostro.object.put" => Some(Self::Put(key)),
            "dev.ostro.object.delete" => Some(Self::Deleted(key)),
            _ => None,
        }
    }
}

/// Undoes the percent-encoding of an attribute.
fn decoded(attribute: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(attribute.len());
    let mut rest = attribute;
    while let Some((plain, encoded)) = rest.split_once('%') {
        bytes.extend_from_slice(plain.as_bytes());
        bytes.push(u8::from_str_radix(encoded.get(..2)?, 16).ok()?);
        rest = &encoded[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}
