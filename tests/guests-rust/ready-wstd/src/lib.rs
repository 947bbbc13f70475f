//! WASI 0.2 with `wstd`, an asynchronous standard library: waits a moment, then gives the body back.

use wstd::http::{Body, Error, Request, Response};
use wstd::time::Duration;

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    wstd::task::sleep(Duration::from_millis(20)).await;
    Ok(Response::new(request.into_body()))
}
