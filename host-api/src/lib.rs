//! What a guest may call beyond WASI, and whether it may: one file per WIT interface.
//!
//! The runtime keeps one [`HostCtx`] in the state of each instance, implements [`HostView`] for that state
//! and links everything with [`add_to_linker`]. `wasi:http` is wired by handing [`HostCtx::http`] to
//! `wasmtime-wasi-http` as its hooks, standard output by handing it [`stdio::LogStream`]s. What a component exports to be
//! started by schedules and queues is in [`triggers`].

pub mod auth;
mod bindings;
mod config;
mod ctx;
mod db;
mod error;
mod failure;
mod functions;
pub mod grants;
pub mod invoke;
mod keyvalue;
mod log;
mod logging;
mod meter;
pub mod objects;
pub mod outbound_http;
mod queue;
mod realtime;
mod secrets;
mod services;
pub mod stdio;
pub mod triggers;

pub use ctx::{HostCtx, HostCtxView, HostLimits, HostParts, HostView, Invocation, add_to_linker};
pub use error::{GrantError, Refusal};
pub use functions::{Call, Identity};
pub use log::{LogSink, LogSource, LogWriter, Stream};
pub use meter::{Interface, Meter, Use};
pub use secrets::SecretValues;
pub use services::{ProjectServices, Services};
