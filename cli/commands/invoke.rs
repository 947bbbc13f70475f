//! `ostro invoke`: one call through the control API.

use std::io::{self, Read, Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use runtime::control::wire::{INVOCATION_HEADER, STATUS_HEADER};
use serde_json::{Value, json};
use ureq::http::HeaderMap;

use super::Context;
use crate::{
    args::{Data, InvokeArgs},
    client::RawBody,
    failure::Failure,
    output::{Form, Output, Reader, TerminalText},
};

/// Longest request body that is read from a file or standard input, and longest answer with `--json`, bytes.
const MAX_BODY_BYTES: u64 = 256 << 20;

/// `ostro invoke`.
pub(super) fn run(context: &Context, args: &InvokeArgs) -> Result<(), Failure> {
    if args.asynchronous {
        return Err(Failure::usage("`--async` comes with jobs, in a later version of Ostro")
            .hint("leave it out to call the function and wait for its answer"));
    }
    let session = context.session()?;
    let body = args.data.as_ref().map(load).transpose()?;
    let method = match (&args.method, &body) {
        (Some(method), _) => method.clone(),
        (None, Some(_)) => "POST".to_owned(),
        (None, None) => "GET".to_owned(),
    };
    let body = body.unwrap_or_default();
    let response = session.client.call(
        &session.function(&args.function.name, &["invoke"]),
        &[("method", method), ("path", args.path.clone())],
        &RawBody { content_type: content_type(&body), bytes: &body },
    )?;
    let answer = Answer::read(response.headers());
    let mut reader = response.into_body().into_reader();
    match context.out.form() {
        Form::Json => context.out.json(&answer.to_json(&read_limited("the answer", &mut reader)?))?,
        Form::Text => print(&context.out, &mut reader)?,
    }
    answer.judge(&context.out)
}

/// The head of the guest's answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    invocation: String,
    content_type: Option<String>,
}

impl Answer {
    fn read(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self {
            status: text(STATUS_HEADER).and_then(|status| status.parse().ok()).unwrap_or(200),
            invocation: text(INVOCATION_HEADER).unwrap_or_default(),
            content_type: text("content-type"),
        }
    }

    fn to_json(&self, body: &[u8]) -> Value {
        let mut answer = json!({
            "status": self.status,
            "invocation": self.invocation,
            "content_type": self.content_type,
        });
        if let Some(object) = answer.as_object_mut() {
            match std::str::from_utf8(body) {
                Ok(text) => object.insert("body".to_owned(), json!(text)),
                Err(_) => object.insert("body_base64".to_owned(), json!(STANDARD.encode(body))),
            };
        }
        answer
    }

    /// A status that is not a success is said; 400 and more is a failure.
    fn judge(&self, out: &Output) -> Result<(), Failure> {
        let Self { status, invocation, .. } = self;
        match status {
            200..300 => Ok(()),
            ..400 => {
                out.word(&format!("status {status}, invocation {invocation}"));
                Ok(())
            }
            _ if out.form() == Form::Json => Err(Failure::Said),
            _ => Err(Failure::local(format!(
                "the function answered with status {status} (invocation {invocation})"
            ))
            .hint("`ostro logs` and `ostro invocations` of the function say more")),
        }
    }
}

/// As it comes; made harmless when a terminal shows it.
fn print(out: &Output, reader: &mut impl Read) -> Result<(), Failure> {
    let copied = match out.data_reader() {
        Reader::Program => copy(reader, io::stdout().lock()).and_then(|mut stdout| stdout.flush()),
        Reader::Terminal => copy(reader, TerminalText::new(io::stdout().lock()))
            .and_then(|text| text.finish())
            .and_then(|mut stdout| stdout.write_all(b"\n").and_then(|()| stdout.flush())),
    };
    copied.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::OutputClosed,
        _ => Failure::io("the answer broke off", &error),
    })
}

/// Every piece is passed on at once, since a guest may stream.
fn copy<W: io::Write>(reader: &mut impl Read, mut writer: W) -> io::Result<W> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(writer),
            Ok(length) => {
                writer.write_all(buffer.get(..length).unwrap_or_default())?;
                writer.flush()?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A reset of the answer's connection is not a reader of ours that has gone.
            Err(error) => return Err(io::Error::other(error)),
        }
    }
}

fn load(data: &Data) -> Result<Vec<u8>, Failure> {
    match data {
        Data::Text(text) => Ok(text.clone().into_bytes()),
        Data::Stdin => read_limited("standard input", &mut io::stdin().lock()),
        Data::File(path) => {
            let what = path.display().to_string();
            let mut file = std::fs::File::open(path).map_err(|error| Failure::io(&what, &error))?;
            read_limited(&what, &mut file)
        }
    }
}

fn read_limited(what: &str, reader: &mut impl Read) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    reader.take(MAX_BODY_BYTES + 1).read_to_end(&mut bytes).map_err(|error| Failure::io(what, &error))?;
    match bytes.len() as u64 {
        ..=MAX_BODY_BYTES => Ok(bytes),
        _ => Err(Failure::local(format!("{what} is larger than {} MiB", MAX_BODY_BYTES >> 20))),
    }
}

/// The type that fits what the bytes look like.
fn content_type(body: &[u8]) -> &'static str {
    match std::str::from_utf8(body) {
        Ok(text) if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() => "application/json",
        Ok(_) => "text/plain; charset=utf-8",
        Err(_) => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_guessed() {
        assert_eq!(content_type(b"{\"a\":1}"), "application/json");
        assert_eq!(content_type("grüße".as_bytes()), "text/plain; charset=utf-8");
        assert_eq!(content_type(b"\xff\xd8"), "application/octet-stream");
    }

    #[test]
    fn json_answers_keep_every_byte() {
        let answer = Answer { status: 201, invocation: "i".to_owned(), content_type: None };
        assert_eq!(answer.to_json(b"a")["body"], "a");
        assert_eq!(answer.to_json(b"\xff")["body_base64"], "/w==");
    }

    #[test]
    fn an_answer_that_breaks_off_is_no_closed_pipe() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        assert_eq!(copy(&mut Broken, Vec::new()).unwrap_err().kind(), io::ErrorKind::Other);
    }
}
