//! Calling a function with a token.

use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

pub use crate::router::CALL_PATH;

/// Name of the header that carries the guest's own status in an answer to `invoke`.
pub const STATUS_HEADER: &str = "ostro-status";
/// Name of the header that carries the id of an invocation.
pub const INVOCATION_HEADER: &str = "ostro-invocation";

/// Query of `POST …/invoke`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct InvokeQuery {
    /// HTTP method; `POST` by default.
    #[param(required = false, example = "POST")]
    pub method: Option<String>,
    /// Path and query that the function sees; `/` by default. A POST to `/_ostro/invoke`, which no client of the data
    /// plane reaches, calls the function by name: JSON in, JSON out.
    #[param(required = false, example = "/")]
    pub path: Option<String>,
    /// Answer at once with a job that makes the call.
    #[serde(rename = "async")]
    #[param(required = false)]
    pub asynchronous: bool,
}
