//! The composition root: Config → App → run → drain, all in this file.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use host_api::Services;
use host_api::outbound_http::{EgressOptions, EgressPool, TlsClient};
use store::{KeySource, Quotas, Store};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};

use crate::accounts::issuers::Issuers;
use crate::accounts::mails::Mails;
use crate::accounts::mails::post::Post;
use crate::accounts::mails::relay::Relay;
use crate::accounts::passwords::Passwords;
use crate::client_api::Doors;
use crate::client_api::auth::Proofs;
use crate::clock::Clock;
use crate::config::Config;
use crate::control::{self, AdminToken, ControlParts, ControlState};
use crate::dispatch::Admission;
use crate::executor;
use crate::instance::{Budgets, EngineOptions, GuestEngine};
use crate::pass::Pass;
use crate::pool::LoadedCode;
use crate::problem::Problem;
use crate::registry::artifact::Artifacts;
use crate::registry::compile::Compiler;
use crate::registry::settings::Ceilings;
use crate::registry::{Registry, RegistryParts};
use crate::sys;
use crate::telemetry::{Gauges, Telemetry, TelemetryGuard, TelemetryOptions};
use crate::triggers::{GIVE_BACK, TriggerParts, Triggers};

/// Largest memory that a function may ask for, bytes: what each slot of the allocator is sized for.
const MAX_MEMORY_BYTES: usize = 1 << 30;
/// Compiled revisions that stay mapped.
const MAX_LOADED: usize = 256;
/// Descriptors kept free of connections: files, pipes of compilers, outbound calls.
const RESERVED_FILES: u64 = 512;
/// After the drain, what was cut has this long to end.
const AFTER_DRAIN: Duration = Duration::from_secs(2);
/// The triggers say themselves what they leave behind: they have a little longer than their own patience.
const AFTER_GIVE_BACK: Duration = Duration::from_secs(1);
/// How often gauges that nobody pushes are read.
const GAUGE_PERIOD: Duration = Duration::from_secs(1);

/// What a server that has just begun to listen says of itself.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Where the data plane listens.
    pub listen: SocketAddr,
    /// Where the control plane listens.
    pub admin: SocketAddr,
    /// The admin token.
    pub token: String,
    /// The file that holds it.
    pub token_file: PathBuf,
    /// Domain whose sub-domains are functions and projects.
    pub domain: Option<String>,
    /// The data directory was made by this start.
    pub first_start: bool,
}

/// Ends a server from within its process, as SIGTERM does: by [`Stop::now`], or by being dropped.
#[derive(Debug)]
pub struct Stop(oneshot::Sender<()>);

/// What a server waits on for its [`Stop`].
#[derive(Debug)]
pub struct Stopping(oneshot::Receiver<()>);

impl Stop {
    /// A pair of the two.
    pub fn pair() -> (Self, Stopping) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), Stopping(receiver))
    }

    /// Asks the server to drain and end.
    pub fn now(self) {
        // A server that has ended already hears nothing.
        let _ = self.0.send(());
    }
}

/// Runs the server until SIGTERM or SIGINT, then lets requests and jobs in flight end. Blocks. `ready` is called once
/// both planes listen.
pub fn run(config: Config, ready: impl FnOnce(&Ready)) -> Result<(), Problem> {
    let (_stop, stopping) = Stop::pair();
    run_until(config, stopping, ready)
}

/// The same, with another way to end it.
pub fn run_until(config: Config, stopping: Stopping, ready: impl FnOnce(&Ready)) -> Result<(), Problem> {
    sys::no_core_dumps();
    let files = sys::raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("ostro-control")
        .enable_all()
        .build()
        .map_err(|error| Problem::internal(&error))?;
    let app = runtime.block_on(App::build(config, files))?;
    let ended = runtime.block_on(app.run(stopping, ready));
    // Executors that were cut are waited for by nobody.
    runtime.shutdown_background();
    ended
}

/// A server that is set up and does not yet answer.
struct App {
    control: ControlState,
    executors: Vec<JoinHandle<()>>,
    triggers: Triggers,
    telemetry: TelemetryGuard,
    admin: TcpListener,
    shutdown: watch::Sender<bool>,
    drain_time: Duration,
    gauges: tokio::task::JoinHandle<()>,
    ready: Ready,
}

impl App {
    async fn build(config: Config, files: u64) -> Result<Self, Problem> {
        let first_start = !config.data.join("VERSION").exists();
        let (listen, admin) = (bind("listen", config.listen)?, bind("admin", config.admin)?);
        let (listen_address, admin_address) = (address(&listen)?, address(&admin)?);
        let clock = open_clock(config.test_clock)?;
        let store = open_store(config.data, config.key, config.quotas, clock.clone())?;
        let (telemetry, guard) = start_telemetry(&store, clock.clone())?;
        let Guests { engine, budgets, kept, instances, artifacts, loaded } =
            Guests::new(config.max_instances, config.max_memory_bytes, &store, &telemetry)?;
        let registry = Registry::open(RegistryParts {
            store: store.clone(),
            engine,
            artifacts,
            clock: clock.clone(),
            domain: config.domain.clone(),
            data_port: listen_address.port(),
            loaded: loaded.clone(),
            telemetry: telemetry.clone(),
            ceilings: ceilings(),
        })
        .await?;
        let tls = TlsClient::new().map_err(|error| Problem::internal(&error))?;
        let (pass, proofs) = (Pass::new()?, proofs(&tls, admin_address, &store, config.relay, &clock)?);
        let (shutdown, stopping) = watch::channel(false);
        let doors = Doors::new(&store, proofs.clone(), clock.clone(), stopping.clone());
        let shared = executor::Shared {
            routes: registry.routes(),
            functions: registry.consumers(),
            loaded: loaded.clone(),
            budgets: budgets.clone(),
            admission: Arc::new(Admission::new(instances, config.project_rate, budgets.clone())),
            most_kept: kept as usize / config.executors,
            telemetry: telemetry.clone(),
            clock: clock.clone(),
            tls,
            services: Services::new(&store).with_users(Arc::new(doors.api.desk())),
            forbidden_ports: Arc::from([admin_address.port()]),
            trusted_proxies: config.trusted_proxies,
            pass: pass.clone(),
            doors,
            head_time: config.head_time,
            drain_time: config.drain_time,
        };
        let (executors, door) =
            executor::start(config.executors, &listen, most_connections(files), &shared, &stopping)?;
        let parts = trigger_parts(&store, &registry, door, clock.clone(), instances, config.drain_time);
        let triggers = Triggers::start(parts, &stopping);
        let gauges = tokio::spawn(read_gauges(telemetry.gauges().clone(), budgets, loaded));
        let ready = Ready {
            listen: listen_address,
            admin: admin_address,
            token_file: store.data.path().join("admin.token"),
            domain: config.domain,
            first_start,
            token: store.data.admin_token()?,
        };
        let gates = Gates { admin_hosts: config.admin_hosts, pass, proofs };
        let control = control(&store, registry, telemetry, clock, &ready, gates)?;
        Ok(Self {
            control,
            executors,
            triggers,
            telemetry: guard,
            admin,
            shutdown,
            drain_time: config.drain_time,
            gauges,
            ready,
        })
    }

    async fn run(self, asked: Stopping, ready: impl FnOnce(&Ready)) -> Result<(), Problem> {
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| Problem::internal(&error))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| Problem::internal(&error))?;
        let admin =
            tokio::net::TcpListener::from_std(self.admin).map_err(|error| Problem::internal(&error))?;
        ready(&self.ready);
        let mut stopping = self.shutdown.subscribe();
        let stopped = async move {
            // An error means that the sender is gone, which is the end as well.
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        let control = tokio::spawn(control::serve(admin, self.control, stopped));
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = asked.0 => {}
        }
        tracing::info!("stopping: requests and jobs in flight may end");
        self.shutdown.send_replace(true);
        self.gauges.abort();
        let (executors, mut triggers) = (self.executors, self.triggers);
        let threads =
            tokio::task::spawn_blocking(move || executors.into_iter().for_each(|thread| drop(thread.join())));
        let ended = async {
            triggers.ended().await;
            drop(threads.await);
        };
        tokio::select! {
            () = ended => {}
            () = tokio::time::sleep(self.drain_time + AFTER_DRAIN) => {}
            // Asked a second time: whoever waits knows what is lost.
            _ = interrupt.recv() => tracing::warn!("requests in flight were cut"),
            _ = terminate.recv() => tracing::warn!("requests in flight were cut"),
        }
        // Jobs are not lost: they are given back.
        triggers.cut();
        drop(tokio::time::timeout(GIVE_BACK + AFTER_GIVE_BACK, triggers.ended()).await);
        drop(tokio::time::timeout(Duration::from_secs(2), control).await);
        self.telemetry.shutdown().await;
        Ok(())
    }
}

/// How many connections that many open files leave room for.
fn most_connections(files: u64) -> usize {
    usize::try_from(files.saturating_sub(RESERVED_FILES).max(64)).unwrap_or(usize::MAX)
}

/// What guests run on.
struct Guests {
    engine: Arc<GuestEngine>,
    budgets: Arc<Budgets>,
    /// Slots for instances that are kept while they serve nobody: a quarter.
    kept: u32,
    /// The other slots: for instances that serve.
    instances: u32,
    artifacts: Arc<Artifacts>,
    loaded: Arc<LoadedCode>,
}

impl Guests {
    fn new(
        instances: u32,
        memory_bytes: u64,
        store: &Arc<Store>,
        telemetry: &Telemetry,
    ) -> Result<Self, Problem> {
        let engine = GuestEngine::new(&EngineOptions { instances, max_memory_bytes: MAX_MEMORY_BYTES })?;
        let kept = engine.instances() / 4;
        let compiler = Compiler::of_this_program()?;
        let artifacts = Artifacts::new(store.clone(), engine.clone(), compiler, telemetry.gauges().clone())?;
        let artifacts = Arc::new(artifacts);
        Ok(Self {
            budgets: Budgets::new(memory_bytes),
            kept,
            instances: engine.instances().saturating_sub(kept).max(1),
            loaded: Arc::new(LoadedCode::new(artifacts.clone(), MAX_LOADED, Handle::current())),
            artifacts,
            engine,
        })
    }
}

/// How people prove who they are. Issuers are asked seldom, and not for long, because somebody waits to sign in.
fn proofs(
    tls: &TlsClient,
    control: SocketAddr,
    store: &Store,
    relay: Option<Relay>,
    clock: &Clock,
) -> Result<Proofs, Problem> {
    let egress = EgressPool::new(EgressOptions {
        connect: Duration::from_secs(3),
        total: Duration::from_secs(5),
        keep_per_upstream: 0,
        in_flight: 64,
        forbidden_ports: Arc::from([control.port()]),
        ..EgressOptions::new(tls.clone(), Handle::current())
    });
    let post = relay.map(|relay| Post::new(relay, clock.clone())).transpose()?;
    let mails = Mails::new(store, post, clock.clone());
    Ok(Proofs { passwords: Passwords::new()?, issuers: Issuers::new(egress), mails })
}

fn open_clock(test_clock: Option<PathBuf>) -> Result<Clock, Problem> {
    match test_clock {
        Some(file) => {
            tracing::warn!(file = %file.display(), "the clock is turned by OSTRO_TEST_CLOCK: this is for tests only");
            Clock::of_file(file).map_err(|error| Problem::internal(&error))
        }
        None => Ok(Clock::system()),
    }
}

fn start_telemetry(store: &Store, clock: Clock) -> Result<(Arc<Telemetry>, TelemetryGuard), Problem> {
    let logs = store.data.logs().try_clone().map_err(|error| Problem::internal(&error))?;
    let options = TelemetryOptions::new(logs, store.totals.clone(), clock);
    Telemetry::start(options).map_err(|error| Problem::internal(&error))
}

fn open_store(data: PathBuf, key: KeySource, quotas: Quotas, clock: Clock) -> Result<Arc<Store>, Problem> {
    let (timer, begin) = (clock.clone(), clock.instant());
    let timer = Arc::new(move || timer.instant().saturating_duration_since(begin));
    let config = store::Config { data, key, clock: Arc::new(move || clock.now_ms()), timer };
    store::open_with(config, quotas).map(Arc::new).map_err(|error| unusable(&error))
}

/// What the control API is reached by, and what it opens.
struct Gates {
    admin_hosts: Vec<String>,
    pass: Pass,
    proofs: Proofs,
}

fn control(
    store: &Arc<Store>,
    registry: Arc<Registry>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    ready: &Ready,
    gates: Gates,
) -> Result<ControlState, Problem> {
    let Gates { admin_hosts, pass, proofs } = gates;
    Ok(ControlState::new(ControlParts {
        projects: store.projects.clone(),
        tokens: store.tokens.clone(),
        functions: store.functions.clone(),
        sites: store.sites.clone(),
        secrets: store.secrets.clone(),
        audit: store.audit.clone(),
        changes: registry,
        telemetry,
        clock,
        admin: AdminToken::new(&ready.token)?,
        data_plane: ready.listen,
        pass,
        domain: ready.domain.clone(),
        admin_hosts,
        jobs: store.jobs.clone(),
        queues: store.queues.clone(),
        documents: store.documents.clone(),
        data: store.data.clone(),
        buckets: store.buckets.clone(),
        objects: store.objects.clone(),
        schedules: store.schedules.clone(),
        accounts: store.accounts.clone(),
        directory: store.directory.clone(),
        mails: proofs.mails,
        passwords: proofs.passwords,
    }))
}

fn trigger_parts(
    store: &Store,
    registry: &Arc<Registry>,
    door: executor::Door,
    clock: Clock,
    instances: u32,
    drain_time: Duration,
) -> TriggerParts {
    TriggerParts {
        jobs: store.jobs.clone(),
        schedules: store.schedules.clone(),
        consumers: registry.consumers(),
        door: Arc::new(door),
        heal: registry.clone(),
        clock,
        // The other half is for requests.
        deliveries: instances / 2,
        drain_time,
    }
}

/// The most that a function may ask for: memory is what the allocator's slots are sized for.
fn ceilings() -> Ceilings {
    let mut ceilings = Ceilings::default();
    ceilings.limits.memory_bytes = MAX_MEMORY_BYTES as u64;
    ceilings
}

fn bind(name: &str, address: SocketAddr) -> Result<TcpListener, Problem> {
    let listener =
        TcpListener::bind(address).and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    listener.map_err(|error| {
        Problem::new(500, "listen", format!("can't listen on {address}: {error}"))
            .hint(format!("choose another address with --{name}, or end what uses it"))
    })
}

fn address(listener: &TcpListener) -> Result<SocketAddr, Problem> {
    listener.local_addr().map_err(|error| Problem::internal(&error))
}

/// At the start the cause is the operator's to see.
fn unusable(error: &store::StoreError) -> Problem {
    Problem::new(500, "store", crate::problem::Chain(error).to_string())
}

/// Numbers that somebody else owns, read for the metrics.
async fn read_gauges(gauges: Arc<Gauges>, budgets: Arc<Budgets>, loaded: Arc<LoadedCode>) {
    use std::sync::atomic::Ordering::Relaxed;
    loop {
        gauges.memory_bytes.store(budgets.process().used(), Relaxed);
        gauges.loaded_code.store(loaded.count() as u64, Relaxed);
        tokio::time::sleep(GAUGE_PERIOD).await;
    }
}
