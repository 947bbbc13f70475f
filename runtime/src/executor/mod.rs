//! One single-threaded executor: it accepts, routes, dispatches and runs guests without crossing threads.
//! Long work goes on, on its background thread.
//!
//! Executors share four things and nothing else: the route table, compiled code, counters, telemetry.

pub mod background;
mod door;
mod turns;

pub use door::{Door, Gone};

use std::net::IpAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use host_api::Services;
use host_api::outbound_http::{EgressOptions, TlsClient};
use tokio::sync::{mpsc, watch};

use crate::client_api::Doors;
use crate::clock::Clock;
use crate::dispatch::{Admission, Dispatch};
use crate::front_door::{Balance, FrontDoor, Inner, Service};
use crate::instance::Budgets;
use crate::pass::Pass;
use crate::pool::{LoadedCode, Pool};
use crate::problem::Problem;
use crate::registry::live::{Consumers, Routes};
use crate::sys;
use crate::telemetry::Telemetry;
use background::Background;
use door::Intake;

/// Tasks polled before the executor looks at its sockets and timers. tokio's 61 would let guests that use up
/// their ticks keep I/O waiting for a good part of a tenth of a second.
const EVENT_INTERVAL: u32 = 8;
/// How often a draining executor looks whether invocations still run.
const DRAIN_LOOK: Duration = Duration::from_millis(20);
/// How often idle instances are looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// What the executors share.
#[derive(Clone)]
pub struct Shared {
    /// The route table.
    pub routes: Arc<ArcSwap<Routes>>,
    /// All active functions, as they call each other.
    pub functions: Arc<ArcSwap<Consumers>>,
    /// Compiled code.
    pub loaded: Arc<LoadedCode>,
    /// Memory of all instances.
    pub budgets: Arc<Budgets>,
    /// Capacity.
    pub admission: Arc<Admission>,
    /// Records and logs.
    pub telemetry: Arc<Telemetry>,
    /// Time.
    pub clock: Clock,
    /// Trust in upstreams.
    pub tls: TlsClient,
    /// What the platform keeps for projects.
    pub services: Services,
    /// Ports of this machine that guests never reach.
    pub forbidden_ports: Arc<[u16]>,
    /// Addresses whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Lets the control API's calls by name through.
    pub pass: Pass,
    /// What is answered without a guest.
    pub doors: Doors,
    /// Longest wait for a request's head.
    pub head_time: Duration,
    /// Longest wait for requests in flight when the server ends.
    pub drain_time: Duration,
    /// Instances that each executor may keep.
    pub most_kept: usize,
}

/// Starts the executors over one listening socket, and opens the door for events. They end when `shutdown` turns
/// true and what is in flight has ended.
pub fn start(
    count: usize,
    listener: &std::net::TcpListener,
    most_connections: usize,
    shared: &Shared,
    shutdown: &watch::Receiver<bool>,
) -> Result<(Vec<JoinHandle<()>>, Door), Problem> {
    let (balance, receivers) = Balance::new(count, most_connections, shared.telemetry.gauges().clone());
    let (door, intakes) = Door::new(count, shutdown.clone());
    let mut threads = Vec::with_capacity(count);
    for (index, (handed, intake)) in receivers.into_iter().zip(intakes).enumerate() {
        let listener = listener.try_clone().map_err(|error| Problem::internal(&error))?;
        let executor = Executor {
            index,
            listener,
            handed,
            intake,
            balance: balance.clone(),
            shared: shared.clone(),
            background: Background::start(index)?,
        };
        let shutdown = shutdown.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .event_interval(EVENT_INTERVAL)
            .build()
            .map_err(|error| Problem::internal(&error))?;
        let thread = std::thread::Builder::new()
            .name(format!("ostro-exec-{index}"))
            .spawn(move || executor.run(&runtime, shutdown))
            .map_err(|error| Problem::internal(&error))?;
        threads.push(thread);
    }
    Ok((threads, door))
}

struct Executor {
    index: usize,
    listener: std::net::TcpListener,
    handed: mpsc::UnboundedReceiver<(std::net::TcpStream, std::net::SocketAddr)>,
    intake: Intake,
    balance: Arc<Balance>,
    shared: Shared,
    background: Background,
}

/// An executor whose parts are there, on its own thread.
struct Opened {
    door: FrontDoor,
    intake: Intake,
    /// Guests have no more than a weak hold of it.
    inner: Arc<Inner>,
    drain_time: Duration,
}

impl Executor {
    fn run(self, runtime: &tokio::runtime::Runtime, shutdown: watch::Receiver<bool>) {
        sys::prefer_latency();
        let background = self.background.clone();
        let gauges = self.shared.telemetry.gauges().clone();
        runtime.block_on(async move {
            match self.open(runtime) {
                Ok(Opened { door, intake, inner, drain_time }) => {
                    let sweeping = tokio::spawn(sweep(inner.dispatch.pool.clone()));
                    let events = tokio::spawn(intake.run(inner.dispatch.clone(), shutdown.clone()));
                    door.run(shutdown, drain_time).await;
                    // Events, and guests whose clients have gone, are owed their end as well.
                    let ended = async {
                        let _ = events.await;
                        while gauges.running.load(Relaxed) > 0 {
                            tokio::time::sleep(DRAIN_LOOK).await;
                        }
                    };
                    let _ = tokio::time::timeout(drain_time, ended).await;
                    sweeping.abort();
                }
                Err(error) => tracing::error!(%error, "an executor could not start"),
            }
        });
        background.close();
    }

    fn open(self, runtime: &tokio::runtime::Runtime) -> std::io::Result<Opened> {
        let inner = self.inner(runtime);
        let service = Service {
            routes: self.shared.routes,
            functions: inner.functions.clone(),
            dispatch: inner.dispatch.clone(),
            trusted_proxies: self.shared.trusted_proxies,
            pass: self.shared.pass,
            doors: self.shared.doors,
        };
        let door = FrontDoor {
            listener: tokio::net::TcpListener::from_std(self.listener)?,
            service: Arc::new(service),
            balance: self.balance,
            index: self.index,
            handed: self.handed,
            head_time: self.shared.head_time,
        };
        let (intake, drain_time) = (self.intake, self.shared.drain_time);
        Ok(Opened { door, intake, inner, drain_time })
    }

    /// The way in, and the door by which its guests come back to it.
    fn inner(&self, runtime: &tokio::runtime::Runtime) -> Arc<Inner> {
        let Shared { functions, loaded, budgets, admission, telemetry, clock, tls, services, .. } =
            self.shared.clone();
        let mut egress = EgressOptions::new(tls, runtime.handle().clone());
        egress.forbidden_ports = self.shared.forbidden_ports.clone();
        Arc::new_cyclic(|inner: &Weak<Inner>| {
            let services = services.with_door(inner.clone());
            let most_kept = self.shared.most_kept;
            let pool = Arc::new(Pool::new(loaded, budgets, clock.clone(), egress, services, most_kept));
            let dispatch =
                Dispatch { admission, pool, background: self.background.clone(), telemetry, clock };
            Inner { dispatch, functions, executor: runtime.handle().clone() }
        })
    }
}

async fn sweep(pool: Arc<Pool>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        pool.sweep();
    }
}
