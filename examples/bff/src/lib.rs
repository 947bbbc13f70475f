//! A backend for frontends: one request of a page becomes two upstream calls at once, and each client gets the fields it shows.

mod upstream;
mod view;

use futures_lite::future::zip;
use serde_json::{Value, json};
use view::Client;
use wstd::http::{Body, Error, Request, Response, StatusCode};

/// `GET /account/{id}?client=web|mobile`: a user of upstream A with the carts of upstream B.
///
/// A part that cannot be had is `null` and named in `errors`; the answer is 502 only where both are missing.
#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let Some(id) = account_id(request.uri().path()) else {
        return answer(StatusCode::NOT_FOUND, &json!({ "error": "ask for /account/NUMBER" }));
    };
    let client = Client::from_query(request.uri().query().unwrap_or_default());

    let (user, carts) = zip(
        upstream::get_json("UPSTREAM_A", format!("/users/{id}")),
        upstream::get_json("UPSTREAM_B", format!("/carts/user/{id}")),
    )
    .await;

    let status = if user.is_err() && carts.is_err() { StatusCode::BAD_GATEWAY } else { StatusCode::OK };
    let mut errors = Vec::new();
    let mut part =
        |name: &str, fetched: Result<Value, String>, trim: fn(&Value, Client) -> Value| match fetched {
            Ok(full) => trim(&full, client),
            Err(reason) => {
                errors.push(json!({ "part": name, "reason": reason }));
                Value::Null
            }
        };
    let (user, carts) = (part("user", user, view::user), part("carts", carts, view::carts));
    answer(status, &json!({ "user": user, "carts": carts, "errors": errors }))
}

/// The number in `/account/NUMBER`. Only digits: nothing else may become part of an upstream's path.
fn account_id(path: &str) -> Option<u64> {
    path.strip_prefix("/account/")?.parse().ok()
}

fn answer(status: StatusCode, body: &Value) -> Result<Response<Body>, Error> {
    Ok(Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(body.to_string().into())?)
}
