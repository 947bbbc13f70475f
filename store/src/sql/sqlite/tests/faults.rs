//! The disk fails under a database: E7 of the threats.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rusqlite::ffi::{SQLITE_FULL, SQLITE_IOERR_FSYNC, SQLITE_IOERR_WRITE};
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Error};

use super::super::ledger::Ledger;
use super::super::log::Log;
use super::super::run::Confined;
use super::super::turns::Turns;
use super::super::writer::{Thread, Writer};
use super::*;
use crate::sqlite::Place;

fn error(code: i32) -> Error {
    Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)
}

/// A writer over a file of its own, whose SQL function `pi` fails like that, and whose log does from some commit on.
fn writer(folder: &Path, pi: i32, commits: usize) -> Writer {
    let data = DataDir::open(folder).unwrap();
    let path = folder.join("a.db");
    let mut connection = Connection::open(&path).unwrap();
    let setup = "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; CREATE TABLE t (n)";
    connection.execute_batch(setup).unwrap();
    let (done, failed) = (AtomicUsize::new(0), Arc::<AtomicBool>::default());
    let has_failed = failed.clone();
    let hook = move |_: &mut rusqlite::hooks::Wal, _| {
        if done.fetch_add(1, Ordering::Relaxed) >= commits {
            has_failed.store(true, Ordering::Relaxed);
        }
        Ok(())
    };
    connection.wal_hook(Some(hook)).unwrap();
    let ledger = Arc::new(Ledger::new(Limits::default(), Default::default()));
    let place = Arc::new(Place::database(&data, data.dir().try_clone().unwrap(), folder, "a"));
    let confined = Confined::new(connection, real(), ledger.clone()).unwrap();
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    confined.ours().create_scalar_function("pi", 0, flags, move |_| Err::<i64, _>(error(pi))).unwrap();
    let thread = Thread {
        name: "a".to_owned(),
        confined,
        ledger,
        log: Arc::new(Log::new(place, failed)),
        try_log_again: Cell::default(),
        timer: real(),
        page_bytes: 4096,
    };
    Writer::start(thread, Arc::default(), drop).unwrap()
}

async fn run(writer: &Writer, sql: &str) -> Result<Vec<Done>> {
    writer.run(vec![statement(sql)], &Turns::new(&Limits::default())).await
}

#[track_caller]
fn has_stopped<T: std::fmt::Debug>(result: Result<T>) {
    let Err(SqlError::Store(StoreError::Driver(why))) = result else { panic!("{result:?}") };
    assert!(why.to_string().contains("restart"), "{why}");
}

/// Wherever it fails, nothing is accepted any more: a statement, the commit of one, what is given back after it.
#[tokio::test]
async fn e7_a_failed_fsync_stops_the_database() {
    let fill = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3000)
        INSERT INTO t SELECT zeroblob(4000) FROM n";
    for (commits, before, last) in [
        (9, vec![], "INSERT INTO t VALUES (pi())"),
        (1, vec!["INSERT INTO t VALUES (1)"], "INSERT INTO t VALUES (2)"),
    ] {
        let folder = scratch();
        let writer = writer(folder.path(), SQLITE_IOERR_FSYNC, commits);
        for sql in before {
            run(&writer, sql).await.unwrap();
        }
        has_stopped(run(&writer, last).await);
        assert!(writer.has_failed());
        has_stopped(run(&writer, "SELECT 1").await);
    }
    let folder = scratch();
    let writer = writer(folder.path(), SQLITE_IOERR_FSYNC, 2);
    run(&writer, fill).await.unwrap();
    run(&writer, "DELETE FROM t").await.unwrap();
    // It was answered before.
    for _ in 0..200 {
        if writer.has_failed() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    has_stopped(run(&writer, "SELECT 1").await);
}

/// Other errors are those of the call alone; a full disk is not the project's quota.
#[tokio::test]
async fn a_full_disk_is_told_apart_from_a_full_project() {
    let folder = scratch();
    for code in [SQLITE_FULL, SQLITE_IOERR_WRITE] {
        let writer = writer(folder.path(), code, 9);
        let failed = run(&writer, "SELECT pi()").await;
        match code {
            SQLITE_FULL => {
                assert!(matches!(failed, Err(SqlError::Store(StoreError::NoSpace(_)))), "{failed:?}")
            }
            _ => assert!(matches!(failed, Err(SqlError::Store(StoreError::Driver(_)))), "{failed:?}"),
        }
        run(&writer, "SELECT 1").await.unwrap();
        drop(writer);
        std::fs::remove_file(folder.path().join("a.db")).unwrap();
    }
}
