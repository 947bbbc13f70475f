//! The operations below `db/`, and several at once, as they are described.
#![expect(dead_code, reason = "only the descriptions are used")]

use utoipa::{IntoResponses, OpenApi};

use super::answer::{Documents, Inserted, OneDocument, Values};
use super::asked::{
    AggregateRequest, DistinctRequest, GetRequest, InsertRequest, ModifyRequest, ReplaceRequest,
    UpdateRequest,
};
use super::batch::{BatchAnswer, BatchRequest};
use crate::control::wire::{
    Changed, CountRequest, Counted, DeleteRequest, Deleted, DocumentPage, ErrorBody, FindRequest,
};

/// All of them.
#[derive(OpenApi)]
#[openapi(paths(
    find,
    get,
    count,
    distinct,
    aggregate,
    insert,
    update,
    replace,
    delete,
    find_and_modify,
    batch
))]
pub(in crate::client_api) struct Paths;

/// Documents that a filter is about, a page of them.
#[utoipa::path(
    post, path = "/_ostro/v1/db/{collection}/find", tag = "documents", operation_id = "find",
    params(("collection" = String, Path, description = "The collection's name")),
    request_body = FindRequest, security((), ("token" = [])),
    responses((status = 200, body = DocumentPage, description = "The page"), Errors),
)]
fn find() {}

/// The document of that id.
#[utoipa::path(
    post, path = "/_ostro/v1/db/{collection}/get", tag = "documents", operation_id = "get",
    params(("collection" = String, Path, description = "The collection's name")),
    request_body = GetRequest, security((), ("token" = [])),
    responses((status = 200, body = OneDocument, description = "Null where there is none for the caller"), Errors),
)]
fn get() {}

/// How many documents a filter is about.
#[utoipa::path(
    post, path = "/_ostro/v1/db/{collection}/count", tag = "documents", operation_id = "count",
    params(("collection" = String, Path, description = "The collection's name")),
    request_body = CountRequest, security((), ("token" = [])),
    responses((status = 200, body = Counted, description = "The number"), Errors),
)]
fn count() {}

/// The different values of a field.
#[utoipa::path(
    post, path = "/_ostro/v1/db/{collection}/distinct", tag = "documents", operation_id = "distinct",
    params(("collection" = String, Path, description = "The collection's name")),
    request_body = DistinctRequest, security((), ("token" = [])),
    responses((status = 200, body = Values, description = "The values"), Errors),
)]
fn distinct() {}

/// What a pipeline makes of the documents.
#[utoipa::path(
    post, path = "/_ostro/v1/db/{collection}/aggregate", tag = "documents", operation_id = "aggregate",
    params(("collection" = String, Path, description = "The collection's name")),
    request_body = AggregateRequest, security((), ("token" = [])),
    responses((status = 200, body = Documents, description = "What came of it"), Errors),
)]
fn aggregate() {}

/// Puts new documents in, all or none.
#[utoipa::path(
    post, path = "/_ostro/v1/db/{collection}/insert", tag = "documents", operation_id = "insert",
    params(("collection" = String, Path, description = "The collection's name")),
    request_body = InsertRequest, security((), ("token" = [])),
    responses((status = 200, body = Inserted, description = "Their ids, in order"), Errors, WriteErrors),
)]
fn insert() {}

/// Changes documents.
#[utoipa::path(
    post, path = "/_ostro/v1/db/{collection}/update", tag = "documents", operation_id = "update",
    params(("collection" = String, Path, description = "The collection's name")),
    request_body = UpdateRequest, security((), ("token" = [])),
    responses((status = 200, body = Changed, description = "How many"), Errors, WriteErrors),
)]
fn update() {}

/// Puts a document in the place of another one.
#[utoipa::path(
    post, path = "/_ostro/v1/db/{collection}/replace", tag = "documents", operation_id = "replace",
    params(("collection" = String, Path, description = "The collection's name")),
    request_body = ReplaceRequest, security((), ("token" = [])),
    responses((status = 200, body = Changed, description = "How many"), Errors, WriteErrors),
)]
fn replace() {}

/// Deletes documents.
#[utoipa::path(
    post, path = "/_ostro/v1/db/{collection}/delete", tag = "documents", operation_id = "delete",
    params(("collection" = String, Path, description = "The collection's name")),
    request_body = DeleteRequest, security((), ("token" = [])),
    responses((status = 200, body = Deleted, description = "How many"), Errors, WriteErrors),
)]
fn delete() {}

/// Changes one document, and answers it as it was or is.
#[utoipa::path(
    post, path = "/_ostro/v1/db/{collection}/find-and-modify", tag = "documents", operation_id = "find_and_modify",
    params(("collection" = String, Path, description = "The collection's name")),
    request_body = ModifyRequest, security((), ("token" = [])),
    responses((status = 200, body = OneDocument, description = "Null where there is none"), Errors, WriteErrors),
)]
fn find_and_modify() {}

/// Does 1 to 50 operations, one after the other, each for itself.
#[utoipa::path(
    post, path = "/_ostro/v1/batch", tag = "documents", operation_id = "batch",
    request_body = BatchRequest, security((), ("token" = [])),
    responses((status = 200, body = BatchAnswer, description = "What each would have been answered alone"), Errors),
)]
fn batch() {}

/// What every operation may answer.
#[derive(IntoResponses)]
enum Errors {
    /// `bad_request`: the body did not come whole, or does not say that it is JSON.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// `unauthenticated`: the access token is not good, or not any more.
    #[response(status = 401)]
    Unauthenticated(ErrorBody),
    /// `forbidden`: the rules do not let the caller do it, or a page of an origin that may not call.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// `no_route`: the host is that of no project.
    #[response(status = 404)]
    NoRoute(ErrorBody),
    /// `timeout`: the body did not come in time.
    #[response(status = 408)]
    Slow(ErrorBody),
    /// `too_large`: the body is longer than the operation takes.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// `invalid`, `too_much`: the body is refused, or asks for more than one request may have.
    #[response(status = 422)]
    Refused(ErrorBody),
    /// `internal`: the server failed.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// `busy`: too many operations are under way; the header retry-after says when.
    #[response(status = 503)]
    Busy(ErrorBody),
    /// `query_timeout`: it took too long; an index helps.
    #[response(status = 504)]
    QueryTimeout(ErrorBody),
}

/// What those that change something may answer besides.
#[derive(IntoResponses)]
enum WriteErrors {
    /// `duplicate`: there is a document with the same unique values.
    #[response(status = 409)]
    Duplicate(ErrorBody),
    /// `quota`, `no_space`: the project holds as much as it may, or the disk is full.
    #[response(status = 507)]
    Full(ErrorBody),
}
