//! What is asked of a collection: an operation's name and its JSON, to a question or a change of the store.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use store::documents::{Call, Change, Find, FindAndModify, Read, Returning, Target, Which, Write};
use utoipa::ToSchema;

use crate::control::wire::{CountRequest, DeleteRequest, FindRequest, MAX_INSERT_BYTES};
use crate::problem::Problem;

/// JSON of an operation that brings no documents, bytes: filters and updates have 64 KiB each.
const MAX_QUESTION_BYTES: usize = 256 << 10;

/// What can be done with a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Aggregate,
    Count,
    Delete,
    Distinct,
    Find,
    FindAndModify,
    Get,
    Insert,
    Replace,
    Update,
}

/// What a pipeline is to make of a collection.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AggregateRequest {
    /// Stages, in MongoDB's words.
    #[schema(value_type = Vec<Object>)]
    pipeline: Box<RawValue>,
}

/// A field whose values are asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DistinctRequest {
    /// Dotted path.
    field: String,
    /// Of which documents; all unless given.
    #[schema(value_type = Option<Object>)]
    filter: Option<Box<RawValue>>,
}

/// A document that is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetRequest {
    id: String,
    /// Which fields: `{"name": 1}`, or `{"secret": 0}`.
    #[schema(value_type = Option<Object>)]
    fields: Option<Box<RawValue>>,
}

/// New documents.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InsertRequest {
    /// 1 to 1,000, each at most 1 MiB. One without `_id` gets a UUID version 7.
    #[schema(value_type = Vec<Object>)]
    documents: Vec<Box<RawValue>>,
}

/// A change of documents.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateRequest {
    /// Which documents; `{}` is all.
    #[schema(value_type = Object)]
    filter: Box<RawValue>,
    /// What is changed, in MongoDB's operators.
    #[schema(value_type = Object)]
    update: Box<RawValue>,
    /// All that match, up to 100,000, and not only the first.
    #[serde(default)]
    many: bool,
    /// Makes a document where none matches.
    #[serde(default)]
    upsert: bool,
    /// Which of them is the first.
    #[schema(value_type = Option<serde_json::Value>)]
    sort: Option<Box<RawValue>>,
}

/// A document in the place of another one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplaceRequest {
    /// Which document; the first that matches.
    #[schema(value_type = Object)]
    filter: Box<RawValue>,
    /// What takes its place.
    #[schema(value_type = Object)]
    document: Box<RawValue>,
    /// Makes it where none matches.
    #[serde(default)]
    upsert: bool,
    /// Which of them is the first.
    #[schema(value_type = Option<serde_json::Value>)]
    sort: Option<Box<RawValue>>,
}

/// Exactly one of `update`, `document` and `delete`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ModifyRequest {
    /// Which document; the first that matches.
    #[schema(value_type = Object)]
    filter: Box<RawValue>,
    /// What is changed, in MongoDB's operators.
    #[schema(value_type = Option<Object>)]
    update: Option<Box<RawValue>>,
    /// What takes its place.
    #[schema(value_type = Option<Object>)]
    document: Option<Box<RawValue>>,
    /// It is deleted.
    #[serde(default)]
    delete: bool,
    /// As it was, or as it is.
    #[serde(default)]
    returning: Shown,
    /// Makes one where none matches.
    #[serde(default)]
    upsert: bool,
    /// Which of them is the first.
    #[schema(value_type = Option<serde_json::Value>)]
    sort: Option<Box<RawValue>>,
    /// Which fields are answered.
    #[schema(value_type = Option<Object>)]
    fields: Option<Box<RawValue>>,
}

/// Which document is answered.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Shown {
    #[default]
    Before,
    After,
}

impl Operation {
    /// The operation of that name, as it stands in a path.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "aggregate" => Self::Aggregate,
            "count" => Self::Count,
            "delete" => Self::Delete,
            "distinct" => Self::Distinct,
            "find" => Self::Find,
            "find-and-modify" => Self::FindAndModify,
            "get" => Self::Get,
            "insert" => Self::Insert,
            "replace" => Self::Replace,
            "update" => Self::Update,
            _ => return None,
        })
    }

    /// Longest JSON, bytes.
    pub(super) fn max_bytes(self) -> usize {
        match self {
            Self::Insert | Self::Replace | Self::FindAndModify => MAX_INSERT_BYTES,
            Self::Aggregate | Self::Count | Self::Delete | Self::Distinct => MAX_QUESTION_BYTES,
            Self::Find | Self::Get | Self::Update => MAX_QUESTION_BYTES,
        }
    }

    /// Reads what is asked. The fault says what is wrong and where.
    pub(crate) fn read(self, json: &[u8]) -> Result<Call, Problem> {
        Ok(match self {
            Self::Aggregate => {
                let AggregateRequest { pipeline } = parse(json)?;
                Call::Read(Read::Aggregate { pipeline: text(&pipeline) })
            }
            Self::Count => {
                let CountRequest { filter, limit } = parse(json)?;
                Call::Read(Read::Count { filter: all_unless(filter.as_deref()), limit })
            }
            Self::Delete => {
                let DeleteRequest { filter, many, sort } = parse(json)?;
                Call::Write(Write::Delete(target(&filter, many, sort.as_deref())))
            }
            Self::Distinct => {
                let DistinctRequest { field, filter } = parse(json)?;
                Call::Read(Read::Distinct { field, filter: all_unless(filter.as_deref()) })
            }
            Self::Find => Call::Read(Read::Find(Find::from(parse::<FindRequest>(json)?))),
            Self::FindAndModify => Call::Write(Write::FindAndModify(modify(parse(json)?)?)),
            Self::Get => {
                let GetRequest { id, fields } = parse(json)?;
                Call::Read(Read::Get { id, fields: fields.as_deref().map(text) })
            }
            Self::Insert => {
                let InsertRequest { documents } = parse(json)?;
                Call::Write(Write::Insert(documents.iter().map(|document| text(document)).collect()))
            }
            Self::Replace => {
                let ReplaceRequest { filter, document, upsert, sort } = parse(json)?;
                let target = target(&filter, false, sort.as_deref());
                Call::Write(Write::Replace { target, document: text(&document), upsert })
            }
            Self::Update => {
                let UpdateRequest { filter, update, many, upsert, sort } = parse(json)?;
                let target = target(&filter, many, sort.as_deref());
                Call::Write(Write::Update { target, update: text(&update), upsert })
            }
        })
    }
}

fn modify(request: ModifyRequest) -> Result<FindAndModify, Problem> {
    let ModifyRequest { filter, update, document, delete, returning, upsert, sort, fields } = request;
    let change = match (update, document, delete) {
        (Some(update), None, false) => Change::Update(text(&update)),
        (None, Some(document), false) => Change::Replace(text(&document)),
        (None, None, true) => Change::Delete,
        _ => {
            return Err(invalid("a change is one of `update`, `document` and `\"delete\": true`".to_owned()));
        }
    };
    let returning = match returning {
        Shown::Before => Returning::Before,
        Shown::After => Returning::After,
    };
    let (sort, fields) = (sort.as_deref().map(text), fields.as_deref().map(text));
    Ok(FindAndModify { filter: text(&filter), sort, change, returning, upsert, fields })
}

/// Reads the JSON of an operation.
pub(super) fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, Problem> {
    // A list would be taken for the values of an object without their names.
    if !json.trim_ascii_start().starts_with(b"{") {
        return Err(invalid("the body is a JSON object".to_owned()));
    }
    serde_json::from_slice(json).map_err(|error| invalid(format!("the body: {error}")))
}

fn target(filter: &RawValue, many: bool, sort: Option<&RawValue>) -> Target {
    let which = if many { Which::Many } else { Which::One };
    Target { filter: text(filter), which, sort: sort.map(text) }
}

fn all_unless(filter: Option<&RawValue>) -> String {
    filter.map_or_else(|| "{}".to_owned(), text)
}

fn text(json: &RawValue) -> String {
    json.get().to_owned()
}

fn invalid(message: String) -> Problem {
    Problem::new(422, "invalid", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_read() {
        let all = "{}".to_owned();
        let one = Target::one("{\"a\":1}");
        let read = |operation: &str, json: &str| Operation::named(operation).unwrap().read(json.as_bytes());
        for (operation, json, expected) in [
            ("count", "{}", Call::Read(Read::Count { filter: all.clone(), limit: None })),
            ("get", r#"{"id":"x"}"#, Call::Read(Read::Get { id: "x".to_owned(), fields: None })),
            ("find", "{}", Call::Read(Read::Find(Find::new("{}")))),
            (
                "distinct",
                r#"{"field":"tags"}"#,
                Call::Read(Read::Distinct { field: "tags".to_owned(), filter: all }),
            ),
            (
                "aggregate",
                r#"{"pipeline":[{"$count":"n"}]}"#,
                Call::Read(Read::Aggregate { pipeline: r#"[{"$count":"n"}]"#.to_owned() }),
            ),
            (
                "insert",
                r#"{"documents":[{"a": 1.0}]}"#,
                Call::Write(Write::Insert(vec![r#"{"a": 1.0}"#.to_owned()])),
            ),
            ("delete", r#"{"filter":{"a":1}}"#, Call::Write(Write::Delete(one.clone()))),
            (
                "update",
                r#"{"filter":{"a":1},"update":{"$set":{"b":2}},"many":true}"#,
                Call::Write(Write::Update {
                    target: Target::many("{\"a\":1}"),
                    update: r#"{"$set":{"b":2}}"#.to_owned(),
                    upsert: false,
                }),
            ),
            (
                "replace",
                r#"{"filter":{"a":1},"document":{"b":2},"upsert":true}"#,
                Call::Write(Write::Replace { target: one, document: r#"{"b":2}"#.to_owned(), upsert: true }),
            ),
        ] {
            assert_eq!(read(operation, json).unwrap(), expected, "{operation}");
        }
    }

    #[test]
    fn a_modification_is_one() {
        let read = |json: &str| Operation::FindAndModify.read(json.as_bytes());
        assert!(read(r#"{"filter":{},"delete":true}"#).is_ok());
        assert!(read(r#"{"filter":{},"document":{},"returning":"after"}"#).is_ok());
        for wrong in [
            r#"{"filter":{}}"#,
            r#"{"filter":{},"delete":true,"update":{}}"#,
            r#"{"filter":{},"document":{},"update":{}}"#,
            r#"{"filter":{},"update":{},"returning":"both"}"#,
        ] {
            assert_eq!(read(wrong).unwrap_err().code, "invalid", "{wrong}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert_eq!(Operation::named("drop"), None);
        for (operation, json) in [
            (Operation::Find, r#"{"filter":{},"as":"admin"}"#),
            (Operation::Delete, "{}"),
            (Operation::Update, r#"{"filter":{}}"#),
            (Operation::Insert, r#"[{"a":1}]"#),
            (Operation::Get, ""),
        ] {
            assert_eq!(operation.read(json.as_bytes()).unwrap_err().code, "invalid", "{json}");
        }
    }
}
