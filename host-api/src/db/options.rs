//! The options of calls: JSON objects, or the empty text. What MongoDB's words are in them is the store's to read.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use store::documents::{Change, Find, FindAndModify, Returning, Target, Which};

use super::failure::Answer;
use crate::bindings::ostro::db::documents::Error;

/// Longest options, bytes: filters have as much.
const MAX_BYTES: usize = 64 << 10;

/// Of `find`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct FindOptions {
    sort: Option<Box<RawValue>>,
    #[serde(default)]
    skip: u64,
    limit: Option<u64>,
    fields: Option<Box<RawValue>>,
    cursor: Option<String>,
}

/// Of `count`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct CountOptions {
    /// Counts no further.
    pub(super) limit: Option<u64>,
}

/// Of `update`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateOptions {
    #[serde(default)]
    many: bool,
    /// Makes a document where there is none.
    #[serde(default)]
    pub(super) upsert: bool,
    sort: Option<Box<RawValue>>,
}

/// Of `replace`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplaceOptions {
    /// Makes a document where there is none.
    #[serde(default)]
    pub(super) upsert: bool,
    sort: Option<Box<RawValue>>,
}

/// Of `delete`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteOptions {
    #[serde(default)]
    many: bool,
    sort: Option<Box<RawValue>>,
}

/// Of `find-and-modify`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct ModifyOptions {
    sort: Option<Box<RawValue>>,
    #[serde(default)]
    upsert: bool,
    fields: Option<Box<RawValue>>,
    #[serde(default, rename = "return")]
    returning: Return,
}

/// Of a transaction's `send`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct SendOptions {
    /// Media type; empty for none.
    #[serde(default)]
    pub(super) content_type: String,
    /// Milliseconds from the commit before which it is not delivered.
    #[serde(default)]
    pub(super) delay_ms: u64,
    /// Messages of one key within a day are one.
    pub(super) dedupe_key: Option<String>,
    /// Messages of one key are delivered one at a time, in order.
    pub(super) order_key: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum Return {
    #[default]
    Before,
    After,
}

/// The change of `find-and-modify`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
enum Modification {
    Update(Box<RawValue>),
    Replace(Box<RawValue>),
    Delete(bool),
}

/// Reads options. The fault says what is wrong and where.
pub(super) fn read<T: DeserializeOwned + Default>(options: &str) -> Answer<T> {
    match options.len() {
        0 => Ok(T::default()),
        1..=MAX_BYTES => parse("options", options),
        _ => Err(Error::Invalid(format!("options: {} KiB at most", MAX_BYTES >> 10))),
    }
}

/// The documents of an insert: one, or an array of them. Each as it was written.
pub(super) fn documents(text: String) -> Answer<Vec<String>> {
    if !text.trim_ascii_start().starts_with('[') {
        return Ok(vec![text]);
    }
    let documents: Vec<Box<RawValue>> =
        serde_json::from_str(&text).map_err(|error| fault("documents", &error))?;
    Ok(documents.into_iter().map(|document| String::from(Box::<str>::from(document))).collect())
}

impl FindOptions {
    /// With what is looked for.
    pub(super) fn find(self, filter: String) -> Find {
        let Self { sort, skip, limit, fields, cursor } = self;
        Find { filter, sort: text(sort), skip, limit, fields: text(fields), cursor }
    }
}

impl UpdateOptions {
    /// Which documents, with what is looked for.
    pub(super) fn target(self, filter: String) -> Target {
        target(filter, self.many, self.sort)
    }
}

impl ReplaceOptions {
    /// Which document, with what is looked for.
    pub(super) fn target(self, filter: String) -> Target {
        target(filter, false, self.sort)
    }
}

impl DeleteOptions {
    /// Which documents, with what is looked for.
    pub(super) fn target(self, filter: String) -> Target {
        target(filter, self.many, self.sort)
    }
}

impl ModifyOptions {
    /// With what is looked for and what becomes of it.
    pub(super) fn modify(self, filter: String, change: &str) -> Answer<FindAndModify> {
        let change = match parse("change", change)? {
            Modification::Update(update) => Change::Update(update.get().to_owned()),
            Modification::Replace(document) => Change::Replace(document.get().to_owned()),
            Modification::Delete(true) => Change::Delete,
            Modification::Delete(false) => {
                return Err(Error::Invalid("change: `delete` is true, or is not there".to_owned()));
            }
        };
        let returning = match self.returning {
            Return::Before => Returning::Before,
            Return::After => Returning::After,
        };
        let Self { sort, upsert, fields, .. } = self;
        Ok(FindAndModify { filter, sort: text(sort), change, returning, upsert, fields: text(fields) })
    }
}

fn target(filter: String, many: bool, sort: Option<Box<RawValue>>) -> Target {
    let which = if many { Which::Many } else { Which::One };
    Target { filter, which, sort: text(sort) }
}

fn text(value: Option<Box<RawValue>>) -> Option<String> {
    value.map(|value| value.get().to_owned())
}

fn parse<T: DeserializeOwned>(what: &str, text: &str) -> Answer<T> {
    serde_json::from_str(text).map_err(|error| fault(what, &error))
}

fn fault(what: &str, error: &serde_json::Error) -> Error {
    Error::Invalid(format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused<T>(answer: Answer<T>) -> String {
        match answer {
            Err(Error::Invalid(text)) => text,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("it was taken"),
        }
    }

    #[test]
    fn options_are_read_as_they_are_documented() {
        let find = read::<FindOptions>(
            r#"{"sort": [["a", -1]], "skip": 3, "limit": 5, "fields": {"a": 1}, "cursor": "c"}"#,
        );
        let expected = Find {
            filter: "{}".to_owned(),
            sort: Some(r#"[["a", -1]]"#.to_owned()),
            skip: 3,
            limit: Some(5),
            fields: Some(r#"{"a": 1}"#.to_owned()),
            cursor: Some("c".to_owned()),
        };
        assert_eq!(find.unwrap().find("{}".to_owned()), expected);
        assert_eq!(read::<FindOptions>("").unwrap().find("{}".to_owned()), Find::new("{}"));
        assert_eq!(
            read::<DeleteOptions>(r#"{"many": true}"#).unwrap().target("{}".to_owned()),
            Target::many("{}")
        );
        assert_eq!(read::<UpdateOptions>("{}").unwrap().target("{}".to_owned()), Target::one("{}"));
    }

    #[test]
    fn a_change_is_one_of_three() {
        let change = |text: &str| {
            let options = read::<ModifyOptions>(r#"{"return": "after"}"#).unwrap();
            options.modify("{}".to_owned(), text).map(|modify| modify.change)
        };
        let update = r#"{"$set": {"a": 1}}"#;
        assert_eq!(change(&format!(r#"{{"update": {update}}}"#)).unwrap(), Change::Update(update.to_owned()));
        assert_eq!(change(r#"{"replace": {"a": 1}}"#).unwrap(), Change::Replace(r#"{"a": 1}"#.to_owned()));
        assert_eq!(change(r#"{"delete": true}"#).unwrap(), Change::Delete);
        for text in
            ["", "{}", r#"{"delete": false}"#, r#"{"update": {}, "delete": true}"#, r#"{"drop": true}"#]
        {
            assert!(refused(change(text)).starts_with("change: "), "{text}");
        }
    }

    #[test]
    fn what_is_unknown_is_refused() {
        for text in
            ["[]", "1", "{", r#"{"Sort": {}}"#, r#"{"skip": -1}"#, r#"{"limit": "1"}"#, r#"{"many": 1}"#]
        {
            assert!(refused(read::<FindOptions>(text)).starts_with("options: "), "{text}");
        }
        let long = format!(r#"{{"cursor": "{}"}}"#, "x".repeat(MAX_BYTES));
        assert!(refused(read::<FindOptions>(&long)).contains("64 KiB"));
    }

    #[test]
    fn documents_come_alone_or_together() {
        let read = |text: &str| documents(text.to_owned());
        assert_eq!(read(r#"{"a": 1}"#).unwrap(), [r#"{"a": 1}"#]);
        assert_eq!(read(r#" [{"a": 1},  {"b":[2]} ]"#).unwrap(), [r#"{"a": 1}"#, r#"{"b":[2]}"#]);
        assert_eq!(read("[]").unwrap(), [""; 0]);
        assert!(refused(read("[{]")).starts_with("documents: "));
    }
}
