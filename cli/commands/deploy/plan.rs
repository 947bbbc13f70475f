//! From what was typed to what is to be deployed. Reads the manifest, nothing else.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use runtime::control::wire::{CronFlag, DeployFlags, JobLimitFlags, LimitFlags, Quantity, QueueFlag, Route};
use serde_json::{Value, json};

use super::manifest;
use crate::{
    args::{DeployArgs, RouteFlag, SettingsArgs},
    failure::Failure,
};

/// All that one deploy does.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The project that the manifest names.
    pub(super) project: Option<String>,
    /// The functions, in the order in which they are deployed.
    pub(super) functions: Vec<FunctionPlan>,
}

/// One function to deploy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FunctionPlan {
    pub(super) name: String,
    pub(super) settings: Settings,
    pub(super) build: Option<Build>,
    pub(super) component: PathBuf,
    pub(super) assets: Option<PathBuf>,
    /// What the settings say, to show it.
    pub(super) routes: Vec<Route>,
    /// What the settings say, to show it.
    pub(super) grants: Vec<String>,
    /// What the settings say, to show it: expression and time zone.
    pub(super) cron: Vec<String>,
    /// What the settings say, to show it.
    pub(super) queues: Vec<String>,
}

/// Where the function's settings come from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Settings {
    /// The whole text of an `ostro.toml`: what it does not mention is removed.
    Manifest(String),
    /// Flags: what they do not mention stays.
    Flags(Box<DeployFlags>),
}

/// A command that makes the component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Build {
    pub(super) command: String,
    /// Where it runs: the manifest's folder.
    pub(super) folder: PathBuf,
}

/// What the argument names.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    Manifest(PathBuf),
    Component(PathBuf),
    Script(PathBuf),
}

impl Target {
    fn of(path: Option<&Path>) -> Self {
        let Some(path) = path else { return Self::Manifest(PathBuf::from("ostro.toml")) };
        if path.is_dir() {
            return Self::Manifest(path.join("ostro.toml"));
        }
        match path.extension().and_then(OsStr::to_str) {
            Some("toml") => Self::Manifest(path.to_owned()),
            Some("js" | "mjs" | "cjs" | "ts" | "mts" | "jsx" | "tsx") => Self::Script(path.to_owned()),
            _ => Self::Component(path.to_owned()),
        }
    }
}

impl Plan {
    /// Decides what to deploy.
    pub(super) fn make(args: &DeployArgs) -> Result<Self, Failure> {
        if let Some((flag, feature)) = args.later.first_given() {
            return Err(Failure::usage(format!(
                "`{flag}` comes with {feature}, in a later version of Ostro"
            ))
            .hint("deploy without it for now"));
        }
        match Target::of(args.target.as_deref()) {
            Target::Manifest(file) => Self::of_manifest(args, &file),
            Target::Component(file) => Self::of_component(args, file),
            Target::Script(file) => Err(Failure::usage(format!(
                "{}: JavaScript comes in a later version of Ostro",
                file.display()
            ))
            .hint("deploy a .wasm component for now")),
        }
    }

    fn of_manifest(args: &DeployArgs, file: &Path) -> Result<Self, Failure> {
        if let Some(flag) = args.settings.first_given() {
            return Err(Failure::usage(format!(
                "`{flag}` is for a .wasm file; {} says it all",
                file.display()
            ))
            .hint("write it into the manifest; `--function NAME` picks one of its functions"));
        }
        let (text, manifest) = manifest::load(file)?;
        let folder = match file.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let names: Vec<&str> = manifest.functions.keys().map(String::as_str).collect();
        if let Some(wanted) = args.function.as_deref().filter(|wanted| !names.contains(wanted)) {
            return Err(Failure::usage(format!("{} defines no function `{wanted}`", file.display()))
                .hint(format!("it defines: {}", names.join(", "))));
        }
        if names.is_empty() {
            return Err(Failure::local(format!("{} defines no function", file.display()))
                .hint("add one: [function.hello] with source = \"hello.wasm\""));
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
                    component: folder.join(source),
                    assets: function.assets.as_ref().map(|assets| folder.join(assets)),
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
        Ok(Self { project: manifest.project, functions })
    }

    fn of_component(args: &DeployArgs, file: PathBuf) -> Result<Self, Failure> {
        if args.function.is_some() {
            return Err(Failure::usage("`--function` picks a function of a manifest")
                .hint("`--name` names a function that comes from a .wasm file"));
        }
        let name = match &args.settings.name {
            Some(name) => name.clone(),
            None => name_of(&file).ok_or_else(|| {
                Failure::usage(format!("{} gives no name for a function", file.display()))
                    .hint("add `--name NAME`: lower-case letters, digits and hyphens")
            })?,
        };
        let flags = flags(&args.settings);
        let function = FunctionPlan {
            name,
            build: None,
            component: file,
            assets: args.settings.assets.clone(),
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
        Ok(Self { project: None, functions: vec![function] })
    }
}

impl FunctionPlan {
    /// For `--dry-run --json`.
    pub(super) fn to_json(&self) -> Value {
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
        reuse: args.reuse,
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
