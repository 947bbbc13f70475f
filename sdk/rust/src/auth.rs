//! On whose behalf the function runs, and the accounts of its project.

pub mod users;

use crate::bindings::ostro::auth::identity;

/// On whose behalf the running invocation acts, as the front door has verified it. It is handed on to all that the function
/// calls, at once or by jobs. It needs no grant.
///
/// Who is signed in is asked only where `auth` or `roles` in the manifest say so.
pub fn caller() -> Caller {
    match identity::caller().as_str() {
        "user" => identity::user().map_or(Caller::Nobody, |id| {
            let (roles, is_anonymous) = (identity::roles(), identity::is_anonymous());
            Caller::User(User { id, roles, is_anonymous })
        }),
        "system" => Caller::System,
        _ => Caller::Nobody,
    }
}

/// Who is signed in; none unless a user calls.
pub fn user() -> Option<User> {
    match caller() {
        Caller::User(user) => Some(user),
        Caller::Nobody | Caller::System => None,
    }
}

/// On whose behalf an invocation runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caller {
    /// Somebody who is signed in to the project.
    User(User),
    /// A client that is not signed in, or that nobody has asked who it is.
    Nobody,
    /// The platform or an operator: a schedule, a queue, a change of data, the control API.
    System,
}

/// An account of the project that calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: String,
    /// What it may do, in the project's own words, as of its last refresh.
    pub roles: Vec<String>,
    /// Whether nobody has said who it is of.
    pub is_anonymous: bool,
}

impl User {
    /// Whether it has that role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }
}
