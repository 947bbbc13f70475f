//! What is kept and what is dropped. Pure: facts in, decision out.

use std::time::Duration;

use super::Health;

/// Kept instances per function and executor.
const MAX_IDLE: usize = 32;
/// Idle time after which a kept instance is dropped.
const IDLE_TIME: Duration = Duration::from_secs(10);
/// Instantiations slower than this are worth a spare: the next request would wait for them.
const SLOW: Duration = Duration::from_micros(500);
/// Spares per function and executor: each holds a slot of the allocator and its memory.
const MAX_SPARES: usize = 2;

/// What becomes of an instance after an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// It serves again.
    Keep,
    /// It ends.
    Drop,
}

/// Whether an instance should be made ahead of the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spare {
    /// The guest starts slowly and none is there.
    Wanted,
    /// It starts fast, or there are enough.
    NotNeeded,
}

pub(super) fn after(health: Health, served: u32, reuse: u32, idle: usize) -> After {
    match health {
        Health::Sound if served < reuse && idle < MAX_IDLE => After::Keep,
        Health::Sound | Health::Broken => After::Drop,
    }
}

pub(super) fn spare(reuse: u32, instantiation: Duration, idle: usize) -> Spare {
    if reuse <= 1 && instantiation > SLOW && idle < MAX_SPARES { Spare::Wanted } else { Spare::NotNeeded }
}

/// Whether one more call may enter an instance that serves several at once.
pub(super) fn has_room(inside: u32, concurrent: u32) -> bool {
    inside < concurrent
}

/// Whether one more instance of a function may stay while it serves nobody.
pub(super) fn may_idle(own: usize, all: usize, most: usize) -> bool {
    own <= MAX_IDLE && all <= most
}

pub(super) fn expired(idle: Duration) -> bool {
    idle > IDLE_TIME
}

pub(super) fn memory_is_short(used: u64, total: u64) -> bool {
    used > total / 4 * 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_serves_exactly_as_often_as_asked() {
        for (health, served, reuse, idle, expected) in [
            (Health::Sound, 1, 1, 0, After::Drop),
            (Health::Sound, 1, 2, 0, After::Keep),
            (Health::Sound, 2, 2, 0, After::Drop),
            (Health::Broken, 1, 100, 0, After::Drop),
            (Health::Sound, 1, 100, MAX_IDLE - 1, After::Keep),
            (Health::Sound, 1, 100, MAX_IDLE, After::Drop),
        ] {
            assert_eq!(after(health, served, reuse, idle), expected, "{served} of {reuse}");
        }
    }

    #[test]
    fn only_slow_starters_get_spares() {
        let slow = SLOW + Duration::from_micros(1);
        for (reuse, instantiation, idle, expected) in [
            (1, SLOW, 0, Spare::NotNeeded),
            (1, slow, 0, Spare::Wanted),
            (1, slow, MAX_SPARES, Spare::NotNeeded),
            (2, slow, 0, Spare::NotNeeded),
        ] {
            assert_eq!(spare(reuse, instantiation, idle), expected);
        }
    }
}
