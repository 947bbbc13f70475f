//! Readers beside the writer: what they see, and that they are in nobody's way.

use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use super::super::*;
use super::{IDLE_MS, block_on, established, files_of, folder_of, message, open_in, over, project, scratch};
use crate::jobs::conformance::{START_MS, TurnedClock};
use crate::sqlite::Durability;
use crate::{DataDir, StoreError};

const COUNT: &str = "SELECT count(*) FROM schedules";

fn count(connection: &Connection) -> Result<i64> {
    Ok(connection.prepare_cached(COUNT)?.query_row([], |row| row.get(0))?)
}

async fn add(files: &ProjectFiles, id: &str, durability: Durability) {
    let sql = "INSERT INTO schedules (id, function, expression, timezone, path, missed, overlap)
        VALUES (?1, x'', '', '', '', '', '')";
    let id = id.to_owned();
    let add = move |connection: &Connection, _| Ok(connection.execute(sql, [id])?);
    files.write(project(1), durability, add, |_| {}).await.unwrap();
}

async fn read(files: &ProjectFiles) -> i64 {
    files.read(project(1), |connection, _| count(connection)).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_read_sees_what_was_answered_before_and_the_time() {
    let (folder, clock) = (scratch(), TurnedClock::at(START_MS));
    let (_store, files) = over(&DataDir::open(folder.path()).unwrap(), &clock, Limits::default());
    assert_eq!(files.read(project(1), |_, _| Ok(())).await.unwrap(), None);
    assert!(!folder_of(folder.path(), 1).exists(), "reading makes nothing");
    for number in 1..=50 {
        let durability = if number % 2 == 0 { Durability::Now } else { Durability::Later };
        add(&files, &number.to_string(), durability).await;
        assert_eq!(read(&files).await, number);
    }
    clock.turn(7);
    assert_eq!(files.read(project(1), |_, now| Ok(now)).await.unwrap(), Some(START_MS + 7));
}

#[tokio::test]
async fn a_read_is_of_one_moment_and_can_write_nothing() {
    let (folder, clock) = established().await;
    let (_store, files) = over(&DataDir::open(folder.path()).unwrap(), &clock, Limits::default());
    let begun = files
        .read(project(1), |connection, _| {
            let before = count(connection)?;
            // On another thread: this one is reading.
            std::thread::scope(|scope| {
                scope.spawn(|| block_on(add(&files, "a", Durability::Now))).join().unwrap();
            });
            Ok((before, count(connection)?))
        })
        .await
        .unwrap();
    assert_eq!(begun, Some((0, 0)));
    assert_eq!(read(&files).await, 1);
    let written =
        files.read(project(1), |connection, _| Ok(connection.execute("DELETE FROM jobs", [])?)).await;
    assert!(matches!(written, Err(StoreError::Driver(_))), "{written:?}");
    assert_eq!(read(&files).await, 1, "one that failed is in nobody's way");
}

#[tokio::test]
async fn however_many_read_at_once_the_file_is_closed_in_good_order() {
    let (folder, clock) = established().await;
    let (store, files) = over(&DataDir::open(folder.path()).unwrap(), &clock, Limits::default());
    read(&files).await;
    all_at_once(&files);
    clock.turn(IDLE_MS);
    store.jobs.reap().await.unwrap();
    assert_eq!(files_of(folder.path(), 1), ["data.db"], "closed when idle");
    read(&files).await;
    all_at_once(&files);
    drop((store, files));
    assert_eq!(files_of(folder.path(), 1), ["data.db"], "closed at the end");
    let (store, files) = over(&DataDir::open(folder.path()).unwrap(), &clock, Limits::default());
    read(&files).await;
    store.cleanup.forget(project(1)).await.unwrap();
    assert!(!folder_of(folder.path(), 1).exists());
    assert_eq!(files.read(project(1), |_, _| Ok(())).await.unwrap(), None);
}

/// More than are kept for the next one.
fn all_at_once(files: &ProjectFiles) {
    let barrier = &std::sync::Barrier::new(9);
    let read = || {
        let read = files.read(project(1), |connection, _| {
            barrier.wait();
            count(connection)
        });
        assert_eq!(block_on(read).unwrap(), Some(0));
    };
    std::thread::scope(|scope| {
        for _ in 0..9 {
            scope.spawn(read);
        }
    });
}

#[tokio::test]
async fn at_the_end_all_are_closed_in_good_order() {
    let (folder, clock) = (scratch(), TurnedClock::at(START_MS));
    let (store, files) = over(&DataDir::open(folder.path()).unwrap(), &clock, Limits::default());
    for number in 1..=20 {
        store.jobs.enqueue(project(number), vec![message("a")]).await.unwrap();
        files.read(project(number), |connection, _| count(connection)).await.unwrap();
    }
    drop((store, files));
    for number in 1..=20 {
        assert_eq!(files_of(folder.path(), number), ["data.db"]);
    }
}

#[test]
fn reading_races_with_closing() {
    let (folder, clock) = block_on(established());
    let (store, files) = over(&DataDir::open(folder.path()).unwrap(), &clock, Limits::default());
    let done = AtomicBool::new(false);
    let read_on = || {
        while !done.load(Ordering::Relaxed) {
            assert_eq!(block_on(read(&files)), 0);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(read_on);
        }
        for _ in 0..50 {
            clock.turn(IDLE_MS);
            block_on(store.jobs.reap()).unwrap();
            std::thread::yield_now();
        }
        done.store(true, Ordering::Relaxed);
    });
    drop((store, files));
    assert_eq!(files_of(folder.path(), 1), ["data.db"]);
    open_in(folder.path(), &clock);
}
