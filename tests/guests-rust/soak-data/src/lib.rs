//! The guest of `cargo xtask soak data`: makes the writes that its clients ask for, shows what is there, and, deployed as the
//! listener, writes down what it is told of.
//!
//! 200: done. 409 and 422: a transaction that has changed nothing. 410: what the client has seen acknowledged is not there.

mod heard;
mod shown;
mod transfer;
mod write;

use wstd::http::{Body, Error, Request, Response, StatusCode};

/// Why a request was not done.
enum Refusal {
    /// It is not as an earlier answer has said.
    Lost(String),
    /// The transaction met others too often.
    Conflict,
    /// The client wanted it undone.
    Undone,
    /// Anything else.
    Failed(String),
}

impl<E: std::error::Error> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Failed(error.to_string())
    }
}

/// What is answered where all is well.
type Done = Result<String, Refusal>;

#[wstd::http_server]
async fn main(mut request: Request<Body>) -> Result<Response<Body>, Error> {
    let body = request.body_mut().contents().await?.to_vec();
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let done = match path.as_str() {
        "/" => Ok("here".to_owned()),
        "/begin" => transfer::begin(&body),
        "/transfer" => transfer::make(&body),
        "/write" => write::one(&body),
        "/object" => write::object(&query, &body),
        "/values" => shown::values(&query),
        "/rows" => shown::rows(&query),
        "/_ostro/event" => heard::event(&body),
        "/_ostro/queue" => heard::message(&body),
        _ => Err(Refusal::Failed(format!("there is no part {path}"))),
    };
    let (status, text) = match done {
        Ok(text) => (StatusCode::OK, text),
        Err(Refusal::Lost(text)) => (StatusCode::GONE, text),
        Err(Refusal::Conflict) => (StatusCode::CONFLICT, String::new()),
        Err(Refusal::Undone) => (StatusCode::UNPROCESSABLE_ENTITY, String::new()),
        Err(Refusal::Failed(text)) => (StatusCode::INTERNAL_SERVER_ERROR, text),
    };
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    Ok(response)
}

/// A part of a query. The client writes only letters that need no encoding.
fn part<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}
