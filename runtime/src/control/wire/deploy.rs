//! Deploys: what is asked for, what came of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AuthMode, OnDisconnect, Route};

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
    /// Names that it gives to resources, such as `MAIL` for `queue:mail`; an empty map removes all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bindings: Option<BTreeMap<String, String>>,
    /// Arguments of a command, after its name; an empty list removes all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    /// Invocations that one instance serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reuse: Option<u32>,
    /// Of those, how many at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent: Option<u32>,
    /// Whether callers have to be signed in, by name and by routes that say nothing of it. Roles stay with `required`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<AuthMode>,
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
    /// What kind of guest it is, such as `http-0.2` or `command`.
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

/// What the steps of a deploy took; times in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeployTiming {
    /// Receiving the upload.
    pub receive_ms: u64,
    /// Validating and compiling.
    pub compile_ms: u64,
    /// Functions of the component that were compiled.
    #[serde(default)]
    pub functions_compiled: u32,
    /// Functions whose code was known from an earlier component of the project.
    #[serde(default)]
    pub functions_reused: u32,
    /// The trial instantiation.
    pub smoke_ms: u64,
    /// Storing, and going live on every executor.
    pub publish_ms: u64,
}
