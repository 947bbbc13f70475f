//! Uploads that are given up while a part of them comes, and what is left of those before.

use std::time::Duration;

use super::super::{Limits, running};
use super::*;
use crate::buckets::{Attributes, Buckets as _, Condition, Objects as _, Outcome, Rules};
use crate::jobs::conformance::{START_MS, TurnedClock};
use crate::jobs::sqlite::Enqueuer;
use crate::project::tests::{folder_of, project, scratch};
use crate::project::{self, ProjectFiles};
use crate::{DataDir, StoreTimer};

/// A driver whose bucket is open to all, and its parts.
async fn open(folder: &std::path::Path) -> Driver {
    open_with(folder, Limits::default()).await
}

async fn open_with(folder: &std::path::Path, limits: Limits) -> Driver {
    let data = DataDir::open(folder).unwrap();
    let running = running(&data).unwrap();
    let clock = TurnedClock::at(START_MS).store_clock();
    let rows = ProjectFiles::open(&data, clock, project::Limits::default(), vec![running.clone()]).unwrap();
    let enqueuer = Enqueuer::new(Arc::default(), crate::jobs::sqlite::Limits::default());
    let timer: StoreTimer = Arc::new(|| Duration::ZERO);
    let driver = Driver(Arc::new(Local::new(Arc::new(rows), running, enqueuer, timer, limits)));
    driver.declare(project(1), &["a".to_owned()]).await.unwrap();
    let all = Some("true".to_owned());
    let rules = Rules { read: all.clone(), create: all.clone(), update: all.clone(), delete: all };
    driver.set_rules(project(1), &[("a".to_owned(), rules)]).await.unwrap();
    driver
}

async fn begin(driver: &Driver, bytes: u64) -> String {
    try_begin(driver, "k", bytes).await.unwrap()
}

async fn try_begin(driver: &Driver, key: &str, bytes: u64) -> Result<String> {
    let announced = Announced { size: Some(bytes), ..Announced::default() };
    driver.begin(project(1), &Caller::default(), Place { bucket: "a", key }, announced).await
}

async fn put(driver: &Driver, key: &str) {
    let upload = driver.upload(project(1), "a", key, 0).await.unwrap();
    let done = upload.finish(Attributes::default(), Condition::Always).await.unwrap();
    assert!(matches!(done, Outcome::Done(_)), "{done:?}");
}

async fn take(driver: &Driver, id: &str, offset: u64, bytes: &'static [u8]) -> Result<Progress> {
    match driver.go_on(project(1), &Caller::default(), id, offset).await? {
        Joint::Fits(mut part) => {
            part.write(Bytes::from_static(bytes)).await?;
            part.keep().await
        }
        Joint::Elsewhere(received) => panic!("it has {received} bytes, not {offset}"),
    }
}

/// Rows of contents, and bytes that are counted.
async fn known(driver: &Driver) -> (i64, i64) {
    let sql = "SELECT (SELECT count(*) FROM object_contents), (SELECT bytes FROM object_totals)";
    let known =
        |connection: &Connection, _| Ok(connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?);
    driver.0.rows.read(project(1), known).await.unwrap().unwrap()
}

async fn swept(driver: &Driver) {
    while known(driver).await.0 > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_part_of_what_is_given_up_leaves_no_file() {
    let folder = scratch();
    let driver = open(folder.path()).await;
    let (id, nobody) = (begin(&driver, 10).await, Caller::default());
    let content = driver.0.upload_of(project(1), &nobody, &id).await.unwrap().content.unwrap();
    let name = |connection: &Connection| uploads::file(connection, content);
    let (name, _) = driver.0.look(project(1), name).await.unwrap();
    // Between the look at the row and the file.
    driver.give_up(project(1), &nobody, &id).await.unwrap();
    swept(&driver).await;
    let claim = Claim { id: &id, account: None, content, is_new: true };
    let opened = driver.0.open_part(project(1), &name, &claim).await;
    assert!(matches!(opened, Err(StoreError::NotFound { what: "upload" })), "{opened:?}");
    assert!(!folder_of(folder.path(), 1).join("objects").join(&name).exists(), "no row speaks of it");
}

#[tokio::test]
async fn a_part_of_what_is_given_up_takes_nothing_from_the_next() {
    let folder = scratch();
    let driver = open(folder.path()).await;
    let (id, nobody) = (begin(&driver, 4 << 20).await, Caller::default());
    let Joint::Fits(mut part) = driver.go_on(project(1), &nobody, &id, 0).await.unwrap() else {
        panic!("it is empty")
    };
    driver.give_up(project(1), &nobody, &id).await.unwrap();
    swept(&driver).await;
    // Its content has the number that the other one had.
    begin(&driver, 10).await;
    let written = part.write(vec![1; BLOCK_BYTES].into()).await;
    assert!(matches!(written, Err(StoreError::NotFound { what: "upload" })), "{written:?}");
    assert!(part.keep().await.is_err());
    assert_eq!(known(&driver).await, (1, 0), "nothing is reserved for it");
}

/// Two sweeps may find the same content; what the later one forgets is not what has its number by then.
#[tokio::test]
async fn a_sweep_forgets_no_content_that_came_after_it() {
    let folder = scratch();
    let driver = open(folder.path()).await;
    let upload = async || {
        let mut upload = driver.upload(project(1), "a", "k", 0).await.unwrap();
        upload.write(Bytes::from_static(b"it")).await.unwrap();
        upload
    };
    let unused = async || {
        let unused = |connection: &Connection| super::super::read::unused(connection, 10);
        driver.0.look(project(1), unused).await.unwrap()
    };
    let first = upload().await;
    let found = unused().await;
    drop(first);
    swept(&driver).await;
    let second = upload().await;
    let numbers = |all: &[(i64, String)]| all.iter().map(|(number, _)| *number).collect::<Vec<_>>();
    assert_eq!(numbers(&unused().await), numbers(&found), "the number comes again");
    driver.0.change(project(1), Durability::Later, move |change| change.forget(&found)).await.unwrap();
    let done = second.finish(Attributes::default(), Condition::Always).await.unwrap();
    assert!(matches!(done, Outcome::Done(_)), "{done:?}");
}

/// A list that is full refuses uploads before they come, but those that replace.
#[tokio::test]
async fn an_upload_asks_for_its_place_in_the_list_first() {
    let folder = scratch();
    let driver = open_with(folder.path(), Limits { objects: 1, ..Limits::default() }).await;
    let id = begin(&driver, 4).await;
    put(&driver, "other").await;
    let refused = try_begin(&driver, "more", 4).await;
    assert!(matches!(refused, Err(StoreError::Full { limit: 1, .. })), "{refused:?}");
    let replacing = try_begin(&driver, "other", 4).await.unwrap();
    assert!(take(&driver, &replacing, 0, b"abcd").await.unwrap().etag.is_some());
    let last = take(&driver, &id, 0, b"abcd").await;
    assert!(matches!(last, Err(StoreError::Full { limit: 1, .. })), "{last:?}");
    let kept = driver.progress(project(1), &Caller::default(), &id).await.unwrap();
    assert_eq!(kept, Progress { received: 0, total: 4, etag: None });
    driver.delete(project(1), "a", "other", Condition::Always).await.unwrap();
    assert!(take(&driver, &id, 0, b"abcd").await.unwrap().etag.is_some());
}

#[tokio::test]
async fn a_part_that_does_not_come_ends_no_other() {
    let folder = scratch();
    let driver = open_with(folder.path(), Limits { uploads: 1, ..Limits::default() }).await;
    let (id, nobody) = (begin(&driver, 4).await, Caller::default());
    let Joint::Fits(mut part) = driver.go_on(project(1), &nobody, &id, 0).await.unwrap() else {
        panic!("it is empty")
    };
    part.write(Bytes::from_static(b"ab")).await.unwrap();
    let wrong = driver.go_on(project(1), &nobody, &id, 3).await.unwrap();
    assert!(matches!(wrong, Joint::Elsewhere(0)));
    let busy = driver.go_on(project(1), &nobody, &id, 0).await.map(drop);
    assert!(matches!(busy, Err(StoreError::Busy { limit: 1, .. })), "{busy:?}");
    part.write(Bytes::from_static(b"cd")).await.unwrap();
    assert!(part.keep().await.unwrap().etag.is_some());
}
