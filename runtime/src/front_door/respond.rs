//! Outcomes become answers here and nowhere else: status, code, headers.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use uuid::Uuid;

use super::hygiene::Refusal;
use crate::accounts::cookie;
use crate::client_api::{ReplyBody, objects::ObjectBody};
use crate::dispatch::{AnswerBody, Failure, Outcome, Unfinished};
use crate::problem::Problem;
use crate::telemetry::OutcomeCode;

const INVOCATION: HeaderName = HeaderName::from_static("ostro-invocation");
/// Seconds after which a busy server may be asked again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// The body of an answer: the guest's, or the platform's own few bytes.
pub(super) enum Answer {
    /// From the guest.
    Guest(AnswerBody),
    /// From the platform.
    Platform(ReplyBody),
}

/// The answer that an invocation's outcome makes.
pub(super) fn outcome(version: Version, method: &Method, outcome: Outcome) -> Response<Answer> {
    let Outcome { ledger, result } = outcome;
    let answer = match result {
        Ok(response) => guest(response).unwrap_or_else(|reason| {
            ledger.failed(Failure { code: OutcomeCode::BadResponse, detail: reason.to_owned() });
            failure(OutcomeCode::BadResponse, version)
        }),
        Err(failed) => failure(failed.code, version),
    };
    ledger.answered(answer.status().as_u16());
    identified(ledger.id, without_body(method, answer))
}

/// Answers to HEAD, 204 and 304 have no body (RFC 9110 section 6.4.1). hyper sees to it over HTTP/1 only.
fn without_body(method: &Method, answer: Response<Answer>) -> Response<Answer> {
    let status = answer.status();
    if method != Method::HEAD && status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED {
        return answer;
    }
    let (parts, body) = answer.into_parts();
    if let Answer::Guest(body) = body {
        body.not_wanted();
    }
    Response::from_parts(parts, Answer::Platform(Full::default().into()))
}

/// Refused before anybody was asked. Malformed messages end the connection: what follows on it can't be
/// trusted to begin where we think it does (threat D4).
pub(super) fn refusal(id: Uuid, version: Version, refusal: Refusal) -> Response<Answer> {
    identified(id, closing(version, problem_answer(&problem(refusal))))
}

/// What is wrong with a message.
pub(super) fn problem(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::BadRequest(reason) => Problem::new(400, "bad_request", reason),
        Refusal::HeadersTooLarge => {
            Problem::new(431, "headers_too_large", "at most 100 headers and 16 KiB of them in all are taken")
        }
        Refusal::TargetTooLong => {
            Problem::new(414, "target_too_long", "at most 16 KiB of path and query are taken")
        }
        Refusal::NotServed(reason) => Problem::new(400, "bad_request", reason),
        Refusal::Expectation => Problem::new(417, "expectation", "only `expect: 100-continue` is understood"),
    }
}

/// Nobody answers there.
pub(super) fn no_route(id: Uuid, _version: Version) -> Response<Answer> {
    let problem = Problem::new(404, "no_route", "no function answers here");
    identified(id, problem_answer(&problem))
}

/// The path is routed for other methods.
pub(super) fn other_methods(id: Uuid, _version: Version, methods: &[String]) -> Response<Answer> {
    let mut answer = problem_answer(&Problem::new(405, "method", "the route does not take this method"));
    if let Ok(allow) = HeaderValue::from_str(&methods.join(", ")) {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    identified(id, answer)
}

/// A call would be deeper than calls may be.
pub(super) fn too_deep(id: Uuid) -> Response<Answer> {
    let message = "calls of functions by functions are too many inside each other";
    identified(id, problem_answer(&Problem::new(508, "loop", message)))
}

/// The server itself can't go on with a call.
pub(super) fn broken(id: Uuid, version: Version) -> Response<Answer> {
    identified(id, failure(OutcomeCode::Internal, version))
}

/// Why an answer is the platform's although a function was called.
pub(super) fn reason(answer: &Response<Answer>) -> Option<OutcomeCode> {
    answer.extensions().get().copied()
}

/// The caller is not let through. A body that comes with it is not read.
pub(super) fn gated(id: Uuid, version: Version, problem: &Problem) -> Response<Answer> {
    let mut answer = problem_answer(problem);
    if problem.status == StatusCode::UNAUTHORIZED {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    identified(id, closing(version, answer))
}

/// The announced body is over the function's limit.
pub(super) fn too_large(id: Uuid, version: Version, limit: u64) -> Response<Answer> {
    let problem = Problem::new(413, "too_large", format!("the request body is over {limit} bytes"));
    identified(id, closing(version, problem_answer(&problem)))
}

/// The platform's own part of the path space.
pub(super) fn platform(id: Uuid, version: Version, path: &str) -> Response<Answer> {
    match path {
        "/_ostro/health" => identified(id, json(StatusCode::OK, &serde_json::json!({ "status": "ok" }))),
        _ => no_route(id, version),
    }
}

/// What came of a request for content: an object by its signed URL, a file of a site.
pub(super) fn object(
    id: Uuid,
    version: Version,
    method: &Method,
    served: Result<Response<ObjectBody>, Problem>,
) -> Response<Answer> {
    let answer = match served {
        Ok(response) => response.map(|body| Answer::Platform(body.into())),
        Err(problem) => {
            let mut answer = problem_answer(&problem);
            if problem.status == StatusCode::SERVICE_UNAVAILABLE {
                answer.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            // What comes of the content that was refused is not read.
            if *method == Method::PUT { closing(version, answer) } else { answer }
        }
    };
    identified(id, without_body(method, answer))
}

/// What came of a request to the client API.
pub(super) fn client_api(
    id: Uuid,
    version: Version,
    method: &Method,
    served: Response<ReplyBody>,
) -> Response<Answer> {
    let answer = served.map(Answer::Platform);
    // What comes of a body that was refused is not read.
    let is_unread = matches!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT);
    let answer = if is_unread { closing(version, answer) } else { answer };
    identified(id, without_body(method, answer))
}

/// The guest's response, fit to be sent: without headers that belong to the connection, or refused.
fn guest(response: Response<AnswerBody>) -> Result<Response<Answer>, &'static str> {
    let (mut parts, body) = response.into_parts();
    if parts.status.is_informational() || parts.status.as_u16() > 599 {
        return Err("the guest's status is not a final one");
    }
    check_length(&parts.headers)?;
    strip(&mut parts.headers);
    Ok(Response::from_parts(parts, Answer::Guest(body)))
}

/// More than one `content-length`, or one that is no number, could be read in two ways.
pub(super) fn check_length(headers: &HeaderMap) -> Result<(), &'static str> {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let valid = |value: &HeaderValue| {
        value.to_str().is_ok_and(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
    };
    match (lengths.next(), lengths.next()) {
        (None, _) => Ok(()),
        (Some(value), None) if valid(value) => Ok(()),
        _ => Err("the guest's content-length is malformed"),
    }
}

/// Takes away what belongs to the connection (RFC 9110 section 7.6.1) or to the platform (threat D8).
fn strip(headers: &mut HeaderMap) {
    cookie::guard(headers);
    const NEVER: [HeaderName; 8] = [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
        header::DATE,
        header::SERVER,
        header::PROXY_AUTHENTICATE,
    ];
    for name in NEVER {
        headers.remove(name);
    }
    let ours: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            name.as_str() == "keep-alive"
                || name.as_str() == "proxy-connection"
                || name.as_str().starts_with("ostro-")
        })
        .cloned()
        .collect();
    for name in ours {
        headers.remove(name);
    }
}

fn failure(code: OutcomeCode, version: Version) -> Response<Answer> {
    let (status, message) = match code {
        // Only jobs fail by the guest's own word, and nobody waits for their answer here.
        OutcomeCode::Ok | OutcomeCode::Failed | OutcomeCode::Internal => (500, "the server failed"),
        OutcomeCode::Busy => (503, "the function has no free capacity"),
        OutcomeCode::Rate => (429, "too many requests"),
        OutcomeCode::CpuLimit => (504, "the function used up its CPU time"),
        OutcomeCode::Deadline => (504, "the function did not answer in time"),
        OutcomeCode::MemoryLimit => (500, "the function ran out of memory"),
        OutcomeCode::Trap => (500, "the function crashed"),
        OutcomeCode::NoResponse => (500, "the function gave no answer"),
        OutcomeCode::BadResponse => (502, "the function's answer is malformed"),
        OutcomeCode::TooLarge => (413, "the request body is too large"),
        OutcomeCode::Cancelled => (499, "the client went away"),
    };
    let mut answer = problem_answer(&Problem::new(status, code.name(), message));
    answer.extensions_mut().insert(code);
    match code {
        OutcomeCode::Busy | OutcomeCode::Rate => {
            answer.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
            answer
        }
        OutcomeCode::TooLarge => closing(version, answer),
        _ => answer,
    }
}

fn problem_answer(problem: &Problem) -> Response<Answer> {
    json(problem.status, &problem.to_json())
}

fn json(status: StatusCode, value: &serde_json::Value) -> Response<Answer> {
    let mut answer = Response::new(Answer::Platform(Full::new(Bytes::from(value.to_string())).into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn closing(version: Version, mut answer: Response<Answer>) -> Response<Answer> {
    if version < Version::HTTP_2 {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

fn identified(id: Uuid, mut answer: Response<Answer>) -> Response<Answer> {
    let mut text = Uuid::encode_buffer();
    if let Ok(value) = HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)) {
        answer.headers_mut().insert(INVOCATION, value);
    }
    answer
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Unfinished;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Unfinished>>> {
        match self.get_mut() {
            Self::Guest(body) => Pin::new(body).poll_frame(cx),
            Self::Platform(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Guest(body) => body.is_end_stream(),
            Self::Platform(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Guest(body) => body.size_hint(),
            Self::Platform(body) => body.size_hint(),
        }
    }
}
