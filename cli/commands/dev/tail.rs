//! Logs and bills of the functions, as they come: asked for again and again, since the server keeps them anyway.

use std::{
    collections::{BTreeMap, HashSet},
    sync::mpsc::Sender,
    time::Duration,
};

use runtime::{
    control::wire::{FunctionList, InvocationList, LogLine, LogList},
    telemetry::InvocationRecord,
};
use uuid::Uuid;

use super::Message;
use crate::{commands::Session, failure::Failure};

/// How often the functions are looked at.
const PERIOD: Duration = Duration::from_millis(150);
/// A function that does nothing may still run and write: its log is read every so many periods.
const IDLE_PERIODS: u32 = 5;
/// Invocations and lines that are read at once; more in one period are left out.
const MOST_RUNS: u32 = 200;
const MOST_LINES: u32 = 500;

/// Something that a function did.
#[derive(Debug)]
pub(super) enum Deed {
    /// It wrote a line, or the platform wrote one about it.
    Wrote(LogLine),
    /// A run of it has ended.
    Ran(Box<InvocationRecord>),
}

impl Deed {
    /// When it was done. A run that ended in the millisecond of a line has written that line.
    fn order(&self) -> (i64, bool) {
        match self {
            Self::Wrote(line) => (line.at_ms, false),
            Self::Ran(record) => {
                let wall_ms = i64::try_from(record.bill.wall_us / 1_000).unwrap_or(i64::MAX);
                (record.started_ms.saturating_add(wall_ms), true)
            }
        }
    }
}

/// Tells of everything that is done from `since_ms` on, until the server has gone.
pub(super) fn follow(session: &Session, since_ms: i64, messages: &Sender<Message>) {
    let mut tails: BTreeMap<String, Tail> = BTreeMap::new();
    for period in 0_u32.. {
        let look = period.is_multiple_of(IDLE_PERIODS);
        let Ok(list) = session.client.get::<FunctionList>(&session.path(&["functions"]), &[]) else { return };
        tails.retain(|name, _| list.functions.iter().any(|function| function.name == *name));
        for function in list.functions {
            let tail = tails.entry(function.name.clone()).or_insert_with(|| Tail::new(since_ms));
            if !look && tail.runs == function.invocations {
                continue;
            }
            tail.runs = function.invocations;
            // A function may be deleted in between; what is missed is read in the next period.
            let Ok(deeds) = read(session, &function.name, tail) else { continue };
            for deed in deeds {
                if messages.send(Message::Done(function.name.clone(), deed)).is_err() {
                    return;
                }
            }
        }
        std::thread::sleep(PERIOD);
    }
}

fn read(session: &Session, function: &str, tail: &mut Tail) -> Result<Vec<Deed>, Failure> {
    let runs: InvocationList = session
        .client
        .get(&session.function(function, &["invocations"]), &[("limit", MOST_RUNS.to_string())])?;
    let query = [("since_ms", tail.since_ms.to_string()), ("limit", MOST_LINES.to_string())];
    // After the runs, so that what they wrote is there.
    let lines: LogList = session.client.get(&session.function(function, &["logs"]), &query)?;
    Ok(tail.news(runs.invocations, lines.lines))
}

/// What is known of one function already.
#[derive(Debug)]
struct Tail {
    /// Number of invocations at the last look.
    runs: u64,
    /// Nothing before is told.
    start_ms: i64,
    /// Nothing before is asked for: the time of the last line.
    since_ms: i64,
    /// The lines of that time that have been told.
    at_that_ms: Vec<LogLine>,
    /// Runs that have been told, of those that the server still lists.
    told: HashSet<Uuid>,
}

impl Tail {
    fn new(since_ms: i64) -> Self {
        Self { runs: 0, start_ms: since_ms, since_ms, at_that_ms: Vec::new(), told: HashSet::new() }
    }

    /// What is new of what the server has, in order.
    fn news(&mut self, runs: Vec<InvocationRecord>, lines: Vec<LogLine>) -> Vec<Deed> {
        let listed: HashSet<Uuid> = runs.iter().map(|run| run.id).collect();
        let fresh = |run: &InvocationRecord| run.started_ms >= self.start_ms && !self.told.contains(&run.id);
        let mut deeds: Vec<Deed> =
            runs.into_iter().filter(fresh).map(|run| Deed::Ran(Box::new(run))).collect();
        self.told = listed;
        let mut repeated = std::mem::take(&mut self.at_that_ms);
        let again = repeated.clone();
        for line in lines {
            match repeated.iter().position(|old| *old == line) {
                Some(index) => drop(repeated.swap_remove(index)),
                None => deeds.push(Deed::Wrote(line)),
            }
        }
        self.advance(&deeds, again);
        deeds.sort_by_key(Deed::order);
        deeds
    }

    /// The next look begins at the last line that has been told.
    fn advance(&mut self, deeds: &[Deed], before: Vec<LogLine>) {
        let lines =
            || deeds.iter().filter_map(|deed| if let Deed::Wrote(line) = deed { Some(line) } else { None });
        let last = lines().map(|line| line.at_ms).max().unwrap_or(self.since_ms).max(self.since_ms);
        self.at_that_ms = if last == self.since_ms { before } else { Vec::new() };
        self.at_that_ms.extend(lines().filter(|line| line.at_ms == last).cloned());
        self.since_ms = last;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn line(at_ms: i64, message: &str) -> LogLine {
        from_value(json!({
            "at_ms": at_ms, "function": Uuid::nil(), "revision": 1, "invocation": Uuid::nil(), "stream": "stdout",
            "level": "info", "message": message,
        }))
        .unwrap()
    }

    fn run(id: u128, started_ms: i64, wall_us: u64) -> InvocationRecord {
        from_value(json!({
            "id": Uuid::from_u128(id), "function": Uuid::nil(), "revision": 1, "trigger": "http",
            "started_ms": started_ms, "request": id.to_string(), "outcome": "ok", "status": 200,
            "bill": { "cpu_us": 0, "wall_us": wall_us, "wait_us": 0, "peak_memory_bytes": 0, "bytes_in": 0,
                      "bytes_out": 0 },
        }))
        .unwrap()
    }

    fn names(deeds: &[Deed]) -> Vec<&str> {
        let name = |deed: &'_ Deed| match deed {
            Deed::Wrote(line) => line.message.clone(),
            Deed::Ran(run) => run.request.clone(),
        };
        deeds.iter().map(name).map(|name| &*Box::leak(name.into_boxed_str())).collect()
    }

    #[test]
    fn everything_is_told_once_and_in_order() {
        let mut tail = Tail::new(100);
        let first = tail.news(vec![run(2, 105, 9_000), run(1, 99, 0)], vec![line(114, "a"), line(120, "b")]);
        assert_eq!(names(&first), ["a", "2", "b"]);
        assert_eq!(tail.since_ms, 120);
        // The server gives the last millisecond again, and a line that came in it.
        let again = tail.news(vec![run(2, 105, 9_000)], vec![line(120, "b"), line(120, "b"), line(120, "c")]);
        assert_eq!(names(&again), ["b", "c"]);
        let more = tail.news(
            vec![run(3, 125, 1_000), run(2, 105, 9_000)],
            vec![line(120, "b"), line(120, "b"), line(120, "c"), line(126, "d")],
        );
        assert_eq!(names(&more), ["d", "3"]);
        assert_eq!(tail.at_that_ms, [line(126, "d")]);
        assert!(tail.news(vec![], vec![line(126, "d")]).is_empty());
        assert_eq!(tail.at_that_ms, [line(126, "d")]);
    }
}
