//! What must not go wrong beside faults, deploys, and jobs that need more room than they were claimed for.

use store::jobs::End;

use super::*;
use crate::dispatch::{Completed, Event};
use crate::executor::Gone;
use crate::registry::live::Live;

fn id(project: u128) -> ProjectId {
    ProjectId(Uuid::from_u128(project))
}

/// Sends that many messages of which each has to run alone from now on, and that are due.
async fn send_singles(stage: &Stage, project: u128, count: u32) -> Vec<JobId> {
    let ids = stage.send(project, texts(count as usize)).await;
    let lane = Lane::Queue("q".to_owned());
    let claim = Claim { lane, limit: count, attempts: 5, suspects: Suspects::Leave };
    let leases = stage.store.jobs.claim(id(project), &claim).await.unwrap();
    let end = End::Split { error: "together they failed".to_owned(), split: 1 };
    let ends = leases.iter().map(|lease| Settlement { lease: lease.to_ref(), end: end.clone() }).collect();
    assert_eq!(stage.store.jobs.settle(id(project), ends).await.unwrap().len(), count as usize);
    stage.turn_by(QUARTER_HOUR_MS);
    ids
}

/// A handler that ends when it may.
fn gated() -> (Arc<Script>, Arc<tokio::sync::Semaphore>) {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let way = gate.clone();
    let door = Script::new(move |_| {
        let way = way.clone();
        async move {
            way.acquire().await.unwrap().forget();
            Ok(Reply::Queued(Ok(Vec::new())))
        }
    });
    (door, gate)
}

#[tokio::test(flavor = "multi_thread")]
async fn single_deliveries_that_sleep_keep_no_other_project_from_running() {
    let stage = Stage::new(vec![consumer(1, 100, 100), consumer(2, 1, 1)]);
    let door = Script::new(|told: &Told| {
        let sleeps = told.project == 1;
        async move { if sleeps { std::future::pending().await } else { Ok(Reply::Queued(Ok(Vec::new()))) } }
    });
    send_singles(&stage, 1, 100).await;
    let service = stage.run_with(door.clone(), 4, Duration::from_millis(100));
    is_told(&door, 2).await;
    let ids = stage.send(2, texts(3)).await;
    stage.until(2, &ids, JobState::Done).await;
    assert_eq!(door.peak(1), 2, "half of the places");
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn singles_that_wait_are_all_delivered() {
    let stage = Stage::new(vec![consumer(1, 100, 3)]);
    let ids = send_singles(&stage, 1, 100).await;
    let door = takes(1);
    let service = stage.run_with(door.clone(), 4, Duration::from_secs(20));
    stage.until(1, &ids, JobState::Done).await;
    assert!(door.peak(1) <= 2);
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_claimed_before_a_deploy_begins_on_the_new_revision() {
    let stage = Stage::new(vec![consumer(1, 10, 1)]);
    let ids = send_singles(&stage, 1, 10).await;
    let (door, gate) = gated();
    let service = stage.run(door.clone());
    is_told(&door, 1).await;
    stage.deploy(vec![Live { revision: 2, ..consumer(1, 10, 1) }]);
    gate.add_permits(1_000);
    stage.until(1, &ids, JobState::Done).await;
    let revisions: Vec<u32> = door.told().iter().map(|told| told.revision).collect();
    assert_eq!(revisions, [vec![1], vec![2; 9]].concat());
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_claimed_before_a_delete_does_not_begin() {
    let stage = Stage::new(vec![consumer(1, 10, 1)]);
    let ids = send_singles(&stage, 1, 10).await;
    let (door, gate) = gated();
    let service = stage.run(door.clone());
    is_told(&door, 1).await;
    stage.deploy(Vec::new());
    gate.add_permits(1_000);
    let rest = || async {
        let all = join_all(ids.iter().map(|id| stage.show(1, *id))).await;
        let count = |state| all.iter().filter(|job| job.state == state).count();
        (count(JobState::Done), count(JobState::Pending)) == (1, 9)
    };
    assert!(until(rest).await);
    assert_eq!(door.told().len(), 1);
    // A function that takes fewer at once comes: they are told one by one, and none was lost.
    stage.deploy(vec![consumer(1, 1, 4)]);
    stage.until(1, &ids, JobState::Done).await;
    service.end().await;
}

/// A door behind which events get lost, for as long as it is told so.
struct Lossy(AtomicBool);

#[async_trait]
impl Deliver for Lossy {
    async fn event(&self, _: Arc<Live>, _: Event) -> Result<Completed, Gone> {
        if self.0.load(SeqCst) {
            return Err(Gone::Lost);
        }
        Ok(Completed { invocation: Uuid::now_v7(), result: Ok(Reply::Queued(Ok(Vec::new()))) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_lost_counts_as_a_crash() {
    let mut stage = Stage::new(vec![consumer(1, 1, 4)]);
    let counted = Counted::new(&stage, 0);
    stage.jobs = Some(counted.clone());
    let door = Arc::new(Lossy(AtomicBool::new(true)));
    let service = stage.run(door.clone());
    let ids = stage.send(1, texts(1)).await;
    for crashes in 1..=3 {
        // Its lease lapses, and then its back-off.
        let crashed = || async {
            counted.until_reaped(&stage, 60_000).await;
            stage.show(1, ids[0]).await.crashes == crashes
        };
        assert!(until(crashed).await, "{:?}", stage.show(1, ids[0]).await);
        stage.turn_by(QUARTER_HOUR_MS);
    }
    assert_eq!(stage.show(1, ids[0]).await.state, JobState::Dead);
    door.0.store(false, SeqCst);
    let ids = stage.send(1, texts(1)).await;
    stage.until(1, &ids, JobState::Done).await;
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_panics_keeps_its_lane_for_a_moment_only() {
    let mut stage = Stage::new(vec![consumer(1, 1, 4)]);
    let counted = Counted::new(&stage, 0);
    counted.panics.store(true, SeqCst);
    stage.jobs = Some(counted);
    let service = stage.run(takes(0));
    let ids = stage.send(1, texts(3)).await;
    stage.until(1, &ids, JobState::Done).await;
    service.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_has_succeeded_waits_for_a_full_disk_as_long_as_it_takes() {
    let stage = Stage::new(Vec::new());
    let ids = stage.send(1, texts(1)).await;
    let lane = Lane::Queue("q".to_owned());
    let claim = Claim { lane, limit: 1, attempts: 5, suspects: Suspects::Leave };
    let leases = stage.store.jobs.claim(id(1), &claim).await.unwrap();
    let ends = leases.iter().map(|lease| Settlement { lease: lease.to_ref(), end: End::Done(None) });
    // Hours of it.
    let counted = Counted::new(&stage, 3_000);
    let (_cut, mut cut) = watch::channel(false);
    Settler::new(counted.clone()).settle(id(1), ends, &mut cut).await;
    assert_eq!(counted.faults.load(SeqCst), 0);
    assert_eq!(stage.show(1, ids[0]).await.state, JobState::Done);
}
