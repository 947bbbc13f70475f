//! One executor's door with real guests behind it, for tests: real limits, no sockets.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use host_api::Services;
use host_api::grants::Grants;
use host_api::outbound_http::{EgressOptions, TlsClient};
use store::catalog::{
    Access, Digest, FunctionId, GuestKind, JobLimits, Limits, OnDisconnect, ProjectId, RevisionSpec,
};
use uuid::Uuid;

use super::{Admission, Dispatch, Event, Failure, Reply};
use crate::clock::Clock;
use crate::executor::background::Background;
use crate::instance::{Budgets, Code, EngineOptions, GuestEngine, LoadError};
use crate::pool::{LoadedCode, Pool};
use crate::registry::artifact::Artifacts;
use crate::registry::compile::{CompileLimits, Compiler, compile_here};
use crate::registry::live::{Live, LiveProject};
use crate::telemetry::{InvocationRecord, Telemetry, TelemetryGuard, TelemetryOptions};
use crate::test_store::test_store;

#[allow(dead_code, unreachable_pub, reason = "shared with the tests of the product, which use more of it")]
#[path = "../../../tests/support/guest.rs"]
mod guest;

#[allow(dead_code, unreachable_pub, reason = "shared with the tests of the product, which use more of it")]
#[allow(clippy::disallowed_methods, reason = "it finds what was built by the environment of the test")]
#[path = "../../../tests/support/example.rs"]
mod example;

/// One executor's door and what stands behind it.
pub(crate) struct Bench {
    pub(crate) dispatch: Dispatch,
    pub(crate) engine: Arc<GuestEngine>,
    loaded: Arc<LoadedCode>,
    generations: AtomicU64,
    _guard: TelemetryGuard,
    _folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let store = test_store(folder.path(), &clock);
        let logs = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        let options = TelemetryOptions::new(logs, store.totals.clone(), clock.clone());
        let (telemetry, guard) = Telemetry::start(options).unwrap();
        let engine = GuestEngine::new(&EngineOptions { instances: 8, max_memory_bytes: 64 << 20 }).unwrap();
        let budgets = Budgets::new(1 << 30);
        let compiler = Compiler::new("/nowhere".into(), CompileLimits::default());
        let artifacts = Artifacts::new(store, engine.clone(), compiler, telemetry.gauges().clone()).unwrap();
        let handle = tokio::runtime::Handle::current();
        let loaded = Arc::new(LoadedCode::new(Arc::new(artifacts), 16, handle.clone()));
        let egress = EgressOptions::new(TlsClient::new().unwrap(), handle);
        let dispatch = Dispatch {
            admission: Arc::new(Admission::new(8, None, budgets.clone())),
            pool: Arc::new(Pool::new(loaded.clone(), budgets, clock.clone(), egress, Services::closed(), 4)),
            background: Background::start(0).unwrap(),
            telemetry,
            clock,
        };
        Self { dispatch, engine, loaded, generations: AtomicU64::new(1), _guard: guard, _folder: folder }
    }

    /// A component, compiled here and loaded as the server loads it.
    pub(crate) fn load(&self, wasm: Vec<u8>) -> Result<Code, LoadError> {
        let (compiled, image) = compile_here(wasm).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&image).unwrap();
        self.engine.load(&file, compiled.kind)
    }

    /// A test guest, live under these limits.
    pub(crate) fn live(&self, name: &str, change: impl FnOnce(&mut RevisionSpec)) -> Arc<Live> {
        self.live_of(name, GuestKind::Http02, guest::component(name), change)
    }

    /// The guest of WASI 0.3 that is built from `tests/guests-rust`, live under these limits.
    pub(crate) fn live_03(&self, change: impl FnOnce(&mut RevisionSpec)) -> Arc<Live> {
        self.live_of("p3-worker", GuestKind::Http03, example::component("p3-worker"), change)
    }

    fn live_of(
        &self,
        name: &str,
        kind: GuestKind,
        wasm: Vec<u8>,
        change: impl FnOnce(&mut RevisionSpec),
    ) -> Arc<Live> {
        let digest = Digest::of(&wasm);
        let code = Arc::new(self.load(wasm).unwrap());
        let project = ProjectId(Uuid::from_u128(1));
        let mut spec = RevisionSpec {
            digest: digest.clone(),
            wasm: digest.clone(),
            wasm_bytes: 0,
            assets: None,
            kind,
            exports: code.exports(),
            env: BTreeMap::new(),
            limits: Limits::default(),
            jobs: JobLimits::default(),
            args: Vec::new(),
            reuse: 1,
            concurrent: 1,
            on_disconnect: OnDisconnect::Finish,
        };
        change(&mut spec);
        self.loaded.hold((project, digest.clone()), code);
        Arc::new(Live {
            generation: self.generations.fetch_add(1, Relaxed),
            project: Arc::new(LiveProject { id: project, name: "default".to_owned() }),
            function: FunctionId(Uuid::now_v7()),
            name: name.to_owned(),
            revision: 1,
            identity: Arc::default(),
            spec,
            code: (project, digest),
            env: Arc::default(),
            environment: Arc::default(),
            args: Arc::default(),
            assets: None,
            routes: Vec::new(),
            access: Access::default(),
            callable: false,
            grants: Arc::new(Grants::parse(&[] as &[String]).unwrap()),
            secrets: Arc::default(),
            cron: Vec::new(),
            queues: Vec::new(),
            events: Vec::new(),
        })
    }

    pub(crate) async fn run(&self, live: &Arc<Live>, event: Event) -> Result<Reply, Failure> {
        let completed =
            tokio::time::timeout(Duration::from_secs(20), self.dispatch.event(live.clone(), event));
        completed.await.unwrap().result
    }

    /// The only record, as soon as it is there.
    pub(crate) async fn record(&self, live: &Live) -> InvocationRecord {
        for _ in 0..500 {
            if let Some(record) = self.dispatch.telemetry.recent(live.function, 1).into_iter().next() {
                return record;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the invocation was not recorded");
    }

    pub(crate) async fn lines(&self, live: &Live) -> Vec<String> {
        let lines = self.dispatch.telemetry.logs(live.function, 0, 100).await.unwrap();
        lines.into_iter().map(|line| line.message).collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.dispatch.background.close();
    }
}
