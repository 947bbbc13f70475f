//! An instance of WASI 0.3 that serves several calls at once.
//!
//! What the limits mean here: memory is the instance's. The CPU budget is filled anew whenever a call begins, and is
//! spent by all calls together; each is billed an equal share of what is used while it is inside. Log lines and calls to
//! host interfaces go to the account of the call that began last. A trap, or a spent budget, fails every call in the
//! instance. A single call can't be cancelled: when its time is over it is given up, nobody else is let in, and the
//! instance ends when the other calls have ended.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use host_api::Invocation;
use http::Request;
use store::jobs::Lineage;
use tokio::sync::{mpsc, oneshot};
use wasmtime::component::Accessor;
use wasmtime_wasi_http::WasiBody;

use super::control::Control;
use super::exports::BoundEntry;
use super::guest::{Failure, Instance, Responder, failure};
use super::handler03::{Handle, given, sendable, watch};
use super::state::State;
use crate::telemetry::HostCalls;

/// A call for a shared instance.
pub struct SharedCall {
    /// The request.
    pub request: Request<WasiBody>,
    /// Where the head of the answer goes.
    pub responder: Responder,
    /// What the host interfaces are told.
    pub invocation: Invocation,
    /// Whose call it is.
    pub caller: Arc<dyn Caller>,
    /// The call's place among those that may run at once: free again when the guest has let go of the call.
    pub place: Box<dyn Send>,
    /// Told when the call is over. Dropping the other end gives the call up.
    pub over: oneshot::Sender<()>,
}

/// Whose call it is: learns what it cost and how it failed.
pub trait Caller: Send + Sync {
    /// Charged with the call's share of the CPU.
    fn control(&self) -> &Control;

    /// The instance has failed, and the call with it. Told before the response body closes.
    fn failed(&self, failure: Failure);

    /// What the call used of memory and host, told at its end.
    fn used(&self, peak_memory_bytes: u64, host_calls: Vec<HostCalls>);
}

/// The calls that are in an instance now, oldest first. They outlive the guest: who waits for a call learns that it is
/// over when its failure has been told, and not before.
#[derive(Clone, Default)]
pub struct Callers(Arc<Mutex<Vec<Waiting>>>);

struct Waiting {
    caller: Arc<dyn Caller>,
    over: oneshot::Sender<()>,
}

impl Callers {
    /// Charges them equally with CPU that was used.
    pub fn charge(&self, used: Duration) {
        let callers = self.lock();
        let Ok(count @ 1..) = u32::try_from(callers.len()) else { return };
        for waiting in callers.iter() {
            waiting.caller.control().share(used / count);
        }
    }

    /// Fails them all.
    pub fn fail(&self, failure: &Failure) {
        for Waiting { caller, over } in std::mem::take(&mut *self.lock()) {
            caller.failed(failure.clone());
            drop(over);
        }
    }

    fn enter(&self, caller: Arc<dyn Caller>, over: oneshot::Sender<()>) {
        self.lock().push(Waiting { caller, over });
    }

    /// Ready when nobody waits for the call any more.
    fn poll_given_up(&self, caller: &Arc<dyn Caller>, cx: &mut Context<'_>) -> Poll<()> {
        let mut callers = self.lock();
        match callers.iter_mut().find(|waiting| Arc::ptr_eq(&waiting.caller, caller)) {
            Some(waiting) => waiting.over.poll_closed(cx),
            None => Poll::Ready(()),
        }
    }

    /// Tells the caller that its call is over.
    fn leave(&self, caller: &Arc<dyn Caller>) {
        let left = self.lock().extract_if(.., |waiting| Arc::ptr_eq(&waiting.caller, caller)).next();
        if let Some(Waiting { over, .. }) = left {
            // Whoever waited may have given the call up.
            let _ = over.send(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Instance {
    /// Serves what comes in, many at once, until nobody can send any more and all have ended. Its CPU is limited by
    /// `control`, which the caller polls it under.
    pub async fn serve_shared(
        mut self,
        control: Arc<Control>,
        mut calls: mpsc::UnboundedReceiver<SharedCall>,
        callers: Callers,
    ) {
        let Some(BoundEntry::Http03(guest)) = &self.exports.entry else { return };
        let handle = guest.func_handle();
        let (control, callers) = (&control, &callers);
        let served = self
            .store
            .run_concurrent(async |accessor| {
                let mut desk = Desk::new(accessor, control, callers);
                let mut answering = FuturesUnordered::new();
                poll_fn(|cx| {
                    while let Poll::Ready(Some(call)) = desk.poll_next(&mut calls, cx) {
                        answering.push(answer(accessor, handle, callers, desk.enter(call)));
                    }
                    loop {
                        match answering.poll_next_unpin(cx) {
                            Poll::Ready(Some(Ok(inside))) => desk.answered(inside),
                            Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                            Poll::Ready(None) | Poll::Pending => break,
                        }
                    }
                    desk.poll_idle(answering.is_empty(), cx).map(Ok)
                })
                .await
            })
            .await;
        if let Err(error) = served.flatten() {
            callers.fail(&failure(&error, self.store.data()));
        }
        self.end();
    }
}

/// A call that is inside.
struct Inside {
    caller: Arc<dyn Caller>,
    invocation: Invocation,
    place: Box<dyn Send>,
}

/// A call on its way to its answer.
struct Entered {
    inside: Inside,
    request: Request<WasiBody>,
    responder: Responder,
}

/// Gives the guest the request, hands its response on, and waits for the end of the body. Ends early when the call is
/// given up: the guest is not told, its answer is not wanted any more.
async fn answer(
    accessor: &Accessor<State>,
    handle: Handle,
    callers: &Callers,
    entered: Entered,
) -> wasmtime::Result<Inside> {
    let Entered { inside, request, responder } = entered;
    let answered = async move {
        let (call, processed) = accessor.with(|mut access| {
            let (request, processed) = given(access.get(), request)?;
            wasmtime::error::Ok((handle.start_call_concurrent(&mut access, (request,))?, processed))
        })?;
        let (answer,) = handle.finish_call_concurrent(accessor, call).await?;
        let response = accessor.with(|access| sendable(access, answer, processed))?;
        match response {
            Ok(response) => {
                let (response, end) = watch(response);
                // Whoever asked may have gone.
                let _ = responder.send(Ok(response));
                end.wait().await;
            }
            Err(error) => drop(responder.send(Err(error))),
        }
        wasmtime::error::Ok(())
    };
    tokio::select! {
        answered = answered => answered?,
        () = poll_fn(|cx| callers.poll_given_up(&inside.caller, cx)) => {}
    }
    Ok(inside)
}

/// Who is in, and what the host interfaces know of them.
struct Desk<'a> {
    accessor: &'a Accessor<State>,
    control: &'a Arc<Control>,
    callers: &'a Callers,
    /// Those without their whole answer, oldest first: whose log it is.
    invocations: Vec<Invocation>,
    /// Where calls of other functions come from: of all that were inside since the guest last had nothing to do, for
    /// what it does in the background may be of any of them.
    lineage: Option<Lineage>,
    /// Those that have their whole answer; the last of them waits for the guest's background work.
    answered: Vec<Inside>,
    /// Places of calls that were given up: the guest goes on with them until the instance ends.
    given_up: Vec<Box<dyn Send>>,
    closed: bool,
}

impl<'a> Desk<'a> {
    fn new(accessor: &'a Accessor<State>, control: &'a Arc<Control>, callers: &'a Callers) -> Self {
        let (invocations, answered, given_up) = (Vec::new(), Vec::new(), Vec::new());
        let lineage = None;
        Self { accessor, control, callers, invocations, lineage, answered, given_up, closed: false }
    }

    fn poll_next(
        &mut self,
        calls: &mut mpsc::UnboundedReceiver<SharedCall>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<SharedCall>> {
        let next = if self.closed { Poll::Ready(None) } else { calls.poll_recv(cx) };
        self.closed |= matches!(next, Poll::Ready(None));
        next
    }

    fn enter(&mut self, call: SharedCall) -> Entered {
        let SharedCall { request, responder, invocation, caller, place, over } = call;
        self.control.refill();
        self.callers.enter(caller.clone(), over);
        self.invocations.push(invocation.clone());
        let own = &invocation.call.lineage;
        let lineage = self.lineage.as_ref().map_or_else(|| own.clone(), |known| known.of_either(own));
        self.lineage = Some(lineage.clone());
        self.accessor.with(|mut access| {
            let state = access.get();
            state.limiter.begin();
            // An open line belongs to whoever came before.
            state.host.end();
            state.host.begin(invocation.clone());
            state.host.descend(lineage);
        });
        Entered { inside: Inside { caller, invocation, place }, request, responder }
    }

    fn answered(&mut self, inside: Inside) {
        self.answered.push(inside);
    }

    /// Lets those go that have their answer. The last one in the instance stays until the guest has no task any more,
    /// so that background work has somebody whose time and log it is. Ready when nobody is in and nobody can come.
    fn poll_idle(&mut self, nobody_waits: bool, cx: &mut Context<'_>) -> Poll<()> {
        let quiet = !nobody_waits || self.accessor.poll_no_interesting_tasks(cx).is_ready();
        for inside in std::mem::take(&mut self.answered) {
            let given_up = self.callers.poll_given_up(&inside.caller, cx).is_ready();
            if given_up {
                let place = self.leave(inside);
                self.given_up.push(place);
            } else if quiet {
                drop(self.leave(inside));
            } else {
                self.answered.push(inside);
            }
        }
        if nobody_waits && quiet && self.answered.is_empty() && self.given_up.is_empty() {
            self.lineage = None;
        }
        match self.closed && nobody_waits && self.answered.is_empty() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// Gives back the call's place.
    fn leave(&mut self, inside: Inside) -> Box<dyn Send> {
        let Inside { caller, invocation, place } = inside;
        let newest = self.invocations.last().is_some_and(|last| same(last, &invocation));
        self.invocations.retain(|other| !same(other, &invocation));
        let (peak, host_calls) = self.accessor.with(|mut access| {
            let state = access.get();
            let used = (state.limiter.peak(), state.host_calls());
            if newest {
                state.host.end();
                if let Some(next) = self.invocations.last() {
                    state.host.resume(next.clone());
                    state.host.descend(self.lineage.clone().unwrap_or_default());
                }
            }
            used
        });
        caller.used(peak, if newest { host_calls } else { Vec::new() });
        self.callers.leave(&caller);
        place
    }
}

fn same(one: &Invocation, other: &Invocation) -> bool {
    one.call.invocation == other.call.invocation
}
