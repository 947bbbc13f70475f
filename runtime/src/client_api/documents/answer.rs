//! What the store answers, as JSON.

use serde::Serialize;
use serde_json::value::RawValue;
use store::documents::{Failure, Found, Page, Written};
use utoipa::ToSchema;

use super::asked::Operation;
use crate::control::wire::{Changed, Counted, Deleted, DocumentPage};
use crate::problem::Problem;

/// A document, or null.
#[derive(Serialize, ToSchema)]
pub(super) struct OneDocument {
    #[schema(value_type = Option<Object>, required = true)]
    document: Option<Box<RawValue>>,
}

/// Documents.
#[derive(Serialize, ToSchema)]
pub(super) struct Documents {
    #[schema(value_type = Vec<Object>)]
    documents: Vec<Box<RawValue>>,
}

/// Values of any type.
#[derive(Serialize, ToSchema)]
pub(super) struct Values {
    #[schema(value_type = Vec<serde_json::Value>)]
    values: Vec<Box<RawValue>>,
}

/// The `_id`s of new documents, in their order.
#[derive(Serialize, ToSchema)]
pub(super) struct Inserted {
    ids: Vec<String>,
}

/// The answer to a question.
pub(super) fn found(operation: Operation, found: Found) -> Result<String, Problem> {
    match found {
        Found::Document(document) => one(document),
        Found::Page(Page { documents, cursor }) => json(&DocumentPage { documents: raw(documents)?, cursor }),
        Found::Count(count) => json(&Counted { count }),
        Found::Values(values) if operation == Operation::Aggregate => {
            json(&Documents { documents: raw(values)? })
        }
        Found::Values(values) => json(&Values { values: raw(values)? }),
    }
}

/// The answer to a change.
pub(super) fn written(written: Written) -> Result<String, Problem> {
    match written {
        Written::Inserted(ids) => json(&Inserted { ids }),
        Written::Changed { matched, modified, upserted } => json(&Changed { matched, modified, upserted }),
        Written::Deleted(deleted) => json(&Deleted { deleted }),
        Written::Document(document) => one(document),
    }
}

/// Why it was not done. A unique key that is taken is told without who has it: that may be somebody else's document.
pub(super) fn problem(failure: Failure) -> Problem {
    match failure {
        Failure::Duplicate { index, .. } => {
            Problem::new(409, "duplicate", format!("there is a document with the same `{index}` already"))
        }
        failure => failure.into(),
    }
}

fn one(document: Option<String>) -> Result<String, Problem> {
    let document = document.map(RawValue::from_string).transpose();
    json(&OneDocument { document: document.map_err(|error| Problem::internal(&error))? })
}

fn raw(all: Vec<String>) -> Result<Vec<Box<RawValue>>, Problem> {
    let all = all.into_iter().map(RawValue::from_string).collect::<Result<_, _>>();
    all.map_err(|error| Problem::internal(&error))
}

fn json<T: Serialize>(value: &T) -> Result<String, Problem> {
    serde_json::to_string(value).map_err(|error| Problem::internal(&error))
}
