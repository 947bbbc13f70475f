//! What may be said of an object: its key, its media type, its metadata. Pure.

use std::collections::BTreeMap;

use super::{MAX_CONTENT_TYPE_BYTES, MAX_KEY_BYTES, MAX_METADATA_BYTES, MAX_OWNER_BYTES};

/// Texts under names.
pub type Metadata = BTreeMap<String, String>;

/// What the owner of an object says about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Its media type; empty for none.
    pub content_type: String,
    /// Anything else.
    pub metadata: Metadata,
    /// The id of the account that the object belongs to; none where it belongs to nobody.
    pub owner: Option<String>,
}

/// Why a key or an attribute is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The key is empty or over its limit.
    #[error("a key has 1 to {MAX_KEY_BYTES} bytes")]
    Key,
    /// The media type is over its limit, or cannot stand in the head of an answer.
    #[error("a content type is printable ASCII text of {MAX_CONTENT_TYPE_BYTES} bytes at most")]
    ContentType,
    /// The metadata is over its limit.
    #[error("metadata has {} KiB at most, names and values together", MAX_METADATA_BYTES >> 10)]
    Metadata,
    /// The owner is empty or over its limit.
    #[error("an owner is the id of an account, of 1 to {MAX_OWNER_BYTES} bytes")]
    Owner,
}

/// Keys have 1 to [`MAX_KEY_BYTES`] bytes. Nothing in them means anything.
pub fn check_key(key: &str) -> Result<(), Unfit> {
    match (1..=MAX_KEY_BYTES).contains(&key.len()) {
        true => Ok(()),
        false => Err(Unfit::Key),
    }
}

impl Attributes {
    /// Whether they are within their limits.
    pub fn check(&self) -> Result<(), Unfit> {
        let printable = self.content_type.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if self.content_type.len() > MAX_CONTENT_TYPE_BYTES || !printable {
            return Err(Unfit::ContentType);
        }
        let bytes: usize = self.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > MAX_METADATA_BYTES {
            return Err(Unfit::Metadata);
        }
        match self.owner.as_ref().is_none_or(|owner| (1..=MAX_OWNER_BYTES).contains(&owner.len())) {
            true => Ok(()),
            false => Err(Unfit::Owner),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_a_length_and_nothing_else() {
        for (key, result) in [
            ("", Err(Unfit::Key)),
            ("a", Ok(())),
            ("../x", Ok(())),
            ("\0", Ok(())),
            (&"x".repeat(MAX_KEY_BYTES - 1), Ok(())),
            (&"x".repeat(MAX_KEY_BYTES), Ok(())),
            (&"x".repeat(MAX_KEY_BYTES + 1), Err(Unfit::Key)),
            (&"é".repeat(MAX_KEY_BYTES / 2), Ok(())),
            (&"é".repeat(MAX_KEY_BYTES / 2 + 1), Err(Unfit::Key)),
        ] {
            assert_eq!(check_key(key), result, "{} bytes", key.len());
        }
    }

    #[test]
    fn attributes_hold_to_their_limits_exactly() {
        let media = |content_type: &str| {
            Attributes { content_type: content_type.to_owned(), ..Attributes::default() }.check()
        };
        assert_eq!(media(""), Ok(()));
        assert_eq!(media("text/html; charset=utf-8"), Ok(()));
        assert_eq!(media(&"x".repeat(MAX_CONTENT_TYPE_BYTES)), Ok(()));
        assert_eq!(media(&"x".repeat(MAX_CONTENT_TYPE_BYTES + 1)), Err(Unfit::ContentType));
        for text in ["text/html\r\nset-cookie: a", "tëxt/html", "a\0", "a\t"] {
            assert_eq!(media(text), Err(Unfit::ContentType), "{text:?}");
        }
        for (bytes, result) in [(MAX_METADATA_BYTES, Ok(())), (MAX_METADATA_BYTES + 1, Err(Unfit::Metadata))]
        {
            let metadata = Metadata::from([("name".to_owned(), "v".repeat(bytes - 4))]);
            let attributes = Attributes { metadata, ..Attributes::default() };
            assert_eq!(attributes.check(), result);
        }
        let owned =
            |owner: &str| Attributes { owner: Some(owner.to_owned()), ..Attributes::default() }.check();
        assert_eq!(owned(""), Err(Unfit::Owner));
        assert_eq!(owned(&"x".repeat(MAX_OWNER_BYTES)), Ok(()));
        assert_eq!(owned(&"x".repeat(MAX_OWNER_BYTES + 1)), Err(Unfit::Owner));
    }
}
