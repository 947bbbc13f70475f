//! Who may call: what functions and routes ask of their callers, judged before anything of them runs.

use http::header::{self, HeaderMap};
use store::catalog::{Access, SignedIn};
use store::jobs::Caller;

use crate::client_api::ClientApi;
use crate::problem::Problem;
use crate::registry::live::Live;
use crate::router::Way;

/// Who calls, if they may. The access token is taken away where it was looked at: a function is told who it is of, and needs
/// no token with which it could be that person elsewhere.
pub(super) async fn pass(
    api: &ClientApi,
    live: &Live,
    way: &Way,
    headers: &mut HeaderMap,
) -> Result<Caller, Problem> {
    let gates = gates(live, way);
    if gates.iter().all(|gate| gate.is_open()) {
        return Ok(Caller::Anonymous);
    }
    let caller = caller(api, live, headers).await?;
    let roles = match &caller {
        Caller::User { roles, .. } => roles.as_slice(),
        Caller::Anonymous | Caller::System
            if gates.iter().any(|gate| gate.signed_in == SignedIn::Required) =>
        {
            return Err(unauthenticated());
        }
        Caller::Anonymous | Caller::System => &[],
    };
    if !gates.iter().all(|gate| gate.takes(roles)) {
        return Err(Problem::new(403, "forbidden", "this takes a role that the account does not have"));
    }
    headers.remove(header::AUTHORIZATION);
    Ok(caller)
}

/// What is asked of a request that came this way. By the function's name each path is reached, those of its routes, too: who
/// comes so has to pass all of them, or a route would be open that is closed.
fn gates<'l>(live: &'l Live, way: &'l Way) -> Vec<&'l Access> {
    match way {
        Way::Route(Some(access)) => vec![access],
        Way::Route(None) => vec![&live.access],
        Way::Name => {
            let routes = live.routes.iter().filter_map(|route| route.access.as_ref());
            std::iter::once(&live.access).chain(routes).collect()
        }
    }
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
