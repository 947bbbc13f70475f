//! One active function with everything that a request needs, read from the catalog once per change; and who
//! takes what comes by schedules and queues.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use host_api::grants::Grants;
use host_api::{Identity, SecretValues};
use store::accounts::Settings;
use store::catalog::{
    Access, CronTrigger, DataTrigger, Digest, Export, FunctionId, ProjectId, QueueTrigger, RevisionSpec,
    Route, SiteSpec,
};
use store::jobs::ScheduleId;
use tokio::sync::OnceCell;

use crate::router::Table;
use crate::triggers::schedule::Schedule;

/// An active function. Never changed: a deploy, a rollback or a new secret makes another one.
#[derive(Clone)]
pub struct Live {
    /// Unique in this process: instances of one generation may be used for it and for no other.
    pub generation: u64,
    /// The owner.
    pub project: Arc<LiveProject>,
    /// The function.
    pub function: FunctionId,
    /// Its name.
    pub name: String,
    /// The active revision.
    pub revision: u32,
    /// The same as the guest may know it, with the names that it gives to resources.
    pub identity: Arc<Identity>,
    /// Its content.
    pub spec: RevisionSpec,
    /// Which compiled code it runs.
    pub code: (ProjectId, Digest),
    /// Environment variables, as the guest's runtime wants them.
    pub env: Arc<[(String, String)]>,
    /// The same, as `wasi:config` wants them.
    pub environment: Arc<BTreeMap<String, String>>,
    /// Arguments of a command, after its name.
    pub args: Arc<[String]>,
    /// The folder that the guest sees at `/assets`.
    pub assets: Option<PathBuf>,
    /// Explicit routes.
    pub routes: Vec<Route>,
    /// Who may call.
    pub access: Access,
    /// Whether clients may call it by name through the client API.
    pub callable: bool,
    /// What it may use.
    pub grants: Arc<Grants>,
    /// Values of the secrets that it may see.
    pub secrets: Arc<SecretValues>,
    /// Schedules that start it.
    pub cron: Vec<Arc<LiveSchedule>>,
    /// Queues that it consumes.
    pub queues: Vec<Arc<QueueTrigger>>,
    /// Changes of data of which it is told.
    pub events: Vec<DataTrigger>,
}

impl Live {
    /// Whether its active component exports that interface.
    pub fn exports(&self, export: Export) -> bool {
        self.spec.exports.contains(&export)
    }
}

/// A schedule, ready to be reckoned with.
#[derive(Clone, Debug)]
pub struct LiveSchedule {
    /// Its id: stable for the same function and the same trigger.
    pub id: ScheduleId,
    /// What was declared.
    pub trigger: CronTrigger,
    /// The parsed expression in its time zone.
    pub schedule: Schedule,
}

/// The site of a project, as it is served. Never changed: a deploy makes another one.
pub struct LiveSite {
    /// The project's immutable id.
    pub id: ProjectId,
    /// The project's name.
    pub project: String,
    /// All that is served.
    pub spec: SiteSpec,
}

/// What clients find on the hosts of a project, whatever functions it has. Never changed: a deploy makes another one.
#[derive(Clone)]
pub struct LivePlace {
    /// Immutable id.
    pub project: ProjectId,
    /// Its site.
    pub site: Option<Arc<LiveSite>>,
    /// How people sign in to it.
    pub sign_in: Arc<LiveSignIn>,
}

/// How people sign in to a project; none: they don't. Read from its file when somebody asks for the first time, so that a start
/// opens no file for that; a deploy that may have changed it makes another one.
pub type LiveSignIn = OnceCell<Option<Arc<Settings>>>;

/// Who answers which request.
pub type Routes = Table<Arc<Live>, LivePlace>;

/// What the functions of a project share.
pub struct LiveProject {
    /// Immutable id.
    pub id: ProjectId,
    /// Name.
    pub name: String,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Secrets and environment stay out of every log.
        f.debug_struct("Live")
            .field("project", &self.project.name)
            .field("name", &self.name)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

/// Who takes what: all active functions, the consumers of queues, and the schedules. Never changed: a new one
/// takes its place together with every new route table.
#[derive(Debug, Default)]
pub struct Consumers {
    functions: HashMap<FunctionId, Arc<Live>>,
    names: HashMap<ProjectId, HashMap<String, Arc<Live>>>,
    queues: HashMap<ProjectId, BTreeMap<String, QueueConsumer>>,
    schedules: HashMap<ScheduleId, ScheduleConsumer>,
}

/// A function that consumes a queue.
#[derive(Clone, Debug)]
pub struct QueueConsumer {
    /// The function.
    pub live: Arc<Live>,
    /// How it wants the messages.
    pub trigger: Arc<QueueTrigger>,
}

/// A function that a schedule starts.
#[derive(Clone, Debug)]
pub struct ScheduleConsumer {
    /// The function.
    pub live: Arc<Live>,
    /// The schedule.
    pub schedule: Arc<LiveSchedule>,
}

impl Consumers {
    /// Sorts active functions by what starts them.
    pub fn new(functions: impl IntoIterator<Item = Arc<Live>>) -> Self {
        let mut consumers = Self::default();
        for live in functions {
            let queues = consumers.queues.entry(live.project.id).or_default();
            for trigger in &live.queues {
                let consumer = QueueConsumer { live: live.clone(), trigger: trigger.clone() };
                queues.insert(trigger.name.clone(), consumer);
            }
            for schedule in &live.cron {
                let consumer = ScheduleConsumer { live: live.clone(), schedule: schedule.clone() };
                consumers.schedules.insert(schedule.id.clone(), consumer);
            }
            let names = consumers.names.entry(live.project.id).or_default();
            names.insert(live.name.clone(), live.clone());
            consumers.functions.insert(live.function, live);
        }
        consumers
    }

    /// The active function of that id.
    pub fn function(&self, id: FunctionId) -> Option<&Arc<Live>> {
        self.functions.get(&id)
    }

    /// The active function of that name in a project.
    pub fn named(&self, project: ProjectId, name: &str) -> Option<&Arc<Live>> {
        self.names.get(&project)?.get(name)
    }

    /// All active functions, in no order.
    pub fn functions(&self) -> impl Iterator<Item = &Arc<Live>> {
        self.functions.values()
    }

    /// The consumer of a project's queue.
    pub fn queue(&self, project: ProjectId, name: &str) -> Option<&QueueConsumer> {
        self.queues.get(&project)?.get(name)
    }

    /// The consumers of a project's queues, by name.
    pub fn queues(&self, project: ProjectId) -> impl Iterator<Item = &QueueConsumer> {
        self.queues.get(&project).into_iter().flat_map(BTreeMap::values)
    }

    /// The schedule of that id.
    pub fn schedule(&self, id: &ScheduleId) -> Option<&ScheduleConsumer> {
        self.schedules.get(id)
    }

    /// All schedules, in no order.
    pub fn schedules(&self) -> impl Iterator<Item = &ScheduleConsumer> {
        self.schedules.values()
    }
}
