//! Streams and channels, as they are described.
#![expect(dead_code, reason = "only the descriptions are used")]

use utoipa::{IntoResponses, OpenApi};

use super::asked::Subscriptions;
use crate::control::wire::ErrorBody;

/// All of them.
#[derive(OpenApi)]
#[openapi(paths(stream, send))]
pub(in crate::client_api) struct Paths;

/// A stream of what happens from now on, or since an event. Its head comes when everything is watched.
#[utoipa::path(
    post, path = "/_ostro/v1/realtime", tag = "realtime", operation_id = "watch",
    params(("last-event-id" = Option<String>, Header, description = "The id of the last event that the client was told")),
    request_body = Subscriptions, security((), ("token" = [])),
    responses(
        (
            status = 200, body = String, content_type = "text/event-stream",
            description = "Server-sent events: insert and update with `document`, delete with `id`, message with `data`, reset, error with `error`; \
                each with the `subscription` that it is of",
        ),
        Errors,
    ),
)]
fn stream() {}

/// Sends a message to all who listen to a channel.
#[utoipa::path(
    post, path = "/_ostro/v1/channels/{channel}", tag = "realtime", operation_id = "send",
    params(("channel" = String, Path, description = "`NAME`, or `NAME/PART` where `NAME/*` is declared; the slash may stand as it is")),
    request_body(content = serde_json::Value, description = "The message: any JSON, 16 KiB at most"),
    security((), ("token" = [])),
    responses((status = 202, description = "It was taken; whether anybody heard it nobody says"), SendErrors),
)]
fn send() {}

/// What is answered where nothing is sent.
#[derive(IntoResponses)]
enum SendErrors {
    /// `bad_request`: this is no name of a channel, or no message.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// `unauthenticated`: the access token is not good, or not any more.
    #[response(status = 401)]
    Unauthenticated(ErrorBody),
    /// `forbidden`: the rules do not let this caller send it, there is no such channel, or a page of an origin that may not call.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// `no_route`: the host is that of no project.
    #[response(status = 404)]
    NoRoute(ErrorBody),
    /// `timeout`: the body did not come in time.
    #[response(status = 408)]
    Slow(ErrorBody),
    /// `too_large`: the message is over 16 KiB.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// `rate`: too much is sent, by this sender or in the project; the header retry-after says when.
    #[response(status = 429)]
    Rate(ErrorBody),
    /// `internal`: the server failed.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// `busy`: later.
    #[response(status = 503)]
    Busy(ErrorBody),
}

/// What is answered where nothing is watched.
#[derive(IntoResponses)]
enum Errors {
    /// `bad_request`: the body is not what is taken.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// `unauthenticated`: the access token is not good, or not any more.
    #[response(status = 401)]
    Unauthenticated(ErrorBody),
    /// `forbidden`: a page of an origin that may not call.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// `no_route`: the host is that of no project.
    #[response(status = 404)]
    NoRoute(ErrorBody),
    /// `timeout`: the body did not come in time.
    #[response(status = 408)]
    Slow(ErrorBody),
    /// `too_large`: the body is over 128 KiB.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// `invalid`: there is nothing to watch, too much, or a name twice.
    #[response(status = 422)]
    Refused(ErrorBody),
    /// `too_many_streams`: as many streams as the project or the address may have.
    #[response(status = 429)]
    TooMany(ErrorBody),
    /// `internal`: the server failed.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// `busy`: later.
    #[response(status = 503)]
    Busy(ErrorBody),
}
