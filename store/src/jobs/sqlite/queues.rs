//! What people look at and purge.

use async_trait::async_trait;
use rusqlite::OptionalExtension as _;

use super::change::{Change, Step};
use super::enqueue::{holder, phase_in_line};
use super::rows::{self, SELECT_HEAD, SELECT_JOB};
use super::schema::Phase;
use super::{Sqlite, look};
use crate::catalog::ProjectId;
use crate::jobs::{Job, JobId, JobState, Lane, Purge, QueueInfo, QueueSpec, Queues, Result, View};

/// Jobs in one transaction of a redrive, a purge or an orphaning, so that it does not hold up others for long.
const AT_ONCE: usize = 1_000;
/// The pending jobs of a lane up to one.
pub(super) const WAITING: &str = "lane = ?1 AND seq <= ?2 AND phase <= 2 AND +phase <= 2 LIMIT ?3";
/// The dead jobs of a lane up to one.
const DEAD: &str = "lane = ?1 AND seq <= ?2 AND phase = 6 AND +phase >= 4 LIMIT ?3";

#[async_trait]
impl Queues for Sqlite {
    async fn declare(&self, project: ProjectId, queues: &[QueueSpec]) -> Result<()> {
        if queues.is_empty() {
            return Ok(());
        }
        let queues = queues.to_vec();
        let declare =
            move |change: &mut Change<'_>| queues.iter().try_for_each(|queue| change.declare(queue));
        self.files.change(project, declare).await
    }

    async fn list(&self, project: ProjectId) -> Result<Vec<QueueInfo>> {
        Ok(self.files.read(project, list).await?.unwrap_or_default())
    }

    async fn spec(&self, project: ProjectId, name: &str) -> Result<Option<QueueSpec>> {
        let known = match self.files.index.retention(project, name) {
            Some(known) => known,
            None => {
                // There is no file, or it could not be read at the start: then this says why.
                self.files.read(project, |_| Ok(())).await?;
                self.files.index.retention(project, name).flatten()
            }
        };
        Ok(known.map(|retention| QueueSpec { name: name.to_owned(), retention_ms: Some(retention) }))
    }

    async fn show(&self, project: ProjectId, id: JobId) -> Result<Option<Job>> {
        let show = move |change: &mut Change<'_>| {
            let mut select = change.connection.prepare_cached(&format!("{SELECT_JOB} WHERE j.id = ?1"))?;
            Ok(select.query_row([id], rows::job).optional()?)
        };
        Ok(self.files.read(project, show).await?.flatten())
    }

    async fn peek(
        &self,
        project: ProjectId,
        lane: &Lane,
        state: JobState,
        limit: u32,
        view: View,
    ) -> Result<Vec<Job>> {
        let lane = lane.clone();
        let peek = move |change: &mut Change<'_>| match change.lane(&lane)? {
            Some(lane) => peek(change, lane, state, limit, view),
            None => Ok(Vec::new()),
        };
        Ok(self.files.read(project, peek).await?.unwrap_or_default())
    }

    async fn redrive(&self, project: ProjectId, lane: &Lane, which: Option<&[JobId]>) -> Result<u64> {
        match which {
            Some(ids) => self.redrive_all(project, lane, ids).await,
            None => {
                let dead = self.dead(project, lane).await?;
                self.redrive_all(project, lane, &dead).await
            }
        }
    }

    async fn purge(&self, project: ProjectId, lane: &Lane, which: Purge) -> Result<u64> {
        let condition = match which {
            Purge::Waiting => WAITING,
            Purge::Dead => DEAD,
        };
        self.for_each(project, lane, condition, |change, job| change.delete(job)).await
    }
}

impl Sqlite {
    /// Does the same to each job of a lane that meets a condition and is there now, some at a time; how many
    /// there were. It must not meet the condition afterwards.
    pub(super) async fn for_each(
        &self,
        project: ProjectId,
        lane: &Lane,
        condition: &'static str,
        act: impl Fn(&mut Change<'_>, &Step) -> Result<()> + Clone + Send + 'static,
    ) -> Result<u64> {
        // What comes in the meantime stays.
        let sql = "SELECT coalesce(max(seq), 0) FROM jobs";
        let last =
            move |change: &mut Change<'_>| Ok(change.connection.query_row(sql, [], |row| row.get(0))?);
        let Some(last): Option<i64> = self.files.read(project, last).await? else { return Ok(0) };
        let mut sum = 0;
        loop {
            let (lane, act) = (lane.clone(), act.clone());
            let some = move |change: &mut Change<'_>| {
                let Some(lane) = change.lane(&lane)? else { return Ok(0) };
                let jobs = change.steps(condition, (lane, last, AT_ONCE as i64))?;
                jobs.iter().try_for_each(|job| act(change, job))?;
                Ok(jobs.len())
            };
            let count = self.files.change_existing(project, some).await?.unwrap_or(0);
            sum += count as u64;
            if count < AT_ONCE {
                return Ok(sum);
            }
        }
    }

    /// The ids of a lane's dead jobs, in the order in which they were enqueued.
    async fn dead(&self, project: ProjectId, lane: &Lane) -> Result<Vec<JobId>> {
        let lane = lane.clone();
        let dead = move |change: &mut Change<'_>| {
            let Some(lane) = change.lane(&lane)? else { return Ok(Vec::new()) };
            let mut select = change.connection.prepare_cached(
                "SELECT id FROM jobs WHERE lane = ?1 AND phase = 6 AND +phase >= 4 ORDER BY seq",
            )?;
            let ids = select.query_map([lane], |row| row.get(0))?;
            Ok(ids.collect::<rusqlite::Result<_>>()?)
        };
        Ok(self.files.read(project, dead).await?.unwrap_or_default())
    }

    async fn redrive_all(&self, project: ProjectId, lane: &Lane, ids: &[JobId]) -> Result<u64> {
        let mut redriven = 0;
        for ids in ids.chunks(AT_ONCE) {
            let (lane, ids) = (lane.clone(), ids.to_vec());
            let redrive = move |change: &mut Change<'_>| {
                let Some(lane) = change.lane(&lane)? else { return Ok(0) };
                ids.iter().try_fold(0, |sum, id| Ok(sum + redrive(change, lane, *id)?))
            };
            redriven += self.files.change_existing(project, redrive).await?.unwrap_or(0);
        }
        Ok(redriven)
    }
}

fn list(change: &mut Change<'_>) -> Result<Vec<QueueInfo>> {
    let mut select = change.connection.prepare_cached(
        "SELECT l.name, l.retention_ms, l.waiting, l.running, l.done + l.kept, l.dead,
             (SELECT min(enqueued_ms) FROM jobs j
              WHERE j.lane = l.id AND j.phase <= 2 AND +j.phase <= 2)
         FROM lanes l WHERE l.name >= 'queue:' AND l.name < 'queue;' ORDER BY l.name",
    )?;
    let mut rows = select.query([])?;
    let mut queues = Vec::new();
    while let Some(row) = rows.next()? {
        let Lane::Queue(name) = look::parse_lane(&row.get::<_, String>(0)?)? else { continue };
        queues.push(QueueInfo {
            name,
            retention_ms: row.get(1)?,
            waiting: rows::count(row, 2)?,
            running: rows::count(row, 3)?,
            done: rows::count(row, 4)?,
            dead: rows::count(row, 5)?,
            oldest_ms: row.get(6)?,
        });
    }
    Ok(queues)
}

/// Whole jobs are read only once it is known which: a lane may hold many, and large ones.
fn peek(change: &Change<'_>, lane: i64, state: JobState, limit: u32, view: View) -> Result<Vec<Job>> {
    let phases: &[Phase] = match state {
        JobState::Pending => &[Phase::Ready, Phase::Suspect, Phase::Held],
        JobState::Running => &[Phase::Running],
        JobState::Done => &[Phase::Done, Phase::Kept],
        JobState::Dead => &[Phase::Dead],
    };
    let mut first = change.connection.prepare_cached(first_of(state))?;
    let mut found: Vec<(i64, i64)> = Vec::new();
    for phase in phases {
        let of_phase = first.query_map((lane, phase, limit), |row| Ok((row.get(0)?, row.get(1)?)))?;
        for one in of_phase {
            found.push(one?);
        }
    }
    found.sort_unstable();
    let select = match view {
        View::Whole => SELECT_JOB,
        View::Heads => SELECT_HEAD,
    };
    let mut load = change.connection.prepare_cached(&format!("{select} WHERE j.seq = ?1"))?;
    let jobs = found.into_iter().take(usize::try_from(limit).unwrap_or(usize::MAX));
    jobs.map(|(_, seq)| Ok(load.query_row([seq.abs()], rows::job)?)).collect()
}

/// Selects the first jobs of a lane and phase, each as what it is sorted by.
pub(super) fn first_of(state: JobState) -> &'static str {
    match state {
        JobState::Pending => {
            "SELECT run_at_ms, seq FROM jobs WHERE lane = ?1 AND phase = ?2 AND +phase <= 2
             ORDER BY run_at_ms, seq LIMIT ?3"
        }
        // There are never many.
        JobState::Running => {
            "SELECT -lease_until_ms, -seq FROM jobs WHERE lane = ?1 AND phase = 3 AND phase = ?2
             ORDER BY lease_until_ms DESC LIMIT ?3"
        }
        JobState::Done | JobState::Dead => {
            "SELECT -finished_ms, -seq FROM jobs WHERE lane = ?1 AND phase = ?2 AND +phase >= 4
             ORDER BY finished_ms DESC, seq DESC LIMIT ?3"
        }
    }
}

/// Makes a dead job pending at the end of its order key's line; how many it was. One whose dedupe key is
/// taken by another stays dead.
fn redrive(change: &mut Change<'_>, lane: i64, id: JobId) -> Result<u64> {
    let sql = format!(
        "SELECT {}, dedupe_key, lifetime_ms FROM jobs WHERE id = ?1 AND lane = ?2 AND phase = 6",
        Step::COLUMNS
    );
    let mut find = change.connection.prepare_cached(&sql)?;
    let found = find
        .query_row((id, lane), |row| {
            Ok((
                Step::read(row)?,
                row.get::<_, Option<String>>(Step::WIDTH)?,
                row.get::<_, Option<i64>>(Step::WIDTH + 1)?,
            ))
        })
        .optional()?;
    let Some((job, dedupe_key, lifetime)) = found else { return Ok(0) };
    if let Some(key) = &dedupe_key
        && holder(change, lane, key)?.is_some()
    {
        return Ok(0);
    }
    change.refuse_full(lane)?;
    let phase = phase_in_line(change, lane, job.order_key.as_deref())?;
    let expires = lifetime.map(|lifetime| change.now.saturating_add(lifetime));
    rows::forget_result(change, job.seq)?;
    let seq: i64 = change
        .connection
        .prepare_cached("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'jobs' RETURNING seq")?
        .query_row([], |row| row.get(0))?;
    change
        .connection
        .prepare_cached(
            "UPDATE jobs SET seq = ?5, phase = ?2, run_at_ms = ?3,
                 expires_ms = ?4, finished_ms = NULL, starts = 0, failures = 0, crashes = 0, split = NULL
             WHERE seq = ?1",
        )?
        .execute((job.seq, phase, change.now, expires, seq))?;
    change
        .connection
        .prepare_cached("UPDATE payloads SET seq = ?2 WHERE seq = ?1")?
        .execute((job.seq, seq))?;
    if let Some(expires) = expires {
        change.look_at(expires);
    }
    change.ring();
    change.moves(lane, Some(Phase::Dead), Some(phase))?;
    Ok(1)
}
