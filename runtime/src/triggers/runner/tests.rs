//! The runner over the real store, with a door that does what it is told and a clock that is turned by hand.

mod faults;

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::join_all;
use store::catalog::{Export, FunctionId, Missed, Overlap, ProjectId};
use store::jobs::{
    Due, Enqueued, Extended, JobId, JobState, LeaseRef, NewJob, Reaped, Settled, Settlement, Trigger,
};
use tokio::sync::Notify;
use uuid::Uuid;

use super::*;
use crate::dispatch::{FailedMessage, Failure, Reply};
use crate::telemetry::OutcomeCode;
use crate::triggers::stage::{Script, Stage, Told, answer, consumer, live, message, scheduled, trap, until};

const QUARTER_HOUR_MS: i64 = 15 * 60_000;

fn texts(count: usize) -> Vec<NewJob> {
    (0..count).map(|number| message(&number.to_string())).collect()
}

/// A handler that processes everything, and takes that long.
fn takes(ms: u64) -> Arc<Script> {
    Script::new(move |_| async move {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        Ok(Reply::Queued(Ok(Vec::new())))
    })
}

/// A handler that never ends.
fn hangs() -> Arc<Script> {
    Script::new(|_| std::future::pending())
}

async fn is_told(door: &Script, messages: usize) {
    let told = || async { door.told().iter().map(|told| told.texts.len()).sum::<usize>() >= messages };
    assert!(until(told).await, "{:?}", door.told());
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_delivered_in_batches_within_the_concurrency() {
    let stage = Stage::new(vec![consumer(1, 10, 3)]);
    let door = takes(5);
    let service = stage.run(door.clone());
    let ids = stage.send(1, texts(500)).await;
    let jobs = stage.until(1, &ids, JobState::Done).await;
    assert!(jobs.iter().all(|job| (job.starts, job.failures, job.crashes) == (1, 0, 0)));
    let told = door.told();
    assert!(told.iter().all(|told| told.texts.len() <= 10));
    assert!(told.len() < 200, "{} deliveries of 500 messages", told.len());
    assert_eq!(door.peak(1), 3);
    let delivered: HashSet<String> = told.into_iter().flat_map(|told| told.ids).collect();
    assert_eq!(delivered.len(), 500);
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_delivered_soon_after_it_was_sent() {
    let stage = Stage::new(vec![consumer(1, 10, 4)]);
    let door = takes(0);
    let service = stage.run(door.clone());
    let mut waits = Vec::new();
    for number in 0..50 {
        let sent_ms = Clock::system().now_ms();
        stage.send(1, texts(1)).await;
        is_told(&door, number + 1).await;
        waits.push(door.told()[number].at_ms - sent_ms);
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    waits.sort();
    // Far above what is promised of a release build, far below the second of the safety net.
    assert!(waits[45] < 250, "{waits:?}");
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_with_little_to_do_does_not_wait_for_one_with_much() {
    let stage = Stage::new(vec![consumer(1, 1, 100), consumer(2, 1, 100)]);
    let door = takes(5);
    let service = stage.run_with(door.clone(), 4, Duration::from_secs(20));
    let many = stage.send(1, texts(600)).await;
    is_told(&door, 20).await;
    let few = stage.send(2, texts(10)).await;
    stage.until(2, &few, JobState::Done).await;
    let before = door.told().iter().filter(|told| told.project == 1).count();
    assert!(before < 300, "{before} messages of the other project came first");
    assert!(door.peak(1) <= 2, "one project has half of the places");
    stage.until(1, &many, JobState::Done).await;
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_keeps_failing_ends_dead_after_its_attempts() {
    let stage = Stage::new(vec![consumer(1, 10, 4)]);
    let door = Script::new(|told: &Told| {
        let named = told.ids.iter().zip(&told.texts).filter(|(_, text)| *text == "bad");
        let named = named.map(|(id, _)| FailedMessage {
            id: id.clone(),
            reason: "not today".to_owned(),
            retry_after_ms: None,
        });
        let named = named.collect();
        async { Ok(Reply::Queued(Ok(named))) }
    });
    let service = stage.run(door.clone());
    let ids = stage.send(1, vec![message("bad"), message("good")]).await;
    stage.until(1, &ids[1..], JobState::Done).await;
    for failures in 1..=5 {
        let failed = || async { stage.show(1, ids[0]).await.failures == failures };
        assert!(until(failed).await, "{:?}", stage.show(1, ids[0]).await);
        stage.turn_by(QUARTER_HOUR_MS);
    }
    let dead = stage.show(1, ids[0]).await;
    assert_eq!((dead.state, dead.starts, dead.crashes), (JobState::Dead, 5, 0));
    assert_eq!(dead.last_error.as_deref(), Some("handler: not today"));
    assert_eq!(stage.show(1, ids[1]).await.starts, 1);
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_traps_is_halved_until_one_message_stands_alone() {
    let stage = Stage::new(vec![consumer(1, 10, 2)]);
    let door = Script::new(|told: &Told| {
        let poisoned = told.texts.iter().any(|text| text == "7");
        async move { if poisoned { Err(trap()) } else { Ok(Reply::Queued(Ok(Vec::new()))) } }
    });
    let ids = stage.send(1, texts(10)).await;
    let service = stage.run(door.clone());
    let poison = ids[7];
    let others: Vec<JobId> = ids.iter().copied().filter(|id| *id != poison).collect();
    let failed = || async {
        // Halves come again after a while; alone the message fails and backs off.
        stage.turn_by(5_000);
        stage.show(1, poison).await.failures >= 1
    };
    assert!(until(failed).await, "{:?}", stage.show(1, poison).await);
    let done = stage.until(1, &others, JobState::Done).await;
    assert!(done.iter().all(|job| (job.failures, job.crashes) == (0, 0)), "{done:?}");
    let sizes: Vec<usize> = door
        .told()
        .iter()
        .filter(|told| told.texts.iter().any(|text| text == "7"))
        .map(|told| told.texts.len())
        .collect();
    assert_eq!(sizes.first(), Some(&10));
    assert!(sizes.is_sorted_by(|a, b| a >= b) && sizes.contains(&1), "{sizes:?}");
    while let failures @ ..5 = stage.show(1, poison).await.failures {
        stage.turn_by(QUARTER_HOUR_MS);
        let again = || async { stage.show(1, poison).await.failures > failures };
        assert!(until(again).await, "{:?}", stage.show(1, poison).await);
    }
    let dead = stage.until(1, &[poison], JobState::Dead).await;
    assert_eq!((dead[0].failures, dead[0].last_error.as_deref()), (5, Some("trap: unreachable")));
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_one_order_key_come_one_after_the_other() {
    let stage = Stage::new(vec![consumer(1, 10, 8)]);
    let inside: Arc<Mutex<HashSet<String>>> = Arc::default();
    let together = Arc::new(AtomicBool::new(false));
    let (keys, met) = (inside.clone(), together.clone());
    let door = Script::new(move |told: &Told| {
        let (keys, met) = (keys.clone(), met.clone());
        let own: Vec<String> = told.texts.iter().map(|text| text[..1].to_owned()).collect();
        async move {
            for key in &own {
                if !keys.lock().unwrap().insert(key.clone()) {
                    met.store(true, SeqCst);
                }
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
            keys.lock().unwrap().retain(|key| !own.contains(key));
            Ok(Reply::Queued(Ok(Vec::new())))
        }
    });
    let service = stage.run(door.clone());
    let mut ids = Vec::new();
    for number in 10..30 {
        let jobs = ["a", "b", "c"]
            .map(|key| NewJob { order_key: Some(key.to_owned()), ..message(&format!("{key}{number}")) });
        ids.extend(stage.send(1, jobs.to_vec()).await);
    }
    stage.until(1, &ids, JobState::Done).await;
    assert!(!together.load(SeqCst), "two of one key were in flight together");
    let told: Vec<String> = door.told().into_iter().flat_map(|told| told.texts).collect();
    assert_eq!(told.len(), 60);
    for key in ["a", "b", "c"] {
        let own: Vec<&String> = told.iter().filter(|text| text.starts_with(key)).collect();
        assert!(own.is_sorted(), "{own:?}");
    }
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_lets_jobs_end_and_gives_back_those_that_do_not() {
    let stage = Stage::new(vec![consumer(1, 1, 2)]);
    let door = takes(300);
    let service = stage.run(door.clone());
    let ids = stage.send(1, texts(2)).await;
    is_told(&door, 2).await;
    service.end().await;
    for id in ids {
        assert_eq!(stage.show(1, id).await.state, JobState::Done);
    }

    // After four have failed together, two run and two wait for the only place, with their leases held.
    stage.deploy(vec![consumer(1, 4, 1)]);
    let door = Script::new(|told: &Told| {
        let many = told.texts.len();
        async move { if many == 4 { Err(trap()) } else { std::future::pending().await } }
    });
    let ids = stage.send(1, texts(4)).await;
    let service = stage.run_with(door.clone(), 100, Duration::from_millis(100));
    is_told(&door, 4).await;
    let again = || async {
        stage.turn_by(1_000);
        door.told().len() == 2 && stage.show(1, ids[0]).await.starts == 2
    };
    assert!(until(again).await);
    let held = join_all(ids.iter().map(|id| stage.show(1, *id))).await;
    assert!(held.iter().all(|job| job.state == JobState::Running), "{held:?}");
    service.end().await;
    assert_eq!((door.running(), door.told().len()), (0, 2));
    for id in ids {
        let job = stage.show(1, id).await;
        assert_eq!((job.state, job.failures, job.crashes), (JobState::Pending, 0, 0), "{job:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_drain_at_once() {
    let stage = Stage::new(vec![consumer(1, 1, 2)]);
    let door = hangs();
    let service = stage.run_with(door.clone(), 100, Duration::from_secs(3_600));
    let ids = stage.send(1, texts(1)).await;
    is_told(&door, 1).await;
    service.stop.send_replace(true);
    service.triggers.cut();
    service.end().await;
    assert_eq!(stage.show(1, ids[0]).await.state, JobState::Pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_of_the_wall_clock_is_no_crash() {
    let mut stage = Stage::new(vec![consumer(1, 1, 4)]);
    let counted = Counted::new(&stage, 0);
    stage.jobs = Some(counted.clone());
    let go = Arc::new(Notify::new());
    let gate = go.clone();
    let door = Script::new(move |_| {
        let gate = gate.clone();
        async move {
            gate.notified().await;
            Ok(Reply::Queued(Ok(Vec::new())))
        }
    });
    let service = stage.run(door.clone());
    let ids = stage.send(1, texts(1)).await;
    is_told(&door, 1).await;
    for _ in 0..5 {
        counted.until_reaped(&stage, 3_600_000).await;
    }
    go.notify_one();
    let done = stage.until(1, &ids, JobState::Done).await;
    assert_eq!((done[0].starts, done[0].crashes), (1, 0));
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_killed_runner_are_taken_over_when_their_leases_lapse() {
    let mut stage = Stage::new(vec![consumer(1, 1, 4)]);
    let counted = Counted::new(&stage, 0);
    stage.jobs = Some(counted.clone());
    let (lost, taking_over) = (hangs(), takes(0));
    let first = stage.run(lost.clone());
    let ids = stage.send(1, texts(3)).await;
    is_told(&lost, 3).await;
    let second = stage.run(taking_over.clone());
    first.kill().await;
    // Extended by nobody, held for a while yet.
    counted.until_reaped(&stage, 30_000).await;
    let held = join_all(ids.iter().map(|id| stage.show(1, *id))).await;
    assert!(held.iter().all(|job| (job.state, job.crashes) == (JobState::Running, 0)), "{held:?}");
    assert_eq!(taking_over.told().len(), 0);
    stage.turn_by(20_000);
    let crashed = || async { stage.show(1, ids[2]).await.crashes == 1 };
    assert!(until(crashed).await);
    // After the back-off.
    stage.turn_by(QUARTER_HOUR_MS);
    let done = stage.until(1, &ids, JobState::Done).await;
    assert!(done.iter().all(|job| (job.starts, job.crashes, job.failures) == (2, 1, 0)), "{done:?}");
    second.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_crashed_runs_alone_and_is_dead_after_three_crashes() {
    let mut stage = Stage::new(vec![consumer(1, 10, 8), consumer(2, 10, 8)]);
    let counted = Counted::new(&stage, 0);
    stage.jobs = Some(counted.clone());
    let mut ids = [stage.send(1, texts(4)).await, stage.send(2, texts(4)).await];
    for crash in 1..=3 {
        let door = hangs();
        let service = stage.run(door.clone());
        is_told(&door, 1).await;
        if crash == 1 {
            is_told(&door, 8).await;
        } else {
            counted.until_looked(&stage, 10).await;
            let told = door.told();
            assert_eq!(told.len(), 1, "one suspect in the whole process");
            assert_eq!(told[0].texts.len(), 1, "and nobody beside it");
            // What has never crashed runs on beside it.
            let fresh = stage.send(1, vec![message("fresh")]).await;
            is_told(&door, 2).await;
            ids[0].extend(fresh);
        }
        service.kill().await;
        stage.turn_by(60_000);
        let reaped = stage.store.jobs.reap().await.unwrap();
        assert_eq!(reaped.crashed + reaped.dead, if crash == 1 { 8 } else { 2 });
        stage.turn_by(QUARTER_HOUR_MS);
    }
    let mut crashes = Vec::new();
    for (project, ids) in (1..).zip(&ids) {
        for id in ids {
            crashes.push(stage.show(project, *id).await.crashes);
        }
    }
    crashes.sort();
    assert_eq!(crashes.iter().sum::<u32>(), 12, "{crashes:?}");
    // All of them are good: they are done now, one after the other.
    let door = takes(1);
    let service = stage.run(door.clone());
    for (project, ids) in (1..).zip(&ids) {
        for id in ids {
            let ended = || async { stage.show(project, *id).await.finished_ms.is_some() };
            assert!(until(ended).await, "{:?}", stage.show(project, *id).await);
        }
    }
    assert!(door.told().iter().all(|told| told.texts.len() == 1));
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_whose_deliveries_fail_slows_down() {
    let stage = Stage::new(vec![consumer(1, 1, 8)]);
    let at_once: Arc<Mutex<Vec<usize>>> = Arc::default();
    let inside = Arc::new(AtomicUsize::new(0));
    let log = at_once.clone();
    let door = Script::new(move |_| {
        let (inside, log) = (inside.clone(), log.clone());
        async move {
            log.lock().unwrap().push(inside.fetch_add(1, SeqCst) + 1);
            tokio::time::sleep(Duration::from_millis(3)).await;
            inside.fetch_sub(1, SeqCst);
            Err(trap())
        }
    });
    let service = stage.run(door.clone());
    stage.send(1, texts(60)).await;
    is_told(&door, 50).await;
    service.end().await;
    let at_once = at_once.lock().unwrap();
    assert!(at_once.iter().take(8).any(|count| *count == 8), "{at_once:?}");
    // Ten had to fail, and what was running beside them may end.
    assert!(at_once.iter().skip(18).all(|count| *count == 1), "{at_once:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_room_and_faults_of_the_host_count_as_nothing() {
    let stage = Stage::new(vec![consumer(1, 10, 4)]);
    let times = Arc::new(AtomicUsize::new(0));
    let door = Script::new(move |_| {
        let time = times.fetch_add(1, SeqCst);
        let code = [OutcomeCode::Busy, OutcomeCode::Rate, OutcomeCode::Internal].get(time).copied();
        async move {
            match code {
                Some(code) => Err(Failure { code, detail: "not now".to_owned() }),
                None => Ok(Reply::Queued(Ok(Vec::new()))),
            }
        }
    });
    let service = stage.run(door.clone());
    let ids = stage.send(1, texts(3)).await;
    let done = stage.until(1, &ids, JobState::Done).await;
    assert!(done.iter().all(|job| (job.failures, job.crashes, job.split) == (0, 0, None)), "{done:?}");
    assert!(done.iter().any(|job| job.starts >= 2));
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_a_call_is_kept() {
    let function = live(1, &[Export::Http]);
    let lane = Lane::Async(function.function);
    let stage = Stage::new(vec![function]);
    let times = Arc::new(AtomicUsize::new(0));
    let door = Script::new(move |_| {
        let time = times.fetch_add(1, SeqCst);
        async move { Ok(answer(if time == 0 { 500 } else { 200 })) }
    });
    let service = stage.run(door.clone());
    let call = NewJob {
        lane,
        trigger: Trigger::Async {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            lineage: store::jobs::Lineage::default(),
        },
        ..message("x")
    };
    let ids = stage.send(1, vec![call]).await;
    assert!(until(|| async { stage.show(1, ids[0]).await.failures == 1 }).await);
    let failed = stage.show(1, ids[0]).await;
    assert!(failed.last_error.unwrap().starts_with("http_status: "));
    assert_eq!(failed.attempts, 3);
    stage.turn_by(QUARTER_HOUR_MS);
    let done = stage.until(1, &ids, JobState::Done).await;
    let result = done[0].result.clone().unwrap();
    assert_eq!((result.status, result.body.as_slice()), (200, b"so it is".as_slice()));
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_slot_that_replaces_an_earlier_one_cancels_its_run() {
    let function = scheduled(1, "* * * * *", Missed::Once, Overlap::Replace);
    let spec = crate::triggers::cron::tests::spec(&function);
    let stage = Stage::new(vec![function]);
    let next = spec.first_ms.unwrap();
    stage.store.schedules.reconcile(ProjectId(Uuid::from_u128(1)), &[spec]).await.unwrap();
    let door = hangs();
    let service = stage.run(door.clone());
    stage.turn_by(next - stage.clock.now_ms());
    is_told(&door, 1).await;
    stage.turn_by(60_000);
    is_told(&door, 2).await;
    assert!(until(|| async { door.running() == 1 }).await, "the earlier run goes on");
    let first: Uuid = door.told()[0].ids[0].parse().unwrap();
    assert_eq!(stage.show(1, JobId(first)).await.state, JobState::Dead);
    service.triggers.cut();
    service.end().await;
}

/// The store, counting how often it is looked through, and failing when it is told to.
struct Counted {
    jobs: Arc<dyn Jobs>,
    /// Looks for what is due.
    looks: AtomicUsize,
    /// Looks for lapsed leases.
    reaps: AtomicUsize,
    /// Claims and settlements that fail from now on.
    faults: AtomicUsize,
    /// The next claim panics.
    panics: AtomicBool,
}

impl Counted {
    fn new(stage: &Stage, faults: usize) -> Arc<Self> {
        let jobs = stage.store.jobs.clone();
        Arc::new(Self {
            jobs,
            looks: AtomicUsize::new(0),
            reaps: AtomicUsize::new(0),
            faults: AtomicUsize::new(faults),
            panics: AtomicBool::new(false),
        })
    }

    /// Turns the clock on by that much and waits until leases have been looked at since, to the end.
    async fn until_reaped(&self, stage: &Stage, ms: i64) {
        // The next look begins when one has ended.
        for ms in [ms, 1] {
            let before = self.reaps.load(SeqCst);
            stage.turn_by(ms);
            assert!(until(|| async { self.reaps.load(SeqCst) > before }).await);
        }
    }

    /// Waits until the runner has looked for work that many times.
    async fn until_looked(&self, stage: &Stage, times: usize) {
        for _ in 0..times {
            let before = self.looks.load(SeqCst);
            stage.turn_by(1);
            assert!(until(|| async { self.looks.load(SeqCst) > before }).await);
        }
    }

    fn fault(&self) -> store::jobs::Result<()> {
        match self.faults.fetch_update(SeqCst, SeqCst, |faults| faults.checked_sub(1)) {
            Ok(_) => Err(StoreError::NoSpace(std::io::ErrorKind::StorageFull.into())),
            Err(_) => Ok(()),
        }
    }
}

#[async_trait]
impl Jobs for Counted {
    async fn enqueue(&self, project: ProjectId, jobs: Vec<NewJob>) -> store::jobs::Result<Vec<Enqueued>> {
        self.jobs.enqueue(project, jobs).await
    }
    async fn claim(&self, project: ProjectId, claim: &Claim) -> store::jobs::Result<Vec<Lease>> {
        self.fault()?;
        assert!(!self.panics.swap(false, SeqCst), "the claim was told to panic");
        self.jobs.claim(project, claim).await
    }
    async fn settle(&self, project: ProjectId, ends: Vec<Settlement>) -> store::jobs::Result<Vec<Settled>> {
        self.fault()?;
        self.jobs.settle(project, ends).await
    }
    async fn extend(&self, project: ProjectId, leases: &[LeaseRef]) -> store::jobs::Result<Vec<Extended>> {
        self.jobs.extend(project, leases).await
    }
    async fn reap(&self) -> store::jobs::Result<Reaped> {
        self.reaps.fetch_add(1, SeqCst);
        self.jobs.reap().await
    }
    async fn due(&self) -> store::jobs::Result<Vec<Due>> {
        self.looks.fetch_add(1, SeqCst);
        self.jobs.due().await
    }
    fn bell(&self) -> Arc<Notify> {
        self.jobs.bell()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_without_a_consumer_waits_and_keeps_nobody_busy() {
    let mut stage = Stage::new(vec![live(1, &[Export::Http])]);
    let ids = stage.send(1, texts(5)).await;
    let orphan = NewJob { lane: Lane::Async(FunctionId(Uuid::from_u128(77))), ..message("x") };
    let orphan = NewJob {
        trigger: Trigger::Async {
            method: "GET".into(),
            path: "/".into(),
            lineage: store::jobs::Lineage::default(),
        },
        ..orphan
    };
    stage.send(1, vec![NewJob { payload: Bytes::new(), ..orphan }]).await;
    let counted = Counted::new(&stage, 0);
    stage.jobs = Some(counted.clone());
    let door = takes(0);
    let service = stage.run(door.clone());
    // How often it looks is what is tested: that takes its time.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let looks = counted.looks.load(SeqCst);
    assert!((1..=6).contains(&looks), "{looks} looks in a second and a half");
    assert_eq!(door.told().len(), 0);
    stage.deploy(vec![consumer(1, 10, 4)]);
    stage.until(1, &ids, JobState::Done).await;
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_run_does_not_run_again_because_the_store_fails_for_a_moment() {
    let mut stage = Stage::new(vec![consumer(1, 10, 4)]);
    let counted = Counted::new(&stage, 2);
    stage.jobs = Some(counted.clone());
    let gate = counted.clone();
    let door = Script::new(move |_| {
        // The claims have failed; now the settlements do.
        gate.faults.store(2, SeqCst);
        async { Ok(Reply::Queued(Ok(Vec::new()))) }
    });
    let service = stage.run(door.clone());
    let ids = stage.send(1, texts(3)).await;
    let done = stage.until(1, &ids, JobState::Done).await;
    assert!(done.iter().all(|job| (job.starts, job.failures) == (1, 0)), "{done:?}");
    assert_eq!(counted.faults.load(SeqCst), 0);
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_is_told_to_its_own_project() {
    let stage = Stage::new((1..=5).map(|project| consumer(project, 3, 2)).collect());
    let door = takes(1);
    let service = stage.run(door.clone());
    let mut sent = HashMap::new();
    for project in 1..=5 {
        let ids = stage.send(project, texts(20)).await;
        sent.extend(ids.iter().map(|id| (id.to_string(), project)));
        stage.until(project, &ids, JobState::Done).await;
    }
    for told in door.told() {
        assert!(told.ids.iter().all(|id| sent.get(id) == Some(&told.project)), "{told:?}");
    }
    service.end().await;
}
