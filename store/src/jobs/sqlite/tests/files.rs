//! What jobs make of files that were lost, closed, damaged or restored.

use super::super::*;
use super::{mail, message, scratch};
use crate::jobs::conformance::START_MS;
use crate::jobs::{Claim, QueueSpec, Suspects};
use crate::project::Limits;
use crate::project::tests::{IDLE_MS, copy, established, files_of, folder_of, open_in, open_with, project};

/// The data directory is ours alone: who held a lease before we opened it is lost.
#[tokio::test]
async fn leases_of_a_lost_server_lapse_at_once_even_if_the_clock_was_turned_back() {
    let (folder, clock) = established().await;
    let killed = scratch();
    let store = open_in(folder.path(), &clock);
    let claim = Claim { lane: mail(), limit: 1, attempts: 3, suspects: Suspects::Leave };
    let lease = store.jobs.claim(project(1), &claim).await.unwrap().remove(0);
    copy(folder.path(), killed.path());
    clock.turn(-365 * 24 * 3_600_000);
    let again = open_with(killed.path(), &clock, Limits { open: 1, ..Limits::default() });
    assert_eq!(again.jobs.reap().await.unwrap(), Reaped { crashed: 1, ..Reaped::default() });
    let job = again.queues.show(project(1), lease.job.id).await.unwrap().unwrap();
    assert_eq!((job.crashes, job.starts), (1, 1));
    assert!(job.run_at_ms <= clock.now() + 10_000);
    // A lease of this process is not lost because the file was closed meanwhile.
    again.jobs.enqueue(project(2), vec![message("b")]).await.unwrap();
    let held = again.jobs.claim(project(2), &claim).await.unwrap();
    again.queues.list(project(1)).await.unwrap();
    assert_eq!(files_of(killed.path(), 2), ["data.db"]);
    again.queues.list(project(2)).await.unwrap();
    assert_eq!(again.jobs.reap().await.unwrap(), Reaped::default());
    assert_eq!(
        again.jobs.extend(project(2), &[held[0].to_ref()]).await.unwrap(),
        [crate::jobs::Extended::Held]
    );
}

/// Slots of a project that cannot be read are left alone for a minute: the ticker would spin.
#[tokio::test]
async fn schedules_that_cannot_be_read_are_left_alone() {
    let (folder, clock) = established().await;
    let store = open_in(folder.path(), &clock);
    let spec = crate::jobs::ScheduleSpec {
        id: crate::jobs::ScheduleId("s".to_owned()),
        function: crate::catalog::FunctionId(uuid::Uuid::from_u128(7)),
        expression: "* * * * *".to_owned(),
        timezone: "UTC".to_owned(),
        path: "/".to_owned(),
        missed: crate::catalog::Missed::Once,
        overlap: crate::catalog::Overlap::Allow,
        first_ms: Some(START_MS),
    };
    store.schedules.reconcile(project(1), &[spec]).await.unwrap();
    clock.turn(IDLE_MS);
    store.jobs.reap().await.unwrap();
    let file = folder_of(folder.path(), 1).join("data.db");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, b"damaged").unwrap();
    assert_eq!(store.schedules.next().await.unwrap(), Some(START_MS));
    assert_eq!(store.schedules.due().await.unwrap(), []);
    assert_eq!(store.schedules.next().await.unwrap(), None);
    std::fs::write(&file, whole).unwrap();
    clock.turn(LOOK_AGAIN_MS - 1);
    assert_eq!(store.schedules.due().await.unwrap(), []);
    clock.turn(1);
    assert_eq!(store.schedules.next().await.unwrap(), Some(START_MS));
    assert_eq!(store.schedules.due().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_file_that_is_restored_is_known_again_without_a_restart() {
    let (folder, clock) = established().await;
    let file = folder_of(folder.path(), 1).join("data.db");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, b"damaged").unwrap();
    let store = open_in(folder.path(), &clock);
    assert_eq!(store.jobs.due().await.unwrap().len(), 1);
    std::fs::write(&file, whole).unwrap();
    let spec = QueueSpec { name: "mail".to_owned(), retention_ms: Some(crate::jobs::DEAD_KEPT_MS) };
    assert_eq!(store.queues.spec(project(1), "mail").await.unwrap(), Some(spec));
    assert_eq!(store.jobs.due().await.unwrap().len(), 2);
}
