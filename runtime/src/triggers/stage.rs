//! A stage for tests: the real store, functions that exist only by name, and a door that does what it is told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use host_api::SecretValues;
use host_api::grants::Grants;
use http::{HeaderMap, StatusCode};
use store::Store;
use store::catalog::{
    Access, CronTrigger, Digest, Export, FunctionId, GuestKind, JobLimits, Limits, Missed, OnDisconnect,
    Overlap, ProjectId, QueueTrigger, RevisionSpec,
};
use store::jobs::{Job, JobId, JobState, Jobs, Lane, NewJob, Trigger};
use tokio::sync::watch;
use uuid::Uuid;

use super::deliver::Deliver;
use super::schedule::{Schedule, schedule_id};
use super::{Heal, TriggerParts, Triggers};
use crate::clock::Clock;
use crate::dispatch::{Completed, Event, EventCall, Failure, Reply};
use crate::executor::Gone;
use crate::registry::live::{Consumers, Live, LiveProject, LiveSchedule};
use crate::telemetry::OutcomeCode;
use crate::test_store::test_store;

/// Longest wait for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A function `f` of that project that exports these.
pub(super) fn live(project: u128, exports: &[Export]) -> Live {
    let id = ProjectId(Uuid::from_u128(project));
    let digest = Digest::of(b"a component");
    Live {
        generation: 1,
        project: Arc::new(LiveProject { id, name: format!("p{project}") }),
        function: FunctionId(Uuid::from_u128(project + 1_000)),
        name: "f".to_owned(),
        revision: 1,
        identity: Arc::default(),
        spec: RevisionSpec {
            digest: digest.clone(),
            wasm: digest.clone(),
            wasm_bytes: 1,
            assets: None,
            kind: GuestKind::Http02,
            exports: exports.to_vec(),
            env: BTreeMap::new(),
            limits: Limits::default(),
            jobs: JobLimits::default(),
            args: Vec::new(),
            reuse: 1,
            concurrent: 1,
            on_disconnect: OnDisconnect::default(),
        },
        code: (id, digest),
        env: Arc::from([]),
        environment: Arc::default(),
        args: Arc::default(),
        assets: None,
        routes: Vec::new(),
        access: Access::default(),
        callable: false,
        grants: Arc::default(),
        secrets: Arc::new(SecretValues::new(&Grants::default(), [])),
        cron: Vec::new(),
        queues: Vec::new(),
        events: Vec::new(),
    }
}

/// The same, and it consumes the queue `q`.
pub(super) fn consumer(project: u128, batch: u32, concurrency: u32) -> Live {
    let trigger = QueueTrigger {
        name: "q".to_owned(),
        batch,
        concurrency,
        attempts: 5,
        path: "/_ostro/queue".to_owned(),
    };
    Live { queues: vec![Arc::new(trigger)], ..live(project, &[Export::Http, Export::Queued]) }
}

/// The same, and that schedule starts it.
pub(super) fn scheduled(project: u128, expression: &str, missed: Missed, overlap: Overlap) -> Live {
    let live = live(project, &[Export::Http]);
    let trigger = CronTrigger {
        schedule: expression.to_owned(),
        timezone: "UTC".to_owned(),
        path: "/_ostro/cron".to_owned(),
        missed,
        overlap,
    };
    let schedule = LiveSchedule {
        id: schedule_id(live.function, &trigger),
        schedule: Schedule::parse(expression, "UTC").unwrap(),
        trigger,
    };
    Live { cron: vec![Arc::new(schedule)], ..live }
}

/// A message for the queue `q`.
pub(super) fn message(text: &str) -> NewJob {
    NewJob {
        payload: Bytes::from(text.to_owned()),
        content_type: "text/plain".to_owned(),
        ..NewJob::new(Lane::Queue("q".to_owned()), Trigger::Queue)
    }
}

/// A job of that lane as a runner holds it: started for the second time, with a payload of its own.
pub(super) fn job(number: u128, lane: Lane, trigger: Trigger) -> Job {
    Job {
        id: JobId(Uuid::from_u128(number)),
        lane,
        trigger,
        payload: Bytes::from_static(b"hello"),
        content_type: "text/plain".to_owned(),
        state: JobState::Running,
        enqueued_ms: 1_700_000_000_123,
        run_at_ms: 0,
        finished_ms: None,
        starts: 2,
        failures: 0,
        crashes: 0,
        attempts: 5,
        split: None,
        lease_until_ms: None,
        dedupe_key: None,
        order_key: None,
        expires_ms: None,
        last_error: None,
        result: None,
    }
}

/// A message of the queue `q` as a runner holds it.
pub(super) fn held_message(number: u128) -> Job {
    job(number, Lane::Queue("q".to_owned()), Trigger::Queue)
}

type Act = dyn Fn(&Told) -> BoxFuture<'static, Result<Reply, Failure>> + Send + Sync;

/// A door that does what it is told and remembers what came.
pub(super) struct Script {
    act: Box<Act>,
    told: Mutex<Vec<Told>>,
    running: Mutex<BTreeMap<u128, (usize, usize)>>,
    pub(super) ended: AtomicUsize,
}

/// What a function was told.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) project: u128,
    pub(super) revision: u32,
    /// Ids of the messages, or of the event.
    pub(super) ids: Vec<String>,
    /// Payloads.
    pub(super) texts: Vec<String>,
    /// Real time, milliseconds since 1970.
    pub(super) at_ms: i64,
}

impl Told {
    fn of(live: &Live, event: &Event) -> Self {
        let text = |body: &Bytes| String::from_utf8_lossy(body).into_owned();
        let (ids, texts) = match &event.call {
            EventCall::Queued { messages, .. } => (
                messages.iter().map(|message| message.id.clone()).collect(),
                messages.iter().map(|message| text(&message.body)).collect(),
            ),
            EventCall::Http(request) => {
                let id = request.headers().get("ce-id").map_or("", |value| value.to_str().unwrap());
                (vec![id.to_owned()], vec![text(request.body())])
            }
            EventCall::Scheduled(slot) => (vec![slot.job.clone()], vec![String::new()]),
        };
        let at_ms = Clock::system().now_ms();
        Self { project: live.project.id.0.as_u128(), revision: live.revision, ids, texts, at_ms }
    }
}

impl Script {
    pub(super) fn new<F>(act: impl Fn(&Told) -> F + Send + Sync + 'static) -> Arc<Self>
    where
        F: Future<Output = Result<Reply, Failure>> + Send + 'static,
    {
        Arc::new(Self {
            act: Box::new(move |told| Box::pin(act(told))),
            told: Mutex::default(),
            running: Mutex::default(),
            ended: AtomicUsize::new(0),
        })
    }

    /// All that functions were told so far.
    pub(super) fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    /// Most deliveries at once of that project.
    pub(super) fn peak(&self, project: u128) -> usize {
        self.running.lock().unwrap().get(&project).map_or(0, |running| running.1)
    }

    /// Deliveries that run now.
    pub(super) fn running(&self) -> usize {
        self.running.lock().unwrap().values().map(|running| running.0).sum()
    }
}

struct Inside<'a>(&'a Script, u128);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.running.lock().unwrap().entry(self.1).or_default().0 -= 1;
        self.0.ended.fetch_add(1, SeqCst);
    }
}

#[async_trait]
impl Deliver for Script {
    async fn event(&self, live: Arc<Live>, event: Event) -> Result<Completed, Gone> {
        let told = Told::of(&live, &event);
        let inside = {
            let mut running = self.running.lock().unwrap();
            let count = running.entry(told.project).or_default();
            count.0 += 1;
            count.1 = count.1.max(count.0);
            Inside(self, told.project)
        };
        self.told.lock().unwrap().push(told.clone());
        let result = (self.act)(&told).await;
        drop(inside);
        Ok(Completed { invocation: Uuid::now_v7(), result })
    }
}

/// An answer of the HTTP handler.
pub(super) fn answer(status: u16) -> Reply {
    let status = StatusCode::from_u16(status).unwrap();
    Reply::Http { status, headers: HeaderMap::new(), body: Bytes::from_static(b"so it is"), cut: false }
}

/// A guest that has trapped.
pub(super) fn trap() -> Failure {
    Failure { code: OutcomeCode::Trap, detail: "unreachable".to_owned() }
}

/// Counts how often it is asked to heal.
#[derive(Default)]
pub(super) struct Healer {
    pub(super) times: AtomicUsize,
}

#[async_trait]
impl Heal for Healer {
    async fn heal_schedules(&self) {
        self.times.fetch_add(1, SeqCst);
    }
}

/// A store and a clock that is turned by hand.
pub(super) struct Stage {
    pub(super) store: Arc<Store>,
    pub(super) clock: Clock,
    pub(super) consumers: Arc<ArcSwap<Consumers>>,
    pub(super) healer: Arc<Healer>,
    /// In place of the store's own.
    pub(super) jobs: Option<Arc<dyn Jobs>>,
    _folder: tempfile::TempDir,
}

/// A service that runs.
pub(super) struct Running {
    pub(super) triggers: Triggers,
    pub(super) stop: watch::Sender<bool>,
}

impl Running {
    /// Ends it in order.
    pub(super) async fn end(mut self) {
        self.stop.send_replace(true);
        tokio::time::timeout(PATIENCE, self.triggers.ended()).await.unwrap();
    }

    /// Ends it as `kill -9` would: whatever it held is held no more.
    pub(super) async fn kill(self) {
        let Triggers { runner, keeper, ticker, .. } = self.triggers;
        for task in [runner, keeper, ticker] {
            task.abort();
            // It was cancelled: that is what it says.
            drop(task.await);
        }
    }
}

impl Stage {
    pub(super) fn new(functions: Vec<Live>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::turnable();
        let store = test_store(folder.path(), &clock);
        let stage = Self {
            store,
            clock,
            consumers: Arc::default(),
            healer: Arc::default(),
            jobs: None,
            _folder: folder,
        };
        stage.deploy(functions);
        stage
    }

    /// These are the functions from now on.
    pub(super) fn deploy(&self, functions: Vec<Live>) {
        self.consumers.store(Arc::new(Consumers::new(functions.into_iter().map(Arc::new))));
    }

    pub(super) fn run(&self, door: Arc<dyn Deliver>) -> Running {
        self.run_with(door, 500, PATIENCE)
    }

    pub(super) fn run_with(&self, door: Arc<dyn Deliver>, deliveries: u32, drain_time: Duration) -> Running {
        let (stop, stopping) = watch::channel(false);
        let parts = TriggerParts {
            jobs: self.jobs.clone().unwrap_or_else(|| self.store.jobs.clone()),
            schedules: self.store.schedules.clone(),
            consumers: self.consumers.clone(),
            door,
            heal: self.healer.clone(),
            clock: self.clock.clone(),
            deliveries,
            drain_time,
        };
        Running { triggers: Triggers::start(parts, &stopping), stop }
    }

    pub(super) async fn send(&self, project: u128, jobs: Vec<NewJob>) -> Vec<JobId> {
        let enqueued = self.store.jobs.enqueue(ProjectId(Uuid::from_u128(project)), jobs).await.unwrap();
        enqueued.into_iter().map(store::jobs::Enqueued::id).collect()
    }

    pub(super) async fn show(&self, project: u128, id: JobId) -> Job {
        self.store.queues.show(ProjectId(Uuid::from_u128(project)), id).await.unwrap().unwrap()
    }

    /// Waits until all of these are in that state.
    pub(super) async fn until(&self, project: u128, ids: &[JobId], state: JobState) -> Vec<Job> {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            let mut all = Vec::new();
            for id in ids {
                all.push(self.show(project, *id).await);
            }
            let other = all.iter().find(|job| job.state != state);
            let Some(other) = other else { return all };
            assert!(tokio::time::Instant::now() < end, "not {state:?}: {other:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Turns the clock on by that much.
    pub(super) fn turn_by(&self, ms: i64) {
        self.clock.turn(self.clock.now_ms() - Clock::system().now_ms() + ms);
    }
}

/// Waits until it is true, but not for ever.
pub(super) async fn until<F: Future<Output = bool>>(mut is: impl FnMut() -> F) -> bool {
    let end = tokio::time::Instant::now() + PATIENCE;
    while tokio::time::Instant::now() < end {
        if is().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    false
}
