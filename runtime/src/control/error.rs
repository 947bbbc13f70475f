//! Problems as HTTP answers, always JSON; and what the API's description says about them.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa::IntoResponses;

use super::wire::ErrorBody;
use crate::problem::Problem;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(self.to_json())).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Any path that no resource has.
pub(super) async fn no_such_path() -> Problem {
    Problem::not_found("path").hint("the paths of this API are listed at /openapi.json")
}

/// A path that exists, with a method that it does not take.
pub(super) async fn method_not_allowed() -> Problem {
    Problem::new(405, "method", "this path does not take that method")
        .hint("the methods of each path are listed at /openapi.json")
}

/// The answers that every resource behind a token can give besides its own.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) enum Errors {
    /// The request can't be understood.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// The token is missing or wrong.
    #[response(status = 401)]
    Unauthenticated(ErrorBody),
    /// The token lacks the scope, or a browser page made the request.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// It does not exist, or belongs to another project.
    #[response(status = 404)]
    NotFound(ErrorBody),
    /// The server failed.
    #[response(status = 500)]
    Internal(ErrorBody),
}

/// The further answers of a list that is held in memory.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) enum ListErrors {
    /// Too many lists are being read at once.
    #[response(status = 429)]
    TooMany(ErrorBody),
}

/// The further answers of a resource that takes a body.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) enum BodyErrors {
    /// The body came too slowly.
    #[response(status = 408)]
    Slow(ErrorBody),
    /// The name is taken.
    #[response(status = 409)]
    Conflict(ErrorBody),
    /// The body is too large.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// The body is encoded or has the wrong type.
    #[response(status = 415)]
    Encoding(ErrorBody),
    /// The content is not acceptable; `detail` and `hint` say why.
    #[response(status = 422)]
    Refused(ErrorBody),
    /// Too much at once.
    #[response(status = 429)]
    TooMany(ErrorBody),
    /// The disk is full; nothing was changed.
    #[response(status = 507)]
    NoSpace(ErrorBody),
}
