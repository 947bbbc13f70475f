//! Static sites: the files that a project's own host serves where no function answers, version by version.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Digest, ProjectId, Result, Stamp};

/// Sites of projects and their immutable versions.
#[async_trait]
pub trait Sites: Send + Sync {
    /// One transaction: the version, which becomes the active one, and the audit row; forgets versions beyond
    /// [`NewSite::keep`]. What is the same as the active version changes nothing.
    async fn publish(&self, new: &NewSite, stamp: &Stamp) -> Result<SitePublished>;
    /// Makes an earlier version the active one.
    async fn activate(&self, project: ProjectId, number: u32, stamp: &Stamp) -> Result<()>;
    /// Deletes a site with its versions; its audit trail stays.
    async fn delete(&self, project: ProjectId, stamp: &Stamp) -> Result<()>;
    /// Kept versions of a project, newest first; none when it has no site.
    async fn versions(&self, project: ProjectId) -> Result<Vec<SiteVersion>>;
    /// The active version of every site: which they are, not what is in them.
    async fn active(&self) -> Result<Vec<ActiveSite>>;
    /// What is in a version that is kept.
    async fn spec(&self, project: ProjectId, number: u32) -> Result<Option<SiteSpec>>;
    /// Digests of every content that a kept version refers to.
    async fn referenced(&self) -> Result<Vec<Digest>>;
}

/// All that a version of a site is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteSpec {
    /// The files by name, folders separated by `/`.
    pub files: BTreeMap<String, SiteFile>,
    /// The file that answers a page that is not there.
    pub fallback: Option<String>,
    /// The file that is shown, with status 404, for what is not there.
    pub not_found: Option<String>,
    /// How long answers may be kept; the first rule that fits holds.
    pub cache: Vec<CacheRule>,
    /// Further headers; every rule that fits holds.
    pub headers: Vec<HeaderRule>,
    /// Whether it is being worked on: nobody keeps its answers then.
    pub live: bool,
    /// Whether every kept version has a host of its own while this one is active.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub previews: bool,
}

/// One file of a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteFile {
    /// What is in it.
    #[serde(flatten)]
    pub content: SiteContent,
    /// The same compressed with gzip, where that is shorter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gzip: Option<SiteContent>,
    /// The same compressed with brotli, where that is shorter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brotli: Option<SiteContent>,
}

/// A stored content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteContent {
    /// Its digest, by which it is stored.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
}

/// A `cache-control` for paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheRule {
    /// The path, in which one `*` may stand for anything.
    pub path: String,
    /// The header's value.
    pub value: String,
}

/// A header for paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderRule {
    /// The path, in which one `*` may stand for anything.
    pub path: String,
    /// The header's name, in lower case.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A version that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteVersion {
    /// Its number, from 1 on.
    pub number: u32,
    /// Whether it is what is served.
    pub active: bool,
    /// All that it is.
    pub spec: SiteSpec,
    /// When it was published, milliseconds since 1970.
    pub created_ms: i64,
    /// Who published it.
    pub created_by: String,
}

/// What is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveSite {
    /// The project whose site it is.
    pub project: ProjectId,
    /// The version.
    pub number: u32,
    /// Tells specs apart: a number may come again after a site was deleted.
    pub digest: Digest,
}

/// What is to be published.
#[derive(Clone, Debug)]
pub struct NewSite {
    /// The project whose site it is.
    pub project: ProjectId,
    /// All that it is.
    pub spec: SiteSpec,
    /// How many versions are kept; the active one always is.
    pub keep: u32,
}

/// How a publication ended; the number is that of the active version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SitePublished {
    /// There is a new version.
    Created(u32),
    /// It is what is served already.
    Unchanged(u32),
}

impl SiteSpec {
    /// Every content that it refers to; the same one may come several times.
    pub fn contents(&self) -> impl Iterator<Item = &SiteContent> {
        self.files.values().flat_map(SiteFile::contents)
    }

    /// Its files as they were uploaded, bytes.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.content.bytes).sum()
    }
}

impl SiteFile {
    /// The file as it was uploaded, and its compressed forms.
    pub fn contents(&self) -> impl Iterator<Item = &SiteContent> {
        std::iter::once(&self.content).chain(&self.gzip).chain(&self.brotli)
    }
}
