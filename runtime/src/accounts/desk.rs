//! The desk at which functions ask for accounts of their project: what `ostro:auth/users` leads to.

mod look;
mod sign_in;

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use host_api::auth::{Ask, Fault, Told, UsersDoor};
use store::StoreError;
use store::accounts::{Accounts, By, Change, Changed, Directory, Settings};
use store::catalog::ProjectId;

use super::attempts::Attempts;
use super::passwords::Passwords;
use super::recorded::{Actor, Recorded, Unchanged};
use super::sessions::Sessions;
use crate::clock::Clock;
use crate::problem::{Chain, Problem};
use crate::registry::settings::{MAX_ROLES, check_role};

/// Accounts, as functions ask for them. Bounds are those of whoever signs in from outside.
pub struct Desk {
    /// The accounts.
    pub accounts: Arc<dyn Accounts>,
    /// The same, to be listed.
    pub directory: Arc<dyn Directory>,
    /// Their sessions.
    pub sessions: Sessions,
    /// Hashes passwords.
    pub passwords: Passwords,
    /// Changes accounts on record.
    pub recorded: Recorded,
    /// How often an account's password was wrong, by its normal address.
    pub wrong_of: Attempts<String>,
    /// Time.
    pub clock: Clock,
    /// Since when attempts are counted.
    pub since: Instant,
}

#[async_trait]
impl UsersDoor for Desk {
    async fn ask(&self, project: ProjectId, function: &str, ask: Ask) -> Result<Told, Fault> {
        let by = (project, function);
        match ask {
            Ask::Session(proof) => self.sign_in(project, proof).await,
            Ask::Get(id) => self.get(project, id).await,
            Ask::List { email, cursor, limit } => self.list(project, email, cursor, limit).await,
            Ask::Roles(id, roles) => {
                if roles.len() > MAX_ROLES {
                    return Err(Fault::Invalid(format!("an account has {MAX_ROLES} roles at most")));
                }
                roles.iter().try_for_each(|role| check_role(role)).map_err(Fault::Invalid)?;
                self.change(by, "user.roles", Change::Roles(id, roles)).await
            }
            Ask::Disabled(id, disabled) => {
                let action = if disabled { "user.disable" } else { "user.enable" };
                self.change(by, action, Change::Disabled(id, disabled)).await
            }
            Ask::SignOut(id) => {
                let known = self.accounts.find(project, &By::Id(id)).await.map_err(failed)?;
                if known.is_some() {
                    self.recorded.sign_out(project, actor(function), id).await.map_err(unchanged)?;
                }
                Ok(Told::Done(known.is_some()))
            }
            Ask::Delete(id) => self.change(by, "user.delete", Change::Delete(id)).await,
        }
    }
}

impl Desk {
    async fn change(
        &self,
        (project, function): (ProjectId, &str),
        action: &'static str,
        change: Change,
    ) -> Result<Told, Fault> {
        match self.recorded.change(project, actor(function), action, change).await.map_err(unchanged)? {
            Changed::Done(_) => Ok(Told::Done(true)),
            Changed::Missing | Changed::Taken => Ok(Told::Done(false)),
        }
    }

    /// How people sign in to the project, if they do.
    async fn settings(&self, project: ProjectId) -> Result<Settings, Fault> {
        let settings = self.accounts.settings(project).await.map_err(failed)?;
        settings.ok_or(Fault::NotEnabled("nobody signs in to this project: ostro.toml has no section [auth]"))
    }

    /// Milliseconds since the start, for what is counted.
    fn uptime_ms(&self) -> i64 {
        let since = self.clock.instant().saturating_duration_since(self.since);
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

/// A function, as who changes accounts.
fn actor(function: &str) -> Actor {
    Actor::Function(function.to_owned())
}

/// Why nothing was changed, as a function is told of it.
fn unchanged(unchanged: Unchanged) -> Fault {
    match unchanged {
        Unchanged::TooMany(too_many) => {
            Fault::Busy(format!("the project has changed too many users: wait {} s", too_many.retry_after_s))
        }
        Unchanged::Store(error) => failed(error),
    }
}

/// A store's failure, as a function is told of it. The cause stays with the server.
fn failed(error: StoreError) -> Fault {
    match error {
        StoreError::Full { .. } => Fault::Full(error.to_string()),
        other => {
            tracing::error!(error = %Chain(&other), "accounts could not be asked");
            Fault::Failed
        }
    }
}

/// A problem on the way to a session, as a function is told of it.
fn hindered(problem: Problem) -> Fault {
    match problem.code {
        "busy" => Fault::Busy(problem.message),
        "weak_password" | "bad_request" => Fault::Invalid(problem.message),
        _ => {
            tracing::error!(%problem, "a session could not be begun");
            Fault::Failed
        }
    }
}
