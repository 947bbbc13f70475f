//! The guest of `cargo xtask bench data`: the path says which call of the crate `ostro` a request makes, the query on what.

mod answer;
mod calls;
mod documents;
mod objects;

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

wasip2::http::proxy::export!(Data);

struct Data;

/// What becomes of a request.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

impl Guest for Data {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (operation, argument) = path.split_once('?').unwrap_or((&path, ""));
        // A failure ends the instance: the answer is no success, and the bench ends with it.
        answer(operation, argument, &request, out).expect("the operation goes well");
    }
}

fn answer(operation: &str, argument: &str, request: &IncomingRequest, out: ResponseOutparam) -> Outcome<()> {
    let content = match operation {
        "/empty" => Vec::new(),
        "/insert" => documents::insert(&answer::body(request)?)?,
        "/insert-many" => documents::insert_many(&answer::body(request)?)?,
        "/fill" => documents::fill(argument.parse()?)?,
        "/get" => documents::get(argument)?,
        "/get-many" => documents::get_many(argument)?,
        "/find" => documents::find(argument)?,
        "/kv-get" => ostro::kv::namespace("bench")?.get(argument)?.ok_or("there is no such key")?,
        "/kv-set" => {
            ostro::kv::namespace("bench")?.set(argument, answer::body(request)?)?;
            Vec::new()
        }
        "/object-put" => objects::put(argument, &answer::body(request)?)?,
        "/object-get" => objects::get(argument)?,
        "/upload" => objects::upload(argument, request)?,
        "/download" => return objects::download(argument, out),
        "/calls" => calls::time(argument)?,
        other => return Err(format!("there is no operation {other}").into()),
    };
    answer::send(out, &content);
    Ok(())
}
