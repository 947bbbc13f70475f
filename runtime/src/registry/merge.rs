//! What a function's settings become: a manifest replaces them all, flags change those that they name. Pure.

use std::collections::BTreeMap;

use store::catalog::{Bindings, Limits, OnDisconnect};

use super::manifest;
use super::settings::{self, Ceilings, LimitKey, Unit};
use crate::control::wire::{DeployFlags, LimitFlags, Quantity};
use crate::problem::Problem;
use crate::registry::manifest::units;

/// Everything about a function but its component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    /// Routes and grants.
    pub bindings: Bindings,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Limits.
    pub limits: Limits,
    /// Invocations that one instance serves.
    pub reuse: u32,
    /// What the client going away means.
    pub on_disconnect: OnDisconnect,
}

impl Default for Settled {
    fn default() -> Self {
        Self {
            bindings: Bindings::default(),
            env: BTreeMap::new(),
            limits: Limits::default(),
            reuse: 1,
            on_disconnect: OnDisconnect::default(),
        }
    }
}

/// The settings that the manifest gives the function of that name.
pub(super) fn from_manifest(text: &str, function: &str, ceilings: &Ceilings) -> Result<Settled, Problem> {
    let manifest = manifest::parse(text, ceilings).map_err(|error| {
        let detail = serde_json::json!({ "line": error.line, "column": error.column });
        let problem = Problem::new(422, "manifest", format!("ostro.toml, {error}")).detail(detail);
        error.hint.into_iter().fold(problem, Problem::hint)
    })?;
    let settings = manifest.functions.get(function).ok_or_else(|| {
        Problem::new(422, "manifest", format!("ostro.toml has no [function.{function}]"))
            .hint("deploy under a name that the manifest has")
    })?;
    Ok(Settled {
        bindings: Bindings {
            routes: settings.routes.clone(),
            grants: settings.grants.clone(),
            ..Bindings::default()
        },
        env: settings.env.clone(),
        limits: settings.limits.clone(),
        reuse: settings.reuse,
        on_disconnect: settings.on_disconnect,
    })
}

/// The current settings with what the flags name.
pub(super) fn with_flags(
    mut current: Settled,
    flags: DeployFlags,
    ceilings: &Ceilings,
) -> Result<Settled, Problem> {
    if let Some(routes) = flags.routes {
        let routes = routes.into_iter().map(Into::into).collect();
        current.bindings.routes = settings::normalise_routes(routes).map_err(|reason| refused(&reason))?;
    }
    if let Some(grants) = flags.grants {
        settings::check_grants(&grants)
            .map_err(|refusal| refusal.hint.into_iter().fold(refused(&refusal.message), Problem::hint))?;
        current.bindings.grants = grants;
    }
    if let Some(env) = flags.env {
        settings::check_environment(&env).map_err(|reason| refused(&reason))?;
        current.env = env;
    }
    if let Some(reuse) = flags.reuse {
        current.reuse =
            settings::check_reuse(u64::from(reuse), ceilings).map_err(|reason| refused(&reason))?;
    }
    if let Some(on_disconnect) = flags.on_disconnect {
        current.on_disconnect = on_disconnect.into();
    }
    if let Some(limits) = flags.limits {
        for (key, quantity) in named(limits) {
            let value =
                value(key, quantity).map_err(|reason| refused(&format!("`{}`: {reason}", key.name())))?;
            key.set(&mut current.limits, value, ceilings).map_err(|reason| refused(&reason))?;
        }
    }
    Ok(current)
}

/// What a declarative deploy takes away, a sentence each.
pub(super) fn removed(before: &Settled, after: &Settled) -> Vec<String> {
    let routes = before.bindings.routes.iter().filter(|route| !after.bindings.routes.contains(route));
    let grants = before.bindings.grants.iter().filter(|grant| !after.bindings.grants.contains(grant));
    let env = before.env.keys().filter(|name| !after.env.contains_key(*name));
    routes
        .map(|route| format!("the route {}", route.path))
        .chain(grants.map(|grant| format!("the grant {grant}")))
        .chain(env.map(|name| format!("the variable {name}")))
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

fn value(key: LimitKey, quantity: Quantity) -> Result<u64, String> {
    match (quantity, key.unit()) {
        (Quantity::Number(number), _) => Ok(number),
        (Quantity::Text(text), Unit::Bytes) => units::bytes(&text),
        (Quantity::Text(text), Unit::Millis) => units::millis(&text),
        (Quantity::Text(text), Unit::Count) => text.parse().map_err(|_| format!("{text:?} is not a number")),
    }
}

fn refused(reason: &str) -> Problem {
    Problem::new(422, "settings", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_keep_what_they_do_not_mention() {
        let current = Settled {
            env: BTreeMap::from([("A".to_owned(), "1".to_owned())]),
            reuse: 7,
            bindings: Bindings { grants: vec!["secret:KEY".to_owned()], ..Bindings::default() },
            ..Settled::default()
        };
        let flags = DeployFlags {
            limits: Some(LimitFlags {
                memory: Some(Quantity::Text("64MiB".to_owned())),
                ..LimitFlags::default()
            }),
            ..DeployFlags::default()
        };
        let settled = with_flags(current.clone(), flags, &Ceilings::default()).unwrap();
        assert_eq!(settled.limits.memory_bytes, 64 << 20);
        assert_eq!(Settled { limits: current.limits.clone(), ..settled }, current);
    }

    #[test]
    fn a_manifest_says_what_it_removes() {
        let before = Settled {
            env: BTreeMap::from([("A".to_owned(), "1".to_owned())]),
            bindings: Bindings { grants: vec!["secret:KEY".to_owned()], ..Bindings::default() },
            ..Settled::default()
        };
        let after = from_manifest("manifest = 1\n[function.f]\n", "f", &Ceilings::default()).unwrap();
        assert_eq!(removed(&before, &after), ["the grant secret:KEY", "the variable A"]);
        assert!(from_manifest("manifest = 1\n[function.f]\n", "g", &Ceilings::default()).is_err());
    }
}
