//! Static sites: what is published, what came of it, what there is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A version of a site to publish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteDeploy {
    /// The text of `ostro.toml`: its `[site]` counts.
    pub manifest: String,
    /// The SHA-256 of every file, by its name in the folder.
    pub files: BTreeMap<String, String>,
    /// Whether the site is being worked on: nothing is compressed, and nobody keeps an answer.
    #[serde(default)]
    pub live: bool,
}

/// What has come of a site's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SiteReceived {
    /// How many files.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
}

/// How a deploy of a site ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SiteOutcome {
    /// There is a new version.
    Created,
    /// It is what was served before.
    Unchanged,
}

/// A site that was deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SiteReport {
    /// The project.
    pub project: String,
    /// The version that is served.
    pub version: u32,
    /// Whether it is new.
    pub outcome: SiteOutcome,
    /// How many files it has.
    pub files: usize,
    /// Their size.
    pub bytes: u64,
    /// Where it answers.
    pub url: String,
    /// How long it took to publish, milliseconds.
    pub took_ms: u64,
}

/// A project's site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SiteView {
    /// The version that is served.
    pub version: u32,
    /// Where it answers.
    pub url: String,
    /// Kept versions, newest first.
    pub versions: Vec<SiteVersionView>,
}

/// A version that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SiteVersionView {
    /// Its number.
    pub number: u32,
    /// Whether it is what is served.
    pub active: bool,
    /// Where it answers on a host of its own, if versions have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How many files it has.
    pub files: usize,
    /// Their size.
    pub bytes: u64,
    /// When it was published.
    pub created_ms: i64,
    /// Who published it.
    pub created_by: String,
}
