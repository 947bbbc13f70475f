//! Requests that share an instance: functions of WASI 0.3 that ask for it.
//!
//! Each invocation keeps its own account, deadline and permit and waits in its own run; the instance is polled by a task of
//! its own. Long work moves to the background with all that are inside, and nobody else is let in.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use store::catalog::ProjectId;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::admission::Permit;
use super::ledger::Ledger;
use super::{DEMOTE_AFTER, acquire, invocation};
use crate::executor::background::Background;
use crate::instance::{
    Assignment, BodyError, Caller, Callers, Control, Failure, GuestBody, GuestResponse, Instance, SharedCall,
    killed,
};
use crate::pool::{Closer, Pool, Seat};
use crate::telemetry::{HostCalls, OutcomeCode};

/// One request in an instance that others are in, too.
pub(super) async fn serve_shared(
    (pool, home): (&Arc<Pool>, &Home),
    ledger: &Arc<Ledger>,
    permit: Permit,
    request: Request<GuestBody>,
    responder: oneshot::Sender<Result<GuestResponse, BodyError>>,
) {
    let (over, ended) = oneshot::channel();
    // Closes the response body when this future is dropped: the guest itself goes on without its caller.
    let (tie, tied) = oneshot::channel::<()>();
    let (answer, answered) = oneshot::channel::<Result<GuestResponse, BodyError>>();
    let mut call = Box::new(SharedCall {
        request,
        responder: answer,
        invocation: invocation(ledger),
        caller: ledger.clone(),
        place: Box::new(permit),
        over,
    });
    let seat = loop {
        let seat = match pool.seat(&ledger.live) {
            Some(seat) => seat,
            None => match open(pool, home, ledger).await {
                Some(seat) => seat,
                None => return,
            },
        };
        match seat.call(*call) {
            Ok(()) => break seat,
            // It has ended just now; dropping the seat closes it for everybody.
            Err(back) => call = back,
        }
    };
    if let Ok(head) = answered.await {
        // Whoever asked may have gone.
        let _ = responder.send(head.map(|response| response.map(|body| Tied { body, tied }.boxed_unsync())));
    }
    match ended.await {
        Ok(()) => seat.leave(),
        // Who was inside has been told why. Who was still on the way has not.
        Err(_) if ledger.failure().is_none() => {
            let detail = "the shared instance ended before it took the request".to_owned();
            ledger.failed(Failure { code: OutcomeCode::Internal, detail });
        }
        Err(_) => {}
    }
    drop(tie);
}

/// Where shared instances run: whoever opens one may be long work already and elsewhere.
pub(super) struct Home {
    executor: Handle,
    background: Background,
}

impl Home {
    /// On this thread's executor, and on that background thread for long work.
    pub(super) fn here(background: Background) -> Self {
        Self { executor: Handle::current(), background }
    }
}

/// Starts a new instance as a task of its own.
async fn open(pool: &Arc<Pool>, home: &Home, ledger: &Arc<Ledger>) -> Option<Seat> {
    let mut instance = acquire(pool, ledger).await?;
    // Another one may have been opened meanwhile: those that come first come all at once.
    if let Some(seat) = pool.seat(&ledger.live) {
        return Some(seat);
    }
    let served = instance.served();
    let limits = &ledger.live.spec.limits;
    let budget = Duration::from_millis(limits.cpu_ms);
    let control = Arc::new(Control::new(pool.clock().clone(), budget, DEMOTE_AFTER));
    instance.begin(&Assignment { control: control.clone(), invocation: invocation(ledger) });
    let (calls, coming) = mpsc::unbounded_channel();
    let run = SharedRun::new(instance, control, coming);
    let seat = pool.open(&ledger.live, calls, served);
    let run = run.foreground(home.background.clone(), ledger.live.project.id, seat.closer());
    drop(home.executor.spawn(run));
    Some(seat)
}

/// A shared instance as a future that can be polled anywhere.
struct SharedRun {
    guest: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    control: Arc<Control>,
    callers: Callers,
}

impl SharedRun {
    fn new(instance: Instance, control: Arc<Control>, calls: mpsc::UnboundedReceiver<SharedCall>) -> Self {
        let callers = Callers::default();
        let guest = Box::pin(instance.serve_shared(control.clone(), calls, callers.clone()));
        Self { guest: Some(guest), control, callers }
    }

    /// Runs here until it becomes long work. From then on nobody else is let in: short work would wait for it.
    async fn foreground(self, background: Background, project: ProjectId, entry: Closer) {
        let mut run = Some(self);
        std::future::poll_fn(|cx| {
            let Some(current) = run.as_mut() else { return Poll::Ready(()) };
            if Pin::new(&mut *current).poll(cx).is_ready() {
                run = None;
                return Poll::Ready(());
            }
            if !current.control.is_long() {
                return Poll::Pending;
            }
            entry.close();
            if let Some(long) = run.take() {
                background.adopt(project, Box::pin(long));
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Ends the instance. The failure is told first: dropping the guest closes response bodies.
    fn end(&mut self, failure: &Failure) {
        self.callers.fail(failure);
        self.guest = None;
    }
}

impl Future for SharedRun {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let Some(guest) = this.guest.as_mut() else { return Poll::Ready(()) };
        let before = this.control.cpu();
        this.control.slice_begin();
        let polled = guest.as_mut().poll(cx);
        this.control.slice_end();
        this.callers.charge(this.control.cpu().saturating_sub(before));
        if polled.is_ready() {
            this.guest = None;
            return Poll::Ready(());
        }
        this.control.on_kill(cx.waker());
        match this.control.killed() {
            Some(kill) => {
                this.end(&killed(kill));
                Poll::Ready(())
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for SharedRun {
    fn drop(&mut self) {
        if self.guest.is_some() {
            let detail = "the server gave the instance up".to_owned();
            self.end(&Failure { code: OutcomeCode::Internal, detail });
        }
    }
}

impl Caller for Ledger {
    fn control(&self) -> &Control {
        &self.control
    }

    fn failed(&self, failure: Failure) {
        Self::failed(self, failure);
    }

    fn used(&self, peak_memory_bytes: u64, host_calls: Vec<HostCalls>) {
        Self::used(self, peak_memory_bytes, host_calls);
    }
}

/// A response body that ends when its invocation does, although its guest lives on.
struct Tied {
    body: GuestBody,
    tied: oneshot::Receiver<()>,
}

impl Body for Tied {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            // What the guest has written comes first.
            Poll::Pending => Pin::new(&mut self.tied).poll(cx).map(|_| None),
            ready => ready,
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
