//! Claiming.

use super::change::Change;
use super::reap;
use super::rows::{self, SELECT_JOB};
use super::schema::Phase;
use crate::jobs::{Claim, JobState, LEASE_MS, Lease, LeaseToken, Result, Suspects};

/// Leases due jobs of a lane, the earliest first. Where several processes claim, the rows are selected `FOR UPDATE
/// SKIP LOCKED`; here one writer does.
pub(super) fn claim(change: &mut Change<'_>, claim: &Claim) -> Result<Vec<Lease>> {
    let Some(lane) = change.lane(&claim.lane)? else { return Ok(Vec::new()) };
    reap::expire(change)?;
    let (phase, limit) = match claim.suspects {
        Suspects::Leave => (Phase::Ready, claim.limit),
        Suspects::One => (Phase::Suspect, claim.limit.min(1)),
    };
    let mut select = change.connection.prepare_cached(&due_jobs())?;
    let jobs = select.query_map((lane, phase, change.now, limit), rows::job)?;
    let jobs = jobs.collect::<rusqlite::Result<Vec<_>>>()?;
    drop(select);

    let lease_until = change.now + LEASE_MS;
    let mut take = change.connection.prepare_cached(
        "UPDATE jobs SET phase = 3, starts = starts + 1, attempts = ?2, lease_until_ms = ?3, token = ?4
         WHERE id = ?1",
    )?;
    let mut leases = Vec::with_capacity(jobs.len());
    for mut job in jobs {
        let token = LeaseToken(uuid::Builder::from_random_bytes(crate::keys::random()?).into_uuid());
        take.execute((job.id, claim.attempts, lease_until, token))?;
        change.moves(lane, Some(phase), Some(Phase::Running))?;
        job.state = JobState::Running;
        job.starts += 1;
        job.attempts = claim.attempts;
        job.lease_until_ms = Some(lease_until);
        leases.push(Lease { job, token });
    }
    if !leases.is_empty() {
        change.look_at(lease_until);
    }
    Ok(leases)
}

/// Selects the due jobs of a lane and phase that have not expired.
pub(super) fn due_jobs() -> String {
    format!(
        "{SELECT_JOB} WHERE j.lane = ?1 AND j.phase = ?2 AND +j.phase <= 2 AND j.run_at_ms <= ?3
             AND (j.expires_ms IS NULL OR j.expires_ms > ?3)
         ORDER BY j.run_at_ms, j.seq LIMIT ?4"
    )
}
