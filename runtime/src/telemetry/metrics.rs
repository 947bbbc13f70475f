//! The metrics in OpenMetrics text.

use std::fmt::Error;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use store::catalog::FunctionId;

use super::Shared;
use super::record::OutcomeCode;
use super::stats::{LATENCY_BOUNDS_US, OUTCOMES, Sums};

/// The content type of [`render`]'s text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics now.
pub(super) fn render(shared: &Shared, names: &dyn Fn(FunctionId) -> Option<(String, String)>) -> String {
    let mut registry = Registry::with_prefix("ostro");
    registry.register_collector(Box::new(Snapshot::take(shared, names)));
    let mut text = String::new();
    // Writing into a string can't fail; what was written so far is still valid text.
    let _ = encode(&mut text, &registry);
    text
}

/// A copy of all numbers, so that encoding holds no lock.
#[derive(Debug)]
struct Snapshot {
    functions: Vec<Function>,
    gauges: [(&'static str, &'static str, u64); 4],
    counters: [(&'static str, &'static str, u64); 3],
}

#[derive(Debug)]
struct Function {
    project: String,
    name: String,
    sums: Sums,
    dropped_lines: u64,
}

impl Snapshot {
    fn take(shared: &Shared, names: &dyn Fn(FunctionId) -> Option<(String, String)>) -> Self {
        let now = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let gauges = &shared.gauges;
        let mut functions: Vec<Function> = shared
            .functions
            .iter()
            .filter_map(|stats| {
                let (project, name) = names(*stats.key())?;
                Some(Function { project, name, sums: stats.sums(), dropped_lines: stats.dropped_lines() })
            })
            .collect();
        functions.sort_by(|a, b| (&a.project, &a.name).cmp(&(&b.project, &b.name)));
        Self {
            functions,
            gauges: [
                ("connections", "Open connections of the data plane", now(&gauges.connections)),
                ("running_invocations", "Invocations that run", now(&gauges.running)),
                ("guest_memory_bytes", "Linear memory of all instances", now(&gauges.memory_bytes)),
                ("loaded_revisions", "Compiled revisions that are mapped", now(&gauges.loaded_code)),
            ],
            counters: [
                (
                    "recompiled_artifacts",
                    "Artifacts compiled again because the cached one was missing or not trusted",
                    now(&gauges.recompiled_artifacts),
                ),
                (
                    "dropped_failure_records",
                    "Records of failures that were not written because the queue was full",
                    now(&shared.dropped_failures),
                ),
                ("log_write_errors", "Writes to function logs that failed", now(&shared.write_errors)),
            ],
        }
    }

    fn each(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        value: impl Fn(&Function) -> Value,
    ) -> Result<(), Error> {
        if self.functions.is_empty() {
            return Ok(());
        }
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for function in &self.functions {
            let labels = function.labels();
            let mut metric = family.encode_family(&labels)?;
            match value(function) {
                Value::Count(count) => metric.encode_counter::<NoLabelSet, _, u64>(&count, None)?,
                Value::Seconds(seconds) => metric.encode_counter::<NoLabelSet, _, f64>(&seconds, None)?,
            }
        }
        Ok(())
    }

    fn outcomes(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        if self.functions.is_empty() {
            return Ok(());
        }
        let help = "Invocations that ended, by outcome";
        let mut family = encoder.encode_descriptor("invocations", help, None, MetricType::Counter)?;
        for function in &self.functions {
            let counted = OUTCOMES.iter().zip(function.sums.outcomes).filter(|(_, count)| *count > 0);
            for (outcome, count) in counted {
                let [project, name] = function.labels();
                let labels = [project, name, ("outcome", OutcomeCode::name(*outcome))];
                family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        Ok(())
    }

    fn latencies(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        if self.functions.is_empty() {
            return Ok(());
        }
        let help = "Time from arrival to the end of the guest's work";
        let name = "invocation_duration_seconds";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for function in &self.functions {
            let bounds = LATENCY_BOUNDS_US.iter().map(|us| seconds(*us)).chain([f64::MAX]);
            let buckets: Vec<(f64, u64)> = bounds.zip(function.sums.latency).collect();
            let (sum, count) = (seconds(function.sums.wall_us), function.sums.invocations());
            let labels = function.labels();
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        Ok(())
    }
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        self.outcomes(&mut encoder)?;
        self.latencies(&mut encoder)?;
        let encoder = &mut encoder;
        self.each(encoder, "cpu_seconds", "CPU used", |f| Value::Seconds(seconds(f.sums.cpu_us)))?;
        self.each(encoder, "request_bytes", "Request bodies", |f| Value::Count(f.sums.bytes_in))?;
        self.each(encoder, "response_bytes", "Response bodies", |f| Value::Count(f.sums.bytes_out))?;
        self.each(encoder, "dropped_log_lines", "Log lines dropped because the queue was full", |f| {
            Value::Count(f.dropped_lines)
        })?;
        for (name, help, value) in self.gauges {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            metric.encode_gauge(&i64::try_from(value).unwrap_or(i64::MAX))?;
        }
        for (name, help, value) in self.counters {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            metric.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }
}

enum Value {
    Count(u64),
    Seconds(f64),
}

impl Function {
    fn labels(&self) -> [(&'static str, &str); 2] {
        [("project", &self.project), ("function", &self.name)]
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 microseconds, which is 285 years")]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}
