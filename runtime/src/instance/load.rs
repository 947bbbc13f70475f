//! Loading machine code that this server has compiled and sealed: the one place where it is trusted.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use store::catalog::{Export, GuestKind};
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre};

use super::engine::{GuestEngine, Lane};
use super::exports::Exports;
use super::state::State;

/// A compiled revision, mapped and linked: what instances are made of.
pub struct Code {
    pub(super) pre: InstancePre<State>,
    pub(super) exports: Exports,
    pub(super) lane: Lane,
    instantiate_ns: AtomicU64,
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Code").finish_non_exhaustive()
    }
}

impl Code {
    /// What can start it, sorted; never empty.
    pub fn exports(&self) -> Vec<Export> {
        self.exports.names()
    }

    /// Whether an instance can serve several requests at once: its handler is that of WASI 0.3.
    pub fn is_shareable(&self) -> bool {
        self.exports.are_shareable()
    }

    /// What an instantiation takes, a moving average; zero before the first.
    pub fn instantiation(&self) -> Duration {
        Duration::from_nanos(self.instantiate_ns.load(Relaxed))
    }

    pub(super) fn measured(&self, taken: Duration) {
        let new = u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX);
        let old = self.instantiate_ns.load(Relaxed);
        let average = if old == 0 { new } else { old - old / 8 + new / 8 };
        self.instantiate_ns.store(average, Relaxed);
    }
}

/// Why code was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Imports that the platform does not offer, each with its name and what is wrong.
    #[error("imports are missing: {}", .0.join(", "))]
    Imports(Vec<String>),
    /// The component exports nothing that the platform calls, or an interface of another shape.
    #[error("the component has no export to start it by: {0}")]
    Exports(String),
    /// The file is not code for this engine: compile again.
    #[error("the compiled code can't be used: {0}")]
    Unusable(String),
}

impl GuestEngine {
    /// Maps compiled code of a guest of that kind and links it. The file must have been made by this server's
    /// compiler and its seal verified by the caller: machine code is executed as it is.
    pub fn load(&self, file: &File, kind: GuestKind) -> Result<Code, LoadError> {
        let lane = Lane::of(kind);
        let (track, component) = self
            .place(lane, |engine| map(engine, file))
            .map_err(|error| LoadError::Unusable(format!("{error:#}")))?;
        let missing = track.missing_imports(&component);
        if !missing.is_empty() {
            return Err(LoadError::Imports(missing));
        }
        let pre = track
            .linker
            .instantiate_pre(&component)
            .map_err(|error| LoadError::Imports(vec![format!("{error:#}")]))?;
        let exports = Exports::find(&pre, kind).map_err(|error| LoadError::Exports(format!("{error:#}")))?;
        if exports.names().is_empty() {
            return Err(LoadError::Exports("none is there".to_owned()));
        }
        Ok(Code { pre, exports, lane, instantiate_ns: AtomicU64::new(0) })
    }
}

#[expect(unsafe_code, reason = "machine code is trusted here, after its seal has been verified")]
fn map(engine: &Engine, file: &File) -> wasmtime::Result<Component> {
    // Through the descriptor and not the name, so that what was verified is what is mapped.
    let path = if cfg!(target_os = "linux") {
        format!("/proc/self/fd/{}", file.as_raw_fd())
    } else {
        format!("/dev/fd/{}", file.as_raw_fd())
    };
    // SAFETY: the file was written by this server's compiler child, its seal (an HMAC under a key that
    // only the server reads) was verified by the caller, and the cache folder is the server's alone.
    unsafe { Component::deserialize_file(engine, path) }
}
