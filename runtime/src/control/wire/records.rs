//! What is kept of invocations.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::telemetry::{InvocationRecord, LogLine};

/// Query of the lists that only have a length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Longest answer: 50 by default, 1,000 at most.
    #[param(required = false, maximum = 1000)]
    pub limit: Option<u32>,
}

/// Answer of `GET …/invocations`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvocationList {
    /// Newest first.
    pub invocations: Vec<InvocationRecord>,
}

/// Query of `GET …/logs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// Nothing older than this, milliseconds since 1970.
    #[param(required = false)]
    pub since_ms: Option<i64>,
    /// The newest so many lines: 200 by default, 10,000 at most.
    #[param(required = false, maximum = 10000)]
    pub limit: Option<u32>,
    /// Go on with new lines for ever, one JSON object a line.
    pub follow: bool,
}

/// Answer of `GET …/logs` without `follow`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogList {
    /// Oldest first.
    pub lines: Vec<LogLine>,
}
