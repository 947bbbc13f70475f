//! `ostro:auth`: who calls, and the accounts of the project with the door that leads to them.

mod identity;
mod users;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use store::accounts::{AccountId, Identity};
use store::catalog::ProjectId;

/// The way to the accounts of projects: implemented by who hashes passwords and makes tokens.
#[async_trait]
pub trait UsersDoor: Send + Sync {
    /// Does what a function of that project and name asks for. Every call is bounded by the project's share of what accounts may cost.
    async fn ask(&self, project: ProjectId, function: &str, ask: Ask) -> Result<Told, Fault>;
}

/// What a function asks for.
#[derive(Debug)]
pub enum Ask {
    /// A session.
    Session(Proof),
    /// One account: [`Told::Json`] or [`Told::Done`] with false.
    Get(AccountId),
    /// A page of accounts: [`Told::Json`].
    List {
        /// How the addresses begin; none: all accounts.
        email: Option<String>,
        /// Where to go on.
        cursor: Option<String>,
        /// How many at most.
        limit: u32,
    },
    /// Other roles: [`Told::Done`].
    Roles(AccountId, Vec<String>),
    /// Whether it may sign in: [`Told::Done`].
    Disabled(AccountId, bool),
    /// Its sessions end: [`Told::Done`].
    SignOut(AccountId),
    /// It goes: [`Told::Done`].
    Delete(AccountId),
}

/// By what somebody is signed in.
pub enum Proof {
    /// The word of the function.
    External {
        /// Who it is elsewhere.
        identity: Identity,
        /// The account that gets the identity if nobody has it; none: a new one.
        link: Option<AccountId>,
    },
    /// An address and a password of an account to be made.
    New(Credentials),
    /// An address and a password.
    Known(Credentials),
    /// Nothing: a new account without a name.
    Nothing,
    /// A refresh token.
    Refresh(String),
}

/// An address and a password, as they were given.
pub struct Credentials {
    /// The address.
    pub email: String,
    /// The password. Never printed.
    pub password: String,
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof(…)")
    }
}

/// What a function is told.
#[derive(Debug)]
pub enum Told {
    /// JSON text.
    Json(String),
    /// Whether there was such an account.
    Done(bool),
}

/// Why a function is not told. The texts are for the function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What was given can't be done.
    Invalid(String),
    /// The manifest does not turn it on.
    NotEnabled(&'static str),
    /// Nobody is signed in.
    Refused(String),
    /// Another account has the address or the identity.
    Taken(&'static str),
    /// It was tried too often, or too many ask at once.
    Busy(String),
    /// There is no room for it.
    Full(String),
    /// The server failed; its log has the details.
    Failed,
}

/// The accounts of all projects; by default none.
#[derive(Clone, Default)]
pub(crate) struct People {
    door: Option<Arc<dyn UsersDoor>>,
}

/// The accounts of one project.
#[derive(Clone, Default)]
pub(crate) struct ProjectPeople {
    project: Option<(ProjectId, Arc<dyn UsersDoor>)>,
}

impl People {
    /// Behind that door.
    pub(crate) fn new(door: Arc<dyn UsersDoor>) -> Self {
        Self { door: Some(door) }
    }

    /// Those of a project.
    pub(crate) fn of(&self, project: ProjectId) -> ProjectPeople {
        ProjectPeople { project: self.door.clone().map(|door| (project, door)) }
    }
}

impl ProjectPeople {
    /// None while a function is only tried.
    async fn ask(&self, function: &str, ask: Ask) -> Option<Result<Told, Fault>> {
        let (project, door) = self.project.as_ref()?;
        Some(door.ask(*project, function, ask).await)
    }
}

impl fmt::Debug for ProjectPeople {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProjectPeople").field(&self.project.as_ref().map(|(project, _)| project)).finish()
    }
}
