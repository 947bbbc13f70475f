//! Short addresses: `POST /` with an address in its body answers a code, `GET /CODE` leads there and counts.

mod links;

use links::Links;
use ostro::kv;
use wstd::http::{Body, Error, Method, Request, Response, StatusCode};

/// Longest address, bytes: what every browser takes.
const MAX_ADDRESS_BYTES: usize = 2_000;

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let path = request.uri().path().trim_matches('/').to_owned();
    let links = match Links::open() {
        Ok(links) => links,
        Err(error) => return Ok(unavailable(&error)),
    };
    // The platform gives a function its own part of the path, mounted or not.
    let code = path.rsplit('/').next().unwrap_or_default();
    let done = match (request.method(), code.strip_suffix('+')) {
        (&Method::POST, _) => shorten(&links, request.into_body()).await?,
        (&Method::GET, Some(code)) => links.visits(code).map(|visits| match visits {
            Some(visits) => reply(StatusCode::OK, format!("{visits} visits\n")),
            None => unknown(),
        }),
        (&Method::GET, None) => links.follow(code).map(|address| match address {
            Some(address) => lead(&address),
            None => unknown(),
        }),
        _ => Ok(reply(StatusCode::METHOD_NOT_ALLOWED, "GET or POST\n".to_owned())),
    };
    Ok(done.unwrap_or_else(|error| unavailable(&error)))
}

async fn shorten(links: &Links, mut body: Body) -> Result<kv::Result<Response<Body>>, Error> {
    let address = body.str_contents().await?.trim().to_owned();
    let is_address = address.starts_with("http://") || address.starts_with("https://");
    if !is_address || address.len() > MAX_ADDRESS_BYTES || address.contains(char::is_whitespace) {
        return Ok(Ok(reply(StatusCode::BAD_REQUEST, "the body is an http or https address\n".to_owned())));
    }
    Ok(links.add(&address).map(|code| reply(StatusCode::CREATED, format!("{code}\n"))))
}

fn lead(address: &str) -> Response<Body> {
    let response = Response::builder().status(StatusCode::FOUND).header("location", address);
    response
        .body(Body::empty())
        .unwrap_or_else(|_| reply(StatusCode::BAD_GATEWAY, "not an address\n".to_owned()))
}

fn unknown() -> Response<Body> {
    reply(StatusCode::NOT_FOUND, "no such code\n".to_owned())
}

fn reply(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response
}

/// Why is for the log, not for whoever asked.
fn unavailable(error: &kv::Error) -> Response<Body> {
    eprintln!("{error}");
    reply(StatusCode::INTERNAL_SERVER_ERROR, "the links can't be reached\n".to_owned())
}
