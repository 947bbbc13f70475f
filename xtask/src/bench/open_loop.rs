//! An open-loop load: requests leave at fixed times whether or not earlier ones were answered, as those of real users do.
//!
//! Latency counts from the moment a request should have left, so a server that stalls is charged for every request that
//! had to wait behind the stall (no coordinated omission).
//!
//! The clients run on the server's own machine. They ask for a higher priority, so that what is measured is the
//! server and not how long the measuring thread itself waits for a processor that the server keeps busy.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::http::Client;

/// Enough connections that one slow answer does not delay the next request at the rates used here.
const CONNECTIONS: u32 = 32;
/// Time to open connections and start threads before the first request is due.
const RUN_UP: Duration = Duration::from_millis(300);

/// A load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load<'a> {
    /// The server.
    pub(crate) to: SocketAddr,
    /// The function's own origin.
    pub(crate) host: &'a str,
    /// Requests a second.
    pub(crate) rate: u32,
    /// Requests in all.
    pub(crate) requests: u32,
}

/// Latencies of all requests, sorted.
#[derive(Clone, Debug)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    /// Sorts them.
    pub(crate) fn new(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The latency that `per_mille` of 1000 requests do not exceed (nearest rank); zero when there are none.
    pub(crate) fn quantile(&self, per_mille: usize) -> Duration {
        let rank = (self.0.len() * per_mille).div_ceil(1000).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }
}

/// Runs the load; every answer has to be 200.
pub(crate) fn run(load: Load<'_>) -> Result<Latencies> {
    let begin = Instant::now() + RUN_UP;
    let parts: Result<Vec<Vec<Duration>>> = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..CONNECTIONS).map(|worker| scope.spawn(move || work(load, worker, begin))).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|_| bail!("a client panicked")))
            .collect()
    });
    Ok(Latencies::new(parts?.concat()))
}

/// The nice value of a client; only root may have it.
const NICE: i32 = -10;

/// Raises the priority of the calling thread. Refused to all but root: then the clients' own waits are in the figures,
/// and a line says so.
pub(crate) fn raise_priority() -> Priority {
    match rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
        Ok(()) => Priority::Raised,
        Err(_) => Priority::Usual,
    }
}

/// How the clients compete with the server for processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    /// They go first.
    Raised,
    /// As everything else does.
    Usual,
}

/// Every `CONNECTIONS`-th request.
fn work(load: Load<'_>, worker: u32, begin: Instant) -> Result<Vec<Duration>> {
    raise_priority();
    let mut client = Client::new(load.to, Duration::from_secs(60));
    // The connection is opened, and the code paths are warm, before the clock counts.
    client.get(load.host, "/")?;
    let mut latencies = Vec::new();
    for number in (worker..load.requests).step_by(CONNECTIONS as usize) {
        let due = begin + Duration::from_secs(1) * number / load.rate;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let answer = client.get(load.host, "/")?;
        latencies.push(due.elapsed());
        if answer.status != 200 {
            bail!("the neighbour saw {}: {}", answer.status, answer.text());
        }
    }
    Ok(latencies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks() {
        let all = Latencies::new((1..=1000).rev().map(Duration::from_millis).collect());
        for (per_mille, expected) in [(500, 500), (990, 990), (999, 999), (1000, 1000), (0, 1)] {
            assert_eq!(all.quantile(per_mille), Duration::from_millis(expected));
        }
        assert_eq!(Latencies::new(Vec::new()).quantile(500), Duration::ZERO);
    }
}
