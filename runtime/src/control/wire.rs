//! The JSON of the control API: what goes over the wire, for the server and for its clients.
//!
//! Times are milliseconds since 1970 (UTC), sizes are bytes, unless a name says otherwise. A client must
//! ignore fields that it does not know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub use crate::telemetry::{Bill, HostCalls, InvocationRecord, LogLine, LogStream, OutcomeCode};

/// Name of the header that carries the guest's own status in an answer to `invoke`.
pub const STATUS_HEADER: &str = "ostro-status";
/// Name of the header that carries the id of an invocation.
pub const INVOCATION_HEADER: &str = "ostro-invocation";

/// The body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorInfo,
}

/// What went wrong and what to do next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorInfo {
    /// Stable, documented code, such as `not_found`.
    pub code: String,
    /// What is wrong, one sentence.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Structured facts, such as the list of missing imports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub detail: Option<serde_json::Value>,
}

/// Answer of `GET /health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok` as long as the server answers.
    pub status: String,
}

/// Answer of `GET /v1/whoami`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Whoami {
    /// Who acts, as the audit log names it: `admin` or `token:PREFIX`.
    pub actor: String,
    /// The project that the token is limited to; none for a server token.
    pub project: Option<String>,
    /// What the token may do.
    pub scopes: Vec<Scope>,
    /// Version of the server.
    pub server_version: String,
}

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Deploy, roll back and delete functions; set and delete secrets.
    Deploy,
    /// Read functions, logs, invocations, names of secrets, the audit log.
    Read,
    /// Call functions through the control API.
    Invoke,
    /// Everything in the project, or on the server for a server token.
    Admin,
}

/// A project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Project {
    /// Name, unique on the server.
    pub name: String,
    /// Immutable id.
    pub id: Uuid,
    /// Creation.
    pub created_ms: i64,
}

/// Body of `POST /v1/projects`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProject {
    /// Name: `[a-z0-9-]{1,40}`, no `--`.
    pub name: String,
}

/// Answer of `GET /v1/projects`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectList {
    /// By name; a project's token sees its own project only.
    pub projects: Vec<Project>,
}

/// Body of `POST …/tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for, 1 to 100 characters.
    pub label: String,
    /// What it may do; at least one.
    pub scopes: Vec<Scope>,
}

/// Answer of `POST …/tokens`: the only time that the token's text is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedToken {
    /// The whole token: `ostro_PREFIX_SECRET`.
    pub token: String,
    /// Its public part.
    pub prefix: String,
    /// What it is for.
    pub label: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The project it is limited to; none for a server token.
    pub project: Option<String>,
}

/// A token without its secret part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// Its public part.
    pub prefix: String,
    /// What it is for.
    pub label: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The project it is limited to; none for a server token.
    pub project: Option<String>,
    /// Creation.
    pub created_ms: i64,
}

/// Answer of `GET …/tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    /// Newest first.
    pub tokens: Vec<TokenView>,
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
    pub routes: Vec<Route>,
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
    /// Limits of the active revision.
    pub limits: Limits,
    /// Environment variables of the active revision.
    pub env: BTreeMap<String, String>,
    /// Invocations that one instance serves, one after the other.
    pub reuse: u32,
    /// What the client going away means.
    pub on_disconnect: OnDisconnect,
    /// Digest over component, assets, environment and limits.
    pub digest: String,
    /// Size of the uploaded component, bytes.
    pub wasm_bytes: u64,
    /// Digest of the asset bundle, if there is one.
    pub assets: Option<String>,
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

/// What the client going away means for the invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnDisconnect {
    /// It runs on to its end within its limits.
    Finish,
    /// It is cancelled.
    Cancel,
}

/// Part `flags` of a deploy. What is absent stays as it is (or is the default for a new function).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeployFlags {
    /// Explicit routes; an empty list removes all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routes: Option<Vec<Route>>,
    /// Grants; an empty list removes all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grants: Option<Vec<String>>,
    /// Environment variables; an empty map removes all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<BTreeMap<String, String>>,
    /// Limits; those not named stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitFlags>,
    /// Schedules; an empty list removes all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<Vec<CronFlag>>,
    /// Queues that it consumes; an empty list removes all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queues: Option<Vec<QueueFlag>>,
    /// Limits when a job runs it; those not named stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobs: Option<JobLimitFlags>,
    /// Invocations that one instance serves, one after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reuse: Option<u32>,
    /// What the client going away means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_disconnect: Option<OnDisconnect>,
}

/// A schedule as a person writes it; the same keys as an entry of `cron` in `ostro.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CronFlag {
    /// Five fields, or a nickname such as `@daily`.
    pub schedule: String,
    /// IANA name of the time zone; `UTC` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Path of the request for guests without `ostro:triggers/scheduled`; `/_ostro/cron` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `once` (unless given), `skip` or `all`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<String>,
    /// `forbid` (unless given), `allow` or `replace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<String>,
}

/// A queue to consume as a person writes it; the same keys as an entry of `queues` in `ostro.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueFlag {
    /// Name within the project.
    pub name: String,
    /// Messages at once for `ostro:triggers/queued`, 1 to 100; 10 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u32>,
    /// Deliveries at once, 1 to 1,000; 4 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Failures after which a message is dead, 1 to 100; 5 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Path of the request for guests without `ostro:triggers/queued`; `/_ostro/queue` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Limits of jobs as a person writes them; the same keys as `jobs` in `ostro.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JobLimitFlags {
    /// CPU of one run: `"5m"` or milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// Time of one run: `"15m"` or milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall: Option<Quantity>,
}

/// Limits as a person writes them; the same keys as `limits` in `ostro.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitFlags {
    /// Linear memory of one instance: `"128MiB"` or bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
    /// CPU of one invocation: `"10s"` or milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// Time to the response head: `"30s"` or milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall: Option<Quantity>,
    /// Invocations at once, in total.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Quantity>,
    /// Request body: `"10MiB"` or bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_body: Option<Quantity>,
    /// After the head, longest time without a byte: `"60s"` or milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_idle: Option<Quantity>,
    /// After the head, longest time in all: `"1h"` or milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_total: Option<Quantity>,
    /// Outbound calls per invocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbound_calls: Option<Quantity>,
    /// Log per invocation: `"256KiB"` or bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<Quantity>,
}

/// A number, or a number with its unit as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Quantity {
    /// In the limit's base unit: bytes, milliseconds, or a count.
    Number(u64),
    /// With a unit, such as `128MiB` or `10s`.
    Text(String),
}

/// Answer of a deploy. The revision named is live everywhere once this is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeployReport {
    /// The project's name.
    pub project: String,
    /// The function's name.
    pub function: String,
    /// The active revision.
    pub revision: u32,
    /// What the deploy did.
    pub outcome: DeployOutcome,
    /// Digest of the revision.
    pub digest: String,
    /// What kind of guest it is, such as `http02`.
    pub kind: String,
    /// What a declarative deploy has taken away, a sentence each.
    #[serde(default)]
    pub removed: Vec<String>,
    /// Where the function answers.
    pub urls: Vec<String>,
    /// How long the steps took.
    pub timing: DeployTiming,
}

/// What a deploy did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeployOutcome {
    /// A new revision is active.
    Created,
    /// Everything is as it was: nothing was written.
    Unchanged,
    /// The active revision stays; routes or grants changed.
    Rebound,
}

/// How long the steps of a deploy took, milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeployTiming {
    /// Receiving the upload.
    pub receive_ms: u64,
    /// Validating and compiling.
    pub compile_ms: u64,
    /// The trial instantiation.
    pub smoke_ms: u64,
    /// Storing, and going live on every executor.
    pub publish_ms: u64,
}

/// A kept revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevisionView {
    /// 1, 2, 3 …
    pub number: u32,
    /// Whether it is the one that serves.
    pub active: bool,
    /// Digest over component, assets, environment and limits.
    pub digest: String,
    /// Size of the uploaded component, bytes.
    pub wasm_bytes: u64,
    /// The deploy.
    pub created_ms: i64,
    /// Who deployed it.
    pub created_by: String,
    /// Its limits.
    pub limits: Limits,
    /// Its environment variables.
    pub env: BTreeMap<String, String>,
}

/// Answer of `GET …/revisions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevisionList {
    /// Newest first.
    pub revisions: Vec<RevisionView>,
}

/// Body of `POST …/rollback`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RollbackRequest {
    /// The revision to go back to; by default the one before the active one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<u32>,
}

/// Answer of `POST …/rollback`. The revision named is live everywhere once this is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RollbackReport {
    /// The function's name.
    pub function: String,
    /// The revision that is active now.
    pub revision: u32,
    /// The one that was.
    pub previous: u32,
    /// Time until it was live everywhere, milliseconds.
    pub took_ms: u64,
}

/// Query of `POST …/invoke`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct InvokeQuery {
    /// HTTP method; `POST` by default.
    #[param(required = false, example = "POST")]
    pub method: Option<String>,
    /// Path and query that the function sees; `/` by default.
    #[param(required = false, example = "/")]
    pub path: Option<String>,
}

/// Query of the lists that only have a length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Longest answer: 50 by default, 1,000 at most.
    #[param(required = false, maximum = 1000)]
    pub limit: Option<u32>,
}

/// Answer of `GET …/invocations`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvocationList {
    /// Newest first.
    pub invocations: Vec<InvocationRecord>,
}

/// Query of `GET …/logs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// Nothing older than this, milliseconds since 1970.
    #[param(required = false)]
    pub since_ms: Option<i64>,
    /// The newest so many lines: 200 by default, 10,000 at most.
    #[param(required = false, maximum = 10000)]
    pub limit: Option<u32>,
    /// Go on with new lines for ever, one JSON object a line.
    pub follow: bool,
}

/// Answer of `GET …/logs` without `follow`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogList {
    /// Oldest first.
    pub lines: Vec<LogLine>,
}

/// A secret without its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretView {
    /// Name within the project.
    pub name: String,
    /// Last change.
    pub updated_ms: i64,
}

/// Answer of `GET …/secrets`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretList {
    /// By name.
    pub secrets: Vec<SecretView>,
}

/// Body of `PUT …/secrets/{name}`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    /// The value, at most 64 KiB. It is never shown again.
    #[schema(format = Password)]
    pub value: String,
}

impl std::fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewSecret")
    }
}

/// One control action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditRow {
    /// Strictly increasing without gaps on the server.
    pub sequence: i64,
    /// When.
    pub at_ms: i64,
    /// Who: `admin` or `token:PREFIX`.
    pub actor: String,
    /// Id of the project concerned, if any.
    pub project: Option<Uuid>,
    /// What, such as `function.deploy`.
    pub action: String,
    /// On what.
    pub subject: String,
}

/// Answer of `GET …/audit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditList {
    /// Newest first.
    pub audit: Vec<AuditRow>,
}
