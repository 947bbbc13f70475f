//! Jobs one by one: calls that nobody waits for, slots of schedules, messages of queues.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use store::catalog::{FunctionId, Project, Scope};
use store::jobs::JobState::Dead;
use store::jobs::{Job, JobId, Lane, Trigger, View};

use super::ControlState;
use super::auth::Caller;
use super::body::{self, Path, Query};
use super::error::{BodyErrors, Errors, ListErrors};
use super::wire::{JobList, JobQuery, JobResult, JobState, JobTrigger, JobView, Redriven, text_or_base64};
use crate::places::NoPlace;
use crate::problem::Problem;

const LENGTH: u32 = 20;
/// Every message comes with its payload, so that this is tens of megabytes.
const LONGEST: u32 = 100;
/// Lists of jobs and messages of one project at once; each is held in memory until its reader has it.
pub(super) const LISTS_PER_PROJECT: u32 = 4;
/// Lists of jobs and messages of all projects at once.
pub(super) const LISTS: u32 = 16;

/// The calls that nobody waits for and the slots of a function, newest first, without payloads and results: each
/// job by itself has them. Where more wait than are asked for, those are shown that run next.
#[utoipa::path(
    get, path = "/v1/projects/{project}/functions/{function}/jobs", tag = "jobs", operation_id = "list_jobs",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("function" = String, Path, description = "The function's name"),
        JobQuery,
    ),
    security(("token" = [])),
    responses((status = 200, body = JobList, description = "The jobs"), Errors, ListErrors),
)]
pub(super) async fn list(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, function)): Path<(String, String)>,
    Query(query): Query<JobQuery>,
) -> Result<Response, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    let function = state.function(&project, &function).await?;
    let place = state.lists.begin(project.id).map_err(|NoPlace| too_many_lists())?;
    let limit = list_length(query.limit);
    let mut jobs = Vec::new();
    for lane in [Lane::Async(function.id), Lane::Cron(function.id), Lane::Event(function.id)] {
        for in_state in query.state.as_ref().map_or(&JobState::ALL[..], std::slice::from_ref) {
            let in_store = (*in_state).into();
            let mut found = state.parts.queues.peek(project.id, &lane, in_store, limit, View::Heads).await?;
            if *in_state == JobState::Waiting {
                // They come in the order in which they run.
                found.reverse();
            }
            jobs.extend(found);
        }
    }
    // Jobs of one millisecond stay as they are: their ids do not say which is newer.
    jobs.sort_by_key(|job| std::cmp::Reverse(job.enqueued_ms));
    jobs.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let names = HashMap::from([(function.id, function.name)]);
    let head = |job| JobView { payload: None, ..view(job, &names) };
    body::held_json(&JobList { jobs: jobs.into_iter().map(head).collect() }, place)
}

/// A job with its payload and its result; whoever may read the project sees them.
#[utoipa::path(
    get, path = "/v1/projects/{project}/jobs/{job}", tag = "jobs", operation_id = "show_job",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("job" = String, Path, description = "The job's id"),
    ),
    security(("token" = [])),
    responses((status = 200, body = JobView, description = "The job"), Errors),
)]
pub(super) async fn show(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, id)): Path<(String, String)>,
) -> Result<Json<JobView>, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    let job = find(&state, &project, &id).await?;
    let names = match job.lane.function() {
        Some(_) => state.names(&project).await?,
        None => HashMap::new(),
    };
    Ok(Json(view(job, &names)))
}

/// Makes a dead job wait again, with fresh counts.
#[utoipa::path(
    post, path = "/v1/projects/{project}/jobs/{job}/redrive", tag = "jobs", operation_id = "redrive_job",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("job" = String, Path, description = "The job's id"),
    ),
    security(("token" = [])),
    responses((status = 200, body = Redriven, description = "It waits again"), Errors, BodyErrors),
)]
pub(super) async fn redrive(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, id)): Path<(String, String)>,
) -> Result<Json<Redriven>, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    let job = find(&state, &project, &id).await?;
    let (queues, owner) = (state.parts.queues.clone(), project.id);
    let work = async move {
        match queues.redrive(owner, &job.lane, Some(&[job.id])).await? {
            0 => Err(not_redriven(queues.show(owner, job.id).await?.as_ref(), job.id)),
            redriven => Ok((redriven, format!("{}, {}", job.lane, job.id))),
        }
    };
    let redriven = state.recorded(&caller, &project, "job.redrive", work).await?;
    Ok(Json(Redriven { redriven }))
}

/// Why a job was not redriven; `job` is what it is now.
fn not_redriven(job: Option<&Job>, id: JobId) -> Problem {
    match job.filter(|job| job.state == Dead) {
        Some(dead) => {
            let key = dead.dedupe_key.as_deref().unwrap_or_default().escape_debug();
            Problem::new(
                409,
                "key_taken",
                format!("job {id} stays dead: another job has its key `{key}` now"),
            )
            .hint("that job stands for this one; to run this one as well, send it again under another key")
        }
        None => Problem::new(409, "not_dead", format!("job {id} is not dead"))
            .hint("only a dead job can be redriven; to run it again, send it again"),
    }
}

pub(super) fn too_many_lists() -> Problem {
    Problem::new(
        429,
        "too_many_lists",
        "too many lists of jobs, messages or documents are being read at once",
    )
    .hint("try again when one of them has been read")
}

/// The length of a list of jobs, within its limit.
pub(super) fn list_length(asked: Option<u32>) -> u32 {
    asked.unwrap_or(LENGTH).min(LONGEST)
}

/// A job as it is shown; `names` are those of the project's functions.
pub(super) fn view(job: Job, names: &HashMap<FunctionId, String>) -> JobView {
    let (function, queue) = match job.lane {
        Lane::Queue(name) => (None, Some(name)),
        Lane::Async(id) | Lane::Cron(id) | Lane::Event(id) => {
            (Some(names.get(&id).cloned().unwrap_or_else(|| id.0.to_string())), None)
        }
    };
    let (payload, base64) = text_or_base64(&job.payload);
    JobView {
        id: job.id.0,
        function,
        queue,
        trigger: trigger(job.trigger),
        state: job.state.into(),
        enqueued_ms: job.enqueued_ms,
        run_at_ms: job.run_at_ms,
        finished_ms: job.finished_ms,
        expires_ms: job.expires_ms,
        starts: job.starts,
        failures: job.failures,
        crashes: job.crashes,
        key: job.dedupe_key,
        order: job.order_key,
        last_error: job.last_error,
        content_type: job.content_type,
        payload: Some(payload),
        base64,
        result: job.result.map(result),
    }
}

async fn find(state: &ControlState, project: &Project, id: &str) -> Result<Job, Problem> {
    let job = match id.parse() {
        Ok(id) => state.parts.queues.show(project.id, JobId(id)).await?,
        Err(_) => None,
    };
    job.ok_or_else(|| {
        Problem::not_found("job").hint(
            "a job that is done is kept for up to 24 hours, a dead one for 14 days or its queue's `retention`",
        )
    })
}

fn trigger(trigger: Trigger) -> JobTrigger {
    match trigger {
        Trigger::Async { method, path, .. } => JobTrigger::Async { method, path },
        Trigger::Cron { schedule, slot_ms, missed } => {
            JobTrigger::Cron { schedule_id: schedule.0, slot_ms, missed }
        }
        Trigger::Event { source, change, subject } => JobTrigger::Event {
            source: format!("{}:{}", source.kind(), source.name()),
            change: change.name().to_owned(),
            subject,
        },
        Trigger::Queue => JobTrigger::Queue,
    }
}

fn result(result: store::jobs::JobResult) -> JobResult {
    let (body, base64) = text_or_base64(&result.body);
    JobResult {
        status: result.status,
        content_type: result.content_type,
        body,
        base64,
        cut: result.cut,
        invocation: result.invocation,
    }
}
