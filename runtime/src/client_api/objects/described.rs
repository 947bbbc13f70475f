//! Signed URLs, as they are described.
#![expect(dead_code, reason = "only the descriptions are used")]

use utoipa::{IntoParams, IntoResponses, OpenApi, ToSchema};

use crate::control::wire::ErrorBody;

/// All of them.
#[derive(OpenApi)]
#[openapi(paths(get, head, put))]
pub(in crate::client_api) struct Paths;

/// Bytes.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub(in crate::client_api) struct Content(());

/// What stands in a URL: it is made by the server, and taken as a whole.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
struct Signed {
    /// The bucket's name.
    bucket: String,
    /// The object's key, encoded.
    key: String,
}

/// What it permits.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct Permit {
    /// What is permitted, and how long.
    p: String,
    /// The signature.
    s: String,
}

/// An object, or parts of it, by signed URL.
#[utoipa::path(
    get, path = "/_ostro/objects/{bucket}/{key}", tag = "objects", operation_id = "get_signed",
    params(
        Signed, Permit,
        ("range" = Option<String>, Header, description = "Up to 8 ranges of bytes (RFC 9110, section 14.2)"),
        ("if-range" = Option<String>, Header, description = "The tag that the ranges are of"),
        ("if-match" = Option<String>, Header, description = "Tags, one of which it must have"),
        ("if-none-match" = Option<String>, Header, description = "Tags, none of which it must have"),
    ),
    responses(
        (status = 200, body = Content, content_type = "*/*", description = "The content", headers(("etag" = String, description = "Its tag"))),
        (status = 206, body = Content, content_type = "*/*", description = "The ranges; several of them as multipart/byteranges"),
        (status = 304, description = "The client has it"),
        (status = 416, description = "None of the ranges is there"),
        Errors,
    ),
)]
fn get() {}

/// What is said of an object, by signed URL.
#[utoipa::path(
    head, path = "/_ostro/objects/{bucket}/{key}", tag = "objects", operation_id = "head_signed",
    params(Signed, Permit),
    responses((status = 200, description = "It is there", headers(("etag" = String, description = "Its tag"))), Errors),
)]
fn head() {}

/// Puts an object by signed URL. The body is its content.
#[utoipa::path(
    put, path = "/_ostro/objects/{bucket}/{key}", tag = "objects", operation_id = "put_signed",
    params(
        Signed, Permit,
        ("if-match" = Option<String>, Header, description = "Tags, one of which the object must have that is there"),
        ("if-none-match" = Option<String>, Header, description = "`*`: there must be none"),
    ),
    request_body(content = Content, content_type = "*/*", description = "As much as the URL permits"),
    responses(
        (status = 200, description = "It is on the disk", headers(("etag" = String, description = "Its tag"))),
        Errors, PutErrors,
    ),
)]
fn put() {}

/// What every request may be answered.
#[derive(IntoResponses)]
enum Errors {
    /// `bad_request`: a header is not what is taken, or the content did not come whole.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// `forbidden`: the URL is not valid, or not any more, or is for another method; or its signer may not do it.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// `not_found`: there is no such object.
    #[response(status = 404)]
    NotFound(ErrorBody),
    /// `precondition`: the object is not as the request says that it must be; nothing was changed.
    #[response(status = 412)]
    Precondition(ErrorBody),
    /// `internal`: the server failed, or what is on its disk is damaged.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// `busy`: as many transfers as there may be; the header retry-after says when.
    #[response(status = 503)]
    Busy(ErrorBody),
}

/// What those with a content may be answered besides.
#[derive(IntoResponses)]
enum PutErrors {
    /// `timeout`: nothing came for a minute, or not all within an hour.
    #[response(status = 408)]
    Slow(ErrorBody),
    /// `too_large`: more than the URL permits.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// `quota`, `no_space`: the project holds as much as it may, or the disk is full.
    #[response(status = 507)]
    Full(ErrorBody),
}
