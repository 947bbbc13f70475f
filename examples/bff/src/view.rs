//! Which fields each client gets: pure functions from an upstream's JSON to ours.

use serde_json::{Map, Value};

/// Who asks, and so how much is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// Everything the page shows.
    Web,
    /// What fits a small screen and a slow line.
    Mobile,
}

impl Client {
    /// Reads `client=…`; whatever is not `mobile` gets the web's view.
    pub(crate) fn from_query(query: &str) -> Self {
        match query.split('&').find_map(|pair| pair.strip_prefix("client=")) {
            Some("mobile") => Client::Mobile,
            _ => Client::Web,
        }
    }
}

/// A user, trimmed.
pub(crate) fn user(full: &Value, client: Client) -> Value {
    match client {
        Client::Web => pick(full, &["id", "name", "email", "phone", "website"]),
        Client::Mobile => pick(full, &["id", "name"]),
    }
}

/// A user's carts, each trimmed; products only for the web.
pub(crate) fn carts(full: &Value, client: Client) -> Value {
    each(full.get("carts"), |cart| {
        let mut trimmed = pick(cart, &["id", "total", "totalQuantity"]);
        if client == Client::Web {
            trimmed["products"] =
                each(cart.get("products"), |product| pick(product, &["title", "quantity", "price"]));
        }
        trimmed
    })
}

fn each(list: Option<&Value>, trim: impl Fn(&Value) -> Value) -> Value {
    list.and_then(Value::as_array).into_iter().flatten().map(trim).collect()
}

/// The named fields of `full` that exist.
fn pick(full: &Value, fields: &[&str]) -> Value {
    let found = fields.iter().filter_map(|&field| Some((field.to_string(), full.get(field)?.clone())));
    Value::Object(found.collect::<Map<_, _>>())
}
