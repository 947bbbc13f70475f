//! Enqueueing.

use rusqlite::OptionalExtension as _;

use super::change::{Change, Step};
use super::schema::Phase;
use crate::jobs::{DEDUPE_WINDOW_MS, Enqueued, JobId, Lane, NewJob, Result, Trigger};
use crate::sqlite::{Json, new_id, stored};

/// The job that a dedupe key of a lane may stand for.
pub(super) const WITH_DEDUPE_KEY: &str =
    "lane = ?1 AND dedupe_key = ?2 AND phase <= 5 AND dedupe_key IS NOT NULL";
/// Jobs of an order key of a lane that are not final.
pub(super) const WITH_ORDER_KEY: &str =
    "lane = ?1 AND order_key = ?2 AND phase <= 3 AND order_key IS NOT NULL";

/// Stores all of them, in their order, or none.
pub(super) fn enqueue(change: &mut Change<'_>, jobs: &[NewJob]) -> Result<Vec<Enqueued>> {
    jobs.iter().map(|job| enqueue_one(change, job)).collect()
}

/// See [`enqueue`].
pub(super) fn enqueue_one(change: &mut Change<'_>, job: &NewJob) -> Result<Enqueued> {
    let lane = change.lane_or_new(&job.lane)?;
    if let Some(key) = &job.dedupe_key
        && let Some(taken) = holder(change, lane, key)?
    {
        return Ok(Enqueued::Duplicate(taken));
    }
    change.refuse_full(lane)?;
    if job.dedupe_key.is_some() {
        change.refuse_key(lane)?;
    }
    let bytes = stored(job.payload.len() as u64);
    change.make_room(bytes)?;
    change.holds(bytes)?;
    let id = JobId(new_id(change.now)?);
    let phase = phase_in_line(change, lane, job.order_key.as_deref())?;
    let run_at = change.now.saturating_add(stored(job.delay_ms));
    let lifetime = match (job.expires_after_ms, &job.lane) {
        (Some(after), _) => Some(stored(after)),
        (None, Lane::Queue(_)) => Some(change.lane_row(lane)?.retention_ms),
        (None, Lane::Async(_) | Lane::Cron(_) | Lane::Event(_)) => None,
    };
    let expires = lifetime.map(|lifetime| run_at.saturating_add(lifetime));
    let schedule = match &job.trigger {
        Trigger::Cron { schedule, .. } => Some(schedule.0.as_str()),
        Trigger::Async { .. } | Trigger::Event { .. } | Trigger::Queue => None,
    };
    change
        .connection
        .prepare_cached(
            "INSERT INTO jobs (id, lane, phase, enqueued_ms, run_at_ms, lifetime_ms, expires_ms,
                 dedupe_key, order_key, schedule, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute((
            id,
            lane,
            phase,
            change.now,
            run_at,
            lifetime,
            expires,
            &job.dedupe_key,
            &job.order_key,
            schedule,
            bytes,
        ))?;
    let seq = change.connection.last_insert_rowid();
    change
        .connection
        .prepare_cached("INSERT INTO payloads (seq, kind, content_type, payload) VALUES (?1, ?2, ?3, ?4)")?
        .execute((seq, Json(&job.trigger), &job.content_type, job.payload.as_ref()))?;
    if let Some(expires) = expires {
        change.look_at(expires);
    }
    change.ring();
    change.moves(lane, None, Some(phase))?;
    Ok(Enqueued::New(id))
}

/// The job that stands for a dedupe key. One that was done a whole window ago does not any more, and is
/// forgotten.
pub(super) fn holder(change: &mut Change<'_>, lane: i64, key: &str) -> Result<Option<JobId>> {
    let sql = format!("SELECT {}, id, finished_ms FROM jobs WHERE {WITH_DEDUPE_KEY}", Step::COLUMNS);
    let mut find = change.connection.prepare_cached(&sql)?;
    let found = find
        .query_row((lane, key), |row| {
            Ok((Step::read(row)?, row.get(Step::WIDTH)?, row.get::<_, Option<i64>>(Step::WIDTH + 1)?))
        })
        .optional()?;
    match found {
        Some((job, _, Some(finished))) if change.now - finished >= DEDUPE_WINDOW_MS => {
            change.delete(&job)?;
            Ok(None)
        }
        Some((_, id, _)) => Ok(Some(id)),
        None => Ok(None),
    }
}

/// The phase of a job that joins its order key's line at the end: held while another of the key is not final.
pub(super) fn phase_in_line(change: &Change<'_>, lane: i64, order_key: Option<&str>) -> Result<Phase> {
    let Some(key) = order_key else { return Ok(Phase::Ready) };
    let sql = format!("SELECT 1 FROM jobs WHERE {WITH_ORDER_KEY} LIMIT 1");
    let mut find = change.connection.prepare_cached(&sql)?;
    match find.exists((lane, key))? {
        true => Ok(Phase::Held),
        false => Ok(Phase::Ready),
    }
}
