//! The mail API: one POST a mail.

use crate::ostro::secrets::store as secrets;
use wasip2::cli::environment::get_environment;
use wstd::http::{Body, Client, HeaderMap, Request};
use wstd::time::Duration;

const PATIENCE_SECONDS: u64 = 10;

/// Why a mail was not taken.
pub(crate) struct Refused {
    /// One line for `ostro queue dead`.
    pub(crate) reason: String,
    /// When the API wants to be asked again, if it said.
    pub(crate) retry_after_ms: Option<u64>,
}

impl Refused {
    fn because(reason: String) -> Self {
        Self { reason, retry_after_ms: None }
    }
}

/// Posts a mail. The message's id goes along: it is the same in every delivery, so the API can drop what it has seen.
pub(crate) async fn post(id: &str, content_type: &str, mail: Vec<u8>) -> Result<(), Refused> {
    let origin = environment("MAIL_API")
        .ok_or_else(|| Refused::because("MAIL_API is not set: add it to `env` in ostro.toml".into()))?;
    let mut request = Request::post(format!("{}/send", origin.trim_end_matches('/')))
        .header("content-type", if content_type.is_empty() { "application/json" } else { content_type })
        .header("idempotency-key", id);
    if let Some(token) = token()? {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request
        .body(Body::from(mail))
        .map_err(|error| Refused::because(format!("no request can be made: {error}")))?;

    let mut client = Client::new();
    client.set_connect_timeout(Duration::from_secs(PATIENCE_SECONDS));
    client.set_first_byte_timeout(Duration::from_secs(PATIENCE_SECONDS));
    let response = client
        .send(request)
        .await
        .map_err(|error| Refused::because(format!("the mail API is not reachable: {error:#}")))?;
    match response.status().is_success() {
        true => Ok(()),
        false => Err(Refused {
            reason: format!("the mail API answered {}", response.status().as_u16()),
            retry_after_ms: retry_after_ms(response.headers()),
        }),
    }
}

/// `retry-after` in seconds; the form with a date is left to the usual back-off.
fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let seconds: u64 = headers.get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(seconds.saturating_mul(1_000))
}

/// The token, if the project has one; without it the API is asked without.
fn token() -> Result<Option<String>, Refused> {
    secrets::get("MAIL_TOKEN").map_err(|error| match error {
        secrets::Error::Denied(reason) | secrets::Error::Unavailable(reason) => Refused::because(reason),
    })
}

fn environment(name: &str) -> Option<String> {
    get_environment().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}
