//! A call of another function.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Error;
use crate::bindings::ostro::functions::invoke;
use crate::json;

/// A call of another function in the making.
///
/// ```no_run
/// # use std::time::Duration;
/// use ostro::functions::Call;
///
/// let stock: u32 = Call::new("shop").path("/stock?item=7").method("GET").timeout(Duration::from_secs(1)).invoke(&())?;
/// # Ok::<(), ostro::functions::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is called before `invoke` or `send`"]
pub struct Call {
    function: String,
    options: Options,
}

/// As the contract has them.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dedupe_key: Option<String>,
}

impl Call {
    /// A call of that function of the project: a `POST` to `/_ostro/invoke`, which no client can reach.
    pub fn new(function: impl Into<String>) -> Self {
        Self { function: function.into(), options: Options::default() }
    }

    /// Where the request goes, with its query.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.options.path = Some(path.into());
        self
    }

    /// Its method. With `GET`, `HEAD` or `DELETE` and the input `&()` it has no body.
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.options.method = Some(method.into());
        self
    }

    /// Sets a header. Only for `invoke`; what only the platform may say is taken away.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.headers.insert(name.into(), value.into());
        self
    }

    /// How long this function waits at most. Only for `invoke`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout_ms = Some(milliseconds(timeout));
        self
    }

    /// How long after now it is not made, 14 days at most. Only for `send`.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.options.delay_ms = Some(milliseconds(delay));
        self
    }

    /// Calls of one key within a day are one: the first stands. Only for `send`.
    pub fn dedupe_key(mut self, key: impl Into<String>) -> Self {
        self.options.dedupe_key = Some(key.into());
        self
    }

    /// Calls the function and returns its answer. Input and answer are JSON of at most 8 MiB.
    pub fn invoke<T: DeserializeOwned>(&self, input: &(impl Serialize + ?Sized)) -> Result<T, Error> {
        let answer = invoke::call(&self.function, &input_text(input)?, &self.options_text()?)?;
        json::value(&answer).map_err(Error::Mismatch)
    }

    /// Stores the call, and returns the id of the job that makes it. The input is JSON of at most 128 KiB.
    pub fn send(&self, input: &(impl Serialize + ?Sized)) -> Result<String, Error> {
        Ok(invoke::send(&self.function, &input_text(input)?, &self.options_text()?)?)
    }

    fn options_text(&self) -> Result<String, Error> {
        json::text(&self.options).map_err(Error::Invalid)
    }
}

/// The input as the contract has it: empty for `null`, so that a `GET` has no body.
fn input_text(input: &(impl Serialize + ?Sized)) -> Result<String, Error> {
    let text = json::text(input).map_err(Error::Invalid)?;
    Ok(if text == "null" { String::new() } else { text })
}

/// One that is too long stays too long.
fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_written_as_the_contract_has_them() {
        let plain = Call::new("shop");
        assert_eq!(plain.options_text().unwrap(), "{}");
        let call = plain.path("/a?b").method("GET").header("x-a", "1").timeout(Duration::from_secs(2));
        assert_eq!(
            call.options_text().unwrap(),
            r#"{"path":"/a?b","method":"GET","headers":{"x-a":"1"},"timeoutMs":2000}"#
        );
        let later = Call::new("shop").delay(Duration::from_secs(1)).dedupe_key("7");
        assert_eq!(later.options_text().unwrap(), r#"{"delayMs":1000,"dedupeKey":"7"}"#);
        assert_eq!(input_text(&()).unwrap(), "");
        assert_eq!(input_text(&[1]).unwrap(), "[1]");
    }
}
