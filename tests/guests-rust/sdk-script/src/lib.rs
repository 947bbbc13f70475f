//! The guest of `tests/sdk_rust.rs`: its path says which part of the crate `ostro` it goes through. What is not as it should be
//! ends it with a message in its log.

mod buckets;
mod calls;
mod channels;
mod documents;
mod objects;
mod people;
mod queues;
mod refused;
mod secrets;
mod tables;
mod transactions;
mod values;

use wstd::http::{Body, Error, Request, Response, StatusCode};

/// What a part comes to.
type Outcome = Result<(), Box<dyn std::error::Error>>;

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let path = request.uri().path().to_owned();
    let done = match path.as_str() {
        "/documents" => documents::change_and_find(),
        "/documents/pages" => documents::pages(),
        "/documents/forms" => documents::forms(),
        "/documents/faults" => documents::faults(),
        "/transactions" => transactions::commit_as_a_whole(),
        "/transactions/conflicts" => transactions::conflicts(),
        "/values" => values::change_and_find(),
        "/values/many" => values::many(),
        "/values/races" => values::races(),
        "/objects" => objects::change_and_find(),
        "/objects/streams" => objects::streams(),
        "/objects/signed" => return Ok(Response::new(objects::signed()?.into())),
        "/tables" => tables::change_and_find(),
        "/queues" => queues::send(),
        "/channels" => channels::send(),
        "/calls" => calls::call(),
        "/calls/failures" => calls::failures(),
        "/secrets" => secrets::read(),
        "/refused" => refused::everything(),
        // What `tests/identity.rs` has it do.
        "/people" => {
            let mut body = request.into_body();
            return Ok(Response::new(people::answer(body.str_contents().await?).into()));
        }
        "/_ostro/queue" => people::keep().map(|_| ()).map_err(Into::into),
        // What the part `calls` calls: the input comes back, where it is no deed.
        "/_ostro/invoke" => {
            let mut body = request.into_body();
            return Ok(Response::new(people::answer(body.str_contents().await?).into()));
        }
        _ => Err(format!("there is no part {path}").into()),
    };
    Ok(match done {
        Ok(()) => Response::new("as it should be\n".to_owned().into()),
        Err(fault) => {
            let mut response = Response::new(format!("{fault}\n").into());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    })
}
