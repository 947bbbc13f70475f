//! Signed URLs: what one permits, how it is written, and how it is read again. Pure.
//!
//! `/_ostro/objects/BUCKET/KEY?p=PERMIT&s=SIGNATURE`: key and permit in base64url, so that no client, proxy or browser finds
//! anything in them to tidy up; the signature is over all that stands before it, as it stands there.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use store::buckets::Metadata;

/// Where signed URLs begin.
pub const SIGNED_PATH: &str = "/_ostro/objects/";
/// The longest validity, seconds.
pub(super) const MAX_EXPIRES_S: u32 = 7 * 86_400;
/// The longest validity of what is signed as a caller from outside, seconds.
pub const MAX_EXPIRES_AS_CALLER_S: u32 = 86_400;
/// The longest signed URL, bytes: proxies take that much.
pub const MAX_URL_BYTES: usize = 8 << 10;

/// Bytes of what ties a cursor to its list.
const TAG_BYTES: usize = 12;

/// Signs for one project.
#[derive(Clone)]
pub struct Signer {
    key: [u8; 32],
}

/// What a signed URL is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// What may be done.
    pub permit: Permit,
}

/// What may be done by whoever has the URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permit {
    /// Until then, milliseconds since 1970.
    #[serde(rename = "e")]
    pub expires_ms: i64,
    /// As whom, in words that only who signs can read: the rules of the bucket are asked when it is used. None where a function
    /// has signed, which asks nobody.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// What.
    #[serde(flatten)]
    pub action: Action,
}

/// What may be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "m", rename_all = "lowercase")]
pub enum Action {
    /// Getting the object.
    Get {
        /// What the answer says in place of what the object says.
        #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
        content_type: Option<String>,
        /// The answer's `content-disposition`.
        #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
        content_disposition: Option<String>,
    },
    /// Putting it.
    Put {
        /// Largest content, bytes.
        #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
        max_bytes: Option<u64>,
        /// The object's media type, whatever the request says.
        #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
        content_type: Option<String>,
        /// The object's metadata.
        #[serde(rename = "x", default, skip_serializing_if = "Metadata::is_empty")]
        metadata: Metadata,
        /// Whether there must be none yet.
        #[serde(rename = "n", default, skip_serializing_if = "std::ops::Not::not")]
        if_absent: bool,
    },
}

impl Signer {
    /// Signs with that key.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The URL, from its path on; `None` when it would be too long.
    pub fn url(&self, signed: &Signed) -> Option<String> {
        let permit = serde_json::to_vec(&signed.permit).ok()?;
        let (key, permit) = (BASE64.encode(&signed.key), BASE64.encode(permit));
        let text = format!("{SIGNED_PATH}{}/{key}?p={permit}", signed.bucket);
        let signature = BASE64.encode(self.mac(&["url", &text])?.finalize().into_bytes());
        let url = format!("{text}&s={signature}");
        (url.len() <= MAX_URL_BYTES).then_some(url)
    }

    /// Reads a URL, from its path on, that this signer has made; `None` for any other. Whether it has expired is for whoever
    /// knows the time.
    pub fn read(&self, url: &str) -> Option<Signed> {
        let (text, signature) = url.rsplit_once("&s=")?;
        let signature = BASE64.decode(signature).ok()?;
        self.mac(&["url", text])?.verify_slice(&signature).ok()?;
        let (bucket, rest) = text.strip_prefix(SIGNED_PATH)?.split_once('/')?;
        let (key, permit) = rest.split_once("?p=")?;
        let key = String::from_utf8(BASE64.decode(key).ok()?).ok()?;
        let permit = serde_json::from_slice(&BASE64.decode(permit).ok()?).ok()?;
        Some(Signed { bucket: bucket.to_owned(), key, permit })
    }

    /// A cursor that goes on behind that key, in the list of that bucket and prefix and in no other.
    pub fn cursor(&self, bucket: &str, prefix: &str, key: &str) -> Option<String> {
        let tag = self.tag(bucket, prefix, key)?;
        Some(BASE64.encode([tag.as_slice(), key.as_bytes()].concat()))
    }

    /// The key of a cursor of that list.
    pub fn after(&self, bucket: &str, prefix: &str, cursor: &str) -> Option<String> {
        let bytes = BASE64.decode(cursor).ok()?;
        let (tag, key) = bytes.split_at_checked(TAG_BYTES)?;
        let key = std::str::from_utf8(key).ok()?;
        (self.tag(bucket, prefix, key)? == tag).then(|| key.to_owned())
    }

    fn tag(&self, bucket: &str, prefix: &str, key: &str) -> Option<[u8; TAG_BYTES]> {
        let tag = self.mac(&["cursor", bucket, prefix, key])?.finalize().into_bytes();
        tag.first_chunk().copied()
    }

    /// Each text with its length before it, so that no two lists of texts have the same bytes.
    fn mac(&self, texts: &[&str]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        for text in texts {
            mac.update(&(text.len() as u64).to_be_bytes());
            mac.update(text.as_bytes());
        }
        Some(mac)
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(key: &str) -> Signed {
        let action = Action::Get { content_type: None, content_disposition: Some("inline".to_owned()) };
        let permit = Permit { expires_ms: 1_767_225_600_000, signer: None, action };
        Signed { bucket: "avatars".to_owned(), key: key.to_owned(), permit }
    }

    #[test]
    fn what_is_signed_is_what_is_read() {
        let signer = Signer::new([7; 32]);
        let put = Action::Put {
            max_bytes: Some(10),
            content_type: Some("text/plain".to_owned()),
            metadata: Metadata::from([("a".to_owned(), "é\"".to_owned())]),
            if_absent: true,
        };
        let ann = Some("sealed".to_owned());
        let put = Signed { permit: Permit { expires_ms: 1, signer: ann, action: put }, ..get("k") };
        for signed in [get("k"), get("../x"), get("\0"), get("é\u{301}?&s=#"), get(&"x".repeat(1024)), put] {
            let url = signer.url(&signed).unwrap();
            assert!(url.parse::<http::uri::PathAndQuery>().is_ok(), "{url}");
            assert_eq!(signer.read(&url), Some(signed), "{url}");
        }
    }

    #[test]
    fn c7_no_byte_of_it_can_be_another() {
        let signer = Signer::new([7; 32]);
        let url = signer.url(&get("key")).unwrap();
        assert_eq!(Signer::new([8; 32]).read(&url), None, "another project's");
        for place in 0..url.len() {
            let mut other = url.clone().into_bytes();
            other[place] = if other[place] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            assert_eq!(signer.read(&other), None, "{other}");
            assert_eq!(signer.read(&url[..place]), None);
        }
        for other in [format!("{url}A"), format!("{url}&x=1"), url.replace('?', "?x=1&"), String::new()] {
            assert_eq!(signer.read(&other), None, "{other}");
        }
    }

    #[test]
    fn a_url_has_an_end() {
        let signer = Signer::new([7; 32]);
        let long = Action::Get { content_type: None, content_disposition: Some("x".repeat(MAX_URL_BYTES)) };
        assert_eq!(
            signer.url(&Signed { permit: Permit { expires_ms: 1, signer: None, action: long }, ..get("k") }),
            None
        );
    }

    #[test]
    fn c7_a_cursor_is_of_one_list() {
        let signer = Signer::new([7; 32]);
        let cursor = signer.cursor("a", "p/", "p/x").unwrap();
        assert_eq!(signer.after("a", "p/", &cursor).as_deref(), Some("p/x"));
        assert_eq!(signer.after("b", "p/", &cursor), None);
        assert_eq!(signer.after("a", "", &cursor), None);
        assert_eq!(signer.after("a", "p", &cursor), None);
        assert_eq!(Signer::new([8; 32]).after("a", "p/", &cursor), None);
        for wrong in ["", "x", "%", "AAAAAAAAAAAAAAAA"] {
            assert_eq!(signer.after("a", "p/", wrong), None, "{wrong}");
        }
    }
}
