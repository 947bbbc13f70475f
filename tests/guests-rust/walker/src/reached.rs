//! Calls for what is not data: other functions, queues, secrets, configuration, the log, other hosts.

use wstd::http::{Body, Client, Request};

use crate::ostro::auth::{identity, users};
use crate::ostro::functions::{context, invoke};
use crate::ostro::queue::producer::{self, Message};
use crate::ostro::realtime::channels;
use crate::ostro::secrets::store as secrets;
use crate::shown;
use crate::wasi::config::store as config;
use crate::wasi::logging::logging::{Level, log};

pub fn make(interface: &str, function: &str, rest: &[&str]) -> String {
    match (interface, function, rest) {
        ("ostro:auth/identity", "caller", []) => identity::caller(),
        ("ostro:auth/identity", "user", []) => format!("{:?}", identity::user()),
        ("ostro:auth/identity", "roles", []) => format!("{:?}", identity::roles()),
        ("ostro:auth/users", "sign-in-external", [provider, subject]) => {
            shown(users::sign_in_external(provider, subject, ""))
        }
        ("ostro:auth/users", "get", [id]) => shown(users::get(id)),
        ("ostro:auth/users", "list", [options]) => shown(users::list(options)),
        ("ostro:auth/users", "set-roles", [id, role]) => {
            format!("{:?}", users::set_roles(id, &[(*role).to_owned()]))
        }
        ("ostro:auth/users", "delete", [id]) => format!("{:?}", users::delete(id)),
        ("ostro:functions/context", "about", []) => format!("{:?}", context::about()),
        ("ostro:functions/context", "bindings", []) => format!("{:?}", context::bindings()),
        ("ostro:functions/invoke", "call", [function, input, options]) => {
            shown(invoke::call(function, input, options))
        }
        ("ostro:functions/invoke", "send", [function, input, options]) => {
            shown(invoke::send(function, input, options))
        }
        ("ostro:queue/producer", "send", [queue, body, key]) => {
            let message = Message {
                body: body.as_bytes().to_vec(),
                content_type: "text/plain".to_owned(),
                delay_ms: 3_600_000,
                dedupe_key: Some((*key).to_owned()),
                order_key: None,
            };
            shown(producer::send(queue, &[message]))
        }
        ("ostro:realtime/channels", "send", [channel, message]) => shown(channels::send(channel, message)),
        ("ostro:secrets/store", "get", [name]) => shown(secrets::get(name)),
        ("ostro:secrets/store", "names", []) => format!("{:?}", secrets::names()),
        ("wasi:config/store", "get", [key]) => shown(config::get(key)),
        ("wasi:config/store", "get-all", []) => shown(config::get_all()),
        ("wasi:logging/logging", "log", [text]) => {
            log(Level::Info, "walk", text);
            println!("{text}");
            "logged".to_owned()
        }
        _ => panic!("{interface:?} {function:?} {rest:?}"),
    }
}

/// A request with a body; its answer with status, headers and body. Headers are `NAME: VALUE`.
pub async fn fetch(method: &str, rest: &[&str]) -> String {
    let mut request = Request::builder().method(method).uri(rest[0]);
    for header in &rest[2..] {
        let (name, value) = header.split_once(": ").expect("a header");
        request = request.header(name, value);
    }
    let request = match request.body(Body::from(rest[1].to_owned())) {
        Ok(request) => request,
        Err(error) => return format!("{error:?}"),
    };
    match Client::new().send(request).await {
        Ok(answer) => {
            let (head, mut body) = answer.into_parts();
            let text = match body.str_contents().await {
                Ok(text) => text.to_owned(),
                Err(error) => format!("{error:?}"),
            };
            format!("{} {:?} {text}", head.status, head.headers)
        }
        Err(error) => format!("{error:?}"),
    }
}
