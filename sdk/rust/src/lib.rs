//! What a function in Rust has at hand on Ostro, one import away.
//!
#![doc = include_str!("../README.md")]

mod bindings;
mod json;

pub mod auth;
pub mod db;
pub mod functions;
pub mod kv;
pub mod queue;
pub mod realtime;
pub mod secrets;
pub mod sql;
pub mod storage;

pub use serde_json::json;
