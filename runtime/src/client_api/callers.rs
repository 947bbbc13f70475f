//! Where a call is made, and by whom: how people sign in to a project, and whom a request's token vouches for.

use std::sync::Arc;

use http::HeaderMap;
use store::accounts::{Accounts, Settings};
use store::catalog::ProjectId;
use store::documents::Caller;
use store::{Store, StoreError};

use super::answer::unauthenticated;
use crate::accounts::tokens::{AccessTokens, Refused, Verified};
use crate::bearer::bearer;
use crate::clock::Clock;
use crate::problem::Problem;
use crate::registry::live::LivePlace;

/// Knows callers. A cheap handle.
#[derive(Clone)]
pub(super) struct Callers {
    accounts: Arc<dyn Accounts>,
    tokens: AccessTokens,
    clock: Clock,
}

/// A project that is called.
pub(super) struct Place {
    /// Which.
    pub(super) project: ProjectId,
    /// How people sign in to it; none: they don't.
    pub(super) settings: Option<Arc<Settings>>,
}

impl Callers {
    /// Over the accounts of that store.
    pub(super) fn new(store: &Store, tokens: AccessTokens, clock: Clock) -> Self {
        Self { accounts: store.accounts.clone(), tokens, clock }
    }

    /// That project with how people sign in to it. The store is asked for that once, until another table is made.
    pub(super) async fn place(&self, live: &LivePlace) -> Result<Place, Problem> {
        let read = async || Ok(self.accounts.settings(live.project).await?.map(Arc::new));
        let settings: Result<_, StoreError> = live.sign_in.get_or_try_init(read).await;
        Ok(Place { project: live.project, settings: settings?.clone() })
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
