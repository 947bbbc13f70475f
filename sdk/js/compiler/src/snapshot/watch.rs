//! Ends a program that does not come to its end while it is built.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};

/// Time that a program has, also when it waits.
pub(super) const WALL_MAX: Duration = Duration::from_secs(20);
/// How often that is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// Why a program was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It used its processor time.
    Cpu,
    /// Its time was over.
    Wall,
}

/// A thread that watches.
pub(super) struct Watch {
    done: Sender<()>,
    reason: Arc<AtomicU8>,
    thread: JoinHandle<()>,
}

const NONE: u8 = 0;
const CPU: u8 = 1;
const WALL: u8 = 2;

impl Watch {
    /// Watches from now on: moves the engine's epoch when this much processor time is used, or the time is over.
    pub(super) fn start(engine: &wasmtime::Engine, cpu_max: Duration) -> Result<Self> {
        let (done, is_done) = channel();
        let reason = Arc::new(AtomicU8::new(NONE));
        let (engine, said) = (engine.clone(), Arc::clone(&reason));
        let (begin, cpu) = (Instant::now(), cpu_time());
        let watch = move || {
            while is_done.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                let over = if cpu_time().saturating_sub(cpu) > cpu_max {
                    CPU
                } else if begin.elapsed() > WALL_MAX {
                    WALL
                } else {
                    continue;
                };
                said.store(over, Ordering::SeqCst);
                engine.increment_epoch();
                return;
            }
        };
        let thread = std::thread::Builder::new().name("watch".to_owned()).spawn(watch)?;
        Ok(Self { done, reason, thread })
    }

    /// Watches no longer. Says whether a limit was passed.
    pub(super) fn stop(self) -> Option<Reason> {
        drop(self.done);
        // It does not panic; if it did, the reason would be what it is.
        drop(self.thread.join());
        match self.reason.load(Ordering::SeqCst) {
            CPU => Some(Reason::Cpu),
            WALL => Some(Reason::Wall),
            _ => None,
        }
    }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
