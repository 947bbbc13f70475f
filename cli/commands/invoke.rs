//! `ostro invoke`: one call through the control API.

use std::io::{self, Read, Write as _};

use runtime::control::wire::{Accepted, CALL_PATH, INVOCATION_HEADER, STATUS_HEADER, text_or_base64};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use ureq::http::HeaderMap;

use super::{Context, body};
use crate::{
    args::InvokeArgs,
    client::RawBody,
    failure::Failure,
    output::{Form, Output, Reader, TerminalText},
};

/// `ostro invoke`.
pub(super) fn run(context: &Context, args: &InvokeArgs) -> Result<(), Failure> {
    let session = context.session()?;
    let Call { method, target, body } = Call::of(args)?;
    let path = session.function(&args.function.name, &["invoke"]);
    let mut query = vec![("method", method), ("path", target)];
    let body = RawBody { content_type: body::content_type(&body), bytes: &body };
    if args.asynchronous {
        query.push(("async", "true".to_owned()));
        return accepted(context, &session.client.send(&path, &query, &body)?);
    }
    let response = session.client.call(&path, &query, &body)?;
    let answer = Answer::read(response.headers());
    let mut reader = response.into_body().into_reader();
    match context.out.form() {
        Form::Json => context.out.json(&answer.to_json(&body::read_limited("the answer", &mut reader)?))?,
        Form::Text => print(&context.out, &mut reader)?,
    }
    answer.judge(&context.out)
}

/// The request that the function sees.
struct Call {
    method: String,
    target: String,
    body: Vec<u8>,
}

impl Call {
    fn of(args: &InvokeArgs) -> Result<Self, Failure> {
        if let Some(event) = &args.call {
            let body = body::load(event)?;
            serde_json::from_slice::<IgnoredAny>(&body).map_err(|error| {
                Failure::usage(format!("`--call` takes JSON, and this is none: {error}"))
                    .hint("a text is JSON in quotation marks: --call '\"hello\"'")
            })?;
            return Ok(Self { method: "POST".to_owned(), target: CALL_PATH.to_owned(), body });
        }
        let body = args.data.as_ref().map(body::load).transpose()?;
        let method = match (&args.method, &body) {
            (Some(method), _) => method.clone(),
            (None, Some(_)) => "POST".to_owned(),
            (None, None) => "GET".to_owned(),
        };
        Ok(Self { method, target: args.path.clone(), body: body.unwrap_or_default() })
    }
}

/// The id is data, so that it can be handed on.
fn accepted(context: &Context, accepted: &Accepted) -> Result<(), Failure> {
    context.out.show(accepted, |Accepted { job }| {
        context.out.line(&job.to_string())?;
        context.out.word(&format!("stored as a job: `ostro jobs show {job}` shows what becomes of it"));
        Ok(())
    })
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

    /// Named as in the result of a job.
    fn to_json(&self, body: &[u8]) -> Value {
        let (body, base64) = text_or_base64(body);
        json!({
            "status": self.status,
            "invocation": self.invocation,
            "content_type": self.content_type,
            "body": body,
            "base64": base64,
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_answers_keep_every_byte() {
        let answer = Answer { status: 201, invocation: "i".to_owned(), content_type: None };
        let shown = |body: &[u8]| {
            let json = answer.to_json(body);
            (json["body"].clone(), json["base64"].clone())
        };
        assert_eq!(shown(b"a"), (json!("a"), json!(false)));
        assert_eq!(shown(b"\xff"), (json!("/w=="), json!(true)));
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
