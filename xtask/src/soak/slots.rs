//! What is known of slots: which there should be, which have become jobs, and how the two differ.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// A slot: the id of its schedule, and its time in milliseconds since 1970.
pub(crate) type Slot = (String, i64);

/// A job of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    slot: Slot,
    state: String,
    starts: u64,
    crashes: u64,
    last_error: String,
}

/// Every job that was ever seen, by its id; looked at again and again while the server lives and dies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(BTreeMap<String, Run>);

/// What should be beside what is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Balance {
    /// Slots that have passed.
    pub(crate) expected: usize,
    /// Jobs that were made of slots.
    pub(crate) enqueued: usize,
    /// Jobs beyond the first of their slot.
    pub(crate) duplicates: usize,
    /// Slots without a job.
    pub(crate) missing: usize,
    /// Jobs of slots that nobody expects.
    pub(crate) unexpected: usize,
    /// Times that a job was started.
    pub(crate) runs: u64,
    /// Times that the server was killed under a job.
    pub(crate) crashes: u64,
    /// Jobs that were given up because the server was killed under them three times, as the rules are.
    pub(crate) given_up: usize,
    /// Other jobs that are not done.
    pub(crate) unfinished: usize,
}

impl Run {
    fn is_given_up(&self) -> bool {
        self.state == "dead" && self.crashes >= 3
    }

    fn is_unfinished(&self) -> bool {
        self.state != "done" && !self.is_given_up()
    }
}

impl Seen {
    /// Takes note of the jobs in an answer of `GET …/jobs`.
    pub(crate) fn note(&mut self, answer: &Value) -> Result<()> {
        for job in answer.get("jobs").and_then(Value::as_array).context("no list of jobs")? {
            let text = |name: &str| job.get(name).and_then(Value::as_str).map(str::to_owned);
            let number = |name: &str| job.get(name).and_then(Value::as_u64).unwrap_or_default();
            let slot_ms = job.get("slot_ms").and_then(Value::as_i64);
            let (Some(id), Some(schedule), Some(slot_ms), Some(state)) =
                (text("id"), text("schedule_id"), slot_ms, text("state"))
            else {
                anyhow::bail!("this is no job of a schedule: {job}");
            };
            let run = Run {
                slot: (schedule, slot_ms),
                state,
                starts: number("starts"),
                crashes: number("crashes"),
                last_error: text("last_error").unwrap_or_default(),
            };
            self.0.insert(id, run);
        }
        Ok(())
    }

    /// How many jobs there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// One of those that did not come to their end, to look into.
    pub(crate) fn unfinished(&self) -> Option<String> {
        let (id, run) = self.0.iter().find(|(_, run)| run.is_unfinished())?;
        Some(format!("job {id} is {}: {} ({} crashes)", run.state, run.last_error, run.crashes))
    }

    /// Compares with what should be.
    pub(crate) fn balance(&self, expected: &BTreeSet<Slot>) -> Balance {
        let slots: BTreeSet<&Slot> = self.0.values().map(|run| &run.slot).collect();
        Balance {
            expected: expected.len(),
            enqueued: self.0.len(),
            duplicates: self.0.len() - slots.len(),
            missing: expected.iter().filter(|slot| !slots.contains(slot)).count(),
            unexpected: slots.iter().filter(|slot| !expected.contains(**slot)).count(),
            runs: self.0.values().map(|run| run.starts).sum(),
            crashes: self.0.values().map(|run| run.crashes).sum(),
            given_up: self.0.values().filter(|run| run.is_given_up()).count(),
            unfinished: self.0.values().filter(|run| run.is_unfinished()).count(),
        }
    }
}

impl Balance {
    /// Whether every slot has one job, and that has come to its end.
    pub(crate) fn is_even(&self) -> bool {
        self.enqueued == self.expected
            && (self.duplicates, self.missing, self.unexpected, self.unfinished) == (0, 0, 0, 0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(id: &str, schedule: &str, slot_ms: i64, state: &str) -> Value {
        json!({ "id": id, "schedule_id": schedule, "slot_ms": slot_ms, "state": state, "starts": 1, "crashes": 0 })
    }

    fn balance(jobs: &[Value], expected: &[(&str, i64)]) -> Balance {
        let mut seen = Seen::default();
        seen.note(&json!({ "jobs": jobs })).unwrap();
        seen.balance(&expected.iter().map(|(schedule, slot)| ((*schedule).to_owned(), *slot)).collect())
    }

    #[test]
    fn tells_what_is_missing_and_what_is_too_many() {
        let even = [job("1", "a", 0, "done"), job("2", "a", 60, "done"), job("3", "b", 0, "done")];
        let expected = [("a", 0), ("a", 60), ("b", 0)];
        assert!(balance(&even, &expected).is_even());
        assert_eq!(balance(&even[..2], &expected).missing, 1);
        assert_eq!(balance(&even, &expected[..2]).unexpected, 1);
        let twice = [even.as_slice(), &[job("4", "a", 60, "done")]].concat();
        assert_eq!(balance(&twice, &expected).duplicates, 1);
        let dead = [&even[..2], &[job("3", "b", 0, "dead")]].concat();
        assert_eq!(balance(&dead, &expected).unfinished, 1);
        for jobs in [&even[..2], &twice, &dead] {
            assert!(!balance(jobs, &expected).is_even());
        }
    }

    #[test]
    fn the_latest_sight_of_a_job_counts() {
        let mut seen = Seen::default();
        seen.note(&json!({ "jobs": [job("1", "a", 0, "running")] })).unwrap();
        seen.note(&json!({ "jobs": [job("1", "a", 0, "done")] })).unwrap();
        assert_eq!((seen.len(), seen.balance(&BTreeSet::new()).unfinished), (1, 0));
    }
}
