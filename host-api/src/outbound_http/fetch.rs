//! What the server itself gets for a project: small documents, under the rules for a guest's calls.

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use wasmtime_wasi_http::RequestOptions;

use super::internal::{self, Way};
use super::pool::EgressPool;
use super::target;

/// Why a document was not got.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It is at no URL that the server calls.
    #[error("not a URL that can be called")]
    BadUrl,
    /// It could not be asked for, or did not come in time.
    #[error("no answer: {0}")]
    Call(String),
    /// The answer is another than 200.
    #[error("answered {0}")]
    Status(StatusCode),
    /// It is too large, or broke off.
    #[error("no whole document: {0}")]
    Body(String),
}

impl EgressPool {
    /// The document at that URL, of `most_bytes` at most. A name leads to public addresses of other machines only, an address
    /// to itself; no redirect is followed. It takes no longer than the pool's calls do.
    pub async fn get(&self, url: &Uri, most_bytes: usize) -> Result<Bytes, FetchError> {
        let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
        let mut request = Request::new(body);
        *request.uri_mut() = url.clone();
        let origin = target::make_safe(&mut request).map_err(|_| FetchError::BadUrl)?;
        let Way::Out = internal::way(&origin) else { return Err(FetchError::BadUrl) };
        let answered = self.send(request, RequestOptions::default()).await;
        let response = answered.map_err(|error| FetchError::Call(error.to_string()))?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), most_bytes).collect().await;
        Ok(body.map_err(|error| FetchError::Body(error.to_string()))?.to_bytes())
    }
}
