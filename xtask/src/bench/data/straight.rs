//! The same operations straight at the store: `store/benches/data.rs`, run and read.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::process;

/// One operation at the store.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Figure {
    /// The operation, as the guest's paths have it.
    pub(super) name: String,
    /// How many asked at once.
    pub(super) callers: u64,
    /// Operations a second.
    pub(super) rate: f64,
    /// CPU of the process for one operation, microseconds.
    pub(super) cpu_us: f64,
}

/// All figures of the store.
#[derive(Clone, Debug)]
pub(super) struct Straight(Vec<Figure>);

impl Straight {
    /// Runs every operation for so many seconds, in a new folder.
    pub(super) fn measure(program: &Path, folder: &Path, seconds: u32) -> Result<Self> {
        let report = process::output(Command::new(program).arg(folder).arg(seconds.to_string()))?;
        read(&report)
    }

    /// That of an operation.
    pub(super) fn of(&self, name: &str, callers: u64) -> Option<&Figure> {
        self.0.iter().find(|figure| figure.name == name && figure.callers == callers)
    }
}

fn read(report: &str) -> Result<Straight> {
    let figures = report.lines().map(serde_json::from_str).collect::<Result<_, _>>();
    figures.map(Straight).with_context(|| format!("the store's report is not as expected: {report}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_report() {
        let report = "{\"name\":\"get\",\"callers\":2,\"rate\":1000.5,\"cpu_us\":7.5}\n";
        let figures = read(report).unwrap();
        assert_eq!(figures.of("get", 2).unwrap().cpu_us, 7.5);
        assert_eq!((figures.of("get", 1), figures.of("find", 2)), (None, None));
        assert!(read("no json").is_err());
    }
}
