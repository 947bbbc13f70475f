//! The server's own log: on standard error, as text or JSON.

use std::io;

use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::{args::LogFormat, failure::Failure, output::Paint};

/// Starts the log. `level` is a level, or levels of parts such as `info,runtime=debug`.
pub(in crate::commands) fn start(
    level: Option<&str>,
    format: LogFormat,
    paint: Paint,
) -> Result<(), Failure> {
    let filter = filter(level)?;
    let base = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(paint == Paint::Ansi);
    let layer = match format {
        LogFormat::Text => base.with_target(false).boxed(),
        LogFormat::Json => base.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .try_init()
        .map_err(|error| Failure::local(format!("the log can't be started: {error}")))
}

fn filter(level: Option<&str>) -> Result<Targets, Failure> {
    let level = level.map(str::trim).filter(|level| !level.is_empty()).unwrap_or("info");
    // A bare word that is no level would be taken for a target with everything on.
    let known =
        |part: &str| part.rsplit('=').next().is_some_and(|level| level.trim().parse::<LevelFilter>().is_ok());
    let wrong = || {
        Failure::usage(format!("`{level}` is not a log level"))
            .hint("error, warn, info, debug, trace or off; or of parts, as in `info,runtime=debug`")
    };
    match level.split(',').all(known) {
        true => level.parse().map_err(|_| wrong()),
        false => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        for level in [None, Some(""), Some("debug"), Some("WARN"), Some("info,runtime=debug"), Some("off")] {
            assert!(filter(level).is_ok(), "{level:?}");
        }
        for level in ["loud", "info,runtime", "runtime=loud"] {
            assert!(filter(Some(level)).is_err(), "{level}");
        }
    }
}
