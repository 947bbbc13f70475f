//! Limits by name: their units, their ceilings on this server, their defaults. Pure.

use store::catalog::{JobLimits, Limits};

use crate::registry::manifest::units;

/// The most that a function may ask for on this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ceilings {
    /// The highest value of each limit.
    pub limits: Limits,
    /// The highest value of each limit of jobs.
    pub jobs: JobLimits,
    /// The highest `reuse`.
    pub reuse: u32,
}

impl Ceilings {
    /// The limits of a function that names none: a low ceiling lowers the default.
    pub fn default_limits(&self) -> Limits {
        let mut limits = Limits::default();
        for key in LimitKey::ALL {
            let value = key.get(&limits).min(key.get(&self.limits));
            key.put(&mut limits, value);
        }
        limits
    }

    /// The same for its jobs.
    pub fn default_job_limits(&self) -> JobLimits {
        let mut limits = JobLimits::default();
        for key in JobKey::ALL {
            let value = key.get(&limits).min(key.get(&self.jobs));
            key.put(&mut limits, value);
        }
        limits
    }
}

impl Default for Ceilings {
    fn default() -> Self {
        Self {
            limits: Limits {
                memory_bytes: 1 << 30,
                cpu_ms: 3_600_000,
                wall_ms: 3_600_000,
                concurrency: 100_000,
                request_body_bytes: 16 << 30,
                stream_idle_ms: 24 * 3_600_000,
                stream_total_ms: 24 * 3_600_000,
                outbound_calls: 100_000,
                log_bytes: 64 << 20,
            },
            jobs: JobLimits { cpu_ms: 24 * 3_600_000, wall_ms: 24 * 3_600_000 },
            reuse: 1_000_000,
        }
    }
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Millis,
    /// Things.
    Count,
}

/// One limit, as the manifest and the flags name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKey {
    /// Linear memory of one instance.
    Memory,
    /// CPU of one invocation.
    Cpu,
    /// Time to the response head.
    Wall,
    /// Invocations at once.
    Concurrency,
    /// Request body.
    RequestBody,
    /// Longest time without a byte after the head.
    StreamIdle,
    /// Longest time in all after the head.
    StreamTotal,
    /// Outbound calls per invocation.
    OutboundCalls,
    /// Log per invocation.
    Log,
}

impl LimitKey {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::Memory,
        Self::Cpu,
        Self::Wall,
        Self::Concurrency,
        Self::RequestBody,
        Self::StreamIdle,
        Self::StreamTotal,
        Self::OutboundCalls,
        Self::Log,
    ];

    /// The key in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Wall => "wall",
            Self::Concurrency => "concurrency",
            Self::RequestBody => "request_body",
            Self::StreamIdle => "stream_idle",
            Self::StreamTotal => "stream_total",
            Self::OutboundCalls => "outbound_calls",
            Self::Log => "log",
        }
    }

    /// What it counts.
    pub fn unit(self) -> Unit {
        match self {
            Self::Memory | Self::RequestBody | Self::Log => Unit::Bytes,
            Self::Cpu | Self::Wall | Self::StreamIdle | Self::StreamTotal => Unit::Millis,
            Self::Concurrency | Self::OutboundCalls => Unit::Count,
        }
    }

    /// The value in its base unit.
    pub fn get(self, limits: &Limits) -> u64 {
        match self {
            Self::Memory => limits.memory_bytes,
            Self::Cpu => limits.cpu_ms,
            Self::Wall => limits.wall_ms,
            Self::Concurrency => u64::from(limits.concurrency),
            Self::RequestBody => limits.request_body_bytes,
            Self::StreamIdle => limits.stream_idle_ms,
            Self::StreamTotal => limits.stream_total_ms,
            Self::OutboundCalls => u64::from(limits.outbound_calls),
            Self::Log => limits.log_bytes,
        }
    }

    /// Sets the value, or says why it can't be: too low to be of any use, or over the server's ceiling.
    pub fn set(self, limits: &mut Limits, value: u64, ceilings: &Ceilings) -> Result<(), String> {
        check(self.name(), self.unit(), value, self.least(), self.get(&ceilings.limits))?;
        self.put(limits, value);
        Ok(())
    }

    fn put(self, limits: &mut Limits, value: u64) {
        let count = u32::try_from(value).unwrap_or(u32::MAX);
        match self {
            Self::Memory => limits.memory_bytes = value,
            Self::Cpu => limits.cpu_ms = value,
            Self::Wall => limits.wall_ms = value,
            Self::Concurrency => limits.concurrency = count,
            Self::RequestBody => limits.request_body_bytes = value,
            Self::StreamIdle => limits.stream_idle_ms = value,
            Self::StreamTotal => limits.stream_total_ms = value,
            Self::OutboundCalls => limits.outbound_calls = count,
            Self::Log => limits.log_bytes = value,
        }
    }

    fn least(self) -> u64 {
        match self {
            Self::Memory => 64 << 10,
            Self::RequestBody | Self::OutboundCalls | Self::Log => 0,
            Self::Cpu | Self::Wall | Self::Concurrency | Self::StreamIdle | Self::StreamTotal => 1,
        }
    }
}

/// One limit of jobs, as the manifest and the flags name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKey {
    /// CPU of one run.
    Cpu,
    /// Time of one run.
    Wall,
}

impl JobKey {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Cpu, Self::Wall];

    /// The key in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Wall => "wall",
        }
    }

    /// The value, milliseconds.
    pub fn get(self, limits: &JobLimits) -> u64 {
        match self {
            Self::Cpu => limits.cpu_ms,
            Self::Wall => limits.wall_ms,
        }
    }

    /// Sets the value, or says why it can't be.
    pub fn set(self, limits: &mut JobLimits, value: u64, ceilings: &Ceilings) -> Result<(), String> {
        check(self.name(), Unit::Millis, value, 1, self.get(&ceilings.jobs))?;
        self.put(limits, value);
        Ok(())
    }

    fn put(self, limits: &mut JobLimits, value: u64) {
        match self {
            Self::Cpu => limits.cpu_ms = value,
            Self::Wall => limits.wall_ms = value,
        }
    }
}

impl Unit {
    /// A value as a person would write it.
    fn show(self, value: u64) -> String {
        match self {
            Self::Bytes => units::show_bytes(value),
            Self::Millis => units::show_millis(value),
            Self::Count => value.to_string(),
        }
    }
}

fn check(name: &str, unit: Unit, value: u64, least: u64, most: u64) -> Result<(), String> {
    if value < least {
        return Err(format!("`{name}` has to be at least {}", unit.show(least)));
    }
    if value > most {
        return Err(format!("`{name}` is {}; this server allows {}", unit.show(value), unit.show(most)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_at_their_edges() {
        let ceilings = Ceilings::default();
        for key in LimitKey::ALL {
            let mut limits = Limits::default();
            let most = key.get(&ceilings.limits);
            for (value, accepted) in [(most - 1, true), (most, true), (most + 1, false), (key.least(), true)]
            {
                assert_eq!(key.set(&mut limits, value, &ceilings).is_ok(), accepted, "{key:?} {value}");
                assert!(!accepted || key.get(&limits) == value);
            }
            if let Some(below) = key.least().checked_sub(1) {
                assert!(key.set(&mut limits, below, &ceilings).is_err(), "{key:?}");
            }
        }
    }

    #[test]
    fn limits_of_jobs_at_their_edges() {
        let (ceilings, day) = (Ceilings::default(), 24 * 3_600_000);
        for key in JobKey::ALL {
            for (value, accepted) in [(0, false), (1, true), (day, true), (day + 1, false), (u64::MAX, false)]
            {
                let mut limits = JobLimits::default();
                assert_eq!(key.set(&mut limits, value, &ceilings).is_ok(), accepted, "{key:?} {value}");
                assert_eq!(key.get(&limits) == value, accepted, "{key:?} {value}");
            }
        }
    }

    #[test]
    fn low_ceilings_lower_the_defaults() {
        let ceilings = Ceilings {
            limits: Limits { wall_ms: 1_000, concurrency: 5, ..Ceilings::default().limits },
            jobs: JobLimits { cpu_ms: 10, ..Ceilings::default().jobs },
            ..Ceilings::default()
        };
        let expected = Limits { wall_ms: 1_000, concurrency: 5, ..Limits::default() };
        assert_eq!(ceilings.default_limits(), expected);
        assert_eq!(ceilings.default_job_limits(), JobLimits { cpu_ms: 10, ..JobLimits::default() });
        assert_eq!(Ceilings::default().default_limits(), Limits::default());
        assert_eq!(Ceilings::default().default_job_limits(), JobLimits::default());
    }
}
