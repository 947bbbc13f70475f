//! What a guest says of a call, as JSON, and the request that it makes. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Full};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use wasmtime_wasi_http::WasiBody;

use crate::bindings::ostro::functions::invoke::Error;
use crate::outbound_http::internal;

/// Where a function is called by name unless the caller says otherwise.
const CALL_PATH: &str = "/_ostro/invoke";
/// The media type of every input.
pub(super) const JSON: &str = "application/json";

/// Longest options, bytes.
const MAX_BYTES: usize = 64 << 10;
/// Most headers, as many as a request from outside may have.
const MAX_HEADERS: usize = 100;

/// Options of a call that is waited for.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct CallOptions {
    path: Option<String>,
    method: Option<String>,
    headers: BTreeMap<String, String>,
    timeout_ms: Option<u64>,
}

/// Options of a call that nobody waits for.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct SendOptions {
    path: Option<String>,
    method: Option<String>,
    pub(super) delay_ms: u64,
    pub(super) dedupe_key: Option<String>,
}

/// Reads options; no text at all is none of them.
pub(super) fn read<T: DeserializeOwned + Default>(text: &str) -> Result<T, Error> {
    if text.is_empty() {
        return Ok(T::default());
    }
    if text.len() > MAX_BYTES {
        return Err(Error::Invalid(format!("the options have {} bytes, {MAX_BYTES} at most", text.len())));
    }
    serde_json::from_str(text).map_err(|error| Error::Invalid(format!("the options: {error}")))
}

impl CallOptions {
    /// How long to wait at most.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.timeout_ms.map(Duration::from_millis)
    }

    /// The request with that input to that function.
    pub(super) fn into_request(self, function: &str, input: String) -> Result<Request<WasiBody>, Error> {
        let (method, target) = target(self.method.as_deref(), self.path.as_deref())?;
        let bodiless = input.is_empty() && matches!(method, Method::GET | Method::HEAD | Method::DELETE);
        let body = match (bodiless, input.is_empty()) {
            (true, _) => Bytes::new(),
            (false, true) => Bytes::from_static(b"null"),
            (false, false) => Bytes::from(input),
        };
        let mut headers = HeaderMap::new();
        if !bodiless {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        }
        if self.headers.len() > MAX_HEADERS {
            let count = self.headers.len();
            return Err(Error::Invalid(format!("there are {count} headers, {MAX_HEADERS} at most")));
        }
        for (name, value) in &self.headers {
            headers.insert(header_name(name)?, header_value(name, value)?);
        }
        internal::clean(&mut headers);
        headers.remove(CONTENT_LENGTH);
        if !bodiless {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        let mut request = Request::new(Full::new(body).map_err(|never| match never {}).boxed_unsync());
        *request.method_mut() = method;
        *request.uri_mut() = internal::uri(function, &target)
            .ok_or_else(|| Error::Invalid("the path is malformed".to_owned()))?;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

impl SendOptions {
    /// Method, path and query.
    pub(super) fn target(&self) -> Result<(Method, PathAndQuery), Error> {
        target(self.method.as_deref(), self.path.as_deref())
    }
}

fn target(method: Option<&str>, path: Option<&str>) -> Result<(Method, PathAndQuery), Error> {
    let method = match Method::from_bytes(method.unwrap_or("POST").as_bytes()) {
        Ok(method) if method != Method::CONNECT => method,
        _ => return Err(Error::Invalid("`method` is no HTTP method that can be sent".to_owned())),
    };
    let path = path.unwrap_or(CALL_PATH);
    match PathAndQuery::try_from(path) {
        Ok(target) if path.starts_with('/') => Ok((method, target)),
        _ => Err(Error::Invalid("`path` begins with / and is percent-encoded".to_owned())),
    }
}

fn header_name(name: &str) -> Result<HeaderName, Error> {
    name.parse().map_err(|_| Error::Invalid(format!("{name:?} is no name of a header")))
}

fn header_value(name: &str, value: &str) -> Result<HeaderValue, Error> {
    value.parse().map_err(|_| Error::Invalid(format!("the value of the header `{name}` is malformed")))
}
