//! Looking through a project: lapsed leases, expired jobs, ended ones that were kept long enough.

use rusqlite::Params;

use super::change::Change;
use super::look;
use super::schema::Phase;
use super::settle::random;
use crate::jobs::{DEDUPE_WINDOW_MS, MAX_CRASHES, Reaped, Result, backoff_ms};
use crate::sqlite::stored;

/// Jobs that one look touches of each kind at most, so that it does not hold up others for long.
const AT_ONCE: i64 = 1_000;

/// Pending jobs that have expired. This and the following are conditions for [`Change::steps`].
pub(super) const EXPIRED: &str =
    "phase <= 2 AND expires_ms IS NOT NULL AND expires_ms <= ?1 ORDER BY expires_ms LIMIT ?2";
/// Leases that have lapsed.
pub(super) const LAPSED: &str = "phase = 3 AND lease_until_ms <= ?1 ORDER BY lease_until_ms LIMIT ?2";
/// Jobs of a lane and phase that ended that long ago.
pub(super) const ENDED_BEFORE: &str =
    "lane = ?1 AND phase = ?2 AND +phase >= 4 AND finished_ms <= ?3 ORDER BY finished_ms LIMIT ?4";
/// The oldest of a lane's done jobs without a dedupe key.
pub(super) const OLDEST_DONE: &str = "lane = ?1 AND phase = 4 AND +phase >= 4 ORDER BY finished_ms LIMIT ?2";

/// The oldest of a lane's dead jobs.
pub(super) const OLDEST_DEAD: &str = "lane = ?1 AND phase = 6 AND +phase >= 4 ORDER BY finished_ms LIMIT ?2";

/// Takes a look. Whatever is left for another one makes the next look due at once.
pub(super) fn reap(change: &mut Change<'_>) -> Result<Reaped> {
    let mut reaped = crash(change)?;
    reaped.dead += expire(change)?;
    change.write_counts()?;
    let (forgotten, rest) = forget(change)?;
    change.write_counts()?;
    reaped.forgotten = forgotten;
    let next = match rest {
        Rest::None => look::look_at(change.connection)?,
        Rest::Surplus => Some(change.now),
    };
    change.looked(next);
    Ok(reaped)
}

/// Ends pending jobs that have waited too long; how many there were.
pub(super) fn expire(change: &mut Change<'_>) -> Result<u64> {
    let expired = change.steps(EXPIRED, (change.now, AT_ONCE))?;
    for job in &expired {
        match &job.last_error {
            Some(last) => change.dead(job, &format!("it expired; before that: {last}"))?,
            None => change.dead(job, "it expired before it could run")?,
        }
    }
    Ok(expired.len() as u64)
}

/// Takes back lapsed leases: whoever held them is lost.
fn crash(change: &mut Change<'_>) -> Result<Reaped> {
    let mut reaped = Reaped::default();
    for mut job in change.steps(LAPSED, (change.now, AT_ONCE))? {
        job.crashes = job.crashes.saturating_add(1);
        let error = "the server that ran it was lost";
        if job.crashes >= MAX_CRASHES {
            change.dead(&job, error)?;
            reaped.dead += 1;
        } else {
            let run_at = change.now + stored(backoff_ms(job.crashes, random()?));
            change.again(&job, &job.again(run_at, error))?;
            reaped.crashed += 1;
        }
    }
    Ok(reaped)
}

/// What is left after a look.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    None,
    /// More done or dead jobs than are kept.
    Surplus,
}

/// Deletes ended jobs that were kept long enough; how many there were.
fn forget(change: &mut Change<'_>) -> Result<(u64, Rest)> {
    let mut lanes = change.connection.prepare_cached("SELECT id FROM lanes WHERE done + kept + dead > 0")?;
    let lanes = lanes.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    let (mut forgotten, mut rest) = (0, Rest::None);
    for lane in lanes {
        let dead = change.now.saturating_sub(change.lane_row(lane)?.retention_ms);
        let window = change.now.saturating_sub(DEDUPE_WINDOW_MS);
        for (phase, before) in [(Phase::Done, window), (Phase::Kept, window), (Phase::Dead, dead)] {
            forgotten += delete(change, ENDED_BEFORE, (lane, phase, before, AT_ONCE))?;
        }
        let (done, dead) = surplus(change, lane)?;
        for (condition, surplus) in [(OLDEST_DONE, done), (OLDEST_DEAD, dead)] {
            if surplus > 0 {
                forgotten += delete(change, condition, (lane, surplus.min(AT_ONCE)))?;
            }
        }
        if surplus(change, lane)? != (0, 0) {
            rest = Rest::Surplus;
        }
    }
    Ok((forgotten, rest))
}

/// Done and dead jobs of the lane beyond those that are kept.
fn surplus(change: &mut Change<'_>, lane: i64) -> Result<(i64, i64)> {
    let limits = change.limits;
    let counts = change.lane_row(lane)?.counts;
    Ok(((counts.done - limits.done).max(0), (counts.dead - limits.dead).max(0)))
}

fn delete(change: &mut Change<'_>, condition: &str, params: impl Params) -> Result<u64> {
    let jobs = change.steps(condition, params)?;
    for job in &jobs {
        change.delete(job)?;
    }
    Ok(jobs.len() as u64)
}
