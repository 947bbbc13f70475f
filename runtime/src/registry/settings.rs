//! What a function's settings may be, wherever they come from: manifest and flags obey the same rules. Pure.

mod events;
mod limits;
mod resources;
mod site;
mod triggers;

use std::collections::{BTreeMap, BTreeSet};

use host_api::grants::Grants;
use store::catalog::Route;

pub use store::catalog::check_name;

pub use events::{EVENT_PATH, EventFlag, data_trigger};
pub use limits::{Ceilings, JobKey, LimitKey, Unit};
pub use resources::{MAX_OF_A_KIND, check_binding, check_bindings, check_granted, check_index, check_ttl};
pub use site::{MAX_RULES, check_cache, check_header, check_rule_path, check_site_file};
pub use triggers::{
    CRON_PATH, MAX_QUEUES, MAX_SCHEDULES, QUEUE_PATH, Unfit, check_retention, cron_trigger, cron_triggers,
    queue_trigger, queue_triggers, same_queue, same_schedule,
};

use super::manifest::units;
use crate::router::{NormalPath, Pattern};

/// Most explicit routes of one function.
pub const MAX_ROUTES: usize = 200;
/// Longest route or prefix, bytes.
const MAX_ROUTE_BYTES: usize = 1024;
/// Names and values of all environment variables, bytes.
pub const MAX_ENV_BYTES: usize = 64 << 10;
/// Roles that a function or a route names.
pub const MAX_ROLES: usize = 20;
/// Longest role, bytes.
const MAX_ROLE_BYTES: usize = 64;
/// Most environment variables of one function.
const MAX_ENV_VARIABLES: usize = 500;
/// Longest name of an environment variable, bytes.
const MAX_ENV_NAME_BYTES: usize = 256;
/// Most arguments of a command.
const MAX_ARGS: usize = 256;
/// All arguments of a command, bytes.
const MAX_ARGS_BYTES: usize = 64 << 10;
/// Most invocations that one instance serves at once.
const MAX_CONCURRENT: u32 = 100;

/// Normalises a route, or says what is wrong with it.
pub fn normalise_route(route: Route) -> Result<Route, String> {
    if route.path.len() > MAX_ROUTE_BYTES {
        return Err(format!("a route has at most {MAX_ROUTE_BYTES} bytes"));
    }
    let path = Pattern::parse(&route.path)?.as_str().to_owned();
    let mut methods = BTreeSet::new();
    for method in route.methods {
        let upper = method.to_ascii_uppercase();
        if upper.is_empty() || upper.len() > 20 || !upper.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
        {
            return Err(format!("`{}` is not an HTTP method", method.escape_debug()));
        }
        if upper == "CONNECT" {
            return Err("CONNECT can't be routed".to_owned());
        }
        methods.insert(upper);
    }
    let strip = route.strip.map(|prefix| normalise_prefix(&prefix, &path)).transpose()?;
    Ok(Route { path, methods: methods.into_iter().collect(), strip, access: route.access })
}

/// The prefix has to be what every path of the route begins with, or stripping would sometimes not happen.
fn normalise_prefix(prefix: &str, path: &str) -> Result<String, String> {
    let normal = NormalPath::parse(prefix).map_err(|error| format!("strip `{prefix}`: {error}"))?;
    let normal = normal.as_str().trim_end_matches('/');
    if normal.is_empty() {
        return Err(format!("strip `{prefix}` would remove nothing; leave it out"));
    }
    match path.strip_prefix(normal) {
        Some("") => Ok(normal.to_owned()),
        Some(rest) if rest.starts_with('/') => Ok(normal.to_owned()),
        _ => Err(format!("strip `{prefix}` is not a prefix of the route `{path}`")),
    }
}

/// Refuses a route that clashes with an earlier one of the same function.
pub fn check_against(earlier: &[Route], route: &Route) -> Result<(), String> {
    let clashes = |other: &&Route| {
        other.shape() == route.shape()
            && (other.methods.is_empty()
                || route.methods.is_empty()
                || other.methods.iter().any(|method| route.methods.contains(method)))
    };
    match earlier.iter().find(clashes) {
        Some(other) => Err(format!("the route `{}` stands twice (also as `{}`)", route.path, other.path)),
        None => Ok(()),
    }
}

/// Normalises all routes of a function.
pub fn normalise_routes(routes: Vec<Route>) -> Result<Vec<Route>, String> {
    if routes.len() > MAX_ROUTES {
        return Err(format!("more than {MAX_ROUTES} routes"));
    }
    let mut normal = Vec::with_capacity(routes.len());
    for route in routes {
        let route = normalise_route(route)?;
        check_against(&normal, &route)?;
        normal.push(route);
    }
    Ok(normal)
}

/// A refused setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl Refused {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Checks grants; the first bad one is named.
pub fn check_grants(grants: &[String]) -> Result<(), Refused> {
    match Grants::parse(grants) {
        Ok(_) => Ok(()),
        Err(error) => {
            let message = error.to_string();
            Err(Refused { message, hint: Some(error.hint) })
        }
    }
}

/// Checks the name of a role: it stands in access tokens, beside others.
pub fn check_role(role: &str) -> Result<(), String> {
    match role.len() {
        1..=MAX_ROLE_BYTES if !role.chars().any(|c| c.is_control() || c.is_whitespace()) => Ok(()),
        _ => {
            Err(format!("`{}` is not a role: 1 to {MAX_ROLE_BYTES} bytes without space", role.escape_debug()))
        }
    }
}

/// Checks one environment variable.
pub fn check_variable(name: &str, value: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > MAX_ENV_NAME_BYTES {
        return Err(format!("the name of a variable has 1 to {MAX_ENV_NAME_BYTES} bytes"));
    }
    if name.contains('=') || name.chars().any(char::is_control) {
        return Err(format!("`{}` can't be the name of a variable", name.escape_debug()));
    }
    if value.contains('\0') {
        return Err(format!("the value of `{name}` has a NUL character"));
    }
    Ok(())
}

/// Checks a whole environment.
pub fn check_environment(env: &BTreeMap<String, String>) -> Result<(), String> {
    if env.len() > MAX_ENV_VARIABLES {
        return Err(format!("more than {MAX_ENV_VARIABLES} environment variables"));
    }
    for (name, value) in env {
        check_variable(name, value)?;
    }
    let bytes: usize = env.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    if bytes > MAX_ENV_BYTES {
        return Err(format!("the environment is larger than {}", units::show_bytes(MAX_ENV_BYTES as u64)));
    }
    Ok(())
}

/// Checks the arguments of a command.
pub fn check_args(args: &[String]) -> Result<(), String> {
    if args.len() > MAX_ARGS {
        return Err(format!("more than {MAX_ARGS} arguments"));
    }
    if args.iter().any(|arg| arg.contains('\0')) {
        return Err("an argument has a NUL character".to_owned());
    }
    let bytes: usize = args.iter().map(|arg| arg.len() + 1).sum();
    if bytes > MAX_ARGS_BYTES {
        return Err(format!("the arguments are longer than {}", units::show_bytes(MAX_ARGS_BYTES as u64)));
    }
    Ok(())
}

/// Checks how many of the invocations that one instance serves it may serve at once.
pub fn check_concurrent(concurrent: u64, reuse: u32) -> Result<u32, String> {
    match u32::try_from(concurrent) {
        Ok(concurrent @ 1) => Ok(concurrent),
        Ok(concurrent @ 2..=MAX_CONCURRENT) if concurrent <= reuse => Ok(concurrent),
        Ok(2..=MAX_CONCURRENT) => {
            Err(format!("an instance that serves {reuse} in all can't serve {concurrent} at once"))
        }
        _ => Err(format!("`concurrent` is a number from 1 (one after the other) to {MAX_CONCURRENT}")),
    }
}

/// Checks how many invocations one instance may serve.
pub fn check_reuse(reuse: u64, ceilings: &Ceilings) -> Result<u32, String> {
    match u32::try_from(reuse) {
        Ok(reuse) if reuse >= 1 && reuse <= ceilings.reuse => Ok(reuse),
        _ => Err(format!("`reuse` is a number from 1 (a fresh instance each time) to {}", ceilings.reuse)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_normalised_or_refused() {
        let route = |path: &str, methods: &[&str], strip: Option<&str>| Route {
            path: path.to_owned(),
            methods: methods.iter().map(|m| (*m).to_owned()).collect(),
            strip: strip.map(str::to_owned),
            access: None,
        };
        let good = normalise_route(route("/%61/{*rest}", &["post", "GET", "get"], Some("/a/"))).unwrap();
        assert_eq!(good, route("/a/{*rest}", &["GET", "POST"], Some("/a")));
        for (path, methods, strip) in [
            ("a", &[][..], None),
            ("/_ostro/x", &[], None),
            ("/a/../b", &[], None),
            ("/a", &["G T"], None),
            ("/a", &[""], None),
            ("/a", &["CONNECT"], None),
            ("/ab", &[], Some("/a")),
            ("/a", &[], Some("/")),
            ("/a", &[], Some("a")),
        ] {
            assert!(normalise_route(route(path, methods, strip)).is_err(), "{path} {methods:?} {strip:?}");
        }
        let twice = vec![route("/a/{x}", &["GET"], None), route("/a/{y}", &[], None)];
        assert!(normalise_routes(twice).is_err());
        let apart = vec![route("/a/{x}", &["GET"], None), route("/a/{y}", &["POST"], None)];
        assert_eq!(normalise_routes(apart).map(|routes| routes.len()), Ok(2));
    }

    #[test]
    fn arguments_at_their_edges() {
        let one = |bytes: usize| vec!["x".repeat(bytes)];
        assert_eq!(check_args(&one(MAX_ARGS_BYTES - 1)), Ok(()));
        assert!(check_args(&one(MAX_ARGS_BYTES)).is_err());
        assert_eq!(check_args(&vec![String::new(); MAX_ARGS]), Ok(()));
        assert!(check_args(&vec![String::new(); MAX_ARGS + 1]).is_err());
        assert!(check_args(&["a\0b".to_owned()]).is_err());
    }

    #[test]
    fn at_once_is_a_part_of_all() {
        assert_eq!((check_concurrent(1, 1), check_concurrent(8, 8)), (Ok(1), Ok(8)));
        assert_eq!(check_concurrent(100, 1000), Ok(100));
        for (concurrent, reuse) in [(0, 1), (2, 1), (9, 8), (101, 1000), (1 << 33, 1000)] {
            assert!(check_concurrent(concurrent, reuse).is_err(), "{concurrent} of {reuse}");
        }
    }

    #[test]
    fn environments_at_their_edges() {
        let env = |bytes: usize| BTreeMap::from([("A".to_owned(), "x".repeat(bytes - 3))]);
        assert_eq!(check_environment(&env(MAX_ENV_BYTES)), Ok(()));
        assert!(check_environment(&env(MAX_ENV_BYTES + 1)).is_err());
        for (name, value) in [("", "x"), ("A=B", "x"), ("A\0", "x"), ("A", "x\0"), ("A\n", "")] {
            assert!(check_variable(name, value).is_err(), "{name:?}");
        }
    }
}
