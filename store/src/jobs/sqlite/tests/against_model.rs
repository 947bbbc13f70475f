//! Random lives of jobs, held against the model after every step.

use bytes::Bytes;
use proptest::prelude::*;
use uuid::Uuid;

use super::super::*;
use super::{open, scratch};
use crate::DataDir;
use crate::catalog::ProjectId;
use crate::jobs::conformance::{START_MS, TurnedClock};
use crate::jobs::model::Model;
use crate::jobs::{
    Claim, End, JobState, Lane, LeaseRef, LeaseToken, NewJob, Purge, QueueSpec, Settlement, Suspects,
    Trigger, View,
};

const PROJECT: ProjectId = ProjectId(Uuid::from_u128(1));
const LANES: [&str; 2] = ["mail", "sms"];

/// What is done to the store.
#[derive(Clone, Debug)]
enum Step {
    Enqueue(Vec<New>),
    Claim {
        lane: usize,
        limit: u32,
        attempts: u32,
        suspects: Suspects,
    },
    Settle {
        which: prop::sample::Index,
        end: End,
    },
    /// With the token of another lease.
    SettleMixed {
        which: prop::sample::Index,
        token: prop::sample::Index,
    },
    Extend {
        which: prop::sample::Index,
    },
    Turn(i64),
    Reap,
    Redrive {
        lane: usize,
    },
    Purge {
        lane: usize,
        which: Purge,
    },
    Reopen,
}

#[derive(Clone, Debug)]
struct New {
    lane: usize,
    delay_ms: u64,
    dedupe_key: Option<String>,
    order_key: Option<String>,
    expires_after_ms: Option<u64>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]
    #[test]
    fn every_life_is_one_of_the_models(steps in prop::collection::vec(step(), 1..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(live(steps));
    }
}

fn step() -> impl Strategy<Value = Step> {
    let lane = 0..LANES.len();
    let which = any::<prop::sample::Index>;
    prop_oneof![
        8 => prop::collection::vec(new(), 1..5).prop_map(Step::Enqueue),
        10 => (lane.clone(), 0..5_u32, 1..4_u32, any::<bool>()).prop_map(|(lane, limit, attempts, one)| {
            let suspects = if one { Suspects::One } else { Suspects::Leave };
            Step::Claim { lane, limit, attempts, suspects }
        }),
        10 => (which(), end()).prop_map(|(which, end)| Step::Settle { which, end }),
        1 => (which(), which()).prop_map(|(which, token)| Step::SettleMixed { which, token }),
        2 => which().prop_map(|which| Step::Extend { which }),
        8 => prop_oneof![
            Just(0), Just(1), Just(5_000), Just(30_000), Just(45_000), Just(900_000), Just(86_400_000),
            Just(15 * 86_400_000), Just(-20_000),
        ].prop_map(Step::Turn),
        5 => Just(Step::Reap),
        2 => lane.clone().prop_map(|lane| Step::Redrive { lane }),
        1 => (lane, any::<bool>()).prop_map(|(lane, waiting)| {
            Step::Purge { lane, which: if waiting { Purge::Waiting } else { Purge::Dead } }
        }),
        1 => Just(Step::Reopen),
    ]
}

fn new() -> impl Strategy<Value = New> {
    let key = || prop_oneof![2 => Just(None), 3 => (0..3_u8).prop_map(|n| Some(n.to_string()))];
    let expires = prop_oneof![3 => Just(None), 1 => Just(Some(20_000)), 1 => Just(Some(600_000))];
    (0..LANES.len(), prop_oneof![3 => Just(0), 1 => Just(5_000)], key(), key(), expires).prop_map(
        |(lane, delay_ms, dedupe_key, order_key, expires_after_ms)| New {
            lane,
            delay_ms,
            dedupe_key,
            order_key,
            expires_after_ms,
        },
    )
}

fn end() -> impl Strategy<Value = End> {
    let failed = |delay_ms| End::Failed { error: "failed".to_owned(), delay_ms, result: None };
    prop_oneof![
        4 => Just(End::Done(None)),
        4 => Just(failed(None)),
        2 => Just(failed(Some(0))),
        1 => (0..4_u32).prop_map(|split| End::Split { error: "split".to_owned(), split }),
        1 => Just(End::Released { reason: "released".to_owned(), delay_ms: 250 }),
    ]
}

/// The store, the model, and every lease that was ever given out.
struct World {
    folder: tempfile::TempDir,
    clock: TurnedClock,
    store: JobStore,
    model: Model,
    leases: Vec<LeaseRef>,
}

async fn live(steps: Vec<Step>) {
    let (folder, clock) = (scratch(), TurnedClock::at(START_MS));
    let store = opened(&folder, &clock);
    let specs = LANES.map(|name| QueueSpec { name: name.to_owned(), retention_ms: None });
    store.queues.declare(PROJECT, &specs).await.unwrap();
    let mut world = World { folder, clock, store, model: Model::default(), leases: Vec::new() };
    for step in steps {
        world = world.take(step).await;
        world.compare().await;
    }
}

fn opened(folder: &tempfile::TempDir, clock: &TurnedClock) -> JobStore {
    open(&DataDir::open(folder.path()).unwrap(), clock.store_clock(), Limits::default()).unwrap()
}

impl World {
    async fn take(mut self, step: Step) -> Self {
        let now = self.clock.now();
        match step {
            Step::Enqueue(new) => {
                let new: Vec<_> = new.into_iter().map(job).collect();
                let answers = self.store.jobs.enqueue(PROJECT, new.clone()).await.unwrap();
                self.model.enqueued(now, &new, &answers);
            }
            Step::Claim { lane: of, limit, attempts, suspects } => {
                let claim = Claim { lane: lane(of), limit, attempts, suspects };
                let leases = self.store.jobs.claim(PROJECT, &claim).await.unwrap();
                self.model.claimed(now, &claim, &leases);
                self.leases.extend(leases.iter().map(crate::jobs::Lease::to_ref));
            }
            Step::Settle { which, end } => {
                if let Some(lease) = self.lease(which) {
                    self.settle(now, lease, end).await;
                }
            }
            Step::SettleMixed { which, token } => {
                if let (Some(lease), Some(other)) = (self.lease(which), self.lease(token)) {
                    let mixed = LeaseRef { id: lease.id, token: other.token };
                    self.settle(now, mixed, End::Done(None)).await;
                    let unknown = LeaseRef { id: lease.id, token: LeaseToken(Uuid::from_u128(1)) };
                    self.settle(now, unknown, End::Done(None)).await;
                }
            }
            Step::Extend { which } => {
                if let Some(lease) = self.lease(which) {
                    let extended = self.store.jobs.extend(PROJECT, &[lease]).await.unwrap();
                    self.model.extended(now, lease, extended[0]);
                }
            }
            Step::Turn(ms) => self.clock.turn(ms),
            Step::Reap => self.reap(now).await,
            Step::Redrive { lane: of } => {
                let count = self.store.queues.redrive(PROJECT, &lane(of), None).await.unwrap();
                self.model.redriven(now, &lane(of), count);
            }
            Step::Purge { lane: of, which } => {
                let state = match which {
                    Purge::Waiting => JobState::Pending,
                    Purge::Dead => JobState::Dead,
                };
                let count = self.store.queues.purge(PROJECT, &lane(of), which).await.unwrap();
                self.model.purged(&lane(of), state, count);
            }
            Step::Reopen => {
                drop(self.store);
                self.store = opened(&self.folder, &self.clock);
                self.model.reopened();
            }
        }
        self
    }

    async fn settle(&mut self, now: i64, lease: LeaseRef, end: End) {
        let settlement = Settlement { lease, end: end.clone() };
        let settled = self.store.jobs.settle(PROJECT, vec![settlement]).await.unwrap();
        self.model.settled(now, lease, &end, settled[0]);
    }

    async fn reap(&mut self, now: i64) {
        let reaped = self.store.jobs.reap().await.unwrap();
        let mut run_at = std::collections::HashMap::new();
        for id in self.model.jobs().keys() {
            let job = self.store.queues.show(PROJECT, *id).await.unwrap();
            run_at.extend(job.map(|job| (*id, job.run_at_ms)));
        }
        self.model.reaped(now, reaped, |id| run_at.get(&id).copied());
    }

    fn lease(&self, which: prop::sample::Index) -> Option<LeaseRef> {
        (!self.leases.is_empty()).then(|| *which.get(&self.leases))
    }

    /// Everything that can be seen is as the model says.
    async fn compare(&self) {
        self.model.check();
        let infos = self.store.queues.list(PROJECT).await.unwrap();
        let due = self.store.jobs.due().await.unwrap();
        let mut seen = 0;
        for (number, info) in infos.iter().enumerate() {
            let lane = lane(number);
            let at = due.iter().find(|due| due.lane == lane).map(|due| due.at_ms);
            assert_eq!(at, self.model.due_at(&lane), "when {lane} is due");
            let counts = [
                (JobState::Pending, info.waiting),
                (JobState::Running, info.running),
                (JobState::Done, info.done),
                (JobState::Dead, info.dead),
            ];
            for (state, count) in counts {
                let jobs = self.store.queues.peek(PROJECT, &lane, state, 10_000, View::Whole).await.unwrap();
                assert_eq!(jobs.len() as u64, count, "{lane} {state:?}");
                seen += jobs.len();
                for job in jobs {
                    let expected = self.model.jobs().get(&job.id).unwrap();
                    assert_eq!((&job.lane, job.state), (&expected.lane, expected.state));
                    assert_eq!((job.run_at_ms, job.split), (expected.run_at_ms, expected.split));
                    let counts = (expected.starts, expected.failures, expected.crashes);
                    assert_eq!((job.starts, job.failures, job.crashes), counts);
                }
            }
        }
        assert_eq!(seen, self.model.jobs().len(), "nothing is lost, nothing comes from nowhere");
    }
}

fn lane(number: usize) -> Lane {
    Lane::Queue(LANES[number].to_owned())
}

fn job(new: New) -> NewJob {
    NewJob {
        payload: Bytes::from_static(b"payload"),
        delay_ms: new.delay_ms,
        dedupe_key: new.dedupe_key,
        order_key: new.order_key,
        expires_after_ms: new.expires_after_ms,
        ..NewJob::new(lane(new.lane), Trigger::Queue)
    }
}
