//! What may be said to calls, as the contract has it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Error, Result};
use crate::json;

/// Of an object that is put or copied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Put {
    /// Its media type: printable ASCII, at most 256 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Texts under names, at most 8 KiB in all.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The id of the account that it belongs to, for the rules of the bucket; nobody's unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Only in place of the content of this etag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_match: Option<String>,
    /// Only where there is none.
    #[serde(rename = "ifNoneMatch", skip_serializing_if = "is_false", serialize_with = "any")]
    pub if_absent: bool,
    /// Only of an upload: bytes that are known to come, so that room is kept for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

impl Put {
    /// Sets [`content_type`](Self::content_type).
    #[must_use]
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// Adds to [`metadata`](Self::metadata).
    #[must_use]
    pub fn metadata(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), text.into());
        self
    }

    /// Sets [`owner`](Self::owner).
    #[must_use]
    pub fn owner(mut self, account: impl Into<String>) -> Self {
        self.owner = Some(account.into());
        self
    }

    /// Sets [`if_match`](Self::if_match).
    #[must_use]
    pub fn if_match(mut self, etag: impl Into<String>) -> Self {
        self.if_match = Some(etag.into());
        self
    }

    /// Sets [`if_absent`](Self::if_absent).
    #[must_use]
    pub fn if_absent(mut self) -> Self {
        self.if_absent = true;
        self
    }

    /// Sets [`size`](Self::size).
    #[must_use]
    pub fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    pub(super) fn text(&self) -> Result<String> {
        text(self)
    }
}

/// Which part of an object is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// Where it begins, bytes.
    pub offset: u64,
    /// Its length, bytes; to the end, if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// Only the content of this etag; `Changed` when it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_match: Option<String>,
}

impl Part {
    pub(super) fn text(&self) -> Result<String> {
        text(self)
    }
}

/// What the answer to a signed URL says in place of what the object says: at most 256 bytes of printable ASCII each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignGet {
    /// Media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// For example `attachment; filename="a.png"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
}

impl SignGet {
    pub(super) fn text(&self) -> Result<String> {
        text(self)
    }
}

/// What whoever has a signed URL may put.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignPut {
    /// At most so many bytes; 5 GiB, if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// The object's media type, whatever the request says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The object's metadata.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Only where there is none.
    #[serde(rename = "ifNoneMatch", skip_serializing_if = "is_false", serialize_with = "any")]
    pub if_absent: bool,
}

impl SignPut {
    pub(super) fn text(&self) -> Result<String> {
        text(self)
    }
}

/// The options of a deletion on that condition.
pub(super) fn only_if(etag: &str) -> Result<String> {
    text(&Put::default().if_match(etag))
}

pub(super) fn text(options: &impl Serialize) -> Result<String> {
    json::text(options).map_err(Error::Invalid)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Where there is none: no etag at all matches.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
fn any<S: serde::Serializer>(_: &bool, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_str("*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_written_as_the_contract_has_them() {
        assert_eq!(Put::default().text().unwrap(), "{}");
        let all =
            Put::default().content_type("a/b").metadata("owner", "ann").if_match("\"x\"").if_absent().size(7);
        assert_eq!(
            all.text().unwrap(),
            r#"{"contentType":"a/b","metadata":{"owner":"ann"},"ifMatch":"\"x\"","ifNoneMatch":"*","size":7}"#
        );
        assert_eq!(only_if("x").unwrap(), r#"{"ifMatch":"x"}"#);
        let part = Part { offset: 5, length: Some(2), if_match: None };
        assert_eq!(part.text().unwrap(), r#"{"offset":5,"length":2}"#);
        let get = SignGet { content_type: None, content_disposition: Some("inline".to_owned()) };
        assert_eq!(get.text().unwrap(), r#"{"contentDisposition":"inline"}"#);
        let put = SignPut { max_bytes: Some(9), if_absent: true, ..SignPut::default() };
        assert_eq!(put.text().unwrap(), r#"{"maxBytes":9,"ifNoneMatch":"*"}"#);
    }
}
