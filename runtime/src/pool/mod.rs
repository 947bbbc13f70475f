//! Instances for invocations: fresh by default, kept where a function asks for it or starts slowly.
//!
//! One pool per executor. What it keeps is bounded by `policy`, dropped when it has been idle too long, and
//! never crosses from one generation of a function to another.

mod concurrent;
mod loaded;
mod policy;

pub use loaded::LoadedCode;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use host_api::outbound_http::{EgressOptions, EgressPool};
use host_api::{HostLimits, HostParts, Services};
use store::catalog::ProjectId;

use crate::clock::Clock;
use crate::instance::{Assignment, Budgets, Code, Context, Control, Failure, Instance, Silent, metered};
use crate::registry::live::Live;
use crate::telemetry::OutcomeCode;
use concurrent::Shared;
pub use concurrent::{Closer, Seat};
use policy::After;
pub use policy::Spare;

/// Instances of one executor.
pub struct Pool {
    loaded: Arc<LoadedCode>,
    budgets: Arc<Budgets>,
    clock: Clock,
    egress: EgressOptions,
    services: Services,
    connections: Mutex<HashMap<ProjectId, EgressPool>>,
    kept: Mutex<Kept>,
    most_kept: usize,
}

/// What is kept, by generation.
#[derive(Default)]
struct Kept {
    idle: HashMap<u64, Vec<Idle>>,
    /// Generations that a spare is being made for: one at a time each.
    making: HashSet<u64>,
    count: usize,
    /// Instances that serve several calls at once, also those that are busy.
    shared: HashMap<u64, Vec<Shared>>,
    /// How many of them there have been.
    opened: u64,
}

struct Idle {
    instance: Instance,
    since: Instant,
}

impl Kept {
    fn push(&mut self, generation: u64, idle: Idle) {
        self.idle.entry(generation).or_default().push(idle);
        self.count += 1;
    }

    /// Closes shared instances that have been idle too long, and the longest idle of those that are too many.
    fn sweep_shared(&mut self, now: Instant, short: bool, most: usize) {
        for own in self.shared.values_mut() {
            own.retain(|shared| !shared.expired(now, short));
        }
        let idle = self.shared.values().flatten().filter(|shared| shared.is_idle());
        let mut ages: Vec<Duration> = idle.map(|shared| shared.idle(now)).collect();
        ages.sort_unstable();
        if let Some(&surplus) = ages.get(most.saturating_sub(self.count)) {
            for own in self.shared.values_mut() {
                own.retain(|shared| !(shared.is_idle() && shared.idle(now) >= surplus));
            }
        }
        self.shared.retain(|_, own| !own.is_empty());
    }
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
    /// An empty pool that keeps at most `most_kept` instances, whose outbound connections behave as `egress` says and
    /// that offers guests these services.
    pub fn new(
        loaded: Arc<LoadedCode>,
        budgets: Arc<Budgets>,
        clock: Clock,
        egress: EgressOptions,
        services: Services,
        most_kept: usize,
    ) -> Self {
        let (connections, kept) = (Mutex::default(), Mutex::default());
        Self { loaded, budgets, clock, egress, services, connections, kept, most_kept }
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
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let own = kept.idle.get(&live.generation).map_or(0, Vec::len);
        let full = kept.count >= self.most_kept;
        match policy::after(health, instance.served(), live.spec.reuse, own) {
            After::Keep if !full => {
                kept.push(live.generation, Idle { instance, since: self.clock.instant() });
                Spare::NotNeeded
            }
            After::Drop if !full && !kept.making.contains(&live.generation) => {
                let spare = policy::spare(live.spec.reuse, instance.instantiation(), own);
                if spare == Spare::Wanted {
                    kept.making.insert(live.generation);
                }
                spare
            }
            After::Keep | After::Drop => Spare::NotNeeded,
        }
    }

    /// Makes the spare instance that [`Pool::give_back`] wanted, within the function's time limit.
    pub async fn make_spare(&self, live: &Live, control: Arc<Control>) {
        let wall = Duration::from_millis(live.spec.limits.wall_ms);
        let made =
            tokio::time::timeout(wall, metered(&control, self.start_spare(live, control.clone()))).await;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.making.remove(&live.generation);
        match made {
            Ok(Ok(instance)) if kept.count < self.most_kept => {
                kept.push(live.generation, Idle { instance, since: self.clock.instant() });
            }
            Ok(Ok(_)) => {}
            // A guest whose start fails gets no spare: its next request shows why.
            Ok(Err(failure)) => {
                tracing::debug!(function = %live.name, detail = %failure.detail, "no spare instance")
            }
            Err(_) => tracing::debug!(function = %live.name, "no spare instance in time"),
        }
    }

    async fn start_spare(&self, live: &Live, control: Arc<Control>) -> Result<Instance, Failure> {
        let code = self.code(live).await?;
        let nobody = Assignment { control, invocation: Silent::invocation() };
        let mut instance = Instance::new(&code, &self.context(live), &nobody).await?;
        instance.end();
        Ok(instance)
    }

    /// Drops instances that have been idle too long, and all of them when memory is short.
    pub fn sweep(&self) {
        let now = self.clock.instant();
        let process = self.budgets.process();
        let short = policy::memory_is_short(process.used(), process.total());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.idle.retain(|_, own| {
            own.retain(|idle| !short && !policy::expired(now.saturating_duration_since(idle.since)));
            !own.is_empty()
        });
        kept.count = kept.idle.values().map(Vec::len).sum();
        kept.sweep_shared(now, short, self.most_kept);
    }

    fn take_idle(&self, live: &Live) -> Option<Instance> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = kept.idle.get_mut(&live.generation)?.pop()?;
        kept.count = kept.count.saturating_sub(1);
        Some(idle.instance)
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
                identity: live.identity.clone(),
                grants: live.grants.clone(),
                environment: live.environment.clone(),
                egress: self.connections(live.project.id),
                services: self.services.of(live.project.id),
                limits: HostLimits {
                    outbound_calls: limits.outbound_calls,
                    log_bytes: limits.log_bytes,
                    ..HostLimits::default()
                },
            },
            env: live.env.clone(),
            args: live.args.clone(),
            assets: live.assets.clone(),
            memory_bytes: limits.memory_bytes,
            budget: self.budgets.of(live.project.id),
            clock: self.clock.clone(),
        }
    }
}
