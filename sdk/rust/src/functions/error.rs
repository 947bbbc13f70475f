//! Why a call of another function gives no result.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use crate::bindings::ostro::functions::invoke;
use crate::json;

/// Why there is no result.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// This function holds no grant for that one. The text names the line to add to the manifest.
    Denied(String),
    /// The project has no function of that name that answers HTTP.
    UnknownFunction(String),
    /// 16 calls are inside each other already: this one was not made.
    Loop(String),
    /// There is no room for it. Trying again later may help.
    Busy(String),
    /// The function was called and gave no result.
    Failed(Failed),
    /// The call is not acceptable: its input or an option. The text says which.
    Invalid(String),
    /// The server could not do it now. Trying again may help. A call may have been made.
    Unavailable(String),
    /// The time was over before the answer was there. The function may go on.
    Deadline(String),
    /// The answer does not fit the type it is read into. The text says where.
    Mismatch(String),
}

/// What a function that gave no result has answered.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Failed {
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// Why there is no result where the function itself does not say so, such as `trap` or `cpu_limit`.
    #[serde(default)]
    pub code: Option<String>,
    /// What it answered: JSON, or a text where it is none.
    #[serde(default)]
    pub body: Value,
}

impl From<invoke::Error> for Error {
    fn from(error: invoke::Error) -> Self {
        match error {
            invoke::Error::Denied(text) => Self::Denied(text),
            invoke::Error::UnknownFunction(text) => Self::UnknownFunction(text),
            invoke::Error::Loop(text) => Self::Loop(text),
            invoke::Error::Busy(text) => Self::Busy(text),
            invoke::Error::Failed(text) => Self::Failed(failed(text)),
            invoke::Error::Invalid(text) => Self::Invalid(text),
            invoke::Error::Unavailable(text) => Self::Unavailable(text),
            invoke::Error::Deadline(text) => Self::Deadline(text),
        }
    }
}

/// What is not as the contract says is kept as a text.
fn failed(text: String) -> Failed {
    json::value(&text).unwrap_or_else(|_| Failed { body: Value::String(text), ..Failed::default() })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(Failed { status, code: Some(code), body }) => {
                write!(f, "the function answered {status} ({code}): {body}")
            }
            Self::Failed(Failed { status, code: None, body }) => {
                write!(f, "the function answered {status}: {body}")
            }
            Self::Mismatch(text) => write!(f, "the answer does not fit: {text}"),
            Self::Denied(text)
            | Self::UnknownFunction(text)
            | Self::Loop(text)
            | Self::Busy(text)
            | Self::Invalid(text)
            | Self::Unavailable(text)
            | Self::Deadline(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failure_is_read_as_the_contract_has_it() {
        let told = |text: &str| Error::from(invoke::Error::Failed(text.to_owned()));
        let trap = told(r#"{"status":500,"code":"trap","body":"it failed"}"#);
        assert_eq!(trap.to_string(), r#"the function answered 500 (trap): "it failed""#);
        let own = told(r#"{"status":404,"body":{"missing":7}}"#);
        assert_eq!(own, Error::Failed(Failed { status: 404, code: None, body: json!({ "missing": 7 }) }));
        assert_eq!(told("?"), Error::Failed(Failed { status: 0, code: None, body: json!("?") }));
    }
}
