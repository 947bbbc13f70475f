//! Settling and extending leases.

use rusqlite::OptionalExtension as _;

use super::change::{Again, Change, Step};
use super::rows::keep_result;
use crate::jobs::{
    End, Extended, LEASE_MS, LeaseRef, MAX_RETRY_AFTER_MS, Result, Settled, Settlement, backoff_ms,
};
use crate::sqlite::stored;

/// Settles leased jobs, each for itself.
pub(super) fn settle(change: &mut Change<'_>, settlements: &[Settlement]) -> Result<Vec<Settled>> {
    settlements.iter().map(|settlement| settle_one(change, settlement)).collect()
}

/// Extends leases from now.
pub(super) fn extend(change: &mut Change<'_>, leases: &[LeaseRef]) -> Result<Vec<Extended>> {
    let until = change.now + LEASE_MS;
    // Earlier than before, if the clock was turned back.
    change.look_at(until);
    let mut extend = change
        .connection
        .prepare_cached("UPDATE jobs SET lease_until_ms = ?3 WHERE id = ?1 AND token = ?2 AND phase = 3")?;
    let extended = leases.iter().map(|lease| match extend.execute((lease.id, lease.token, until))? {
        0 => Ok(Extended::Stale),
        _ => Ok(Extended::Held),
    });
    extended.collect()
}

fn settle_one(change: &mut Change<'_>, settlement: &Settlement) -> Result<Settled> {
    let sql = format!("SELECT {} FROM jobs WHERE id = ?1 AND token = ?2 AND phase = 3", Step::COLUMNS);
    let mut find = change.connection.prepare_cached(&sql)?;
    let lease = settlement.lease;
    let Some(job) = find.query_row((lease.id, lease.token), Step::read).optional()? else {
        return Ok(Settled::Stale);
    };
    match &settlement.end {
        End::Done(result) => {
            change.done(&job)?;
            if let Some(result) = result {
                keep_result(change, job.seq, result)?;
            }
            Ok(Settled::Done)
        }
        End::Failed { error, delay_ms, result } => {
            if let Some(result) = result {
                keep_result(change, job.seq, result)?;
            }
            failed(change, job, error, *delay_ms)
        }
        End::Split { error, split } => {
            // Due as early as before, so that its batch comes again before those behind it.
            let again = Again { split: Some((*split).max(1)), ..job.again(job.run_at_ms, error) };
            pending(change, &job, &again)
        }
        End::Released { reason, delay_ms } => {
            let run_at = change.now.saturating_add(stored(*delay_ms));
            pending(change, &job, &job.again(run_at, reason))
        }
    }
}

fn failed(change: &mut Change<'_>, mut job: Step, error: &str, delay_ms: Option<u64>) -> Result<Settled> {
    job.failures = job.failures.saturating_add(1);
    if job.failures >= job.attempts {
        change.dead(&job, error)?;
        return Ok(Settled::Dead);
    }
    let pause = match delay_ms {
        Some(asked) => asked.min(MAX_RETRY_AFTER_MS),
        None => backoff_ms(job.failures, random()?),
    };
    let run_at = change.now + stored(pause);
    pending(change, &job, &job.again(run_at, error))
}

fn pending(change: &mut Change<'_>, job: &Step, again: &Again<'_>) -> Result<Settled> {
    change.again(job, again)?;
    Ok(Settled::Pending { run_at_ms: again.run_at_ms })
}

/// An evenly spread number.
pub(super) fn random() -> Result<u64> {
    Ok(u64::from_le_bytes(crate::keys::random()?))
}
