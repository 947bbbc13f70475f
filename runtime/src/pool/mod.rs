//! Instances for invocations: fresh by default, kept where a function asks for it or starts slowly.
//!
//! One pool per executor. What it keeps is bounded by `policy`, dropped when it has been idle too long, and
//! never crosses from one generation of a function to another.

mod loaded;
mod policy;

pub use loaded::LoadedCode;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use host_api::outbound_http::{EgressOptions, EgressPool};
use host_api::{HostLimits, HostParts};
use store::catalog::ProjectId;

use crate::clock::Clock;
use crate::instance::{Assignment, Code, Context, Control, Failure, Instance, MemoryBudget, Silent};
use crate::registry::live::Live;
use crate::telemetry::OutcomeCode;
use policy::After;
pub use policy::Spare;

/// Instances of one executor.
pub struct Pool {
    loaded: Arc<LoadedCode>,
    budget: Arc<MemoryBudget>,
    clock: Clock,
    egress: EgressOptions,
    connections: Mutex<HashMap<ProjectId, EgressPool>>,
    idle: Mutex<HashMap<u64, Vec<Idle>>>,
}

struct Idle {
    instance: Instance,
    since: Instant,
}

/// Whether an instance may serve again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// The guest returned normally.
    Sound,
    /// It trapped or hit a limit: its memory can't be trusted.
    Broken,
}

impl Pool {
    /// An empty pool whose outbound connections behave as `egress` says.
    pub fn new(loaded: Arc<LoadedCode>, budget: Arc<MemoryBudget>, clock: Clock, egress: EgressOptions) -> Self {
        Self { loaded, budget, clock, egress, connections: Mutex::default(), idle: Mutex::default() }
    }

    /// The clock that instances are made with.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// An instance for one invocation: a kept one, or a fresh one.
    pub async fn acquire(&self, live: &Live, assignment: &Assignment) -> Result<Instance, Failure> {
        if let Some(mut instance) = self.take_idle(live) {
            instance.begin(assignment);
            return Ok(instance);
        }
        let code = self.code(live).await?;
        Instance::new(&code, &self.context(live), assignment).await
    }

    /// Takes an instance back after an invocation. Says whether a spare should be made for the next one.
    pub fn give_back(&self, live: &Live, instance: Instance, health: Health) -> Spare {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle.get(&live.generation).map_or(0, Vec::len);
        match policy::after(health, instance.served(), live.spec.reuse, kept) {
            After::Keep => {
                let kept = Idle { instance, since: self.clock.instant() };
                idle.entry(live.generation).or_default().push(kept);
                Spare::NotNeeded
            }
            After::Drop => policy::spare(live.spec.reuse, instance.instantiation(), kept),
        }
    }

    /// Makes a spare instance of a guest that starts slowly.
    pub async fn make_spare(&self, live: &Live, control: Arc<Control>) -> Result<(), Failure> {
        let code = self.code(live).await?;
        let nobody = Assignment { control, log: Arc::new(Silent), secrets: Arc::default() };
        let mut instance = Instance::new(&code, &self.context(live), &nobody).await?;
        instance.end();
        let spare = Idle { instance, since: self.clock.instant() };
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.entry(live.generation).or_default().push(spare);
        Ok(())
    }

    /// Drops instances that have been idle too long, and all of them when memory is short.
    pub fn sweep(&self) {
        let now = self.clock.instant();
        let short = policy::memory_is_short(self.budget.used(), self.budget.total());
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|_, kept| {
            kept.retain(|idle| !short && !policy::expired(now.saturating_duration_since(idle.since)));
            !kept.is_empty()
        });
    }

    fn take_idle(&self, live: &Live) -> Option<Instance> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle.get_mut(&live.generation)?;
        kept.pop().map(|idle| idle.instance)
    }

    async fn code(&self, live: &Live) -> Result<Arc<Code>, Failure> {
        self.loaded.get(&live.code).await.map_err(|problem| Failure {
            code: OutcomeCode::Internal,
            detail: format!("the compiled code could not be loaded: {problem}"),
        })
    }

    /// Outbound connections of a project, never shared with another one.
    fn connections(&self, project: ProjectId) -> EgressPool {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.entry(project).or_insert_with(|| EgressPool::new(self.egress.clone())).clone()
    }

    fn context(&self, live: &Live) -> Context {
        let limits = &live.spec.limits;
        Context {
            host: HostParts {
                grants: live.grants.clone(),
                environment: live.environment.clone(),
                egress: self.connections(live.project.id),
                limits: HostLimits {
                    outbound_calls: limits.outbound_calls,
                    log_bytes: limits.log_bytes,
                    ..HostLimits::default()
                },
            },
            env: live.env.clone(),
            assets: live.assets.clone(),
            memory_bytes: limits.memory_bytes,
            budget: self.budget.clone(),
            clock: self.clock.clone(),
        }
    }
}
