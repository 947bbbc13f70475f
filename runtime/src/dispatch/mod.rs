//! The one way in: every trigger makes an invocation and enters here.
//!
//! Admission, then an instance from the pool, then the call. The guest is polled on the caller's own task
//! until its response head is there; what is left of it then goes on as a task of its own. A guest that has
//! become long work moves to the executor's background thread. A caller that goes away leaves the guest
//! running, unless its function asks otherwise.

mod admission;
mod body;
mod concurrent;
mod event;
mod events;
mod ledger;
mod run;

pub use admission::{Admission, Refused};
pub use body::{AnswerBody, RequestBody, Unfinished};
pub use event::{Completed, Event, EventCall, EventTrigger, FailedMessage, Message, Reply, Slot};
pub use ledger::{Arrival, FUNCTION_TRIGGER, Ledger, Terms};

pub use crate::instance::{BodyError, Failure, GuestBody};

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use host_api::{Call, Invocation};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use store::catalog::OnDisconnect;
use store::jobs::Lineage;
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::executor::background::Background;
use crate::instance::{Assignment, Control, GuestResponse, Instance, Kill, killed};
use crate::pool::{Health, Pool, Spare};
use crate::registry::live::Live;
use crate::telemetry::OutcomeCode;
use crate::telemetry::{Gauges, Telemetry};
use concurrent::{Home, serve_shared};
use run::Run;

/// CPU after which an invocation counts as long work.
const DEMOTE_AFTER: Duration = Duration::from_millis(3);
/// CPU that making a spare instance may take.
const SPARE_CPU: Duration = Duration::from_secs(1);

/// The door of one executor. Clones are the same door.
#[derive(Clone)]
pub struct Dispatch {
    /// Capacity, counted over all executors.
    pub admission: Arc<Admission>,
    /// Instances of this executor.
    pub pool: Arc<Pool>,
    /// Where long work goes on.
    pub background: Background,
    /// Where records and logs go.
    pub telemetry: Arc<Telemetry>,
    /// Time.
    pub clock: Clock,
}

/// How an invocation ended for its caller.
pub struct Outcome {
    /// The account, for the answer's id and status.
    pub ledger: Arc<Ledger>,
    /// The guest's response, or why there is none.
    pub result: Result<Response<AnswerBody>, Failure>,
}

impl Dispatch {
    /// Runs an HTTP request of a client, or of a function. The request is as the guest shall see it, but for who calls:
    /// that is told here.
    pub async fn http<B>(&self, live: Arc<Live>, mut request: Request<B>, lineage: Lineage) -> Outcome
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BodyError>,
    {
        introduce(request.headers_mut(), &lineage);
        let limits = &live.spec.limits;
        let control =
            Arc::new(Control::new(self.clock.clone(), Duration::from_millis(limits.cpu_ms), DEMOTE_AFTER));
        let line = format!("{} {}", request.method(), request.uri().path());
        let (telemetry, clock) = (self.telemetry.clone(), self.clock.clone());
        let arrival = Arrival { terms: Terms::Request, request: line, lineage };
        let ledger = Arc::new(Ledger::open(live.clone(), control, telemetry, clock, arrival));
        let permit = match self.admission.enter(live.project.id, live.function, limits.concurrency).await {
            Ok(permit) => permit,
            Err(refused) => return Outcome { result: Err(refuse(&ledger, refused)), ledger },
        };
        ledger.admitted();
        let request = request.map(|body| RequestBody::new(body, ledger.clone()));
        let (responder, head) = oneshot::channel();
        let (pool, account) = (self.pool.clone(), ledger.clone());
        let home = (live.spec.concurrent > 1).then(|| Home::here(self.background.clone()));
        let running = Running::count(self.telemetry.gauges());
        let (settled, ended) = oneshot::channel::<()>();
        let guest = async move {
            match home {
                None => {
                    serve(&pool, &account, request, responder).await;
                    drop(permit);
                }
                Some(home) => {
                    let request = request.map(BodyExt::boxed_unsync);
                    serve_shared((&pool, &home), &account, permit, request, responder).await;
                }
            }
            drop((running, settled));
        };
        let run = Run::new(Box::pin(guest), ledger.clone());
        let mut inline =
            Inline { run: Some(run), ledger: &ledger, background: &self.background, settled: false };
        let head = inline.until_head(head, ended).await;
        drop(inline);
        Outcome { result: conclude(&ledger, head), ledger }
    }
}

/// Tells the guest on whose behalf it runs. Whatever a message says of that itself is taken away.
fn introduce(headers: &mut HeaderMap, lineage: &Lineage) {
    const USER: HeaderName = HeaderName::from_static("ostro-user");
    headers.remove(USER);
    if let Some(user) = lineage.caller.user().and_then(|user| HeaderValue::from_str(user).ok()) {
        headers.insert(USER, user);
    }
}

/// Counts an invocation as running until it is dropped.
struct Running(Arc<Gauges>);

impl Running {
    fn count(gauges: &Arc<Gauges>) -> Self {
        gauges.running.fetch_add(1, Relaxed);
        Self(gauges.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Relaxed);
    }
}

/// One request on one instance.
async fn serve<B>(
    pool: &Arc<Pool>,
    ledger: &Arc<Ledger>,
    request: Request<B>,
    responder: oneshot::Sender<Result<GuestResponse, BodyError>>,
) where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    let Some(mut instance) = acquire(pool, ledger).await else { return };
    let result = instance.handle(request, responder).await;
    let _ = settle(pool, ledger, instance, result);
}

/// An instance that has been told of the invocation. None when there is none: the account has the reason.
async fn acquire(pool: &Arc<Pool>, ledger: &Arc<Ledger>) -> Option<Instance> {
    let assignment = Assignment { control: ledger.control.clone(), invocation: invocation(ledger) };
    pool.acquire(&ledger.live, &assignment).await.map_err(|failure| ledger.failed(failure)).ok()
}

/// What the host interfaces are told of the invocation.
fn invocation(ledger: &Arc<Ledger>) -> Invocation {
    let (deadline_ms, lineage) = (ledger.deadline_ms(), ledger.lineage().clone());
    let call = Call { invocation: ledger.id, deadline_ms, lineage };
    Invocation { call, log: ledger.clone(), secrets: ledger.live.secrets.clone() }
}

/// Takes the guest's run into the account and its instance back. None when it has failed.
fn settle<T>(
    pool: &Arc<Pool>,
    ledger: &Arc<Ledger>,
    instance: Instance,
    result: Result<T, Failure>,
) -> Option<T> {
    ledger.used(instance.peak_memory_bytes(), instance.host_calls());
    let health = if result.is_ok() { Health::Sound } else { Health::Broken };
    let returned = result.map_err(|failure| ledger.failed(failure)).ok();
    if pool.give_back(&ledger.live, instance, health) == Spare::Wanted {
        spawn_spare(pool.clone(), ledger.live.clone());
    }
    returned
}

/// Makes a spare instance beside the traffic.
fn spawn_spare(pool: Arc<Pool>, live: Arc<Live>) {
    let control = Arc::new(Control::new(pool.clock().clone(), SPARE_CPU, SPARE_CPU));
    drop(tokio::spawn(async move { pool.make_spare(&live, control).await }));
}

fn refuse(ledger: &Ledger, refused: Refused) -> Failure {
    let (code, detail) = match refused {
        Refused::Busy => (OutcomeCode::Busy, "no capacity within five seconds, or too many are waiting"),
        Refused::Rate => (OutcomeCode::Rate, "the project is over its rate"),
    };
    let failure = Failure { code, detail: detail.to_owned() };
    ledger.failed(failure.clone());
    failure
}

/// The answer that the head, or its absence, makes.
fn conclude(ledger: &Arc<Ledger>, head: Head) -> Result<Response<AnswerBody>, Failure> {
    let failure = match head {
        // A guest that answers although its request was cut short has seen another request than the client sent.
        Head::Response(_) if ledger.is_body_too_large() => too_large(ledger),
        Head::Response(response) => {
            let length = content_length(response.headers());
            return Ok((*response).map(|body| AnswerBody::new(body, ledger.clone(), length)));
        }
        // A handler that threw: the guest's own failure, as a trap is.
        Head::Refused(BodyError::InternalError(Some(thrown))) => Failure {
            code: OutcomeCode::Trap,
            detail: format!("the guest gave an error instead of a response: {thrown}"),
        },
        Head::Refused(error) => Failure {
            code: OutcomeCode::BadResponse,
            detail: format!("the guest gave an error instead of a response: {error}"),
        },
        Head::None if ledger.is_body_too_large() => too_large(ledger),
        Head::None => Failure {
            code: OutcomeCode::NoResponse,
            detail: "the guest returned without giving a response".to_owned(),
        },
    };
    // A failure of the guest itself came first and stands.
    ledger.failed(failure.clone());
    match ledger.failure() {
        Some(first) if failure.code != OutcomeCode::TooLarge => Err(first.clone()),
        _ => Err(failure),
    }
}

fn content_length(headers: &http::HeaderMap) -> Option<u64> {
    headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(ledger: &Ledger) -> Failure {
    let limit = ledger.live.spec.limits.request_body_bytes;
    Failure { code: OutcomeCode::TooLarge, detail: format!("the request body is over {limit} bytes") }
}

/// What came of waiting for the response head.
enum Head {
    Response(Box<GuestResponse>),
    Refused(BodyError),
    None,
}

/// A run polled on the caller's task. Dropped before its end, it lets the guest go on elsewhere.
struct Inline<'a> {
    run: Option<Run>,
    ledger: &'a Arc<Ledger>,
    background: &'a Background,
    /// The caller has its answer, or knows that there is none.
    settled: bool,
}

impl Inline<'_> {
    /// Polls the guest until its head is there. Without one, until its end (`ended` is dropped): only then is it told why.
    async fn until_head(
        &mut self,
        head: oneshot::Receiver<Result<GuestResponse, BodyError>>,
        ended: oneshot::Receiver<()>,
    ) -> Head {
        let answer = self.beside(head).await;
        if answer.is_err() {
            // Dropping it is the sign.
            let _ = self.beside(ended).await;
        }
        self.settled = true;
        match answer {
            Ok(Ok(response)) => {
                self.ledger.head();
                Head::Response(Box::new(response))
            }
            Ok(Err(error)) => Head::Refused(error),
            Err(_) => Head::None,
        }
    }

    async fn beside<T>(&mut self, mut wanted: impl Future<Output = T> + Unpin) -> T {
        poll_fn(|cx| {
            self.poll_run(cx);
            Pin::new(&mut wanted).poll(cx)
        })
        .await
    }

    fn poll_run(&mut self, cx: &mut Context<'_>) {
        let Some(run) = self.run.as_mut() else { return };
        if Pin::new(run).poll(cx).is_ready() {
            self.run = None;
        } else if self.ledger.control.is_long() {
            self.demote();
        }
    }

    fn demote(&mut self) {
        if let Some(run) = self.run.take() {
            self.background.adopt(self.ledger.live.project.id, Box::pin(run));
        }
    }
}

impl Drop for Inline<'_> {
    fn drop(&mut self) {
        let cancelled = !self.settled && self.ledger.live.spec.on_disconnect == OnDisconnect::Cancel;
        if cancelled && self.run.is_some() {
            self.ledger.failed(killed(Kill::Cancelled));
            return;
        }
        if cancelled {
            self.ledger.control.kill(Kill::Cancelled);
        }
        let Some(run) = self.run.take() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(executor) => {
                drop(executor.spawn(foreground(run, self.ledger.clone(), self.background.clone())))
            }
            // The executor is going away and the guest with it.
            Err(_) => self.ledger.failed(killed(Kill::Deadline)),
        }
    }
}

/// What is left of a guest after its head, as a task of its own: it too moves on when it becomes long work.
async fn foreground(run: Run, ledger: Arc<Ledger>, background: Background) {
    let mut run = Some(run);
    poll_fn(|cx| {
        let Some(current) = run.as_mut() else { return Poll::Ready(()) };
        if Pin::new(current).poll(cx).is_ready() {
            run = None;
            return Poll::Ready(());
        }
        if ledger.control.is_long() {
            if let Some(long) = run.take() {
                background.adopt(ledger.live.project.id, Box::pin(long));
            }
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
pub(crate) mod bench;
#[cfg(test)]
mod tests;
