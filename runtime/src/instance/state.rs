//! What one store holds: WASI's contexts, the host interfaces' context, the limiter and the reins.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use host_api::{HostCtx, HostCtxView, HostView, Interface, Stream, Use};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::cli::{StdinStream, StdoutStream};
use wasmtime_wasi::{
    FsPerms, HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView,
};
use wasmtime_wasi_http::p2::body::HostOutgoingBody;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::control::Control;
use super::limits::Limiter;
use crate::clock::Clock;
use crate::telemetry::HostCalls;

/// Handles that a guest may hold at once.
pub(super) const MAX_HANDLES: usize = 10_000;
/// Headers and trailers of one message that a guest makes, bytes.
const MAX_FIELDS_BYTES: usize = 128 << 10;
/// Random bytes that one call may ask for (threat C2).
const MAX_RANDOM_BYTES: u64 = 64 << 10;

/// The data of a store.
pub(super) struct State {
    pub(super) host: HostCtx,
    pub(super) limiter: Limiter,
    pub(super) control: Arc<Control>,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
}

impl State {
    pub(super) fn new(
        host: HostCtx,
        limiter: Limiter,
        control: Arc<Control>,
        env: &[(String, String)],
        assets: Option<&PathBuf>,
        clock: &Clock,
    ) -> wasmtime::Result<Self> {
        let mut wasi = wasi(&host, env, assets, clock)?;
        wasi.stdout(host.stream(Stream::Stdout));
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(MAX_FIELDS_BYTES);
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        Ok(Self { host, limiter, control, wasi: wasi.build(), http, table })
    }
}

/// What a command is started with.
pub(super) struct CommandLine<'a> {
    /// Its name first.
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) assets: Option<&'a PathBuf>,
    pub(super) clock: &'a Clock,
}

impl State {
    /// Gives WASI the arguments, environment and standard streams of one run.
    pub(super) fn command(
        &mut self,
        line: &CommandLine<'_>,
        stdin: impl StdinStream + 'static,
        stdout: impl StdoutStream + 'static,
    ) -> wasmtime::Result<()> {
        let mut wasi = wasi(&self.host, &line.env, line.assets, line.clock)?;
        self.wasi = wasi.args(&line.args).stdin(stdin).stdout(stdout).build();
        Ok(())
    }

    /// Calls to host interfaces since the invocation began.
    pub(super) fn host_calls(&self) -> Vec<HostCalls> {
        let uses = self.host.meter.uses();
        let bill = |(interface, used): (Interface, Use)| HostCalls {
            interface: interface.name().to_owned(),
            calls: used.calls,
            rows: used.rows,
            bytes: used.bytes,
        };
        uses.map(bill).collect()
    }

    /// Whether the guest still has a response body that it neither finished nor dropped.
    pub(super) fn holds_unfinished_body(&mut self) -> bool {
        self.table.iter_mut().any(|entry| entry.is::<HostOutgoingBody>())
    }
}

/// What WASI gives every guest.
fn wasi(
    host: &HostCtx,
    env: &[(String, String)],
    assets: Option<&PathBuf>,
    clock: &Clock,
) -> wasmtime::Result<WasiCtxBuilder> {
    let mut wasi = WasiCtx::builder();
    wasi.stderr(host.stream(Stream::Stderr))
        .envs(env)
        .max_random_size(MAX_RANDOM_BYTES)
        .wall_clock(CoarseClock::new(clock))
        .monotonic_clock(CoarseClock::new(clock));
    if let Some(folder) = assets {
        // The files lie on a local disk. Elsewhere each reader of a folder (0.3) holds a thread until the guest reads on,
        // and a few hundred of them would hold all there are, which others need too.
        wasi.allow_blocking_current_thread(true);
        wasi.preopened_dir(folder, "/assets", FsPerms::ReadOnly)?;
    }
    Ok(wasi)
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.host.http }
    }
}

impl HostView for State {
    fn host(&mut self) -> HostCtxView<'_> {
        HostCtxView { ctx: &mut self.host, table: &mut self.table }
    }
}

/// The clock that guests see: one millisecond at the finest, so that it can't be used to observe what the
/// processor is doing for others (threat B9).
struct CoarseClock {
    clock: Clock,
    origin: std::time::Instant,
}

const GRAIN: Duration = Duration::from_millis(1);

impl CoarseClock {
    fn new(clock: &Clock) -> Self {
        Self { clock: clock.clone(), origin: clock.instant() }
    }
}

impl HostWallClock for CoarseClock {
    fn resolution(&self) -> Duration {
        GRAIN
    }

    fn now(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.clock.now_ms()).unwrap_or(0))
    }
}

impl HostMonotonicClock for CoarseClock {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        let since = self.clock.instant().saturating_duration_since(self.origin);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX / 1_000_000).saturating_mul(1_000_000)
    }
}
