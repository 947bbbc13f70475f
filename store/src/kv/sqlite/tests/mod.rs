//! What is particular to the SQLite driver, and the conformance suite run on it.

mod against_model;
mod speed;

use std::path::Path;

use super::*;
use crate::jobs::conformance::{START_MS, TurnedClock};
use crate::kv::conformance::{self, Wanted};
use crate::project::tests::{block_on, copy, files_of, folder_of, project, scratch};
use crate::project::{self, SCHEMA};
use crate::sqlite::plan;
use crate::{DataDir, StoreClock};

/// The driver over the data in a folder, and the files that it is over.
fn open_in(folder: &Path, clock: StoreClock, bytes: i64) -> Result<(Arc<dyn KeyValue>, Arc<ProjectFiles>)> {
    let data = DataDir::open(folder)?;
    let names = Arc::<Names>::default();
    let files = ProjectFiles::open(&data, clock, project::Limits::default(), vec![names.clone()])?;
    let files = Arc::new(files);
    Ok((open(files.clone(), names, Limits { bytes, ..Limits::default() }), files))
}

fn spec(name: &str) -> NamespaceSpec {
    NamespaceSpec { name: name.to_owned(), ttl_ms: None }
}

fn set(key: &str, value: &str) -> Write {
    Write::Set(key.to_owned(), value.to_owned().into())
}

#[tokio::test]
async fn conforms() {
    let folder = scratch();
    let open = |wanted: &Wanted| {
        let folder = folder.path().join(wanted.number.to_string());
        Ok(open_in(&folder, wanted.clock.clone(), stored(wanted.bytes))?.0)
    };
    conformance::run(open).await.unwrap();
}

#[tokio::test]
async fn a_killed_server_loses_nothing() {
    let (folder, killed, clock) = (scratch(), scratch(), TurnedClock::at(START_MS));
    let (kv, _files) = open_in(folder.path(), clock.store_clock(), 1_000).unwrap();
    kv.declare(project(1), &[spec("a")]).await.unwrap();
    kv.write(project(1), "a", vec![set("k", "v")]).await.unwrap();
    kv.increment(project(1), "a", "n", 7).await.unwrap();
    copy(folder.path(), killed.path());
    let (again, _files) = open_in(killed.path(), clock.store_clock(), 1_000).unwrap();
    let keys = ["k".to_owned(), "n".to_owned()];
    let all = again.get(project(1), "a", &keys).await.unwrap();
    assert_eq!(all, kv.get(project(1), "a", &keys).await.unwrap());
    assert!(all.iter().all(Option::is_some));
}

/// One that was closed in good order is opened by whoever asks first, also for reading.
#[tokio::test]
async fn a_file_is_opened_by_whoever_asks() {
    let (folder, clock) = (scratch(), TurnedClock::at(START_MS));
    let (kv, files) = open_in(folder.path(), clock.store_clock(), 1_000).unwrap();
    kv.declare(project(1), &[spec("a")]).await.unwrap();
    kv.write(project(1), "a", vec![set("k", "v")]).await.unwrap();
    for _ in 0..3 {
        clock.turn(60_000);
        files.close_idle().await;
        assert_eq!(files_of(folder.path(), 1), ["data.db"]);
        assert!(kv.get(project(1), "a", &["k".to_owned()]).await.unwrap()[0].is_some());
        clock.turn(60_000);
        files.close_idle().await;
        kv.write(project(1), "a", vec![set("k", "w")]).await.unwrap();
    }
    drop((kv, files));
    let (kv, _files) = open_in(folder.path(), clock.store_clock(), 1_000).unwrap();
    assert_eq!(kv.list(project(1), "a", None, 10).await.unwrap().keys, ["k"]);
}

/// Values that are written together are read together, and never an older one than before.
#[test]
fn reading_and_writing_at_once() {
    const WRITES: i64 = 500;
    let (folder, clock) = (scratch(), TurnedClock::at(START_MS));
    let (kv, _files) = open_in(folder.path(), clock.store_clock(), 1_000).unwrap();
    let write = |number: i64| {
        let both = ["x", "y"].map(|key| set(key, &number.to_string()));
        block_on(kv.write(project(1), "a", both.into())).unwrap();
    };
    let read = || {
        let found = block_on(kv.get(project(1), "a", &["x".to_owned(), "y".to_owned()])).unwrap();
        let values: Vec<i64> = found
            .into_iter()
            .map(|found| std::str::from_utf8(&found.unwrap().value).unwrap().parse().unwrap())
            .collect();
        assert_eq!(values[0], values[1]);
        values[0]
    };
    let read_on = || {
        let mut last = 0;
        while last < WRITES {
            let now = read();
            assert!(now >= last, "{now} after {last}");
            last = now;
        }
    };
    block_on(kv.declare(project(1), &[spec("a")])).unwrap();
    write(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(read_on);
        }
        for number in 1..=WRITES {
            write(number);
            assert_eq!(read(), number, "what was answered is seen");
        }
    });
}

/// Where a project holds more than it may now, what makes it less is done.
#[tokio::test]
async fn a_smaller_limit_keeps_nobody_from_removing() {
    let (folder, clock) = (scratch(), TurnedClock::at(START_MS));
    let (kv, files) = open_in(folder.path(), clock.store_clock(), 100).unwrap();
    kv.declare(project(1), &[spec("a")]).await.unwrap();
    kv.write(project(1), "a", vec![set("a", &"v".repeat(49)), set("b", &"v".repeat(49))]).await.unwrap();
    drop((kv, files));
    let (kv, _files) = open_in(folder.path(), clock.store_clock(), 10).unwrap();
    let more = kv.write(project(1), "a", vec![set("c", "")]).await;
    assert!(matches!(more, Err(StoreError::Full { limit: 10, .. })), "{more:?}");
    kv.write(project(1), "a", vec![set("a", &"w".repeat(49))]).await.unwrap();
    kv.write(project(1), "a", vec![set("a", &"v".repeat(48))]).await.unwrap();
    kv.write(project(1), "a", vec![Write::Delete("b".to_owned())]).await.unwrap();
    kv.write(project(1), "a", vec![Write::Delete("a".to_owned()), set("c", "")]).await.unwrap();
}

/// Nobody is told that there is nothing.
#[tokio::test]
async fn a_damaged_file_is_not_an_empty_one() {
    let (folder, clock) = (scratch(), TurnedClock::at(START_MS));
    let (kv, files) = open_in(folder.path(), clock.store_clock(), 100).unwrap();
    kv.declare(project(1), &[spec("a")]).await.unwrap();
    drop((kv, files));
    let file = folder_of(folder.path(), 1).join("data.db");
    std::fs::write(&file, b"damaged").unwrap();
    let (kv, _files) = open_in(folder.path(), clock.store_clock(), 100).unwrap();
    let told = |error: StoreError| {
        assert!(matches!(&error, StoreError::Unusable(text) if text.contains("data.db")), "{error:?}");
    };
    told(kv.get(project(1), "a", &["k".to_owned()]).await.unwrap_err());
    told(kv.list(project(1), "a", None, 1).await.unwrap_err());
    told(kv.namespaces(project(1)).await.unwrap_err());
    told(kv.write(project(1), "a", vec![set("k", "v")]).await.unwrap_err());
    told(kv.declare(project(1), &[spec("a")]).await.unwrap_err());
    assert_eq!(std::fs::read(&file).unwrap(), b"damaged", "nothing is written");
}

/// A list is on its caller's thread: it passes over few expired values, and the writer removes the others.
#[tokio::test]
async fn a_list_has_expired_values_swept() {
    let (folder, clock) = (scratch(), TurnedClock::at(START_MS));
    let (kv, files) = open_in(folder.path(), clock.store_clock(), 1 << 20).unwrap();
    let short = NamespaceSpec { ttl_ms: Some(1_000), ..spec("a") };
    kv.declare(project(1), &[short, spec("b")]).await.unwrap();
    for chunk in 0..5 {
        let sets = (0..1_000).map(|number| set(&format!("{:04}", chunk * 1_000 + number), ""));
        kv.write(project(1), "a", sets.collect()).await.unwrap();
    }
    clock.turn(1_000);
    let count = async || {
        let sql = "SELECT count(*) FROM kv";
        let count = |connection: &Connection, _| Ok(connection.query_row(sql, [], |row| row.get(0))?);
        files.read(project(1), count).await.unwrap().unwrap()
    };
    assert_eq!(kv.list(project(1), "b", None, 10).await.unwrap(), Page::default());
    assert_eq!(kv.list(project(1), "a", Some("4500"), 10).await.unwrap(), Page::default());
    let there: i64 = count().await;
    assert_eq!(there, 5_000, "few are passed over");
    assert_eq!(kv.list(project(1), "a", None, 10).await.unwrap(), Page::default());
    assert_eq!(count().await, 1_000);
}

/// However many keys there are, each statement finds its rows by an index that has them in order.
#[test]
fn no_statement_scans_or_sorts() {
    let connection = Connection::open_in_memory().unwrap();
    SCHEMA.migrate(&connection).unwrap();
    let statements = [
        read::GET,
        read::FIRST_KEYS,
        read::NEXT_KEYS,
        change::DECLARE,
        change::NAMESPACE,
        change::FIND,
        change::VALUE,
        change::UPDATE,
        change::INSERT,
        change::DELETE,
        change::EXPIRED,
        change::TOTALS,
        change::COUNT,
        change::FREE,
    ];
    for sql in statements {
        let steps = plan(&connection, sql);
        assert!(!steps.is_empty() || sql.starts_with("INSERT"), "{sql}");
        assert!(steps.iter().all(|step| step.starts_with("SEARCH")), "{sql}\n{steps:#?}");
    }
    for (sql, index) in [
        (read::GET, "kv_keys (namespace=? AND key=?)"),
        (read::FIRST_KEYS, "kv_keys (namespace=?)"),
        (read::NEXT_KEYS, "kv_keys (namespace=? AND key>?)"),
        (change::FIND, "kv_keys (namespace=? AND key=?)"),
        (change::EXPIRED, "kv_expiring (expires_ms"),
    ] {
        let steps = plan(&connection, sql);
        assert!(steps.len() == 1 && steps[0].contains(index), "{sql}\n{steps:#?}");
    }
    // A project has few of them.
    assert_eq!(
        plan(&connection, read::NAMESPACES),
        ["SCAN kv_namespaces USING INDEX sqlite_autoindex_kv_namespaces_1"]
    );
}
