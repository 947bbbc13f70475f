//! How fast the driver is: prints figures, asserts nothing about them.
//!
//! `cargo test -p store --release speed -- --ignored --nocapture --test-threads 1`

#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::future::try_join_all;
use uuid::Uuid;

use super::super::*;
use super::{open, project_files};
use crate::catalog::ProjectId;
use crate::jobs::{Claim, Due, End, Lane, NewJob, Settled, Settlement, Suspects, Trigger};
use crate::{DataDir, project};

const PROJECT: ProjectId = ProjectId(Uuid::from_u128(1));

#[tokio::test]
#[ignore = "prints figures; takes a minute"]
async fn speed() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let data = DataDir::open(folder.path()).unwrap();
    let limits = Limits { waiting: 1_000_000, done: 10_000, ..Limits::default() };
    let store = open(&data, Arc::new(now_ms), limits).unwrap();
    for size in [1, 10, 100, 1_000] {
        enqueue_in_batches(&store, "plain", size, 60_000.min(size * 600), |_| {}).await;
    }
    let keyed = |job: &mut NewJob| {
        let key = Uuid::from_bytes(crate::keys::random().unwrap()).to_string();
        job.dedupe_key = Some(key.clone());
        job.order_key = Some(key);
    };
    enqueue_in_batches(&store, "with keys", 100, 60_000, keyed).await;
    for callers in [1, 32, 256] {
        enqueue_one_at_a_time(&store, callers).await;
    }
    for (size, callers) in [(64, 1), (64, 4), (1, 32)] {
        claim_and_settle(&store, size, callers).await;
    }
    spec_and_due(&store).await;
}

#[tokio::test]
#[ignore = "prints figures; takes a minute"]
async fn speed_of_opening() {
    for (projects, messages) in [(1_000, 0), (1_000, 1)] {
        let folder = tempfile::tempdir_in(".").unwrap();
        let limits = project::Limits { idle_ms: -1, ..project::Limits::default() };
        let opened = || {
            let data = DataDir::open(folder.path()).unwrap();
            let (files, index) = project_files(&data, Arc::new(now_ms), limits).unwrap();
            super::super::open(files, index, Limits::default())
        };
        let store = opened();
        for number in 0..projects {
            let project = ProjectId(Uuid::from_u128(number));
            match messages {
                0 => std::fs::create_dir(folder.path().join("projects").join(project.0.to_string())).unwrap(),
                _ => drop(store.jobs.enqueue(project, vec![message("q"); messages]).await.unwrap()),
            }
            if number % 100 == 99 {
                store.jobs.reap().await.unwrap();
            }
        }
        drop(store);
        let begin = Instant::now();
        let store = opened();
        println!("open with {projects} projects, {messages} messages in each: {:?}", begin.elapsed());
        assert_eq!(store.jobs.due().await.unwrap().len(), usize::try_from(projects).unwrap() * messages);
    }
}

async fn enqueue_in_batches(
    store: &JobStore,
    queue: &str,
    size: usize,
    total: usize,
    change: impl Fn(&mut NewJob),
) {
    let batches: Vec<Vec<NewJob>> = (0..total / size)
        .map(|_| {
            let mut batch = vec![message(queue); size];
            batch.iter_mut().for_each(&change);
            batch
        })
        .collect();
    let begin = Instant::now();
    for batch in batches {
        store.jobs.enqueue(PROJECT, batch).await.unwrap();
    }
    report(&format!("enqueue {queue}, one caller, batches of {size}"), total, begin);
}

async fn enqueue_one_at_a_time(store: &JobStore, callers: usize) {
    let total = 100 * callers.max(32);
    let begin = Instant::now();
    let tasks = (0..callers).map(|_| {
        let jobs = store.jobs.clone();
        tokio::spawn(async move {
            for _ in 0..total / callers {
                jobs.enqueue(PROJECT, vec![message("single")]).await.unwrap();
            }
        })
    });
    try_join_all(tasks).await.unwrap();
    report(&format!("enqueue one at a time, {callers} callers"), total, begin);
}

async fn claim_and_settle(store: &JobStore, size: u32, callers: usize) {
    let queue = format!("work{size}x{callers}");
    let total = if size == 1 { 10_000 } else { 90_000 };
    for _ in 0..total / 1_000 {
        store.jobs.enqueue(PROJECT, vec![message(&queue); 1_000]).await.unwrap();
    }
    let begin = Instant::now();
    let tasks = (0..callers).map(|_| {
        let (jobs, lane) = (store.jobs.clone(), Lane::Queue(queue.clone()));
        tokio::spawn(async move {
            let claim = Claim { lane, limit: size, attempts: 5, suspects: Suspects::Leave };
            loop {
                let leases = jobs.claim(PROJECT, &claim).await.unwrap();
                if leases.is_empty() {
                    return;
                }
                let done = leases.iter().map(|l| Settlement { lease: l.to_ref(), end: End::Done(None) });
                let settled = jobs.settle(PROJECT, done.collect()).await.unwrap();
                assert!(settled.iter().all(|one| *one == Settled::Done));
            }
        })
    });
    try_join_all(tasks).await.unwrap();
    report(&format!("claim and settle, {callers} callers, groups of {size}"), total, begin);
    let begin = Instant::now();
    let reaped = store.jobs.reap().await.unwrap();
    report("forget", usize::try_from(reaped.forgotten).unwrap(), begin);
}

async fn spec_and_due(store: &JobStore) {
    let begin = Instant::now();
    for _ in 0..100_000 {
        assert!(store.queues.spec(PROJECT, "plain").await.unwrap().is_some());
    }
    report("spec", 100_000, begin);
    let begin = Instant::now();
    let mut due: Vec<Due> = Vec::new();
    for _ in 0..10_000 {
        due = store.jobs.due().await.unwrap();
    }
    report(&format!("due, {} lanes", due.len()), 10_000, begin);
    let begin = Instant::now();
    for _ in 0..10 {
        store.queues.list(PROJECT).await.unwrap();
    }
    report("list", 10, begin);
}

fn report(what: &str, count: usize, begin: Instant) {
    let took = begin.elapsed();
    println!("{what}: {:.0}/s ({count} in {took:?})", count as f64 / took.as_secs_f64());
}

fn message(queue: &str) -> NewJob {
    NewJob {
        lane: Lane::Queue(queue.to_owned()),
        trigger: Trigger::Queue,
        payload: Bytes::from_static(&[7; 256]),
        content_type: "application/json".to_owned(),
        delay_ms: 0,
        dedupe_key: None,
        order_key: None,
        expires_after_ms: None,
    }
}

fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}
