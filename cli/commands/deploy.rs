//! `ostro deploy`: plan what is to be deployed, build it, upload it, say where it answers.

mod assets;
pub(super) mod manifest;
pub(super) mod plan;
pub(super) mod resources;
pub(super) mod site;

use std::{collections::BTreeSet, path::Path};

use runtime::{
    control::wire::{DeployOutcome, DeployReport, SiteOutcome, SiteReport},
    registry::manifest::with_project,
};
use serde_json::{Value, json};
use ureq::unversioned::multipart::{Form, Part};

use self::{
    plan::{FunctionPlan, Plan, Settings},
    site::For,
};
use super::{Context, Session, functions::route_text};
use crate::{
    args::DeployArgs,
    build::{self, Source, Stop, Voice},
    failure::Failure,
    output::{Form as OutputForm, Output, escape, units},
};

/// `ostro deploy`.
pub(super) fn run(context: &Context, args: &DeployArgs) -> Result<(), Failure> {
    let plan = Plan::make(args)?;
    if args.dry_run {
        return show_plan(context, &plan);
    }
    // Before a long build: a missing server or token is better known now.
    let session =
        context.session_in(plan.project.clone().or_else(|| super::project_of(Path::new("ostro.toml"))))?;
    let mut ran = BTreeSet::new();
    let mut reports = Vec::new();
    let (mut declared, mut published) = (None, None);
    let mut deploy_all = || {
        if let Some(manifest) = &plan.resources {
            let report = resources::send(&session, manifest)?;
            let said = resources::sentence(&report);
            if context.out.form() != OutputForm::Json && !said.is_empty() {
                context.out.word(&format!("declared {said}"));
            }
            declared = Some(report);
        }
        for function in &plan.functions {
            let component = build(context, function, &mut ran)?;
            let report = upload(context, &session, function, &component)?;
            say(context, &report)?;
            reports.push(report);
        }
        // Last: its pages may call what the functions answer now.
        if let Some(plan) = &plan.site {
            let report = site::send(&context.out, &session, plan, For::Visitors)
                .map_err(|failure| manifest::locate_in(failure, &plan.manifest))?;
            say_site(context, &report)?;
            published = Some(report);
        }
        Ok(())
    };
    let done: Result<(), Failure> = deploy_all();
    // What was deployed before a failure stays deployed, and is told.
    if context.out.form() == OutputForm::Json {
        let mut told = serde_json::Map::from_iter([("deployed".to_owned(), json!(reports))]);
        told.extend(declared.map(|report| ("resources".to_owned(), json!(report))));
        told.extend(published.map(|report| ("site".to_owned(), json!(report))));
        context.out.json(&Value::Object(told))?;
    }
    done
}

/// Makes the component: runs the manifest's `build`, once where several functions share it, and compiles a script.
pub(super) fn build<'a>(
    context: &Context,
    function: &'a FunctionPlan,
    ran: &mut BTreeSet<&'a str>,
) -> Result<Vec<u8>, Failure> {
    let command = function.build.as_ref().map(|build| build.command.as_str());
    let command = command.filter(|command| ran.insert(command));
    if let Some(command) = command {
        context.out.word(&format!("building: {command}"));
    }
    let _progress = build::is_script(&function.component)
        .then(|| context.out.progress(&format!("building {}", function.component.display())));
    let (folder, file) = (&function.folder, &function.component);
    let source = Source { command, folder, file, bound: function.bound.as_deref() };
    let built = build::build(&source, Voice::Through, &Stop::default())?;
    if !built.output.is_empty() {
        context.out.word(built.output.trim_end());
    }
    Ok(built.component)
}

fn upload(
    context: &Context,
    session: &Session,
    function: &FunctionPlan,
    component: &[u8],
) -> Result<DeployReport, Failure> {
    let size_bytes = component.len() as u64;
    let _progress =
        context.out.progress(&format!("deploying {} ({})", function.name, units::bytes(size_bytes)));
    send(&context.out, session, function, component)
}

/// Uploads a component with the function's assets and settings.
pub(super) fn send(
    out: &Output,
    session: &Session,
    function: &FunctionPlan,
    component: &[u8],
) -> Result<DeployReport, Failure> {
    let assets = match &function.assets {
        Some(folder) => {
            let bundle = assets::pack(folder)?;
            let skipped = bundle.skipped.iter();
            skipped.for_each(|skipped| out.warn(&format!("left out of the assets: {skipped}")));
            Some(bundle.tar)
        }
        None => None,
    };
    let settings;
    let form = match &function.settings {
        Settings::Manifest(text) => {
            // `--project` wins over the manifest, and the server wants them to agree.
            settings = with_project(text, &session.project);
            Form::new().text("manifest", &settings)
        }
        Settings::Flags(typed) => {
            settings = serde_json::to_string(typed).map_err(|error| Failure::local(error.to_string()))?;
            Form::new().text("flags", &settings)
        }
    };
    let form = form.part("component", Part::bytes(component).file_name("component.wasm"));
    let form = match &assets {
        Some(tar) => form.part("assets", Part::bytes(tar).file_name("assets.tar")),
        None => form,
    };
    let size_bytes = (component.len() + assets.as_ref().map_or(0, Vec::len)) as u64;
    session
        .client
        .upload(&session.function(&function.name, &["deploy"]), form, size_bytes)
        .map_err(|failure| manifest::locate(failure, function))
}

/// Words for people, URLs as data. JSON is printed at the end, in one piece.
fn say(context: &Context, report: &DeployReport) -> Result<(), Failure> {
    if context.out.form() == OutputForm::Json {
        return Ok(());
    }
    report.removed.iter().for_each(|removed| context.out.word(&format!("removed {removed}")));
    context.out.word(&sentence(report));
    report.urls.iter().try_for_each(|url| context.out.line(&escape(url)))
}

fn say_site(context: &Context, report: &SiteReport) -> Result<(), Failure> {
    if context.out.form() == OutputForm::Json {
        return Ok(());
    }
    let SiteReport { version, files, bytes, .. } = report;
    let files = format!("{}, {}", site::counted(*files), units::bytes(*bytes));
    context.out.word(&match report.outcome {
        SiteOutcome::Created => format!("deployed the site: version {version} ({files})"),
        SiteOutcome::Unchanged => format!("unchanged: the site, version {version} ({files})"),
    });
    context.out.line(&escape(&report.url))
}

fn sentence(report: &DeployReport) -> String {
    let DeployReport { function, revision, timing, .. } = report;
    match report.outcome {
        DeployOutcome::Created => {
            let compiled = match timing.compile_ms {
                0 => String::new(),
                ms => format!(" (compiled in {})", units::millis(ms)),
            };
            format!("deployed {function} revision {revision}{compiled}")
        }
        DeployOutcome::Unchanged => format!("unchanged: {function} revision {revision}"),
        DeployOutcome::Rebound => {
            format!("deployed {function}: revision {revision} stays, its routes, grants or triggers changed")
        }
    }
}

fn show_plan(context: &Context, plan: &Plan) -> Result<(), Failure> {
    let mut value = json!({
        "project": context.typed_project().or(plan.project.as_deref()),
        "plan": plan.functions.iter().map(FunctionPlan::to_json).collect::<Vec<Value>>(),
    });
    if let (Some(value), Some(site)) = (value.as_object_mut(), &plan.site) {
        value.insert("site".to_owned(), json!({ "folder": site.folder }));
    }
    if let Some(value) = value.as_object_mut() {
        value.insert("resources".to_owned(), json!(plan.resources.is_some()));
    }
    context.out.show(&value, |_| {
        if plan.resources.is_some() {
            context.out.line("accounts, rules and data as the manifest says")?;
        }
        for function in &plan.functions {
            context.out.line(&format!(
                "{} from {}",
                function.name,
                escape(&function.component.to_string_lossy())
            ))?;
            for fact in facts(function) {
                context.out.line(&format!("  {}", escape(&fact)))?;
            }
        }
        if let Some(site) = &plan.site {
            context.out.line(&format!("the site from {}", escape(&site.folder.to_string_lossy())))?;
        }
        context.out.word("dry run: nothing was built or sent");
        Ok(())
    })
}

fn facts(function: &FunctionPlan) -> Vec<String> {
    let mut facts = Vec::new();
    facts.extend(function.build.iter().map(|build| format!("build: {}", build.command)));
    facts.extend(function.routes.iter().map(|route| format!("route: {}", route_text(route))));
    facts.extend(function.grants.iter().map(|grant| format!("grant: {grant}")));
    facts.extend(function.cron.iter().map(|cron| format!("cron: {cron}")));
    facts.extend(function.queues.iter().map(|queue| format!("queue: {queue}")));
    facts.extend(function.assets.iter().map(|folder| format!("assets: {}", folder.display())));
    facts
}

#[cfg(test)]
mod tests {
    use runtime::control::wire::DeployTiming;

    use super::*;

    fn report(outcome: DeployOutcome, compile_ms: u64) -> DeployReport {
        DeployReport {
            project: "default".to_owned(),
            function: "hello-rust".to_owned(),
            revision: 3,
            outcome,
            digest: String::new(),
            kind: "http-0.2".to_owned(),
            removed: Vec::new(),
            urls: Vec::new(),
            timing: DeployTiming { compile_ms, ..DeployTiming::default() },
        }
    }

    #[test]
    fn sentences() {
        for (outcome, compile_ms, expected) in [
            (DeployOutcome::Created, 412, "deployed hello-rust revision 3 (compiled in 0.4 s)"),
            (DeployOutcome::Created, 0, "deployed hello-rust revision 3"),
            (DeployOutcome::Unchanged, 0, "unchanged: hello-rust revision 3"),
            (
                DeployOutcome::Rebound,
                0,
                "deployed hello-rust: revision 3 stays, its routes, grants or triggers changed",
            ),
        ] {
            assert_eq!(sentence(&report(outcome, compile_ms)), expected);
        }
    }
}
