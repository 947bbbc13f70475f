//! An instance: made from code, given one invocation after the other, ended by a trap or a limit.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use host_api::triggers::NotExported;
use host_api::{HostCtx, HostParts, Invocation};
use http_body::Body;
use http_body_util::BodyExt as _;
use wasmtime::{PoolConcurrencyLimitError, Store, Trap, UpdateDeadline};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi_http::p2::bindings::exports::wasi::http::incoming_handler;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{Error as BodyError, WasiBody, WasiHttpView};

use super::command::{Seat, Unanswered};
use super::control::{Control, Kill, Tick};
use super::engine::Lane;
use super::exports::{Bound, BoundEntry};
use super::handler03;
use super::limits::{Limiter, MemoryBudget, Refusal};
use super::load::Code;
use super::state::{MAX_HANDLES, State};
use crate::clock::Clock;
use crate::telemetry::{HostCalls, OutcomeCode};

/// What a guest may hand to the host in one call, bytes (threat C2): it is allocated before any interface sees it. Messages
/// are the largest, 8 MiB and what describes them.
const MAX_CALL_BYTES: usize = 10 << 20;

/// What every instance of a revision is made of.
#[derive(Clone)]
pub struct Context {
    /// Grants, environment for `wasi:config`, connections, host limits.
    pub host: HostParts,
    /// Environment variables.
    pub env: Arc<[(String, String)]>,
    /// Arguments of a command, after its name.
    pub args: Arc<[String]>,
    /// The read-only folder that the guest sees at `/assets`.
    pub assets: Option<PathBuf>,
    /// Memory of one instance, bytes.
    pub memory_bytes: u64,
    /// Memory of all instances.
    pub budget: Arc<MemoryBudget>,
    /// Time.
    pub clock: Clock,
}

/// What an instance is told of one invocation.
#[derive(Clone)]
pub struct Assignment {
    /// The reins.
    pub control: Arc<Control>,
    /// What the host interfaces are told.
    pub invocation: Invocation,
}

/// Why a guest gave no answer, or could not finish it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The stable code.
    pub code: OutcomeCode,
    /// For the function's owner.
    pub detail: String,
}

/// The guest's response: its body arrives while the guest goes on.
pub type GuestResponse = hyper::Response<WasiBody>;

/// Where the guest's response head goes, or what the guest gives instead of one.
pub(super) type Responder = tokio::sync::oneshot::Sender<Result<GuestResponse, BodyError>>;

/// A guest in its sandbox.
pub struct Instance {
    pub(super) store: Store<State>,
    pub(super) exports: Bound,
    /// Of a command only.
    pub(super) seat: Option<Box<Seat>>,
    code: Arc<Code>,
    served: u32,
}

impl Instance {
    /// Instantiates for a first invocation. The guest's start code is part of it: its log, its limits.
    pub async fn new(code: &Arc<Code>, context: &Context, first: &Assignment) -> Result<Self, Failure> {
        let began = context.clock.instant();
        let mut host = HostCtx::new(context.host.clone());
        host.begin(first.invocation.clone());
        let control = first.control.clone();
        let limiter = Limiter::new(context.budget.clone(), context.memory_bytes);
        let seat = code.exports.is_command().then(|| Box::new(Seat::new(context)));
        let unusable =
            |error: wasmtime::Error| Failure { code: OutcomeCode::Internal, detail: format!("{error:#}") };
        let mut state =
            State::new(host, limiter, control, &context.env, context.assets.as_ref(), &context.clock)
                .map_err(unusable)?;
        if let Some(seat) = &seat {
            seat.furnish(&mut state, context.env.to_vec()).map_err(unusable)?;
        }
        let mut store = Store::new(code.pre.engine(), state);
        store.limiter(|state| &mut state.limiter);
        // Beside the table of `State`: the engine counts streams, futures and tasks in one of its own.
        store.set_max_component_handles(MAX_HANDLES);
        store.set_hostcall_fuel(MAX_CALL_BYTES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|context| match context.data().control.tick() {
            Tick::Yield => Ok(UpdateDeadline::Yield(1)),
            Tick::Stop => Ok(UpdateDeadline::Interrupt),
        });
        let started = code.pre.instantiate_async(&mut store).await;
        match started.and_then(|instance| code.exports.bind(&mut store, &instance)) {
            Ok(exports) => {
                code.measured(context.clock.instant().saturating_duration_since(began));
                Ok(Self { store, exports, seat, code: code.clone(), served: 1 })
            }
            Err(error) => {
                store.data_mut().host.end();
                Err(failure(&error, store.data()))
            }
        }
    }

    /// Prepares a kept instance for another invocation: fresh budgets, its log, its secrets, its reins.
    pub fn begin(&mut self, next: &Assignment) {
        self.served = self.served.saturating_add(1);
        let state = self.store.data_mut();
        state.control = next.control.clone();
        state.limiter.begin();
        state.host.begin(next.invocation.clone());
        self.store.set_epoch_deadline(1);
    }

    /// Gives the guest a request, by whatever interface it exports. It ends when the guest has returned, its body is
    /// complete and its background work is done, which may be long after the response head went to `responder`.
    pub async fn handle<B>(&mut self, request: hyper::Request<B>, responder: Responder) -> Result<(), Failure>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        let result = match &self.exports.entry {
            Some(BoundEntry::Http02(guest)) => {
                let called = call02(&mut self.store, guest, request, responder).await;
                called.map(|()| self.store.data_mut().holds_unfinished_body())
            }
            Some(BoundEntry::Http03(guest)) => {
                let guest = guest.func_handle();
                handler03::call(&mut self.store, guest, request, responder).await.map(|()| false)
            }
            Some(BoundEntry::Command(_)) => self.run_command(request, responder).await.map(|()| false),
            None => Err(NotExported("an HTTP handler").into()),
        };
        self.end();
        match result {
            // Kept, such a body would hold its client for ever; dropped, it would look complete.
            Ok(true) => Err(Failure {
                code: OutcomeCode::BadResponse,
                detail: "the guest returned without finishing its response body".to_owned(),
            }),
            Ok(false) => Ok(()),
            Err(error) => Err(failure(&error, self.store.data())),
        }
    }

    /// Ends what the instance was told of its invocation, so that nothing of it stays while it is kept.
    pub fn end(&mut self) {
        self.store.data_mut().host.end();
    }

    /// Invocations begun on this instance, the first included.
    pub fn served(&self) -> u32 {
        self.served
    }

    /// What instantiating this guest takes, as measured.
    pub fn instantiation(&self) -> std::time::Duration {
        self.code.instantiation()
    }

    /// The engine that it lives in.
    pub(super) fn lane(&self) -> Lane {
        self.code.lane
    }

    /// Largest size of its memory since [`Instance::begin`], bytes.
    pub fn peak_memory_bytes(&self) -> u64 {
        self.store.data().limiter.peak()
    }

    /// Calls to host interfaces since [`Instance::begin`].
    pub fn host_calls(&self) -> Vec<HostCalls> {
        self.store.data().host_calls()
    }
}

/// Calls `wasi:http/incoming-handler`: the guest returns when all is done.
async fn call02(
    store: &mut Store<State>,
    guest: &incoming_handler::Guest,
    request: hyper::Request<WasiBody>,
    responder: Responder,
) -> wasmtime::Result<()> {
    let mut http = store.data_mut().http();
    let request = http.new_incoming_request(Scheme::Http, request)?;
    let out = http.new_response_outparam_from_callback(move |answer| {
        // Whoever asked may have gone.
        let _ = responder.send(answer.map_err(BodyError::from));
    })?;
    guest.call_handle(store, request, out).await
}

/// Names what happened. The reins and the limiter know better than the trap itself.
pub(super) fn failure(error: &wasmtime::Error, state: &State) -> Failure {
    if let (None, Some(unanswered)) = (state.control.killed(), error.downcast_ref::<Unanswered>()) {
        return unanswered.failure();
    }
    let (code, detail) = match state.control.killed() {
        Some(kill) => return killed(kill),
        None if error.is::<NotExported>() => (OutcomeCode::NoResponse, format!("{error:#}")),
        None if error.downcast_ref() == Some(&Trap::AsyncDeadlock) => {
            (OutcomeCode::NoResponse, "the guest waits for something that can never happen".to_owned())
        }
        None if error.downcast_ref() == Some(&Trap::NoAsyncResult) => {
            (OutcomeCode::NoResponse, "the guest ended without an answer".to_owned())
        }
        None if error.is::<PoolConcurrencyLimitError>() => (OutcomeCode::Busy, format!("{error:#}")),
        None if state.limiter.refused() == Some(Refusal::Instance) => (
            OutcomeCode::MemoryLimit,
            format!("memory over the function's limit was refused, then: {error:#}"),
        ),
        None if state.limiter.refused() == Some(Refusal::Budget) => {
            (OutcomeCode::Busy, format!("the project or the server has no memory left, then: {error:#}"))
        }
        None => match error.downcast_ref::<I32Exit>() {
            Some(I32Exit(status)) => {
                (OutcomeCode::NoResponse, format!("the guest exited with status {status}"))
            }
            None => (OutcomeCode::Trap, format!("{error:?}")),
        },
    };
    Failure { code, detail }
}

/// The failure that an invocation ended from outside shows.
pub fn killed(kill: Kill) -> Failure {
    let (code, detail) = match kill {
        Kill::Cpu => (OutcomeCode::CpuLimit, "the CPU budget was spent"),
        Kill::Deadline => (OutcomeCode::Deadline, "the time limit was reached"),
        Kill::Cancelled => (OutcomeCode::Cancelled, "the client went away"),
    };
    Failure { code, detail: detail.to_owned() }
}
