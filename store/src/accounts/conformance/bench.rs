//! What the suites work with: a store, its clock, one project, and short words for what they do often.

use std::sync::Arc;

use uuid::Uuid;

use super::{TurnedClock, Wanted};
use crate::accounts::{
    Account, AccountId, AccountStore, Accounts, By, Change, Changed, Directory, Held, Identity, NewAccount,
    Once, PasswordHash, Purpose, Result, SessionAnswer, SessionChange, SessionId, TokenHash,
};
use crate::catalog::ProjectId;

/// How long sessions live here, milliseconds.
pub(super) const TTL_MS: u64 = 100_000;

/// A store under test.
pub(super) struct Bench<'o> {
    open: &'o dyn Fn(&Wanted) -> Result<AccountStore>,
    wanted: Wanted,
    pub(super) accounts: Arc<dyn Accounts>,
    pub(super) directory: Arc<dyn Directory>,
    pub(super) clock: TurnedClock,
    pub(super) project: ProjectId,
}

impl<'o> Bench<'o> {
    pub(super) fn new(
        open: &'o dyn Fn(&Wanted) -> Result<AccountStore>,
        wanted: Wanted,
        clock: TurnedClock,
    ) -> Result<Self> {
        let AccountStore { accounts, directory } = open(&wanted)?;
        Ok(Self { open, accounts, directory, wanted, clock, project: project(1) })
    }

    /// Closes the store and opens it again over the same data.
    pub(super) fn reopen(self) -> Result<Self> {
        let Self { open, wanted, accounts, directory, clock, project } = self;
        drop((accounts, directory));
        let AccountStore { accounts, directory } = open(&wanted)?;
        Ok(Self { open, wanted, accounts, directory, clock, project })
    }

    pub(super) async fn change(&self, change: Change) -> Result<Changed> {
        self.accounts.change(self.project, change).await
    }

    /// Makes an account with that address and password.
    pub(super) async fn person(&self, email: &str) -> Result<Account> {
        let (email, password) = (Some(email.to_owned()), Some(hash("old")));
        Ok(done(self.create(NewAccount { email, password, ..NewAccount::default() }).await?))
    }

    pub(super) async fn create(&self, new: NewAccount) -> Result<Changed> {
        self.change(Change::Create(new)).await
    }

    pub(super) async fn find(&self, by: By) -> Result<Option<Account>> {
        self.accounts.find(self.project, &by).await
    }

    /// Begins a session whose family and token are made of that number.
    pub(super) async fn begin(&self, account: AccountId, number: u8) -> Result<SessionId> {
        let (family, token) = (of(number), of(number));
        let begin = SessionChange::Begin { account, family, token, ttl_ms: TTL_MS };
        match self.accounts.session(self.project, begin).await? {
            SessionAnswer::Live(id, _) => Ok(id),
            other => panic!("it did not begin: {other:?}"),
        }
    }

    pub(super) async fn refresh(&self, family: u8, token: u8, next: u8) -> Result<SessionAnswer> {
        self.exchange((family, token), (family, next)).await
    }

    /// Refreshes, with another family from then on: each with its token.
    pub(super) async fn exchange(&self, old: (u8, u8), new: (u8, u8)) -> Result<SessionAnswer> {
        let ((family, token), (next_family, next)) = (old, new);
        let refresh = SessionChange::Refresh {
            family: of(family),
            token: of(token),
            next: of(next),
            next_family: of(next_family),
            ttl_ms: TTL_MS,
        };
        self.accounts.session(self.project, refresh).await
    }

    pub(super) async fn held(&self, family: u8, token: u8, fresh_ms: u64) -> Result<Held> {
        self.accounts.held(self.project, of(family), of(token), fresh_ms).await
    }

    /// Whether a session is there, as access tokens that name it are asked about.
    pub(super) async fn is_live(&self, id: SessionId) -> Result<bool> {
        Ok(self.find(By::Session(id)).await?.is_some())
    }

    pub(super) async fn issue(
        &self,
        account: AccountId,
        purpose: Purpose,
        number: u8,
    ) -> Result<Option<Account>> {
        self.once(Once::Issue { account, purpose, token: of(number), ttl_ms: TTL_MS }).await
    }

    pub(super) async fn once(&self, once: Once) -> Result<Option<Account>> {
        self.accounts.once(self.project, once).await
    }
}

pub(super) fn project(number: u128) -> ProjectId {
    ProjectId(Uuid::from_u128(number))
}

pub(super) fn nobody() -> AccountId {
    AccountId(Uuid::from_u128(77))
}

pub(super) fn of(number: u8) -> TokenHash {
    [number; 32]
}

pub(super) fn hash(text: &str) -> PasswordHash {
    PasswordHash(text.to_owned())
}

pub(super) fn identity(provider: &str, subject: &str) -> Identity {
    Identity { provider: provider.to_owned(), subject: subject.to_owned() }
}

#[track_caller]
pub(super) fn done(changed: Changed) -> Account {
    match changed {
        Changed::Done(account) => account,
        other => panic!("it was not done: {other:?}"),
    }
}
