//! Tests of the telemetry: bounds, durability, drops, metrics.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use cap_std::ambient_authority;
use store::StoreError;
use store::catalog::HourTotal;
use uuid::Uuid;

use super::*;

/// A catalog that adds totals up, unless it is away.
#[derive(Default)]
struct Added {
    hours: Mutex<Vec<HourTotal>>,
    away: AtomicBool,
}

#[async_trait]
impl Totals for Added {
    async fn add(&self, totals: &[HourTotal]) -> store::catalog::Result<()> {
        if self.away.load(Ordering::Relaxed) {
            return Err(StoreError::Damaged("away".to_owned()));
        }
        self.hours.lock().unwrap().extend_from_slice(totals);
        Ok(())
    }

    async fn since(&self, _: FunctionId, _: i64) -> store::catalog::Result<Vec<HourTotal>> {
        Ok(self.hours.lock().unwrap().clone())
    }
}

struct Bench {
    folder: tempfile::TempDir,
    totals: Arc<Added>,
    telemetry: Arc<Telemetry>,
    guard: TelemetryGuard,
}

impl Bench {
    fn new() -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), 64 << 20)
    }

    fn in_folder(folder: tempfile::TempDir, log_bytes_per_function: u64) -> Self {
        let totals = Arc::new(Added::default());
        let logs = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        let options = TelemetryOptions::new(logs, Arc::clone(&totals) as Arc<dyn Totals>, Clock::system());
        let options = TelemetryOptions { log_bytes_per_function, ..options };
        let (telemetry, guard) = Telemetry::start(options).unwrap();
        Self { folder, totals, telemetry, guard }
    }

    fn files(&self, function: FunctionId) -> Vec<(String, u64)> {
        let Ok(entries) = std::fs::read_dir(self.folder.path().join(function.0.to_string())) else {
            return Vec::new();
        };
        let mut files: Vec<_> = entries
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len()))
            .collect();
        files.sort();
        files
    }

    /// Logs without losing a line, however slow the writer is.
    async fn log_all(&self, lines: impl IntoIterator<Item = LogLine>) {
        for (index, line) in lines.into_iter().enumerate() {
            if index % 1_000 == 999 {
                self.telemetry.logs(line.function, i64::MAX, 1).await.unwrap();
            }
            self.telemetry.log(line);
        }
    }
}

fn function(number: u128) -> FunctionId {
    FunctionId(Uuid::from_u128(number))
}

fn record(function: FunctionId, number: u64, outcome: OutcomeCode) -> InvocationRecord {
    InvocationRecord {
        id: Uuid::from_u128(u128::from(number)),
        function,
        revision: 1,
        trigger: "http".to_owned(),
        parent: None,
        started_ms: 1_000 + i64::try_from(number).unwrap(),
        request: "GET /".to_owned(),
        outcome,
        status: 200,
        detail: None,
        bill: Bill { cpu_us: 10, wall_us: number, ..Bill::default() },
    }
}

fn line(function: FunctionId, at_ms: i64, message: &str) -> LogLine {
    LogLine {
        at_ms,
        function,
        revision: 1,
        invocation: Uuid::nil(),
        stream: LogStream::Stdout,
        level: "info".to_owned(),
        message: message.to_owned(),
    }
}

fn messages(lines: &[LogLine]) -> Vec<&str> {
    lines.iter().map(|line| line.message.as_str()).collect()
}

#[tokio::test]
async fn keeps_the_last_thousand_records() {
    let bench = Bench::new();
    let f = function(1);
    for number in 1..=999 {
        bench.telemetry.finished(record(f, number, OutcomeCode::Ok));
    }
    let ids = |limit| bench.telemetry.recent(f, limit).iter().map(|r| r.id.as_u128()).collect::<Vec<_>>();
    assert_eq!(ids(5_000).len(), 999);
    bench.telemetry.finished(record(f, 1_000, OutcomeCode::Ok));
    assert_eq!((ids(5_000).len(), ids(5_000).last().copied()), (1_000, Some(1)));
    bench.telemetry.finished(record(f, 1_001, OutcomeCode::Ok));
    assert_eq!((ids(5_000).len(), ids(5_000).last().copied()), (1_000, Some(2)));
    assert_eq!(ids(2), [1_001, 1_000], "newest first");
    assert_eq!(bench.telemetry.counts(f), (1_001, 0), "counts are not bounded by the ring");
    assert_eq!(bench.telemetry.counts(function(2)), (0, 0));
}

#[tokio::test]
async fn counts_failures_and_writes_those_of_the_guest() {
    let bench = Bench::new();
    let f = function(1);
    let outcomes = [OutcomeCode::Ok, OutcomeCode::Trap, OutcomeCode::Busy, OutcomeCode::Cancelled];
    for (number, outcome) in outcomes.into_iter().enumerate() {
        bench.telemetry.finished(record(f, number as u64, outcome));
    }
    assert_eq!(bench.telemetry.counts(f), (4, 2));
    bench.guard.shutdown().await;

    let again = Bench::in_folder(bench.folder, 64 << 20);
    let found = again.telemetry.invocations(f, 10).await.unwrap();
    assert_eq!(found, [record(f, 1, OutcomeCode::Trap)], "the trap survived the restart");
    again.telemetry.finished(record(f, 50, OutcomeCode::Ok));
    again.telemetry.finished(record(f, 51, OutcomeCode::Trap));
    let ids: Vec<_> =
        again.telemetry.invocations(f, 10).await.unwrap().iter().map(|r| r.id.as_u128()).collect();
    assert_eq!(ids, [51, 50, 1], "nothing twice, newest first");
    assert_eq!(again.telemetry.invocations(f, 2).await.unwrap().len(), 2);
    assert!(again.telemetry.invocations(f, 0).await.unwrap().is_empty());
}

#[tokio::test]
async fn hourly_totals_reach_the_catalog() {
    let bench = Bench::new();
    let f = function(1);
    for hour in [0, 0, 1, 0] {
        let mut record = record(f, 7, OutcomeCode::Trap);
        record.started_ms = hour * 3_600_000 + 5;
        bench.telemetry.finished(record);
    }
    bench.guard.shutdown().await;
    let mut sums = std::collections::BTreeMap::new();
    for hour in bench.totals.hours.lock().unwrap().iter() {
        let sum: &mut (u64, u64, u64) = sums.entry(hour.hour_ms).or_default();
        *sum = (sum.0 + hour.invocations, sum.1 + hour.failures, sum.2 + hour.cpu_us);
    }
    assert_eq!(sums.into_iter().collect::<Vec<_>>(), [(0, (3, 3, 30)), (3_600_000, (1, 1, 10))]);
}

#[test]
fn hours_that_could_not_be_added_are_kept_and_merged() {
    let stats = Stats::new(function(1));
    stats.count(record(function(1), 1, OutcomeCode::Ok));
    for hour in stats.take_hours() {
        stats.return_hour(hour);
    }
    stats.count(record(function(1), 2, OutcomeCode::Ok));
    for hour in stats.take_hours() {
        stats.return_hour(hour);
    }
    let hours = stats.take_hours();
    assert_eq!((hours.len(), hours[0].invocations), (1, 2));
    assert!(stats.take_hours().is_empty());
}

#[tokio::test]
async fn logs_are_read_since_a_time_and_the_newest_first_to_fit() {
    let bench = Bench::new();
    let (f, other) = (function(1), function(2));
    for at_ms in 0..10 {
        bench.telemetry.log(line(f, at_ms, &format!("line {at_ms}")));
        bench.telemetry.log(line(other, at_ms, "of somebody else"));
    }
    let read = |since, limit| bench.telemetry.logs(f, since, limit);
    assert_eq!(messages(&read(0, 100).await.unwrap()).len(), 10);
    assert_eq!(messages(&read(8, 100).await.unwrap()), ["line 8", "line 9"]);
    assert_eq!(messages(&read(0, 2).await.unwrap()), ["line 8", "line 9"], "the newest, oldest first");
    assert!(read(10, 100).await.unwrap().is_empty());
    assert!(bench.telemetry.logs(function(3), 0, 10).await.unwrap().is_empty());
    assert!(bench.files(function(3)).is_empty(), "reading makes no folder");
}

#[tokio::test]
async fn c3_guest_text_stays_one_escaped_field() {
    let bench = Bench::new();
    let f = function(1);
    let forged = "x\"}\n{\"at_ms\":1,\"message\":\"forged\"}\r\n\u{1b}[2J\0\u{2028}";
    bench.telemetry.log(line(f, 5, forged));
    let lines = bench.telemetry.logs(f, 0, 10).await.unwrap();
    assert_eq!(messages(&lines), [forged]);
    let (name, _) = &bench.files(f)[0];
    let text = std::fs::read(bench.folder.path().join(f.0.to_string()).join(name)).unwrap();
    assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 1);
    assert!(!text.contains(&0x1b) && !text.contains(&0));
}

#[tokio::test]
async fn segments_rotate_and_the_oldest_go() {
    const CAP: u64 = 64 << 10;
    let bench = Bench::in_folder(tempfile::tempdir().unwrap(), CAP);
    let f = function(1);
    let text = "x".repeat(1_000);
    bench.log_all((0..500).map(|at_ms| line(f, at_ms, &text))).await;
    let lines = bench.telemetry.logs(f, 0, 10_000).await.unwrap();
    let files = bench.files(f);
    assert!(files.len() >= 2, "{files:?}");
    assert!(files.iter().all(|(_, bytes)| *bytes <= CAP / 2), "{files:?}");
    assert!(files.iter().map(|(_, bytes)| bytes).sum::<u64>() <= CAP, "{files:?}");
    let times: Vec<_> = lines.iter().map(|line| line.at_ms).collect();
    let first = times[0];
    assert_eq!(times, (first..500).collect::<Vec<_>>(), "the newest lines, without a gap");
    assert!(times.len() > 25, "at least half of the cap is kept: {}", times.len());
}

#[tokio::test]
async fn a_torn_line_costs_only_itself() {
    let bench = Bench::new();
    let f = function(1);
    bench.telemetry.log(line(f, 1, "whole"));
    bench.telemetry.logs(f, 0, 1).await.unwrap();
    let path = bench.folder.path().join(f.0.to_string()).join(&bench.files(f)[0].0);
    bench.guard.shutdown().await;
    let mut text = std::fs::read(&path).unwrap();
    text.extend_from_slice(b"{\"at_ms\":2,\"mess");
    std::fs::write(&path, text).unwrap();

    let again = Bench::in_folder(bench.folder, 64 << 20);
    again.telemetry.log(line(f, 3, "after"));
    assert_eq!(messages(&again.telemetry.logs(f, 0, 10).await.unwrap()), ["whole", "after"]);
}

#[tokio::test]
async fn followers_get_past_and_later_lines_once_each() {
    let bench = Bench::new();
    let f = function(1);
    bench.telemetry.log(line(f, 1, "past"));
    let (past, mut later) = bench.telemetry.follow(f, 0, 10).await.unwrap();
    bench.telemetry.log(line(f, 1, "past"));
    bench.telemetry.log(line(function(2), 2, "of somebody else"));
    bench.telemetry.log(line(f, 3, "later"));
    assert_eq!(messages(&past), ["past"]);
    assert_eq!(later.recv().await.unwrap().message, "past");
    assert_eq!(later.recv().await.unwrap().message, "later");
}

#[test]
fn a_full_queue_drops_and_counts() {
    let stats = Stats::new(function(1));
    let accepted = (0..QUEUE_PER_FUNCTION + 5).filter(|_| stats.reserve_line(QUEUE_PER_FUNCTION)).count();
    assert_eq!((accepted, stats.dropped_lines()), (QUEUE_PER_FUNCTION as usize, 5));
    stats.release_line();
    assert!(stats.reserve_line(QUEUE_PER_FUNCTION), "room again");
    assert_eq!(stats.dropped_lines(), 5);
}

#[tokio::test]
async fn without_a_writer_everything_is_dropped_and_counted() {
    let bench = Bench::new();
    let f = function(1);
    bench.telemetry.log(line(f, 1, "kept"));
    bench.guard.shutdown().await;
    bench.telemetry.log(line(f, 2, "too late"));
    bench.telemetry.finished(record(f, 1, OutcomeCode::Trap));
    let text = bench.telemetry.render(&|_| Some(("p".to_owned(), "f".to_owned())));
    assert!(text.contains("ostro_dropped_log_lines_total{project=\"p\",function=\"f\"} 1\n"), "{text}");
    assert!(text.contains("ostro_dropped_failure_records_total 1\n"), "{text}");
    assert!(bench.telemetry.logs(f, 0, 1).await.is_err());
}

#[tokio::test]
async fn a_deleted_function_leaves_nothing() {
    let bench = Bench::new();
    let f = function(1);
    bench.telemetry.log(line(f, 1, "gone soon"));
    bench.telemetry.finished(record(f, 1, OutcomeCode::Trap));
    bench.telemetry.logs(f, 0, 1).await.unwrap();
    assert_eq!(bench.files(f).len(), 2);
    bench.telemetry.forget(f);
    bench.telemetry.log(line(f, 2, "too late"));
    bench.telemetry.finished(record(f, 2, OutcomeCode::Trap));
    assert!(bench.telemetry.logs(f, 0, 10).await.unwrap().is_empty());
    assert!(bench.telemetry.recent(f, 10).is_empty());
    bench.guard.shutdown().await;
    assert!(!bench.folder.path().join(f.0.to_string()).exists());
}

#[test]
fn old_segments_expire() {
    let folder = tempfile::tempdir().unwrap();
    let root = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    let retention = segments::Retention { log_bytes: 1 << 20, days: 14 };
    let mut appender = segments::Appender::open(&root, function(1), Kind::Log, retention, 1).unwrap();
    appender.append(b"{}\n", 1).unwrap();
    appender.flush().unwrap();
    drop(appender);
    let now_ms = Clock::system().now_ms();
    segments::expire(&root, retention, now_ms + 13 * 86_400_000).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    segments::expire(&root, retention, now_ms + 15 * 86_400_000).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn metrics_have_outcomes_latency_and_gauges() {
    let bench = Bench::new();
    for (number, wall_us) in [250, 251, 40_000_000].into_iter().enumerate() {
        let mut record = record(function(1), number as u64, OutcomeCode::Ok);
        record.bill.wall_us = wall_us;
        record.bill.cpu_us = 500_000;
        bench.telemetry.finished(record);
    }
    bench.telemetry.finished(record(function(2), 1, OutcomeCode::CpuLimit));
    bench.telemetry.gauges().running.store(3, Ordering::Relaxed);
    let names = |f: FunctionId| (f == function(1)).then(|| ("shop".to_owned(), "cart".to_owned()));
    let text = bench.telemetry.render(&names);
    for expected in [
        "ostro_invocations_total{project=\"shop\",function=\"cart\",outcome=\"ok\"} 3\n",
        "ostro_invocation_duration_seconds_bucket{le=\"0.00025\",project=\"shop\",function=\"cart\"} 1\n",
        "ostro_invocation_duration_seconds_bucket{le=\"0.0005\",project=\"shop\",function=\"cart\"} 2\n",
        "ostro_invocation_duration_seconds_bucket{le=\"30.0\",project=\"shop\",function=\"cart\"} 2\n",
        "ostro_invocation_duration_seconds_bucket{le=\"+Inf\",project=\"shop\",function=\"cart\"} 3\n",
        "ostro_invocation_duration_seconds_count{project=\"shop\",function=\"cart\"} 3\n",
        "ostro_cpu_seconds_total{project=\"shop\",function=\"cart\"} 1.5\n",
        "ostro_running_invocations 3\n",
        "# EOF\n",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    assert!(!text.contains("cpu_limit"), "a function without a name is left out");
}

#[tokio::test]
async fn totals_wait_while_the_catalog_is_away() {
    let bench = Bench::new();
    bench.totals.away.store(true, Ordering::Relaxed);
    bench.telemetry.finished(record(function(1), 1, OutcomeCode::Ok));
    bench.guard.shutdown().await;
    let waiting = bench.telemetry.shared.stats(function(1)).unwrap().take_hours();
    assert_eq!((waiting.len(), waiting[0].invocations), (1, 1));
}
