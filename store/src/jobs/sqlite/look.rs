//! What is due in a project's file, and who holds leases there.

use rusqlite::{Connection, OptionalExtension as _};

use super::index::{Entry, earlier};
use super::schema::Phase;
use crate::StoreError;
use crate::jobs::{DEDUPE_WINDOW_MS, Lane, Result};

/// When the first job of a lane and phase is due.
pub(super) const CLAIMABLE: &str = "SELECT run_at_ms FROM jobs
    WHERE lane = ?1 AND phase = ?2 AND +phase <= 2 ORDER BY run_at_ms LIMIT 1";
/// When the first lease lapses.
pub(super) const LAPSES: &str = "SELECT min(lease_until_ms) FROM jobs WHERE phase = 3";
/// When the first pending job expires.
pub(super) const EXPIRES: &str =
    "SELECT min(expires_ms) FROM jobs WHERE phase <= 2 AND expires_ms IS NOT NULL";
/// When the first ended job is to be forgotten, where done ones are kept that long.
pub(super) const FORGOTTEN: &str = "
    SELECT min(at) FROM (
        SELECT ?1 + (SELECT min(finished_ms) FROM jobs j WHERE lane = l.id AND phase = 4 AND +phase >= 4) AS at
            FROM lanes l WHERE l.done > 0
        UNION ALL
        SELECT ?1 + (SELECT min(finished_ms) FROM jobs j WHERE lane = l.id AND phase = 5 AND +phase >= 4)
            FROM lanes l WHERE l.kept > 0
        UNION ALL
        SELECT l.retention_ms
            + (SELECT min(finished_ms) FROM jobs j WHERE lane = l.id AND phase = 6 AND +phase >= 4)
            FROM lanes l WHERE l.dead > 0
    )";

/// Everything that the index knows of a project.
pub(super) fn entry(connection: &Connection) -> Result<Entry> {
    let mut entry =
        Entry { next_slot: next_slot(connection)?, look_at: look_at(connection)?, ..Entry::default() };
    let mut lanes = connection.prepare("SELECT id, name, retention_ms FROM lanes")?;
    let mut rows = lanes.query([])?;
    while let Some(row) = rows.next()? {
        let lane = parse_lane(&row.get::<_, String>(1)?)?;
        if let Lane::Queue(name) = &lane {
            entry.queues.insert(name.clone(), row.get(2)?);
        }
        if let Some(at) = claimable_at(connection, row.get(0)?)? {
            entry.lanes.insert(lane, at);
        }
    }
    Ok(entry)
}

/// Whether somebody holds a lease, or held it when the server was lost.
pub(super) fn has_leases(connection: &Connection) -> Result<bool> {
    Ok(connection.prepare("SELECT 1 FROM jobs WHERE phase = 3")?.exists([])?)
}

/// Has every lease lapse: whoever held them is lost.
pub(super) fn end_leases(connection: &Connection) -> Result<()> {
    connection.execute("UPDATE jobs SET lease_until_ms = 0 WHERE phase = 3", [])?;
    Ok(())
}

/// When the first job of a lane can be claimed.
pub(super) fn claimable_at(connection: &Connection, lane: i64) -> Result<Option<i64>> {
    let mut first = connection.prepare_cached(CLAIMABLE)?;
    let ready = first.query_row((lane, Phase::Ready), |row| row.get(0)).optional()?;
    let suspect = first.query_row((lane, Phase::Suspect), |row| row.get(0)).optional()?;
    Ok(earlier(ready, suspect))
}

/// When the next slot comes of a schedule that is not paused.
pub(super) fn next_slot(connection: &Connection) -> Result<Option<i64>> {
    let sql = "SELECT min(next_ms) FROM schedules WHERE paused = 0 AND next_ms IS NOT NULL";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// When the first lease lapses, the first job expires or the first ended one is to be forgotten.
pub(super) fn look_at(connection: &Connection) -> Result<Option<i64>> {
    let lapses: Option<i64> = connection.prepare_cached(LAPSES)?.query_row([], |row| row.get(0))?;
    let expires = connection.prepare_cached(EXPIRES)?.query_row([], |row| row.get(0))?;
    let forgotten = connection.prepare_cached(FORGOTTEN)?.query_row([DEDUPE_WINDOW_MS], |row| row.get(0))?;
    Ok(earlier(earlier(lapses, expires), forgotten))
}

/// A lane from its stored form.
pub(super) fn parse_lane(name: &str) -> Result<Lane> {
    Lane::parse(name).ok_or_else(|| StoreError::Damaged(format!("{name:?} is no lane")))
}
