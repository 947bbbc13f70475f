//! What a function's settings become: a manifest replaces them all, flags change those that they name. Pure.

use std::collections::BTreeMap;

use store::catalog::{
    Access, Bindings, CronTrigger, DataTrigger, JobLimits, Limits, OnDisconnect, Route, SignedIn,
};

use super::manifest;
use super::resources::Resources;
use super::settings::{self, Ceilings, JobKey, LimitKey, Unfit, Unit};
use crate::control::wire::{DeployFlags, JobLimitFlags, LimitFlags, Quantity};
use crate::problem::Problem;
use crate::registry::manifest::units;

/// Everything about a function but its component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    /// Routes, grants, schedules and queues.
    pub bindings: Bindings,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Limits.
    pub limits: Limits,
    /// Limits when a job runs it.
    pub jobs: JobLimits,
    /// Arguments of a command.
    pub args: Vec<String>,
    /// Invocations that one instance serves.
    pub reuse: u32,
    /// Of those, how many at once.
    pub concurrent: u32,
    /// What the client going away means.
    pub on_disconnect: OnDisconnect,
}

impl Settled {
    /// The settings of a function of which nothing is said.
    pub(super) fn new(ceilings: &Ceilings) -> Self {
        Self {
            bindings: Bindings::default(),
            env: BTreeMap::new(),
            limits: ceilings.default_limits(),
            jobs: ceilings.default_job_limits(),
            args: Vec::new(),
            reuse: 1,
            concurrent: 1,
            on_disconnect: OnDisconnect::default(),
        }
    }
}

/// What a deploy wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Desired {
    /// The function's settings.
    pub settled: Settled,
    /// What the project is to have.
    pub resources: Resources,
}

/// What the manifest says of the function of that name, and of what the project has.
pub(super) fn from_manifest(
    text: &str,
    project: &str,
    function: &str,
    ceilings: &Ceilings,
) -> Result<Desired, Problem> {
    let manifest = read_manifest(text, project, ceilings)?;
    let settings = manifest.functions.get(function).ok_or_else(|| {
        Problem::new(422, "manifest", format!("ostro.toml has no [function.{function}]"))
            .hint("deploy under a name that the manifest has")
    })?;
    let settled = Settled {
        bindings: Bindings {
            routes: settings.routes.clone(),
            grants: settings.grants.clone(),
            cron: settings.cron.clone(),
            queues: settings.queues.clone(),
            events: settings.events.clone(),
            names: settings.names.clone(),
            access: settings.access.clone(),
            callable: settings.callable,
        },
        env: settings.env.clone(),
        limits: settings.limits.clone(),
        jobs: settings.jobs.clone(),
        args: settings.args.clone(),
        reuse: settings.reuse,
        concurrent: settings.concurrent,
        on_disconnect: settings.on_disconnect,
    };
    Ok(Desired { settled, resources: Resources::declared(manifest) })
}

/// A manifest that is of this project, or of none.
pub(super) fn read_manifest(
    text: &str,
    project: &str,
    ceilings: &Ceilings,
) -> Result<manifest::Manifest, Problem> {
    let manifest = manifest::parse(text, ceilings).map_err(|error| {
        let detail = serde_json::json!({ "line": error.line, "column": error.column });
        let problem = Problem::new(422, "manifest", format!("ostro.toml, {error}")).detail(detail);
        error.hint.into_iter().fold(problem, Problem::hint)
    })?;
    match manifest.project.as_ref().filter(|named| *named != project) {
        None => Ok(manifest),
        Some(other) => {
            let message =
                format!("ostro.toml is of the project `{other}`, and this deploy goes to `{project}`");
            Err(Problem::new(422, "manifest", message)
                .hint(format!("deploy to `{other}`, or change or remove `name` in its [project]")))
        }
    }
}

/// The current settings with what the flags name.
pub(super) fn with_flags(
    mut current: Settled,
    flags: DeployFlags,
    ceilings: &Ceilings,
) -> Result<Settled, Problem> {
    if let Some(routes) = flags.routes {
        let routes = routes.into_iter().map(Into::into).collect();
        let mut routes = settings::normalise_routes(routes).map_err(|reason| refused(&reason))?;
        for route in &mut routes {
            route.access = access_before(route, &current.bindings);
        }
        current.bindings.routes = routes;
    }
    if let Some(auth) = flags.auth {
        let signed_in = auth.into();
        let roles = std::mem::take(&mut current.bindings.access.roles);
        // Roles are asked of whoever has to be signed in.
        let roles = if signed_in == SignedIn::Required { roles } else { Vec::new() };
        current.bindings.access = Access { signed_in, roles };
    }
    if let Some(grants) = flags.grants {
        settings::check_grants(&grants).map_err(with_hint)?;
        current.bindings.grants = grants;
    }
    if let Some(env) = flags.env {
        settings::check_environment(&env).map_err(|reason| refused(&reason))?;
        current.env = env;
    }
    if let Some(names) = flags.bindings {
        current.bindings.names = names;
    }
    // Grants and variables may have changed under them.
    settings::check_bindings(&current.bindings.names, &current.bindings.grants, &current.env)
        .map_err(with_hint)?;
    if let Some(args) = flags.args {
        settings::check_args(&args).map_err(|reason| refused(&reason))?;
        current.args = args;
    }
    if let Some(reuse) = flags.reuse {
        current.reuse =
            settings::check_reuse(u64::from(reuse), ceilings).map_err(|reason| refused(&reason))?;
        current.concurrent = current.concurrent.min(current.reuse);
    }
    if let Some(concurrent) = flags.concurrent {
        current.concurrent = settings::check_concurrent(u64::from(concurrent), current.reuse)
            .map_err(|reason| refused(&reason))?;
    }
    if let Some(on_disconnect) = flags.on_disconnect {
        current.on_disconnect = on_disconnect.into();
    }
    if let Some(cron) = flags.cron {
        current.bindings.cron = settings::cron_triggers(cron).map_err(unfit)?;
    }
    if let Some(queues) = flags.queues {
        current.bindings.queues = settings::queue_triggers(queues).map_err(unfit)?;
    }
    if let Some(limits) = flags.limits {
        for (key, quantity) in named(limits) {
            let value = value(key.name(), key.unit(), quantity)?;
            key.set(&mut current.limits, value, ceilings).map_err(|reason| refused(&reason))?;
        }
    }
    if let Some(JobLimitFlags { cpu, wall }) = flags.jobs {
        for (key, quantity) in [(JobKey::Cpu, cpu), (JobKey::Wall, wall)] {
            let Some(quantity) = quantity else { continue };
            let value = value(key.name(), Unit::Millis, quantity)?;
            key.set(&mut current.jobs, value, ceilings).map_err(|reason| refused(&reason))?;
        }
    }
    Ok(current)
}

/// Who may come by a route of flags, which can't say that: a route that stays is open to no more callers than before, nor is
/// one that takes methods of several.
fn access_before(route: &Route, before: &Bindings) -> Option<Access> {
    let shape = route.shape();
    let same: Vec<&Route> = before.routes.iter().filter(|before| before.shape() == shape).collect();
    if let Some(same) = same.iter().find(|before| before.methods == route.methods) {
        return same.access.clone();
    }
    let takes = |one: &Route, other: &Route| {
        one.methods.is_empty()
            || other.methods.is_empty()
            || one.methods.iter().any(|method| other.methods.contains(method))
    };
    let strictness = |of: &&&Route| {
        let access = of.access.as_ref().unwrap_or(&before.access);
        let signed_in = match access.signed_in {
            SignedIn::None => 0,
            SignedIn::Optional => 1,
            SignedIn::Required => 2,
        };
        (signed_in, !access.roles.is_empty())
    };
    let overlapping = same.iter().filter(|before| takes(before, route));
    overlapping.max_by_key(strictness).and_then(|before| before.access.clone())
}

/// What a declarative deploy takes away, a sentence each.
pub(super) fn removed(before: &Settled, after: &Settled) -> Vec<String> {
    let same = |a: &Route, b: &Route| (&a.path, &a.methods, &a.strip) == (&b.path, &b.methods, &b.strip);
    let leads = |route: &Route| after.bindings.routes.iter().any(|other| same(route, other));
    let routes = before.bindings.routes.iter().filter(|route| !leads(route));
    let grants = before.bindings.grants.iter().filter(|grant| !after.bindings.grants.contains(grant));
    let env = before.env.keys().filter(|name| !after.env.contains_key(*name));
    let names = before.bindings.names.iter().filter(|(name, _)| !after.bindings.names.contains_key(*name));
    let runs = |all: &[CronTrigger], one: &CronTrigger| {
        all.iter().any(|other| other.schedule == one.schedule && other.timezone == one.timezone)
    };
    let cron = before.bindings.cron.iter().filter(|cron| !runs(&after.bindings.cron, cron));
    let consumes = |name: &str| after.bindings.queues.iter().any(|queue| queue.name == name);
    let queues = before.bindings.queues.iter().filter(|queue| !consumes(&queue.name));
    let told = |event: &DataTrigger| after.bindings.events.iter().any(|other| other.source == event.source);
    let events = before.bindings.events.iter().filter(|event| !told(event));
    routes
        .map(|route| format!("the route {}", route.path))
        .chain(grants.map(|grant| format!("the grant {grant}")))
        .chain(env.map(|name| format!("the variable {name}")))
        .chain(names.map(|(name, resource)| format!("the binding {name} of {resource}")))
        .chain(cron.map(|cron| format!("the schedule {} ({})", cron.schedule, cron.timezone)))
        .chain(queues.map(|queue| format!("the queue {}, which keeps its messages", queue.name)))
        .chain(
            events.map(|event| format!("the events of the {} {}", event.source.kind(), event.source.name())),
        )
        .collect()
}

fn named(limits: LimitFlags) -> impl Iterator<Item = (LimitKey, Quantity)> {
    let LimitFlags {
        memory,
        cpu,
        wall,
        concurrency,
        request_body,
        stream_idle,
        stream_total,
        outbound_calls,
        log,
    } = limits;
    [
        (LimitKey::Memory, memory),
        (LimitKey::Cpu, cpu),
        (LimitKey::Wall, wall),
        (LimitKey::Concurrency, concurrency),
        (LimitKey::RequestBody, request_body),
        (LimitKey::StreamIdle, stream_idle),
        (LimitKey::StreamTotal, stream_total),
        (LimitKey::OutboundCalls, outbound_calls),
        (LimitKey::Log, log),
    ]
    .into_iter()
    .filter_map(|(key, quantity)| quantity.map(|quantity| (key, quantity)))
}

fn value(name: &str, unit: Unit, quantity: Quantity) -> Result<u64, Problem> {
    let value = match (quantity, unit) {
        (Quantity::Number(number), _) => Ok(number),
        (Quantity::Text(text), Unit::Bytes) => units::bytes(&text),
        (Quantity::Text(text), Unit::Millis) => units::millis(&text),
        (Quantity::Text(text), Unit::Count) => text.parse().map_err(|_| format!("{text:?} is not a number")),
    };
    value.map_err(|reason| refused(&format!("`{name}`: {reason}")))
}

fn unfit(unfit: Unfit) -> Problem {
    let problem = unfit.hint.into_iter().fold(refused(&unfit.message), Problem::hint);
    match (unfit.offset, unfit.schedule) {
        (Some(offset), Some(schedule)) => {
            problem.detail(serde_json::json!({ "schedule": schedule, "offset": offset }))
        }
        _ => problem,
    }
}

fn with_hint(refusal: settings::Refused) -> Problem {
    refusal.hint.into_iter().fold(refused(&refusal.message), Problem::hint)
}

fn refused(reason: &str) -> Problem {
    Problem::new(422, "settings", reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::wire::{AuthMode, CronFlag, QueueFlag};

    fn fresh() -> Settled {
        Settled::new(&Ceilings::default())
    }

    fn cron(schedule: &str) -> CronFlag {
        CronFlag { schedule: schedule.to_owned(), timezone: None, path: None, missed: None, overlap: None }
    }

    fn queue(name: &str) -> QueueFlag {
        QueueFlag { name: name.to_owned(), batch: None, concurrency: None, attempts: None, path: None }
    }

    /// A function with one of everything.
    fn full() -> Settled {
        Settled {
            env: BTreeMap::from([("A".to_owned(), "1".to_owned())]),
            args: vec!["-v".to_owned()],
            reuse: 7,
            concurrent: 3,
            bindings: Bindings {
                grants: vec!["secret:KEY".to_owned(), "queue:out:send".to_owned()],
                names: BTreeMap::from([("OUT".to_owned(), "queue:out".to_owned())]),
                cron: settings::cron_triggers(vec![cron("@daily")]).unwrap(),
                queues: settings::queue_triggers(vec![queue("mail")]).unwrap(),
                ..Bindings::default()
            },
            jobs: JobLimits { cpu_ms: 5, wall_ms: 6 },
            ..fresh()
        }
    }

    fn manifest(text: &str) -> Result<Desired, Problem> {
        from_manifest(&format!("manifest = 1\n{text}"), "shop", "f", &Ceilings::default())
    }

    #[test]
    fn flags_keep_what_they_do_not_mention() {
        let current = full();
        let flags = DeployFlags {
            limits: Some(LimitFlags {
                memory: Some(Quantity::Text("64MiB".to_owned())),
                ..LimitFlags::default()
            }),
            jobs: Some(JobLimitFlags { cpu: Some(Quantity::Text("2m".to_owned())), wall: None }),
            ..DeployFlags::default()
        };
        let settled = with_flags(current.clone(), flags, &Ceilings::default()).unwrap();
        assert_eq!(settled.limits.memory_bytes, 64 << 20);
        assert_eq!(settled.jobs, JobLimits { cpu_ms: 120_000, wall_ms: 6 });
        assert_eq!(
            Settled { limits: current.limits.clone(), jobs: current.jobs.clone(), ..settled },
            current
        );
    }

    #[test]
    fn a_route_of_flags_is_open_to_no_more_callers_than_before() {
        let access = |roles: &[&str]| {
            let roles = roles.iter().map(|role| (*role).to_owned()).collect();
            Some(Access { signed_in: SignedIn::Required, roles })
        };
        let route = |path: &str, methods: &[&str], access: Option<Access>| Route {
            path: path.to_owned(),
            methods: methods.iter().map(|method| (*method).to_owned()).collect(),
            strip: None,
            access,
        };
        let before = Bindings {
            routes: vec![
                route("/x/{id}", &["GET"], None),
                route("/x/{id}", &["POST"], access(&[])),
                route("/x/{id}", &["PUT"], access(&["editor"])),
            ],
            ..Bindings::default()
        };
        for (path, methods, expected) in [
            ("/x/{name}", &["GET"][..], None),
            ("/x/{name}", &["POST"], access(&[])),
            ("/x/{name}", &["PUT"], access(&["editor"])),
            // Of no other method's route.
            ("/x/{name}", &["DELETE"], None),
            ("/x/{name}", &["GET", "POST"], access(&[])),
            ("/x/{name}", &["GET", "POST", "PUT"], access(&["editor"])),
            ("/x/{name}", &[], access(&["editor"])),
            ("/y", &[], None),
        ] {
            let found = access_before(&route(path, methods, None), &before);
            assert_eq!(found, expected, "{methods:?} {path}");
        }
    }

    #[test]
    fn flags_say_who_may_call_the_function() {
        let with = |before: Access, auth| {
            let mut current = fresh();
            current.bindings.access = before;
            let flags = DeployFlags { auth, ..DeployFlags::default() };
            with_flags(current, flags, &Ceilings::default()).unwrap().bindings.access
        };
        let editors = Access { signed_in: SignedIn::Required, roles: vec!["editor".to_owned()] };
        assert_eq!(with(editors.clone(), None), editors);
        assert_eq!(with(editors.clone(), Some(AuthMode::Required)), editors);
        assert_eq!(with(editors, Some(AuthMode::None)), Access::default());
        assert_eq!(with(Access::default(), Some(AuthMode::Optional)).signed_in, SignedIn::Optional);
    }

    #[test]
    fn flags_replace_the_triggers_that_they_mention() {
        let flags = DeployFlags {
            cron: Some(vec![cron("@hourly")]),
            queues: Some(Vec::new()),
            ..DeployFlags::default()
        };
        let settled = with_flags(full(), flags, &Ceilings::default()).unwrap();
        let schedules: Vec<&str> = settled.bindings.cron.iter().map(|cron| cron.schedule.as_str()).collect();
        assert_eq!((schedules, settled.bindings.queues.len()), (vec!["@hourly"], 0));
        assert_eq!(settled.bindings.grants, full().bindings.grants);
    }

    #[test]
    fn bindings_need_their_grants_whichever_flag_changes() {
        let with = |flags| with_flags(full(), flags, &Ceilings::default());
        let names = BTreeMap::from([("MAIL".to_owned(), "queue:mail".to_owned())]);
        let problem =
            with(DeployFlags { bindings: Some(names.clone()), ..DeployFlags::default() }).unwrap_err();
        assert!(problem.hint.unwrap().contains("\"queue:mail:send\""));
        let grants = Some(vec!["queue:mail:send".to_owned()]);
        let both = DeployFlags { bindings: Some(names.clone()), grants, ..DeployFlags::default() };
        assert_eq!(with(both).unwrap().bindings.names, names);
        assert!(with(DeployFlags { grants: Some(Vec::new()), ..DeployFlags::default() }).is_err());
        let taken = BTreeMap::from([("OUT".to_owned(), "x".to_owned())]);
        assert!(with(DeployFlags { env: Some(taken), ..DeployFlags::default() }).is_err());
    }

    #[test]
    fn reuse_bounds_what_is_served_at_once() {
        let with = |reuse, concurrent| {
            let settled = with_flags(
                full(),
                DeployFlags { reuse, concurrent, ..DeployFlags::default() },
                &Ceilings::default(),
            );
            settled.map(|settled| (settled.reuse, settled.concurrent)).ok()
        };
        assert_eq!(with(None, None), Some((7, 3)));
        assert_eq!(with(Some(2), None), Some((2, 2)));
        assert_eq!(with(Some(100), Some(16)), Some((100, 16)));
        assert_eq!(with(None, Some(8)), None);
    }

    #[test]
    fn g1_flags_obey_the_rules_of_the_manifest() {
        let with = |flags| with_flags(fresh(), flags, &Ceilings::default()).expect_err("refused");
        let problem = with(DeployFlags {
            cron: Some(vec![cron("@daily"), cron("0 0 30 2 *")]),
            ..DeployFlags::default()
        });
        assert_eq!((problem.status.as_u16(), problem.code), (422, "settings"));
        assert_eq!(problem.detail, Some(serde_json::json!({ "schedule": "0 0 30 2 *", "offset": 4 })));
        let zone = CronFlag { timezone: Some("Mars".to_owned()), ..cron("@daily") };
        assert_eq!(with(DeployFlags { cron: Some(vec![zone]), ..DeployFlags::default() }).detail, None);
        with(DeployFlags { queues: Some(vec![queue("a"), queue("a")]), ..DeployFlags::default() });
        let long = Some(Quantity::Number(24 * 3_600_000 + 1));
        with(DeployFlags { jobs: Some(JobLimitFlags { cpu: None, wall: long }), ..DeployFlags::default() });
    }

    #[test]
    fn a_manifest_says_what_it_removes() {
        let after = manifest("[function.f]\n").unwrap().settled;
        let gone = [
            "the grant secret:KEY",
            "the grant queue:out:send",
            "the variable A",
            "the binding OUT of queue:out",
            "the schedule @daily (UTC)",
            "the queue mail, which keeps its messages",
        ];
        assert_eq!(removed(&full(), &after), gone);
        let kept =
            manifest("[function.f]\ncron = ['@daily']\nqueues = [{ name = 'mail', batch = 1 }]").unwrap();
        assert_eq!(removed(&full(), &kept.settled), gone[..4]);
        assert_eq!(removed(&after, &full()), [""; 0]);
    }

    #[test]
    fn a_manifest_is_for_its_project_and_its_functions() {
        assert!(manifest("[function.g]\n").is_err());
        assert!(manifest("[project]\nname = 'shop'\n[function.f]\n").is_ok());
        let other = manifest("[project]\nname = 'cart'\n[function.f]\n").unwrap_err();
        assert_eq!((other.status.as_u16(), other.code), (422, "manifest"));
        assert!(other.message.contains("`cart`") && other.message.contains("`shop`"), "{other}");
    }
}
