//! How the jobs of a lane are run: by which function, how many at once, which of them together. Pure.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use store::catalog::{Export, ProjectId};
use store::jobs::{Lane, Lease};

use super::lanes::Wish;
use crate::registry::live::{Consumers, Live};

/// Asynchronous calls of one function that run at once.
const ASYNC_CONCURRENCY: u32 = 64;
/// Slots of one function that run at once.
const CRON_CONCURRENCY: u32 = 16;
/// Events of which one function is told at once.
const EVENT_CONCURRENCY: u32 = 16;
/// Failures after which an asynchronous call is dead.
const ASYNC_ATTEMPTS: u32 = 3;
/// Failures after which a slot is dead.
const CRON_ATTEMPTS: u32 = 1;

/// Failures after which an event is dead.
const EVENT_ATTEMPTS: u32 = 5;

/// A lane of a project.
pub(super) type Key = (ProjectId, Lane);

/// How the jobs of a lane are run now.
#[derive(Debug)]
pub(super) struct Consumer {
    /// By which function.
    pub live: Arc<Live>,
    /// Deliveries at once.
    pub concurrency: u32,
    /// Jobs in one delivery.
    pub batch: u32,
    /// Failures that make a job dead.
    pub attempts: u32,
}

impl Consumer {
    /// The consumer of a lane; none while its function is gone or its queue has none.
    pub(super) fn of(consumers: &Consumers, (project, lane): &Key) -> Option<Self> {
        let own = |live: &&Arc<Live>| live.project.id == *project;
        let (live, concurrency, batch, attempts) = match lane {
            Lane::Async(function) => {
                (consumers.function(*function).filter(own)?, ASYNC_CONCURRENCY, 1, ASYNC_ATTEMPTS)
            }
            Lane::Cron(function) => {
                (consumers.function(*function).filter(own)?, CRON_CONCURRENCY, 1, CRON_ATTEMPTS)
            }
            Lane::Event(function) => {
                (consumers.function(*function).filter(own)?, EVENT_CONCURRENCY, 1, EVENT_ATTEMPTS)
            }
            Lane::Queue(name) => {
                let consumer = consumers.queue(*project, name)?;
                // A request tells of one message.
                let batch = if consumer.live.exports(Export::Queued) { consumer.trigger.batch } else { 1 };
                (&consumer.live, consumer.trigger.concurrency, batch, consumer.trigger.attempts)
            }
        };
        // More than may run would only wait for a place, and then be refused.
        let concurrency = concurrency.min(live.spec.limits.concurrency).max(1);
        Some(Self { live: live.clone(), concurrency, batch: batch.max(1), attempts })
    }

    /// What it asks for; `due` when there are jobs to claim.
    pub(super) fn wish(&self, key: &Key, due: bool) -> Wish {
        Wish { key: key.clone(), concurrency: self.concurrency, batch: self.batch, due }
    }
}

/// Puts claimed jobs together: at most `batch` of them, and those of a batch that failed as a whole in the
/// company that is left to them. Jobs of different company do not meet, so that they are told apart sooner.
pub(super) fn batches(leases: Vec<Lease>, batch: u32) -> Vec<Vec<Lease>> {
    let mut by_size: BTreeMap<Reverse<u32>, Vec<Lease>> = BTreeMap::new();
    for lease in leases {
        let size = lease.job.split.unwrap_or(batch).min(batch).max(1);
        by_size.entry(Reverse(size)).or_default().push(lease);
    }
    let mut batches = Vec::new();
    for (Reverse(size), leases) in by_size {
        let mut leases = leases.into_iter().peekable();
        while leases.peek().is_some() {
            batches.push(leases.by_ref().take(size as usize).collect());
        }
    }
    batches
}

#[cfg(test)]
mod tests;
