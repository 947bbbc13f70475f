//! The smoke test of a deploy: one instantiation under the function's limits, before anybody sees it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use host_api::grants::Grants;
use host_api::outbound_http::{EgressOptions, EgressPool, TlsClient};
use host_api::{Call, HostLimits, HostParts, Invocation, LogSink, LogSource, ProjectServices};
use store::catalog::Limits;

use super::control::Control;
use super::engine::GuestEngine;
use super::guest::{Assignment, Context, Instance};
use super::limits::MemoryBudget;
use super::load::Code;
use crate::clock::Clock;
use crate::problem::Problem;
use crate::telemetry::OutcomeCode;

/// Longest time that a trial of a guest may take or compute, whatever its limits are.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A log that nobody reads: what a guest says outside an invocation.
pub struct Silent;

impl Silent {
    /// What the host is told where there is no invocation.
    pub fn invocation() -> Invocation {
        Invocation { call: Call::default(), log: Arc::new(Self), secrets: Arc::default() }
    }
}

impl LogSink for Silent {
    fn line(&self, _: LogSource, _: &'static str, _: String) {}
}

impl GuestEngine {
    /// Instantiates once, with an empty set of grants: start code that loops, traps or wants too much memory
    /// fails the deploy with the limit's name (threat A8).
    pub async fn smoke(
        &self,
        code: &Arc<Code>,
        limits: &Limits,
        env: &BTreeMap<String, String>,
        clock: &Clock,
    ) -> Result<(), Problem> {
        let context = context(limits, env, clock)?;
        let budget = Duration::from_millis(limits.cpu_ms).min(PATIENCE);
        let wall = Duration::from_millis(limits.wall_ms).min(PATIENCE);
        let control = Arc::new(Control::new(clock.clone(), budget, budget));
        let assignment = Assignment { control: control.clone(), invocation: Silent::invocation() };
        let started = metered(&control, Instance::new(code, &context, &assignment));
        match tokio::time::timeout(wall, started).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(failure)) => Err(refused(failure.code, &failure.detail)),
            Err(_) => {
                Err(refused(OutcomeCode::Deadline, "it did not start within the function's `wall` limit"))
            }
        }
    }
}

/// What a guest is tried in: nothing is granted to it, and it has a budget of its own.
pub(super) fn context(
    limits: &Limits,
    env: &BTreeMap<String, String>,
    clock: &Clock,
) -> Result<Context, Problem> {
    let tls = TlsClient::new().map_err(|error| Problem::internal(&error))?;
    let grants =
        Grants::parse(&[] as &[String]).map_err(|error| Problem::new(500, "internal", error.to_string()))?;
    Ok(Context {
        host: HostParts {
            identity: Arc::default(),
            grants: Arc::new(grants),
            environment: Arc::new(env.clone()),
            egress: EgressPool::new(EgressOptions::new(tls, tokio::runtime::Handle::current())),
            services: ProjectServices::closed(),
            limits: HostLimits::default(),
        },
        env: env.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        args: Arc::default(),
        assets: None,
        memory_bytes: limits.memory_bytes,
        budget: MemoryBudget::new(limits.memory_bytes),
        clock: clock.clone(),
    })
}

/// Charges every poll to the reins.
pub async fn metered<F: Future>(control: &Control, future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| {
        control.slice_begin();
        let polled = future.as_mut().poll(cx);
        control.slice_end();
        polled
    })
    .await
}

fn refused(code: OutcomeCode, detail: &str) -> Problem {
    let (code, message) = match code {
        OutcomeCode::CpuLimit => ("cpu_limit", "the component spent its CPU budget while starting"),
        OutcomeCode::Deadline => ("deadline", "the component did not start in time"),
        OutcomeCode::MemoryLimit => {
            ("memory_limit", "the component needs more memory to start than its limit")
        }
        OutcomeCode::Busy => {
            return Problem::new(503, "busy", "the server has no free instance for the smoke test")
                .hint("try again");
        }
        _ => ("trap", "the component failed while starting"),
    };
    Problem::new(422, code, message)
        .hint("raise the limit in the manifest, or look at what the component does in its start code")
        .detail(serde_json::json!({ "reason": detail }))
}
