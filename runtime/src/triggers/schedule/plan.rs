//! What to do about a schedule whose slot has come: which slots get a job, which are missed, what is next.

use store::catalog::Missed;
use store::jobs::{Firing, ScheduleId};

use super::Schedule;

/// A slot that is later than this was missed, milliseconds.
const MISSED_AFTER_MS: i64 = 60_000;
/// Jobs for the slots that were missed, at most.
const MAX_CAUGHT_UP: u64 = 100;

const DAY_MS: i64 = 24 * 3_600_000;

impl Schedule {
    /// The step of a schedule whose next slot is `next_ms`; none as long as that slot has not come.
    ///
    /// Slots that are not missed run in any case. Of the missed ones `once` runs the latest if no other slot
    /// has come, `skip` none, `all` the latest `MAX_CAUGHT_UP` of all. The first that runs is told how many
    /// before it do not.
    pub fn plan(&self, id: &ScheduleId, next_ms: i64, now_ms: i64, missed: Missed) -> Option<Firing> {
        if next_ms > now_ms {
            return None;
        }
        let in_time = self.since(next_ms, now_ms.saturating_sub(MISSED_AFTER_MS), now_ms);
        let run = match missed {
            Missed::Once if in_time.is_empty() => self.latest(1, next_ms, now_ms),
            Missed::Once | Missed::Skip => in_time,
            Missed::All => self.latest(MAX_CAUGHT_UP, next_ms, now_ms),
        };
        let come = 1 + self.count(next_ms, now_ms);
        let not_run = come.saturating_sub(run.len() as u64);
        let told = std::iter::once(u32::try_from(not_run).unwrap_or(u32::MAX)).chain(std::iter::repeat(0));
        Some(Firing {
            id: id.clone(),
            expected_ms: next_ms,
            next_ms: self.next_after(now_ms),
            slots: run.into_iter().zip(told).collect(),
            missed: not_run,
        })
    }

    /// The latest slots that have come, oldest first. Looked for backwards in growing steps, so that a server
    /// that was down for years, or whose clock was, does not go through all of them.
    fn latest(&self, most: u64, next_ms: i64, now_ms: i64) -> Vec<i64> {
        let mut back = DAY_MS;
        loop {
            let start = now_ms.saturating_sub(back);
            if start <= next_ms || self.count(start, now_ms) >= most {
                let mut slots = self.since(next_ms, start, now_ms);
                let surplus = slots.len().saturating_sub(usize::try_from(most).unwrap_or(usize::MAX));
                return slots.split_off(surplus);
            }
            back = back.saturating_mul(4);
        }
    }

    /// The slots that have come since `start`. The one that was expected counts even if newer zone data have
    /// moved it: it was promised.
    fn since(&self, next_ms: i64, start: i64, now_ms: i64) -> Vec<i64> {
        let first = if start <= next_ms { Some(next_ms) } else { self.next_after(start.saturating_sub(1)) };
        std::iter::successors(first, |slot| self.next_after(*slot))
            .take_while(|slot| *slot <= now_ms)
            .collect()
    }
}
