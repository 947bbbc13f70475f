//! Changes of accounts that are in the audit trail although no operator has made them: those of functions, and roles that an issuer
//! gives.
//!
//! The trail is the server's and is never cut, so a project adds only so much to it in a while; what could not be recorded is not done.

use std::sync::Arc;
use std::time::Instant;

use store::StoreError;
use store::accounts::{Accounts, Change, Changed, SessionChange};
use store::catalog::{Audit, ProjectId, Stamp};

use super::attempts::{Attempts, TooMany};
use crate::clock::Clock;

/// Such changes of a project, in [`super::attempts::WINDOW_MS`].
const MAX_CHANGES: u32 = 1_000;

/// Changes accounts, and records that. A cheap handle: clones count together.
#[derive(Clone)]
pub struct Recorded {
    accounts: Arc<dyn Accounts>,
    audit: Arc<dyn Audit>,
    made: Attempts<()>,
    clock: Clock,
    since: Instant,
}

/// Why nothing was changed.
#[derive(Debug)]
pub enum Unchanged {
    /// The project has changed too much.
    TooMany(TooMany),
    /// The store did not do it.
    Store(StoreError),
}

impl From<StoreError> for Unchanged {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Recorded {
    /// Over those accounts, in that trail.
    pub fn new(accounts: Arc<dyn Accounts>, audit: Arc<dyn Audit>, clock: Clock) -> Self {
        Self { accounts, audit, made: Attempts::new(MAX_CHANGES), since: clock.instant(), clock }
    }

    /// Changes an account. What it did not find is not recorded.
    pub async fn change(
        &self,
        project: ProjectId,
        actor: String,
        action: &str,
        change: Change,
    ) -> Result<Changed, Unchanged> {
        self.begin(project)?;
        let changed = self.accounts.change(project, change).await?;
        match &changed {
            Changed::Done(account) => self.record(project, actor, action, account.id.0.to_string()).await?,
            Changed::Taken | Changed::Missing => self.made.give_back(project, &()),
        }
        Ok(changed)
    }

    /// Ends all sessions of an account that is there.
    pub async fn sign_out(
        &self,
        project: ProjectId,
        actor: String,
        account: store::accounts::AccountId,
    ) -> Result<(), Unchanged> {
        self.begin(project)?;
        self.accounts.session(project, SessionChange::EndAll(account)).await?;
        self.record(project, actor, "user.sign-out", account.0.to_string()).await
    }

    fn begin(&self, project: ProjectId) -> Result<(), Unchanged> {
        let since = self.clock.instant().saturating_duration_since(self.since);
        let now = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        self.made.begin(project, (), now).map_err(Unchanged::TooMany)
    }

    async fn record(
        &self,
        project: ProjectId,
        actor: String,
        action: &str,
        subject: String,
    ) -> Result<(), Unchanged> {
        let stamp = Stamp { actor, at_ms: self.clock.now_ms() };
        Ok(self.audit.record(&stamp, project, action, &subject).await?)
    }
}
