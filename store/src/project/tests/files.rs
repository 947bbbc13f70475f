//! The files themselves: who may read them, what is refused, what a kill leaves, when they are closed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::super::*;
use super::{
    IDLE_MS, copy, established, files_of, folder_of, mail, message, open_in, open_with, over, project,
    scratch,
};
use crate::jobs::conformance::{START_MS, TurnedClock};
use crate::jobs::{Claim, Due, Suspects};
use crate::sqlite::{Durability, Schema, version};
use crate::{DataDir, StoreError};

#[tokio::test]
async fn files_are_private_and_made_on_first_use() {
    let (folder, clock) = (scratch(), TurnedClock::at(START_MS));
    let store = open_in(folder.path(), &clock);
    store.queues.list(project(1)).await.unwrap();
    assert!(!folder_of(folder.path(), 1).exists(), "looking makes nothing");
    store.jobs.enqueue(project(1), vec![message("a")]).await.unwrap();
    let names = files_of(folder.path(), 1);
    assert_eq!(names, ["data.db", "data.db-shm", "data.db-wal", "data.open"]);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for name in names {
        assert_eq!(mode(&folder_of(folder.path(), 1).join(&name)), 0o600, "{name}");
    }
    assert_eq!(mode(&folder_of(folder.path(), 1)), 0o700);
    assert_eq!(mode(&folder.path().join("projects")), 0o700);
    drop(store);
    assert_eq!(files_of(folder.path(), 1), ["data.db"], "closed in good order, the file alone is complete");
    // A look at the start leaves nothing behind either.
    drop(open_in(folder.path(), &clock));
    assert_eq!(files_of(folder.path(), 1), ["data.db"]);
}

#[tokio::test]
async fn idle_files_are_closed_and_opened_again() {
    let (folder, clock) = established().await;
    let store = open_in(folder.path(), &clock);
    assert_eq!(files_of(folder.path(), 1), ["data.db"], "nobody has needed it yet");
    store.jobs.enqueue(project(1), vec![message("b")]).await.unwrap();
    let open = files_of(folder.path(), 1);
    assert_eq!(open.len(), 4);
    clock.turn(IDLE_MS - 1);
    store.jobs.reap().await.unwrap();
    assert_eq!(files_of(folder.path(), 1), open);
    clock.turn(1);
    store.jobs.reap().await.unwrap();
    assert_eq!(files_of(folder.path(), 1), ["data.db"]);
    assert_eq!(store.jobs.due().await.unwrap().len(), 2, "the index does not need the files");
    let claim = Claim { lane: mail(), limit: 9, attempts: 3, suspects: Suspects::Leave };
    assert_eq!(store.jobs.claim(project(1), &claim).await.unwrap().len(), 2);
    // One that is used all the time stays open.
    for _ in 0..4 {
        clock.turn(IDLE_MS / 2);
        store.queues.list(project(1)).await.unwrap();
        store.jobs.reap().await.unwrap();
        assert_eq!(files_of(folder.path(), 1), open);
    }
}

#[tokio::test]
async fn a_clock_that_is_turned_back_keeps_no_file_open() {
    let (folder, clock) = established().await;
    let store = open_in(folder.path(), &clock);
    store.queues.list(project(1)).await.unwrap();
    clock.turn(-365 * 24 * 3_600_000);
    store.jobs.reap().await.unwrap();
    assert_eq!(files_of(folder.path(), 1), ["data.db"]);
}

/// However many projects there are: each open file costs a thread and three descriptors.
#[tokio::test]
async fn few_files_are_open_at_once() {
    let (folder, clock) = (scratch(), TurnedClock::at(START_MS));
    let store = open_with(folder.path(), &clock, Limits { open: 3, ..Limits::default() });
    for number in 1..=10 {
        store.jobs.enqueue(project(number), vec![message("a")]).await.unwrap();
        // The one that is used all the time stays.
        store.queues.list(project(1)).await.unwrap();
    }
    let open: Vec<u128> = (1..=10).filter(|number| files_of(folder.path(), *number).len() > 1).collect();
    assert_eq!(open, [1, 9, 10]);
    // All at once, and nothing is lost.
    let all = (1..=10).flat_map(|number| [number; 5]).map(|number| {
        let store = &store;
        async move { store.jobs.enqueue(project(number), vec![message("b")]).await.unwrap() }
    });
    futures_util::future::join_all(all).await;
    for number in 1..=10 {
        assert_eq!(store.queues.list(project(number)).await.unwrap()[0].waiting, 6);
    }
    store.jobs.reap().await.unwrap();
    let open = (1..=10).filter(|number| files_of(folder.path(), *number).len() > 1);
    assert_eq!(open.count(), 3);
}

/// Opening, using and closing the same file from many tasks at once.
#[tokio::test]
async fn closing_races_with_using() {
    let (folder, clock) = established().await;
    let store = open_in(folder.path(), &clock);
    let users = (0..20).map(|_| async {
        for _ in 0..20 {
            store.jobs.enqueue(project(1), vec![message("x")]).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let closer = async {
        for _ in 0..40 {
            clock.turn(IDLE_MS);
            store.jobs.reap().await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    futures_util::future::join(futures_util::future::join_all(users), closer).await;
    assert_eq!(store.queues.list(project(1)).await.unwrap()[0].waiting, 401);
}

#[tokio::test]
async fn a_killed_server_loses_nothing() {
    let (folder, clock) = established().await;
    let killed = scratch();
    let store = open_in(folder.path(), &clock);
    store.jobs.enqueue(project(1), vec![message("b"), message("c")]).await.unwrap();
    let claim = Claim { lane: mail(), limit: 1, attempts: 3, suspects: Suspects::Leave };
    store.jobs.claim(project(1), &claim).await.unwrap();
    copy(folder.path(), killed.path());
    // As if killed while project 3's file was being made.
    std::fs::create_dir(folder_of(killed.path(), 3)).unwrap();
    std::fs::write(folder_of(killed.path(), 3).join(".data.db.new"), b"half").unwrap();

    let again = open_in(killed.path(), &clock);
    let mut due = again.jobs.due().await.unwrap();
    due.sort_by_key(|due| due.project);
    let expected = [1, 2].map(|number| Due { project: project(number), lane: mail(), at_ms: START_MS });
    assert_eq!(due, expected, "from the log, before anything is opened");
    let queue = &again.queues.list(project(1)).await.unwrap()[0];
    assert_eq!((queue.waiting, queue.running), (2, 1));
    again.jobs.enqueue(project(3), vec![message("a")]).await.unwrap();
    assert_eq!(again.queues.list(project(3)).await.unwrap()[0].waiting, 1);
}

#[tokio::test]
async fn e12_a_damaged_file_stops_its_project_and_no_other() {
    let (folder, clock) = established().await;
    let file = folder_of(folder.path(), 1).join("data.db");
    let whole = std::fs::read(&file).unwrap();
    let foreign = scratch();
    let foreign = foreign.path().join("x.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
    let cases: [(&str, Vec<u8>); 4] = [
        ("empty", Vec::new()),
        ("text", b"these bytes are no database, however often one looks at them".to_vec()),
        ("another program's database", std::fs::read(foreign).unwrap()),
        ("first page only", whole[..4_096].to_vec()),
    ];
    for (case, bytes) in cases {
        std::fs::write(&file, &bytes).unwrap();
        let store = open_in(folder.path(), &clock);
        // Not one call is answered as if there were nothing.
        refused(&store.queues.list(project(1)).await, case);
        refused(&store.queues.spec(project(1), "mail").await, case);
        refused(&store.jobs.enqueue(project(1), vec![message("b")]).await, case);
        refused(&store.schedules.list(project(1)).await, case);
        // The others do not notice.
        assert_eq!(store.jobs.due().await.unwrap().len(), 1, "{case}");
        store.jobs.enqueue(project(2), vec![message("b")]).await.unwrap();
        store.jobs.reap().await.unwrap();
        store.schedules.due().await.unwrap();
        drop(store);
        assert!(std::fs::read(&file).unwrap() == bytes, "{case}: nothing is written");
    }
    std::fs::write(&file, whole).unwrap();
    let store = open_in(folder.path(), &clock);
    assert_eq!(store.queues.list(project(1)).await.unwrap()[0].waiting, 1);
}

#[tokio::test]
async fn e12_a_lost_file_or_log_is_refused_until_the_operator_says_so() {
    let (folder, clock) = established().await;
    let killed = scratch();
    let store = open_in(folder.path(), &clock);
    store.jobs.enqueue(project(1), vec![message("in the log")]).await.unwrap();
    copy(folder.path(), killed.path());
    let inside = folder_of(killed.path(), 1);
    let log = std::fs::read(inside.join("data.db-wal")).unwrap();
    std::fs::remove_file(inside.join("data.db-wal")).unwrap();
    let refusal = |killed: PathBuf| async move {
        let store = open_in(&killed, &TurnedClock::at(START_MS));
        match store.queues.list(project(1)).await {
            Err(StoreError::Unusable(text)) => text,
            other => panic!("must be Unusable: {other:?}"),
        }
    };
    let text = refusal(killed.path().to_owned()).await;
    assert!(text.contains("data.db-wal is gone") && text.contains("data.open"), "{text}");
    // The file gone, the log still there.
    std::fs::write(inside.join("data.db-wal"), log).unwrap();
    let file = std::fs::read(inside.join("data.db")).unwrap();
    std::fs::remove_file(inside.join("data.db")).unwrap();
    let text = refusal(killed.path().to_owned()).await;
    assert!(text.contains("missing") && text.contains("restore the folder of the project"), "{text}");
    assert!(!inside.join("data.db").exists(), "never re-created in silence");

    std::fs::write(inside.join("data.db"), file).unwrap();
    std::fs::remove_file(inside.join("data.db-wal")).unwrap();
    std::fs::remove_file(inside.join("data.open")).unwrap();
    let store = open_in(killed.path(), &clock);
    assert_eq!(store.queues.list(project(1)).await.unwrap()[0].waiting, 1);
}

#[tokio::test]
async fn e13_a_newer_schema_is_refused() {
    let (folder, clock) = established().await;
    let file = folder_of(folder.path(), 1).join("data.db");
    Connection::open(&file).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    let store = open_in(folder.path(), &clock);
    let list = store.queues.list(project(1)).await;
    assert!(matches!(&list, Err(StoreError::Unusable(text)) if text.contains("schema 99")), "{list:?}");
}

/// It has the tables that were released first.
#[tokio::test]
async fn a_file_of_an_older_server_is_brought_up_to_date() {
    const FIRST: Schema = Schema { steps: &[crate::jobs::sqlite::TABLES], ..SCHEMA };
    let (folder, clock) = established().await;
    let file = folder_of(folder.path(), 1).join("data.db");
    std::fs::remove_file(&file).unwrap();
    FIRST.migrate(&Connection::open(&file).unwrap()).unwrap();
    let (store, files) = over(&DataDir::open(folder.path()).unwrap(), &clock, Limits::default());
    assert_eq!(version(&Connection::open(&file).unwrap()).unwrap(), 1, "not before it is opened");
    store.jobs.enqueue(project(1), vec![message("b")]).await.unwrap();
    let found = files.read(project(1), |connection, _| version(connection)).await.unwrap();
    assert_eq!(found, Some(u32::try_from(SCHEMA.steps.len()).unwrap()));
}

#[tokio::test]
async fn a_forgotten_project_leaves_nothing_whatever_else_was_in_its_folder() {
    let (folder, clock) = established().await;
    std::fs::create_dir_all(folder_of(folder.path(), 1).join("objects/a")).unwrap();
    std::fs::write(folder_of(folder.path(), 1).join("objects/a/b"), b"x").unwrap();
    let store = open_in(folder.path(), &clock);
    store.jobs.enqueue(project(1), vec![message("b")]).await.unwrap();
    store.cleanup.forget(project(1)).await.unwrap();
    let left: Vec<_> = std::fs::read_dir(folder.path().join("projects")).unwrap().collect();
    assert_eq!(left.len(), 1);
    drop(store);
    // As if killed in the middle of it.
    let deleted = folder.path().join("projects").join(format!(".deleted-{}", project(2).0));
    std::fs::rename(folder_of(folder.path(), 2), &deleted).unwrap();
    let store = open_in(folder.path(), &clock);
    assert!(!deleted.exists());
    assert_eq!(store.jobs.due().await.unwrap(), []);
    drop(store);
    // What cannot be deleted keeps nobody from opening the store: here it is no folder.
    std::fs::write(&deleted, b"x").unwrap();
    open_in(folder.path(), &clock);
}

#[tokio::test]
async fn e7_a_disk_that_fails_stops_the_file_until_a_restart() {
    let (folder, clock) = established().await;
    let data = DataDir::open(folder.path()).unwrap();
    let (store, files) = over(&data, &clock, Limits::default());
    let failed = files.write(
        project(1),
        Durability::Now,
        |connection, _| {
            connection.execute("DELETE FROM jobs", [])?;
            connection.execute_batch("ROLLBACK")?;
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
            Err::<(), _>(rusqlite::Error::SqliteFailure(code, None).into())
        },
        |_| {},
    );
    assert!(matches!(failed.await, Err(StoreError::Driver(_))));
    for _ in 0..3 {
        // Idle or not, it is not opened again.
        let next = store.jobs.enqueue(project(1), vec![message("b")]).await;
        let Err(StoreError::Driver(why)) = next else { panic!("must be refused: {next:?}") };
        assert!(why.to_string().contains("restart"), "{why}");
        let read = files.read(project(1), |_, _| Ok(())).await;
        assert!(matches!(read, Err(StoreError::Driver(_))), "nor read: {read:?}");
        clock.turn(2 * IDLE_MS);
        store.jobs.reap().await.unwrap();
    }
    store.jobs.enqueue(project(2), vec![message("b")]).await.unwrap();
    drop((store, files, data));
    let store = open_in(folder.path(), &clock);
    assert_eq!(store.queues.list(project(1)).await.unwrap()[0].waiting, 1);
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: &Result<T>, case: &str) {
    let told = match result {
        Err(StoreError::Unusable(text) | StoreError::Damaged(text)) => text.contains("data.db"),
        _ => false,
    };
    assert!(told, "{case}: {result:?}");
}
