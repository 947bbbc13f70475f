//! The JSON of `ostro:storage/objects`: options of calls, and what is said of objects.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::buckets::{
    Attributes, Condition, Info, Listed, MAX_CONTENT_TYPE_BYTES, MAX_OBJECT_BYTES, MAX_PAGE, Metadata,
};
use store::catalog::Digest;

use super::failure::Answer;
use super::signed::Action;
use crate::bindings::ostro::storage::objects::Error;

/// Longest options, bytes.
const MAX_BYTES: usize = 64 << 10;
/// Objects of a page, unless more or fewer are asked for.
const PAGE: usize = 100;

/// Of `put`, `copy` and `upload`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PutOptions {
    content_type: Option<String>,
    metadata: Option<Metadata>,
    owner: Option<String>,
    if_match: Option<String>,
    if_none_match: Option<String>,
    /// Only of `upload`: bytes that are known to come.
    size: Option<u64>,
}

/// What `put`, `copy` and `upload` are told, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Put {
    /// What is said of the object, if anything is.
    pub(super) attributes: Option<Attributes>,
    /// What must be true of what is there.
    pub(super) condition: Condition,
    /// Bytes that are known to come.
    pub(super) size: Option<u64>,
}

/// Of `delete`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct DeleteOptions {
    if_match: Option<String>,
}

/// Of `list`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct ListOptions {
    #[serde(default)]
    pub(super) prefix: String,
    limit: Option<usize>,
    pub(super) cursor: Option<String>,
}

/// Of `download`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct DownloadOptions {
    #[serde(default)]
    pub(super) offset: u64,
    pub(super) length: Option<u64>,
    if_match: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SignGet {
    content_type: Option<String>,
    content_disposition: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SignPut {
    max_bytes: Option<u64>,
    content_type: Option<String>,
    #[serde(default)]
    metadata: Metadata,
    if_none_match: Option<String>,
}

/// What is said of an object.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Said<'a> {
    key: &'a str,
    size: u64,
    etag: String,
    written: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    content_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
}

#[derive(Serialize)]
struct SaidPage<'a> {
    objects: Vec<Said<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// Reads options. The fault says what is wrong and where.
pub(super) fn read<T: DeserializeOwned + Default>(options: &str) -> Answer<T> {
    match options.len() {
        0 => Ok(T::default()),
        1..=MAX_BYTES => {
            serde_json::from_str(options).map_err(|error| Error::Invalid(format!("options: {error}")))
        }
        _ => Err(Error::Invalid(format!("options: {} KiB at most", MAX_BYTES >> 10))),
    }
}

/// Reads the options of `upload`.
pub(super) fn upload(options: &str) -> Answer<Put> {
    let PutOptions { content_type, metadata, owner, if_match, if_none_match, size } = read(options)?;
    let is_said = content_type.is_some() || metadata.is_some() || owner.is_some();
    let attributes = is_said.then(|| Attributes {
        content_type: content_type.unwrap_or_default(),
        metadata: metadata.unwrap_or_default(),
        owner,
    });
    if let Some(attributes) = &attributes {
        attributes.check().map_err(|unfit| Error::Invalid(unfit.to_string()))?;
    }
    Ok(Put { attributes, condition: condition(if_match.as_deref(), if_none_match.as_deref())?, size })
}

/// Reads the options of `put` and `copy`, where all of the content is there.
pub(super) fn put(options: &str) -> Answer<Put> {
    match upload(options)? {
        put @ Put { size: None, .. } => Ok(put),
        _ => Err(Error::Invalid("options: `size` is only for `upload`".to_owned())),
    }
}

/// What a signed URL will permit.
pub(super) fn action(method: &str, options: &str) -> Answer<Action> {
    match method {
        "get" => {
            let SignGet { content_type, content_disposition } = read(options)?;
            check_printable("contentType", content_type.as_deref())?;
            check_printable("contentDisposition", content_disposition.as_deref())?;
            Ok(Action::Get { content_type, content_disposition })
        }
        "put" => {
            let SignPut { max_bytes, content_type, metadata, if_none_match } = read(options)?;
            check_printable("contentType", content_type.as_deref())?;
            let attributes = Attributes { metadata, ..Attributes::default() };
            attributes.check().map_err(|unfit| Error::Invalid(unfit.to_string()))?;
            let if_absent = condition(None, if_none_match.as_deref())? == Condition::IfAbsent;
            if max_bytes.is_some_and(|most| most > MAX_OBJECT_BYTES) {
                return Err(Error::Invalid(format!("`maxBytes` is {MAX_OBJECT_BYTES} at most")));
            }
            Ok(Action::Put { max_bytes, content_type, metadata: attributes.metadata, if_absent })
        }
        other => Err(Error::Invalid(format!("the method is `get` or `put`, not `{other}`"))),
    }
}

/// The end of a signed URL that is good for so many seconds, and at most for that many: milliseconds since 1970.
pub(super) fn expires_ms(now_ms: i64, seconds: u32, most: u32) -> Answer<i64> {
    match (1..=most).contains(&seconds) {
        true => Ok(now_ms.saturating_add(i64::from(seconds) * 1_000)),
        false => Err(Error::Invalid(format!("this URL may be valid for 1 to {most} seconds"))),
    }
}

/// What is said of an object, as a guest reads it.
pub(super) fn said(key: &str, info: &Info) -> Answer<String> {
    let Info { size, etag, written_ms, attributes } = info;
    let Attributes { content_type, metadata, owner } = attributes;
    let said = Said {
        key,
        size: *size,
        etag: quoted(etag),
        written: *written_ms,
        content_type,
        metadata: Some(metadata),
        owner: owner.as_deref(),
    };
    json(&said)
}

/// A page, as a guest reads it.
pub(super) fn page(objects: &[Listed], cursor: Option<String>) -> Answer<String> {
    let said = |object| {
        let Listed { key, size, etag, written_ms, content_type }: &Listed = object;
        let (size, etag, written) = (*size, quoted(etag), *written_ms);
        Said { key, size, etag, written, content_type, metadata: None, owner: None }
    };
    json(&SaidPage { objects: objects.iter().map(said).collect(), cursor })
}

impl DeleteOptions {
    /// What must be true of what is there.
    pub(super) fn condition(self) -> Answer<Condition> {
        condition(self.if_match.as_deref(), None)
    }
}

impl ListOptions {
    /// How many objects at most.
    pub(super) fn limit(&self) -> Answer<usize> {
        match self.limit.unwrap_or(PAGE) {
            limit @ 1..=MAX_PAGE => Ok(limit),
            _ => Err(Error::Invalid(format!("`limit` is 1 to {MAX_PAGE}"))),
        }
    }
}

impl DownloadOptions {
    /// Whether this content is asked for.
    pub(super) fn wants(&self, info: &Info) -> bool {
        self.if_match.as_ref().is_none_or(|wanted| unquoted(wanted).as_ref() == Some(&info.etag))
    }
}

/// The condition that two options make. A tag that can't be one of ours matches nothing.
fn condition(if_match: Option<&str>, if_none_match: Option<&str>) -> Answer<Condition> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Condition::Always),
        (Some("*"), None) => Ok(Condition::IfPresent),
        (Some(etag), None) => Ok(Condition::IfMatch(unquoted(etag).into_iter().collect())),
        (None, Some("*")) => Ok(Condition::IfAbsent),
        (None, Some(_)) => Err(Error::Invalid("`ifNoneMatch` is \"*\"".to_owned())),
        (Some(_), Some(_)) => {
            Err(Error::Invalid("`ifMatch` and `ifNoneMatch` exclude each other".to_owned()))
        }
    }
}

fn quoted(etag: &Digest) -> String {
    format!("\"{etag}\"")
}

fn unquoted(etag: &str) -> Option<Digest> {
    let bare = etag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    Digest::parse(bare.unwrap_or(etag))
}

fn check_printable(name: &str, text: Option<&str>) -> Answer<()> {
    let fits = |text: &str| {
        text.len() <= MAX_CONTENT_TYPE_BYTES && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
    };
    match text.is_none_or(fits) {
        true => Ok(()),
        false => Err(Error::Invalid(format!(
            "`{name}` is printable ASCII of {MAX_CONTENT_TYPE_BYTES} bytes at most"
        ))),
    }
}

fn json<T: Serialize>(said: &T) -> Answer<String> {
    serde_json::to_string(said).map_err(|error| Error::Unavailable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::signed::MAX_EXPIRES_S;
    use super::*;

    fn refused<T>(answer: Answer<T>) -> String {
        match answer {
            Err(Error::Invalid(text)) => text,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("it was taken"),
        }
    }

    fn put(options: &str) -> Answer<(Option<Attributes>, Condition)> {
        super::put(options).map(|put| (put.attributes, put.condition))
    }

    #[test]
    fn options_are_read_as_they_are_documented() {
        assert_eq!(put("").unwrap(), (None, Condition::Always));
        let etag = Digest::of(b"x");
        for text in [format!("{etag}"), format!("\\\"{etag}\\\"")] {
            let options = format!(r#"{{"ifMatch": "{text}"}}"#);
            assert_eq!(put(&options).unwrap().1, Condition::IfMatch(vec![etag.clone()]));
        }
        assert_eq!(put(r#"{"ifMatch": "other"}"#).unwrap().1, Condition::IfMatch(Vec::new()));
        assert_eq!(put(r#"{"ifMatch": "*"}"#).unwrap().1, Condition::IfPresent);
        assert_eq!(put(r#"{"ifNoneMatch": "*"}"#).unwrap().1, Condition::IfAbsent);
        let all = r#"{"contentType": "text/css", "metadata": {"a": "b"}, "owner": "ann"}"#;
        let metadata = Metadata::from([("a".to_owned(), "b".to_owned())]);
        let owner = Some("ann".to_owned());
        let expected = Attributes { content_type: "text/css".to_owned(), metadata, owner };
        assert_eq!(put(all).unwrap().0, Some(expected));
    }

    #[test]
    fn a_fault_says_what_is_wrong() {
        for (options, said) in [
            ("{", "EOF"),
            (r#"{"contenttype": "a"}"#, "unknown field `contenttype`"),
            (r#"{"contentType": "a\n"}"#, "printable"),
            (r#"{"metadata": {"a": 1}}"#, "string"),
            (r#"{"owner": ""}"#, "the id of an account"),
            (r#"{"ifNoneMatch": "x"}"#, "\"*\""),
            (r#"{"ifNoneMatch": "*", "ifMatch": "x"}"#, "exclude"),
            (r#"{"size": 1}"#, "only for `upload`"),
        ] {
            let fault = refused(put(options));
            assert!(fault.contains(said), "{fault}");
        }
        assert!(refused(put(&" ".repeat(MAX_BYTES + 1))).contains("64 KiB"));
        let limit = |limit: usize| read::<ListOptions>(&format!(r#"{{"limit": {limit}}}"#)).unwrap().limit();
        assert_eq!((limit(1).unwrap(), limit(1_000).unwrap()), (1, 1_000));
        assert!(refused(limit(0)).contains("1000"));
        assert!(refused(limit(1_001)).contains("1000"));
    }

    #[test]
    fn what_a_url_permits_is_bounded() {
        assert!(matches!(action("get", ""), Ok(Action::Get { .. })));
        assert!(refused(action("delete", "")).contains("`get` or `put`"));
        assert!(refused(action("get", r#"{"maxBytes": 1}"#)).contains("maxBytes"));
        assert!(
            refused(action("get", r#"{"contentDisposition": "a\r\nset-cookie: b"}"#)).contains("printable")
        );
        assert!(refused(action("put", r#"{"maxBytes": 5368709121}"#)).contains("5368709120"));
        let absent = action("put", r#"{"ifNoneMatch": "*"}"#).unwrap();
        assert!(matches!(absent, Action::Put { if_absent: true, .. }));
        assert_eq!(expires_ms(5, 1, 9).unwrap(), 1_005);
        assert_eq!(expires_ms(0, MAX_EXPIRES_S, MAX_EXPIRES_S).unwrap(), 604_800_000);
        for seconds in [0, MAX_EXPIRES_S + 1, u32::MAX] {
            assert!(refused(expires_ms(0, seconds, MAX_EXPIRES_S)).contains("604800"));
        }
    }
}
