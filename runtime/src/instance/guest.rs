//! An instance: made from code, given one invocation after the other, ended by a trap or a limit.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use host_api::triggers::NotExported;
use host_api::{HostCtx, HostParts, LogSink, SecretValues};
use http_body::Body;
use wasmtime::{PoolConcurrencyLimitError, Store, UpdateDeadline};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi_http::WasiHttpView;
pub use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use super::control::{Control, Kill, Tick};
use super::exports::Bound;
use super::limits::{Limiter, MemoryBudget, Refusal};
use super::load::Code;
use super::state::State;
use crate::clock::Clock;
use crate::telemetry::{HostCalls, OutcomeCode};

/// What every instance of a revision is made of.
#[derive(Clone)]
pub struct Context {
    /// Grants, environment for `wasi:config`, connections, host limits.
    pub host: HostParts,
    /// Environment variables.
    pub env: Arc<[(String, String)]>,
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
    /// Where its log goes.
    pub log: Arc<dyn LogSink>,
    /// Values of the secrets that it may see.
    pub secrets: Arc<SecretValues>,
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
pub type GuestResponse = hyper::Response<HyperOutgoingBody>;

/// Where the guest's response head goes, or what the guest gives instead of one.
pub(super) type Responder = tokio::sync::oneshot::Sender<Result<GuestResponse, ErrorCode>>;

/// A guest in its sandbox.
pub struct Instance {
    pub(super) store: Store<State>,
    pub(super) exports: Bound,
    code: Arc<Code>,
    served: u32,
}

impl Instance {
    /// Instantiates for a first invocation. The guest's start code is part of it: its log, its limits.
    pub async fn new(code: &Arc<Code>, context: &Context, first: &Assignment) -> Result<Self, Failure> {
        let began = context.clock.instant();
        let mut host = HostCtx::new(context.host.clone());
        host.begin(first.log.clone(), first.secrets.clone());
        let control = first.control.clone();
        let limiter = Limiter::new(context.budget.clone(), context.memory_bytes);
        let state = State::new(host, limiter, control, &context.env, context.assets.as_ref(), &context.clock)
            .map_err(|error| Failure { code: OutcomeCode::Internal, detail: format!("{error:#}") })?;
        let mut store = Store::new(code.pre.engine(), state);
        store.limiter(|state| &mut state.limiter);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|context| match context.data().control.tick() {
            Tick::Yield => Ok(UpdateDeadline::Yield(1)),
            Tick::Stop => Ok(UpdateDeadline::Interrupt),
        });
        let started = code.pre.instantiate_async(&mut store).await;
        match started.and_then(|instance| code.exports.bind(&mut store, &instance)) {
            Ok(exports) => {
                code.measured(context.clock.instant().saturating_duration_since(began));
                Ok(Self { store, exports, code: code.clone(), served: 1 })
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
        state.host.begin(next.log.clone(), next.secrets.clone());
        self.store.set_epoch_deadline(1);
    }

    /// Calls the guest's `wasi:http/incoming-handler`. It ends when the guest has returned, which may be long
    /// after the response head went to `responder`.
    pub async fn handle<B>(&mut self, request: hyper::Request<B>, responder: Responder) -> Result<(), Failure>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<wasmtime_wasi_http::Error>,
    {
        let result = self.call(request, responder).await;
        self.end();
        match result {
            // Kept, such a body would hold its client for ever; dropped, it would look complete.
            Ok(()) if self.store.data_mut().holds_unfinished_body() => Err(Failure {
                code: OutcomeCode::BadResponse,
                detail: "the guest returned without finishing its response body".to_owned(),
            }),
            Ok(()) => Ok(()),
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

    /// Largest size of its memory since [`Instance::begin`], bytes.
    pub fn peak_memory_bytes(&self) -> u64 {
        self.store.data().limiter.peak()
    }

    /// Calls to host interfaces since [`Instance::begin`].
    pub fn host_calls(&self) -> Vec<HostCalls> {
        let calls = self.store.data().host.meter.calls();
        calls.map(|(interface, calls)| HostCalls { interface: interface.name().to_owned(), calls }).collect()
    }

    async fn call<B>(&mut self, request: hyper::Request<B>, responder: Responder) -> wasmtime::Result<()>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<wasmtime_wasi_http::Error>,
    {
        let guest = self.exports.http.as_ref().ok_or(NotExported("wasi:http/incoming-handler"))?;
        let mut http = self.store.data_mut().http();
        let request = http.new_incoming_request(Scheme::Http, request)?;
        let out = http.new_response_outparam(responder)?;
        guest.call_handle(&mut self.store, request, out).await
    }
}

/// Names what happened. The reins and the limiter know better than the trap itself.
pub(super) fn failure(error: &wasmtime::Error, state: &State) -> Failure {
    let (code, detail) = match state.control.killed() {
        Some(kill) => return killed(kill),
        None if error.is::<NotExported>() => (OutcomeCode::NoResponse, format!("{error:#}")),
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
