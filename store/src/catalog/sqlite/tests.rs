//! What is particular to the SQLite driver, and the conformance suite run on it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::Connection;

use super::*;
use crate::catalog::{Project, Stamp, conformance};

fn stamp() -> Stamp {
    Stamp { actor: "admin".to_owned(), at_ms: 1_700_000_000_000 }
}

/// A catalog in that folder; the folder counts as established afterwards.
fn open_in(folder: &Path) -> Result<Catalog> {
    let data = DataDir::open(folder)?;
    let catalog = open(&data)?;
    data.establish()?;
    Ok(catalog)
}

fn refused(folder: &Path) -> String {
    match open_in(folder) {
        Err(StoreError::Unusable(text)) => text,
        Err(other) => panic!("must be Unusable: {other:?}"),
        Ok(_) => panic!("must be refused"),
    }
}

#[tokio::test]
async fn conforms() {
    let folder = tempfile::tempdir().unwrap();
    let count = AtomicU32::new(0);
    let open = || open_in(&folder.path().join(count.fetch_add(1, Ordering::Relaxed).to_string()));
    conformance::run(open).await.unwrap();
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_reopen() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for name in ["a", "b", "c"] {
        let catalog = open_in(folder.path()).unwrap();
        assert_eq!(catalog.projects.list().await.unwrap(), expected);
        expected.push(catalog.projects.create(name, &stamp()).await.unwrap());
        drop(catalog);
        let names: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter(|n| n.starts_with("catalog"))
            .collect();
        assert_eq!(names, ["catalog.db"], "closed in good order, the file alone is complete");
    }
}

#[tokio::test]
async fn a_killed_server_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let killed = tempfile::tempdir().unwrap();
    let catalog = open_in(folder.path()).unwrap();
    let project = catalog.projects.create("kept", &stamp()).await.unwrap();
    copy_files(folder.path(), killed.path());
    let again = open_in(killed.path()).unwrap();
    assert_eq!(again.projects.list().await.unwrap(), [project]);
}

#[tokio::test]
async fn concurrent_changes_share_commits() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::open(folder.path()).unwrap();
    let catalog = open(&data).unwrap();
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let projects = catalog.projects.clone();
            tokio::spawn(async move { projects.create(&format!("p{:03}", n / 2), &stamp()).await })
        })
        .collect();
    let mut created = Vec::<Project>::new();
    let mut conflicts = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(project) => created.push(project),
            Err(StoreError::Conflict { .. }) => conflicts += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    created.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!((created.len(), conflicts), (100, 100));
    assert_eq!(catalog.projects.list().await.unwrap(), created);
}

#[tokio::test]
async fn the_file_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let catalog = open_in(folder.path()).unwrap();
    catalog.projects.create("a", &stamp()).await.unwrap();
    for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm", "catalog.open"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn e12_a_lost_or_damaged_file_is_refused_and_left_alone() {
    let (folder, file) = established().await;
    let whole = std::fs::read(&file).unwrap();
    let mut torn = whole.clone();
    for byte in torn.iter_mut().skip(4_096).take(4_096) {
        *byte ^= 0x5a;
    }
    let foreign = foreign_database();
    let cases: [(&str, &[u8]); 5] = [
        ("empty", b""),
        ("text", b"these bytes are no database, however often one looks at them"),
        ("first page only", whole.get(..4_096).unwrap()),
        ("a page overwritten", &torn),
        ("another program's database", &foreign),
    ];
    for (case, bytes) in cases {
        std::fs::write(&file, bytes).unwrap();
        let text = refused(folder.path());
        assert!(text.contains("catalog.db is damaged") && text.contains("backup"), "{case}: {text}");
        assert_eq!(std::fs::read(&file).unwrap(), bytes, "{case}: nothing is written");
    }
    std::fs::remove_file(&file).unwrap();
    assert!(refused(folder.path()).contains("missing"));
    assert!(!file.exists(), "never re-created in silence");

    std::fs::write(&file, whole).unwrap();
    assert_eq!(open_in(folder.path()).unwrap().projects.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn e12_a_deleted_log_is_refused_until_the_operator_says_so() {
    let (folder, _) = established().await;
    let killed = tempfile::tempdir().unwrap();
    let catalog = open_in(folder.path()).unwrap();
    catalog.projects.create("in the log", &stamp()).await.unwrap();
    copy_files(folder.path(), killed.path());
    std::fs::remove_file(killed.path().join("catalog.db-wal")).unwrap();
    let text = refused(killed.path());
    assert!(text.contains("catalog.db-wal is gone") && text.contains("catalog.open"), "{text}");

    std::fs::remove_file(killed.path().join("catalog.open")).unwrap();
    let left = open_in(killed.path()).unwrap().projects.list().await.unwrap();
    assert_eq!(left.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["a"]);
}

#[tokio::test]
async fn e7_after_a_failed_fsync_nothing_is_accepted_until_a_restart() {
    let (folder, _) = established().await;
    let data = DataDir::open(folder.path()).unwrap();
    let connection = open_file(&Place::catalog(&data).unwrap(), Age::Established).unwrap();
    let writer =
        Writer::start("catalog", connection, |_| panic!("must not be closed as if all were well")).unwrap();
    // What SQLite does and says when the disk fails in the middle of a transaction.
    let failed = writer.run::<()>(|connection| {
        connection.execute("DELETE FROM projects", [])?;
        connection.execute_batch("ROLLBACK")?;
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
        Err(rusqlite::Error::SqliteFailure(code, None).into())
    });
    assert!(matches!(failed.await, Err(StoreError::Driver(_))));
    let next = writer.run(|_| Ok(())).await;
    let Err(StoreError::Driver(why)) = next else { panic!("must be refused: {next:?}") };
    assert!(why.to_string().contains("restart"), "{why}");
    drop((writer, data));
    assert_eq!(open_in(folder.path()).unwrap().projects.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn e13_a_newer_schema_is_refused() {
    let (folder, file) = established().await;
    Connection::open(&file).unwrap().execute_batch("PRAGMA user_version = 4").unwrap();
    let text = refused(folder.path());
    assert!(text.contains("schema 4") && text.contains("newer Ostro"), "{text}");
}

#[tokio::test]
async fn a_full_disk_is_told_apart_and_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::open(folder.path()).unwrap();
    let file = folder.path().join("small.db");
    let connection = Connection::open(&file).unwrap();
    connection.execute_batch("CREATE TABLE t (x); PRAGMA max_page_count = 8").unwrap();
    let writer = Writer::start("t", connection, |_| ()).unwrap();
    let insert = |bytes: usize| {
        writer.run(move |connection| {
            connection.execute("INSERT INTO t VALUES (zeroblob(?1))", [i64::try_from(bytes).unwrap()])?;
            Ok(())
        })
    };
    insert(10).await.unwrap();
    let full = insert(1 << 20).await;
    assert!(matches!(full, Err(StoreError::NoSpace(_))), "{full:?}");
    insert(10).await.unwrap();
    drop((writer, data));
    let connection = Connection::open(&file).unwrap();
    let rows: i64 = connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 2);
}

#[tokio::test]
async fn a_failed_commit_fails_every_change_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::open(folder.path().join("t.db")).unwrap();
    // A deferred constraint is a way to make nothing but COMMIT fail.
    connection
        .execute_batch(
            "PRAGMA foreign_keys = ON; CREATE TABLE p (id INTEGER PRIMARY KEY);
             CREATE TABLE c (p REFERENCES p DEFERRABLE INITIALLY DEFERRED);",
        )
        .unwrap();
    let writer = Writer::start("t", connection, |_| ()).unwrap();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    // Holds the writer until the three that follow are queued, so that they share its transaction.
    let first = writer.run(move |_| {
        wait.recv().unwrap();
        Ok(())
    });
    let good = |id: i64| {
        writer.run(move |connection| {
            connection.execute("INSERT INTO p VALUES (?1)", [id])?;
            Ok(())
        })
    };
    let bad = writer.run(|connection| {
        connection.execute("INSERT INTO c VALUES (99)", [])?;
        Ok(())
    });
    let queued = async move {
        tokio::task::yield_now().await;
        release.send(()).unwrap();
    };
    let (first, one, bad, two, ()) = tokio::join!(first, good(1), bad, good(2), queued);
    for result in [first, one, bad, two] {
        assert!(matches!(result, Err(StoreError::Driver(_))), "nothing is acknowledged: {result:?}");
    }
    good(3).await.unwrap();
    let ids = writer.run(|connection| {
        Ok(connection.query_row("SELECT group_concat(id) FROM p", [], |row| row.get::<_, String>(0))?)
    });
    assert_eq!(ids.await.unwrap(), "3");
}

/// A data directory with one project, closed in good order.
async fn established() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let catalog = open_in(folder.path()).unwrap();
    catalog.projects.create("a", &stamp()).await.unwrap();
    drop(catalog);
    let file = folder.path().join("catalog.db");
    (folder, file)
}

fn foreign_database() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.db");
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE x (y); PRAGMA user_version = 1").unwrap();
    std::fs::read(file).unwrap()
}

/// The files of a folder as a killed process leaves them.
fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
