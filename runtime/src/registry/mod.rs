//! Functions and revisions: from an upload to what is served.

pub mod artifact;
pub mod bundle;
mod changes;
pub mod compile;
mod deploy;
mod disposal;
pub mod inspect;
pub mod live;
pub mod manifest;
mod merge;
mod refresh;
pub(crate) mod resources;
pub mod settings;
pub mod site;
mod triggers;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use cap_std::fs::Dir;
use store::Store;
use store::catalog::{Digest, Stamp};
use store::objects::Area;
use tokio::sync::{RwLock, Semaphore};

use crate::clock::Clock;
use crate::control::wire::DeployFlags;
use crate::instance::GuestEngine;
use crate::pool::LoadedCode;
use crate::problem::Problem;
use crate::telemetry::Telemetry;
use crate::triggers::Heal;
use artifact::Artifacts;
use live::{Consumers, Routes};
use refresh::{Refresher, UNPACKED};
use settings::Ceilings;
pub(crate) use triggers::next_slot;

const DEFAULT_PROJECT: &str = "default";
/// Components that are tried out at once.
const TRIALS: usize = 2;
/// Pauses between attempts to build the route table.
const REFRESH_PAUSES: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(250), Duration::from_secs(1)];

/// What a registry works with.
pub struct RegistryParts {
    /// Where functions, secrets and components are.
    pub store: Arc<Store>,
    /// For the smoke test of a deploy.
    pub engine: Arc<GuestEngine>,
    /// Compiled code on disk.
    pub artifacts: Arc<Artifacts>,
    /// Compiled code in memory.
    pub loaded: Arc<LoadedCode>,
    /// Told of deleted functions.
    pub telemetry: Arc<Telemetry>,
    /// Time.
    pub clock: Clock,
    /// Domain whose sub-domains are functions and projects.
    pub domain: Option<String>,
    /// Port of the data plane, for the URLs of answers.
    pub data_port: u16,
    /// The most that a function may ask for.
    pub ceilings: Ceilings,
}

/// All functions of the server.
pub struct Registry {
    store: Arc<Store>,
    engine: Arc<GuestEngine>,
    artifacts: Arc<Artifacts>,
    loaded: Arc<LoadedCode>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    domain: Option<String>,
    data_port: u16,
    ceilings: Ceilings,
    refresher: Refresher,
    turns: deploy::Turns,
    commits: triggers::Turns,
    trials: triggers::Turns,
    /// How many components are tried out at once: the memory they take is nobody's.
    places: Semaphore,
    sites: triggers::Turns,
    staged: site::Staged,
    reconciler: triggers::Reconciler,
    /// Held shared from the storing of parts to the commit that refers to them, alone while unreferenced parts
    /// are removed: projects share what has the same digest.
    parts: RwLock<()>,
}

/// What a deploy brings.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Everything but the component.
    pub settings: Settings,
    /// The `.wasm`.
    pub component: Bytes,
    /// A tar of read-only files.
    pub assets: Option<Bytes>,
    /// Time that receiving it took, milliseconds.
    pub receive_ms: u64,
}

/// Settings of a deploy.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one of them in a deploy")]
pub enum Settings {
    /// The text of an `ostro.toml`: replaces all settings.
    Manifest(String),
    /// Replaces the settings that are named.
    Flags(DeployFlags),
}

impl Registry {
    /// Opens the registry: makes the default project, verifies compiled code, removes what a crash has left
    /// behind, builds the first table, and completes what schedules and queues miss.
    pub async fn open(parts: RegistryParts) -> Result<Arc<Self>, Problem> {
        let RegistryParts { store, engine, artifacts, loaded, telemetry, clock, domain, data_port, ceilings } =
            parts;
        let refresher = Refresher::new(store.clone(), domain.as_deref());
        let reconciler = triggers::Reconciler { store: store.clone(), clock: clock.clone() };
        let registry = Self {
            store,
            engine,
            artifacts,
            loaded,
            telemetry,
            clock,
            domain,
            data_port,
            ceilings,
            refresher,
            turns: deploy::Turns::default(),
            commits: triggers::Turns::default(),
            trials: triggers::Turns::default(),
            places: Semaphore::new(TRIALS),
            sites: triggers::Turns::default(),
            staged: site::Staged::default(),
            reconciler,
            parts: RwLock::default(),
        };
        registry.make_default_project().await?;
        registry.collect_orphans().await?;
        registry.refresh().await?;
        registry.reconciler.heal().await?;
        registry.prepare_code();
        Ok(Arc::new(registry))
    }

    /// Compiles ahead, beside the traffic, what active revisions need and the cache has not.
    fn prepare_code(&self) {
        let consumers = self.refresher.consumers().load_full();
        let wanted: Vec<_> = consumers.functions().map(|live| live.code.clone()).collect();
        let artifacts = self.artifacts.clone();
        drop(tokio::spawn(async move { artifacts.prepare(wanted).await }));
    }

    /// The route table; read it anew for every request.
    pub fn routes(&self) -> Arc<ArcSwap<Routes>> {
        self.refresher.routes()
    }

    /// Who takes what comes by schedules and queues; swapped together with the route table.
    pub fn consumers(&self) -> Arc<ArcSwap<Consumers>> {
        self.refresher.consumers()
    }

    /// Serves what the catalog says now. A change that is committed must also be served, so a store that fails
    /// for a moment is asked again.
    async fn refresh(&self) -> Result<(), Problem> {
        for pause in REFRESH_PAUSES {
            match self.refresher.refresh().await {
                Ok(()) => return Ok(()),
                Err(problem) => tracing::error!(%problem, "the route table could not be built, trying again"),
            }
            tokio::time::sleep(pause).await;
        }
        self.refresher.refresh().await
    }

    async fn make_default_project(&self) -> Result<(), Problem> {
        if self.store.projects.by_name(DEFAULT_PROJECT).await?.is_none() {
            let stamp = Stamp { actor: "server".to_owned(), at_ms: self.clock.now_ms() };
            self.store.projects.create(DEFAULT_PROJECT, &stamp).await?;
        }
        Ok(())
    }

    /// Removes components, assets and compiled code that no revision refers to: deploys that a crash cut off.
    async fn collect_orphans(&self) -> Result<(), Problem> {
        let referenced: HashSet<Digest> = self.store.functions.referenced().await?.into_iter().collect();
        for area in [Area::Wasm, Area::Assets] {
            for digest in self.store.blobs.list(area).await? {
                if !referenced.contains(&digest) {
                    self.store.blobs.delete(area, &digest).await?;
                }
            }
        }
        let referenced: HashSet<Digest> = self.store.sites.referenced().await?.into_iter().collect();
        for digest in self.store.blobs.list(Area::Site).await? {
            if !referenced.contains(&digest) {
                self.store.blobs.delete(Area::Site, &digest).await?;
            }
        }
        let mut wanted = HashSet::new();
        let mut assets = HashSet::new();
        for (function, _) in self.store.functions.active().await? {
            for revision in self.store.functions.revisions(function.id).await? {
                wanted.insert((function.project, revision.spec.wasm));
                assets.extend(revision.spec.assets);
            }
        }
        let swept = self.artifacts.sweep(wanted).await?;
        tracing::info!(kept = swept.kept, removed = swept.removed, "compiled code is verified");
        self.restore_assets(&assets).await
    }

    /// Unpacks what is missing and removes what nobody uses: the folders are a copy of the stored bundles.
    async fn restore_assets(&self, wanted: &HashSet<Digest>) -> Result<(), Problem> {
        let unpacked = self.unpacked()?;
        let folders: HashSet<String> = wanted.iter().map(ToString::to_string).collect();
        let entries = unpacked.entries().map_err(|error| Problem::internal(&error))?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if folders.contains(&name) {
                continue;
            }
            if unpacked.remove_dir_all(&name).or_else(|_| unpacked.remove_file(&name)).is_err() {
                tracing::warn!(name, "unpacked assets that nobody uses could not be removed");
            }
        }
        for digest in wanted {
            if unpacked.exists(digest.as_str()) {
                continue;
            }
            // A bundle that is damaged must not keep the server from starting: one function misses its files.
            let restored = match self.store.blobs.get(Area::Assets, digest).await {
                Ok(Some(tar)) => self.unpack(tar, digest).await,
                Ok(None) => Err(Problem::not_found("a bundle of assets")),
                Err(error) => Err(error.into()),
            };
            if let Err(problem) = restored {
                tracing::error!(%digest, %problem, "assets could not be restored; deploy their function again");
            }
        }
        Ok(())
    }

    /// The folder of unpacked asset bundles, one folder a digest.
    fn unpacked(&self) -> Result<Dir, Problem> {
        let data = self.store.data.dir();
        let opened = data.create_dir_all(UNPACKED).and_then(|()| data.open_dir(UNPACKED));
        opened.map_err(|error| Problem::internal(&error))
    }
}

#[async_trait]
impl Heal for Registry {
    async fn heal_schedules(&self) {
        if let Err(problem) = self.reconciler.heal_schedules().await {
            tracing::error!(%problem, "schedules may wait for a wrong time");
        }
    }
}
