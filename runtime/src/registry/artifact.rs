//! Compiled code on disk, sealed: what may be mapped and executed.
//!
//! Seals are verified whole when code is published and when the server starts; a load then checks that the
//! file is still the one verified, because hashing tens of megabytes on every cold load would cost more than
//! the load. On any doubt the code is compiled again.

mod cache;
mod seal;
mod shelves;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use dashmap::DashMap;
use store::Store;
use store::catalog::{Digest, GuestKind, ProjectId};
use store::objects::Area;
use tokio::sync::Mutex;

use self::cache::Cache;
pub use self::cache::Swept;
use self::seal::{Name, Sealer};
use self::shelves::Shelves;
use super::compile::{COMPILE_LIMIT, Compiler, Known, Output};
use super::inspect::quote;
use crate::instance::{Code, GuestEngine, Lane, LoadError};
use crate::problem::Problem;
use crate::sys;
use crate::telemetry::Gauges;

/// The cache of compiled code.
pub struct Artifacts {
    store: Arc<Store>,
    engine: Arc<GuestEngine>,
    compiler: Compiler,
    gauges: Arc<Gauges>,
    cache: Arc<Cache>,
    shelves: Arc<Shelves>,
    making: DashMap<Name, Arc<Mutex<()>>>,
}

/// A component that is compiled and can be loaded.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// How it is run.
    pub kind: GuestKind,
    /// The code, mapped and linked.
    pub code: Arc<Code>,
    /// What it took.
    pub effort: Effort,
}

/// What a component took to compile: nothing when its code was there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Functions that were compiled.
    pub compiled: u32,
    /// Functions that were known from an earlier component of the project.
    pub reused: u32,
}

impl Artifacts {
    /// Over the cache of that store. Nothing is trusted before [`Artifacts::sweep`].
    pub fn new(
        store: Arc<Store>,
        engine: Arc<GuestEngine>,
        compiler: Compiler,
        gauges: Arc<Gauges>,
    ) -> Result<Self, Problem> {
        let dir = store.data.cache().try_clone().map_err(|error| Problem::internal(&error))?;
        let sealer = Sealer::new(*store.keys.cache_mac_key(), engine.fingerprint());
        let shelves = Arc::new(Shelves::new(&dir, sealer.clone()));
        let cache = Arc::new(Cache::new(dir, sealer));
        Ok(Self { store, engine, compiler, gauges, cache, shelves, making: DashMap::new() })
    }

    /// Verifies all compiled code that `wanted` names and removes everything else.
    pub async fn sweep(&self, wanted: HashSet<(ProjectId, Digest)>) -> Result<Swept, Problem> {
        let (cache, shelves) = (self.cache.clone(), self.shelves.clone());
        let swept = blocking(move || {
            let projects: HashSet<ProjectId> = wanted.iter().map(|(project, _)| *project).collect();
            if let Err(error) = shelves.sweep(&|project| projects.contains(&project)) {
                tracing::warn!(%error, "compiled functions could not be tidied up");
            }
            cache.sweep(&|name: &Name| wanted.contains(&(name.project, name.wasm.clone())))
        });
        swept.await?.map_err(|error| Problem::internal(&error))
    }

    /// The code of a component that is stored. Compiled again when the cache has it not, or not as it was.
    pub async fn load(&self, project: ProjectId, wasm: &Digest) -> Result<Arc<Code>, Problem> {
        self.get(project, wasm, None).await.map(|loaded| loaded.code)
    }

    /// The code of a component that has just been uploaded: compiled, unless this project has had it before.
    pub async fn make(&self, project: ProjectId, wasm: &Digest, bytes: &Bytes) -> Result<Loaded, Problem> {
        self.get(project, wasm, Some(bytes)).await
    }

    /// Compiles what the cache has not, one after the other: after an upgrade of the engine nothing in it is of use, and
    /// first requests would have to wait (threat E5). What fails is left to the request that needs it.
    pub async fn prepare(&self, wanted: impl IntoIterator<Item = (ProjectId, Digest)>) {
        for (project, wasm) in wanted {
            let name = Name { project, wasm };
            if self.cache.open(&name).is_some() {
                continue;
            }
            if let Err(problem) = self.get(name.project, &name.wasm, None).await {
                tracing::warn!(%name, %problem, "a component could not be compiled ahead");
            }
        }
    }

    /// Removes the code of a component that no revision of the project refers to.
    pub fn discard(&self, project: ProjectId, wasm: &Digest) {
        let name = Name { project, wasm: wasm.clone() };
        if let Err(error) = self.cache.remove(&name) {
            tracing::warn!(%name, %error, "unused compiled code stays until the next start");
        }
    }

    /// Removes what was kept to compile the project's components faster: the project is deleted. Blocks.
    pub fn forget(&self, project: ProjectId) {
        self.shelves.remove(project);
    }

    async fn get(
        &self,
        project: ProjectId,
        wasm: &Digest,
        upload: Option<&Bytes>,
    ) -> Result<Loaded, Problem> {
        let name = Name { project, wasm: wasm.clone() };
        let making = self.making.entry(name.clone()).or_default().clone();
        let result = {
            let _one_at_a_time = making.lock().await;
            match self.open(&name) {
                Some(loaded) => Ok(loaded),
                None => self.compile(&name, upload).await,
            }
        };
        // Two counts, the table's and ours: nobody else is waiting.
        self.making.remove_if(&name, |_, lock| Arc::strong_count(lock) <= 2);
        result
    }

    fn open(&self, name: &Name) -> Option<Loaded> {
        let (file, kind) = self.cache.open(name)?;
        match self.engine.load(&file, kind) {
            Ok(code) => Some(Loaded { kind, code: Arc::new(code), effort: Effort::default() }),
            Err(error) => {
                tracing::warn!(%name, %error, "compiled code can't be loaded and is made again");
                self.cache.distrust(name);
                None
            }
        }
    }

    async fn compile(&self, name: &Name, upload: Option<&Bytes>) -> Result<Loaded, Problem> {
        let bytes = match upload {
            Some(bytes) => bytes.clone(),
            None => {
                self.gauges.recompiled_artifacts.fetch_add(1, Relaxed);
                let stored = self.store.blobs.get(Area::Wasm, &name.wasm).await?;
                stored.ok_or_else(|| Problem::new(500, "internal", "a stored component is missing"))?
            }
        };
        let Output { compiled, functions, code: image } = self.compile_knowing(name.project, bytes).await?;
        let kind = compiled.kind;
        let code = match (self.keep(name, kind, &image), upload) {
            // A disk that is full must not stop a function that is deployed (threat E6).
            (Err(Unkept::Unwritten(error)), None) => self.hold(name, kind, &image, &error)?,
            (kept, _) => kept?,
        };
        let (shelves, project) = (self.shelves.clone(), name.project);
        // After the code, whose place on the disk comes first.
        blocking(move || shelves.add(project, Lane::of(kind), &functions)).await?;
        let effort = Effort { compiled: compiled.functions_compiled, reused: compiled.functions_reused };
        Ok(Loaded { kind, code: Arc::new(code), effort })
    }

    /// Compiles with what the project has had compiled before. A component that is at the limits without it fails with it:
    /// then there is a second attempt, and the next ones begin anew.
    async fn compile_knowing(&self, project: ProjectId, bytes: Bytes) -> Result<Output, Problem> {
        let shelves = self.shelves.clone();
        let known = async { blocking(move || shelves.known(project)).await.unwrap_or_default() };
        match self.compiler.compile(project, bytes.clone(), known).await {
            Err(problem) if problem.code == COMPILE_LIMIT && self.shelves.remove(project) => {
                self.compiler.compile(project, bytes, std::future::ready(Known::default())).await
            }
            compiled => compiled,
        }
    }

    /// Writes code to the cache and loads it. Linked before it is published: what imports too much never gets a name.
    fn keep(&self, name: &Name, kind: GuestKind, image: &[u8]) -> Result<Code, Unkept> {
        let staged = self.cache.stage(name, kind, image).map_err(Unkept::Unwritten)?;
        let code = self.engine.load(&staged.file, kind).map_err(Unkept::Unloadable)?;
        staged.publish().map_err(Unkept::Unwritten)?;
        Ok(code)
    }

    /// Loads code that could not be written: it is in memory only, and made again after the next start.
    fn hold(
        &self,
        name: &Name,
        kind: GuestKind,
        image: &[u8],
        unwritten: &std::io::Error,
    ) -> Result<Code, Problem> {
        tracing::warn!(%name, error = %unwritten, "compiled code can't be written and is kept in memory only");
        let file = sys::file_in_memory("ostro-code", image).map_err(|error| Problem::internal(&error))?;
        self.engine.load(&file, kind).map_err(|error| unloadable(&error))
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Problem::internal(&error))
}

/// Why compiled code is not in the cache.
enum Unkept {
    Unwritten(std::io::Error),
    Unloadable(LoadError),
}

impl From<Unkept> for Problem {
    fn from(unkept: Unkept) -> Self {
        match unkept {
            Unkept::Unwritten(error) => unwritten(&error),
            Unkept::Unloadable(error) => unloadable(&error),
        }
    }
}

fn unwritten(error: &std::io::Error) -> Problem {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            Problem::new(507, "no_space", "the server's disk is full; nothing was changed")
        }
        _ => Problem::internal(error),
    }
}

fn unloadable(error: &LoadError) -> Problem {
    match error {
        LoadError::Imports(names) => {
            let message =
                format!("the component imports what this server does not offer: {}", names.join(", "));
            Problem::new(422, "missing_imports", message)
                .hint("remove these imports, or update the server")
                .detail(serde_json::json!({ "imports": names }))
        }
        LoadError::Exports(reason) => {
            let message = format!("the component has no export to start it by: {}", quote(reason));
            Problem::new(422, "unsupported_component", message)
                .hint("build it again with the WIT of wasi:http 0.2 or 0.3, wasi:cli, or ostro:triggers 0.1")
        }
        LoadError::Unusable(reason) => {
            tracing::error!(reason, "code that was just compiled can't be loaded");
            Problem::new(500, "internal", "the compiled code can't be used")
        }
    }
}
