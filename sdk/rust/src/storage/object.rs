//! What is known of an object.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer};

use super::{Error, Result};
use crate::json;

/// What is known of an object.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Its length, bytes.
    pub size: u64,
    /// That of the content: the same content has the same one.
    pub etag: String,
    /// When it was put, to the millisecond.
    #[serde(deserialize_with = "of_milliseconds")]
    pub written: SystemTime,
    /// Its media type; empty for none.
    #[serde(default)]
    pub content_type: String,
    /// Texts under names. Empty in lists.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// The id of the account that it belongs to, if any. None in lists.
    #[serde(default)]
    pub owner: Option<String>,
}

/// Reads what the contract says of an object.
pub(super) fn read(text: &str) -> Result<Object> {
    json::value(text).map_err(Error::Mismatch)
}

fn of_milliseconds<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<SystemTime, D::Error> {
    let written_ms = u64::deserialize(from)?;
    Ok(SystemTime::UNIX_EPOCH + Duration::from_millis(written_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_as_the_contract_has_it() {
        let plain = read(r#"{"key":"a","size":12,"etag":"\"x\"","written":1767225600000}"#).unwrap();
        assert_eq!((plain.key.as_str(), plain.size, plain.etag.as_str()), ("a", 12, "\"x\""));
        assert_eq!(plain.written, SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600));
        assert!(plain.content_type.is_empty() && plain.metadata.is_empty());
        let said = r#"{"key":"a","size":1,"etag":"","written":1,"contentType":"text/plain","metadata":{"owner":"ann"}}"#;
        let said = read(said).unwrap();
        assert_eq!((said.content_type.as_str(), said.metadata["owner"].as_str()), ("text/plain", "ann"));
        assert!(matches!(read("{}"), Err(Error::Mismatch(_))));
    }
}
