//! Greets whoever the path names.

use wasip2::cli::environment::get_environment;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

wasip2::http::proxy::export!(Function);

struct Function;

impl Guest for Function {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let name = path.split('?').next().unwrap_or_default().trim_matches('/');
        let name = if name.is_empty() { "world" } else { name };
        println!("greeting {name}");
        answer(out, &format!("{}, {name}!\n", variable("GREETING")));
    }
}

/// A variable of `env` in ostro.toml; empty when it is not there.
fn variable(name: &str) -> String {
    get_environment().into_iter().find(|(known, _)| known == name).map(|(_, value)| value).unwrap_or_default()
}

fn answer(out: ResponseOutparam, text: &str) {
    let headers = Fields::from_list(&[("content-type".into(), b"text/plain; charset=utf-8".to_vec())])
        .expect("this header is valid");
    let response = OutgoingResponse::new(headers);
    let body = response.body().expect("a new response has its body");
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("a new body has its stream");
    for piece in text.as_bytes().chunks(4096) {
        if stream.blocking_write_and_flush(piece).is_err() {
            return; // The client is gone.
        }
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}
