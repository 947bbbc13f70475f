//! Answers of the client API over HTTP.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::Value;

use crate::accounts::attempts::TooMany;
use crate::problem::Problem;

/// How long keys may be kept, which only come and go.
const KEYS_KEPT: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// What came of a call.
pub(super) enum Answered {
    /// JSON, for this client only.
    Json(Value),
    /// The same, as text.
    Text(String),
    /// The same, or nothing, and the cookie of a session with it.
    Cookie(Option<Value>, HeaderValue),
    /// JSON for everybody.
    Public(Value),
    /// It is done.
    Done,
    /// It will be done, or there is nothing to do.
    Accepted,
}

/// Why a call was not answered.
pub(super) struct Refusal {
    problem: Problem,
    retry_after_s: Option<u64>,
}

impl Refusal {
    /// A problem that will have passed in so many seconds.
    pub(super) fn for_now(problem: Problem, retry_after_s: u64) -> Self {
        Self { problem, retry_after_s: Some(retry_after_s) }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let retry_after_s = (problem.status == StatusCode::SERVICE_UNAVAILABLE).then_some(1);
        Self { problem, retry_after_s }
    }
}

impl From<TooMany> for Refusal {
    fn from(TooMany { retry_after_s }: TooMany) -> Self {
        let problem = Problem::new(429, "too_many_attempts", "this was tried too often");
        Self {
            problem: problem.hint("wait as long as `retry-after` says"),
            retry_after_s: Some(retry_after_s),
        }
    }
}

/// The answer of a call that was done.
pub(super) fn answer(answered: Answered) -> Response<Full<Bytes>> {
    match answered {
        Answered::Json(value) => json_answer(StatusCode::OK, value.to_string()),
        Answered::Text(json) => json_answer(StatusCode::OK, json),
        Answered::Cookie(value, cookie) => {
            let mut response = answer(value.map_or(Answered::Done, Answered::Json));
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            response
        }
        Answered::Public(value) => {
            let mut response = json_answer(StatusCode::OK, value.to_string());
            response.headers_mut().insert(header::CACHE_CONTROL, KEYS_KEPT);
            response
        }
        Answered::Done => empty(StatusCode::NO_CONTENT),
        Answered::Accepted => empty(StatusCode::ACCEPTED),
    }
}

/// The answer of a call that was not.
pub(super) fn refusal(refusal: &Refusal) -> Response<Full<Bytes>> {
    let Refusal { problem, retry_after_s } = refusal;
    let mut response = json_answer(problem.status, problem.to_json().to_string());
    let headers = response.headers_mut();
    if problem.status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(seconds) = retry_after_s {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
    }
    response
}

/// An answer without content.
pub(super) fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Nobody answers there.
pub(super) fn no_route() -> Problem {
    Problem::new(404, "no_route", "nobody answers here")
}

/// It is answered, but not to this method.
pub(super) fn other_method(allowed: &str) -> Problem {
    Problem::new(405, "method", format!("this takes {allowed}"))
}

/// No page of that origin may call.
pub(super) fn foreign() -> Problem {
    Problem::new(403, "forbidden", "pages of this origin may not call")
        .hint("add it to `origins` in the section [auth] of ostro.toml")
}

/// The same for every token that is not good, whatever is wrong with it.
pub(super) fn unauthenticated() -> Problem {
    Problem::new(401, "unauthenticated", "the token is missing or not valid, or not any more")
}

fn json_answer(status: StatusCode, json: String) -> Response<Full<Bytes>> {
    let mut response = empty(status);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    *response.body_mut() = Full::new(Bytes::from(json));
    response
}
