//! Where Ostro's state lives. The only package that names a driver; [`open`] is the only factory.

pub mod accounts;
pub mod backup;
pub mod buckets;
pub mod catalog;
pub mod data_dir;
pub mod documents;
mod error;
pub mod events;
pub mod jobs;
pub mod keys;
pub mod kv;
pub mod objects;
mod project;
pub mod realtime;
pub mod sql;
mod sqlite;
pub mod transactions;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use data_dir::DataDir;
pub use error::StoreError;
pub use keys::{KeySource, Keys};

use accounts::{AccountStore, Accounts, Directory};
use buckets::{BucketStore, Buckets, Objects, PartedUploads, RuledObjects};
use catalog::{Audit, Functions, Projects, Secrets, Sites, Tokens, Totals};
use documents::Documents;
use events::Events;
use jobs::{Cleanup, JobStore, Jobs, Queues, Schedules};
use kv::KeyValue;
use objects::Blobs;
use project::ProjectFiles;
use realtime::{Channels, Realtime};
use sql::Databases;
use transactions::Transactions;

/// Tells the time of the store, milliseconds since 1970.
pub type StoreClock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Tells how long it is since some moment of the past, always the same one. Unlike the clock it is never turned, so it is for
/// what must end.
pub type StoreTimer = Arc<dyn Fn() -> Duration + Send + Sync>;

/// What a store needs to be opened.
pub struct Config {
    /// The data directory; created when missing.
    pub data: PathBuf,
    /// Where the master key is, under which secrets are sealed.
    pub key: KeySource,
    /// The time by which jobs are due, leases lapse and slots come.
    pub clock: StoreClock,
    /// The time by which statements of functions end.
    pub timer: StoreTimer,
}

/// What a project holds at most.
#[derive(Clone, Copy, Debug)]
pub struct Quotas {
    /// Its objects, bytes.
    pub object_bytes: u64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self { object_bytes: buckets::MAX_PROJECT_BYTES }
    }
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
    /// Static sites.
    pub sites: Arc<dyn Sites>,
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
    /// Accounts of the people who use a project.
    pub accounts: Arc<dyn Accounts>,
    /// The same, to be listed.
    pub directory: Arc<dyn Directory>,
    /// Documents.
    pub documents: Arc<dyn Documents>,
    /// Who is told of changes of data.
    pub events: Arc<dyn Events>,
    /// Who is told of changes while they happen.
    pub realtime: Arc<dyn Realtime>,
    /// Channels, and the way to those who listen.
    pub channels: Arc<dyn Channels>,
    /// Transactions over documents, keys and queues.
    pub transactions: Arc<dyn Transactions>,
    /// SQL databases.
    pub sql: Arc<dyn Databases>,
    /// Which buckets there are.
    pub buckets: Arc<dyn Buckets>,
    /// What is in the buckets.
    pub objects: Arc<dyn Objects>,
    /// The same for callers from outside.
    pub ruled_objects: Arc<dyn RuledObjects>,
    /// Uploads in parts, for callers from outside.
    pub parted_uploads: Arc<dyn PartedUploads>,
    /// Components, asset bundles and files of sites, by digest.
    pub blobs: Arc<dyn Blobs>,
    /// Keys of this server.
    pub keys: Keys,
    /// The time of the store.
    pub clock: StoreClock,
}

/// Opens the store, creating what is missing in a new data directory.
///
/// In an established one nothing is re-created: a missing, damaged or newer catalog, a wrong master key
/// and a directory that another server has open are [`StoreError::Unusable`], with what to do about it.
/// A project whose own file is damaged is only logged: the others go on without it.
/// Blocks; meant for start-up.
pub fn open(config: Config) -> Result<Store, StoreError> {
    open_with(config, Quotas::default())
}

/// As [`open`], with other bounds on what a project holds.
pub fn open_with(config: Config, quotas: Quotas) -> Result<Store, StoreError> {
    let data = DataDir::open(&config.data)?;
    let keys = Keys::load(&data, config.key)?;
    let catalog = catalog::sqlite::open(&data)?;
    let stores = open_projects(&data, config.clock.clone(), config.timer, quotas)?;
    let ProjectStores { jobs, kv, accounts, documents, transactions, events, realtime, buckets, sql } =
        stores;
    let blobs = objects::local::open(&data)?;
    // Last: from here on, a missing part means that something was lost.
    data.establish()?;
    Ok(Store {
        data,
        projects: catalog.projects,
        tokens: catalog.tokens,
        functions: catalog.functions,
        sites: catalog.sites,
        secrets: catalog.secrets,
        audit: catalog.audit,
        totals: catalog.totals,
        jobs: jobs.jobs,
        queues: jobs.queues,
        schedules: jobs.schedules,
        cleanup: jobs.cleanup,
        kv,
        accounts: accounts.accounts,
        directory: accounts.directory,
        documents,
        events,
        channels: realtime.clone(),
        realtime,
        transactions,
        sql,
        buckets: buckets.buckets,
        objects: buckets.objects,
        ruled_objects: buckets.ruled,
        parted_uploads: buckets.parted,
        blobs,
        keys,
        clock: config.clock,
    })
}

/// What is kept in the files of projects.
struct ProjectStores {
    jobs: JobStore,
    kv: Arc<dyn KeyValue>,
    accounts: AccountStore,
    documents: Arc<dyn Documents>,
    events: Arc<dyn Events>,
    realtime: Arc<realtime::sqlite::Sqlite>,
    transactions: Arc<dyn Transactions>,
    sql: Arc<dyn Databases>,
    buckets: BucketStore,
}

/// Every kind of data shares the file of its project, its writer and its commits.
fn open_projects(
    data: &DataDir,
    clock: StoreClock,
    timer: StoreTimer,
    quotas: Quotas,
) -> Result<ProjectStores, StoreError> {
    let (index, names) = (Arc::<jobs::sqlite::Index>::default(), Arc::<kv::sqlite::Names>::default());
    let catalog = Arc::<documents::sqlite::Catalog>::default();
    let channels = Arc::<realtime::sqlite::Declarations>::default();
    let running = buckets::local::running(data)?;
    // In files of their own, which go with the project's.
    let sql = sql::sqlite::Sqlite::new(data, clock.clone(), timer.clone(), sql::sqlite::Limits::default())?;
    let (sql, hub) = (Arc::new(sql), realtime::Hub::new(timer.clone(), realtime::Limits::default()));
    let accounts: Vec<Arc<dyn project::Account>> = vec![
        index.clone(),
        names.clone(),
        catalog.clone(),
        channels.clone(),
        running.clone(),
        sql.clone(),
        hub.clone(),
    ];
    let files = Arc::new(ProjectFiles::open(data, clock, project::Limits::default(), accounts)?);
    let (job_limits, kv_limits) = (jobs::sqlite::Limits::default(), kv::sqlite::Limits::default());
    let enqueuer = jobs::sqlite::Enqueuer::new(index.clone(), job_limits);
    let limits = documents::sqlite::Limits::default();
    let documents = documents::sqlite::Sqlite::new(files.clone(), catalog, enqueuer.clone(), hub, limits);
    let documents = Arc::new(documents);
    let bytes = sqlite::stored(quotas.object_bytes);
    let limits = buckets::local::Limits { bytes, ..buckets::local::Limits::default() };
    Ok(ProjectStores {
        jobs: jobs::sqlite::open(files.clone(), index, job_limits),
        kv: kv::sqlite::open(files.clone(), names, kv_limits),
        accounts: accounts::sqlite::open(files.clone(), accounts::sqlite::Limits::default()),
        events: events::sqlite::open(files.clone()),
        realtime: Arc::new(realtime::sqlite::Sqlite::new(documents.clone(), channels)?),
        transactions: Arc::new(transactions::sqlite::Sqlite::new(
            documents.clone(),
            enqueuer.clone(),
            kv_limits,
        )),
        documents,
        buckets: buckets::local::open(files, running, enqueuer, timer, limits),
        sql,
    })
}

#[cfg(test)]
mod tests;
