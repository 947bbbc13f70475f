//! `ostro list`, `show` and `delete`.

use std::fmt::Write as _;

use runtime::{
    control::wire::{
        AccessView, AuthMode, CronTrigger, DataTrigger, FunctionDetail, FunctionList, JobLimits, Limits,
        Missed, OnDisconnect, Overlap, QueueTrigger, Route, RouteView,
    },
    registry::manifest::units::show_millis,
};

use super::Context;
use crate::{
    args::FunctionArgs,
    failure::Failure,
    output::{Table, escape, units},
};

/// `ostro list`.
pub(super) fn list(context: &Context) -> Result<(), Failure> {
    let session = context.session()?;
    let list: FunctionList = session.client.get(&session.path(&["functions"]), &[])?;
    context.out.show(&list, |list| {
        let mut table = Table::new(&["NAME", "REVISION", "AUTH", "CALLS", "FAILED", "UPDATED", "URL"]);
        for function in &list.functions {
            table.row([
                function.name.clone(),
                function.revision.to_string(),
                access_text(&function.access),
                function.invocations.to_string(),
                function.failures.to_string(),
                units::time_to_second(function.updated_ms),
                function.urls.first().cloned().unwrap_or_default(),
            ]);
        }
        let empty =
            format!("no functions in project `{}` yet: `ostro deploy FILE.wasm` makes one", session.project);
        context.out.table(&table, &empty)
    })
}

/// `ostro show`.
pub(super) fn show(context: &Context, args: &FunctionArgs) -> Result<(), Failure> {
    let session = context.session()?;
    let detail: FunctionDetail = session.client.get(&session.function(&args.name, &[]), &[])?;
    context.out.show(&detail, |detail| context.out.data(describe(detail).as_bytes()))
}

/// `ostro delete`.
pub(super) fn delete(context: &Context, args: &FunctionArgs) -> Result<(), Failure> {
    let session = context.session()?;
    session.client.delete(&session.function(&args.name, &[]))?;
    context.out.word(&format!("deleted {} of project {}", args.name, session.project));
    Ok(())
}

/// A fact a line; lists take a line an item.
fn describe(detail: &FunctionDetail) -> String {
    let function = &detail.function;
    let mut facts: Vec<(&str, String)> = vec![
        ("name", function.name.clone()),
        ("id", function.id.to_string()),
        ("revision", function.revision.to_string()),
        ("kind", detail.kind.clone()),
        ("component", format!("{}, digest {}", units::bytes(detail.wasm_bytes), detail.digest)),
        ("created", units::time_to_second(function.created_ms)),
        ("updated", units::time_to_second(function.updated_ms)),
        (
            "calls",
            format!("{}, {} failed, since the server started", function.invocations, function.failures),
        ),
    ];
    facts.extend(function.urls.iter().map(|url| ("url", url.clone())));
    facts.push(("auth", access_text(&function.access)));
    let route = |view: &RouteView| match &view.access {
        Some(access) => format!("{} (auth {})", route_text(&view.route), access_text(access)),
        None => route_text(&view.route),
    };
    facts.extend(function.routes.iter().map(|view| ("route", route(view))));
    if detail.callable {
        facts.push(("callable", format!("by clients, POST /_ostro/v1/functions/{}", function.name)));
    }
    facts.extend(detail.cron.iter().map(|trigger| ("cron", cron_text(trigger))));
    facts.extend(detail.queues.iter().map(|trigger| ("queue", queue_text(trigger))));
    facts.extend(detail.events.iter().map(|trigger| ("event", event_text(trigger))));
    facts.extend(function.grants.iter().map(|grant| ("grant", grant.clone())));
    facts.extend(detail.bindings.iter().map(|(name, resource)| ("binding", format!("{name}={resource}"))));
    facts.extend(detail.args.iter().map(|arg| ("arg", arg.clone())));
    facts.extend(detail.env.iter().map(|(name, value)| ("env", format!("{name}={value}"))));
    facts.extend(detail.assets.iter().map(|digest| ("assets", format!("digest {digest}"))));
    facts.push(("exports", detail.exports.join(", ")));
    facts.push(("limits", limits_text(&detail.limits)));
    facts.push(("jobs", job_limits_text(&detail.jobs)));
    facts.push(("instances", reuse_text(detail.reuse, detail.concurrent)));
    if detail.on_disconnect == OnDisconnect::Cancel {
        facts.push(("client gone", "cancels the invocation".to_owned()));
    }
    let mut text = String::new();
    for (name, fact) in facts {
        let _ = writeln!(text, "{name:<12}{}", escape(&fact));
    }
    text
}

/// Who may call.
fn access_text(access: &AccessView) -> String {
    let mode = match access.auth {
        AuthMode::None => "none",
        AuthMode::Optional => "optional",
        AuthMode::Required => "required",
    };
    match access.roles.as_slice() {
        [] => mode.to_owned(),
        roles => format!("{mode}, role {}", roles.join(" or ")),
    }
}

/// A route as `--route` takes it.
pub(super) fn route_text(route: &Route) -> String {
    let methods =
        if route.methods.is_empty() { String::new() } else { format!("{} ", route.methods.join(",")) };
    let strip = route.strip.as_ref().map(|prefix| format!(" (strips {prefix})")).unwrap_or_default();
    format!("{methods}{}{strip}", route.path)
}

/// A schedule: what is not as usual is said.
pub(super) fn cron_text(trigger: &CronTrigger) -> String {
    let missed = match trigger.missed {
        Missed::Once => "",
        Missed::Skip => ", missed slots are skipped",
        Missed::All => ", all missed slots run",
    };
    let overlap = match trigger.overlap {
        Overlap::Forbid => "",
        Overlap::Allow => ", may overlap",
        Overlap::Replace => ", replaces the run before",
    };
    format!("{} {}, path {}{missed}{overlap}", trigger.schedule, trigger.timezone, trigger.path)
}

/// A queue that is consumed.
pub(super) fn queue_text(trigger: &QueueTrigger) -> String {
    let QueueTrigger { name, batch, concurrency, attempts, path } = trigger;
    format!("{name}, batch {batch}, concurrency {concurrency}, attempts {attempts}, path {path}")
}

/// Data of whose changes it is told.
fn event_text(trigger: &DataTrigger) -> String {
    format!("{} on {}, path {}", trigger.source, trigger.on.join(", "), trigger.path)
}

/// They are minutes and hours: in the unit in which they were typed.
fn job_limits_text(limits: &JobLimits) -> String {
    format!("cpu {}, wall {}", show_millis(limits.cpu_ms), show_millis(limits.wall_ms))
}

fn limits_text(limits: &Limits) -> String {
    format!(
        "memory {}, cpu {}, wall {}, concurrency {}, request body {}, {} outbound calls, log {}",
        units::bytes(limits.memory_bytes),
        units::millis(limits.cpu_ms),
        units::millis(limits.wall_ms),
        limits.concurrency,
        units::bytes(limits.request_body_bytes),
        limits.outbound_calls,
        units::bytes(limits.log_bytes),
    )
}

fn reuse_text(reuse: u32, concurrent: u32) -> String {
    match (reuse, concurrent) {
        (1, _) => "a fresh one for each invocation".to_owned(),
        (_, 1) => format!("each serves up to {reuse} invocations, one after the other"),
        _ => format!("each serves up to {reuse} invocations, {concurrent} at once"),
    }
}
