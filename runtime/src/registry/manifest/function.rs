//! The `[function.NAME]` section.

use std::collections::BTreeMap;

use store::catalog::{Access, JobLimits, Limits, OnDisconnect, Route, SignedIn};
use toml::Spanned;
use toml::de::DeValue;

use super::reader::{At, Fault, Section, integer, string, wrong_type};
use super::{FunctionSettings, triggers, units};
use crate::registry::settings::{self, Ceilings, JobKey, LimitKey, Unit};

const KNOWN: &[&str] = &[
    "source",
    "build",
    "routes",
    "auth",
    "roles",
    "callable",
    "cron",
    "queues",
    "events",
    "reuse",
    "limits",
    "jobs",
    "grants",
    "env",
    "bindings",
    "args",
    "assets",
    "on_disconnect",
];

pub(super) fn read(section: &Section<'_, '_>, ceilings: &Ceilings) -> Result<FunctionSettings, Fault> {
    section.allow(KNOWN, &[])?;
    let (grants, env) = (grants(section)?, env(section)?);
    let names = bindings(section, &grants, &env)?;
    let (reuse, concurrent) = reuse(section, ceilings)?;
    Ok(FunctionSettings {
        source: source(section)?,
        build: section.string("build")?.map(|(text, _)| text.to_owned()),
        routes: routes(section)?,
        access: access(section)?.unwrap_or_default(),
        callable: section.boolean("callable")?.is_some_and(|(callable, _)| callable),
        grants,
        env,
        cron: triggers::cron(section)?,
        queues: triggers::queues(section)?,
        events: triggers::events(section)?,
        limits: limits(section, ceilings)?,
        jobs: jobs(section, ceilings)?,
        names,
        args: args(section)?,
        reuse,
        concurrent,
        on_disconnect: on_disconnect(section)?,
        assets: section.string("assets")?.map(|(text, at)| folder(text, at)).transpose()?,
    })
}

fn source(section: &Section<'_, '_>) -> Result<Option<String>, Fault> {
    let Some((text, at)) = section.string("source")? else { return Ok(None) };
    folder(text, at).map(Some)
}

pub(super) fn folder(text: &str, at: usize) -> Result<String, Fault> {
    if text.is_empty() || text.contains('\0') {
        return Err(Fault::at(at, "this is not a path"));
    }
    Ok(text.to_owned())
}

/// `auth` and `roles` of a function or a route; none where neither stands.
fn access(section: &Section<'_, '_>) -> Result<Option<Access>, Fault> {
    let mut roles: Vec<String> = Vec::new();
    for (role, at) in section.strings("roles")? {
        settings::check_role(role).map_err(|reason| Fault::at(at, reason))?;
        roles.push(role.to_owned());
    }
    if roles.len() > settings::MAX_ROLES {
        return Err(Fault::at(section.start(), format!("more than {} roles", settings::MAX_ROLES)));
    }
    let named = section.value("roles").is_some();
    let signed_in = match section.string("auth")? {
        None if named => SignedIn::Required,
        None => return Ok(None),
        Some(("required", _)) => SignedIn::Required,
        Some((mode @ ("none" | "optional"), at)) if named => {
            return Err(Fault::at(at, format!("`roles` ask for somebody signed in, and auth is \"{mode}\""))
                .hint("write `auth = \"required\"`"));
        }
        Some(("none", _)) => SignedIn::None,
        Some(("optional", _)) => SignedIn::Optional,
        Some((other, at)) => {
            return Err(Fault::at(at, format!("unknown auth mode `{other}`"))
                .hint("\"none\", \"optional\" and \"required\" are known"));
        }
    };
    // Nobody would be let through, which no one means who writes it.
    match named && roles.is_empty() {
        true => Err(Fault::at(section.start(), "`roles` has no role in it")),
        false => Ok(Some(Access { signed_in, roles })),
    }
}

fn routes(section: &Section<'_, '_>) -> Result<Vec<Route>, Fault> {
    let Some(array) = section.array("routes")? else { return Ok(Vec::new()) };
    let mut routes = Vec::with_capacity(array.len());
    for value in array {
        let (route, at) = route(&section.name("routes"), value)?;
        let route = settings::normalise_route(route).map_err(|reason| Fault::at(at, reason))?;
        settings::check_against(&routes, &route).map_err(|reason| Fault::at(at, reason))?;
        routes.push(route);
    }
    if routes.len() > settings::MAX_ROUTES {
        let message = format!("more than {} routes", settings::MAX_ROUTES);
        return Err(Fault::at(section.start(), message));
    }
    Ok(routes)
}

fn route(name: &str, value: &Spanned<DeValue<'_>>) -> Result<At<Route>, Fault> {
    match value.get_ref() {
        DeValue::String(path) => {
            let route =
                Route { path: path.as_ref().to_owned(), methods: Vec::new(), strip: None, access: None };
            Ok((route, value.span().start))
        }
        DeValue::Table(_) => {
            let table = Section::of(name.to_owned(), value)?;
            table.allow(&["path", "methods", "strip", "auth", "roles"], &[])?;
            let access = access(&table)?;
            let Some((path, at)) = table.string("path")? else {
                return Err(Fault::at(table.start(), "this route has no `path`"));
            };
            let methods = table.strings("methods")?.into_iter().map(|(text, _)| text.to_owned()).collect();
            let strip = table.string("strip")?.map(|(text, _)| text.to_owned());
            Ok((Route { path: path.to_owned(), methods, strip, access }, at))
        }
        other => Err(wrong_type(name, "paths or tables with `path`", other, value.span().start)),
    }
}

fn grants(section: &Section<'_, '_>) -> Result<Vec<String>, Fault> {
    let mut grants: Vec<String> = Vec::new();
    for (text, at) in section.strings("grants")? {
        let one = [text.to_owned()];
        settings::check_grants(&one).map_err(|refused| fault(at, refused))?;
        if !grants.iter().any(|known| known == text) {
            grants.push(text.to_owned());
        }
    }
    Ok(grants)
}

fn env(section: &Section<'_, '_>) -> Result<BTreeMap<String, String>, Fault> {
    let Some(table) = section.section("env")? else { return Ok(BTreeMap::new()) };
    let mut env = BTreeMap::new();
    for (name, at) in table.keys() {
        let Some((value, _)) = table.string(name)? else { continue };
        settings::check_variable(name, value).map_err(|reason| Fault::at(at, reason))?;
        env.insert(name.to_owned(), value.to_owned());
    }
    settings::check_environment(&env).map_err(|reason| Fault::at(table.start(), reason))?;
    Ok(env)
}

fn bindings(
    section: &Section<'_, '_>,
    grants: &[String],
    env: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Fault> {
    let Some(table) = section.section("bindings")? else { return Ok(BTreeMap::new()) };
    let mut names = BTreeMap::new();
    for (name, at) in table.keys() {
        let Some((resource, value_at)) = table.string(name)? else { continue };
        settings::check_binding(name, resource)
            .and_then(|()| settings::check_granted(name, resource, grants, env))
            .map_err(|refused| fault(if env.contains_key(name) { at } else { value_at }, refused))?;
        names.insert(name.to_owned(), resource.to_owned());
    }
    settings::check_bindings(&names, grants, env).map_err(|refused| fault(table.start(), refused))?;
    Ok(names)
}

fn args(section: &Section<'_, '_>) -> Result<Vec<String>, Fault> {
    let Some(value) = section.value("args") else { return Ok(Vec::new()) };
    let args: Vec<String> = section.strings("args")?.into_iter().map(|(text, _)| text.to_owned()).collect();
    settings::check_args(&args).map_err(|reason| Fault::at(value.span().start, reason))?;
    Ok(args)
}

pub(super) fn fault(at: usize, refused: settings::Refused) -> Fault {
    refused.hint.into_iter().fold(Fault::at(at, refused.message), Fault::hint)
}

fn limits(section: &Section<'_, '_>, ceilings: &Ceilings) -> Result<Limits, Fault> {
    let mut limits = ceilings.default_limits();
    let Some(table) = section.section("limits")? else { return Ok(limits) };
    let names: Vec<&str> = LimitKey::ALL.iter().map(|key| key.name()).collect();
    table.allow(&names, &[])?;
    for key in LimitKey::ALL {
        let Some(value) = table.value(key.name()) else { continue };
        let (amount, at) = amount(&table.name(key.name()), key.unit(), value)?;
        key.set(&mut limits, amount, ceilings).map_err(|reason| Fault::at(at, reason))?;
    }
    Ok(limits)
}

fn jobs(section: &Section<'_, '_>, ceilings: &Ceilings) -> Result<JobLimits, Fault> {
    let mut limits = ceilings.default_job_limits();
    let Some(table) = section.section("jobs")? else { return Ok(limits) };
    table.allow(&JobKey::ALL.map(JobKey::name), &[])?;
    for key in JobKey::ALL {
        let Some(value) = table.value(key.name()) else { continue };
        let (amount, at) = amount(&table.name(key.name()), Unit::Millis, value)?;
        key.set(&mut limits, amount, ceilings).map_err(|reason| Fault::at(at, reason))?;
    }
    Ok(limits)
}

fn amount(name: &str, unit: Unit, value: &Spanned<DeValue<'_>>) -> Result<At<u64>, Fault> {
    let at = value.span().start;
    match (unit, value.get_ref()) {
        (Unit::Count, _) => {
            let (number, at) = integer(name, value)?;
            let number =
                u64::try_from(number).map_err(|_| Fault::at(at, format!("`{name}` has to be positive")))?;
            Ok((number, at))
        }
        (Unit::Bytes | Unit::Millis, DeValue::Integer(_)) => {
            let example = if unit == Unit::Bytes { "\"128MiB\"" } else { "\"10s\"" };
            Err(Fault::at(at, format!("`{name}` needs a unit")).hint(format!("write for example {example}")))
        }
        (Unit::Bytes, _) => {
            units::bytes(string(name, value)?.0).map(|n| (n, at)).map_err(|e| Fault::at(at, e))
        }
        (Unit::Millis, _) => {
            units::millis(string(name, value)?.0).map(|n| (n, at)).map_err(|e| Fault::at(at, e))
        }
    }
}

/// `reuse = 50`, or `reuse = { invocations = 50, concurrent = 8 }`: in all, and at once.
fn reuse(section: &Section<'_, '_>, ceilings: &Ceilings) -> Result<(u32, u32), Fault> {
    let Some(value) = section.value("reuse") else { return Ok((1, 1)) };
    let invocations = |number: i64, at: usize| {
        settings::check_reuse(u64::try_from(number).unwrap_or(0), ceilings)
            .map_err(|reason| Fault::at(at, reason))
    };
    let table = match value.get_ref() {
        DeValue::Integer(_) => {
            let (number, at) = integer(&section.name("reuse"), value)?;
            return Ok((invocations(number, at)?, 1));
        }
        DeValue::Table(_) => Section::of(section.name("reuse"), value)?,
        other => {
            let wanted = "a whole number or a table with `invocations`";
            return Err(wrong_type(&section.name("reuse"), wanted, other, value.span().start));
        }
    };
    table.allow(&["invocations", "concurrent"], &[])?;
    let Some((number, at)) = table.integer("invocations")? else {
        return Err(Fault::at(table.start(), "`reuse` does not say how many `invocations`")
            .hint("write for example { invocations = 1000, concurrent = 16 }"));
    };
    let reuse = invocations(number, at)?;
    let Some((number, at)) = table.integer("concurrent")? else { return Ok((reuse, 1)) };
    let concurrent = settings::check_concurrent(u64::try_from(number).unwrap_or(0), reuse);
    Ok((reuse, concurrent.map_err(|reason| Fault::at(at, reason))?))
}

fn on_disconnect(section: &Section<'_, '_>) -> Result<OnDisconnect, Fault> {
    match section.string("on_disconnect")? {
        None | Some(("finish", _)) => Ok(OnDisconnect::Finish),
        Some(("cancel", _)) => Ok(OnDisconnect::Cancel),
        Some((other, at)) => Err(Fault::at(at, format!("unknown on_disconnect `{other}`"))
            .hint("\"finish\" and \"cancel\" are known")),
    }
}
