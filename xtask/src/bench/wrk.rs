//! `wrk`, the load generator for throughput: run, and its report read.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process;
use crate::tool::{self, Tool};

const WRK: Tool = Tool { needs: "wrk", package: "wrk", why: "the load generator of the benches" };

/// A load.
#[derive(Clone, Debug)]
pub(crate) struct Load<'a> {
    /// The server.
    pub(crate) to: SocketAddr,
    /// The `host` header: the function's own origin.
    pub(crate) host: &'a str,
    /// Connections, each with one request at a time.
    pub(crate) connections: u32,
    /// Duration, seconds.
    pub(crate) seconds: u32,
}

/// What came of a load in which every request was answered with success.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Report {
    /// Requests that were answered.
    pub(crate) requests: u64,
    /// Answers a second.
    pub(crate) rate: f64,
}

/// Makes sure that `wrk` is there.
pub(crate) fn ensure() -> Result<()> {
    tool::ensure(&[WRK])
}

/// What each request asks, where that is more than `GET /`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    /// The path.
    pub(crate) path: &'a str,
    /// A script in Lua that makes another request of it than a GET.
    pub(crate) script: Option<&'a Path>,
}

/// Runs the load with `GET /`.
pub(crate) fn run(load: &Load<'_>) -> Result<Report> {
    ask(load, Ask { path: "/", script: None })
}

/// Runs the load. An answer that is not a success, or a broken connection, is a failure: it measured something else.
pub(crate) fn ask(load: &Load<'_>, ask: Ask<'_>) -> Result<Report> {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", &format!("-c{}", load.connections), &format!("-d{}s", load.seconds)]);
    wrk.args(["--timeout", "10s", "-H", &format!("Host: {}", load.host)]);
    if let Some(script) = ask.script {
        wrk.arg("-s").arg(script);
    }
    wrk.arg(format!("http://{}{}", load.to, ask.path));
    read(&process::output(&mut wrk)?)
}

fn read(report: &str) -> Result<Report> {
    let trouble = |line: &&str| line.contains("Non-2xx") || line.contains("Socket errors");
    if let Some(trouble) = report.lines().find(trouble) {
        bail!("the load met failures: {}", trouble.trim());
    }
    let requests = report.lines().find_map(|line| line.trim().split_once(" requests in ")?.0.parse().ok());
    let rate = report.lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok());
    match (requests, rate) {
        (Some(requests), Some(rate)) if requests > 0 => Ok(Report { requests, rate }),
        _ => Err(anyhow::anyhow!("{report}")).context("wrk's report is not as expected"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "Running 2s test @ http://127.0.0.1:1/\n  1 threads and 32 connections\n  \
                        4170 requests in 2.01s, 1.2MB read\nRequests/sec:   2074.63\nTransfer/sec: 0.6MB\n";

    #[test]
    fn reads_a_report() {
        assert_eq!(read(GOOD).unwrap(), Report { requests: 4170, rate: 2074.63 });
    }

    #[test]
    fn failures_are_not_a_result() {
        for line in
            ["  Non-2xx or 3xx responses: 3", "  Socket errors: connect 0, read 2, write 0, timeout 0"]
        {
            assert!(read(&format!("{GOOD}{line}\n")).is_err());
        }
        assert!(read("").is_err());
    }
}
