//! The files of projects, with jobs in them, and what readers see.

mod files;
mod readers;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::*;
use crate::DataDir;
use crate::jobs::conformance::{START_MS, TurnedClock};
use crate::jobs::sqlite::Index;
use crate::jobs::{self, JobStore, Lane, NewJob, Trigger};

pub(crate) const IDLE_MS: i64 = 60_000;

/// A folder in memory where there is one: these tests commit often, and wait for no disk.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

pub(crate) fn mail() -> Lane {
    Lane::Queue("mail".to_owned())
}

pub(crate) fn message(body: &str) -> NewJob {
    NewJob { payload: body.to_owned().into(), ..NewJob::new(mail(), Trigger::Queue) }
}

pub(crate) fn project(number: u128) -> ProjectId {
    ProjectId(Uuid::from_u128(number))
}

pub(crate) fn open_in(folder: &Path, clock: &TurnedClock) -> JobStore {
    open_with(folder, clock, Limits::default())
}

pub(crate) fn open_with(folder: &Path, clock: &TurnedClock, limits: Limits) -> JobStore {
    over(&DataDir::open(folder).unwrap(), clock, limits).0
}

/// Jobs and the files that they are in.
fn over(data: &DataDir, clock: &TurnedClock, limits: Limits) -> (JobStore, Arc<ProjectFiles>) {
    let index = Arc::<Index>::default();
    let files = ProjectFiles::open(data, clock.store_clock(), limits, vec![index.clone()]).unwrap();
    let files = Arc::new(files);
    (jobs::sqlite::open(files.clone(), index, jobs::sqlite::Limits::default()), files)
}

pub(crate) fn folder_of(folder: &Path, number: u128) -> PathBuf {
    folder.join("projects").join(project(number).0.to_string())
}

/// The files of a project's folder.
pub(crate) fn files_of(folder: &Path, number: u128) -> Vec<String> {
    let entries = std::fs::read_dir(folder_of(folder, number)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A store with one waiting message in projects 1 and 2, closed in good order.
pub(crate) async fn established() -> (tempfile::TempDir, TurnedClock) {
    let (folder, clock) = (scratch(), TurnedClock::at(START_MS));
    let store = open_in(folder.path(), &clock);
    for number in [1, 2] {
        store.jobs.enqueue(project(number), vec![message("a")]).await.unwrap();
    }
    (folder, clock)
}

/// Runs it on this thread, which has no runtime.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// A data directory as a killed process leaves it.
pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

/// Released steps are never changed: a file that has taken one would lack what was added to it.
#[test]
fn released_steps_stay_as_they_are() {
    let released = ["e7cb657e268ed6cf9f685892bc3735d844015fa13c45a67784716c0586e553e3"];
    for (step, digest) in schema::SCHEMA.steps.iter().zip(released) {
        assert_eq!(crate::catalog::Digest::of(step.as_bytes()).as_str(), digest);
    }
}
