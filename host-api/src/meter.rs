//! What one invocation has used and may still use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::HostLimits;

/// The counters of the running invocation of one instance. A cheap handle: clones count together.
///
/// Counters are atomic because an outbound call runs as a task of its own; each is independent of the
/// others, so relaxed order is enough.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    counters: Arc<Counters>,
}

/// A host interface whose calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// `wasi:http/outgoing-handler`.
    OutgoingHttp,
    /// `ostro:auth/identity`.
    Identity,
    /// `ostro:auth/users`.
    Users,
    /// `ostro:secrets/store`.
    Secrets,
    /// `ostro:queue/producer`.
    Producer,
    /// `ostro:realtime/channels`.
    Channels,
    /// `ostro:functions/context`.
    Context,
    /// `ostro:functions/invoke`.
    Invoke,
    /// `ostro:db/documents`.
    Documents,
    /// `ostro:db/transactions`.
    Transactions,
    /// `ostro:db/sql`.
    Sql,
    /// `ostro:storage/objects`.
    Objects,
    /// `wasi:keyvalue`, all of its interfaces.
    KeyValue,
    /// `wasi:config/store`.
    Config,
    /// `wasi:logging/logging`.
    Logging,
    /// Writes to standard output.
    Stdout,
    /// Writes to standard error.
    Stderr,
}

#[derive(Debug, Default)]
struct Counters {
    uses: [UseCounters; Interface::ALL.len()],
    outbound_left: AtomicU32,
    function_calls_left: AtomicU32,
    log_bytes_left: AtomicU64,
    log_lines_left: AtomicU32,
    log_closed: AtomicBool,
    platform_lines_left: AtomicU32,
    dropped_bytes: AtomicU64,
}

#[derive(Debug, Default)]
struct UseCounters {
    calls: AtomicU64,
    rows: AtomicU64,
    bytes: AtomicU64,
}

/// What an invocation has had of one interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// Calls.
    pub calls: u64,
    /// Documents, rows, keys or objects that were read or written.
    pub rows: u64,
    /// Bytes of them, both ways.
    pub bytes: u64,
}

impl Meter {
    /// Starts an invocation: nothing called, every budget full.
    pub fn begin(&self, limits: &HostLimits) {
        let Counters {
            uses,
            outbound_left,
            function_calls_left,
            log_bytes_left,
            log_lines_left,
            log_closed,
            platform_lines_left,
            dropped_bytes,
        } = self.counters.as_ref();
        log_closed.store(false, Ordering::Relaxed);
        for UseCounters { calls, rows, bytes } in uses {
            [calls, rows, bytes].into_iter().for_each(|count| count.store(0, Ordering::Relaxed));
        }
        outbound_left.store(limits.outbound_calls, Ordering::Relaxed);
        function_calls_left.store(limits.function_calls, Ordering::Relaxed);
        log_bytes_left.store(limits.log_bytes, Ordering::Relaxed);
        log_lines_left.store(limits.log_lines, Ordering::Relaxed);
        platform_lines_left.store(limits.platform_lines, Ordering::Relaxed);
        dropped_bytes.store(0, Ordering::Relaxed);
    }

    /// What was used since the invocation began, of those interfaces that were called.
    pub fn uses(&self) -> impl Iterator<Item = (Interface, Use)> + '_ {
        Interface::ALL
            .into_iter()
            .zip(&self.counters.uses)
            .map(|(interface, counters)| (interface, counters.read()))
            .filter(|(_, used)| used.calls > 0)
    }

    /// Bytes of the guest's log that were not kept since the invocation began.
    pub fn dropped_bytes(&self) -> u64 {
        self.counters.dropped_bytes.load(Ordering::Relaxed)
    }

    /// A call.
    pub(crate) fn count(&self, interface: Interface) {
        if let Some(counters) = self.counters.uses.get(interface as usize) {
            counters.calls.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What a call that was counted has moved between guest and store.
    pub(crate) fn moved(&self, interface: Interface, rows: usize, bytes: usize) {
        if let Some(counters) = self.counters.uses.get(interface as usize) {
            counters.rows.fetch_add(rows as u64, Ordering::Relaxed);
            counters.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn take_outbound_call(&self) -> Budget {
        Budget::take_one(&self.counters.outbound_left)
    }

    pub(crate) fn take_function_call(&self) -> Budget {
        Budget::take_one(&self.counters.function_calls_left)
    }

    /// Takes one line of that many bytes. The first line that does not fit closes the log of the invocation:
    /// a log that ends is understood, one with holes misleads.
    pub(crate) fn take_log_line(&self, bytes: u64) -> LogRoom {
        let Counters { log_bytes_left, log_lines_left, log_closed, .. } = self.counters.as_ref();
        if log_closed.load(Ordering::Relaxed) {
            return LogRoom::Closed;
        }
        let line = Budget::take_one(log_lines_left);
        let room =
            log_bytes_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        match (line, room) {
            (Budget::Taken, Ok(_)) => LogRoom::Enough,
            _ if log_closed.swap(true, Ordering::Relaxed) => LogRoom::Closed,
            _ => LogRoom::Closing,
        }
    }

    /// Whether the log still takes lines: [`LogRoom::Enough`] or [`LogRoom::Closed`].
    pub(crate) fn log_room(&self) -> LogRoom {
        match self.counters.log_closed.load(Ordering::Relaxed) {
            true => LogRoom::Closed,
            false => LogRoom::Enough,
        }
    }

    pub(crate) fn take_platform_line(&self) -> Budget {
        Budget::take_one(&self.counters.platform_lines_left)
    }

    pub(crate) fn count_dropped(&self, bytes: usize) {
        self.counters.dropped_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl UseCounters {
    fn read(&self) -> Use {
        Use {
            calls: self.calls.load(Ordering::Relaxed),
            rows: self.rows.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

/// Whether a budget still had what was asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Budget {
    /// It had, and it was taken.
    Taken,
    /// It had not, and nothing was taken.
    Spent,
}

/// Whether the log has room for a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogRoom {
    /// It has, and the room was taken.
    Enough,
    /// It has not, and closes now.
    Closing,
    /// It was closed before.
    Closed,
}

impl Budget {
    fn take_one(left: &AtomicU32) -> Self {
        match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
            Ok(_) => Self::Taken,
            Err(_) => Self::Spent,
        }
    }
}

impl Interface {
    /// Every interface, in the order of its counter.
    pub const ALL: [Self; 17] = [
        Self::OutgoingHttp,
        Self::Identity,
        Self::Users,
        Self::Secrets,
        Self::Producer,
        Self::Channels,
        Self::Context,
        Self::Invoke,
        Self::Documents,
        Self::Transactions,
        Self::Sql,
        Self::Objects,
        Self::KeyValue,
        Self::Config,
        Self::Logging,
        Self::Stdout,
        Self::Stderr,
    ];

    /// The WIT name, as bills show it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OutgoingHttp => "wasi:http/outgoing-handler",
            Self::Identity => "ostro:auth/identity",
            Self::Users => "ostro:auth/users",
            Self::Secrets => "ostro:secrets/store",
            Self::Producer => "ostro:queue/producer",
            Self::Channels => "ostro:realtime/channels",
            Self::Context => "ostro:functions/context",
            Self::Invoke => "ostro:functions/invoke",
            Self::Documents => "ostro:db/documents",
            Self::Transactions => "ostro:db/transactions",
            Self::Sql => "ostro:db/sql",
            Self::Objects => "ostro:storage/objects",
            Self::KeyValue => "wasi:keyvalue",
            Self::Config => "wasi:config/store",
            Self::Logging => "wasi:logging/logging",
            Self::Stdout => "wasi:cli/stdout",
            Self::Stderr => "wasi:cli/stderr",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_counted_under_its_own_interface() {
        let meter = Meter::default();
        for (times, interface) in Interface::ALL.into_iter().enumerate() {
            (0..=times).for_each(|_| meter.count(interface));
            (0..=times).for_each(|_| meter.moved(interface, 2, 100));
        }
        let used: Vec<_> = meter.uses().collect();
        let times = |calls| Use { calls, rows: 2 * calls, bytes: 100 * calls };
        assert_eq!(used, Interface::ALL.into_iter().zip((1..).map(times)).collect::<Vec<_>>());
        meter.begin(&HostLimits::default());
        assert_eq!(meter.uses().count(), 0);
    }

    #[test]
    fn outbound_calls_end_at_the_limit() {
        let meter = Meter::default();
        meter.begin(&HostLimits { outbound_calls: 2, ..HostLimits::default() });
        assert_eq!(meter.take_outbound_call(), Budget::Taken);
        assert_eq!(meter.take_outbound_call(), Budget::Taken);
        assert_eq!(meter.take_outbound_call(), Budget::Spent);
        assert_eq!(meter.take_outbound_call(), Budget::Spent, "it does not wrap around");
    }
}
