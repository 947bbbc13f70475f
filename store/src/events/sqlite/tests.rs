//! Who is told of what, and with which words.

use super::*;
use crate::jobs::conformance::{START_MS, TurnedClock};
use crate::project::tests::{project, scratch};
use crate::{DataDir, project};
use uuid::Uuid;

fn function(number: u128) -> FunctionId {
    FunctionId(Uuid::from_u128(number))
}

fn entries() -> DataSource {
    DataSource::Collection("entries".to_owned())
}

fn pictures() -> DataSource {
    DataSource::Bucket("pictures".to_owned())
}

fn files(folder: &std::path::Path) -> Arc<ProjectFiles> {
    let clock = TurnedClock::at(START_MS);
    let data = DataDir::open(folder).unwrap();
    Arc::new(ProjectFiles::open(&data, clock.store_clock(), project::Limits::default(), Vec::new()).unwrap())
}

async fn jobs(
    files: &ProjectFiles,
    source: DataSource,
    tell: impl FnOnce(&mut Listeners) -> Result<()> + Send + 'static,
) -> Vec<NewJob> {
    let change = move |connection: &Connection, _| {
        let mut listeners = Listeners::of(connection, source)?;
        tell(&mut listeners)?;
        Ok(listeners.take_jobs())
    };
    files.write(project(1), Durability::Now, change, |_| ()).await.unwrap()
}

fn subscription(source: DataSource, change: DataChange, number: u128) -> Subscription {
    Subscription { source, change, function: function(number) }
}

#[tokio::test]
async fn subscriptions_are_those_that_were_given_last() {
    let folder = scratch();
    let events = open(files(folder.path()));
    assert_eq!(events.subscriptions(project(1)).await.unwrap(), []);
    events.subscribe(project(1), &[]).await.unwrap();
    let mut first = vec![
        subscription(entries(), DataChange::Insert, 2),
        subscription(entries(), DataChange::Insert, 1),
        subscription(pictures(), DataChange::Put, 1),
    ];
    events.subscribe(project(1), &first).await.unwrap();
    first.sort_unstable();
    assert_eq!(events.subscriptions(project(1)).await.unwrap(), first);
    assert_eq!(events.subscriptions(project(2)).await.unwrap(), []);
    let second = [subscription(pictures(), DataChange::Delete, 3)];
    events.subscribe(project(1), &second).await.unwrap();
    assert_eq!(events.subscriptions(project(1)).await.unwrap(), second);
    events.subscribe(project(1), &[]).await.unwrap();
    assert_eq!(events.subscriptions(project(1)).await.unwrap(), []);
}

#[tokio::test]
async fn each_who_asked_for_it_is_told_of_a_change() {
    let folder = scratch();
    let files = files(folder.path());
    let wanted = [
        subscription(entries(), DataChange::Insert, 1),
        subscription(entries(), DataChange::Insert, 2),
        subscription(entries(), DataChange::Delete, 2),
        subscription(pictures(), DataChange::Put, 1),
    ];
    open(files.clone()).subscribe(project(1), &wanted).await.unwrap();
    let made = jobs(&files, entries(), |listeners| {
        listeners.tell(DataChange::Insert, "a", || Some(serde_json::json!({"_id": "a"})))?;
        listeners.tell(DataChange::Update, "a", || -> Option<()> { panic!("nobody is told") })?;
        listeners.tell(DataChange::Delete, "a", || None::<()>)
    });
    let made = made.await;
    let lanes: Vec<_> = made.iter().map(|job| job.lane.clone()).collect();
    assert_eq!(lanes, [1, 2, 2].map(|number| Lane::Event(function(number))));
    let told: Vec<_> = made.iter().map(|job| std::str::from_utf8(&job.payload).unwrap()).collect();
    let insert = r#"{"collection":"entries","change":"insert","id":"a","document":{"_id":"a"}}"#;
    assert_eq!(told, [insert, insert, r#"{"collection":"entries","change":"delete","id":"a"}"#]);
    assert!(made.iter().all(|job| job.order_key.as_deref() == Some("collection/entries/a")));
    let put = jobs(&files, pictures(), |listeners| {
        listeners.tell(DataChange::Put, "a/b.png", || Some(serde_json::json!({"size": 3})))
    });
    let put = put.await;
    assert_eq!(put[0].payload, r#"{"bucket":"pictures","change":"put","key":"a/b.png","object":{"size":3}}"#);
    let trigger =
        Trigger::Event { source: pictures(), change: DataChange::Put, subject: "a/b.png".to_owned() };
    assert_eq!((put.len(), &put[0].trigger), (1, &trigger));
}

#[tokio::test]
async fn what_is_too_large_is_told_without_details_and_long_keys_are_digests() {
    let folder = scratch();
    let files = files(folder.path());
    let wanted = [subscription(pictures(), DataChange::Put, 1)];
    open(files.clone()).subscribe(project(1), &wanted).await.unwrap();
    let (large, key) = ("x".repeat(MAX_PAYLOAD_BYTES), "k".repeat(1_000));
    let made =
        jobs(&files, pictures(), move |listeners| listeners.tell(DataChange::Put, &key, || Some(large)));
    let made = made.await;
    assert!(made[0].payload.len() < 2_000 && !made[0].payload.windows(6).any(|part| part == b"object"));
    assert!(made[0].order_key.as_ref().is_some_and(|key| key.len() <= MAX_KEY_BYTES));
}
