//! Bounds of what is kept, beside those that every driver has.

use super::super::*;
use super::{mail, message, project_files, scratch};
use crate::jobs::conformance::{START_MS, TurnedClock};
use crate::jobs::{End, JobId, JobResult, JobState, Purge, Settlement, Suspects, View};
use crate::{DataDir, StoreError, project};

const PROJECT: ProjectId = ProjectId(uuid::Uuid::from_u128(1));

struct Bench {
    _folder: tempfile::TempDir,
    clock: TurnedClock,
    sqlite: Arc<Sqlite>,
    store: JobStore,
}

fn bench(limits: Limits) -> Bench {
    let (folder, clock) = (scratch(), TurnedClock::at(START_MS));
    let data = DataDir::open(folder.path()).unwrap();
    let (files, index) = project_files(&data, clock.store_clock(), project::Limits::default()).unwrap();
    let sqlite = Arc::new(Sqlite { files: Files::new(files, index, limits) });
    let (jobs, queues) = (sqlite.clone(), sqlite.clone());
    let store = JobStore { jobs, queues, schedules: sqlite.clone(), cleanup: sqlite.clone() };
    Bench { _folder: folder, clock, sqlite, store }
}

impl Bench {
    async fn enqueue(&self, job: NewJob) -> Result<JobId> {
        Ok(self.store.jobs.enqueue(PROJECT, vec![job]).await?[0].id())
    }

    /// Claims one message and ends it.
    async fn end(&self, end: End) -> JobId {
        let claim = Claim { lane: mail(), limit: 1, attempts: 1, suspects: Suspects::Leave };
        let lease = self.store.jobs.claim(PROJECT, &claim).await.unwrap().remove(0);
        let settlement = Settlement { lease: lease.to_ref(), end };
        self.store.jobs.settle(PROJECT, vec![settlement]).await.unwrap();
        self.clock.turn(1);
        lease.job.id
    }

    async fn payloads(&self, state: JobState) -> Vec<String> {
        let jobs = self.store.queues.peek(PROJECT, &mail(), state, 100, View::Whole).await.unwrap();
        jobs.iter().map(|job| String::from_utf8_lossy(&job.payload).into_owned()).collect()
    }
}

fn failed() -> End {
    End::Failed { error: "no".to_owned(), delay_ms: None, result: None }
}

fn keyed(body: &str) -> NewJob {
    NewJob { dedupe_key: Some(body.to_owned()), ..message(body) }
}

#[track_caller]
fn full(result: &Result<JobId>, of: &str) {
    assert!(matches!(&result, Err(StoreError::Full { what, .. }) if what.contains(of)), "{result:?}");
}

#[tokio::test]
async fn only_the_newest_dead_are_kept() {
    let bench = bench(Limits { dead: 3, ..Limits::default() });
    for body in ["1", "2", "3", "4", "5"] {
        bench.enqueue(message(body)).await.unwrap();
        bench.end(failed()).await;
    }
    let reaped = bench.store.jobs.reap().await.unwrap();
    assert_eq!(reaped, Reaped { forgotten: 2, ..Reaped::default() });
    assert_eq!(bench.payloads(JobState::Dead).await, ["5", "4", "3"]);
    assert_eq!(bench.store.jobs.reap().await.unwrap(), Reaped::default());
}

#[tokio::test]
async fn keys_of_done_jobs_are_bounded() {
    let bench = bench(Limits { kept: 2, ..Limits::default() });
    for body in ["1", "2"] {
        bench.enqueue(keyed(body)).await.unwrap();
        bench.end(End::Done(None)).await;
    }
    full(&bench.enqueue(keyed("3")).await, "keys of queue `mail`");
    bench.enqueue(keyed("2")).await.expect("a duplicate needs no place");
    bench.enqueue(message("no key")).await.unwrap();
    bench.clock.turn(crate::jobs::DEDUPE_WINDOW_MS);
    bench.store.jobs.reap().await.unwrap();
    bench.enqueue(keyed("3")).await.unwrap();
}

#[tokio::test]
async fn what_a_project_holds_is_bounded() {
    let bench = bench(Limits { bytes: 30, ..Limits::default() });
    let (ten, other) = ("0123456789", "abcdefghij");
    bench.enqueue(message(ten)).await.unwrap();
    let result = JobResult {
        invocation: PROJECT.0,
        status: 200,
        content_type: None,
        body: vec![b'r'; 10],
        cut: false,
    };
    let done = bench.end(End::Done(Some(result))).await;
    bench.enqueue(message(other)).await.unwrap();
    let dead = bench.end(failed()).await;
    // Thirty bytes: what is done makes room, what is dead does not.
    for _ in 0..2 {
        bench.enqueue(message(ten)).await.unwrap();
    }
    let job = bench.store.queues.show(PROJECT, done).await.unwrap().unwrap();
    assert_eq!((job.state, job.payload.len(), job.result), (JobState::Done, 0, None));
    full(&bench.enqueue(message("x")).await, "the project's jobs");
    bench.enqueue(message("")).await.expect("what holds nothing fits");
    bench.store.queues.redrive(PROJECT, &mail(), Some(&[dead])).await.unwrap();
    full(&bench.enqueue(message("x")).await, "the project's jobs");
    assert_eq!(bench.store.queues.purge(PROJECT, &mail(), Purge::Waiting).await.unwrap(), 4);
    for _ in 0..3 {
        bench.enqueue(message(ten)).await.unwrap();
    }
    full(&bench.enqueue(message("x")).await, "the project's jobs");
    // What is counted is what is there.
    let count = |change: &mut change::Change<'_>| {
        let sql = "SELECT (SELECT bytes FROM usage), (SELECT sum(bytes) FROM jobs),
            (SELECT sum(length(payload)) FROM payloads)
                + (SELECT coalesce(sum(length(body)), 0) FROM results)";
        Ok(change.connection.query_row(sql, [], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))?)
    };
    let counted: [i64; 3] = bench.sqlite.files.read(PROJECT, count).await.unwrap().unwrap();
    assert_eq!(counted, [30; 3]);
}

/// A purge stops at the last message that there was when it began: whatever comes later must be later in number.
#[tokio::test]
async fn no_place_is_given_twice() {
    let bench = bench(Limits::default());
    let (jobs, files) = (&*bench.sqlite, &bench.sqlite.files);
    let last = async || {
        let sql = "SELECT max(seq) FROM jobs";
        let read = |change: &mut change::Change<'_>| {
            Ok(change.connection.query_row(sql, [], |row| row.get::<_, i64>(0))?)
        };
        files.read(PROJECT, read).await.unwrap().unwrap()
    };
    let claim = Claim { lane: mail(), limit: 1, attempts: 1, suspects: Suspects::Leave };
    let mut before = 0;
    for round in 0..3 {
        jobs.enqueue(PROJECT, vec![message("a")]).await.unwrap();
        assert!(last().await > before, "round {round}");
        let lease = jobs.claim(PROJECT, &claim).await.unwrap().remove(0);
        let settlement = Settlement { lease: lease.to_ref(), end: failed() };
        jobs.settle(PROJECT, vec![settlement]).await.unwrap();
        let queues: &dyn crate::jobs::Queues = jobs;
        assert_eq!(queues.redrive(PROJECT, &mail(), None).await.unwrap(), 1);
        before = last().await;
        assert_eq!(queues.purge(PROJECT, &mail(), Purge::Waiting).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn heads_come_without_payload_and_result() {
    let bench = bench(Limits::default());
    bench.enqueue(message("body")).await.unwrap();
    let result =
        JobResult { invocation: PROJECT.0, status: 200, content_type: None, body: vec![1], cut: false };
    bench.end(End::Done(Some(result))).await;
    let peek = async |view| {
        bench.store.queues.peek(PROJECT, &mail(), JobState::Done, 9, view).await.unwrap().remove(0)
    };
    let (whole, head) = (peek(View::Whole).await, peek(View::Heads).await);
    assert_eq!((whole.payload.as_ref(), whole.result.is_some()), (b"body".as_slice(), true));
    assert_eq!(head, crate::jobs::Job { payload: bytes::Bytes::new(), result: None, ..whole });
}
