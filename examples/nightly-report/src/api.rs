//! JSON to and from web APIs whose origins stand in the environment.

use serde_json::Value;
use wasip2::cli::environment::get_environment;
use wstd::http::{Body, Client, Request, Response};
use wstd::time::Duration;

/// A job may wait longer than a page, but not for ever: a failure is tried again or seen.
const PATIENCE_SECONDS: u64 = 30;

/// GET of JSON from the origin in that environment variable.
pub(crate) async fn get(variable: &str, path: &str) -> Result<Value, String> {
    let request = Request::get(url(variable, path)?)
        .header("accept", "application/json")
        .body(Body::empty())
        .map_err(|_| format!("{variable} is not an origin"))?;
    let mut response = send(variable, request).await?;
    response.body_mut().json().await.map_err(|_| format!("{variable} answered no JSON"))
}

/// POST of JSON to the origin in that environment variable.
pub(crate) async fn post(variable: &str, path: &str, key: &str, body: &Value) -> Result<(), String> {
    let request = Request::post(url(variable, path)?)
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(Body::from(body.to_string()))
        .map_err(|_| format!("{variable} is not an origin"))?;
    send(variable, request).await.map(drop)
}

async fn send(variable: &str, request: Request<Body>) -> Result<Response<Body>, String> {
    let mut client = Client::new();
    client.set_connect_timeout(Duration::from_secs(PATIENCE_SECONDS));
    client.set_first_byte_timeout(Duration::from_secs(PATIENCE_SECONDS));
    client.set_between_bytes_timeout(Duration::from_secs(PATIENCE_SECONDS));
    let response = client.send(request).await.map_err(|error| format!("{variable}: {error:#}"))?;
    match response.status().is_success() {
        true => Ok(response),
        false => Err(format!("{variable} answered {}", response.status().as_u16())),
    }
}

fn url(variable: &str, path: &str) -> Result<String, String> {
    let origin = get_environment().into_iter().find(|(name, _)| name == variable);
    let (_, origin) =
        origin.ok_or_else(|| format!("{variable} is not set: add it to `env` in ostro.toml"))?;
    Ok(format!("{}{path}", origin.trim_end_matches('/')))
}
