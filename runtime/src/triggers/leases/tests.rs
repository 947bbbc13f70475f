//! Heartbeats and reaping over a store that is deaf for one project.

use async_trait::async_trait;
use store::StoreError;
use store::jobs::{Claim, Due, Enqueued, LeaseToken, NewJob, Settled, Settlement};
use uuid::Uuid;

use super::*;
use crate::triggers::stage::held_message;

fn project(number: u128) -> ProjectId {
    ProjectId(Uuid::from_u128(number))
}

/// Counts what is asked for.
#[derive(Default)]
struct Half {
    deaf: Option<ProjectId>,
    /// Does not even answer.
    hangs: bool,
    extended: Mutex<Vec<ProjectId>>,
    reaps: AtomicUsize,
}

impl Half {
    fn extended(&self) -> Vec<ProjectId> {
        let mut extended = std::mem::take(&mut *self.extended.lock().unwrap());
        extended.sort();
        extended
    }
}

#[async_trait]
impl Jobs for Half {
    async fn enqueue(&self, _: ProjectId, _: Vec<NewJob>) -> store::jobs::Result<Vec<Enqueued>> {
        panic!("nobody sends")
    }
    async fn claim(&self, _: ProjectId, _: &Claim) -> store::jobs::Result<Vec<Lease>> {
        panic!("nobody claims")
    }
    async fn settle(&self, _: ProjectId, _: Vec<Settlement>) -> store::jobs::Result<Vec<Settled>> {
        panic!("nobody settles")
    }
    async fn extend(&self, project: ProjectId, leases: &[LeaseRef]) -> store::jobs::Result<Vec<Extended>> {
        self.extended.lock().unwrap().push(project);
        if self.deaf == Some(project) {
            if self.hangs {
                std::future::pending::<()>().await;
            }
            return Err(StoreError::Damaged("one project's data".to_owned()));
        }
        Ok(leases.iter().map(|_| Extended::Stale).collect())
    }
    async fn reap(&self) -> store::jobs::Result<Reaped> {
        self.reaps.fetch_add(1, Relaxed);
        Ok(Reaped::default())
    }
    async fn due(&self) -> store::jobs::Result<Vec<Due>> {
        panic!("nobody looks")
    }
    fn bell(&self) -> Arc<Notify> {
        Arc::default()
    }
}

fn keeper(jobs: &Arc<Half>) -> (Keeper, Arc<Leases>) {
    let leases = Arc::new(Leases::default());
    let clock = Clock::turnable();
    let failing = HashSet::new();
    let keeper = Keeper { leases: leases.clone(), jobs: jobs.clone(), clock, extended_ms: i64::MIN, failing };
    (keeper, leases)
}

fn lease(number: u128) -> Lease {
    Lease { job: held_message(number), token: LeaseToken(Uuid::from_u128(number)) }
}

#[tokio::test(start_paused = true)]
async fn a_project_whose_store_fails_stops_no_other_ones() {
    for hangs in [false, true] {
        let half = Half { deaf: Some(project(1)), hangs, ..Half::default() };
        let jobs = Arc::new(half);
        let (mut keeper, leases) = keeper(&jobs);
        let _holds = [1, 2].map(|number| leases.hold(project(number), &[lease(number)], false));
        for look in 1..=3 {
            keeper.look().await;
            let expected = if look == 1 { vec![project(1), project(2)] } else { vec![project(1)] };
            assert_eq!(jobs.extended(), expected, "what failed is tried again at once");
            assert_eq!(jobs.reaps.load(Relaxed), look);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_taken_back_while_a_claim_is_on_its_way_through_a_jump() {
    let jobs = Arc::new(Half::default());
    let (mut keeper, leases) = keeper(&jobs);
    let claiming = leases.claiming(keeper.clock.instant());
    keeper.clock.turn(3_600_000);
    let held = tokio::spawn({
        let leases = leases.clone();
        async move {
            tokio::time::sleep(LOOK / 2).await;
            let hold = leases.hold(project(1), &[lease(1)], false);
            drop(claiming);
            hold
        }
    });
    keeper.look().await;
    assert_eq!((jobs.extended(), jobs.reaps.load(Relaxed)), (vec![project(1)], 1));
    drop(held.await.unwrap());
}
