//! `ostro:functions/invoke`: calls of other functions of the project, and the door that they go through.

mod options;

use std::fmt;
use std::future::Future;
use std::sync::Weak;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use store::StoreError;
use store::catalog::{FunctionId, ProjectId};
use store::jobs::{Lane, MAX_PAYLOAD_BYTES, NewMessage, TooDeep, Trigger};
use wasmtime_wasi_http::WasiBody;

use crate::bindings::ostro::functions::invoke::{Error, Host};
use crate::ctx::HostCtxView;
use crate::error::Refusal;
use crate::functions::Call;
use crate::grants::call_grant;
use crate::meter::{Budget, Interface};
use options::{CallOptions, SendOptions};

/// Input and result of a call, bytes.
const MAX_CALL_BYTES: usize = 8 << 20;
/// What is told of an answer that is no result, bytes.
const MAX_FAILED_BYTES: usize = 64 << 10;

/// The way to the functions of projects, within the process: implemented by who runs them.
#[async_trait]
pub trait InnerDoor: Send + Sync {
    /// The function of that name, if such a request may be sent to it.
    fn find(
        &self,
        project: ProjectId,
        name: &str,
        method: &Method,
        target: &PathAndQuery,
    ) -> Result<FunctionId, Fault>;

    /// Gives a request to the function of that name, on behalf of the invocation `from`. Done when the head of the
    /// answer is there; both bodies are streamed. Dropped before, it leaves the function running as a client that goes
    /// away does.
    async fn call(&self, project: ProjectId, name: &str, request: Request<WasiBody>, from: Call) -> Called;
}

/// What came of a call.
pub struct Called {
    /// The answer as an HTTP client gets it.
    pub response: Response<WasiBody>,
    /// Why it is the platform's and not the function's own.
    pub fault: Option<Fault>,
}

/// Why a function did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The project has none of that name that answers HTTP.
    Unknown,
    /// The call would be too deep.
    Loop(TooDeep),
    /// There is no room for it now.
    Busy,
    /// Its time was over.
    Deadline,
    /// The request is not one that may be sent; the text says why.
    Invalid(String),
    /// It was called and failed, with that stable code.
    Failed(&'static str),
}

/// The doors to the functions of all projects; by default none.
#[derive(Clone, Default)]
pub(crate) struct InnerDoors {
    /// Weak, because who is behind it holds the instances that hold this.
    door: Option<Weak<dyn InnerDoor>>,
}

/// The functions of one project, as each other calls them.
#[derive(Clone, Default)]
pub(crate) struct Neighbours {
    project: Option<(ProjectId, Weak<dyn InnerDoor>)>,
}

/// Nobody is called: the function is only tried, or the server stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

impl InnerDoors {
    pub(crate) fn new(door: Weak<dyn InnerDoor>) -> Self {
        Self { door: Some(door) }
    }

    /// The functions of a project.
    pub(crate) fn of(&self, project: ProjectId) -> Neighbours {
        Neighbours { project: self.door.clone().map(|door| (project, door)) }
    }
}

impl Neighbours {
    pub(crate) async fn call(
        self,
        name: String,
        request: Request<WasiBody>,
        from: Call,
    ) -> Result<Called, Closed> {
        let (project, door) = self.project.ok_or(Closed)?;
        let door = door.upgrade().ok_or(Closed)?;
        Ok(door.call(project, &name, request, from).await)
    }

    fn find(&self, name: &str, method: &Method, target: &PathAndQuery) -> Result<FunctionId, Error> {
        let door = self.project.as_ref().and_then(|(project, door)| Some((*project, door.upgrade()?)));
        let (project, door) = door.ok_or_else(|| Error::from(Closed))?;
        door.find(project, name, method, target).map_err(|fault| told(fault, name))
    }
}

impl fmt::Debug for Neighbours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Neighbours").field(&self.project.as_ref().map(|(project, _)| project)).finish()
    }
}

impl Host for HostCtxView<'_> {
    async fn call(&mut self, function: String, input: String, options: String) -> Result<String, Error> {
        self.admit(&function)?;
        let options: CallOptions = options::read(&options)?;
        let timeout = options.timeout();
        let input = checked(input, MAX_CALL_BYTES)?;
        let bytes = input.len();
        let request = options.into_request(&function, input)?;
        let called =
            self.ctx.services.neighbours.clone().call(function.clone(), request, self.ctx.call.clone());
        let answered = in_time(timeout, result(&function, called)).await;
        self.told_of_loop(answered.as_ref().err());
        self.ctx.meter.moved(Interface::Invoke, 0, bytes + answered.as_ref().map_or(0, String::len));
        answered
    }

    async fn send(&mut self, function: String, input: String, options: String) -> Result<String, Error> {
        self.admit(&function)?;
        let options: SendOptions = options::read(&options)?;
        let payload = checked(input, MAX_PAYLOAD_BYTES)?;
        let bytes = payload.len();
        let (method, target) = options.target()?;
        let id = self.ctx.services.neighbours.find(&function, &method, &target)?;
        let lineage = self.ctx.call.lineage.of_call(self.ctx.call.invocation);
        let lineage = lineage.map_err(|deep| told(Fault::Loop(deep), &function));
        self.told_of_loop(lineage.as_ref().err());
        let lineage = lineage?;
        let trigger = Trigger::Async { method: method.to_string(), path: target.to_string(), lineage };
        let message = NewMessage {
            payload: payload.into(),
            content_type: options::JSON.to_owned(),
            delay_ms: options.delay_ms,
            dedupe_key: options.dedupe_key,
            order_key: None,
        };
        let job = message.into_job_of(Lane::Async(id), trigger);
        let job = job.map_err(|reason| Error::Invalid(reason.to_string()))?;
        let stored = self.ctx.services.outbox.store(job).await.ok_or_else(|| Error::from(Closed))?;
        let id = stored.map_err(|error| failure(&error, &function))?;
        self.ctx.meter.moved(Interface::Invoke, 0, bytes);
        Ok(id.to_string())
    }
}

impl HostCtxView<'_> {
    /// Decides on a call before anything else is looked at.
    fn admit(&self, function: &str) -> Result<(), Error> {
        self.ctx.meter.count(Interface::Invoke);
        if !self.ctx.grants.allows_call(function) {
            let refusal = Refusal { grant: call_grant(function) };
            self.ctx.log.platform("warn", &format!("ostro:functions/invoke refused a call: {refusal}"));
            return Err(Error::Denied(refusal.to_string()));
        }
        match self.ctx.meter.take_function_call() {
            Budget::Taken => Ok(()),
            Budget::Spent => Err(Error::Busy("this invocation has made as many calls as it may".to_owned())),
        }
    }

    /// Whoever looks for the end of an endless chain finds it in the log.
    fn told_of_loop(&self, error: Option<&Error>) {
        if let Some(Error::Loop(text)) = error {
            self.ctx.log.platform("warn", &format!("ostro:functions/invoke refused a call: {text}"));
        }
    }
}

/// The input, as JSON that fits.
fn checked(input: String, most: usize) -> Result<String, Error> {
    if input.len() > most {
        let (bytes, most) = (input.len(), most >> 10);
        return Err(Error::Invalid(format!("the input has {bytes} bytes; {most} KiB are the most")));
    }
    if !input.is_empty() {
        serde_json::from_str::<IgnoredAny>(&input)
            .map_err(|error| Error::Invalid(format!("the input is no JSON: {error}")))?;
    }
    Ok(input)
}

async fn in_time<T>(
    timeout: Option<Duration>,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let Some(timeout) = timeout else { return answer.await };
    match tokio::time::timeout(timeout, answer).await {
        Ok(answered) => answered,
        Err(_) => Err(Error::Deadline(format!("no answer within {} ms", timeout.as_millis()))),
    }
}

/// What a call gives the function that has made it.
async fn result(
    function: &str,
    called: impl Future<Output = Result<Called, Closed>>,
) -> Result<String, Error> {
    let Called { response, fault } = called.await?;
    let status = response.status();
    if let Some(fault) = fault {
        return Err(match fault {
            Fault::Failed(code) => failed(status.as_u16(), Some(code), &[]),
            fault => told(fault, function),
        });
    }
    let body = match Limited::new(response.into_body(), MAX_CALL_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(failed(status.as_u16(), Some("too_large"), &[]));
        }
        Err(_) => return Err(failed(status.as_u16(), Some("incomplete"), &[])),
    };
    if !status.is_success() {
        return Err(failed(status.as_u16(), None, &body));
    }
    json_text(body).map_err(|body| failed(status.as_u16(), Some("not_json"), &body))
}

/// The body as JSON text, or as it is.
fn json_text(body: Bytes) -> Result<String, Bytes> {
    if body.is_empty() {
        return Ok("null".to_owned());
    }
    match std::str::from_utf8(&body) {
        Ok(text) if serde_json::from_str::<IgnoredAny>(text).is_ok() => Ok(text.to_owned()),
        _ => Err(body),
    }
}

/// `failed` with all that the caller may see of it.
fn failed(status: u16, code: Option<&str>, body: &[u8]) -> Error {
    let kept = body.get(..MAX_FAILED_BYTES).unwrap_or(body);
    let whole = kept.len() == body.len();
    let value = serde_json::from_slice(kept).ok().filter(|_: &Value| whole);
    let mut told = Map::from_iter([("status".to_owned(), Value::from(status))]);
    if let Some(code) = code {
        told.insert("code".to_owned(), code.into());
    }
    if !body.is_empty() {
        let body = value.unwrap_or_else(|| String::from_utf8_lossy(kept).into());
        told.insert("body".to_owned(), body);
    }
    Error::Failed(Value::Object(told).to_string())
}

/// A fault, as a decision for the guest.
fn told(fault: Fault, function: &str) -> Error {
    match fault {
        Fault::Unknown => Error::UnknownFunction(format!(
            "the project has no function `{}` that answers HTTP",
            crate::grants::shortened(function)
        )),
        Fault::Loop(deep) => Error::Loop(deep.to_string()),
        Fault::Busy => Error::Busy("there is no free capacity".to_owned()),
        Fault::Deadline => Error::Deadline("the function did not answer in time".to_owned()),
        Fault::Invalid(reason) => Error::Invalid(reason),
        Fault::Failed(code) => failed(500, Some(code), &[]),
    }
}

impl From<Closed> for Error {
    fn from(_: Closed) -> Self {
        Self::Unavailable("nobody is called while a function is only tried, or the server stops".to_owned())
    }
}

/// A store's failure, as a decision for the guest. The cause stays with the server.
fn failure(error: &StoreError, function: &str) -> Error {
    match error {
        StoreError::NotFound { .. } => told(Fault::Unknown, function),
        StoreError::Full { .. } => Error::Busy(error.to_string()),
        StoreError::NoSpace(_) => Error::Unavailable("the server's disk is full".to_owned()),
        other => {
            tracing::error!(error = %other, cause = ?std::error::Error::source(other), "a call was not stored");
            Error::Unavailable("the server failed; its log has the details".to_owned())
        }
    }
}

#[cfg(test)]
mod tests;
