//! Who may call: what functions and routes ask of their callers, judged before anything of them runs.

use std::sync::Arc;

use http::Request;
use http::header::{self, HeaderMap};
use store::catalog::{Access, Route, SignedIn};
use store::jobs::Caller;

use crate::client_api::{Bearing, ClientApi};
use crate::problem::Problem;
use crate::registry::live::{Live, LivePlace};
use crate::router::{Match, NormalPath, Way, is_path_of, may_be_path_of};

/// Who came to a function, and what the answer has to say of the cookie by which they did.
pub(super) struct Arrival {
    /// Who calls, if they may.
    pub(super) caller: Result<Caller, Problem>,
    /// Marks the answer, whatever it is.
    pub(super) bearing: Bearing,
}

impl Arrival {
    /// Whom nobody asks.
    pub(super) fn unasked(caller: Caller) -> Self {
        Self { caller: Ok(caller), bearing: Bearing::Nothing }
    }
}

/// Who calls, if they may: on the hosts of that place. The access token is taken away where it was looked at: a function is told who it
/// is of, and needs no token with which it could be that person elsewhere.
pub(super) async fn pass<B>(
    api: &ClientApi,
    place: Option<LivePlace>,
    matched: &Match<Arc<Live>>,
    path: &NormalPath,
    request: &mut Request<B>,
) -> Arrival {
    let gates = gates(matched, path, request.method().as_str());
    if gates.iter().all(|gate| gate.is_open()) {
        return Arrival::unasked(Caller::Anonymous);
    }
    let place = place.filter(|place| place.project == matched.target.project.id);
    let exchanged = match &place {
        Some(place) => api.exchange(place, request).await,
        None => Ok(Bearing::Nothing),
    };
    // Where nobody need be signed in, who was signed in is nobody: a page goes on without a script that would sign in again.
    match exchanged {
        Ok(bearing) => Arrival { caller: admit(api, &gates, &matched.target, request).await, bearing },
        Err(problem) => Arrival { caller: Err(problem), bearing: Bearing::Nothing },
    }
}

async fn admit<B>(
    api: &ClientApi,
    gates: &[&Access],
    live: &Live,
    request: &mut Request<B>,
) -> Result<Caller, Problem> {
    let caller = caller(api, live, request.headers()).await?;
    judge(gates, &caller)?;
    request.headers_mut().remove(header::AUTHORIZATION);
    Ok(caller)
}

/// Who calls a function through the client API, if they may. There everybody is who the token says, whether or not the function asks.
pub(super) async fn pass_call(
    api: &ClientApi,
    live: &Live,
    headers: &mut HeaderMap,
) -> Result<Caller, Problem> {
    let caller = caller(api, live, headers).await?;
    judge(&[&live.access], &caller)?;
    headers.remove(header::AUTHORIZATION);
    Ok(caller)
}

/// Refuses whoever does not pass all of them.
fn judge(gates: &[&Access], caller: &Caller) -> Result<(), Problem> {
    let roles = match caller {
        Caller::User { roles, .. } => roles.as_slice(),
        Caller::Anonymous | Caller::System
            if gates.iter().any(|gate| gate.signed_in == SignedIn::Required) =>
        {
            return Err(unauthenticated());
        }
        Caller::Anonymous | Caller::System => &[],
    };
    match gates.iter().all(|gate| gate.takes(roles)) {
        true => Ok(()),
        false => Err(Problem::new(403, "forbidden", "this takes a role that the account does not have")),
    }
}

/// What is asked of a request that came this way. By the function's name each path is reached, those of its routes, too: who
/// comes so has to pass all of them, or a route would be open that is closed. The same is so of a route that the guest may take
/// this path for although the table does not.
fn gates<'m>(matched: &'m Match<Arc<Live>>, path: &NormalPath, method: &str) -> Vec<&'m Access> {
    let live = &matched.target;
    let of = |route: &'m Route| route.access.as_ref().unwrap_or(&live.access);
    match &matched.way {
        Way::Name => std::iter::once(&live.access).chain(live.routes.iter().map(of)).collect(),
        Way::Route(access) => {
            let stripped = matched.stripped.as_ref().map(|(_, path)| path.as_str());
            let closed = live.routes.iter().filter(|route| !of(route).is_open());
            let meant = closed.filter(|route| may_mean(route, path.as_str(), stripped, method));
            std::iter::once(access.as_ref().unwrap_or(&live.access)).chain(meant.map(of)).collect()
        }
    }
}

/// Whether a guest may take a request for one of a route that is not the one by which it came.
fn may_mean(route: &Route, path: &str, stripped: Option<&str>, method: &str) -> bool {
    if stripped.is_some_and(|path| may_be_path_of(&route.path, path)) {
        return true;
    }
    let is_odd = |routed: &String| routed != method && routed.eq_ignore_ascii_case(method);
    let is_odd_method = route.methods.iter().any(is_odd);
    may_be_path_of(&route.path, path) && (is_odd_method || !is_path_of(&route.path, path))
}

/// Who bears the token of the request: a token that is not good is nobody's, also where nobody need be signed in, so that a
/// client sees that it has ended.
async fn caller(api: &ClientApi, live: &Live, headers: &HeaderMap) -> Result<Caller, Problem> {
    let caller = api.caller(live.project.id, headers).await?;
    Ok(match caller.user {
        Some(id) => Caller::User { id, roles: caller.roles, anonymous: caller.anonymous },
        None => Caller::Anonymous,
    })
}

fn unauthenticated() -> Problem {
    Problem::new(401, "unauthenticated", "this takes an access token that is valid")
}
