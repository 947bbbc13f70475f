//! From the catalog to what is served: one `Live` per active function, one route table, swapped whole.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use host_api::grants::Grants;
use host_api::{Identity, SecretValues};
use store::Store;
use store::catalog::{
    ActiveSite, CronTrigger, Digest, Export, Function, FunctionId, Project, ProjectId, Revision,
};
use tokio::sync::Mutex;

use super::live::{Consumers, Live, LivePlace, LiveProject, LiveSchedule, LiveSignIn, LiveSite, Routes};
use crate::problem::Problem;
use crate::router::{Entry, Hosts, Table};
use crate::triggers::schedule::{Schedule, schedule_id};

/// Folder of the data directory where asset bundles are unpacked.
pub(super) const UNPACKED: &str = "unpacked";

/// Builds tables. One at a time, so that the newest catalog always wins.
pub(super) struct Refresher {
    store: Arc<Store>,
    hosts: Hosts,
    routes: Arc<ArcSwap<Routes>>,
    consumers: Arc<ArcSwap<Consumers>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    generations: u64,
    known: HashMap<FunctionId, Known>,
    sites: HashMap<ProjectId, Served>,
    sign_ins: HashMap<ProjectId, Arc<LiveSignIn>>,
}

/// The site of a project.
struct Served {
    active: ActiveSite,
    live: Arc<LiveSite>,
    /// Other versions that have a host of their own, by number.
    previews: Vec<(u32, Arc<LiveSite>)>,
}

/// What a `Live` was made of: as long as it is the same, instances may be kept.
struct Known {
    function: Function,
    sealed: Arc<Sealed>,
    live: Arc<Live>,
}

type Sealed = Vec<(String, Vec<u8>)>;

/// What the functions of one project have in common.
struct Shared {
    project: Arc<LiveProject>,
    sealed: Arc<Sealed>,
    secrets: BTreeMap<String, String>,
}

impl Refresher {
    pub(super) fn new(store: Arc<Store>, domain: Option<&str>) -> Self {
        let hosts = Hosts::new(domain);
        let (empty, _) = Table::build(hosts.clone(), Vec::new(), HashMap::new());
        Self {
            store,
            hosts,
            routes: Arc::new(ArcSwap::from_pointee(empty)),
            consumers: Arc::default(),
            state: Mutex::default(),
        }
    }

    pub(super) fn routes(&self) -> Arc<ArcSwap<Routes>> {
        self.routes.clone()
    }

    pub(super) fn consumers(&self) -> Arc<ArcSwap<Consumers>> {
        self.consumers.clone()
    }

    /// How people sign in to that project may be another way now: the next table knows nothing of it.
    pub(super) async fn forget_sign_in(&self, project: ProjectId) {
        self.state.lock().await.sign_ins.remove(&project);
    }

    /// Reads the catalog and swaps the table and the consumers. What it shows when it returns is at least as new as the
    /// catalog was when it was called.
    pub(super) async fn refresh(&self) -> Result<(), Problem> {
        let mut state = self.state.lock().await;
        let projects = self.projects().await?;
        let mut known = HashMap::new();
        let mut entries = Vec::new();
        for (function, revision) in self.store.functions.active().await? {
            let Some(shared) = projects.get(&function.project) else { continue };
            let before = state.known.remove(&function.id);
            let live = match before {
                Some(before) if before.function == function && before.sealed == shared.sealed => before.live,
                _ => {
                    state.generations += 1;
                    match self.live(state.generations, shared, &function, revision) {
                        Ok(live) => Arc::new(live),
                        Err(problem) => {
                            tracing::error!(function = %function.name, %problem, "a function can't be served");
                            continue;
                        }
                    }
                }
            };
            if live.exports(Export::Http) {
                entries.push(Entry {
                    project: shared.project.name.clone(),
                    function: function.name.clone(),
                    routes: function.bindings.routes.clone(),
                    target: live.clone(),
                });
            }
            known.insert(function.id, Known { function, sealed: shared.sealed.clone(), live });
        }
        state.sites = self.sites(&projects, std::mem::take(&mut state.sites)).await?;
        let places = state.places(&projects);
        let (table, refused) = Table::build(self.hosts.clone(), entries, places);
        for reason in refused {
            tracing::error!(reason, "a route of the catalog is not served");
        }
        self.routes.store(Arc::new(table));
        self.consumers.store(Arc::new(Consumers::new(known.values().map(|known| known.live.clone()))));
        state.known = known;
        Ok(())
    }

    /// The sites that are served; what is the same as before is not read again.
    async fn sites(
        &self,
        projects: &HashMap<ProjectId, Shared>,
        mut before: HashMap<ProjectId, Served>,
    ) -> Result<HashMap<ProjectId, Served>, Problem> {
        let mut sites = HashMap::new();
        for active in self.store.sites.active().await? {
            let Some(shared) = projects.get(&active.project) else { continue };
            let same = before.remove(&active.project).filter(|served| served.active == active);
            if let Some(served) = same {
                sites.insert(active.project, served);
                continue;
            }
            let site =
                |spec| Arc::new(LiveSite { id: active.project, project: shared.project.name.clone(), spec });
            // Replaced meanwhile: whoever did that refreshes too.
            let Some(spec) = self.store.sites.spec(active.project, active.number).await? else { continue };
            let previews = match spec.previews {
                true => {
                    let versions = self.store.sites.versions(active.project).await?;
                    versions.into_iter().map(|version| (version.number, site(version.spec))).collect()
                }
                false => Vec::new(),
            };
            let live = site(spec);
            sites.insert(active.project, Served { active, live, previews });
        }
        Ok(sites)
    }

    async fn projects(&self) -> Result<HashMap<ProjectId, Shared>, Problem> {
        let mut projects = HashMap::new();
        for project in self.store.projects.list().await? {
            projects.insert(project.id, self.shared(project).await?);
        }
        Ok(projects)
    }

    async fn shared(&self, project: Project) -> Result<Shared, Problem> {
        let sealed = self.store.secrets.load(project.id).await?;
        let mut secrets = BTreeMap::new();
        for (name, value) in &sealed {
            // One secret that can't be opened must not take the server down: its readers find it missing.
            match self.store.keys.open(project.id, name, value).map(String::from_utf8) {
                Ok(Ok(text)) => drop(secrets.insert(name.clone(), text)),
                _ => tracing::error!(project = %project.name, secret = %name, "a secret can't be opened"),
            }
        }
        let project = Arc::new(LiveProject { id: project.id, name: project.name });
        Ok(Shared { project, sealed: Arc::new(sealed), secrets })
    }

    fn live(
        &self,
        generation: u64,
        shared: &Shared,
        function: &Function,
        revision: Revision,
    ) -> Result<Live, Problem> {
        let grants = Grants::parse(&function.bindings.grants)
            .map_err(|error| Problem::new(500, "internal", error.to_string()))?;
        let spec = revision.spec;
        let secrets = SecretValues::new(
            &grants,
            shared.secrets.iter().map(|(name, value)| (name.clone(), value.clone())),
        );
        Ok(Live {
            generation,
            project: shared.project.clone(),
            function: function.id,
            name: function.name.clone(),
            revision: revision.number,
            identity: Arc::new(Identity {
                project: shared.project.name.clone(),
                function: function.name.clone(),
                revision: revision.number,
                bindings: function.bindings.names.clone().into_iter().collect(),
            }),
            code: (function.project, spec.wasm.clone()),
            env: spec.env.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            environment: Arc::new(spec.env.clone()),
            args: spec.args.iter().cloned().collect(),
            assets: spec.assets.as_ref().map(|digest| assets_path(&self.store, digest)),
            routes: function.bindings.routes.clone(),
            access: function.bindings.access.clone(),
            callable: function.bindings.callable,
            grants: Arc::new(grants),
            secrets: Arc::new(secrets),
            cron: schedules(function),
            queues: function.bindings.queues.iter().cloned().map(Arc::new).collect(),
            events: function.bindings.events.clone(),
            spec,
        })
    }
}

impl State {
    /// What clients find on the hosts of all projects, by name.
    fn places(&mut self, projects: &HashMap<ProjectId, Shared>) -> HashMap<String, LivePlace> {
        self.sign_ins.retain(|project, _| projects.contains_key(project));
        let mut places = HashMap::new();
        for (id, shared) in projects {
            let (served, sign_in) = (self.sites.get(id), self.sign_ins.entry(*id).or_default());
            let place = |site| LivePlace { project: *id, site, sign_in: sign_in.clone() };
            let name = &shared.project.name;
            for (number, site) in served.iter().flat_map(|served| &served.previews) {
                places.insert(format!("{number}--{name}"), place(Some(site.clone())));
            }
            places.insert(name.clone(), place(served.map(|served| served.live.clone())));
        }
        places
    }
}

/// The function's schedules. One that this server can't read (its zone data may be older than those of the server
/// that took the deploy) must not keep the function from being served.
fn schedules(function: &Function) -> Vec<Arc<LiveSchedule>> {
    let read = |trigger: &CronTrigger| match Schedule::parse(&trigger.schedule, &trigger.timezone) {
        Ok(schedule) => {
            let id = schedule_id(function.id, trigger);
            Some(Arc::new(LiveSchedule { id, trigger: trigger.clone(), schedule }))
        }
        Err(error) => {
            tracing::error!(function = %function.name, schedule = %trigger.schedule, %error, "a schedule can't be read");
            None
        }
    };
    function.bindings.cron.iter().filter_map(read).collect()
}

fn assets_path(store: &Store, digest: &Digest) -> PathBuf {
    store.data.path().join(UNPACKED).join(digest.as_str())
}
