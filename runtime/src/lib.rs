//! From the socket to the guest call. `app` puts it together; the way of a request is `front_door`, `router`,
//! `dispatch`, `pool`, `instance`.

pub mod accounts;
pub mod app;
pub mod backup;
mod bearer;
pub mod client_api;
pub mod clock;
pub mod config;
pub mod control;
pub mod dispatch;
pub mod executor;
pub mod front_door;
pub mod instance;
pub mod pass;
mod places;
pub mod pool;
pub mod problem;
pub mod registry;
pub mod rehearsal;
pub mod router;
mod sys;
pub mod telemetry;
#[cfg(test)]
mod test_store;
pub mod triggers;
mod turns;
mod write_stall;
