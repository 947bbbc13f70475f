//! The guest of `tests/keyvalue.rs`: does what the lines of its body say, and answers with a line for each.

use std::collections::HashMap;
use std::fmt::Debug;

use wasi::keyvalue::atomics::{self, Cas, CasError};
use wasi::keyvalue::batch;
use wasi::keyvalue::store::{self, Bucket};
use wstd::http::{Body, Error, Request, Response};

wit_bindgen::generate!({
    path: "../../../wit/deps/keyvalue",
    world: "imports",
    generate_all,
});

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let mut body = request.into_body();
    let script = body.str_contents().await?.to_owned();
    let mut session = Session::default();
    let answers: Vec<String> = script.lines().map(|line| session.run(line)).collect();
    Ok(Response::new(answers.join("\n").into()))
}

/// What the lines before have opened.
#[derive(Default)]
struct Session {
    bucket: Option<Bucket>,
    cas: HashMap<String, Cas>,
}

impl Session {
    /// A word, and what it takes, with blanks between. `~N` stands for N bytes.
    fn run(&mut self, line: &str) -> String {
        let words: Vec<String> = line.split(' ').map(expand).collect();
        let (word, rest) = words.split_first().expect("a line has a word");
        if word == "open" {
            return match store::open(&rest[0]) {
                Ok(bucket) => {
                    self.bucket = Some(bucket);
                    "ok".to_owned()
                }
                Err(error) => format!("{error:?}"),
            };
        }
        let Some(bucket) = &self.bucket else { return "nothing is open".to_owned() };
        match (word.as_str(), rest) {
            ("get", [key]) => shown(bucket.get(key).map(|value| value.map(text))),
            ("set", [key, value]) => shown(bucket.set(key, value.as_bytes())),
            ("delete", [key]) => shown(bucket.delete(key)),
            ("exists", [key]) => shown(bucket.exists(key)),
            ("list", cursor) => {
                let page = bucket.list_keys(cursor.first().map(String::as_str));
                shown(page.map(|page| (page.keys.len(), page.keys.first().cloned(), page.cursor)))
            }
            ("add", [key, number]) => {
                shown(atomics::increment(bucket, key, number.parse().expect("a number")))
            }
            ("look", [key]) => match Cas::new(bucket, key) {
                Ok(cas) => {
                    let current = cas.current();
                    self.cas.insert(key.clone(), cas);
                    shown(current.map(|value| value.map(text)))
                }
                Err(error) => format!("{error:?}"),
            },
            ("swap", [key, value]) => self.swap(key, value),
            ("fill", [count, value]) => {
                let count: usize = count.parse().expect("a number");
                let all: Vec<_> = (0..count)
                    .map(|number| (format!("key{number:05}"), value.clone().into_bytes()))
                    .collect();
                shown(batch::set_many(bucket, &all))
            }
            ("get-many", keys) => {
                shown(batch::get_many(bucket, keys).map(|all| {
                    all.into_iter().map(|(key, value)| (key, value.map(text))).collect::<Vec<_>>()
                }))
            }
            ("delete-many", keys) => shown(batch::delete_many(bucket, keys)),
            _ => panic!("{line:?} is no line"),
        }
    }

    fn swap(&mut self, key: &str, value: &str) -> String {
        let cas = self.cas.remove(key).expect("a handle that was looked up");
        match atomics::swap(cas, value.as_bytes()) {
            Ok(()) => "swapped".to_owned(),
            Err(CasError::StoreError(error)) => format!("{error:?}"),
            Err(CasError::CasFailed(again)) => {
                let seen = shown(again.current().map(|value| value.map(text)));
                self.cas.insert(key.to_owned(), again);
                format!("lost {seen}")
            }
        }
    }
}

fn expand(word: &str) -> String {
    match word.strip_prefix('~').and_then(|count| count.parse().ok()) {
        Some(count) => "x".repeat(count),
        None => word.to_owned(),
    }
}

fn text(value: Vec<u8>) -> String {
    let text = String::from_utf8_lossy(&value).into_owned();
    if text.len() > 40 { format!("{} bytes", text.len()) } else { text }
}

fn shown<T: Debug>(result: Result<T, store::Error>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(store::Error::Other(text)) => format!("other: {text}"),
        Err(error) => format!("{error:?}"),
    }
}
