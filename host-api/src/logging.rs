//! `wasi:logging/logging`: messages with a level, written to the function's log.

use wasmtime::component::Linker;

use crate::bindings::wasi::logging::logging::{Host, Level};
use crate::ctx::{HostCtxView, HostView};
use crate::log::LogSource;
use crate::meter::Interface;

/// Names under which toolchains know the same signature, beside the one in `wit/deps/logging`.
const ALIASES: [&str; 1] = ["wasi:logging/logging"];

impl Host for HostCtxView<'_> {
    fn log(&mut self, level: Level, context: String, message: String) {
        self.ctx.meter.count(Interface::Logging);
        let message = if context.is_empty() { message } else { format!("{context}: {message}") };
        self.ctx.log.message(LogSource::Logging, level_name(level), &message);
    }
}

/// Links the interface under its other names. The signature is equal, so the generated types fit.
pub(crate) fn add_aliases<T: HostView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    for name in ALIASES {
        linker.instance(name)?.func_wrap(
            "log",
            |mut store, (level, context, message): (Level, String, String)| {
                store.data_mut().host().log(level, context, message);
                Ok(())
            },
        )?;
    }
    Ok(())
}

const fn level_name(level: Level) -> &'static str {
    match level {
        Level::Trace => "trace",
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
        Level::Critical => "critical",
    }
}
