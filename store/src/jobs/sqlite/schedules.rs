//! Schedules and their slots.

use async_trait::async_trait;
use rusqlite::Row;

use super::change::Change;
use super::enqueue::enqueue_one;
use super::{Sqlite, rows};
use crate::StoreError;
use crate::catalog::{Missed, Overlap, ProjectId};
use crate::jobs::{
    Fired, Firing, JobId, Lane, NewJob, Pause, Result, Schedule, ScheduleId, ScheduleSpec, Schedules, Trigger,
};
use crate::sqlite::{Json, stored};

/// Columns that [`schedule`] reads.
const SCHEDULE: &str =
    "id, function, expression, timezone, path, missed, overlap, next_ms, last_ms, last_job,
    skipped, missed_slots, paused";

/// Jobs of a schedule that are not final.
pub(super) const OF_SCHEDULE: &str = "schedule = ?1 AND phase <= 3 AND schedule IS NOT NULL";

#[async_trait]
impl Schedules for Sqlite {
    async fn reconcile(&self, project: ProjectId, schedules: &[ScheduleSpec]) -> Result<()> {
        let specs = schedules.to_vec();
        match specs.is_empty() {
            // No file is made for a project that has nothing.
            true => {
                let none = |change: &mut Change<'_>| reconcile(change, &[]);
                self.files.change_existing(project, none).await.map(drop)
            }
            false => self.files.change(project, move |change| reconcile(change, &specs)).await,
        }
    }

    async fn list(&self, project: ProjectId) -> Result<Vec<Schedule>> {
        let list =
            |change: &mut Change<'_>| select(change, "true ORDER BY function, expression, timezone, id", []);
        Ok(self.files.look(project, list).await?.unwrap_or_default())
    }

    async fn due(&self) -> Result<Vec<(ProjectId, Schedule)>> {
        let mut due = Vec::new();
        let now = self.files.now();
        for project in self.files.index.with_slots(now) {
            let of_project = |change: &mut Change<'_>| {
                select(change, "paused = 0 AND next_ms IS NOT NULL AND next_ms <= ?1", [change.now])
            };
            match self.files.read(project, of_project).await {
                Ok(found) => due.extend(found.into_iter().flatten().map(|schedule| (project, schedule))),
                // The slots of the others must not wait for this one.
                Err(error) => {
                    tracing::warn!(project = %project.0, %error, "a project's schedules cannot be read");
                    self.files.index.no_slots(project, now);
                }
            }
        }
        Ok(due)
    }

    async fn next(&self) -> Result<Option<i64>> {
        Ok(self.files.index.next_slot(self.files.now()))
    }

    async fn fire(&self, project: ProjectId, firing: Firing) -> Result<Fired> {
        let fired = self.files.change_existing(project, move |change| fire(change, &firing)).await?;
        Ok(fired.unwrap_or(Fired::Stale))
    }

    async fn set(&self, project: ProjectId, id: &ScheduleId, pause: Pause) -> Result<()> {
        let id = id.clone();
        let set = move |change: &mut Change<'_>| {
            let known = match pause {
                Pause::Pause => change
                    .connection
                    .prepare_cached("UPDATE schedules SET paused = 1 WHERE id = ?1")?
                    .execute([&id.0])?,
                Pause::Resume(next) => change
                    .connection
                    .prepare_cached("UPDATE schedules SET paused = 0, next_ms = ?2 WHERE id = ?1")?
                    .execute((&id.0, next))?,
            };
            change.schedules_changed()?;
            Ok(known)
        };
        match self.files.change_existing(project, set).await? {
            Some(1..) => Ok(()),
            Some(0) | None => Err(StoreError::NotFound { what: "schedule" }),
        }
    }
}

fn reconcile(change: &mut Change<'_>, specs: &[ScheduleSpec]) -> Result<()> {
    let known = select(change, "true", [])?;
    for schedule in known.iter().filter(|known| specs.iter().all(|spec| spec.id != known.spec.id)) {
        change
            .connection
            .prepare_cached("DELETE FROM schedules WHERE id = ?1")?
            .execute([&schedule.spec.id.0])?;
    }
    for spec in specs {
        change
            .connection
            .prepare_cached(
                "INSERT INTO schedules (id, function, expression, timezone, path, missed, overlap, next_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (id) DO UPDATE SET function = excluded.function,
                     expression = excluded.expression, timezone = excluded.timezone,
                     path = excluded.path, missed = excluded.missed, overlap = excluded.overlap,
                     next_ms = coalesce(next_ms, excluded.next_ms)",
            )?
            .execute((
                &spec.id.0,
                spec.function,
                &spec.expression,
                &spec.timezone,
                &spec.path,
                Json(&spec.missed),
                Json(&spec.overlap),
                spec.first_ms,
            ))?;
    }
    change.schedules_changed()
}

fn fire(change: &mut Change<'_>, firing: &Firing) -> Result<Fired> {
    let found =
        select(change, "id = ?1 AND paused = 0 AND next_ms = ?2", (&firing.id.0, firing.expected_ms))?;
    let Some(schedule) = found.into_iter().next() else { return Ok(Fired::Stale) };
    let (slots, missed) = to_run(&schedule, firing, change.now);
    let overlaps = !slots.is_empty() && overlaps(change, &firing.id)?;
    let skips = overlaps && schedule.spec.overlap == Overlap::Forbid;
    if overlaps && schedule.spec.overlap == Overlap::Replace {
        replace(change, &firing.id)?;
    }
    let mut jobs = Vec::new();
    if !skips {
        for (slot_ms, missed) in &slots {
            jobs.push(enqueue_one(change, &slot(&schedule.spec, *slot_ms, *missed))?.id());
        }
    }
    let last = slots.last().filter(|_| !skips).map(|(slot_ms, _)| *slot_ms);
    let skipped = if skips { stored(slots.len() as u64) } else { 0 };
    change
        .connection
        .prepare_cached(
            "UPDATE schedules SET next_ms = ?2, last_ms = coalesce(?3, last_ms),
                 last_job = coalesce(?4, last_job), skipped = skipped + ?5, missed_slots = missed_slots + ?6
             WHERE id = ?1",
        )?
        .execute((&firing.id.0, firing.next_ms, last, jobs.last(), skipped, stored(missed)))?;
    change.schedules_changed()?;
    Ok(if skips { Fired::Skipped } else { Fired::Enqueued(jobs) })
}

/// The slots of a firing to enqueue, and how many it missed.
///
/// A slot that is not after the last one is not run again: the clock was wrong in between. But a last slot that
/// is still to come is one of a clock that was ahead, and says nothing about those of the right time. Of slots
/// that would replace each other only the last is run.
fn to_run(schedule: &Schedule, firing: &Firing, now: i64) -> (Vec<(i64, u32)>, u64) {
    let last = schedule.last_ms.filter(|last| *last <= now);
    let mut slots = firing.slots.clone();
    slots.retain(|(slot_ms, _)| last.is_none_or(|last| *slot_ms > last));
    // What was missed came before the slots.
    let mut missed = if slots.len() < firing.slots.len() { 0 } else { firing.missed };
    if schedule.spec.overlap == Overlap::Replace
        && let Some((slot_ms, before)) = slots.pop()
    {
        let replaced = u32::try_from(slots.len()).unwrap_or(u32::MAX);
        let before =
            slots.iter().fold(before.saturating_add(replaced), |sum, slot| sum.saturating_add(slot.1));
        missed = missed.saturating_add(u64::from(replaced));
        slots = vec![(slot_ms, before)];
    }
    (slots, missed)
}

/// The job of a slot. Where slots may not overlap, one that is made up for waits for the one before.
fn slot(spec: &ScheduleSpec, slot_ms: i64, missed: u32) -> NewJob {
    let trigger = Trigger::Cron { schedule: spec.id.clone(), slot_ms, missed };
    NewJob {
        dedupe_key: Some(format!("cron:{}:{slot_ms}", spec.id.0)),
        order_key: (spec.overlap == Overlap::Forbid).then(|| format!("cron:{}", spec.id.0)),
        ..NewJob::new(Lane::Cron(spec.function), trigger)
    }
}

/// Whether a job of the schedule still waits or runs.
fn overlaps(change: &Change<'_>, id: &ScheduleId) -> Result<bool> {
    let sql = format!("SELECT 1 FROM jobs WHERE {OF_SCHEDULE} LIMIT 1");
    Ok(change.connection.prepare_cached(&sql)?.exists([&id.0])?)
}

/// Ends what still waits or runs of a schedule; who runs it notices by its token.
fn replace(change: &mut Change<'_>, id: &ScheduleId) -> Result<()> {
    for job in change.steps(OF_SCHEDULE, [&id.0])? {
        change.dead(&job, "replaced by a later slot")?;
    }
    Ok(())
}

fn select(change: &Change<'_>, condition: &str, params: impl rusqlite::Params) -> Result<Vec<Schedule>> {
    let sql = format!("SELECT {SCHEDULE} FROM schedules WHERE {condition}");
    let mut select = change.connection.prepare_cached(&sql)?;
    let schedules = select.query_map(params, schedule)?;
    Ok(schedules.collect::<rusqlite::Result<_>>()?)
}

fn schedule(row: &Row<'_>) -> rusqlite::Result<Schedule> {
    Ok(Schedule {
        spec: ScheduleSpec {
            id: ScheduleId(row.get(0)?),
            function: row.get(1)?,
            expression: row.get(2)?,
            timezone: row.get(3)?,
            path: row.get(4)?,
            missed: row.get::<_, Json<Missed>>(5)?.0,
            overlap: row.get::<_, Json<Overlap>>(6)?.0,
            first_ms: None,
        },
        next_ms: row.get(7)?,
        last_ms: row.get(8)?,
        last_job: row.get::<_, Option<JobId>>(9)?,
        skipped: rows::count(row, 10)?,
        missed_slots: rows::count(row, 11)?,
        paused: row.get(12)?,
    })
}
