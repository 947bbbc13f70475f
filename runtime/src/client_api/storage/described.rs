//! The paths below `storage/` and `uploads/`, as they are described.
#![expect(dead_code, reason = "only the descriptions are used")]

use utoipa::{IntoParams, IntoResponses, OpenApi, ToSchema};

use super::asked::{ListQuery, Sign};
use crate::client_api::objects::Content;
use crate::control::wire::ErrorBody;

/// All of them.
#[derive(OpenApi)]
#[openapi(paths(list, get, head, put, delete, sign_or_begin, upload, part, give_up))]
pub(in crate::client_api) struct Paths;

/// Which object.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
struct Object {
    /// The bucket's name.
    bucket: String,
    /// The object's key: all but letters, digits and `-_.~` escaped. A slash may stay one.
    key: String,
}

/// Objects of a bucket.
#[derive(ToSchema)]
struct ObjectList {
    objects: Vec<Listed>,
    /// Asks for the next page; null where there is none.
    #[schema(required = true)]
    cursor: Option<String>,
}

/// An object of a list.
#[derive(ToSchema)]
struct Listed {
    key: String,
    /// Bytes.
    size: u64,
    /// Tells contents apart.
    etag: String,
    /// When it was put, milliseconds since 1970.
    written_ms: i64,
    /// Empty for none.
    content_type: String,
}

/// A URL for one object.
#[derive(ToSchema)]
struct SignedUrl {
    /// A path, good on every host of the project until its time is over.
    url: String,
}

/// An upload in parts.
#[derive(ToSchema)]
struct Begun {
    /// Its id.
    upload: String,
}

/// Objects of a bucket that the caller may see, in order of their keys.
#[utoipa::path(
    get, path = "/_ostro/v1/storage/{bucket}", tag = "objects", operation_id = "list_objects",
    params(("bucket" = String, Path, description = "The bucket's name"), ListQuery), security((), ("token" = [])),
    responses((status = 200, body = ObjectList, description = "The page"), Errors),
)]
fn list() {}

/// An object, or parts of it.
#[utoipa::path(
    get, path = "/_ostro/v1/storage/{bucket}/{key}", tag = "objects", operation_id = "get_object",
    params(
        Object,
        ("range" = Option<String>, Header, description = "Up to 8 ranges of bytes (RFC 9110, section 14.2)"),
        ("if-range" = Option<String>, Header, description = "The tag that the ranges are of"),
        ("if-match" = Option<String>, Header, description = "Tags, one of which it must have"),
        ("if-none-match" = Option<String>, Header, description = "Tags, none of which it must have"),
    ),
    security((), ("token" = [])),
    responses(
        (status = 200, body = Content, content_type = "*/*", description = "The content", headers(("etag" = String, description = "Its tag"))),
        (status = 206, body = Content, content_type = "*/*", description = "The ranges; several of them as multipart/byteranges"),
        (status = 304, description = "The client has it"),
        (status = 416, description = "None of the ranges is there"),
        Errors, ConditionErrors,
    ),
)]
fn get() {}

/// What is said of an object.
#[utoipa::path(
    head, path = "/_ostro/v1/storage/{bucket}/{key}", tag = "objects", operation_id = "head_object",
    params(
        Object,
        ("if-match" = Option<String>, Header, description = "Tags, one of which it must have"),
        ("if-none-match" = Option<String>, Header, description = "Tags, none of which it must have"),
    ),
    security((), ("token" = [])),
    responses(
        (status = 200, description = "It is there", headers(("etag" = String, description = "Its tag"))),
        (status = 304, description = "The client has it"),
        Errors, ConditionErrors,
    ),
)]
fn head() {}

/// Puts an object. The body is its content.
#[utoipa::path(
    put, path = "/_ostro/v1/storage/{bucket}/{key}", tag = "objects", operation_id = "put_object",
    params(
        Object,
        ("if-match" = Option<String>, Header, description = "Tags, one of which the object must have that is there"),
        ("if-none-match" = Option<String>, Header, description = "`*`: there must be none"),
    ),
    request_body(content = Content, content_type = "*/*", description = "At most 5 GiB"),
    security((), ("token" = [])),
    responses(
        (status = 200, description = "It is on the disk", headers(("etag" = String, description = "Its tag"))),
        Errors, ConditionErrors, PutErrors,
    ),
)]
fn put() {}

/// Deletes an object.
#[utoipa::path(
    delete, path = "/_ostro/v1/storage/{bucket}/{key}", tag = "objects", operation_id = "delete_object",
    params(Object, ("if-match" = Option<String>, Header, description = "Tags, one of which it must have")),
    security((), ("token" = [])),
    responses((status = 204, description = "There is none, or none any more"), Errors, ConditionErrors),
)]
fn delete() {}

/// With `?sign`: signs a URL. With `?uploads`: begins an upload in parts, without a body. One of them it has to be.
#[utoipa::path(
    post, path = "/_ostro/v1/storage/{bucket}/{key}", tag = "objects", operation_id = "sign_or_begin_upload",
    params(
        Object,
        ("sign" = Option<String>, Query, description = "A name without a value: a URL is to be signed"),
        ("uploads" = Option<String>, Query, description = "A name without a value: an upload is to begin"),
        ("upload-length" = Option<u64>, Header, description = "How long an upload will be, bytes: 1 at least"),
    ),
    request_body = Option<Sign>, security((), ("token" = [])),
    responses(
        (status = 200, body = SignedUrl, description = "The URL"),
        (status = 201, body = Begun, description = "The upload has begun", headers(("location" = String, description = "Where it goes on"))),
        Errors, PutErrors,
    ),
)]
fn sign_or_begin() {}

/// How far an upload is.
#[utoipa::path(
    head, path = "/_ostro/v1/uploads/{upload}", tag = "objects", operation_id = "head_upload",
    params(("upload" = String, Path, description = "The upload's id")), security((), ("token" = [])),
    responses(
        (status = 200, description = "So far", headers(
            ("upload-offset" = u64, description = "Bytes that are on the disk"),
            ("upload-length" = u64, description = "Bytes of the whole"),
            ("etag" = String, description = "The tag of the object that it has become"),
        )),
        Errors,
    ),
)]
fn upload() {}

/// Goes on with an upload. What was acknowledged is on the disk, and of a part that breaks off what came is kept as well.
#[utoipa::path(
    patch, path = "/_ostro/v1/uploads/{upload}", tag = "objects", operation_id = "upload_part",
    params(
        ("upload" = String, Path, description = "The upload's id"),
        ("upload-offset" = u64, Header, description = "Bytes that are there already"),
    ),
    request_body(content = Content, content_type = "application/offset+octet-stream"),
    security((), ("token" = [])),
    responses(
        (status = 204, description = "It is on the disk", headers(
            ("upload-offset" = u64, description = "Bytes that are on the disk"),
            ("upload-length" = u64, description = "Bytes of the whole"),
            ("etag" = String, description = "The tag of the object, with the last part"),
        )),
        Errors, PutErrors, PartErrors,
    ),
)]
fn part() {}

/// Gives an upload up. An object that it has become stays.
#[utoipa::path(
    delete, path = "/_ostro/v1/uploads/{upload}", tag = "objects", operation_id = "give_upload_up",
    params(("upload" = String, Path, description = "The upload's id")), security((), ("token" = [])),
    responses((status = 204, description = "It is gone"), Errors),
)]
fn give_up() {}

/// What every request may be answered.
#[derive(IntoResponses)]
enum Errors {
    /// `bad_request`: the key, a header, the query or the body is not what is taken.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// `unauthenticated`: the access token is not good, or not any more.
    #[response(status = 401)]
    Unauthenticated(ErrorBody),
    /// `forbidden`: the rules do not let the caller do it, or there is no such bucket, or a page of an origin that may not call.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// `not_found`, `no_route`: there is no such object or upload for the caller.
    #[response(status = 404)]
    NotFound(ErrorBody),
    /// `internal`: the server failed, or what is on its disk is damaged.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// `busy`: as many transfers, lists or unfinished uploads as there may be; the header retry-after says when.
    #[response(status = 503)]
    Busy(ErrorBody),
    /// `query_timeout`: a list looked too long at what its caller may not see.
    #[response(status = 504)]
    QueryTimeout(ErrorBody),
}

/// What those with conditions may be answered besides.
#[derive(IntoResponses)]
enum ConditionErrors {
    /// `precondition`: the object is not as the request says that it must be; nothing was changed.
    #[response(status = 412)]
    Precondition(ErrorBody),
}

/// What those with a content may be answered besides.
#[derive(IntoResponses)]
enum PutErrors {
    /// `timeout`: nothing came for a minute, or not all within an hour.
    #[response(status = 408)]
    Slow(ErrorBody),
    /// `too_large`: more than an object, or the body, may be.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// `quota`, `no_space`: the project holds as much as it may, or the disk is full.
    #[response(status = 507)]
    Full(ErrorBody),
}

/// What parts may be answered besides.
#[derive(IntoResponses)]
enum PartErrors {
    /// `offset`, `conflict`: the upload has another number of bytes, or another part came later.
    #[response(status = 409)]
    Elsewhere(ErrorBody),
    /// `content_type`: it is no part.
    #[response(status = 415)]
    ContentType(ErrorBody),
}
