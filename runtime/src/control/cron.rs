//! Schedules: looking at them, holding them, running them at once.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use store::catalog::{Project, Scope};
use store::jobs::{Lane, NewJob, Pause, Schedule, ScheduleId, Trigger};

use super::ControlState;
use super::auth::Caller;
use super::body::Path;
use super::error::{BodyErrors, Errors};
use super::wire::{Accepted, CronTrigger, ScheduleList, ScheduleView};
use crate::problem::Problem;
use crate::registry::next_slot;
use crate::triggers::schedule;

/// The schedules of a project, by function and expression.
#[utoipa::path(
    get, path = "/v1/projects/{project}/cron", tag = "cron", operation_id = "list_schedules",
    params(("project" = String, Path, description = "The project's name")), security(("token" = [])),
    responses((status = 200, body = ScheduleList, description = "The schedules"), Errors),
)]
pub(super) async fn list(
    State(state): State<ControlState>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<Json<ScheduleList>, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    let names = state.names(&project).await?;
    let name_of = |schedule: &Schedule| {
        let function = schedule.spec.function;
        names.get(&function).cloned().unwrap_or_else(|| function.0.to_string())
    };
    let mut views: Vec<_> = state.parts.schedules.list(project.id).await?;
    views.sort_by_cached_key(|schedule| (name_of(schedule), schedule.spec.expression.clone()));
    let views = views.into_iter().map(|schedule| view(name_of(&schedule), schedule)).collect();
    Ok(Json(ScheduleList { schedules: views }))
}

/// Pauses a schedule: its slots pass without a job, and are not made up for.
#[utoipa::path(
    post, path = "/v1/projects/{project}/cron/{schedule}/pause", tag = "cron", operation_id = "pause_schedule",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("schedule" = String, Path, description = "The schedule's id"),
    ),
    security(("token" = [])),
    responses((status = 200, body = ScheduleView, description = "It is paused"), Errors, BodyErrors),
)]
pub(super) async fn pause(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, id)): Path<(String, String)>,
) -> Result<Json<ScheduleView>, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    let found = find(&state, &project, &id).await?;
    set(&state, &caller, &project, found, "cron.pause", Pause::Pause).await
}

/// Resumes a schedule, from its next slot on.
#[utoipa::path(
    post, path = "/v1/projects/{project}/cron/{schedule}/resume", tag = "cron", operation_id = "resume_schedule",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("schedule" = String, Path, description = "The schedule's id"),
    ),
    security(("token" = [])),
    responses((status = 200, body = ScheduleView, description = "It goes on"), Errors, BodyErrors),
)]
pub(super) async fn resume(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, id)): Path<(String, String)>,
) -> Result<Json<ScheduleView>, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    let found = find(&state, &project, &id).await?;
    if !found.schedule.paused {
        // Its next slot may be due this very moment: it must not be moved on.
        return Ok(Json(found.view()));
    }
    let spec = &found.schedule.spec;
    // It was parsed when it was deployed; that it can't be any more is this server's fault.
    let parsed = schedule::Schedule::parse(&spec.expression, &spec.timezone);
    let parsed = parsed.map_err(|error| Problem::internal(&error))?;
    let next_ms = next_slot(&parsed, state.parts.clock.now_ms(), found.schedule.last_ms, found.deployed_ms);
    let from_now_on = Pause::Resume(next_ms);
    set(&state, &caller, &project, found, "cron.resume", from_now_on).await
}

/// Runs a schedule's function now, as a job of its own, whatever else waits or runs, paused or not. The next slot
/// stays the same; if it comes while this job waits or runs, `overlap` decides.
#[utoipa::path(
    post, path = "/v1/projects/{project}/cron/{schedule}/run", tag = "cron", operation_id = "run_schedule",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("schedule" = String, Path, description = "The schedule's id"),
    ),
    security(("token" = [])),
    responses((status = 202, body = Accepted, description = "The job is stored"), Errors, BodyErrors),
)]
pub(super) async fn run(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, id)): Path<(String, String)>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let project = caller.project(&state, &project, Scope::Invoke).await?;
    let found = find(&state, &project, &id).await?;
    let subject = found.subject();
    let job = slot_now(&found.schedule, state.parts.clock.now_ms());
    let (store, owner) = (state.clone(), project.id);
    let work = async move { Ok((store.enqueue(owner, job).await?.id(), subject)) };
    let id = state.recorded(&caller, &project, "cron.run", work).await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { job: id.0 })))
}

/// A job of the schedule for this moment. Without a dedupe key: every wish for it is one.
fn slot_now(schedule: &Schedule, now_ms: i64) -> NewJob {
    let trigger = Trigger::Cron { schedule: schedule.spec.id.clone(), slot_ms: now_ms, missed: 0 };
    NewJob::new(Lane::Cron(schedule.spec.function), trigger)
}

/// Pauses or resumes, and answers with what the schedule is then.
async fn set(
    state: &ControlState,
    caller: &Caller,
    project: &Project,
    mut found: Found,
    action: &'static str,
    pause: Pause,
) -> Result<Json<ScheduleView>, Problem> {
    let (schedules, owner) = (state.parts.schedules.clone(), project.id);
    let (id, subject) = (found.schedule.spec.id.clone(), found.subject());
    let work = async move {
        schedules.set(owner, &id, pause).await?;
        Ok(((), subject))
    };
    state.recorded(caller, project, action, work).await?;
    found.schedule.paused = matches!(pause, Pause::Pause);
    if let Pause::Resume(next_ms) = pause {
        found.schedule.next_ms = next_ms;
    }
    Ok(Json(found.view()))
}

/// A schedule, and what its function is called.
struct Found {
    schedule: Schedule,
    function: String,
    /// When its function was last deployed, milliseconds since 1970.
    deployed_ms: i64,
}

impl Found {
    /// What the audit trail calls it.
    fn subject(&self) -> String {
        let spec = &self.schedule.spec;
        format!("{}, {} {}", self.function, spec.expression, spec.timezone)
    }

    fn view(self) -> ScheduleView {
        view(self.function, self.schedule)
    }
}

/// The schedule of that id, or the same 404 as for a foreign project.
async fn find(state: &ControlState, project: &Project, id: &str) -> Result<Found, Problem> {
    let schedules = state.parts.schedules.list(project.id).await?;
    let id = ScheduleId(id.to_owned());
    let schedule = schedules.into_iter().find(|schedule| schedule.spec.id == id).ok_or_else(|| {
        Problem::not_found(&format!("schedule `{}`", id.0)).hint("`ostro cron list` shows the schedules' ids")
    })?;
    let id = schedule.spec.function;
    let functions = state.functions_of(project).await?;
    let function = functions.into_iter().map(|(function, _)| function).find(|function| function.id == id);
    Ok(match function {
        Some(function) => Found { schedule, function: function.name, deployed_ms: function.updated_ms },
        None => Found { schedule, function: id.0.to_string(), deployed_ms: i64::MIN },
    })
}

fn view(function: String, schedule: Schedule) -> ScheduleView {
    let spec = schedule.spec;
    ScheduleView {
        id: spec.id.0,
        function,
        trigger: CronTrigger {
            schedule: spec.expression,
            timezone: spec.timezone,
            path: spec.path,
            missed: spec.missed.into(),
            overlap: spec.overlap.into(),
        },
        next_ms: schedule.next_ms,
        last_ms: schedule.last_ms,
        last_job: schedule.last_job.map(|job| job.0),
        paused: schedule.paused,
        skipped: schedule.skipped,
        missed_slots: schedule.missed_slots,
    }
}
