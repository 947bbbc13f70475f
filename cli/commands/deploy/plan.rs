//! From what was typed to what is to be deployed. Reads the manifest, nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    path::{Path, PathBuf},
};

use runtime::control::wire::{CronFlag, DeployFlags, JobLimitFlags, LimitFlags, Quantity, QueueFlag, Route};
use serde_json::{Value, json};

use super::{manifest, site::SitePlan};
use crate::{
    args::{DeployArgs, RouteFlag, SettingsArgs},
    failure::Failure,
};

/// All that one deploy does.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::commands) struct Plan {
    /// The project that the manifest names.
    pub(in crate::commands) project: Option<String>,
    /// The functions, in the order in which they are deployed.
    pub(in crate::commands) functions: Vec<FunctionPlan>,
    /// The text of a manifest without functions that says what else the project has: with functions, their deploys do.
    pub(in crate::commands) resources: Option<String>,
    /// The static site, which is deployed after them.
    pub(in crate::commands) site: Option<SitePlan>,
}

/// One function to deploy.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::commands) struct FunctionPlan {
    pub(in crate::commands) name: String,
    pub(in crate::commands) settings: Settings,
    pub(in crate::commands) build: Option<Build>,
    /// The manifest's folder, or the one of the file: places in messages are relative to it.
    pub(in crate::commands) folder: PathBuf,
    pub(in crate::commands) component: PathBuf,
    pub(in crate::commands) assets: Option<PathBuf>,
    /// Kinds of resources that the function's names stand for, if that is known: flags leave out what stays.
    pub(in crate::commands) bound: Option<Vec<String>>,
    /// What the settings say, to show it.
    pub(in crate::commands) routes: Vec<Route>,
    /// What the settings say, to show it.
    pub(in crate::commands) grants: Vec<String>,
    /// What the settings say, to show it: expression and time zone.
    pub(in crate::commands) cron: Vec<String>,
    /// What the settings say, to show it.
    pub(in crate::commands) queues: Vec<String>,
}

/// Where the function's settings come from.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::commands) enum Settings {
    /// The whole text of an `ostro.toml`: what it does not mention is removed.
    Manifest(String),
    /// Flags: what they do not mention stays.
    Flags(Box<DeployFlags>),
}

/// A command that makes the component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands) struct Build {
    pub(in crate::commands) command: String,
    /// Where it runs: the manifest's folder.
    pub(in crate::commands) folder: PathBuf,
}

/// What the argument names.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    Manifest(PathBuf),
    /// A component, or a script that one is made of.
    File(PathBuf),
    /// A folder without a manifest, and the script in it that the function is made of.
    Folder(PathBuf, PathBuf),
}

impl Target {
    fn of(path: Option<&Path>) -> Self {
        let Some(path) = path else { return Self::Manifest(PathBuf::from("ostro.toml")) };
        if path.is_dir() {
            let manifest = path.join("ostro.toml");
            return match entry_of(path).filter(|_| !manifest.is_file()) {
                Some(entry) => Self::Folder(path.to_owned(), entry),
                None => Self::Manifest(manifest),
            };
        }
        match path.extension().and_then(OsStr::to_str) {
            Some("toml") => Self::Manifest(path.to_owned()),
            _ => Self::File(path.to_owned()),
        }
    }
}

impl Plan {
    /// Decides what to deploy.
    pub(in crate::commands) fn make(args: &DeployArgs) -> Result<Self, Failure> {
        match Target::of(args.target.as_deref()) {
            Target::Manifest(file) => Self::of_manifest(args, &file),
            Target::File(file) => {
                let name = name_of(&file);
                Self::of_file(args, file, name)
            }
            Target::Folder(folder, entry) => {
                // `.` has a name too.
                let name = folder.canonicalize().ok().as_deref().and_then(name_of);
                Self::of_file(args, entry, name)
            }
        }
    }

    fn of_manifest(args: &DeployArgs, file: &Path) -> Result<Self, Failure> {
        if let Some(flag) = args.settings.first_given() {
            return Err(Failure::usage(format!(
                "`{flag}` is for a function of one file; {} says it all",
                file.display()
            ))
            .hint("write it into the manifest; `--function NAME` picks one of its functions"));
        }
        let (text, manifest) = manifest::load(file)?;
        let folder = folder_of(file);
        let names: Vec<&str> = manifest.functions.keys().map(String::as_str).collect();
        if let Some(wanted) = args.function.as_deref().filter(|wanted| !names.contains(wanted)) {
            return Err(Failure::usage(format!("{} defines no function `{wanted}`", file.display()))
                .hint(format!("it defines: {}", names.join(", "))));
        }
        // One function was asked for, and nothing else.
        let site = manifest.site.as_ref().filter(|_| args.function.is_none());
        let site = site.map(|site| SitePlan { manifest: text.clone(), folder: folder.join(&site.folder) });
        // Also where it says nothing of them: what a manifest does not have is off.
        let resources = names.is_empty().then(|| text.clone());
        if names.is_empty() && site.is_none() && !manifest.has_resources() {
            return Err(Failure::local(format!("{} deploys nothing", file.display()))
                .hint("add a function: [function.hello] with source = \"hello.wasm\""));
        }
        let functions = manifest
            .functions
            .iter()
            .filter(|(name, _)| args.function.as_deref().is_none_or(|wanted| wanted == name.as_str()))
            .map(|(name, function)| {
                let source = function.source.as_ref().ok_or_else(|| {
                    Failure::local(format!("{}: function `{name}` has no `source`", file.display()))
                        .hint("name its .wasm file, relative to the manifest")
                })?;
                let build = function.build.as_ref().filter(|_| !args.no_build);
                Ok(FunctionPlan {
                    name: name.clone(),
                    settings: Settings::Manifest(text.clone()),
                    build: build.map(|command| Build { command: command.clone(), folder: folder.clone() }),
                    folder: folder.clone(),
                    component: folder.join(source),
                    assets: function.assets.as_ref().map(|assets| folder.join(assets)),
                    bound: Some(kinds(&function.names)),
                    routes: function
                        .routes
                        .iter()
                        .map(|route| Route {
                            path: route.path.clone(),
                            methods: route.methods.clone(),
                            strip: route.strip.clone(),
                        })
                        .collect(),
                    grants: function.grants.clone(),
                    cron: function
                        .cron
                        .iter()
                        .map(|trigger| format!("{} {}", trigger.schedule, trigger.timezone))
                        .collect(),
                    queues: function.queues.iter().map(|queue| queue.name.clone()).collect(),
                })
            })
            .collect::<Result<_, Failure>>()?;
        Ok(Self { project: manifest.project, functions, resources, site })
    }

    /// A function of one file; `named` is its name unless one was typed.
    fn of_file(args: &DeployArgs, file: PathBuf, named: Option<String>) -> Result<Self, Failure> {
        if args.function.is_some() {
            return Err(Failure::usage("`--function` picks a function of a manifest")
                .hint("`--name` names a function that comes from a file"));
        }
        let name = match &args.settings.name {
            Some(name) => name.clone(),
            None => named.ok_or_else(|| {
                Failure::usage(format!("{} gives no name for a function", file.display()))
                    .hint("add `--name NAME`: lower-case letters, digits and hyphens")
            })?,
        };
        let flags = flags(&args.settings);
        let function = FunctionPlan {
            name,
            build: None,
            folder: folder_of(&file),
            component: file,
            assets: args.settings.assets.clone(),
            bound: flags.bindings.as_ref().map(kinds),
            routes: flags.routes.clone().unwrap_or_default(),
            grants: flags.grants.clone().unwrap_or_default(),
            cron: args
                .settings
                .cron
                .iter()
                .map(|schedule| format!("{schedule} {}", args.settings.timezone.as_deref().unwrap_or("UTC")))
                .collect(),
            queues: args.settings.queues.clone(),
            settings: Settings::Flags(Box::new(flags)),
        };
        Ok(Self { project: None, functions: vec![function], resources: None, site: None })
    }
}

impl FunctionPlan {
    /// For `--dry-run --json`.
    pub(in crate::commands) fn to_json(&self) -> Value {
        json!({
            "function": self.name,
            "component": self.component,
            "build": self.build.as_ref().map(|build| &build.command),
            "assets": self.assets,
            "routes": self.routes,
            "grants": self.grants,
            "cron": self.cron,
            "queues": self.queues,
            "settings": match self.settings {
                Settings::Manifest(_) => "manifest",
                Settings::Flags(_) => "flags",
            },
        })
    }
}

/// The kinds of these resources, such as `queue`, each once.
fn kinds(names: &BTreeMap<String, String>) -> Vec<String> {
    let kinds = names.values().filter_map(|resource| resource.split_once(':'));
    kinds.map(|(kind, _)| kind.to_owned()).collect::<BTreeSet<_>>().into_iter().collect()
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// A flag that was not given is absent: what it is about stays.
fn flags(args: &SettingsArgs) -> DeployFlags {
    let quantity = |text: &Option<String>| text.clone().map(Quantity::Text);
    let limits = LimitFlags {
        memory: quantity(&args.memory),
        cpu: quantity(&args.cpu),
        wall: quantity(&args.wall),
        concurrency: args.concurrency.map(|count| Quantity::Number(count.into())),
        ..LimitFlags::default()
    };
    let given = |is_empty: bool| (!is_empty).then_some(());
    let jobs = JobLimitFlags { cpu: quantity(&args.job_cpu), wall: quantity(&args.job_wall) };
    DeployFlags {
        cron: given(args.cron.is_empty()).map(|()| args.cron.iter().map(|text| cron(text, args)).collect()),
        queues: given(args.queues.is_empty()).map(|()| args.queues.iter().map(|name| queue(name)).collect()),
        jobs: (jobs != JobLimitFlags::default()).then_some(jobs),
        routes: given(args.routes.is_empty()).map(|()| args.routes.iter().map(wire_route).collect()),
        grants: given(args.grants.is_empty()).map(|()| args.grants.clone()),
        env: given(args.env.is_empty()).map(|()| args.env.iter().cloned().collect()),
        limits: (limits != LimitFlags::default()).then_some(limits),
        bindings: given(args.bindings.is_empty()).map(|()| args.bindings.iter().cloned().collect()),
        args: given(args.args.is_empty()).map(|()| args.args.clone()),
        reuse: args.reuse,
        concurrent: args.concurrent,
        auth: args.auth,
        on_disconnect: None,
    }
}

fn cron(schedule: &str, args: &SettingsArgs) -> CronFlag {
    CronFlag {
        schedule: schedule.to_owned(),
        timezone: args.timezone.clone(),
        path: None,
        missed: None,
        overlap: None,
    }
}

fn queue(name: &str) -> QueueFlag {
    QueueFlag { name: name.to_owned(), batch: None, concurrency: None, attempts: None, path: None }
}

fn wire_route(route: &RouteFlag) -> Route {
    Route { path: route.path.clone(), methods: route.methods.clone(), strip: None }
}

/// The script of a folder that has no manifest, by its name.
fn entry_of(folder: &Path) -> Option<PathBuf> {
    let places = ["app", "index", "src/app", "src/index"];
    let names =
        places.iter().flat_map(|place| ["ts", "tsx", "js", "jsx", "mjs"].map(|end| format!("{place}.{end}")));
    names.map(|name| folder.join(name)).find(|file| file.is_file())
}

/// The file's name as a function's name: `My_Function.wasm` is `my-function`.
fn name_of(file: &Path) -> Option<String> {
    let stem = file.file_stem()?.to_str()?.to_lowercase();
    let hyphened: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let words: Vec<&str> = hyphened.split('-').filter(|word| !word.is_empty()).collect();
    let name: String = words.join("-").chars().take(40).collect();
    let name = name.trim_end_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests;
