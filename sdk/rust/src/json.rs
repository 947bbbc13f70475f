//! Between types and the JSON texts that the contract speaks.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The text of a value; the fault is that of its `Serialize`.
pub(crate) fn text(value: &(impl Serialize + ?Sized)) -> Result<String, String> {
    serde_json::to_string(value).map_err(|fault| fault.to_string())
}

/// The value of a text; the fault says what does not fit, and where.
pub(crate) fn value<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|fault| fault.to_string())
}

/// The same for bytes.
pub(crate) fn value_of_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|fault| fault.to_string())
}
