//! The paths that belong to no folder: functions, and the description itself.
#![expect(dead_code, reason = "only the descriptions are used")]

use utoipa::{IntoResponses, OpenApi};

use crate::control::wire::ErrorBody;

/// All of them.
#[derive(OpenApi)]
#[openapi(paths(description, description_head, call_function), components(schemas(ErrorBody)))]
pub(super) struct Paths;

/// This description.
#[utoipa::path(
    get, path = "/_ostro/v1/openapi.json", tag = "api", operation_id = "describe",
    params(("if-none-match" = Option<String>, Header, description = "Tags of what the client has")),
    responses(
        (status = 200, body = Object, description = "OpenAPI 3.1", headers(("etag" = String, description = "Its tag"))),
        (status = 304, description = "The client has it"),
        Errors,
    ),
)]
fn description() {}

/// What is said of this description.
#[utoipa::path(
    head, path = "/_ostro/v1/openapi.json", tag = "api", operation_id = "head_description",
    responses((status = 200, description = "It is there", headers(("etag" = String, description = "Its tag"))), Errors),
)]
fn description_head() {}

/// Calls a function that the project's manifest has made callable. What it answers is answered, with its status.
#[utoipa::path(
    post, path = "/_ostro/v1/functions/{function}", tag = "functions", operation_id = "call_function",
    params(("function" = String, Path, description = "The function's name")),
    request_body(content = serde_json::Value, description = "Whatever the function takes"),
    security((), ("token" = [])),
    responses(
        (status = "default", body = serde_json::Value, content_type = "*/*", description = "What the function answers"),
        CallErrors,
    ),
)]
fn call_function() {}

/// What every path may answer.
#[derive(IntoResponses)]
enum Errors {
    /// `forbidden`: a page of an origin that may not call.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// `no_route`: the host is that of no project.
    #[response(status = 404)]
    NoRoute(ErrorBody),
}

/// What is answered where the function does not.
#[derive(IntoResponses)]
enum CallErrors {
    /// `bad_request`: the request is malformed, or does not say that it is JSON.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// `unauthenticated`: the function takes an access token, and there is none or none that is good.
    #[response(status = 401)]
    Unauthenticated(ErrorBody),
    /// `forbidden`: a page of an origin that may not call, or none of the roles that the function asks for.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// `no_route`: there is no such function, or it is not callable.
    #[response(status = 404)]
    NoRoute(ErrorBody),
    /// `too_large`: the body is larger than the function takes.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// `rate`: the project is over its rate; the header retry-after says when.
    #[response(status = 429)]
    Rate(ErrorBody),
    /// `memory_limit`, `trap`, `no_response`, `internal`: the function failed, or the server.
    #[response(status = 500)]
    Failed(ErrorBody),
    /// `bad_response`: the function's answer is malformed.
    #[response(status = 502)]
    BadResponse(ErrorBody),
    /// `busy`: no capacity within 5 s; the header retry-after says when.
    #[response(status = 503)]
    Busy(ErrorBody),
    /// `cpu_limit`, `deadline`: the function took too long.
    #[response(status = 504)]
    Slow(ErrorBody),
}
