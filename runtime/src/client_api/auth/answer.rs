//! What is said about accounts over HTTP.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::StoreError;
use store::accounts::Account;

use crate::accounts::attempts::TooMany;
use crate::problem::Problem;

/// How long keys may be kept, which only come and go.
const KEYS_KEPT: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// What came of a call.
pub(super) enum Answered {
    /// JSON, for this client only.
    Json(Value),
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

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let retry_after_s = (problem.status == StatusCode::SERVICE_UNAVAILABLE).then_some(1);
        Self { problem, retry_after_s }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let problem = match error {
            StoreError::Full { .. } => {
                Problem::new(507, "quota", "the project has as many accounts as it may")
            }
            // Deleted a moment ago.
            StoreError::NotFound { .. } => not_enabled(),
            error => error.into(),
        };
        problem.into()
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

/// An account as clients see it.
pub(super) fn user(account: &Account) -> Value {
    let created = Timestamp::from_millisecond(account.created_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    json!({ "user": {
        "id": account.id.0,
        "email": account.email,
        "verified": account.verified,
        "anonymous": account.anonymous,
        "roles": account.roles,
        "created_at": created.to_string(),
    }})
}

/// The answer of a call that was done.
pub(super) fn answer(answered: Answered) -> Response<Full<Bytes>> {
    match answered {
        Answered::Json(value) => json_answer(StatusCode::OK, &value),
        Answered::Public(value) => {
            let mut response = json_answer(StatusCode::OK, &value);
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
    let mut response = json_answer(problem.status, &problem.to_json());
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

/// The project does not do that.
pub(super) fn not_enabled() -> Problem {
    Problem::new(404, "not_enabled", "the project has not turned this on")
        .hint("turn it on in the section [auth] of ostro.toml and deploy again")
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

/// The same whether the account is not there, has no password or another one, or may not sign in.
pub(super) fn invalid_credentials() -> Problem {
    Problem::new(401, "invalid_credentials", "the e-mail address or the password is wrong")
}

fn json_answer(status: StatusCode, value: &Value) -> Response<Full<Bytes>> {
    let mut response = empty(status);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    *response.body_mut() = Full::new(Bytes::from(value.to_string()));
    response
}
