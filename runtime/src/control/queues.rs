//! Queues: sending messages, looking at them, cleaning up.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use store::catalog::{Function, Project, Revision, Scope};
use store::jobs::{DEAD_KEPT_MS, JobId, Lane, NewJob, QueueInfo, QueueSpec, View};

use super::ControlState;
use super::auth::Caller;
use super::body::{self, OptionalJson, Path, Query};
use super::error::{BodyErrors, Errors, ListErrors};
use super::jobs::{list_length, too_many_lists, view};
use super::message::{self, Message};
use super::wire::{
    Batch, JobQuery, JobState, MAX_BATCH_BYTES, MAX_BATCH_MESSAGES, MAX_PAYLOAD_BYTES, MessageList,
    PurgeRequest, Purged, QueueList, QueueView, RedriveRequest, Redriven, SendQuery, Sent, SentBatch,
};
use crate::places::NoPlace;
use crate::problem::Problem;

/// Batches of one project at once; each is held in memory.
pub(super) const BATCHES_PER_PROJECT: u32 = 32;
/// Batches of all projects at once.
pub(super) const BATCHES: u32 = 64;

/// The queues of a project, by name, with what is in them.
#[utoipa::path(
    get, path = "/v1/projects/{project}/queues", tag = "queues", operation_id = "list_queues",
    params(("project" = String, Path, description = "The project's name")), security(("token" = [])),
    responses((status = 200, body = QueueList, description = "The queues"), Errors),
)]
pub(super) async fn list(
    State(state): State<ControlState>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<Json<QueueList>, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    let declared = state.parts.queues.list(project.id).await?;
    let consumers = consumers(&state.functions_of(&project).await?);
    Ok(Json(QueueList { queues: views(declared, consumers) }))
}

/// Sends a message: the body, with its media type. It is durable when this answers.
#[utoipa::path(
    post, path = "/v1/projects/{project}/queues/{queue}/messages", tag = "queues", operation_id = "send_message",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("queue" = String, Path, description = "The queue's name"),
        SendQuery,
    ),
    request_body(content = Vec<u8>, content_type = "*/*", description = "At most 128 KiB"), security(("token" = [])),
    responses((status = 202, body = Sent, description = "Stored"), Errors, BodyErrors),
)]
pub(super) async fn send(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, name)): Path<(String, String)>,
    Query(query): Query<SendQuery>,
    request: Request,
) -> Result<(StatusCode, Json<Sent>), Problem> {
    let project = caller.project(&state, &project, Scope::Invoke).await?;
    let queue = find(&state, &project, &name).await?;
    let content_type = message::content_type(request.headers())?;
    let body = read_payload(request).await?;
    let job = Message::of_body(body, content_type, query).into_job(&queue.name)?;
    let sent = state.enqueue(project.id, job).await?;
    Ok((StatusCode::ACCEPTED, Json(sent.into())))
}

/// Sends up to 1,000 messages, 8 MiB of JSON: all are stored, in this order, or none is. They are durable when this
/// answers.
#[utoipa::path(
    post, path = "/v1/projects/{project}/queues/{queue}/batch", tag = "queues", operation_id = "send_batch",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("queue" = String, Path, description = "The queue's name"),
    ),
    request_body = Batch, security(("token" = [])),
    responses((status = 202, body = SentBatch, description = "Stored"), Errors, BodyErrors),
)]
pub(super) async fn batch(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, name)): Path<(String, String)>,
    request: Request,
) -> Result<(StatusCode, Json<SentBatch>), Problem> {
    let project = caller.project(&state, &project, Scope::Invoke).await?;
    let queue = find(&state, &project, &name).await?;
    let _place = state.batches.begin(project.id).map_err(|NoPlace| too_many_batches())?;
    let body = body::read_json(request, MAX_BATCH_BYTES).await?;
    let jobs = batch_jobs(body::parse(&body)?, &queue.name)?;
    let sent = state.parts.jobs.enqueue(project.id, jobs).await?;
    Ok((StatusCode::ACCEPTED, Json(SentBatch { jobs: sent.into_iter().map(Sent::from).collect() })))
}

/// Messages of a queue in one state, with their payloads; whoever may read the project sees them. Looking takes
/// nothing away.
#[utoipa::path(
    get, path = "/v1/projects/{project}/queues/{queue}/messages", tag = "queues", operation_id = "peek_messages",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("queue" = String, Path, description = "The queue's name"),
        JobQuery,
    ),
    security(("token" = [])),
    responses((status = 200, body = MessageList, description = "The messages"), Errors, ListErrors),
)]
pub(super) async fn peek(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, name)): Path<(String, String)>,
    Query(query): Query<JobQuery>,
) -> Result<Response, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    let lane = Lane::Queue(find(&state, &project, &name).await?.name);
    let place = state.lists.begin(project.id).map_err(|NoPlace| too_many_lists())?;
    let in_state = query.state.unwrap_or(JobState::Waiting).into();
    let limit = list_length(query.limit);
    let jobs = state.parts.queues.peek(project.id, &lane, in_state, limit, View::Whole).await?;
    let nobody = HashMap::new();
    let messages = jobs.into_iter().map(|job| view(job, &nobody)).collect();
    body::held_json(&MessageList { messages }, place)
}

/// Makes dead messages wait again, with fresh counts: those named, or all.
#[utoipa::path(
    post, path = "/v1/projects/{project}/queues/{queue}/redrive", tag = "queues", operation_id = "redrive_queue",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("queue" = String, Path, description = "The queue's name"),
    ),
    request_body = Option<RedriveRequest>, security(("token" = [])),
    responses((status = 200, body = Redriven, description = "They wait again"), Errors, BodyErrors),
)]
pub(super) async fn redrive(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, name)): Path<(String, String)>,
    OptionalJson(request): OptionalJson<RedriveRequest>,
) -> Result<Json<Redriven>, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    let lane = Lane::Queue(find(&state, &project, &name).await?.name);
    let jobs: Option<Vec<JobId>> = request.jobs.map(|jobs| jobs.into_iter().map(JobId).collect());
    if jobs.as_ref().is_some_and(|jobs| jobs.is_empty() || jobs.len() > MAX_BATCH_MESSAGES) {
        return Err(Problem::new(422, "message", format!("`jobs` names 1 to {MAX_BATCH_MESSAGES} messages"))
            .hint("leave it out to redrive all of the dead ones"));
    }
    let (queues, id) = (state.parts.queues.clone(), project.id);
    let work = async move {
        let redriven = queues.redrive(id, &lane, jobs.as_deref()).await?;
        Ok((redriven, format!("{name} ({redriven})")))
    };
    let redriven = state.recorded(&caller, &project, "queue.redrive", work).await?;
    Ok(Json(Redriven { redriven }))
}

/// Deletes the messages of a queue that wait, or those that are dead, for ever.
#[utoipa::path(
    post, path = "/v1/projects/{project}/queues/{queue}/purge", tag = "queues", operation_id = "purge_queue",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("queue" = String, Path, description = "The queue's name"),
    ),
    request_body = PurgeRequest, security(("token" = [])),
    responses((status = 200, body = Purged, description = "They are gone"), Errors, BodyErrors),
)]
pub(super) async fn purge(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, name)): Path<(String, String)>,
    body::Json(request): body::Json<PurgeRequest>,
) -> Result<Json<Purged>, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    let lane = Lane::Queue(find(&state, &project, &name).await?.name);
    let (queues, id) = (state.parts.queues.clone(), project.id);
    let work = async move {
        let purged = queues.purge(id, &lane, request.which.into()).await?;
        Ok((purged, format!("{name}, {} ({purged})", request.which.name())))
    };
    let purged = state.recorded(&caller, &project, "queue.purge", work).await?;
    Ok(Json(Purged { purged }))
}

/// The queue of that name: declared, or at least consumed. The first look-up is all that a send costs.
async fn find(state: &ControlState, project: &Project, name: &str) -> Result<QueueSpec, Problem> {
    if let Some(queue) = state.parts.queues.spec(project.id, name).await? {
        return Ok(queue);
    }
    let consumers = consumers(&state.functions_of(project).await?);
    match consumers.contains_key(name) {
        true => Ok(QueueSpec { name: name.to_owned(), retention_ms: None }),
        false => Err(Problem::not_found(&format!("queue `{name}`")).hint(format!(
            "declare it in ostro.toml with [queue.{name}], or let a function consume it: queues = [\"{name}\"]"
        ))),
    }
}

/// Names of queues and of the functions that consume them.
fn consumers(functions: &[(Function, Revision)]) -> HashMap<String, String> {
    let pairs = functions.iter().flat_map(|(function, _)| {
        function.bindings.queues.iter().map(|queue| (queue.name.clone(), function.name.clone()))
    });
    pairs.collect()
}

/// What was declared, and what is consumed without that.
fn views(declared: Vec<QueueInfo>, mut consumers: HashMap<String, String>) -> Vec<QueueView> {
    let mut views: Vec<_> = declared
        .into_iter()
        .map(|queue| QueueView {
            consumer: consumers.remove(&queue.name),
            name: queue.name,
            retention_ms: queue.retention_ms,
            waiting: queue.waiting,
            running: queue.running,
            done: queue.done,
            dead: queue.dead,
            oldest_ms: queue.oldest_ms,
        })
        .collect();
    views.extend(consumers.into_iter().map(|(name, consumer)| QueueView {
        name,
        consumer: Some(consumer),
        retention_ms: DEAD_KEPT_MS,
        waiting: 0,
        running: 0,
        done: 0,
        dead: 0,
        oldest_ms: None,
    }));
    views.sort_by(|a, b| a.name.cmp(&b.name));
    views
}

/// The jobs of a batch. A refusal names the message, counted from 0.
fn batch_jobs(batch: Batch, queue: &str) -> Result<Vec<NewJob>, Problem> {
    if batch.messages.is_empty() || batch.messages.len() > MAX_BATCH_MESSAGES {
        return Err(Problem::new(422, "message", format!("a batch has 1 to {MAX_BATCH_MESSAGES} messages"))
            .hint("send nothing when there is no message, and more than that in several batches"));
    }
    let job = |(index, new)| {
        let job = Message::of_batch(new).and_then(|message| message.into_job(queue));
        job.map_err(|problem| problem.detail(serde_json::json!({ "message": index })))
    };
    batch.messages.into_iter().enumerate().map(job).collect()
}

/// The body of a request, at most as much as a job carries.
pub(super) async fn read_payload(request: Request) -> Result<Bytes, Problem> {
    let body = axum::body::to_bytes(request.into_body(), MAX_PAYLOAD_BYTES).await;
    body.map_err(|error| match body::problem_of(&error) {
        problem if problem.status == StatusCode::PAYLOAD_TOO_LARGE => message::too_large(),
        problem => problem,
    })
}

pub(super) fn too_many_batches() -> Problem {
    Problem::new(429, "too_many_batches", "too many batches are being sent at once")
        .hint("try again when one of them is done")
}
