//! One GET to an upstream whose origin stands in the environment; failures become a short reason that a client may read.

use serde_json::Value;
use wasip2::cli::environment::get_environment;
use wstd::http::{Body, Client, Request};
use wstd::time::Duration;

/// A page waits no longer than this for the head or the next bytes of an upstream.
const PATIENCE_SECONDS: u64 = 3;

/// Fetches `origin + path`, where `origin` is the value of the environment variable `variable`.
pub(crate) async fn get_json(variable: &str, path: String) -> Result<Value, String> {
    let origin = environment(variable).ok_or_else(|| format!("{variable} is not set"))?;
    let request = Request::get(format!("{}{path}", origin.trim_end_matches('/')))
        .header("accept", "application/json")
        .body(Body::empty())
        .map_err(|_| format!("{variable} is not an origin"))?;

    let mut client = Client::new();
    client.set_connect_timeout(Duration::from_secs(PATIENCE_SECONDS));
    client.set_first_byte_timeout(Duration::from_secs(PATIENCE_SECONDS));
    client.set_between_bytes_timeout(Duration::from_secs(PATIENCE_SECONDS));
    // The cause goes to the function's log, not to the client: it may name hosts.
    let mut response = client.send(request).await.map_err(|error| {
        eprint_line(&format!("{variable}: {error:#}"));
        "not reachable".to_string()
    })?;
    if !response.status().is_success() {
        return Err(format!("answered {}", response.status().as_u16()));
    }
    response.body_mut().json().await.map_err(|_| "answered no JSON".into())
}

fn environment(name: &str) -> Option<String> {
    get_environment().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// Standard error by its WASI interface: `eprintln!` reaches it on wasm32-wasip2 only, this on every wasm target.
fn eprint_line(line: &str) {
    let text = format!("{line}\n");
    for piece in text.as_bytes().chunks(4096) {
        let _ = wasip2::cli::stderr::get_stderr().blocking_write_and_flush(piece);
    }
}
