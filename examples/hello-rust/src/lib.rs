//! The smallest useful function: greets, names the path it was asked for, and takes its greeting from the environment.

use wasip2::cli::environment::get_environment;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

wasip2::http::proxy::export!(Hello);

struct Hello;

impl Guest for Hello {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_else(|| "/".into());
        answer(out, &format!("{} from hello-rust, you asked for {path}\n", greeting()));
    }
}

/// The value of `GREETING` (see `env` in ostro.toml), or `hello`.
fn greeting() -> String {
    let variables = get_environment();
    variables
        .into_iter()
        .find(|(name, _)| name == "GREETING")
        .map_or_else(|| "hello".into(), |(_, value)| value)
}

fn answer(out: ResponseOutparam, text: &str) {
    let headers = Fields::from_list(&[("content-type".into(), b"text/plain; charset=utf-8".to_vec())])
        .expect("a content type is a valid header");
    let response = OutgoingResponse::new(headers);
    let body = response.body().expect("a new response has its body");
    ResponseOutparam::set(out, Ok(response));
    // One write takes at most 4096 bytes; a long query string makes the text longer than that.
    let stream = body.write().expect("a new body has its stream");
    for piece in text.as_bytes().chunks(4096) {
        if stream.blocking_write_and_flush(piece).is_err() {
            return; // The client is gone: nobody is left to tell.
        }
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None); // Fails only when the client is gone.
}
