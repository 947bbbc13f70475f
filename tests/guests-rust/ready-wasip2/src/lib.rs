//! WASI 0.2 with the crate `wasip2`: counts the bytes of the request's body, as they come, and says how many.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasip2::io::streams::StreamError;

wasip2::http::proxy::export!(Counter);

struct Counter;

impl Guest for Counter {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let text = format!("wasip2 got {} bytes at {path}\n", count(&request));
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("a new response has its body");
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().expect("a new body has its stream");
        stream.blocking_write_and_flush(text.as_bytes()).expect("the client is there");
        drop(stream);
        OutgoingBody::finish(body, None).expect("the client is there");
    }
}

fn count(request: &IncomingRequest) -> usize {
    let body = request.consume().expect("nobody else took the body");
    let stream = body.stream().expect("nobody else took the stream");
    let mut bytes = 0;
    loop {
        match stream.blocking_read(65_536) {
            Ok(piece) => bytes += piece.len(),
            Err(StreamError::Closed) => return bytes,
            Err(error) => panic!("the body broke off: {error}"),
        }
    }
}
