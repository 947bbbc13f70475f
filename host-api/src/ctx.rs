//! The host's side of one instance: what its function may use, and what the running invocation has used.

use std::collections::BTreeMap;
use std::sync::Arc;

use store::jobs::Lineage;
use wasmtime::component::{HasData, Linker, ResourceTable};

use crate::bindings;
use crate::error::Refusal;
use crate::functions::{Call, Identity};
use crate::grants::Grants;
use crate::log::{LogSink, LogWriter, Stream};
use crate::meter::{Interface, Meter};
use crate::outbound_http::{EgressPool, OutboundHttp};
use crate::secrets::SecretValues;
use crate::services::ProjectServices;
use crate::stdio::LogStream;
use crate::{config, logging};

/// Everything that the host interfaces of one instance need.
///
/// Life: [`HostCtx::new`] with the instance, then for each invocation [`HostCtx::begin`] and
/// [`HostCtx::end`]; the meter is read after that. Before the first invocation every budget is empty and the log
/// goes nowhere. Grants and environment are fixed for the life of the instance: where they change, it is replaced.
pub struct HostCtx {
    /// Which function it is.
    pub identity: Arc<Identity>,
    /// The running invocation; nothing before the first.
    pub call: Call,
    /// What the function may use.
    pub grants: Arc<Grants>,
    /// The granted secrets that exist, as they were when the invocation began.
    pub secrets: Arc<SecretValues>,
    /// The function's environment, for `wasi:config/store`.
    pub environment: Arc<BTreeMap<String, String>>,
    /// Calls and budgets of the running invocation.
    pub meter: Meter,
    /// The log of the running invocation.
    pub log: LogWriter,
    /// Outbound HTTP: the hooks for `wasmtime-wasi-http`.
    pub http: OutboundHttp,
    /// What the platform keeps for its project.
    pub services: ProjectServices,
    /// Values that the guest's handles hold here, bytes.
    pub(crate) looked_at: usize,
    limits: HostLimits,
}

/// What an instance's [`HostCtx`] is made of: the same for all instances of a revision on one executor.
#[derive(Clone)]
pub struct HostParts {
    /// Which function it is.
    pub identity: Arc<Identity>,
    /// What the function may use.
    pub grants: Arc<Grants>,
    /// The function's environment, for `wasi:config/store`.
    pub environment: Arc<BTreeMap<String, String>>,
    /// Outbound connections of the function's project.
    pub egress: EgressPool,
    /// What the platform keeps for the function's project.
    pub services: ProjectServices,
    /// Limits of one invocation.
    pub limits: HostLimits,
}

/// What the host is told of one invocation.
#[derive(Clone)]
pub struct Invocation {
    /// Its id and its end.
    pub call: Call,
    /// Where its log goes.
    pub log: Arc<dyn LogSink>,
    /// Values of the secrets that it may see.
    pub secrets: Arc<SecretValues>,
}

/// What one invocation may use of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostLimits {
    /// Outbound HTTP calls.
    pub outbound_calls: u32,
    /// Calls of other functions, by whatever interface.
    pub function_calls: u32,
    /// Bytes of log, each line counted with its line end.
    pub log_bytes: u64,
    /// Lines of log, so that empty lines are bounded too.
    pub log_lines: u32,
    /// Bytes of one line of log.
    pub log_line_bytes: usize,
    /// Lines that the platform adds to the log, such as refusals.
    pub platform_lines: u32,
}

impl Default for HostLimits {
    fn default() -> Self {
        Self {
            outbound_calls: 50,
            function_calls: 1_000,
            log_bytes: 256 * 1024,
            log_lines: 8 * 1024,
            log_line_bytes: 4 * 1024,
            platform_lines: 64,
        }
    }
}

impl HostCtx {
    /// The context of a new instance, before its first invocation.
    pub fn new(parts: HostParts) -> Self {
        let HostParts { identity, grants, environment, egress, services, limits } = parts;
        let meter = Meter::default();
        let log = LogWriter::new(meter.clone(), limits.log_line_bytes);
        let http = OutboundHttp::new(
            grants.clone(),
            egress,
            services.neighbours.clone(),
            log.clone(),
            meter.clone(),
        );
        let (call, secrets) = (Call::default(), Arc::default());
        Self {
            identity,
            call,
            grants,
            secrets,
            environment,
            meter,
            log,
            http,
            services,
            looked_at: 0,
            limits,
        }
    }

    /// Starts an invocation: budgets are full, its log goes where it says, secrets are as it has them.
    pub fn begin(&mut self, invocation: Invocation) {
        let Invocation { call, log, secrets } = invocation;
        self.meter.begin(&self.limits);
        self.log.begin(log, secrets.clone());
        self.http.begin(call.clone());
        self.call = call;
        self.secrets = secrets;
    }

    /// Goes on with an invocation that began before: its log and its secrets, and what is left of the budgets.
    pub fn resume(&mut self, invocation: Invocation) {
        let Invocation { call, log, secrets } = invocation;
        self.log.begin(log, secrets.clone());
        self.http.begin(call.clone());
        self.call = call;
        self.secrets = secrets;
    }

    /// Says again where the running invocation comes from: of several in one instance nobody knows whose call it is.
    pub fn descend(&mut self, lineage: Lineage) {
        self.call.lineage = lineage;
        self.http.begin(self.call.clone());
    }

    /// Standard output or standard error of the instance, valid for all its invocations.
    pub fn stream(&self, stream: Stream) -> LogStream {
        LogStream::new(self.log.clone(), self.meter.clone(), stream)
    }

    /// Refuses a call for want of that grant. The owner finds it in the log, whatever the guest makes of it.
    pub(crate) fn refuse(&self, interface: Interface, grant: String) -> Refusal {
        let refusal = Refusal { grant };
        self.log.platform("warn", &format!("{} refused a call: {refusal}", interface.name()));
        refusal
    }

    /// Ends an invocation: unfinished lines are written, later ones go nowhere.
    pub fn end(&mut self) {
        self.log.end();
    }
}

/// The state of an instance, seen by the host interfaces.
pub trait HostView: Send + 'static {
    /// Borrows the context and the resource table.
    fn host(&mut self) -> HostCtxView<'_>;
}

/// A borrowed [`HostCtx`] with the instance's resource table. The generated `Host` traits are implemented
/// for this type.
pub struct HostCtxView<'a> {
    /// The context.
    pub ctx: &'a mut HostCtx,
    /// Handles that the guest holds.
    pub table: &'a mut ResourceTable,
}

/// Links every interface of this package: `ostro:auth`, `ostro:secrets/store`, `ostro:queue/producer`, `ostro:realtime/channels`, `ostro:functions/context` and
/// `invoke`, `ostro:db`, `ostro:storage/objects`, `wasi:keyvalue`, `wasi:config/store` and `wasi:logging/logging`, each
/// under all names that it is served by.
pub fn add_to_linker<T: HostView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    bindings::ostro::auth::identity::add_to_linker::<T, HasHost>(linker, T::host)?;
    bindings::ostro::auth::users::add_to_linker::<T, HasHost>(linker, T::host)?;
    bindings::ostro::secrets::store::add_to_linker::<T, HasHost>(linker, T::host)?;
    bindings::ostro::queue::producer::add_to_linker::<T, HasHost>(linker, T::host)?;
    bindings::ostro::realtime::channels::add_to_linker::<T, HasHost>(linker, T::host)?;
    bindings::ostro::functions::context::add_to_linker::<T, HasHost>(linker, T::host)?;
    bindings::ostro::functions::invoke::add_to_linker::<T, HasHost>(linker, T::host)?;
    bindings::ostro::db::documents::add_to_linker::<T, HasHost>(linker, T::host)?;
    bindings::ostro::db::transactions::add_to_linker::<T, HasHost>(linker, T::host)?;
    bindings::ostro::db::sql::add_to_linker::<T, HasHost>(linker, T::host)?;
    bindings::ostro::storage::objects::add_to_linker::<T, HasHost>(linker, T::host)?;
    bindings::wasi::keyvalue::store::add_to_linker::<T, HasHost>(linker, T::host)?;
    bindings::wasi::keyvalue::atomics::add_to_linker::<T, HasHost>(linker, T::host)?;
    bindings::wasi::keyvalue::batch::add_to_linker::<T, HasHost>(linker, T::host)?;
    bindings::wasi::config::store::add_to_linker::<T, HasHost>(linker, T::host)?;
    bindings::wasi::logging::logging::add_to_linker::<T, HasHost>(linker, T::host)?;
    config::add_aliases(linker)?;
    logging::add_aliases(linker)
}

struct HasHost;

impl HasData for HasHost {
    type Data<'a> = HostCtxView<'a>;
}

#[cfg(test)]
mod tests;
