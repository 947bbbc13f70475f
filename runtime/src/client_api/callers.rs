//! Where a call is made, and by whom: the project of a host, how people sign in to it, whom a request's token vouches for.

use std::sync::Arc;

use http::HeaderMap;
use store::Store;
use store::accounts::{Accounts, Settings};
use store::catalog::{ProjectId, Projects};
use store::documents::Caller;

use super::answer::unauthenticated;
use crate::accounts::tokens::{AccessTokens, Refused, Verified};
use crate::bearer::bearer;
use crate::clock::Clock;
use crate::problem::Problem;

/// Knows callers. A cheap handle.
#[derive(Clone)]
pub(super) struct Callers {
    projects: Arc<dyn Projects>,
    accounts: Arc<dyn Accounts>,
    tokens: AccessTokens,
    clock: Clock,
}

/// A project that is called.
pub(super) struct Place {
    /// Which.
    pub(super) project: ProjectId,
    /// How people sign in to it; none: they don't.
    pub(super) settings: Option<Settings>,
}

impl Callers {
    /// Over the accounts of that store.
    pub(super) fn new(store: &Store, tokens: AccessTokens, clock: Clock) -> Self {
        Self { projects: store.projects.clone(), accounts: store.accounts.clone(), tokens, clock }
    }

    /// The project of that name, if there is one.
    pub(super) async fn place(&self, project: Option<&str>) -> Result<Option<Place>, Problem> {
        let Some(name) = project else { return Ok(None) };
        let found = self.projects.by_name(name).await?;
        let Some(project) = found else { return Ok(None) };
        let settings = self.accounts.settings(project.id).await?;
        Ok(Some(Place { project: project.id, settings }))
    }

    /// Who bears the access token of the request. Whether the session is over is not asked.
    pub(super) async fn bearer(&self, project: ProjectId, headers: &HeaderMap) -> Result<Verified, Problem> {
        let token = bearer(headers).ok_or_else(unauthenticated)?;
        match self.tokens.verify(project, token, self.clock.now_ms()).await {
            Ok(verified) => Ok(verified),
            Err(Refused::Token) => Err(unauthenticated()),
            Err(Refused::Failed(problem)) => Err(problem),
        }
    }

    /// As whom a request acts: whom its token vouches for, or nobody where it has none. A token that is not good is
    /// refused, so that nobody takes what is open to all for all there is.
    pub(super) async fn caller(&self, project: ProjectId, headers: &HeaderMap) -> Result<Caller, Problem> {
        Ok(self.caller_until(project, headers).await?.0)
    }

    /// The same, and until when the token vouches for it, milliseconds since 1970.
    pub(super) async fn caller_until(
        &self,
        project: ProjectId,
        headers: &HeaderMap,
    ) -> Result<(Caller, Option<i64>), Problem> {
        if !headers.contains_key(http::header::AUTHORIZATION) {
            return Ok((Caller::default(), None));
        }
        let Verified { caller, ends_ms, .. } = self.bearer(project, headers).await?;
        Ok((caller, Some(ends_ms)))
    }
}

impl Place {
    /// Origins of other pages that may call.
    pub(super) fn origins(&self) -> &[String] {
        self.settings.as_ref().map_or(&[], |settings| &settings.origins)
    }
}
