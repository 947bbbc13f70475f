//! WASI 0.3 with the crate `wasip3` and the types of `http`: answers with the method, the path and a header of the request.

use http::{HeaderValue, Response};
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Request, Response as WasiResponse};
use wasip3::http_compat::{http_from_wasi_request, http_into_wasi_response};

wasip3::http::service::export!(Mirror);

struct Mirror;

impl Guest for Mirror {
    async fn handle(request: Request) -> Result<WasiResponse, ErrorCode> {
        let request = http_from_wasi_request(request)?;
        let agent =
            request.headers().get("user-agent").and_then(|agent| agent.to_str().ok()).unwrap_or("nobody");
        let text = format!("wasip3 got {} {} from {agent}\n", request.method(), request.uri().path());
        let mut response = Response::new(text);
        response.headers_mut().insert("content-type", HeaderValue::from_static("text/plain"));
        http_into_wasi_response(response)
    }
}
