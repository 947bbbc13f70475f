//! Commands: `wasi:cli/run`, called as CGI/1.1. One fresh instance for each invocation: the request is its
//! environment and standard input, its standard output the answer, its standard error the log.

mod stdin;
mod stdout;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use http::Request;
use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, Instance as ComponentInstance, InstancePre, TypedFunc};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi_http::WasiBody;

pub(super) use self::stdout::Owner;

use self::stdin::Input;
use self::stdout::Output;
use super::cgi::{self, Malformed};
use super::engine::Lane;
use super::exports::BoundEntry;
use super::guest::{Context, Failure, Instance, Responder};
use super::handler03;
use super::state::{CommandLine, State};
use crate::telemetry::OutcomeCode;

/// `wasi:cli/run`, by any of its patch versions.
const RUN_02: &str = "wasi:cli/run@0.2.0";
const RUN_03: &str = "wasi:cli/run@0.3.0";

/// `run` of both versions: that of 0.3 is asynchronous and has the same type otherwise.
type Run = TypedFunc<(), (Result<(), ()>,)>;

/// A component's `wasi:cli/run`.
pub(super) struct CommandExport(ComponentExportIndex);

impl CommandExport {
    /// Looks it up: version 0.2 in the plain lane, 0.3 (or 0.2) in the concurrent one.
    pub(super) fn find(component: &InstancePre<State>, lane: Lane) -> wasmtime::Result<Option<Self>> {
        let component = component.component();
        let newest = (lane == Lane::Concurrent).then(|| component.get_export_index(None, RUN_03)).flatten();
        let Some(interface) = newest.or_else(|| component.get_export_index(None, RUN_02)) else {
            return Ok(None);
        };
        let run = component.get_export_index(Some(&interface), "run");
        run.map(|run| Some(Self(run)))
            .ok_or_else(|| wasmtime::format_err!("wasi:cli/run has no function `run`"))
    }

    /// Binds it to an instance.
    pub(super) fn bind(
        &self,
        store: &mut Store<State>,
        instance: &ComponentInstance,
    ) -> wasmtime::Result<BoundCommand> {
        instance.get_typed_func(store, self.0).map(BoundCommand)
    }
}

/// One instance's `wasi:cli/run`.
pub(super) struct BoundCommand(Run);

/// What the instance of a command keeps for its invocation.
pub(super) struct Seat {
    context: Context,
    input: Input,
    output: Output,
    /// Cuts the answer when the instance goes before it is complete: after the account was told why.
    answer: Option<Owner>,
}

impl Seat {
    pub(super) fn new(context: &Context) -> Self {
        Self { context: context.clone(), input: Input::default(), output: Output::default(), answer: None }
    }

    /// Gives WASI arguments, this environment and the standard streams: first for the start code, then for each run.
    pub(super) fn furnish(&self, state: &mut State, env: Vec<(String, String)>) -> wasmtime::Result<()> {
        let context = &self.context;
        let name = &context.host.identity.function;
        let line = CommandLine {
            args: std::iter::once(name).chain(context.args.iter()).cloned().collect(),
            env,
            assets: context.assets.as_ref(),
            clock: &context.clock,
        };
        state.command(&line, self.input.clone(), self.output.clone())
    }
}

/// Why a command's run was no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    #[error("the command's output is no answer: {0}")]
    Malformed(#[from] Malformed),
    #[error("the command exited with status {0} before its answer began")]
    Exited(i32),
    #[error("the command exited with status {0} before its answer was complete")]
    Broke(i32),
}

impl Unanswered {
    /// The same for the invocation's account.
    pub(super) fn failure(&self) -> Failure {
        let code = match self {
            Self::Malformed(_) | Self::Broke(_) => OutcomeCode::BadResponse,
            Self::Exited(_) => OutcomeCode::NoResponse,
        };
        Failure { code, detail: self.to_string() }
    }
}

impl Instance {
    /// Runs the command for one request. It ends when the command has; the response head goes to `responder` as soon as
    /// its header block is complete.
    pub(super) async fn run_command(
        &mut self,
        request: Request<WasiBody>,
        responder: Responder,
    ) -> wasmtime::Result<()> {
        let lane = self.lane();
        let (Some(BoundEntry::Command(BoundCommand(run))), Some(seat)) =
            (&self.exports.entry, &mut self.seat)
        else {
            return Err(wasmtime::format_err!("the instance is not that of a command"));
        };
        let (parts, body) = request.into_parts();
        let output = seat.output.clone();
        seat.input.connect(body);
        output.connect(responder);
        seat.answer = Some(output.owner());
        seat.furnish(self.store.data_mut(), cgi::variables(&seat.context.env, &parts))?;
        let store = &mut self.store;
        let running = async move {
            let status = exit_status(run.call_async(&mut *store, ()).await)?;
            if status == 0 && lane == Lane::Concurrent {
                // What it has started besides, such as the copying of a stream to its output.
                return exit_status(handler03::finish(store, None).await.map(|()| (Ok(()),)));
            }
            Ok(status)
        };
        match while_sound(&output, running).await? {
            0 => output.finish().map_err(|malformed| Unanswered::from(malformed).into()),
            status if output.has_begun() => Err(Unanswered::Broke(status).into()),
            status => Err(Unanswered::Exited(status).into()),
        }
    }
}

/// Polls a run until it ends or has written what can't become an answer: nothing of what follows would be of use.
async fn while_sound(
    output: &Output,
    running: impl Future<Output = wasmtime::Result<i32>>,
) -> wasmtime::Result<i32> {
    let mut running = pin!(running);
    poll_fn(|cx| {
        let polled = running.as_mut().poll(cx);
        match output.malformed() {
            Some(malformed) => Poll::Ready(Err(Unanswered::from(malformed).into())),
            None => polled,
        }
    })
    .await
}

/// The status that a run ended with, whether it returned or called `exit`. Anything else that ends it is an error.
fn exit_status(ended: wasmtime::Result<(Result<(), ()>,)>) -> wasmtime::Result<i32> {
    match ended {
        Ok((Ok(()),)) => Ok(0),
        Ok((Err(()),)) => Ok(1),
        Err(error) => error.downcast::<I32Exit>().map(|I32Exit(status)| status),
    }
}
