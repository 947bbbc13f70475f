//! What is developed: the functions of the manifest, and what has to be done for each.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    MANIFEST,
    changes::{Inputs, Kind, Need, Outputs, need},
    work::{Component, Task},
};
use crate::{
    build::is_script,
    commands::deploy::{
        plan::{FunctionPlan, Plan},
        site::SitePlan,
    },
    failure::Word,
};

/// What a build writes may be reported a little after its end.
const AFTER_BUILD: Duration = Duration::from_millis(300);

/// One function and how far it is.
pub(super) struct Unit {
    /// What the manifest says.
    pub(super) plan: Arc<FunctionPlan>,
    /// Where it answered after the last deploy.
    pub(super) urls: Vec<String>,
    kind: Kind,
    source: PathBuf,
    assets: Option<PathBuf>,
    /// The last component, and the files that went into it.
    component: Option<Component>,
    /// Whether the list of files is that of the files as they are now: a failed build may want others.
    inputs_hold: bool,
    outputs: Outputs,
    need: Need,
    /// When the first change came that is not worked on yet.
    since: Instant,
    working: bool,
    ended: Option<Instant>,
}

impl Unit {
    fn new(root: &Path, plan: FunctionPlan, now: Instant) -> Self {
        let source = absolute(root, &plan.component);
        let assets = plan.assets.as_ref().map(|assets| absolute(root, assets));
        let kind = match &plan.build {
            Some(_) => Kind::Command,
            None if is_script(&plan.component) => Kind::Script,
            None => Kind::File,
        };
        Self {
            plan: Arc::new(plan),
            urls: Vec::new(),
            kind,
            source,
            assets,
            component: None,
            inputs_hold: false,
            outputs: Outputs::default(),
            need: Need::Build,
            since: now,
            working: false,
            ended: None,
        }
    }

    fn known(&self) -> Option<&BTreeSet<PathBuf>> {
        self.component.as_ref().filter(|_| self.inputs_hold)?.inputs.as_ref()
    }

    /// Whether its command makes that file: what it is to make, and what has its name with another ending.
    fn makes(&self, path: &Path) -> bool {
        self.kind == Kind::Command
            && path.with_extension("") == self.source.with_extension("")
            && !self.known().is_some_and(|known| known.contains(path))
    }

    fn ask(&mut self, need: Need, now: Instant) {
        if need > Need::Nothing && self.need == Need::Nothing {
            self.since = now;
        }
        self.need = self.need.max(need);
    }

    /// One changed file, which may belong to another function.
    fn changed(&mut self, root: &Path, path: &Path, foreign: bool, now: Instant) {
        let known = self.known().is_some_and(|known| known.contains(path));
        let building = self.working || self.ended.is_some_and(|ended| now < ended + AFTER_BUILD);
        if self.kind == Kind::Command && !known && self.outputs.has(path, building) {
            return;
        }
        // Tools make files for a moment; of those that go for good, only the ones that were used matter.
        let in_assets = self.assets.as_ref().is_some_and(|assets| path.starts_with(assets));
        if !known && !in_assets && !path.exists() {
            return;
        }
        let inputs = Inputs {
            folder: root,
            kind: self.kind,
            source: &self.source,
            known: self.known(),
            assets: self.assets.as_deref(),
        };
        let need = need(path, &inputs, foreign);
        self.ask(need, now);
    }
}

/// The static site and whether it is to be published.
struct Site {
    plan: Arc<SitePlan>,
    folder: PathBuf,
    /// When the first change came that is not published yet.
    since: Option<Instant>,
}

/// A site to publish.
#[derive(Debug)]
pub(super) struct SiteTask {
    /// What the manifest says.
    pub(super) plan: Arc<SitePlan>,
    /// When the change came that this is about.
    pub(super) since: Instant,
}

/// All functions of the manifest, and its site.
pub(super) struct Project {
    root: PathBuf,
    /// A manifest that no function declares, and that is not declared yet.
    resources: Option<String>,
    site: Option<Site>,
    /// By name.
    pub(super) units: BTreeMap<String, Unit>,
}

impl Project {
    /// A project without functions yet. `root` is absolute.
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, resources: None, site: None, units: BTreeMap::new() }
    }

    /// Takes a manifest over: what is built otherwise is built again, the rest is deployed with its new settings.
    pub(super) fn plan(&mut self, plan: Plan, now: Instant) {
        self.resources = plan.resources;
        self.site = plan.site.map(|site| Site {
            folder: absolute(&self.root, &site.folder),
            plan: Arc::new(site),
            since: Some(now),
        });
        let mut before = std::mem::take(&mut self.units);
        for function in plan.functions {
            let name = function.name.clone();
            let mut unit = Unit::new(&self.root, function, now);
            if let Some(old) = before.remove(&name) {
                unit.urls = old.urls;
                unit.working = old.working;
                unit.ended = old.ended;
                let same = unit.plan.build == old.plan.build
                    && unit.plan.bound == old.plan.bound
                    && unit.source == old.source;
                if same && old.component.is_some() {
                    unit.component = old.component;
                    unit.inputs_hold = old.inputs_hold;
                    unit.outputs = old.outputs;
                    unit.need = old.need.max(Need::Deploy);
                    // A build that is wanted or failed before is still wanted.
                    if !unit.inputs_hold {
                        unit.need = Need::Build;
                    }
                }
            }
            self.units.insert(name, unit);
        }
    }

    /// Takes changed files in, of which some are gone. Absolute paths; the manifest is [`Project::plan`]'s.
    pub(super) fn changed(&mut self, paths: &BTreeSet<PathBuf>, now: Instant) {
        let manifest = self.root.join(MANIFEST);
        let made = |path: &Path| self.units.values().any(|unit| unit.makes(path));
        let edited: Vec<&PathBuf> = paths.iter().filter(|path| **path != manifest && !made(path)).collect();
        for path in edited {
            let site = self.site.as_mut().filter(|site| path.starts_with(&site.folder));
            let of_site = site.map(|site| site.since.get_or_insert(now)).is_some();
            let owner = self
                .units
                .iter()
                .find(|(_, unit)| unit.known().is_some_and(|known| known.contains(path)))
                .map(|(name, _)| name.clone());
            for (name, unit) in &mut self.units {
                // What a page shows is no reason to build a function that is not known to read it.
                let foreign = of_site || owner.as_ref().is_some_and(|owner| owner != name);
                unit.changed(&self.root, path, foreign, now);
            }
        }
    }

    /// Everything is to be built again.
    pub(super) fn rebuild(&mut self, now: Instant) {
        self.units.values_mut().for_each(|unit| unit.ask(Need::Build, now));
        if let Some(site) = &mut self.site {
            site.since = Some(now);
        }
    }

    /// What is to be done now. It counts as begun.
    pub(super) fn tasks(&mut self) -> Vec<Task> {
        let wanted = self.units.values_mut().filter(|unit| unit.need > Need::Nothing);
        wanted
            .map(|unit| {
                let need = std::mem::replace(&mut unit.need, Need::Nothing);
                unit.working = true;
                let ready = unit.component.clone().filter(|_| need == Need::Deploy && unit.inputs_hold);
                let source = unit.source.clone();
                Task { plan: unit.plan.clone(), folder: self.root.clone(), source, ready, since: unit.since }
            })
            .collect()
    }

    /// What is to be declared. It counts as begun.
    pub(super) fn take_resources(&mut self) -> Option<String> {
        self.resources.take()
    }

    /// Whether the manifest has a site.
    pub(super) fn has_site(&self) -> bool {
        self.site.is_some()
    }

    /// The site, where it is to be published. It counts as begun.
    pub(super) fn site_task(&mut self) -> Option<SiteTask> {
        let site = self.site.as_mut()?;
        let since = site.since.take()?;
        Some(SiteTask { plan: site.plan.clone(), since })
    }

    /// A function was worked on; `component` is there when its build succeeded.
    pub(super) fn ended(&mut self, function: &str, component: Option<Component>, now: Instant) {
        let Some(unit) = self.units.get_mut(function) else { return };
        unit.working = false;
        unit.ended = Some(now);
        unit.inputs_hold = component.is_some();
        unit.component = component.or(unit.component.take());
    }

    /// The files that count wherever they are: those that went into a component, and components made by others.
    pub(super) fn wanted(&self) -> BTreeSet<PathBuf> {
        let made_elsewhere =
            self.units.values().filter(|unit| unit.kind == Kind::File).map(|unit| &unit.source);
        let inputs = self.units.values().filter_map(Unit::known).flatten();
        let tool = |path: &&PathBuf| !path.components().any(|part| part.as_os_str() == "node_modules");
        inputs.filter(tool).chain(made_elsewhere).cloned().collect()
    }
}

/// The path as the watcher will name it.
fn absolute(root: &Path, path: &Path) -> PathBuf {
    let joined = root.join(path);
    joined.canonicalize().unwrap_or_else(|_| joined.components().collect())
}

/// What is wrong and has been said: nothing is said twice.
#[derive(Debug, Default)]
pub(super) struct Wrongs {
    /// By function; the manifest has no name.
    said: BTreeMap<Option<String>, String>,
}

impl Wrongs {
    /// Remembers what is wrong; whether it is to be said, since it was not said of this or of another function.
    pub(super) fn is_news(&mut self, about: Option<&str>, word: &Word) -> bool {
        let text = word.to_json().to_string() + word.excerpt.as_deref().unwrap_or_default();
        let news = !self.said.values().any(|said| *said == text);
        self.said.insert(about.map(str::to_owned), text);
        news
    }

    /// It is right now; whether it was not before.
    pub(super) fn is_right(&mut self, about: Option<&str>) -> bool {
        self.said.remove(&about.map(str::to_owned)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_once() {
        let word = |message: &str| Word::new("local", message);
        let mut wrongs = Wrongs::default();
        assert!(wrongs.is_news(Some("shop"), &word("app.js:1:1: no")));
        assert!(!wrongs.is_news(Some("shop"), &word("app.js:1:1: no")));
        assert!(!wrongs.is_news(Some("cart"), &word("app.js:1:1: no")), "it is the same fault");
        assert!(wrongs.is_news(Some("shop"), &word("app.js:2:1: no")));
        let mut other = word("app.js:2:1: no");
        other.excerpt = Some("  2 | x".to_owned());
        assert!(wrongs.is_news(Some("shop"), &other));
        assert!(wrongs.is_right(Some("shop")));
        assert!(!wrongs.is_right(Some("shop")));
        assert!(wrongs.is_right(Some("cart")));
        assert!(wrongs.is_news(Some("shop"), &other), "it went wrong again");
        assert!(!wrongs.is_right(None));
    }
}
