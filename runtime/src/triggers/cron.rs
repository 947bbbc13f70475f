//! The ticker: turns slots of schedules into jobs as they come. Every server may run one: whoever moves a
//! schedule on enqueues its slot.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use futures_util::{StreamExt as _, stream};
use store::catalog::ProjectId;
use store::jobs::{Fired, Firing, Schedule as Stored, ScheduleId, Schedules};
use tokio::sync::watch;

use super::Heal;
use super::schedule::Schedule;
use crate::clock::Clock;
use crate::problem::Chain;
use crate::registry::live::Consumers;

/// Longest sleep: a schedule that another process or a deploy has added is seen within it.
const LOOK: Duration = Duration::from_secs(1);
/// Shortest sleep: a schedule that is due and does not move on keeps no processor busy.
const SHORTEST: Duration = Duration::from_millis(5);
/// How far wall time may go from monotonic time between two looks, milliseconds. Who corrects a clock gently
/// stays far below.
const STEP_MS: u64 = 60_000;
/// Schedules that are moved on at once, so that they share commits.
const AT_ONCE: usize = 256;

/// Moves schedules on.
pub(super) struct Ticker {
    schedules: Arc<dyn Schedules>,
    consumers: Arc<ArcSwap<Consumers>>,
    clock: Clock,
    heal: Arc<dyn Heal>,
    /// Those that were complained about.
    unreadable: HashSet<ScheduleId>,
}

/// What came of one look at all schedules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// All that were due have moved on.
    Clear,
    /// None was due at that time, milliseconds since 1970.
    Idle(i64),
    /// Some could not: they are still due.
    Stuck,
}

impl Ticker {
    pub(super) fn new(
        schedules: Arc<dyn Schedules>,
        consumers: Arc<ArcSwap<Consumers>>,
        clock: Clock,
        heal: Arc<dyn Heal>,
    ) -> Self {
        Self { schedules, consumers, clock, heal, unreadable: HashSet::new() }
    }

    /// Ticks until the server stops.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut turned = self.clock.turned();
        let mut steps = Steps::new(&self.clock);
        loop {
            if steps.has_stepped(&self.clock) {
                tracing::warn!("the wall clock was set: schedules are brought to its time");
                self.heal.heal_schedules().await;
            }
            let look = self.tick().await;
            let wait = self.until_next(look).await;
            tokio::select! {
                // An error means that the sender is gone, which is the end as well.
                _ = stop.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(wait) => {}
                () = turned.turned() => {}
            }
        }
    }

    async fn tick(&mut self) -> Look {
        let asked = self.clock.now_ms();
        let due = match self.schedules.due().await {
            Ok(due) if due.is_empty() => return Look::Idle(asked),
            Ok(due) => due,
            Err(error) => {
                tracing::error!(error = %Chain(&error), "the schedules that are due could not be read");
                return Look::Stuck;
            }
        };
        let now = self.clock.now_ms();
        let mut look = Look::Clear;
        let mut firings = Vec::new();
        for (project, stored) in due {
            match self.plan(&stored, now) {
                Ok(firing) => firings.extend(firing.map(|firing| (project, firing))),
                Err(Unreadable) => look = Look::Stuck,
            }
        }
        let schedules = &self.schedules;
        let fired: Vec<Look> = stream::iter(firings)
            .map(|(project, firing)| fire(&**schedules, project, firing))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        if fired.contains(&Look::Stuck) { Look::Stuck } else { look }
    }

    /// The step of a schedule that is due; none if it is not due by this process's clock.
    fn plan(&mut self, stored: &Stored, now: i64) -> Result<Option<Firing>, Unreadable> {
        let Some(next_ms) = stored.next_ms else { return Ok(None) };
        let spec = &stored.spec;
        let consumers = self.consumers.load();
        let parsed;
        let schedule = match consumers.schedule(&spec.id) {
            Some(known) => &known.schedule.schedule,
            None => match Schedule::parse(&spec.expression, &spec.timezone) {
                Ok(schedule) => {
                    parsed = schedule;
                    &parsed
                }
                Err(error) => {
                    if self.unreadable.insert(spec.id.clone()) {
                        tracing::error!(
                            schedule = %spec.expression, timezone = %spec.timezone, function = %spec.function.0, %error,
                            "a schedule can't be read any more; deploy its function again"
                        );
                    }
                    return Err(Unreadable);
                }
            },
        };
        Ok(schedule.plan(&spec.id, next_ms, now, spec.missed))
    }

    async fn until_next(&self, look: Look) -> Duration {
        let next = match (look, self.schedules.next().await) {
            (Look::Clear, Ok(Some(next))) => next,
            // What has come already although none was due cannot be read; it keeps no processor busy.
            (Look::Idle(asked), Ok(Some(next))) if next > asked => next,
            _ => return LOOK,
        };
        let wait = next.saturating_sub(self.clock.now_ms());
        Duration::from_millis(u64::try_from(wait).unwrap_or(0)).clamp(SHORTEST, LOOK)
    }
}

/// Notices when the wall clock is set. Slots that were missed by it come by themselves, but a schedule that has
/// moved on with a clock that was ahead would be silent until then.
struct Steps {
    wall_ms: i64,
    at: Instant,
}

impl Steps {
    fn new(clock: &Clock) -> Self {
        Self { wall_ms: clock.now_ms(), at: clock.instant() }
    }

    /// Whether wall time has gone another way than monotonic time since the last call.
    fn has_stepped(&mut self, clock: &Clock) -> bool {
        let now = Self::new(clock);
        let passed = i64::try_from((now.at - self.at).as_millis()).unwrap_or(i64::MAX);
        let stepped = now.wall_ms.saturating_sub(self.wall_ms).saturating_sub(passed);
        *self = now;
        stepped.unsigned_abs() > STEP_MS
    }
}

/// A stored schedule that is none.
struct Unreadable;

async fn fire(schedules: &dyn Schedules, project: ProjectId, firing: Firing) -> Look {
    let id = firing.id.clone();
    match schedules.fire(project, firing).await {
        // Stale means that whoever was faster has moved it on.
        Ok(Fired::Enqueued(_) | Fired::Skipped | Fired::Stale) => Look::Clear,
        Err(error) => {
            tracing::error!(schedule = %id.0, error = %Chain(&error), "a schedule could not be moved on");
            Look::Stuck
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
