//! The files of databases: what a kill leaves, what is damaged or lost, when they are closed and deleted.

use super::*;
use crate::jobs::conformance::{START_MS, TurnedClock};
use crate::project::tests::{copy, folder_of, project};
use crate::project::{Limits as FileLimits, ProjectFiles};
use crate::sql::Value;

/// The files of a project's databases.
fn files_in(folder: &Path, number: u128) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder_of(folder, number).join("sql")) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn put(sql: &Sqlite, number: u128, database: &str, value: i64) -> Result<()> {
    let statements = vec![
        statement("CREATE TABLE IF NOT EXISTS t (n)"),
        Statement::new("INSERT INTO t VALUES (?1)", vec![Value::Integer(value)]),
    ];
    sql.batch(project(number), database, statements).await.map(drop)
}

async fn sum(sql: &Sqlite, number: u128, database: &str) -> Result<i64> {
    let found = sql.query(project(number), database, statement("SELECT sum(n) FROM t")).await?;
    match found.rows[0][0] {
        Value::Integer(sum) => Ok(sum),
        ref other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_killed_server_loses_nothing() {
    let (folder, killed) = (scratch(), scratch());
    let sql = open_in(folder.path(), real(), Limits::default());
    for value in 1..=10 {
        put(&sql, 1, "a", value).await.unwrap();
    }
    copy(folder.path(), killed.path());
    assert!(files_in(killed.path(), 1).contains(&"a.open".to_owned()));
    let again = open_in(killed.path(), real(), Limits::default());
    assert_eq!(sum(&again, 1, "a").await.unwrap(), 55);
    put(&again, 1, "a", 1).await.unwrap();
    assert_eq!(sum(&again, 1, "a").await.unwrap(), 56);
}

/// Closed in good order there is the file alone, and whoever asks opens it again.
#[tokio::test]
async fn what_nobody_uses_is_closed() {
    let (folder, clock) = (scratch(), TurnedClock::at(START_MS));
    let limits = Limits { open: 3, ..Limits::default() };
    let sql = open_at(folder.path(), clock.store_clock(), real(), limits);
    for round in 1..=3 {
        put(&sql, 1, "a", 1).await.unwrap();
        assert_eq!(sum(&sql, 1, "a").await.unwrap(), round);
        clock.turn(limits.idle_ms - 1);
        sql.places.close_idle();
        assert!(files_in(folder.path(), 1).len() > 1, "not yet");
        clock.turn(1);
        sql.places.close_idle();
        assert_eq!(files_in(folder.path(), 1), ["a.db"]);
    }
    for number in 1..=9 {
        put(&sql, number, "b", 1).await.unwrap();
        let open: usize = (1..=9)
            .map(|number| {
                files_in(folder.path(), number).iter().filter(|file| file.ends_with(".open")).count()
            })
            .sum();
        assert!(open <= 3, "{open} are open");
    }
    drop(sql);
    for number in 2..=9 {
        assert_eq!(files_in(folder.path(), number), ["b.db"]);
    }
}

/// Nobody is told that there is nothing.
#[tokio::test]
async fn what_is_damaged_or_lost_is_not_made_anew() {
    let folder = scratch();
    let sql = open_in(folder.path(), real(), Limits::default());
    for database in ["damaged", "foreign", "lost", "whole"] {
        put(&sql, 1, database, 1).await.unwrap();
    }
    drop(sql);
    let file = |name: &str| folder_of(folder.path(), 1).join("sql").join(name);
    std::fs::write(file("damaged.db"), b"damaged").unwrap();
    std::fs::remove_file(file("foreign.db")).unwrap();
    rusqlite::Connection::open(file("foreign.db")).unwrap().execute_batch("CREATE TABLE t (n)").unwrap();
    std::fs::write(file("lost.open"), b"").unwrap();
    let sql = open_in(folder.path(), real(), Limits::default());
    for (database, words) in [
        ("damaged", "damaged.db is damaged"),
        ("foreign", "no database of a function"),
        ("lost", "lost.db-wal is gone"),
    ] {
        for result in [sum(&sql, 1, database).await.map(drop), put(&sql, 1, database, 1).await] {
            let Err(SqlError::Store(StoreError::Unusable(text))) = result else {
                panic!("{database}: {result:?}")
            };
            assert!(text.contains(words), "{text}");
        }
    }
    assert_eq!(std::fs::read(file("damaged.db")).unwrap(), b"damaged", "nothing is written");
    assert_eq!(sum(&sql, 1, "whole").await.unwrap(), 1);
}

/// A project that is forgotten takes its databases along, also those in use, and none comes back.
#[tokio::test]
async fn a_forgotten_project_has_none() {
    let folder = scratch();
    let data = DataDir::open(folder.path()).unwrap();
    let clock: StoreClock = Arc::new(|| START_MS);
    let sql = Arc::new(Sqlite::new(&data, clock.clone(), real(), Limits::default()).unwrap());
    let files = ProjectFiles::open(&data, clock, FileLimits::default(), vec![sql.clone()]).unwrap();
    for number in [1, 2] {
        put(&sql, number, "a", 7).await.unwrap();
    }
    let slow = {
        let sql = sql.clone();
        let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 100000)
            SELECT count(*) FROM n";
        tokio::spawn(async move { sql.query(project(1), "a", statement(endless)).await })
    };
    tokio::task::yield_now().await;
    files.forget(project(1)).await.unwrap();
    assert!(!folder_of(folder.path(), 1).exists());
    for result in [sum(&sql, 1, "a").await.map(drop), put(&sql, 1, "a", 1).await, put(&sql, 1, "b", 1).await]
    {
        assert!(matches!(result, Err(SqlError::Store(StoreError::NotFound { .. }))), "{result:?}");
    }
    assert_eq!(sql.list(project(1)).await.unwrap(), []);
    // It was running already, or came too late.
    let slow = slow.await.unwrap().map(drop);
    assert!(matches!(slow, Ok(()) | Err(SqlError::Store(StoreError::NotFound { .. }))), "{slow:?}");
    drop(files);
    assert!(!folder_of(folder.path(), 1).exists());
    assert_eq!(sum(&sql, 2, "a").await.unwrap(), 7);
}

/// What is asked beside a writer sees what was answered, and nothing of what was not.
#[tokio::test]
async fn reading_and_writing_at_once() {
    let folder = scratch();
    let sql = Arc::new(open_in(folder.path(), real(), Limits::default()));
    put(&sql, 1, "a", 0).await.unwrap();
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let sql = sql.clone();
            tokio::spawn(async move {
                for _ in 0..50 {
                    let both =
                        vec![statement("INSERT INTO t VALUES (1)"), statement("INSERT INTO t VALUES (-1)")];
                    sql.batch(project(1), "a", both).await.unwrap();
                }
            })
        })
        .collect();
    let mut last = 0;
    while writers.iter().any(|writer| !writer.is_finished()) {
        let found = sql.query(project(1), "a", statement("SELECT count(*), sum(n) FROM t")).await.unwrap();
        let [Value::Integer(count), Value::Integer(sum)] = found.rows[0][..] else { panic!("{found:?}") };
        assert!(sum == 0 && count % 2 == 1 && count >= last, "{count} after {last}, {sum}");
        last = count;
        tokio::task::yield_now().await;
    }
    assert_eq!(sum(&sql, 1, "a").await.unwrap(), 0);
}
