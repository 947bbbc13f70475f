//! `ostro.toml`: text in, settings or a refusal with line and column out. Pure: the command line and the server use it.

mod auth;
mod data;
mod function;
mod reader;
mod site;
mod triggers;
pub mod units;

use std::collections::BTreeMap;

use store::accounts;
use store::catalog::{
    Access, CacheRule, CronTrigger, DataTrigger, HeaderRule, JobLimits, Limits, OnDisconnect, QueueTrigger,
    Route,
};
use store::jobs::DEAD_KEPT_MS;
use store::realtime::channels::ChannelRules;
use toml::de::DeTable;

use self::reader::{Fault, Later, Section};
use super::settings::{self, Ceilings};

/// A whole `ostro.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Name of the project; `None` when the manifest does not say, which means `default` or what `--project` says.
    pub project: Option<String>,
    /// The functions, by name.
    pub functions: BTreeMap<String, FunctionSettings>,
    /// The queues, by name; one that is consumed need not be here.
    pub queues: BTreeMap<String, QueueSettings>,
    /// The key-value namespaces, by name; one that is granted need not be here.
    pub namespaces: BTreeMap<String, NamespaceSettings>,
    /// The collections, by name; one that is granted need not be here.
    pub collections: BTreeMap<String, CollectionSettings>,
    /// The buckets, by name; one that is granted need not be here.
    pub buckets: BTreeMap<String, BucketSettings>,
    /// The channels, by name, with what callers from outside may do.
    pub channels: BTreeMap<String, ChannelRules>,
    /// How people sign in; none: they don't.
    pub auth: Option<accounts::Settings>,
    /// The static site, if there is one.
    pub site: Option<SiteSettings>,
}

impl Manifest {
    /// Whether it says anything of what the project has beside functions and a site.
    pub fn has_resources(&self) -> bool {
        self.auth.is_some()
            || !self.queues.is_empty()
            || !self.namespaces.is_empty()
            || !self.collections.is_empty()
            || !self.buckets.is_empty()
            || !self.channels.is_empty()
    }
}

/// The `[site]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteSettings {
    /// The folder of its files, relative to the manifest.
    pub folder: String,
    /// The file that answers a page that is not there.
    pub fallback: Option<String>,
    /// The file that is shown, with status 404, for what is not there.
    pub not_found: Option<String>,
    /// How long answers may be kept.
    pub cache: Vec<CacheRule>,
    /// Further headers.
    pub headers: Vec<HeaderRule>,
    /// Whether every kept version has a host of its own.
    pub previews: bool,
}

/// One `[collection.NAME]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CollectionSettings {
    /// Its indexes, all of them.
    pub indexes: Vec<IndexSettings>,
    /// What callers from outside may do.
    pub rules: store::documents::Rules,
}

/// One index of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexSettings {
    /// The fields, outermost first; a dot leads into an object.
    pub fields: Vec<String>,
    /// Whether two documents may have the same.
    pub unique: bool,
}

/// One `[bucket.NAME]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketSettings {
    /// What callers from outside may do.
    pub rules: store::buckets::Rules,
}

/// One `[kv.NAME]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NamespaceSettings {
    /// How long a value is there after it was written, milliseconds; none: for ever.
    pub ttl_ms: Option<u64>,
}

/// One `[queue.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// How long messages are kept, waiting or dead, milliseconds.
    pub retention_ms: i64,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self { retention_ms: DEAD_KEPT_MS }
    }
}

/// One `[function.NAME]`. Everything that the manifest leaves out has its default: a manifest is declarative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionSettings {
    /// Where the `.wasm` is, relative to the manifest.
    pub source: Option<String>,
    /// Command that makes the source.
    pub build: Option<String>,
    /// Explicit routes, normalised.
    pub routes: Vec<Route>,
    /// Who may call.
    pub access: Access,
    /// Whether clients may call it by name through the client API.
    pub callable: bool,
    /// Grants, as written.
    pub grants: Vec<String>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Schedules that start it.
    pub cron: Vec<CronTrigger>,
    /// Queues that it consumes.
    pub queues: Vec<QueueTrigger>,
    /// Changes of data that start it.
    pub events: Vec<DataTrigger>,
    /// Limits.
    pub limits: Limits,
    /// Limits when a job runs it.
    pub jobs: JobLimits,
    /// Names that the function gives to its resources: `MAIL` for `queue:mail`.
    pub names: BTreeMap<String, String>,
    /// Arguments of a command, after its name.
    pub args: Vec<String>,
    /// Invocations that one instance serves; 1 is a fresh instance each time.
    pub reuse: u32,
    /// Of those, how many at once.
    pub concurrent: u32,
    /// What the client going away means.
    pub on_disconnect: OnDisconnect,
    /// Read-only folder that the guest sees as `/assets`, relative to the manifest.
    pub assets: Option<String>,
}

impl Default for FunctionSettings {
    fn default() -> Self {
        Self {
            source: None,
            build: None,
            routes: Vec::new(),
            access: Access::default(),
            callable: false,
            grants: Vec::new(),
            env: BTreeMap::new(),
            cron: Vec::new(),
            queues: Vec::new(),
            events: Vec::new(),
            limits: Limits::default(),
            jobs: JobLimits::default(),
            names: BTreeMap::new(),
            args: Vec::new(),
            reuse: 1,
            concurrent: 1,
            on_disconnect: OnDisconnect::default(),
            assets: None,
        }
    }
}

/// A refused manifest. The file's name is the caller's to add.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ManifestError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// Longest manifest, bytes.
pub const MAX_BYTES: usize = 256 << 10;

const LATER: &[Later] = &[("target", "targets")];

/// The same manifest for another project: its name is put in place of the one that stands there. A manifest that
/// can't be read, or that names no project, stays as it is.
pub fn with_project(text: &str, project: &str) -> String {
    let document = DeTable::parse(text).ok();
    let name =
        document.as_ref().and_then(|document| document.get_ref().get("project")?.get_ref().get("name"));
    let Some(span) = name.map(toml::Spanned::span) else { return text.to_owned() };
    match (text.get(..span.start), text.get(span.end..)) {
        (Some(before), Some(after)) => format!("{before}{project:?}{after}"),
        _ => text.to_owned(),
    }
}

/// Parses a manifest and checks everything that can be checked without the component.
pub fn parse(text: &str, ceilings: &Ceilings) -> Result<Manifest, ManifestError> {
    read(text, ceilings).map_err(|fault| fault.locate(text))
}

fn read(text: &str, ceilings: &Ceilings) -> Result<Manifest, Fault> {
    if text.len() > MAX_BYTES {
        return Err(Fault::at(0, format!("the manifest is larger than {} KiB", MAX_BYTES >> 10)));
    }
    let document = DeTable::parse(text)
        .map_err(|error| Fault::at(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
    let root = Section::root(&document);
    root.allow(
        &[
            "manifest",
            "project",
            "function",
            "queue",
            "collection",
            "bucket",
            "channel",
            "kv",
            "auth",
            "site",
        ],
        LATER,
    )?;
    if let Some((version, at)) = root.integer("manifest")?
        && version != 1
    {
        return Err(Fault::at(at, format!("this is manifest version {version}; version 1 is known"))
            .hint("write `manifest = 1`, or use a newer ostro"));
    }
    let project = match root.section("project")? {
        Some(section) => project(&section)?,
        None => None,
    };
    let mut functions = BTreeMap::new();
    if let Some(section) = root.section("function")? {
        for (name, at) in section.keys() {
            settings::check_name(name)
                .map_err(|reason| Fault::at(at, format!("`{name}` is not a function name: {reason}")))?;
            if let Some(body) = section.section(name)? {
                functions.insert(name.to_owned(), function::read(&body, ceilings)?);
            }
        }
        triggers::check_consumers(&section, &functions)?;
    }
    Ok(Manifest {
        project,
        functions,
        queues: triggers::sections(&root)?,
        namespaces: data::namespaces(&root)?,
        collections: data::collections(&root)?,
        buckets: data::buckets(&root)?,
        channels: data::channels(&root)?,
        site: site::site(&root)?,
        auth: auth::section(&root)?,
    })
}

fn project(section: &Section<'_, '_>) -> Result<Option<String>, Fault> {
    section.allow(&["name"], &[])?;
    let Some((name, at)) = section.string("name")? else { return Ok(None) };
    settings::check_name(name)
        .map_err(|reason| Fault::at(at, format!("`{name}` is not a project name: {reason}")))?;
    Ok(Some(name.to_owned()))
}

#[cfg(test)]
mod tests;
