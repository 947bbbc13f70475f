//! What a change of functions means for schedules and queues: which components can take them, and that the job
//! store has those of the catalog.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use store::Store;
use store::catalog::{Bindings, CronTrigger, DataChange, Export, Function, FunctionId, ProjectId};
use store::events::Subscription;
use store::jobs::{Firing, Schedule, ScheduleSpec};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::REFRESH_PAUSES;
use super::resources::Resources;
use super::settings::MAX_SCHEDULES;
use crate::clock::Clock;
use crate::problem::{Chain, Problem};
use crate::triggers::schedule as cron;

/// A schedule whose next slot is this much later than it should be has seen another clock, milliseconds.
const ASTRAY_MS: i64 = 3_600_000;
/// Why the calls and slots of a deleted function are dead.
const DELETED: &str = "the function was deleted";

/// Refuses what a component cannot be started by; `what` names it.
pub(super) fn check_exports(what: &str, exports: &[Export], bindings: &Bindings) -> Result<(), Problem> {
    if exports.contains(&Export::Http) {
        return Ok(());
    }
    let missing = |trigger: String, own: Option<&str>| {
        let message = match own {
            Some(own) => format!(
                "{trigger} needs ostro:triggers/{own} or wasi:http/incoming-handler, and {what} exports neither"
            ),
            None => format!("{trigger} needs wasi:http/incoming-handler, and {what} does not export it"),
        };
        Problem::new(409, "missing_export", message)
            .hint("use a component that exports it, or deploy without that trigger")
    };
    if let Some(route) = bindings.routes.first() {
        return Err(missing(format!("the route `{}`", route.path), None));
    }
    if let Some(event) = bindings.events.first() {
        return Err(missing(
            format!("an event of the {} `{}`", event.source.kind(), event.source.name()),
            None,
        ));
    }
    if let Some(cron) = bindings.cron.first().filter(|_| !exports.contains(&Export::Scheduled)) {
        return Err(missing(format!("the schedule `{}`", cron.schedule.escape_debug()), Some("scheduled")));
    }
    if let Some(queue) = bindings.queues.first().filter(|_| !exports.contains(&Export::Queued)) {
        return Err(missing(format!("the queue `{}`", queue.name), Some("queued")));
    }
    Ok(())
}

/// Refuses schedules beyond what a project may have; `functions` are those of all projects, `name` is the one that
/// gets these.
pub(super) fn check_schedules<'f>(
    functions: impl Iterator<Item = &'f Function>,
    project: ProjectId,
    name: &str,
    bindings: &Bindings,
) -> Result<(), Problem> {
    let others = functions.filter(|other| other.project == project && other.name != name);
    let held: usize = others.map(|other| other.bindings.cron.len()).sum();
    let wanted = bindings.cron.len();
    if wanted == 0 || held + wanted <= MAX_SCHEDULES {
        return Ok(());
    }
    let message = format!(
        "a project has at most {MAX_SCHEDULES} schedules; its other functions have {held}, this one wants {wanted}"
    );
    Err(Problem::new(422, "too_many_schedules", message)
        .hint("let one schedule do the work of several, or use another project"))
}

/// Keeps the job store's schedules and queues those of the catalog: also those of functions that can't be served
/// for the moment.
pub(super) struct Reconciler {
    pub(super) store: Arc<Store>,
    pub(super) clock: Clock,
}

impl Reconciler {
    /// Makes the job store's schedules and queues of a project those of the catalog. What is committed must also
    /// be done, so a store that fails for a moment is asked again; the next start repeats it in any case.
    pub(super) async fn reconcile(&self, project: ProjectId) -> Result<(), Problem> {
        for pause in REFRESH_PAUSES {
            match self.reconcile_once(project).await {
                Ok(()) => return Ok(()),
                Err(problem) => tracing::error!(%problem, "schedules could not be stored, trying again"),
            }
            tokio::time::sleep(pause).await;
        }
        self.reconcile_once(project).await
    }

    async fn reconcile_once(&self, project: ProjectId) -> Result<(), Problem> {
        let functions = self.by_project().await?.remove(&project).unwrap_or_default();
        self.make(project, Wanted::of(&functions, self.clock.now_ms())).await?;
        self.bring_back(project, &functions).await
    }

    async fn make(&self, project: ProjectId, wanted: Wanted) -> Result<(), Problem> {
        self.store.schedules.reconcile(project, &wanted.schedules).await?;
        if self.store.events.subscriptions(project).await? != wanted.subscriptions {
            self.store.events.subscribe(project, &wanted.subscriptions).await?;
        }
        wanted.resources.declare(&self.store, project).await
    }

    /// Ends what a deleted function has left in the job store.
    pub(super) async fn orphan(&self, project: ProjectId, function: FunctionId) -> Result<(), Problem> {
        self.reconcile(project).await?;
        Ok(self.store.cleanup.orphan(project, function, DELETED).await?)
    }

    /// At start: completes what a crash has cut off between the catalog and the job store. A project whose data
    /// can't be read, changed or removed must not keep the others from being served: that is logged.
    pub(super) async fn heal(&self) -> Result<(), Problem> {
        let projects: HashSet<ProjectId> =
            self.store.projects.list().await?.into_iter().map(|project| project.id).collect();
        for project in self.store.cleanup.projects().await? {
            if projects.contains(&project) {
                continue;
            }
            tracing::info!(project = %project.0, "the data of a deleted project are removed");
            if let Err(error) = self.store.cleanup.forget(project).await {
                let error = Chain(&error);
                tracing::error!(project = %project.0, %error, "the data of a deleted project stay for the next start");
            }
        }
        let mut functions = self.by_project().await?;
        self.end_deleted(&functions).await?;
        for project in projects {
            let own = functions.remove(&project).unwrap_or_default();
            if let Err(problem) = self.heal_project(project, &own).await {
                tracing::error!(project = %project.0, %problem, "schedules and queues of a project are not as deployed");
            }
        }
        Ok(())
    }

    /// Ends the calls and slots of functions that are not in the catalog any more.
    async fn end_deleted(&self, functions: &HashMap<ProjectId, Vec<Function>>) -> Result<(), Problem> {
        let known: HashSet<FunctionId> = functions.values().flatten().map(|function| function.id).collect();
        for due in self.store.jobs.due().await? {
            if let Some(function) = due.lane.function()
                && !known.contains(&function)
                && let Err(error) = self.store.cleanup.orphan(due.project, function, DELETED).await
            {
                let (project, error) = (due.project.0, Chain(&error));
                tracing::error!(%project, %error, "the calls and slots of a deleted function stay for the next start");
            }
        }
        Ok(())
    }

    /// Changes the project's file only if it differs: opening hundreds of them would take a start seconds.
    async fn heal_project(&self, project: ProjectId, functions: &[Function]) -> Result<(), Problem> {
        let wanted = Wanted::of(functions, self.clock.now_ms());
        if !self.is_made(project, &wanted).await? {
            self.make(project, wanted).await?;
        }
        self.bring_back(project, functions).await
    }

    async fn is_made(&self, project: ProjectId, wanted: &Wanted) -> Result<bool, Problem> {
        for queue in &wanted.resources.queues {
            if self.store.queues.spec(project, &queue.name).await?.is_none() {
                return Ok(false);
            }
        }
        if !wanted.resources.exist(&self.store, project).await? {
            return Ok(false);
        }
        if self.store.events.subscriptions(project).await? != wanted.subscriptions {
            return Ok(false);
        }
        let stored = self.store.schedules.list(project).await?;
        let is_made = |spec: &ScheduleSpec| {
            let same = |stored: &&Schedule| stored.spec == ScheduleSpec { first_ms: None, ..spec.clone() };
            stored.iter().find(same).is_some_and(|stored| stored.next_ms.is_some() || spec.first_ms.is_none())
        };
        Ok(stored.len() == wanted.schedules.len() && wanted.schedules.iter().all(is_made))
    }

    /// Brings back to this server's time the schedules that a clock far ahead has moved on: without it they would
    /// wait until then. Cheap when there are none.
    pub(super) async fn heal_schedules(&self) -> Result<(), Problem> {
        for (project, functions) in self.by_project().await? {
            if let Err(problem) = self.bring_back(project, &functions).await {
                tracing::error!(project = %project.0, %problem, "schedules of a project may wait for a wrong time");
            }
        }
        Ok(())
    }

    async fn bring_back(&self, project: ProjectId, functions: &[Function]) -> Result<(), Problem> {
        if functions.iter().all(|function| function.bindings.cron.is_empty()) {
            return Ok(());
        }
        let now = self.clock.now_ms();
        for stored in self.store.schedules.list(project).await? {
            let function = functions.iter().find(|function| function.id == stored.spec.function);
            let (Some(function), Some(expected_ms)) = (function, stored.next_ms) else { continue };
            if expected_ms.saturating_sub(now) <= ASTRAY_MS {
                continue;
            }
            if !is_plausible(now, function.updated_ms) {
                let (schedule, function) = (&stored.spec.id.0, &function.name);
                tracing::warn!(
                    schedule,
                    function,
                    "this server's clock shows a time before the last deploy: the schedule is left as it is"
                );
                continue;
            }
            // One that can't be read is complained about by whoever moves it on.
            let spec = stored.spec;
            let Ok(schedule) = cron::Schedule::parse(&spec.expression, &spec.timezone) else { continue };
            let right = next_slot(&schedule, now, stored.last_ms, function.updated_ms);
            if right.is_some_and(|right| expected_ms.saturating_sub(right) > ASTRAY_MS) {
                tracing::warn!(schedule = %spec.id.0, "a schedule is brought back to this server's time");
                let firing =
                    Firing { id: spec.id, expected_ms, next_ms: right, slots: Vec::new(), missed: 0 };
                self.store.schedules.fire(project, firing).await?;
            }
        }
        Ok(())
    }

    /// The functions of the catalog, whether or not they can be served.
    async fn by_project(&self) -> Result<HashMap<ProjectId, Vec<Function>>, Problem> {
        let mut projects: HashMap<ProjectId, Vec<Function>> = HashMap::new();
        for (function, _) in self.store.functions.active().await? {
            projects.entry(function.project).or_default().push(function);
        }
        Ok(projects)
    }
}

/// The next slot of a schedule that goes on from now: none that is not later than its last one, or it would run
/// twice. A last slot far ahead of now came from a wrong clock and does not count, unless it is now that is wrong:
/// the schedule was deployed at `deployed_ms`.
pub(crate) fn next_slot(
    schedule: &cron::Schedule,
    now_ms: i64,
    last_ms: Option<i64>,
    deployed_ms: i64,
) -> Option<i64> {
    let is_astray = |last: i64| last.saturating_sub(now_ms) > ASTRAY_MS && is_plausible(now_ms, deployed_ms);
    let last = last_ms.filter(|last| !is_astray(*last));
    schedule.next_after(last.map_or(now_ms, |last| last.max(now_ms)))
}

/// A clock that shows a time from before the deploy (1970, where nothing keeps the time) is not believed.
fn is_plausible(now_ms: i64, deployed_ms: i64) -> bool {
    deployed_ms.saturating_sub(now_ms) <= ASTRAY_MS
}

/// What the job store should have of a project.
struct Wanted {
    schedules: Vec<ScheduleSpec>,
    /// In order.
    subscriptions: Vec<Subscription>,
    resources: Resources,
}

impl Wanted {
    fn of(functions: &[Function], now_ms: i64) -> Self {
        let own = |function: &Function| -> Vec<ScheduleSpec> {
            function.bindings.cron.iter().map(|cron| spec(function.id, cron, now_ms)).collect()
        };
        let mut resources = Resources::default();
        functions.iter().for_each(|function| resources.add_used(&function.bindings));
        let mut subscriptions: Vec<_> = functions.iter().flat_map(subscriptions).collect();
        subscriptions.sort_unstable();
        Self { schedules: functions.iter().flat_map(own).collect(), subscriptions, resources }
    }
}

/// The changes of which a function is told.
fn subscriptions(function: &Function) -> impl Iterator<Item = Subscription> {
    function.bindings.events.iter().flat_map(|trigger| {
        let subscription = |change: &DataChange| Subscription {
            source: trigger.source.clone(),
            change: *change,
            function: function.id,
        };
        trigger.on.iter().map(subscription)
    })
}

/// A schedule that this server can't read keeps its place, and has no first slot.
fn spec(function: FunctionId, trigger: &CronTrigger, now_ms: i64) -> ScheduleSpec {
    let parsed = cron::Schedule::parse(&trigger.schedule, &trigger.timezone).ok();
    ScheduleSpec {
        id: cron::schedule_id(function, trigger),
        function,
        expression: trigger.schedule.clone(),
        timezone: trigger.timezone.clone(),
        path: trigger.path.clone(),
        missed: trigger.missed,
        overlap: trigger.overlap,
        first_ms: parsed.and_then(|schedule| schedule.next_after(now_ms)),
    }
}

/// From a commit to the job store's knowledge of it, changes of one project go one after the other: a later one
/// must not be undone by an earlier one that was slower.
#[derive(Default)]
pub(super) struct Turns {
    projects: dashmap::DashMap<ProjectId, Arc<Mutex<()>>>,
}

impl Turns {
    pub(super) async fn begin(&self, project: ProjectId) -> OwnedMutexGuard<()> {
        let turn = self.projects.entry(project).or_default().clone();
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests;
