//! The door between functions: a call of another function of the project, in this process. It is judged like a client's
//! request, and never leaves the executor.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use host_api::Call;
use host_api::invoke::{Called, Fault, InnerDoor};
use http::header::{self, HeaderName, HeaderValue};
use http::uri::{PathAndQuery, Uri};
use http::{Method, Request, Response, Version};
use http_body_util::BodyExt as _;
use store::catalog::{Export, FunctionId, ProjectId};
use store::jobs::Lineage;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::hygiene::{self, Checked, Refusal};
use super::respond::{self, Answer};
use crate::dispatch::{BodyError, Dispatch, FUNCTION_TRIGGER, GuestBody, Unfinished};
use crate::registry::live::{Consumers, Live};
use crate::router::check_call;
use crate::telemetry::OutcomeCode;

/// There is no connection, so nothing is said of one.
const VERSION: Version = Version::HTTP_2;

/// The inner door of one executor.
pub struct Inner {
    /// The way in.
    pub dispatch: Dispatch,
    /// All active functions.
    pub functions: Arc<ArcSwap<Consumers>>,
    /// Where functions that are called run, wherever their callers have gone to.
    pub executor: Handle,
}

#[async_trait]
impl InnerDoor for Inner {
    fn find(
        &self,
        project: ProjectId,
        name: &str,
        method: &Method,
        target: &PathAndQuery,
    ) -> Result<FunctionId, Fault> {
        let live = self.live(project, name).ok_or(Fault::Unknown)?;
        check_call(method, target).map_err(Fault::Invalid)?;
        Ok(live.function)
    }

    async fn call(&self, project: ProjectId, name: &str, request: Request<GuestBody>, from: Call) -> Called {
        let lineage = match from.lineage.of_call(from.invocation) {
            Ok(lineage) => lineage,
            Err(deep) => return called(respond::too_deep(Uuid::now_v7()), Some(Fault::Loop(deep))),
        };
        let Some(live) = self.live(project, name) else {
            return called(respond::no_route(Uuid::now_v7(), VERSION), Some(Fault::Unknown));
        };
        match judged(request, live.spec.limits.request_body_bytes) {
            Ok(request) => self.run(live, request, lineage).await,
            Err(refused) => *refused,
        }
    }
}

impl Inner {
    /// Another project's functions are not among those that are looked at.
    fn live(&self, project: ProjectId, name: &str) -> Option<Arc<Live>> {
        let functions = self.functions.load();
        functions.named(project, name).filter(|live| live.exports(Export::Http)).cloned()
    }

    /// Runs it as a task of its own, with an account of its own. When nobody waits any more it is left to itself, as after
    /// a client that has gone.
    async fn run(&self, live: Arc<Live>, request: Request<GuestBody>, lineage: Lineage) -> Called {
        let (mut reply, answered) = oneshot::channel();
        let dispatch = self.dispatch.clone();
        let method = request.method().clone();
        drop(self.executor.spawn(async move {
            let answer = tokio::select! {
                biased;
                outcome = dispatch.http(live, request, lineage) => respond::outcome(VERSION, &method, outcome),
                () = reply.closed() => return,
            };
            // Whoever called may have gone just now.
            let _ = reply.send(answer);
        }));
        match answered.await {
            Ok(answer) => {
                let fault = respond::reason(&answer).map(fault);
                called(answer, fault)
            }
            // The executor ends, and its tasks with it.
            Err(_) => called(
                respond::broken(Uuid::now_v7(), VERSION),
                Some(Fault::Failed(OutcomeCode::Internal.name())),
            ),
        }
    }
}

/// The request as the guest shall see it, or what its caller is told instead.
fn judged(request: Request<GuestBody>, limit: u64) -> Result<Request<GuestBody>, Box<Called>> {
    let refused = |refusal: Refusal| {
        let fault = Fault::Invalid(respond::problem(refusal).message);
        Box::new(called(respond::refusal(Uuid::now_v7(), VERSION, refusal), Some(fault)))
    };
    let checked = hygiene::check(request).map_err(refused)?;
    let target = checked.request.uri().path_and_query().cloned();
    let target = target.unwrap_or_else(|| PathAndQuery::from_static("/"));
    if let Err(reason) = check_call(checked.request.method(), &target) {
        let answer = respond::no_route(Uuid::now_v7(), VERSION);
        return Err(Box::new(called(answer, Some(Fault::Invalid(reason)))));
    }
    if hygiene::declares_more_than(&checked.request, limit) {
        let fault = Fault::Failed(OutcomeCode::TooLarge.name());
        return Err(Box::new(called(respond::too_large(Uuid::now_v7(), VERSION, limit), Some(fault))));
    }
    for_guest(checked, target).map_err(refused)
}

fn for_guest(checked: Checked<GuestBody>, target: PathAndQuery) -> Result<Request<GuestBody>, Refusal> {
    const TRIGGER: HeaderName = HeaderName::from_static("ostro-trigger");
    let Checked { mut request, host, .. } = checked;
    *request.uri_mut() = Uri::from(target);
    let headers = request.headers_mut();
    hygiene::strip_platform_headers(headers, false);
    respond::check_length(headers).map_err(|_| Refusal::BadRequest("content-length is malformed"))?;
    let host = HeaderValue::from_str(&host).map_err(|_| Refusal::BadRequest("the host is malformed"))?;
    headers.insert(header::HOST, host);
    headers.insert(TRIGGER, HeaderValue::from_static(FUNCTION_TRIGGER));
    Ok(request)
}

/// A failure, as the caller decides by it.
fn fault(code: OutcomeCode) -> Fault {
    match code {
        OutcomeCode::Busy | OutcomeCode::Rate => Fault::Busy,
        OutcomeCode::Deadline => Fault::Deadline,
        other => Fault::Failed(other.name()),
    }
}

fn called(answer: Response<Answer>, fault: Option<Fault>) -> Called {
    let incomplete = |Unfinished| BodyError::HttpResponseIncomplete;
    Called { response: answer.map(|body| body.map_err(incomplete).boxed_unsync()), fault }
}
