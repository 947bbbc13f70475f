//! What this process may use in all, whatever a program does to it: a second line behind the limits of the interpreter.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Processor time, seconds. A build takes less than one; the first one, which compiles the interpreter, a few.
const CPU_MAX: u64 = 120;
/// Private memory that can be written to, bytes.
const MEMORY_MAX: u64 = 3 << 30;

/// Sets the limits for this process. A system that refuses keeps its own.
pub(crate) fn set() {
    for (resource, limit) in [(Resource::Cpu, CPU_MAX), (Resource::Data, MEMORY_MAX), (Resource::Core, 0)] {
        let limit = Rlimit { current: Some(limit), maximum: Some(limit) };
        let _ = setrlimit(resource, limit);
    }
}
