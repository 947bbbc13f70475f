//! What is particular to buckets on the local disk, and the conformance suite run on them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::*;
use crate::StoreClock;
use crate::buckets::conformance::{self, Opened, Wanted};
use crate::buckets::{BLOCK_BYTES, Listed};
use crate::jobs::conformance::{START_MS, TurnedClock};
use crate::project::tests::{copy, folder_of, project, scratch};
use crate::project::{self, SCHEMA};
use crate::sqlite::plan;

mod lists;
mod ruled;

/// The driver over the data in a folder.
struct Opens {
    objects: Arc<dyn Objects>,
    rows: Arc<ProjectFiles>,
}

fn enqueuer() -> Enqueuer {
    Enqueuer::new(Arc::default(), crate::jobs::sqlite::Limits::default())
}

fn stands_still() -> StoreTimer {
    Arc::new(|| std::time::Duration::ZERO)
}

fn open_in(folder: &Path, clock: StoreClock, bytes: i64) -> Result<(Opened, Arc<ProjectFiles>)> {
    let data = DataDir::open(folder)?;
    let running = running(&data)?;
    let rows = ProjectFiles::open(&data, clock, project::Limits::default(), vec![running.clone()])?;
    let rows = Arc::new(rows);
    let store =
        open(rows.clone(), running, enqueuer(), stands_still(), Limits { bytes, ..Limits::default() });
    Ok(((store.buckets, store.objects, store.ruled, store.parted), rows))
}

async fn opened(folder: &Path) -> Opens {
    let ((buckets, objects, ..), rows) =
        open_in(folder, TurnedClock::at(START_MS).store_clock(), 1 << 30).unwrap();
    buckets.declare(project(1), &["a".to_owned()]).await.unwrap();
    Opens { objects, rows }
}

/// A sweep removes a folder that is empty, whoever is about to write into it.
#[test]
fn the_folder_may_go_at_any_moment() {
    const ROUNDS: usize = 300;
    let scratch = scratch();
    let data = DataDir::open(scratch.path()).unwrap();
    let files = files::Files::open(&data).unwrap();
    let folder = scratch.path().join("projects").join(project(1).0.to_string()).join("objects");
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let put = |writer: usize| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for round in 0..ROUNDS {
            let name = format!("{writer}-{round}");
            runtime.block_on(files.put(project(1), &name, Bytes::from_static(b"it"))).unwrap();
            std::fs::remove_file(folder.join(name)).unwrap();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                // Most of the time it is not empty, or not there.
                let _ = std::fs::remove_dir(&folder);
                // A sweep comes now and then: one that never rests would win every race on a busy machine.
                std::thread::sleep(std::time::Duration::from_micros(50));
            }
        });
        let writers = [scope.spawn(|| put(1)), scope.spawn(|| put(2))];
        let ended = writers.map(std::thread::ScopedJoinHandle::join);
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(ended.iter().all(|ended| ended.is_ok()), "a put failed");
    });
}

impl Opens {
    async fn put(&self, key: &str, bytes: Vec<u8>) -> Info {
        let mut upload = self.objects.upload(project(1), "a", key, 0).await.unwrap();
        upload.write(bytes.into()).await.unwrap();
        match upload.finish(Attributes::default(), Condition::Always).await.unwrap() {
            Outcome::Done(info) => info,
            other => panic!("{other:?}"),
        }
    }

    async fn get(&self, key: &str) -> Result<Vec<u8>> {
        let mut found = self.objects.get(project(1), "a", key).await?.unwrap();
        let mut all = Vec::new();
        loop {
            let chunk = found.content.read(all.len() as u64, usize::MAX).await?;
            if chunk.is_empty() {
                return Ok(all);
            }
            all.extend_from_slice(&chunk);
        }
    }

    async fn list(&self) -> Vec<Listed> {
        self.objects.list(project(1), "a", "", None, 1_000).await.unwrap().objects
    }

    /// Contents that the rows know of, and bytes that are counted.
    async fn known(&self) -> (i64, i64) {
        let sql = "SELECT (SELECT count(*) FROM object_contents), (SELECT bytes FROM object_totals)";
        let known = |connection: &Connection, _| {
            Ok(connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
        };
        self.rows.read(project(1), known).await.unwrap().unwrap()
    }

    /// Waits until so many contents are left, in rows and files.
    async fn settles_at(&self, folder: &Path, count: usize) {
        for _ in 0..2_000 {
            if contents(folder).len() == count && self.known().await.0 == stored(count as u64) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        panic!("{:?} are left, {count} must be", contents(folder));
    }
}

/// The files of project 1's objects.
fn contents(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder_of(folder, 1).join("objects")) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
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

/// Whatever a key is, the only names on the disk are those that chance has given.
#[tokio::test]
async fn c6_no_key_becomes_a_path() {
    let folder = scratch();
    let store = opened(folder.path()).await;
    let keys = conformance::odd_keys();
    for key in &keys {
        store.put(key, key.clone().into_bytes()).await;
    }
    let files = contents(folder.path());
    assert_eq!(files.len(), keys.len());
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let mut there = crate::project::tests::files_of(folder.path(), 1);
    there.retain(|name| !name.starts_with("data."));
    assert_eq!(there, ["objects"]);
    for key in &keys {
        assert_eq!(store.get(key).await.unwrap(), key.as_bytes(), "{key:?}");
    }
}

#[tokio::test]
async fn what_is_replaced_or_deleted_or_given_up_leaves_the_disk() {
    let folder = scratch();
    let store = opened(folder.path()).await;
    for size in [10, 2 * BLOCK_BYTES, 20] {
        store.put("k", vec![1; size]).await;
    }
    store.settles_at(folder.path(), 1).await;
    store.put("l", vec![2; BLOCK_BYTES + 1]).await;
    let mut given_up = store.objects.upload(project(1), "a", "m", 5_000).await.unwrap();
    given_up.write(vec![3; 3 * BLOCK_BYTES].into()).await.unwrap();
    assert_eq!(contents(folder.path()).len(), 3);
    drop(given_up);
    store.settles_at(folder.path(), 2).await;
    for key in ["k", "l"] {
        store.objects.delete(project(1), "a", key, Condition::Always).await.unwrap();
    }
    store.settles_at(folder.path(), 0).await;
    assert_eq!(store.known().await, (0, 0), "nothing is counted that is not there");
}

/// What two objects share stays until the second one is gone.
#[tokio::test]
async fn a_copy_has_no_file_of_its_own() {
    let folder = scratch();
    let store = opened(folder.path()).await;
    store.put("k", vec![1; 100]).await;
    let (from, to) = (Place { bucket: "a", key: "k" }, Place { bucket: "a", key: "l" });
    store.objects.copy(project(1), from, to, None, Condition::Always).await.unwrap();
    assert_eq!(contents(folder.path()).len(), 1);
    store.put("k", vec![2; 100]).await;
    store.settles_at(folder.path(), 2).await;
    assert_eq!(store.get("l").await.unwrap(), [1; 100]);
    store.objects.delete(project(1), "a", "l", Condition::Always).await.unwrap();
    store.settles_at(folder.path(), 1).await;
    assert_eq!(store.get("k").await.unwrap(), [2; 100]);
}

/// Killed in the middle of uploads, and between a change and the deletion of what it replaced.
#[tokio::test]
async fn a_killed_server_leaves_whole_objects_and_nothing_else() {
    let (folder, killed) = (scratch(), scratch());
    let store = opened(folder.path()).await;
    store.put("k", vec![1; 10]).await;
    store.put("l", vec![2; 2 * BLOCK_BYTES]).await;
    let mut first = store.objects.upload(project(1), "a", "k", 0).await.unwrap();
    first.write(vec![3; 3 * BLOCK_BYTES].into()).await.unwrap();
    let mut second = store.objects.upload(project(1), "a", "m", 1 << 20).await.unwrap();
    second.write(vec![4; 10].into()).await.unwrap();
    // A content that was replaced, and not deleted before the end.
    let left = folder_of(folder.path(), 1).join("objects").join("f".repeat(32));
    std::fs::write(&left, b"left").unwrap();
    let row = "INSERT INTO object_contents (file, uses, reserved, blocks) VALUES (?1, 0, 0, x'')";
    let insert = move |connection: &Connection, _| Ok(connection.execute(row, ["f".repeat(32)])?);
    store.rows.write(project(1), Durability::Now, insert, |_| {}).await.unwrap();
    copy(folder.path(), killed.path());
    assert_eq!(contents(killed.path()).len(), 4, "two objects, an upload's file and what was left");

    let again = opened(killed.path()).await;
    again.settles_at(killed.path(), 2).await;
    assert_eq!(again.list().await.len(), 2);
    assert_eq!(again.get("k").await.unwrap(), [1; 10]);
    assert_eq!(again.get("l").await.unwrap(), [2; 2 * BLOCK_BYTES]);
    assert_eq!(again.known().await.1, (10 + 2 * BLOCK_BYTES + 2 * 3) as i64, "nothing is reserved any more");
    // The one that lives goes on.
    first.finish(Attributes::default(), Condition::Always).await.unwrap();
    assert_eq!(store.get("k").await.unwrap(), [3; 3 * BLOCK_BYTES]);
}

#[tokio::test]
async fn damage_is_told_and_never_handed_out() {
    let folder = scratch();
    let store = opened(folder.path()).await;
    let bytes: Vec<u8> = (0..3 * BLOCK_BYTES).map(|place| (place % 251) as u8).collect();
    store.put("k", bytes.clone()).await;
    let file = contents(folder.path()).remove(0);
    let mut changed = bytes.clone();
    changed[BLOCK_BYTES + 7] ^= 1;
    std::fs::write(&file, &changed).unwrap();
    assert!(matches!(store.get("k").await, Err(StoreError::Damaged(_))));
    // A range of a whole block is served, and nothing of the one that is damaged.
    let mut content = store.objects.get(project(1), "a", "k").await.unwrap().unwrap().content;
    assert_eq!(content.read(2 * BLOCK_BYTES as u64, 10).await.unwrap(), bytes[2 * BLOCK_BYTES..][..10]);
    let far = 2 * BLOCK_BYTES as u64 - 10;
    assert!(matches!(content.read(far, 5).await, Err(StoreError::Damaged(_))));
    assert_eq!(content.read(10, 10).await.unwrap(), bytes[10..20]);
    std::fs::write(&file, &bytes[..2 * BLOCK_BYTES + 1]).unwrap();
    assert!(matches!(store.get("k").await, Err(StoreError::Damaged(_))));
    std::fs::remove_file(&file).unwrap();
    let missing = store.objects.get(project(1), "a", "k").await.map(drop);
    assert!(matches!(missing, Err(StoreError::Damaged(_))), "{missing:?}");
    // Who puts it again repairs it.
    store.put("k", bytes.clone()).await;
    assert_eq!(store.get("k").await.unwrap(), bytes);
}

/// A call that was given up may have written half of what it was given.
#[tokio::test]
async fn an_upload_that_was_torn_is_never_an_object() {
    let folder = scratch();
    let store = opened(folder.path()).await;
    let mut upload = store.objects.upload(project(1), "a", "k", 0).await.unwrap();
    {
        let mut write = std::pin::pin!(upload.write(vec![1; 4 * BLOCK_BYTES].into()));
        assert!(futures_util::poll!(&mut write).is_pending());
    }
    assert!(upload.write(Bytes::from_static(b"more")).await.is_err());
    assert!(upload.finish(Attributes::default(), Condition::Always).await.is_err());
    store.settles_at(folder.path(), 0).await;
    assert_eq!(store.list().await, []);
}

/// Whoever puts goes away between the file and the row: it is done or not, and nothing is lost or left.
#[tokio::test]
async fn a_caller_that_goes_away_leaves_an_object_or_nothing() {
    let folder = scratch();
    let store = opened(folder.path()).await;
    for polls in 0..4 {
        let mut upload = store.objects.upload(project(1), "a", "k", 0).await.unwrap();
        upload.write(vec![polls; 100].into()).await.unwrap();
        let mut finish = upload.finish(Attributes::default(), Condition::Always);
        for _ in 0..polls {
            if futures_util::poll!(&mut finish).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let count = store.list().await.len();
    store.settles_at(folder.path(), count).await;
    if count == 1 {
        assert_eq!(store.get("k").await.unwrap().len(), 100);
    }
}

#[tokio::test]
async fn a_project_that_is_deleted_takes_its_contents_along() {
    let folder = scratch();
    let store = opened(folder.path()).await;
    store.put("k", vec![1; 100]).await;
    let mut upload = store.objects.upload(project(1), "a", "l", 0).await.unwrap();
    upload.write(vec![2; 100].into()).await.unwrap();
    let mut reading = store.objects.get(project(1), "a", "k").await.unwrap().unwrap().content;
    store.rows.forget(project(1)).await.unwrap();
    assert!(!folder_of(folder.path(), 1).exists());
    assert_eq!(reading.read(0, 10).await.unwrap(), [1; 10][..]);
    let ended = upload.finish(Attributes::default(), Condition::Always).await;
    assert!(matches!(ended, Err(StoreError::NotFound { .. })), "{ended:?}");
    assert!(!folder_of(folder.path(), 1).exists(), "nothing comes back");
    assert!(store.objects.head(project(1), "a", "k").await.is_err());
}

/// What was reserved is written without asking for more: an upload may begin its file after its project is gone.
#[tokio::test]
async fn an_upload_that_outlives_its_project_leaves_nothing() {
    for (reserved, finishes) in [(3 * BLOCK_BYTES, false), (BLOCK_BYTES, true)] {
        let folder = scratch();
        let store = opened(folder.path()).await;
        let mut upload = store.objects.upload(project(1), "a", "l", reserved as u64).await.unwrap();
        store.rows.forget(project(1)).await.unwrap();
        upload.write(vec![2; BLOCK_BYTES + 100].into()).await.unwrap();
        assert_eq!(contents(folder.path()).len(), 1, "its file was begun");
        match finishes {
            true => {
                let ended = upload.finish(Attributes::default(), Condition::Always).await;
                assert!(matches!(ended, Err(StoreError::NotFound { .. })), "{ended:?}");
            }
            false => drop(upload),
        }
        let mut waits = 0;
        while folder_of(folder.path(), 1).exists() {
            assert!(waits < 1_000, "{:?} are left", contents(folder.path()));
            waits += 1;
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test]
async fn an_object_holds_to_its_largest_size_exactly() {
    let folder = scratch();
    let data = DataDir::open(folder.path()).unwrap();
    let running = running(&data).unwrap();
    let clock = TurnedClock::at(START_MS).store_clock();
    let accounts: Vec<Arc<dyn crate::project::Account>> = vec![running.clone()];
    let rows = Arc::new(ProjectFiles::open(&data, clock, project::Limits::default(), accounts).unwrap());
    let limits = Limits { object_bytes: 1_000, ..Limits::default() };
    let BucketStore { buckets, objects, .. } = open(rows, running, enqueuer(), stands_still(), limits);
    buckets.declare(project(1), &["a".to_owned()]).await.unwrap();
    for (size, fits) in [(999, true), (1_000, true), (1_001, false)] {
        let mut upload = objects.upload(project(1), "a", "k", 0).await.unwrap();
        let written = upload.write(vec![0; size].into()).await;
        assert_eq!(written.is_ok(), fits, "{size}");
    }
}

/// However many objects there are, each statement finds its rows by an index that has them in order.
#[test]
fn no_statement_scans_or_sorts() {
    let connection = Connection::open_in_memory().unwrap();
    SCHEMA.migrate(&connection).unwrap();
    let statements = [
        read::HEAD,
        read::CONTENT,
        read::FROM,
        read::BEHIND,
        change::BUCKET,
        change::FIND,
        change::DELETE,
        change::RESERVED,
        change::RESERVE,
        change::SETTLE,
        change::USE,
        change::FORGET,
        change::TOTALS,
        change::COUNT,
        uploads::ONE,
        uploads::FILE,
        uploads::CLAIM,
        uploads::IS_NAMELESS,
        uploads::RESERVED_FOR_NAMELESS,
        uploads::KEEP,
        uploads::COMPLETE,
        uploads::GIVE_UP,
        uploads::OF_ACCOUNT,
        uploads::OF_NAMELESS,
        uploads::SOME_EXPIRED,
        uploads::EXPIRED,
        uploads::EXPIRE,
    ];
    for sql in statements {
        let steps = plan(&connection, sql);
        assert!(!steps.is_empty(), "{sql}");
        assert!(steps.iter().all(|step| step.starts_with("SEARCH")), "{sql}\n{steps:#?}");
    }
    for (sql, index) in [
        (read::HEAD, "objects_keys (bucket=? AND key=?)"),
        (read::FROM, "objects_keys (bucket=? AND key>?)"),
        (read::BEHIND, "objects_keys (bucket=? AND key>?)"),
        (change::FIND, "objects_keys (bucket=? AND key=?)"),
        (read::OWN_FROM, "objects_owners (bucket=? AND owner=? AND key>?)"),
        (read::OWN_BEHIND, "objects_owners (bucket=? AND owner=? AND key>?)"),
        (read::RULES, "sqlite_autoindex_buckets_1 (name=?)"),
    ] {
        let steps = plan(&connection, sql);
        assert!(steps.len() == 1 && steps[0].contains(index), "{sql}\n{steps:#?}");
    }
    for (sql, index) in [
        (uploads::FORGET_OWN, "object_uploads_own_finished (account=?)"),
        (uploads::FORGET_ENDED, "object_uploads_finished"),
    ] {
        let steps = plan(&connection, sql).join("\n");
        assert!(steps.contains(index) && !steps.contains("TEMP B-TREE"), "{sql}\n{steps}");
    }
    let unused = plan(&connection, read::UNUSED).join("\n");
    for index in ["object_contents_unused (uses=?)", "object_uploads_contents (content=?)"] {
        assert!(unused.contains(index) && !unused.contains("SCAN object"), "{unused}");
    }
}
