//! What is particular to the SQLite driver, and the conformance suite run on it.

mod against_model;
mod bounds;
mod files;
mod speed;

use std::path::Path;

use super::change::Step;
use super::*;
use crate::jobs::JobState;
use crate::jobs::conformance::{self, Wanted};
use crate::project::tests::{mail, message, scratch};
use crate::project::{self, SCHEMA};
use crate::sqlite::plan;
use crate::{DataDir, StoreClock};

/// The driver over the data in a folder.
fn open_in(folder: &Path, wanted: &Wanted) -> Result<JobStore> {
    let data = DataDir::open(folder)?;
    let limits = Limits { waiting: stored(wanted.waiting), done: stored(wanted.done), ..Limits::default() };
    let store = open(&data, wanted.clock.clone(), limits)?;
    data.establish()?;
    Ok(store)
}

/// The driver over a data directory.
fn open(data: &DataDir, clock: StoreClock, limits: Limits) -> Result<JobStore> {
    let (files, index) = project_files(data, clock, project::Limits::default())?;
    Ok(super::open(files, index, limits))
}

/// The files of projects, with the index that follows them.
fn project_files(
    data: &DataDir,
    clock: StoreClock,
    limits: project::Limits,
) -> Result<(Arc<ProjectFiles>, Arc<Index>)> {
    let index = Arc::<Index>::default();
    let files = ProjectFiles::open(data, clock, limits, vec![index.clone()])?;
    Ok((Arc::new(files), index))
}

#[tokio::test]
async fn conforms() {
    let folder = scratch();
    let open = |wanted: &Wanted| open_in(&folder.path().join(wanted.number.to_string()), wanted);
    conformance::run(open).await.unwrap();
}

/// Queries that select more begin to read it where a step ends.
#[test]
fn a_step_is_as_wide_as_its_columns() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    SCHEMA.migrate(&connection).unwrap();
    let select = connection.prepare(&format!("SELECT {} FROM jobs", Step::COLUMNS)).unwrap();
    assert_eq!(select.column_count(), Step::WIDTH);
}

/// Whatever runs for every message finds its rows by an index that has them in order, however many there are.
#[test]
fn no_hot_statement_scans_or_sorts() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    SCHEMA.migrate(&connection).unwrap();
    let jobs = |condition: &str| format!("SELECT seq, last_error FROM jobs WHERE {condition}");
    let statements = [
        claim::due_jobs(),
        look::CLAIMABLE.to_owned(),
        look::LAPSES.to_owned(),
        look::EXPIRES.to_owned(),
        jobs(reap::EXPIRED),
        jobs(reap::LAPSED),
        jobs(reap::ENDED_BEFORE),
        jobs(reap::OLDEST_DONE),
        jobs(reap::OLDEST_DEAD),
        jobs(room::FULL_AND_DONE),
        jobs(enqueue::WITH_DEDUPE_KEY),
        jobs(enqueue::WITH_ORDER_KEY),
        jobs(&format!("{} ORDER BY seq LIMIT 1", enqueue::WITH_ORDER_KEY)),
        jobs(schedules::OF_SCHEDULE),
        queues::first_of(JobState::Pending).to_owned(),
        queues::first_of(JobState::Running).to_owned(),
        queues::first_of(JobState::Dead).to_owned(),
        format!("{} WHERE j.seq = ?1", rows::SELECT_JOB),
        format!("{} WHERE j.seq = ?1", rows::SELECT_HEAD),
    ];
    for sql in statements {
        let steps = plan(&connection, &sql);
        assert!(!steps.is_empty(), "{sql}");
        for step in &steps {
            let searches = step.starts_with("SEARCH")
                || ["jobs_leased", "jobs_emptied"]
                    .iter()
                    .any(|index| *step == format!("SCAN jobs USING INDEX {index}"));
            assert!(searches, "{sql}\n{steps:#?}");
        }
    }
    // Over the lanes, of which there are few, and in each by the index.
    let steps = plan(&connection, look::FORGOTTEN);
    let by_index = steps.iter().filter(|step| step.contains("jobs_ended (lane=? AND phase=?)"));
    assert_eq!(by_index.count(), 3, "{steps:#?}");
}
