//! The guest of `tests/canary.rs`: makes the calls that its body lists, through every interface that there is, and answers with
//! all that it was told, errors too.
//!
//! The body is JSON: a list of calls, each a list of texts, of which the first is `INTERFACE FUNCTION`. The answer has a text
//! for each.

mod data;
mod forged;
mod reached;

use std::fmt::Debug;

use wstd::http::{Body, Error, Request, Response};

wit_bindgen::generate!({
    path: [
        "../../../wit/deps/keyvalue",
        "../../../wit/deps/config",
        "../../../wit/deps/logging",
        "../../../wit/auth.wit",
        "../../../wit/queue.wit",
        "../../../wit/realtime.wit",
        "../../../wit/db",
        "../../../wit/functions.wit",
        "../../../wit/secrets.wit",
        "../../../wit/storage.wit",
    ],
    inline: "
        package test:walker;
        world walker {
            import ostro:auth/identity@0.1.0;
            import ostro:auth/users@0.1.0;
            import ostro:db/documents@0.1.0;
            import ostro:db/sql@0.1.0;
            import ostro:db/transactions@0.1.0;
            import ostro:functions/context@0.1.0;
            import ostro:functions/invoke@0.1.0;
            import ostro:queue/producer@0.1.0;
            import ostro:realtime/channels@0.1.0;
            import ostro:secrets/store@0.1.0;
            import ostro:storage/objects@0.1.0;
            import wasi:config/store@0.2.0-rc.1;
            import wasi:keyvalue/store@0.2.0-draft2;
            import wasi:keyvalue/atomics@0.2.0-draft2;
            import wasi:keyvalue/batch@0.2.0-draft2;
            import wasi:logging/logging@0.1.0-draft;
        }
    ",
    generate_all,
});

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let (head, mut body) = request.into_parts();
    let text = body.str_contents().await?.to_owned();
    let calls: Vec<Vec<String>> = serde_json::from_str(&text).unwrap_or_default();
    // What one is told that is called by its name: who it is, and what was said to it.
    let mut told = vec![format!("{head:?} {text} {:?}", std::env::vars().collect::<Vec<_>>())];
    for call in &calls {
        let call: Vec<String> = call.iter().map(|word| expanded(word)).collect();
        let call: Vec<&str> = call.iter().map(String::as_str).collect();
        // `for ever` before a call repeats it until somebody ends it.
        while call[0] == "for ever" {
            make(&call[1..]).await;
        }
        told.push(make(&call).await);
    }
    if !calls.is_empty() {
        told.remove(0);
    }
    Ok(Response::new(serde_json::to_string(&told)?.into()))
}

/// `~N` stands for N bytes.
fn expanded(word: &str) -> String {
    match word.strip_prefix('~').and_then(|count| count.parse().ok()) {
        Some(count) => "x".repeat(count),
        None => word.to_owned(),
    }
}

async fn make(call: &[&str]) -> String {
    let (interface, rest) = call[0].split_once(' ').expect("an interface and a function");
    let arguments = &call[1..];
    match interface {
        "forged" => forged::make(rest, arguments),
        "wasi:http/outgoing-handler" => reached::fetch(rest, arguments).await,
        "wasi:filesystem/types" => shown(std::fs::read(arguments[0])),
        "wasi:cli/environment" => format!("{:?}", std::env::vars().collect::<Vec<_>>()),
        "ostro:auth/identity"
        | "ostro:auth/users"
        | "ostro:functions/context"
        | "ostro:functions/invoke"
        | "ostro:queue/producer"
        | "ostro:realtime/channels"
        | "ostro:secrets/store"
        | "wasi:config/store"
        | "wasi:logging/logging" => reached::make(interface, rest, arguments),
        _ => data::make(interface, rest, arguments),
    }
}

/// All that is in an answer: bytes as the text that they are, for the most part.
fn shown<T: Shown, E: Debug>(result: Result<T, E>) -> String {
    match result {
        Ok(value) => value.shown(),
        Err(error) => format!("{error:?}"),
    }
}

trait Shown {
    fn shown(self) -> String;
}

impl Shown for String {
    fn shown(self) -> String {
        self
    }
}

impl Shown for Vec<u8> {
    fn shown(self) -> String {
        String::from_utf8_lossy(&self).into_owned()
    }
}

impl<T: Shown> Shown for Option<T> {
    fn shown(self) -> String {
        self.map_or_else(|| "none".to_owned(), Shown::shown)
    }
}

impl<A: Shown, B: Shown> Shown for (A, B) {
    fn shown(self) -> String {
        format!("{} {}", self.0.shown(), self.1.shown())
    }
}

macro_rules! plain {
    ($($type:ty),*) => {$(
        impl Shown for $type {
            fn shown(self) -> String {
                format!("{self:?}")
            }
        }
    )*};
}

plain!((), bool, u64, i64, Vec<String>, Vec<(String, String)>);
