//! One change of a project's file: what it may touch, what it counts, what it makes due.
//!
//! The steps that every job takes are here: it ends, it is pending again, it is forgotten. Whoever decides
//! that it does is in a file of its own.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use super::enqueue::WITH_ORDER_KEY;
use super::index::{Moved, earlier};
use super::schema::Phase;
use super::{Limits, look};
use crate::jobs::{DEAD_KEPT_MS, DEDUPE_WINDOW_MS, Lane, QueueSpec, Result};

/// A change in its savepoint.
pub(super) struct Change<'c> {
    pub(super) connection: &'c Connection,
    /// Milliseconds since 1970.
    pub(super) now: i64,
    pub(super) limits: Limits,
    lanes: BTreeMap<i64, LaneRow>,
    /// What the project's jobs hold, once somebody has asked.
    pub(super) bytes: Option<i64>,
    moved: Moved,
}

/// A lane, with its counts as they are after what has been changed so far.
#[derive(Clone, Debug)]
pub(super) struct LaneRow {
    pub(super) id: i64,
    pub(super) lane: Lane,
    pub(super) retention_ms: i64,
    pub(super) counts: Counts,
    touched: bool,
}

/// How many jobs of a lane are how far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) waiting: i64,
    pub(super) running: i64,
    /// Without a dedupe key.
    pub(super) done: i64,
    /// Done, with a dedupe key.
    pub(super) kept: i64,
    pub(super) dead: i64,
}

/// What the steps need to know of a job.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) seq: i64,
    pub(super) lane: i64,
    pub(super) phase: Phase,
    pub(super) run_at_ms: i64,
    pub(super) failures: u32,
    pub(super) crashes: u32,
    pub(super) attempts: u32,
    pub(super) has_dedupe_key: bool,
    pub(super) order_key: Option<String>,
    pub(super) last_error: Option<String>,
    pub(super) bytes: i64,
}

/// A job that is pending again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Again<'a> {
    pub(super) run_at_ms: i64,
    pub(super) failures: u32,
    pub(super) crashes: u32,
    /// A new bound on its batch; none leaves the one that is set.
    pub(super) split: Option<u32>,
    pub(super) error: &'a str,
}

impl Step {
    /// Columns that [`Self::read`] reads.
    pub(super) const COLUMNS: &'static str = "seq, lane, phase, run_at_ms, failures, crashes, attempts,
        dedupe_key IS NOT NULL, order_key, last_error, bytes";
    /// How many they are: a query that selects more finds it from here on.
    pub(super) const WIDTH: usize = 11;

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            lane: row.get(1)?,
            phase: row.get(2)?,
            run_at_ms: row.get(3)?,
            failures: row.get(4)?,
            crashes: row.get(5)?,
            attempts: row.get(6)?,
            has_dedupe_key: row.get(7)?,
            order_key: row.get(8)?,
            last_error: row.get(9)?,
            bytes: row.get(10)?,
        })
    }

    /// This job, pending at that time with its counts as they are.
    pub(super) fn again<'a>(&self, run_at_ms: i64, error: &'a str) -> Again<'a> {
        Again { run_at_ms, failures: self.failures, crashes: self.crashes, split: None, error }
    }
}

impl<'c> Change<'c> {
    pub(super) fn new(connection: &'c Connection, now: i64, limits: Limits) -> Self {
        Self { connection, now, limits, lanes: BTreeMap::new(), bytes: None, moved: Moved::default() }
    }

    /// Writes the counts, and answers what is due now.
    pub(super) fn finish(mut self) -> Result<Moved> {
        self.write_counts()?;
        for row in self.lanes.values().filter(|row| row.touched) {
            let at = look::claimable_at(self.connection, row.id)?;
            self.moved.lanes.push((row.lane.clone(), at));
        }
        Ok(self.moved)
    }

    /// Writes the counts, for whoever asks the database for them before the end.
    pub(super) fn write_counts(&self) -> Result<()> {
        for row in self.lanes.values().filter(|row| row.touched) {
            let Counts { waiting, running, done, kept, dead } = row.counts;
            self.connection
                .prepare_cached(
                    "UPDATE lanes SET waiting = ?2, running = ?3, done = ?4, kept = ?5, dead = ?6 WHERE id = ?1",
                )?
                .execute((row.id, waiting, running, done, kept, dead))?;
        }
        if let Some(bytes) = self.bytes {
            self.connection.prepare_cached("UPDATE usage SET bytes = ?1")?.execute([bytes])?;
        }
        Ok(())
    }

    /// The jobs that meet a condition.
    pub(super) fn steps(&self, condition: &str, params: impl Params) -> Result<Vec<Step>> {
        let sql = format!("SELECT {} FROM jobs WHERE {condition}", Step::COLUMNS);
        let mut select = self.connection.prepare_cached(&sql)?;
        let steps = select.query_map(params, Step::read)?;
        Ok(steps.collect::<rusqlite::Result<_>>()?)
    }

    /// The lane, if it was ever used.
    pub(super) fn lane(&mut self, lane: &Lane) -> Result<Option<i64>> {
        if let Some(known) = self.lanes.values().find(|row| row.lane == *lane) {
            return Ok(Some(known.id));
        }
        let name = lane.to_string();
        let mut find = self.connection.prepare_cached("SELECT id FROM lanes WHERE name = ?1")?;
        Ok(find.query_row([&name], |row| row.get(0)).optional()?)
    }

    /// The lane, made when it is new.
    pub(super) fn lane_or_new(&mut self, lane: &Lane) -> Result<i64> {
        if let Some(found) = self.lane(lane)? {
            return Ok(found);
        }
        self.connection
            .prepare_cached("INSERT INTO lanes (name, retention_ms) VALUES (?1, ?2)")?
            .execute((lane.to_string(), DEAD_KEPT_MS))?;
        let id = self.connection.last_insert_rowid();
        if let Lane::Queue(name) = lane {
            self.moved.queues.push((name.clone(), DEAD_KEPT_MS));
        }
        Ok(id)
    }

    /// Makes a queue that does not exist, and sets its retention where it is given.
    pub(super) fn declare(&mut self, queue: &QueueSpec) -> Result<()> {
        let lane = self.lane_or_new(&Lane::Queue(queue.name.clone()))?;
        let Some(retention) = queue.retention_ms else { return Ok(()) };
        self.connection
            .prepare_cached("UPDATE lanes SET retention_ms = ?2 WHERE id = ?1")?
            .execute((lane, retention))?;
        self.moved.queues.push((queue.name.clone(), retention));
        // Dead messages may have been kept long enough now.
        self.look_at(self.now);
        Ok(())
    }

    /// The row of a lane.
    pub(super) fn lane_row(&mut self, id: i64) -> Result<&mut LaneRow> {
        match self.lanes.entry(id) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let mut find = self.connection.prepare_cached(
                    "SELECT name, retention_ms, waiting, running, done, kept, dead FROM lanes WHERE id = ?1",
                )?;
                let (name, retention_ms, counts) = find.query_row([id], |row| {
                    let counts = Counts {
                        waiting: row.get(2)?,
                        running: row.get(3)?,
                        done: row.get(4)?,
                        kept: row.get(5)?,
                        dead: row.get(6)?,
                    };
                    Ok((row.get::<_, String>(0)?, row.get(1)?, counts))
                })?;
                let lane = look::parse_lane(&name)?;
                Ok(place.insert(LaneRow { id, lane, retention_ms, counts, touched: false }))
            }
        }
    }

    /// Counts a job of the lane in its new phase and out of its old one.
    pub(super) fn moves(&mut self, lane: i64, from: Option<Phase>, to: Option<Phase>) -> Result<()> {
        let row = self.lane_row(lane)?;
        row.touched = true;
        for (phase, by) in [(from, -1), (to, 1)] {
            match phase {
                Some(Phase::Ready | Phase::Suspect | Phase::Held) => row.counts.waiting += by,
                Some(Phase::Running) => row.counts.running += by,
                Some(Phase::Done) => row.counts.done += by,
                Some(Phase::Kept) => row.counts.kept += by,
                Some(Phase::Dead) => row.counts.dead += by,
                None => {}
            }
        }
        Ok(())
    }

    /// Has the project looked through at that time.
    pub(super) fn look_at(&mut self, at: i64) {
        self.moved.look_at = earlier(self.moved.look_at, Some(at));
    }

    /// The project has been looked through: what the index knows of when to look again is made anew.
    pub(super) fn looked(&mut self, next: Option<i64>) {
        self.moved.looked = true;
        self.moved.look_at = next;
    }

    /// Wakes whoever waits for something to be claimed or to be fired.
    pub(super) fn ring(&mut self) {
        self.moved.ring = true;
    }

    /// Tells the index when the next slot comes.
    pub(super) fn schedules_changed(&mut self) -> Result<()> {
        self.moved.next_slot = Some(look::next_slot(self.connection)?);
        self.ring();
        Ok(())
    }

    /// A pending or running job has succeeded.
    pub(super) fn done(&mut self, job: &Step) -> Result<()> {
        let phase = if job.has_dedupe_key { Phase::Kept } else { Phase::Done };
        self.end(job, phase, None)?;
        self.look_at(self.now + DEDUPE_WINDOW_MS);
        let most = self.limits.done;
        if self.lane_row(job.lane)?.counts.done > most {
            self.look_at(self.now);
        }
        Ok(())
    }

    /// A pending or running job will not be tried again.
    pub(super) fn dead(&mut self, job: &Step, error: &str) -> Result<()> {
        self.end(job, Phase::Dead, Some(error))?;
        let retention = self.lane_row(job.lane)?.retention_ms;
        self.look_at(self.now.saturating_add(retention));
        let most = self.limits.dead;
        if self.lane_row(job.lane)?.counts.dead > most {
            self.look_at(self.now);
        }
        Ok(())
    }

    /// A running job is pending again.
    pub(super) fn again(&mut self, job: &Step, again: &Again<'_>) -> Result<()> {
        let phase = if again.crashes > 0 { Phase::Suspect } else { Phase::Ready };
        let mut update = self.connection.prepare_cached(
            "UPDATE jobs SET phase = ?2, run_at_ms = ?3, failures = ?4, crashes = ?5,
                 split = coalesce(?6, split), last_error = ?7, token = NULL, lease_until_ms = NULL
             WHERE seq = ?1 RETURNING expires_ms",
        )?;
        let expires: Option<i64> = update.query_row(
            (job.seq, phase, again.run_at_ms, again.failures, again.crashes, again.split, again.error),
            |row| row.get(0),
        )?;
        if let Some(expires) = expires {
            self.look_at(expires);
        }
        self.ring();
        self.moves(job.lane, Some(job.phase), Some(phase))
    }

    /// A job goes without a trace.
    pub(super) fn delete(&mut self, job: &Step) -> Result<()> {
        self.connection.prepare_cached("DELETE FROM jobs WHERE seq = ?1")?.execute([job.seq])?;
        self.connection.prepare_cached("DELETE FROM payloads WHERE seq = ?1")?.execute([job.seq])?;
        self.connection.prepare_cached("DELETE FROM results WHERE seq = ?1")?.execute([job.seq])?;
        self.holds(-job.bytes)?;
        self.moves(job.lane, Some(job.phase), None)?;
        self.let_next_go(job)
    }

    fn end(&mut self, job: &Step, phase: Phase, error: Option<&str>) -> Result<()> {
        self.connection
            .prepare_cached(
                "UPDATE jobs SET phase = ?2, finished_ms = ?3, failures = ?4, crashes = ?5,
                     last_error = coalesce(?6, last_error), token = NULL, lease_until_ms = NULL
                 WHERE seq = ?1",
            )?
            .execute((job.seq, phase, self.now, job.failures, job.crashes, error))?;
        self.moves(job.lane, Some(job.phase), Some(phase))?;
        self.let_next_go(job)
    }

    /// The first of an order key that is not final may be claimed, if it is pending.
    fn let_next_go(&mut self, job: &Step) -> Result<()> {
        let Some(key) = job.order_key.as_deref() else { return Ok(()) };
        let sql = format!(
            "UPDATE jobs SET phase = 0 WHERE phase = 2 AND seq =
                 (SELECT seq FROM jobs WHERE {WITH_ORDER_KEY} ORDER BY seq LIMIT 1)"
        );
        let went = self.connection.prepare_cached(&sql)?.execute((job.lane, key))?;
        if went > 0 {
            self.ring();
        }
        Ok(())
    }
}
