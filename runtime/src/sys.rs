//! The few operating-system calls of the runtime. What is Linux-only has a stated fallback.

use std::time::Duration;

/// CPU time that the calling thread has used.
pub(crate) fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Lowers the calling thread's priority. On Linux a nice value belongs to a thread; elsewhere it belongs to
/// the whole process, so nothing is done and long work competes with short work as the system sees fit.
pub(crate) fn nice_thread(level: i32) {
    #[cfg(target_os = "linux")]
    {
        let thread = rustix::thread::gettid();
        if let Err(error) = rustix::process::setpriority_process(Some(thread), level) {
            tracing::warn!(%error, "the background thread keeps its normal priority");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = level;
}

/// Asks for short slices of CPU for the calling thread, so that it runs at once when it wakes: since Linux 6.12
/// a thread with a shorter slice takes the processor from one that is in the middle of a longer one. Elsewhere,
/// and on older kernels, it waits for the other slice's end, some milliseconds at most.
pub(crate) fn prefer_latency() {
    #[cfg(target_os = "linux")]
    if let Err(error) = short_slices(SLICE) {
        tracing::debug!(%error, "executors keep the system's slices");
    }
}

/// Length of an executor's slices; the shortest that Linux takes.
#[cfg(target_os = "linux")]
const SLICE: Duration = Duration::from_micros(100);

/// `sched_setattr(2)` with the thread's policy and nice value as they are by default, and a slice.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the call has no safe wrapper")]
fn short_slices(slice: Duration) -> std::io::Result<()> {
    /// `struct sched_attr`, first version (`SCHED_ATTR_SIZE_VER0`).
    #[repr(C)]
    struct Attributes {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        runtime: u64,
        deadline: u64,
        period: u64,
    }
    let attributes = Attributes {
        size: 48,
        policy: 0,
        flags: 0,
        nice: 0,
        priority: 0,
        runtime: u64::try_from(slice.as_nanos()).unwrap_or(0),
        deadline: 0,
        period: 0,
    };
    // SAFETY: the structure has the layout and the size that the kernel expects and outlives the call; thread 0 is
    // the caller.
    let result = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// A file that has these bytes and no name, in memory. Linux only; `Unsupported` elsewhere.
pub(crate) fn file_in_memory(name: &str, bytes: &[u8]) -> std::io::Result<std::fs::File> {
    #[cfg(target_os = "linux")]
    {
        use std::io::Write as _;
        let descriptor = rustix::fs::memfd_create(name, rustix::fs::MemfdFlags::CLOEXEC)?;
        let mut file = std::fs::File::from(descriptor);
        file.write_all(bytes)?;
        Ok(file)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (name, bytes);
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

/// Whether any swap is in use by the system. Where it can't be told, the answer is yes: the careful one.
pub(crate) fn swap_active() -> bool {
    match std::fs::read_to_string("/proc/swaps") {
        Ok(text) => text.lines().count() > 1,
        Err(_) => true,
    }
}

/// Physical memory in bytes, lowered to the container's limit (cgroup v2) where there is one.
pub(crate) fn memory_bytes() -> u64 {
    let physical = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
            line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
        })
        .map_or(4 << 30, |kib| kib << 10);
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse::<u64>().ok());
    limit.map_or(physical, |limit| limit.min(physical))
}

/// Turns core dumps off: a dump would hold secrets in plain text (threat F7).
pub(crate) fn no_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core dumps stay as the system has them");
    }
}

/// Raises the number of files that the process may open to the most that the system lets it, and says it.
pub(crate) fn raise_open_files() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, most) {
        Ok(()) => limit.maximum.unwrap_or(u64::MAX),
        Err(_) => limit.current.unwrap_or(1024),
    }
}
