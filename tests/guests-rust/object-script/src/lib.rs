//! The guest of `tests/objects.rs`: does what the lines of its body say, and answers with a line for each; or moves its
//! body to and from an object as it comes.
//!
//! `PUT /KEY` and `GET /KEY` stream, in the bucket that the header `bucket` names. Anything else is a script.

use std::fmt::Debug;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use ostro::storage::objects::{self, Bucket, Download, Upload};
use wstd::http::{Body, Error, Method, Request, Response};

wit_bindgen::generate!({
    path: "../../../wit/storage.wit",
    world: "keeper",
    generate_all,
});

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let bucket = request.headers().get("bucket").and_then(|name| name.to_str().ok()).map(str::to_owned);
    let key = request.uri().path().trim_start_matches('/').to_owned();
    match (request.method(), bucket) {
        (&Method::PUT, Some(bucket)) => Ok(take(&bucket, &key, request.into_body()).await),
        (&Method::GET, Some(bucket)) => Ok(give(&bucket, &key)),
        _ => {
            let mut body = request.into_body();
            let script = body.str_contents().await?.to_owned();
            let mut session = Session::default();
            let answers: Vec<String> = script.lines().map(|line| session.run(line)).collect();
            Ok(Response::new(answers.join("\n").into()))
        }
    }
}

/// Puts a body as it comes.
async fn take(bucket: &str, key: &str, body: Body) -> Response<Body> {
    let bucket = Bucket::open(bucket).expect("the bucket is granted");
    let upload = match bucket.upload(key, "") {
        Ok(upload) => upload,
        Err(error) => return Response::new(format!("{error:?}").into()),
    };
    let mut body = body.into_boxed_body();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Response::new("the body ended early".into()) };
        if let Ok(bytes) = frame.into_data()
            && let Err(error) = upload.write(&bytes)
        {
            return Response::new(format!("{error:?}").into());
        }
    }
    Response::new(shown(upload.finish()).into())
}

/// Answers with an object as it is read.
fn give(bucket: &str, key: &str) -> Response<Body> {
    let bucket = Bucket::open(bucket).expect("the bucket is granted");
    let download = match bucket.download(key, "") {
        Ok(Some(download)) => download,
        other => return Response::new(format!("{}", other.is_ok()).into()),
    };
    let chunks = futures_lite::stream::unfold(download, |download| async {
        let chunk = download.read(256 << 10).expect("the object is whole");
        (!chunk.is_empty()).then(|| (Bytes::from(chunk), download))
    });
    Response::new(Body::from_stream(chunks))
}

/// What the lines before have opened.
#[derive(Default)]
struct Session {
    bucket: Option<Bucket>,
    upload: Vec<Upload>,
    download: Vec<Download>,
    /// What `{last}` stands for: the answer of the line before.
    last: String,
}

impl Session {
    /// A word, and what it takes, with tabs between. `~N` stands for N bytes, `{last}` for the last answer.
    fn run(&mut self, line: &str) -> String {
        let words: Vec<String> =
            line.split('\t').map(|word| expand(&word.replace("{last}", &self.last))).collect();
        let (word, rest) = words.split_first().expect("a line has a word");
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        let said = self.word(word, &rest);
        self.last.clone_from(&said);
        said
    }

    fn word(&mut self, word: &str, rest: &[&str]) -> String {
        if word == "open" {
            return match Bucket::open(rest[0]) {
                Ok(bucket) => {
                    self.bucket = Some(bucket);
                    "ok".to_owned()
                }
                Err(error) => told(error),
            };
        }
        let Some(bucket) = &self.bucket else { return "nothing is open".to_owned() };
        let option = |place: usize| rest.get(place).copied().unwrap_or("");
        match word {
            "put" => shown(bucket.put(rest[0], rest[1].as_bytes(), option(2))),
            "get" => match bucket.get(rest[0]) {
                Ok(Some((_, content))) => text(content),
                Ok(None) => "none".to_owned(),
                Err(error) => told(error),
            },
            "head" => optional(bucket.head(rest[0])),
            "delete" => debugged(bucket.delete(rest[0], option(1))),
            "list" => shown(bucket.list(option(0))),
            "copy" => {
                let to = Bucket::open(rest[1]);
                match to {
                    Ok(to) => optional(bucket.copy(rest[0], &to, rest[2], option(3))),
                    Err(error) => told(error),
                }
            }
            "sign" => shown(bucket.sign(rest[0], rest[1], rest[2].parse().expect("seconds"), option(3))),
            "upload" => match bucket.upload(rest[0], option(1)) {
                Ok(upload) => {
                    self.upload.push(upload);
                    "begun".to_owned()
                }
                Err(error) => told(error),
            },
            "write" => debugged(self.upload.last().expect("an upload").write(rest[0].as_bytes())),
            "finish" => shown(self.upload.last().expect("an upload").finish()),
            "drop" => {
                drop(self.upload.pop());
                "dropped".to_owned()
            }
            "download" => match bucket.download(rest[0], option(1)) {
                Ok(Some(download)) => {
                    self.download.push(download);
                    "begun".to_owned()
                }
                Ok(None) => "none".to_owned(),
                Err(error) => told(error),
            },
            "read" => match self.download.last().expect("a download").read(rest[0].parse().expect("bytes")) {
                Ok(content) => text(content),
                Err(error) => told(error),
            },
            "close" => {
                drop(self.download.pop());
                "closed".to_owned()
            }
            _ => panic!("{word:?} is no word"),
        }
    }
}

fn expand(word: &str) -> String {
    match word.strip_prefix('~').and_then(|count| count.parse().ok()) {
        Some(count) => "x".repeat(count),
        None => word.to_owned(),
    }
}

fn text(content: Vec<u8>) -> String {
    if content.len() > 40 {
        return format!("{} bytes", content.len());
    }
    format!("{:?}", String::from_utf8_lossy(&content))
}

fn shown(result: Result<String, objects::Error>) -> String {
    result.unwrap_or_else(told)
}

fn optional(result: Result<Option<String>, objects::Error>) -> String {
    match result {
        Ok(said) => said.unwrap_or_else(|| "none".to_owned()),
        Err(error) => told(error),
    }
}

fn debugged<T: Debug>(result: Result<T, objects::Error>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => told(error),
    }
}

fn told(error: objects::Error) -> String {
    use objects::Error as Of;
    match error {
        Of::Denied(text) => format!("denied: {text}"),
        Of::Invalid(text) => format!("invalid: {text}"),
        Of::TooLarge(text) => format!("too large: {text}"),
        Of::Full(text) => format!("full: {text}"),
        Of::Unavailable(text) => format!("unavailable: {text}"),
        Of::Changed => "changed".to_owned(),
        Of::Damaged => "damaged".to_owned(),
    }
}
