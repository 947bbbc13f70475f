//! What may be deployed, and a job store that follows the catalog: also after a crash between the two.

use store::catalog::{
    CronTrigger, Digest, Function, GuestKind, JobLimits, Limits, Missed, NewRevision, OnDisconnect, Overlap,
    Published, QueueTrigger, RevisionSpec, Route, Stamp,
};
use store::jobs::{JobState, Lane, NewJob, Schedule, Trigger};
use uuid::Uuid;

use super::*;
use crate::registry::refresh::Refresher;
use crate::test_store::test_store;

fn cron(schedule: &str) -> CronTrigger {
    CronTrigger {
        schedule: schedule.to_owned(),
        timezone: "UTC".to_owned(),
        path: "/_ostro/cron".to_owned(),
        missed: Missed::Once,
        overlap: Overlap::Forbid,
    }
}

fn queue(name: &str) -> QueueTrigger {
    let path = "/_ostro/queue".to_owned();
    QueueTrigger { name: name.to_owned(), batch: 1, concurrency: 1, attempts: 1, path }
}

fn bindings(schedules: &[&str], queues: &[&str]) -> Bindings {
    Bindings {
        cron: schedules.iter().map(|schedule| cron(schedule)).collect(),
        queues: queues.iter().map(|name| queue(name)).collect(),
        ..Bindings::default()
    }
}

#[test]
fn a_component_has_to_export_what_starts_it() {
    use Export::{Http, Queued, Scheduled};
    let routed = |bindings: Bindings| Bindings {
        routes: vec![Route { path: "/a".to_owned(), methods: Vec::new(), strip: None, access: None }],
        ..bindings
    };
    let (daily, mail) = (&["@daily"][..], &["mail"][..]);
    for (exports, bindings, missing) in [
        (&[Http][..], routed(bindings(daily, mail)), None),
        (&[Http, Scheduled, Queued], routed(bindings(daily, mail)), None),
        (&[Scheduled], bindings(daily, &[]), None),
        (&[Queued], bindings(&[], mail), None),
        (&[Scheduled, Queued], bindings(daily, mail), None),
        (&[Scheduled], bindings(&[], &[]), None),
        (&[Scheduled], routed(bindings(daily, &[])), Some("the route `/a` needs wasi:http")),
        (&[Scheduled], bindings(daily, mail), Some("the queue `mail` needs ostro:triggers/queued or")),
        (&[Queued], bindings(daily, mail), Some("the schedule `@daily` needs ostro:triggers/scheduled or")),
    ] {
        match (check_exports("the component", exports, &bindings), missing) {
            (Ok(()), None) => {}
            (Err(problem), Some(missing)) => {
                assert_eq!((problem.status.as_u16(), problem.code), (409, "missing_export"));
                assert!(problem.message.starts_with(missing), "{exports:?}: {problem}");
            }
            (checked, missing) => panic!("{exports:?}: {checked:?} instead of {missing:?}"),
        }
    }
}

#[test]
fn g1_a_project_has_fifty_schedules_over_all_its_functions() {
    let project = ProjectId(Uuid::from_u128(1));
    let function = |project: ProjectId, name: &str, schedules: usize| Function {
        id: FunctionId(Uuid::from_u128(9)),
        project,
        name: name.to_owned(),
        active: 1,
        bindings: bindings(&vec!["@daily"; schedules], &[]),
        created_ms: 0,
        updated_ms: 0,
    };
    let known = [
        function(project, "a", 20),
        function(project, "b", 20),
        function(ProjectId(Uuid::from_u128(2)), "c", 50),
    ];
    for (name, wanted, accepted) in [("a", 30, true), ("a", 31, false), ("new", 10, true), ("new", 11, false)]
    {
        let checked = check_schedules(known.iter(), project, name, &bindings(&vec!["@daily"; wanted], &[]));
        assert_eq!(checked.is_ok(), accepted, "{name} {wanted}: {checked:?}");
    }
    let full = [function(project, "a", 60)];
    assert_eq!(check_schedules(full.iter(), project, "b", &bindings(&[], &["mail"])), Ok(()));
}

/// A catalog and a job store without anything that runs.
struct Bench {
    store: Arc<Store>,
    refresher: Refresher,
    reconciler: Reconciler,
    project: ProjectId,
    clock: Clock,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// One whose store is changed before anybody uses it.
    async fn with(change: impl FnOnce(&mut Store)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::turnable();
        let mut store = test_store(folder.path(), &clock);
        change(Arc::get_mut(&mut store).unwrap());
        let refresher = Refresher::new(store.clone(), None);
        let reconciler = Reconciler { store: store.clone(), clock: clock.clone() };
        let project = store.projects.create("shop", &stamp()).await.unwrap().id;
        Self { store, refresher, reconciler, project, clock, _folder: folder }
    }

    /// Commits a function to the catalog; the job store hears nothing of it.
    async fn publish(&self, name: &str, bindings: Bindings) -> FunctionId {
        let spec = RevisionSpec {
            digest: Digest::of(name.as_bytes()),
            wasm: Digest::of(b"wasm"),
            wasm_bytes: 4,
            assets: None,
            kind: GuestKind::Http02,
            exports: vec![Export::Http],
            env: Default::default(),
            limits: Limits::default(),
            jobs: JobLimits::default(),
            args: Vec::new(),
            reuse: 1,
            concurrent: 1,
            on_disconnect: OnDisconnect::default(),
        };
        let new = NewRevision { project: self.project, name: name.to_owned(), spec, bindings, keep: 5 };
        match self.store.functions.publish(&new, &stamp()).await.unwrap() {
            Published::Created(function) | Published::Unchanged(function) | Published::Rebound(function) => {
                function.id
            }
        }
    }

    /// What a deploy does after its commit.
    async fn settle(&self) {
        self.refresher.refresh().await.unwrap();
        self.reconciler.reconcile(self.project).await.unwrap();
    }

    /// What the next start does.
    async fn restart(&self) {
        self.refresher.refresh().await.unwrap();
        self.reconciler.heal().await.unwrap();
    }

    async fn schedules(&self) -> Vec<Schedule> {
        self.store.schedules.list(self.project).await.unwrap()
    }

    async fn expressions(&self) -> Vec<String> {
        self.schedules().await.into_iter().map(|schedule| schedule.spec.expression).collect()
    }

    async fn queues(&self) -> Vec<String> {
        let queues = self.store.queues.list(self.project).await.unwrap();
        queues.into_iter().map(|queue| queue.name).collect()
    }

    async fn enqueue(&self, lane: Lane, trigger: Trigger) {
        self.store.jobs.enqueue(self.project, vec![NewJob::new(lane, trigger)]).await.unwrap();
    }
}

fn stamp() -> Stamp {
    Stamp { actor: "admin".to_owned(), at_ms: 1 }
}

#[tokio::test]
async fn the_job_store_follows_the_catalog() {
    let bench = Bench::new().await;
    let function = bench.publish("report", bindings(&["@daily", "0 * * * *"], &["mail"])).await;
    bench.settle().await;
    let before = bench.schedules().await;
    assert_eq!(bench.expressions().await, ["0 * * * *", "@daily"]);
    assert_eq!(bench.queues().await, ["mail"]);
    let now = bench.reconciler.clock.now_ms();
    assert!(before.iter().all(|schedule| schedule.spec.function == function));
    assert!(before.iter().all(|schedule| schedule.next_ms.is_some_and(|next| next > now - 1_000)));

    bench.settle().await;
    assert_eq!(bench.schedules().await, before, "once more changes nothing");
    bench.publish("report", bindings(&["@daily"], &[])).await;
    bench.settle().await;
    assert_eq!(bench.schedules().await, before[1..], "what stays keeps its next slot");
    assert_eq!(bench.queues().await, ["mail"], "a queue without a consumer keeps its messages");
}

#[tokio::test]
async fn a_start_completes_a_deploy_that_a_crash_cut_off() {
    let bench = Bench::new().await;
    bench.publish("report", bindings(&["@daily"], &["mail"])).await;
    assert_eq!(bench.schedules().await, []);
    bench.restart().await;
    assert_eq!(
        (bench.expressions().await, bench.queues().await),
        (vec!["@daily".to_owned()], vec!["mail".to_owned()])
    );
    let before = bench.schedules().await;
    bench.restart().await;
    assert_eq!(bench.schedules().await, before);
}

#[tokio::test]
async fn g6_a_start_ends_what_a_deleted_function_has_left() {
    let bench = Bench::new().await;
    let gone = bench.publish("gone", bindings(&["@daily"], &["mail"])).await;
    let kept = bench.publish("kept", bindings(&[], &[])).await;
    bench.settle().await;
    let call = || Trigger::Async {
        method: "POST".to_owned(),
        path: "/".to_owned(),
        lineage: store::jobs::Lineage::default(),
    };
    bench.enqueue(Lane::Async(gone), call()).await;
    bench.enqueue(Lane::Async(kept), call()).await;
    bench.enqueue(Lane::Queue("mail".to_owned()), Trigger::Queue).await;

    bench.store.functions.delete(gone, &stamp()).await.unwrap();
    bench.restart().await;
    assert_eq!(bench.schedules().await, []);
    let peek = async |lane: Lane, state| {
        bench.store.queues.peek(bench.project, &lane, state, 10, store::jobs::View::Whole).await.unwrap()
    };
    let dead = peek(Lane::Async(gone), JobState::Dead).await;
    assert_eq!(dead.iter().map(|job| job.last_error.as_deref()).collect::<Vec<_>>(), [Some(DELETED)]);
    assert_eq!(peek(Lane::Async(kept), JobState::Pending).await.len(), 1);
    assert_eq!(peek(Lane::Queue("mail".to_owned()), JobState::Pending).await.len(), 1);
}

#[tokio::test]
async fn g6_a_start_removes_the_data_of_a_deleted_project() {
    let bench = Bench::new().await;
    bench.publish("report", bindings(&["@daily"], &[])).await;
    bench.settle().await;
    let cleanup = &bench.store.cleanup;
    assert_eq!(cleanup.projects().await.unwrap(), [bench.project]);
    bench.store.projects.delete(bench.project, &stamp()).await.unwrap();
    bench.restart().await;
    assert_eq!(cleanup.projects().await.unwrap(), []);
    assert_eq!(bench.store.schedules.next().await.unwrap(), None);
}

#[tokio::test]
async fn g2_a_schedule_that_saw_a_clock_years_ahead_is_brought_back() {
    let bench = Bench::new().await;
    bench.publish("report", bindings(&["0 * * * *"], &[])).await;
    bench.settle().await;
    let schedule = bench.schedules().await.remove(0);
    let right = schedule.next_ms.unwrap();
    let ahead = |ms: i64, expected_ms: i64| Firing {
        id: schedule.spec.id.clone(),
        expected_ms,
        next_ms: Some(right + ms),
        slots: Vec::new(),
        missed: 0,
    };
    let year = 365 * 86_400_000;
    bench.store.schedules.fire(bench.project, ahead(year, right)).await.unwrap();
    bench.restart().await;
    let next = bench.schedules().await[0].next_ms.unwrap();
    assert!(
        (0..=3_600_000).contains(&(next - right)),
        "{next} is {right}, or an hour later if that has come"
    );

    // A clock that went back a little must not fire a slot again.
    bench.store.schedules.fire(bench.project, ahead(3_600_000, next)).await.unwrap();
    bench.restart().await;
    assert_eq!(bench.schedules().await[0].next_ms, Some(right + 3_600_000));
}

#[tokio::test]
async fn g2_a_clock_from_before_the_deploy_moves_nothing() {
    let bench = Bench::new().await;
    let now = bench.clock.now_ms();
    let report = bench.publish("report", bindings(&["0 9 * * 1"], &[])).await;
    bench
        .store
        .functions
        .activate(report, 1, &Stamp { actor: "admin".to_owned(), at_ms: now })
        .await
        .unwrap();
    bench.settle().await;
    let before = bench.schedules().await;
    bench.clock.turn(-now);
    bench.restart().await;
    assert_eq!(bench.schedules().await, before, "in 1970");
}

#[test]
fn g2_the_next_slot_is_later_than_the_last_one_unless_that_came_from_a_wrong_clock() {
    let schedule = cron_schedule("0 * * * *");
    let (hour, deployed) = (3_600_000, 500_000 * 3_600_000);
    let year = 365 * 24 * hour;
    let now = deployed + 10 * hour + 1;
    let next = deployed + 11 * hour;
    for (now, last, expected) in [
        (now, None, next),
        (now, Some(next - hour), next),
        (now, Some(next), next + hour),
        (now, Some(now + year), next),
        (hour / 2, None, hour),
        (hour / 2, Some(next), next + hour),
    ] {
        assert_eq!(next_slot(&schedule, now, last, deployed), Some(expected), "{now} {last:?}");
    }
}

fn cron_schedule(expression: &str) -> super::cron::Schedule {
    super::cron::Schedule::parse(expression, "UTC").unwrap()
}

#[tokio::test]
async fn g2_schedules_of_a_function_that_can_not_be_served_keep_their_place() {
    let bench = Bench::new().await;
    let refused = Bindings { grants: vec!["no such grant".to_owned()], ..bindings(&["@daily"], &["mail"]) };
    bench.publish("broken", refused).await;
    bench.settle().await;
    assert!(bench.refresher.consumers().load().functions().next().is_none(), "it can't be served");
    let before = bench.schedules().await;
    assert_eq!((before.len(), bench.queues().await), (1, vec!["mail".to_owned()]));
    bench.store.schedules.set(bench.project, &before[0].spec.id, store::jobs::Pause::Pause).await.unwrap();
    bench.settle().await;
    bench.restart().await;
    assert!(bench.schedules().await[0].paused);
}

/// A disk that keeps what deleted projects and functions have left.
struct Stuck(Arc<dyn store::jobs::Cleanup>);

#[async_trait::async_trait]
impl store::jobs::Cleanup for Stuck {
    async fn projects(&self) -> store::jobs::Result<Vec<ProjectId>> {
        self.0.projects().await
    }

    async fn orphan(&self, _: ProjectId, _: FunctionId, _: &str) -> store::jobs::Result<()> {
        Err(store::StoreError::Damaged("a file".to_owned()))
    }

    async fn forget(&self, _: ProjectId) -> store::jobs::Result<()> {
        Err(store::StoreError::Damaged("a folder".to_owned()))
    }
}

#[tokio::test]
async fn g6_a_start_goes_on_without_what_can_not_be_removed() {
    let bench = Bench::with(|store| store.cleanup = Arc::new(Stuck(store.cleanup.clone()))).await;
    let gone = bench.publish("gone", bindings(&["@daily"], &[])).await;
    bench.settle().await;
    let call = Trigger::Async {
        method: "POST".to_owned(),
        path: "/".to_owned(),
        lineage: store::jobs::Lineage::default(),
    };
    bench.enqueue(Lane::Async(gone), call).await;
    let other = bench.store.projects.create("other", &stamp()).await.unwrap().id;
    bench
        .store
        .queues
        .declare(other, &[store::jobs::QueueSpec { name: "q".to_owned(), retention_ms: None }])
        .await
        .unwrap();
    bench.store.projects.delete(other, &stamp()).await.unwrap();
    bench.store.functions.delete(gone, &stamp()).await.unwrap();
    bench.publish("kept", bindings(&["@hourly"], &[])).await;
    bench.restart().await;
    assert_eq!(bench.expressions().await, ["@hourly"], "the others are healed");
}

#[tokio::test]
async fn a_start_opens_no_file_that_is_as_deployed() {
    let bench = Bench::new().await;
    bench.publish("report", bindings(&["@daily"], &["mail"])).await;
    bench.settle().await;
    let before = bench.schedules().await;
    let Bench { store, refresher, reconciler, project, clock, _folder: folder } = bench;
    drop((store, refresher, reconciler));
    let log = folder.path().join(format!("data/projects/{}/data.db-wal", project.0));
    let place = log.parent().unwrap();
    assert!(place.join("data.db").exists() && !log.exists(), "closed in good order");
    let store = test_store(folder.path(), &clock);
    let reconciler = Reconciler { store: store.clone(), clock };
    reconciler.heal().await.unwrap();
    assert!(!log.exists(), "whoever writes makes a log");
    assert_eq!(store.schedules.list(project).await.unwrap(), before);
}
