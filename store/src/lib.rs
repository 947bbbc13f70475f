//! Where Ostro's state lives. The only package that names a driver; [`open`] is the only factory.

pub mod catalog;
pub mod data_dir;
mod error;
pub mod jobs;
pub mod keys;
pub mod kv;
pub mod objects;
mod project;
mod sqlite;

use std::path::PathBuf;
use std::sync::Arc;

pub use data_dir::DataDir;
pub use error::StoreError;
pub use keys::{KeySource, Keys};

use catalog::{Audit, Functions, Projects, Secrets, Tokens, Totals};
use jobs::{Cleanup, JobStore, Jobs, Queues, Schedules};
use kv::KeyValue;
use objects::Blobs;
use project::ProjectFiles;

/// Tells the time of the store, milliseconds since 1970.
pub type StoreClock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What a store needs to be opened.
pub struct Config {
    /// The data directory; created when missing.
    pub data: PathBuf,
    /// Where the master key is, under which secrets are sealed.
    pub key: KeySource,
    /// The time by which jobs are due, leases lapse and slots come.
    pub clock: StoreClock,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("data", &self.data).field("key", &self.key).finish_non_exhaustive()
    }
}

/// Everything that outlives the process. The data directory stays locked until every part is dropped.
pub struct Store {
    /// The data directory.
    pub data: DataDir,
    /// Tenants.
    pub projects: Arc<dyn Projects>,
    /// API tokens.
    pub tokens: Arc<dyn Tokens>,
    /// Functions, revisions and routes.
    pub functions: Arc<dyn Functions>,
    /// Sealed secrets.
    pub secrets: Arc<dyn Secrets>,
    /// The record of control actions.
    pub audit: Arc<dyn Audit>,
    /// Hourly totals.
    pub totals: Arc<dyn Totals>,
    /// The life of jobs.
    pub jobs: Arc<dyn Jobs>,
    /// Queues, and what people look at and purge.
    pub queues: Arc<dyn Queues>,
    /// Schedules and their slots.
    pub schedules: Arc<dyn Schedules>,
    /// What deleted functions and projects leave behind.
    pub cleanup: Arc<dyn Cleanup>,
    /// Key-value.
    pub kv: Arc<dyn KeyValue>,
    /// Components and asset bundles, by digest.
    pub blobs: Arc<dyn Blobs>,
    /// Keys of this server.
    pub keys: Keys,
}

/// Opens the store, creating what is missing in a new data directory.
///
/// In an established one nothing is re-created: a missing, damaged or newer catalog, a wrong master key
/// and a directory that another server has open are [`StoreError::Unusable`], with what to do about it.
/// A project whose own file is damaged is only logged: the others go on without it.
/// Blocks; meant for start-up.
pub fn open(config: Config) -> Result<Store, StoreError> {
    let data = DataDir::open(&config.data)?;
    let keys = Keys::load(&data, config.key)?;
    let catalog = catalog::sqlite::open(&data)?;
    let (jobs, kv) = open_projects(&data, config.clock)?;
    let blobs = objects::local::open(&data)?;
    // Last: from here on, a missing part means that something was lost.
    data.establish()?;
    Ok(Store {
        data,
        projects: catalog.projects,
        tokens: catalog.tokens,
        functions: catalog.functions,
        secrets: catalog.secrets,
        audit: catalog.audit,
        totals: catalog.totals,
        jobs: jobs.jobs,
        queues: jobs.queues,
        schedules: jobs.schedules,
        cleanup: jobs.cleanup,
        kv,
        blobs,
        keys,
    })
}

/// What is kept in the files of projects: every kind of data shares the file, its writer and its commits.
fn open_projects(data: &DataDir, clock: StoreClock) -> Result<(JobStore, Arc<dyn KeyValue>), StoreError> {
    let (index, names) = (Arc::<jobs::sqlite::Index>::default(), Arc::<kv::sqlite::Names>::default());
    let limits = project::Limits::default();
    let files = ProjectFiles::open(data, clock, limits, vec![index.clone(), names.clone()])?;
    let files = Arc::new(files);
    let jobs = jobs::sqlite::open(files.clone(), index, jobs::sqlite::Limits::default());
    Ok((jobs, kv::sqlite::open(files, names, kv::sqlite::Limits::default())))
}

#[cfg(test)]
mod tests;
