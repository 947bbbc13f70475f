//! Room for more: how many jobs may wait in a lane, how many keys it remembers, and what a project's jobs may
//! hold.

use super::change::Change;
use crate::StoreError;
use crate::jobs::{Lane, Result};

/// Done jobs that hold something, the oldest first.
pub(super) const FULL_AND_DONE: &str = "+phase IN (4, 5) AND bytes > 0 ORDER BY finished_ms LIMIT 100";

impl Change<'_> {
    /// `Full` unless the lane has room for one more that waits.
    pub(super) fn refuse_full(&mut self, lane: i64) -> Result<()> {
        let limit = self.limits.waiting;
        let row = self.lane_row(lane)?;
        if row.counts.waiting < limit {
            return Ok(());
        }
        Err(StoreError::Full { what: as_told(&row.lane), limit: limit.unsigned_abs() })
    }

    /// `Full` if the lane remembers as many keys of done jobs as it may.
    pub(super) fn refuse_key(&mut self, lane: i64) -> Result<()> {
        let limit = self.limits.kept;
        let row = self.lane_row(lane)?;
        if row.counts.kept < limit {
            return Ok(());
        }
        let what = format!("the memory for keys of {}", as_told(&row.lane));
        Err(StoreError::Full { what, limit: limit.unsigned_abs() })
    }

    /// The project's jobs hold that many bytes more, or less.
    pub(super) fn holds(&mut self, by: i64) -> Result<()> {
        self.bytes = Some(self.bytes()? + by);
        Ok(())
    }

    /// `Full` unless the project's jobs may hold that many bytes more. Those that are done make room, the oldest
    /// first: they stay, without payload and result.
    pub(super) fn make_room(&mut self, bytes: i64) -> Result<()> {
        let limit = self.limits.bytes;
        // What holds nothing always fits: slots go on.
        while bytes > 0 && self.bytes()? + bytes > limit {
            let done = self.steps(FULL_AND_DONE, [])?;
            if done.is_empty() {
                let what = "the space for the project's jobs (bytes)".to_owned();
                return Err(StoreError::Full { what, limit: limit.unsigned_abs() });
            }
            for job in done {
                self.connection
                    .prepare_cached("UPDATE payloads SET payload = x'' WHERE seq = ?1")?
                    .execute([job.seq])?;
                self.connection.prepare_cached("DELETE FROM results WHERE seq = ?1")?.execute([job.seq])?;
                self.connection
                    .prepare_cached("UPDATE jobs SET bytes = 0 WHERE seq = ?1")?
                    .execute([job.seq])?;
                self.holds(-job.bytes)?;
            }
        }
        Ok(())
    }

    fn bytes(&mut self) -> Result<i64> {
        match self.bytes {
            Some(known) => Ok(known),
            None => {
                let mut find = self.connection.prepare_cached("SELECT bytes FROM usage")?;
                let bytes = find.query_row([], |row| row.get(0))?;
                self.bytes = Some(bytes);
                Ok(bytes)
            }
        }
    }
}

/// A lane in words.
fn as_told(lane: &Lane) -> String {
    match lane {
        Lane::Queue(name) => format!("queue `{name}`"),
        Lane::Async(_) => "the function's list of asynchronous calls".to_owned(),
        Lane::Cron(_) => "the function's list of slots".to_owned(),
        Lane::Event(_) => "the function's list of events".to_owned(),
    }
}
