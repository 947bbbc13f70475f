//! What the catalog keeps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Access;

/// Immutable id of a project (UUIDv7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProjectId(pub Uuid);

/// Immutable id of a function (UUIDv7); a deleted function's name may be used again, its id never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FunctionId(pub Uuid);

/// SHA-256 of some bytes, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(pub String);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(format!("{:x}", Sha256::digest(bytes)))
    }

    /// The digest of what is in a file, from where it stands on. Blocks.
    pub fn of_file(mut file: &std::fs::File) -> std::io::Result<Self> {
        let mut hash = Sha256::new();
        std::io::copy(&mut file, &mut hash)?;
        Ok(Self(format!("{:x}", hash.finalize())))
    }

    /// A digest from its written form; `None` for anything but 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (text.len() == 64 && digits).then(|| Self(text.to_owned()))
    }

    /// The written form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who changes something, and when (milliseconds since 1970, UTC).
#[derive(Clone, Debug)]
pub struct Stamp {
    /// `admin`, or `token:PREFIX`.
    pub actor: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Immutable id.
    pub id: ProjectId,
    /// Name, unique on the server.
    pub name: String,
    /// Milliseconds since 1970.
    pub created_ms: i64,
}

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Deploy, roll back, delete functions; set secrets.
    Deploy,
    /// Read functions, logs, invocations.
    Read,
    /// Call functions through the control API.
    Invoke,
    /// Everything in the project (or on the server, for a server token).
    Admin,
}

/// An API token. Its text is `ostro_PREFIX_SECRET`; only SHA-256 of SECRET is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Public part, for look-up and lists: 8 lower-case characters or digits.
    pub prefix: String,
    /// SHA-256 of the secret part.
    #[serde(skip)]
    pub hash: [u8; 32],
    /// The project it is limited to; `None` for a server token.
    pub project: Option<ProjectId>,
    /// What the user called it.
    pub label: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Milliseconds since 1970.
    pub created_ms: i64,
}

/// A function: a name in a project, its active revision and its bindings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Immutable id.
    pub id: FunctionId,
    /// Owner.
    pub project: ProjectId,
    /// Name within the project.
    pub name: String,
    /// Number of the active revision.
    pub active: u32,
    /// Routes and grants as they are now.
    pub bindings: Bindings,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Milliseconds since 1970 of the last deploy or rollback.
    pub updated_ms: i64,
}

/// What belongs to the function and not to a revision: a rollback leaves it alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bindings {
    /// Explicit routes.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Grants, as written in the manifest.
    #[serde(default)]
    pub grants: Vec<String>,
    /// Schedules that start the function.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cron: Vec<CronTrigger>,
    /// Queues that the function consumes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<QueueTrigger>,
    /// Changes of data that start the function.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<DataTrigger>,
    /// Names that the function gives to its resources: `MAIL` for `queue:mail`. The grant is separate.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
    /// Who may call.
    #[serde(default, skip_serializing_if = "Access::is_open")]
    pub access: Access,
    /// Whether clients may call it by name through the client API.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub callable: bool,
}

/// A schedule that starts a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CronTrigger {
    /// Five fields, or a nickname such as `@daily`.
    pub schedule: String,
    /// IANA name of the time zone, `UTC` by default.
    pub timezone: String,
    /// Path of the request for guests without `ostro:triggers/scheduled`.
    pub path: String,
    /// What becomes of slots that passed while no server ran.
    #[serde(default)]
    pub missed: Missed,
    /// What happens when a slot comes while the one before still waits or runs.
    #[serde(default)]
    pub overlap: Overlap,
}

/// What becomes of slots that passed while no server ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missed {
    /// The latest runs, and is told how many were missed.
    #[default]
    Once,
    /// None runs.
    Skip,
    /// All run, the latest 100 at most.
    All,
}

/// What happens when a slot comes while the job of an earlier slot still waits or runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overlap {
    /// The slot is skipped and counted.
    #[default]
    Forbid,
    /// Both run.
    Allow,
    /// The earlier job is cancelled.
    Replace,
}

/// A queue that a function consumes; it is the only consumer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// Changes of some data that start a function: the data events of one collection or bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataTrigger {
    /// Of which data.
    pub source: DataSource,
    /// Which changes, in order; at least one.
    pub on: Vec<DataChange>,
    /// Path of the request.
    pub path: String,
}

/// Data whose changes are events.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataSource {
    /// The collection of that name.
    Collection(String),
    /// The bucket of that name.
    Bucket(String),
}

/// A change of a document or of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataChange {
    /// A document is there that was not.
    Insert,
    /// A document is another one than before.
    Update,
    /// An object was put, new or in the place of another.
    Put,
    /// A document or an object is gone.
    Delete,
}

impl DataSource {
    /// The kind, as a manifest has it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Collection(_) => "collection",
            Self::Bucket(_) => "bucket",
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        match self {
            Self::Collection(name) | Self::Bucket(name) => name,
        }
    }

    /// The changes that there are of it.
    pub const fn changes(&self) -> &'static [DataChange] {
        match self {
            Self::Collection(_) => &[DataChange::Insert, DataChange::Update, DataChange::Delete],
            Self::Bucket(_) => &[DataChange::Put, DataChange::Delete],
        }
    }
}

impl DataChange {
    /// As a manifest has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Put => "put",
            Self::Delete => "delete",
        }
    }
}

/// Limits of a function when a job runs it, in place of those of [`Limits`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobLimits {
    /// CPU of one run, milliseconds.
    pub cpu_ms: u64,
    /// Time of one run from its start to its end, milliseconds.
    pub wall_ms: u64,
}

impl JobLimits {
    /// Whether nothing was set: such limits are left out of a revision's digest.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for JobLimits {
    fn default() -> Self {
        Self { cpu_ms: 300_000, wall_ms: 900_000 }
    }
}

/// An interface through which a component can be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Export {
    /// HTTP: `wasi:http/incoming-handler`, `wasi:http/handler`, or a command that answers as CGI.
    Http,
    /// `ostro:triggers/scheduled` or its asynchronous form.
    Scheduled,
    /// `ostro:triggers/queued` or its asynchronous form.
    Queued,
}

fn one() -> u32 {
    1
}

fn is_one(number: &u32) -> bool {
    *number == 1
}

fn http_only() -> Vec<Export> {
    vec![Export::Http]
}

fn is_http_only(exports: &[Export]) -> bool {
    exports == [Export::Http]
}

/// An explicit route of a function on its project's hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Pattern: `/a`, `/a/{id}`, `/a/{*rest}`; normalised by the runtime's router.
    pub path: String,
    /// Methods in upper case; empty means any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Prefix that the guest does not see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strip: Option<String>,
    /// Who may call, where it is not as for the whole function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
}

impl Route {
    /// The pattern with every parameter's name removed: two routes of one shape and method clash.
    pub fn shape(&self) -> String {
        self.path
            .split('/')
            .map(|segment| match segment {
                s if s.starts_with("{*") => "{*}",
                s if s.starts_with('{') => "{}",
                s => s,
            })
            .collect::<Vec<_>>()
            .join("/")
    }
}

/// What kind of guest a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuestKind {
    /// A component that exports `wasi:http/incoming-handler` 0.2.
    Http02,
    /// A component that exports `wasi:http/handler` 0.3, or the asynchronous exports of `ostro:triggers`: it needs an
    /// engine with concurrency support.
    Http03,
    /// A command: a component that exports `wasi:cli/run` 0.2, which a WASI preview 1 command becomes. It is run as
    /// CGI/1.1 (RFC 3875), once per invocation.
    Command,
    /// A command of WASI 0.3: as [`GuestKind::Command`], in an engine with concurrency support.
    Command03,
}

impl GuestKind {
    /// Its name, as people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http02 => "http-0.2",
            Self::Http03 => "http-0.3",
            Self::Command => "command",
            Self::Command03 => "command-0.3",
        }
    }

    /// Whether it is run as CGI, once per instance.
    pub fn is_command(self) -> bool {
        matches!(self, Self::Command | Self::Command03)
    }
}

/// Limits of one function. Every field has a default; see `Limits::default`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
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

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 128 << 20,
            cpu_ms: 10_000,
            wall_ms: 30_000,
            concurrency: 1_000,
            request_body_bytes: 10 << 20,
            stream_idle_ms: 60_000,
            stream_total_ms: 3_600_000,
            outbound_calls: 50,
            log_bytes: 256 << 10,
        }
    }
}

/// What the guest's client going away means for the invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDisconnect {
    /// It runs on to its end within its limits.
    #[default]
    Finish,
    /// It is cancelled.
    Cancel,
}

/// The immutable content of a revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionSpec {
    /// Digest over everything below: equal digests are the same revision.
    pub digest: Digest,
    /// Digest of the uploaded `.wasm`, as stored.
    pub wasm: Digest,
    /// Size of the uploaded `.wasm`, bytes.
    pub wasm_bytes: u64,
    /// Digest of the asset bundle, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assets: Option<Digest>,
    /// How it is run.
    pub kind: GuestKind,
    /// What can start it, sorted.
    #[serde(default = "http_only", skip_serializing_if = "is_http_only")]
    pub exports: Vec<Export>,
    /// Environment variables.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Limits.
    #[serde(default)]
    pub limits: Limits,
    /// Limits when a job runs it.
    #[serde(default, skip_serializing_if = "JobLimits::is_default")]
    pub jobs: JobLimits,
    /// Arguments of a command, after its name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Invocations that one instance serves; 1 is a fresh instance each time.
    pub reuse: u32,
    /// Of those, how many at once; more than 1 only for [`GuestKind::Http03`].
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub concurrent: u32,
    /// What the client going away means.
    #[serde(default)]
    pub on_disconnect: OnDisconnect,
}

/// A kept revision of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The function.
    pub function: FunctionId,
    /// 1, 2, 3 …: strictly increasing within the function, never used again.
    pub number: u32,
    /// The content.
    pub spec: RevisionSpec,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Who deployed it.
    pub created_by: String,
}

/// A deploy, ready to be published.
#[derive(Clone, Debug)]
pub struct NewRevision {
    /// Owner.
    pub project: ProjectId,
    /// The function's name.
    pub name: String,
    /// The content.
    pub spec: RevisionSpec,
    /// The function's bindings from now on.
    pub bindings: Bindings,
    /// Revisions to keep, the new one included.
    pub keep: u32,
}

/// What a publish did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// A new revision is active.
    Created(Function),
    /// Content and bindings are those of the active revision: nothing was written.
    Unchanged(Function),
    /// The content is that of the active revision; only the bindings changed.
    Rebound(Function),
}

/// A secret without its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretInfo {
    /// Name within the project.
    pub name: String,
    /// Milliseconds since 1970.
    pub updated_ms: i64,
}

/// One control action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Strictly increasing without gaps.
    pub sequence: i64,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Who.
    pub actor: String,
    /// The project concerned, if any.
    pub project: Option<ProjectId>,
    /// What, such as `function.deploy`.
    pub action: String,
    /// On what: a name, and for functions the revision.
    pub subject: String,
}

/// What a function did in one hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourTotal {
    /// The function.
    pub function: FunctionId,
    /// Start of the hour, milliseconds since 1970.
    pub hour_ms: i64,
    /// Invocations that ended.
    pub invocations: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// CPU, microseconds.
    pub cpu_us: u64,
    /// Wall time, microseconds.
    pub wall_us: u64,
    /// Bytes of request bodies.
    pub bytes_in: u64,
    /// Bytes of response bodies.
    pub bytes_out: u64,
}
