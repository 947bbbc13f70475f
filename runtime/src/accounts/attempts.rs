//! How often somebody may be wrong: so many times in a while, then not at all until the while is over.
//!
//! An attempt is counted when it begins and given back when it was right, so that many at once are no way around;
//! `governor`, which bounds rates elsewhere, gives nothing back.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use store::catalog::ProjectId;

use crate::problem::Problem;

/// How long attempts count, milliseconds.
pub const WINDOW_MS: i64 = 15 * 60_000;
/// Keys of one kind that are remembered of a project: whoever fills them fills no other project's. What makes more of them
/// is slower, since who signs in has a password hashed.
const MAX_KEYS: usize = 20_000;

/// Counts the attempts of one kind. A cheap handle: clones count together.
#[derive(Debug)]
pub struct Attempts<K> {
    most: u32,
    counts: Arc<Mutex<HashMap<ProjectId, HashMap<K, Count>>>>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    attempts: u32,
    /// When the first of them was.
    since_ms: i64,
}

/// It was tried too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// When it may be tried again, seconds from now.
    pub retry_after_s: u64,
}

impl From<TooMany> for Problem {
    fn from(TooMany { retry_after_s }: TooMany) -> Self {
        Self::new(429, "too_many_attempts", "this was tried too often")
            .hint(format!("try again in {retry_after_s} s"))
    }
}

impl<K> Clone for Attempts<K> {
    fn clone(&self) -> Self {
        Self { most: self.most, counts: self.counts.clone() }
    }
}

impl<K: Hash + Eq> Attempts<K> {
    /// At most so many within [`WINDOW_MS`].
    pub fn new(most: u32) -> Self {
        Self { most, counts: Arc::default() }
    }

    /// Counts an attempt in a project, or says that there were too many. The time is milliseconds since some moment of the
    /// past.
    pub fn begin(&self, project: ProjectId, key: K, now: i64) -> Result<(), TooMany> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = counts.entry(project).or_default();
        let is_over = |count: &Count| !(0..WINDOW_MS).contains(&now.saturating_sub(count.since_ms));
        if counts.len() >= MAX_KEYS && !counts.contains_key(&key) {
            counts.retain(|_, count| !is_over(count));
            // Rather nobody than everybody.
            if counts.len() >= MAX_KEYS {
                return Err(TooMany { retry_after_s: 60 });
            }
        }
        let count = counts.entry(key).or_insert(Count { attempts: 0, since_ms: now });
        if is_over(count) {
            *count = Count { attempts: 0, since_ms: now };
        }
        if count.attempts >= self.most {
            let left = count.since_ms.saturating_add(WINDOW_MS).saturating_sub(now);
            return Err(TooMany { retry_after_s: left.unsigned_abs().div_ceil(1_000) });
        }
        count.attempts += 1;
        Ok(())
    }

    /// The attempt was right: it does not count.
    pub fn give_back(&self, project: ProjectId, key: &K) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(of_project) = counts.get_mut(&project) else { return };
        if let Some(count) = of_project.get_mut(key) {
            count.attempts = count.attempts.saturating_sub(1);
            if count.attempts == 0 {
                of_project.remove(key);
            }
        }
        if of_project.is_empty() {
            counts.remove(&project);
        }
    }
}

/// What counts as one address: of IPv6 a network, because who has one address of it has all (RFC 6177).
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !0 << 72).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ProjectId = ProjectId(uuid::Uuid::from_u128(1));
    const OTHER: ProjectId = ProjectId(uuid::Uuid::from_u128(2));

    #[test]
    fn f2_so_many_and_no_more_until_the_while_is_over() {
        let attempts = Attempts::new(3);
        for now in 0..3 {
            assert_eq!(attempts.begin(ONE, "a", now), Ok(()));
        }
        let seconds = |retry_after_s| Err(TooMany { retry_after_s });
        assert_eq!(attempts.begin(ONE, "a", 10), seconds(900));
        assert_eq!(attempts.begin(ONE, "b", 10), Ok(()), "somebody else");
        assert_eq!(attempts.begin(OTHER, "a", 10), Ok(()), "somebody of that name elsewhere");
        attempts.give_back(ONE, &"a");
        assert_eq!(attempts.begin(ONE, "a", 10), Ok(()), "one was right");
        assert_eq!(attempts.begin(ONE, "a", WINDOW_MS - 1), seconds(1));
        assert_eq!(attempts.begin(ONE, "a", WINDOW_MS), Ok(()));
        assert_eq!(attempts.begin(ONE, "a", WINDOW_MS), Ok(()));
    }

    #[test]
    fn f2_memory_is_bounded_and_each_project_has_its_own() {
        let attempts = Attempts::new(1);
        for key in 0..MAX_KEYS {
            attempts.begin(ONE, key, 0).unwrap();
        }
        assert!(attempts.begin(ONE, MAX_KEYS, 1).is_err());
        assert_eq!(attempts.begin(OTHER, MAX_KEYS, 1), Ok(()), "another project is not full");
        attempts.give_back(ONE, &7);
        assert_eq!(attempts.begin(ONE, MAX_KEYS, 1), Ok(()));
        assert_eq!(attempts.begin(ONE, MAX_KEYS + 1, WINDOW_MS), Ok(()), "what is over makes room");
        assert!(attempts.counts.lock().unwrap()[&ONE].len() < 3);
        attempts.give_back(OTHER, &MAX_KEYS);
        assert_eq!(attempts.counts.lock().unwrap().len(), 1, "nothing is kept of who is not counted");
    }

    #[test]
    fn neighbours_of_a_network_are_one() {
        let same = |a: &str, b: &str| network(a.parse().unwrap()) == network(b.parse().unwrap());
        assert!(same("2001:db8:0:100::1", "2001:db8:0:1ff:ffff::9"));
        assert!(!same("2001:db8:0:100::1", "2001:db8:0:200::1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
    }
}
