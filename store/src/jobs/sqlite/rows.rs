//! Jobs as rows.

use rusqlite::{OptionalExtension as _, Row};

use super::change::Change;
use super::look::parse_lane;
use super::schema::Phase;
use crate::StoreError;
use crate::jobs::{Job, JobResult, Lane, Result, Trigger};
use crate::sqlite::{Json, stored};

/// Selects whole jobs, from `jobs j`; a condition follows.
pub(super) const SELECT_JOB: &str = "
    SELECT j.id, l.name, p.kind, p.payload, p.content_type, j.phase, j.enqueued_ms, j.run_at_ms,
        j.finished_ms, j.starts, j.failures, j.crashes, j.attempts, j.split, j.lease_until_ms, j.dedupe_key,
        j.order_key, j.expires_ms, j.last_error, r.invocation, r.status, r.content_type, r.body, r.cut
    FROM jobs j JOIN lanes l ON l.id = j.lane JOIN payloads p ON p.seq = j.seq
        LEFT JOIN results r ON r.seq = j.seq ";

/// Selects jobs without payload and result, as wide as [`SELECT_JOB`].
pub(super) const SELECT_HEAD: &str = "
    SELECT j.id, l.name, p.kind, x'', p.content_type, j.phase, j.enqueued_ms, j.run_at_ms,
        j.finished_ms, j.starts, j.failures, j.crashes, j.attempts, j.split, j.lease_until_ms, j.dedupe_key,
        j.order_key, j.expires_ms, j.last_error, NULL, NULL, NULL, NULL, NULL
    FROM jobs j JOIN lanes l ON l.id = j.lane JOIN payloads p ON p.seq = j.seq ";

/// Reads what [`SELECT_JOB`] or [`SELECT_HEAD`] selects.
pub(super) fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    let lane: String = row.get(1)?;
    let Json(trigger): Json<Trigger> = row.get(2)?;
    Ok(Job {
        id: row.get(0)?,
        lane: lane_of(&lane)?,
        trigger,
        payload: row.get::<_, Vec<u8>>(3)?.into(),
        content_type: row.get(4)?,
        state: row.get::<_, Phase>(5)?.state(),
        enqueued_ms: row.get(6)?,
        run_at_ms: row.get(7)?,
        finished_ms: row.get(8)?,
        starts: row.get(9)?,
        failures: row.get(10)?,
        crashes: row.get(11)?,
        attempts: row.get(12)?,
        split: row.get(13)?,
        lease_until_ms: row.get(14)?,
        dedupe_key: row.get(15)?,
        order_key: row.get(16)?,
        expires_ms: row.get(17)?,
        last_error: row.get(18)?,
        result: result(row, 19)?,
    })
}

/// Keeps what a job gave, in place of what it gave before.
pub(super) fn keep_result(change: &mut Change<'_>, seq: i64, result: &JobResult) -> Result<()> {
    forget_result(change, seq)?;
    resize(change, seq, stored(result.body.len() as u64))?;
    change
        .connection
        .prepare_cached(
            "INSERT INTO results (seq, invocation, status, content_type, body, cut)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            seq,
            result.invocation.as_bytes().as_slice(),
            result.status,
            &result.content_type,
            &result.body,
            result.cut,
        ))?;
    Ok(())
}

/// Forgets what a job gave.
pub(super) fn forget_result(change: &mut Change<'_>, seq: i64) -> Result<()> {
    let sql = "DELETE FROM results WHERE seq = ?1 RETURNING length(body)";
    let size: Option<i64> =
        change.connection.prepare_cached(sql)?.query_row([seq], |row| row.get(0)).optional()?;
    size.map_or(Ok(()), |size| resize(change, seq, -size))
}

fn resize(change: &mut Change<'_>, seq: i64, by: i64) -> Result<()> {
    let sql = "UPDATE jobs SET bytes = bytes + ?2 WHERE seq = ?1";
    change.connection.prepare_cached(sql)?.execute((seq, by))?;
    change.holds(by)
}

/// A stored number that is never negative.
pub(super) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

fn result(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<JobResult>> {
    let Some(invocation) = row.get::<_, Option<Vec<u8>>>(first)? else { return Ok(None) };
    Ok(Some(JobResult {
        invocation: uuid::Uuid::from_slice(&invocation).map_err(|e| damaged(first, e.into()))?,
        status: row.get(first + 1)?,
        content_type: row.get(first + 2)?,
        body: row.get(first + 3)?,
        cut: row.get(first + 4)?,
    }))
}

fn lane_of(name: &str) -> rusqlite::Result<Lane> {
    parse_lane(name).map_err(|error: StoreError| damaged(1, error.into()))
}

fn damaged(column: usize, why: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Blob, why)
}
