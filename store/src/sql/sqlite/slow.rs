//! Statements that took too much at hand: they are not begun there again for a while.
//!
//! A thread that is interrupted by others for a millisecond makes any statement look slow; so one that is known to be soon done
//! is believed more than once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// How long they are not; then other rows or parameters may be small ones.
const WHILE: Duration = Duration::from_secs(10);
/// As often as this a statement must have been done for each time that it was not.
const DONE_FOR_ONE: u32 = 32;
/// As many are known at once. When there are more, all are forgotten: each costs a millisecond again.
const MOST: usize = 1_000;

/// Those of a connection.
#[derive(Default)]
pub(super) struct Slow {
    hasher: RandomState,
    known: RefCell<HashMap<u64, Known>>,
}

#[derive(Default)]
struct Known {
    /// How often it was done at hand since it was not.
    done: u32,
    /// Not at hand until then.
    until: Duration,
}

impl Slow {
    /// A statement was done at hand, or took too much.
    pub(super) fn tried(&self, sql: &str, is_done: bool, now: Duration) {
        let mut all = self.known.borrow_mut();
        if all.len() >= MOST {
            all.clear();
        }
        let known = all.entry(self.hasher.hash_one(sql)).or_default();
        match (is_done, known.done >= DONE_FOR_ONE) {
            (true, _) => known.done = (known.done + 1).min(2 * DONE_FOR_ONE),
            (false, true) => known.done -= DONE_FOR_ONE,
            (false, false) => *known = Known { done: 0, until: now.saturating_add(WHILE) },
        }
    }

    /// Whether a statement took too much, not long ago.
    pub(super) fn has(&self, sql: &str, now: Duration) -> bool {
        self.known.borrow().get(&self.hasher.hash_one(sql)).is_some_and(|known| now < known.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_known_for_a_while() {
        let (slow, now) = (Slow::default(), Duration::from_secs(100));
        slow.tried("SELECT 1", false, now);
        assert!(slow.has("SELECT 1", now) && !slow.has("SELECT 2", now));
        assert!(!slow.has("SELECT 1", now + WHILE));
        for _ in 0..1_000 {
            slow.tried("SELECT 2", true, now);
        }
        for is_slow in [false, false, true] {
            slow.tried("SELECT 2", false, now);
            assert_eq!(slow.has("SELECT 2", now), is_slow);
        }
        (0..5_000).for_each(|number| slow.tried(&number.to_string(), false, now));
        assert!(slow.known.borrow().len() <= MOST && slow.has("4999", now));
    }
}
