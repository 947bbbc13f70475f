//! Lists of callers from outside that look at much: how many at once, and for how long.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::buckets::RuledObjects as _;
use crate::buckets::local::ruled::LISTS;
use crate::documents::Caller;
use crate::project::Aside;

/// More than a list looks at before it asks how late it is.
const MANY: i64 = 5_000;
const MOMENT: Duration = Duration::from_millis(1);

/// A driver whose bucket has many objects that nobody sees.
async fn hidden(folder: &Path, timer: StoreTimer) -> Driver {
    let data = DataDir::open(folder).unwrap();
    let running = running(&data).unwrap();
    let clock = TurnedClock::at(START_MS).store_clock();
    let rows = ProjectFiles::open(&data, clock, project::Limits::default(), vec![running.clone()]).unwrap();
    let local = Local::new(Arc::new(rows), running, enqueuer(), timer, Limits::default());
    let driver = Driver(Arc::new(local));
    driver.declare(project(1), &["a".to_owned()]).await.unwrap();
    let rules = Rules { read: Some("metadata.open == 'yes'".to_owned()), ..Rules::default() };
    driver.set_rules(project(1), &[("a".to_owned(), rules)]).await.unwrap();
    let fill = |connection: &Connection, _| {
        let sql = "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?1)
            INSERT INTO objects (bucket, key, content, size, etag, written_ms, content_type, metadata)
            SELECT 1, 'k' || n, n, 1, ?2, 0, '', '{}' FROM number";
        Ok(connection.execute(sql, (MANY, "0".repeat(64)))?)
    };
    driver.0.rows.write(project(1), Durability::Now, fill, |_| {}).await.unwrap();
    driver
}

async fn list(driver: &Driver) -> Result<Page> {
    let wanted = crate::buckets::Wanted { prefix: "", after: None, limit: 10 };
    driver.list_as(project(1), &Caller::default(), "a", wanted).await
}

async fn all_places(driver: &Driver) -> Vec<Aside> {
    let mut places = Vec::new();
    for _ in 0..LISTS {
        places.push(driver.0.lists.take(project(1), Duration::from_secs(60)).await.unwrap());
    }
    places
}

/// The clock may be set; the timer goes on.
#[tokio::test]
async fn c5_a_list_ends_by_a_timer() {
    let folder = scratch();
    let (time, step) = (AtomicU64::new(0), Arc::new(AtomicU64::new(600)));
    let steps = step.clone();
    let tick = move || time.fetch_add(steps.load(Ordering::Relaxed), Ordering::Relaxed);
    let driver = hidden(folder.path(), Arc::new(move || Duration::from_millis(tick()))).await;
    let slow = list(&driver).await;
    assert!(matches!(slow, Err(StoreError::Slow { .. })), "{slow:?}");
    step.store(100, Ordering::Relaxed);
    assert_eq!(list(&driver).await.unwrap(), Page::default());
}

#[tokio::test]
async fn c5_lists_of_a_project_wait_for_each_other() {
    let folder = scratch();
    let driver = hidden(folder.path(), stands_still()).await;
    let mut places = all_places(&driver).await;
    tokio::time::pause();
    let busy = list(&driver).await;
    assert!(matches!(busy, Err(StoreError::Busy { limit: 4, .. })), "{busy:?}");
    assert!(driver.0.lists.take(project(2), Duration::ZERO).await.is_some(), "others have their own");
    places.pop();
    assert_eq!(list(&driver).await.unwrap(), Page::default());
}

#[tokio::test]
async fn c5_a_list_has_its_place_to_its_end() {
    let folder = scratch();
    let (looks, is_open) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (looking, open) = (looks.clone(), is_open.clone());
    let timer = move || {
        looking.store(true, Ordering::Relaxed);
        while !open.load(Ordering::Relaxed) {
            std::thread::sleep(MOMENT);
        }
        Duration::ZERO
    };
    let driver = hidden(folder.path(), Arc::new(timer)).await;
    {
        let mut asked = std::pin::pin!(list(&driver));
        while !looks.load(Ordering::Relaxed) {
            assert!(futures_util::poll!(&mut asked).is_pending());
            tokio::time::sleep(MOMENT).await;
        }
    }
    let mut places = Vec::new();
    while let Some(place) = driver.0.lists.take(project(1), Duration::ZERO).await {
        places.push(place);
    }
    assert_eq!(places.len(), LISTS - 1, "whoever asked went away, and it looks on");
    is_open.store(true, Ordering::Relaxed);
    drop(places);
    assert_eq!(all_places(&driver).await.len(), LISTS);
}
