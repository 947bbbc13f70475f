//! Functions and what they may use.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::CronTrigger;

/// A function and what it did since the server started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FunctionView {
    /// Name within the project.
    pub name: String,
    /// Immutable id.
    pub id: Uuid,
    /// Number of the active revision.
    pub revision: u32,
    /// Explicit routes.
    pub routes: Vec<RouteView>,
    /// Who may call it, by its name and by routes that say nothing of it.
    #[serde(default)]
    pub access: AccessView,
    /// What it may use.
    pub grants: Vec<String>,
    /// Where it answers.
    pub urls: Vec<String>,
    /// First deploy.
    pub created_ms: i64,
    /// Last deploy or rollback.
    pub updated_ms: i64,
    /// Invocations that ended since the server started.
    pub invocations: u64,
    /// Those of them that failed.
    pub failures: u64,
}

/// Answer of `GET …/functions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FunctionList {
    /// By name.
    pub functions: Vec<FunctionView>,
}

/// Answer of `GET …/functions/{function}`: the function and its active revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FunctionDetail {
    /// What the list shows too.
    #[serde(flatten)]
    pub function: FunctionView,
    /// What kind of guest the active revision is: `http-0.2`, `http-0.3`, `command` or `command-0.3`.
    pub kind: String,
    /// Limits of the active revision.
    pub limits: Limits,
    /// Limits of the active revision when a job runs it, in place of `cpu_ms` and `wall_ms`.
    pub jobs: JobLimits,
    /// Schedules that start it.
    pub cron: Vec<CronTrigger>,
    /// Queues that it consumes.
    pub queues: Vec<QueueTrigger>,
    /// Changes of data that start it.
    #[serde(default)]
    pub events: Vec<DataTrigger>,
    /// What can start it: `http`, and `scheduled` and `queued` of `ostro:triggers`.
    pub exports: Vec<String>,
    /// Whether clients call it by name, `POST /_ostro/v1/functions/NAME`.
    #[serde(default)]
    pub callable: bool,
    /// Environment variables of the active revision.
    pub env: BTreeMap<String, String>,
    /// Names that it gives to resources, such as `MAIL` for `queue:mail`.
    #[serde(default)]
    pub bindings: BTreeMap<String, String>,
    /// Arguments of a command of the active revision, after its name.
    #[serde(default)]
    pub args: Vec<String>,
    /// Invocations that one instance serves.
    pub reuse: u32,
    /// Of those, how many at once.
    pub concurrent: u32,
    /// What the client going away means.
    pub on_disconnect: OnDisconnect,
    /// Digest over component, assets, environment and limits.
    pub digest: String,
    /// Size of the uploaded component, bytes.
    pub wasm_bytes: u64,
    /// Digest of the asset bundle, if there is one.
    pub assets: Option<String>,
}

/// An explicit route of a function on its project's hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Pattern: `/a`, `/a/{id}`, `/a/{*rest}`.
    pub path: String,
    /// Methods in upper case; empty means any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Prefix that the guest does not see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strip: Option<String>,
}

/// An explicit route, and who may come by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RouteView {
    /// The route.
    #[serde(flatten)]
    pub route: Route,
    /// Who may come by it; none: whoever may call the function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<AccessView>,
}

/// Who may call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessView {
    /// Whether callers have to be signed in.
    pub auth: AuthMode,
    /// One of these a caller must have; empty means any, or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

/// Whether callers have to be signed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// Nobody looks.
    #[default]
    None,
    /// Who is signed in is told; who isn't may call as well.
    Optional,
    /// Who isn't signed in is refused.
    Required,
}

/// Limits of one function; every field has a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    /// Linear memory of one instance, bytes.
    pub memory_bytes: u64,
    /// CPU of one invocation, milliseconds.
    pub cpu_ms: u64,
    /// Time to the response head, milliseconds.
    pub wall_ms: u64,
    /// Invocations at once, in total.
    pub concurrency: u32,
    /// Request body, bytes.
    pub request_body_bytes: u64,
    /// After the head: longest time without a byte, milliseconds.
    pub stream_idle_ms: u64,
    /// After the head: longest time in all, milliseconds.
    pub stream_total_ms: u64,
    /// Outbound calls per invocation.
    pub outbound_calls: u32,
    /// Log per invocation, bytes.
    pub log_bytes: u64,
}

/// Limits of a function when a job runs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobLimits {
    /// CPU of one run, milliseconds.
    pub cpu_ms: u64,
    /// Time of one run from its start to its end, milliseconds.
    pub wall_ms: u64,
}

/// A queue that a function consumes; it is the only consumer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueTrigger {
    /// Name within the project.
    pub name: String,
    /// Messages given to `ostro:triggers/queued` at once, at most.
    pub batch: u32,
    /// Deliveries at once, in total.
    pub concurrency: u32,
    /// Failures after which a message is dead.
    pub attempts: u32,
    /// Path of the request for guests without `ostro:triggers/queued`.
    pub path: String,
}

/// Changes of some data that start a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DataTrigger {
    /// Of which data, such as `collection:entries`.
    pub source: String,
    /// `insert`, `update` and `delete` of documents, `put` and `delete` of objects.
    pub on: Vec<String>,
    /// Path of the request.
    pub path: String,
}

/// What the client going away means for the invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnDisconnect {
    /// It runs on to its end within its limits.
    Finish,
    /// It is cancelled.
    Cancel,
}
