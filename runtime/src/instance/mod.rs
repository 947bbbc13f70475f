//! One guest in its sandbox: the engine, the linker, a store's state, its limits, and the call.
//!
//! What bounds an instance's life: its CPU budget and deadline (`control`), its memory (`limits`), and the
//! number of invocations that it may serve (the pool's policy). A trap or a limit ends it.

mod cgi;
mod command;
mod concurrent;
pub mod control;
mod engine;
mod exports;
mod guest;
mod handler03;
mod limits;
mod load;
mod probe;
mod smoke;
mod state;
mod triggers;

pub use concurrent::{Caller, Callers, SharedCall};
pub use control::{Control, Kill};
pub use engine::{EngineOptions, GuestEngine, Lane, compile_config};
pub use guest::{Assignment, Context, Failure, GuestResponse, Instance, killed};
pub use limits::{Budgets, MemoryBudget};
pub use load::{Code, LoadError};
pub use smoke::{Silent, metered};

/// A failure of a body in flight, as the guest's HTTP interface names it.
pub use wasmtime_wasi_http::Error as BodyError;
/// A body that a guest reads or writes, whatever its interface.
pub use wasmtime_wasi_http::WasiBody as GuestBody;
