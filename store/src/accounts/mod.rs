//! Accounts: the people who use a project, their sessions, and the keys that vouch for them.
//!
//! Passwords and tokens never come here in clear: of a password there is the hash that the caller made, of a token its
//! SHA-256. What was acknowledged is on the disk.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod email;
mod records;
pub(crate) mod sqlite;

use std::sync::Arc;

use async_trait::async_trait;

pub use email::{MAX_EMAIL_BYTES, normal_email, normal_prefix};
pub use records::*;

use crate::StoreError;
use crate::catalog::ProjectId;

/// Accounts of a project.
pub const MAX_ACCOUNTS: u64 = 1_000_000;
/// Sessions of an account; one more ends the one that was used longest ago.
pub const MAX_SESSIONS: u64 = 100;
/// Accounts of one page of a list.
pub const MAX_PAGE: u32 = 1_000;
/// Identities of an account.
pub const MAX_IDENTITIES: u64 = 20;
/// An anonymous account whose sessions are all over goes so long after the last of them, milliseconds: nobody can sign in to it.
pub const ABANDONED_MS: i64 = 30 * 86_400_000;
/// Tokens for one use of an account and a purpose that are good at once. Another one is refused rather than one of them made
/// void, because anybody can have one made.
pub const MAX_TOKENS: u64 = 3;
/// The refresh token before the present one is not replaced again for so long after the change, milliseconds: two tabs that
/// refresh at once.
pub const RACE_MS: i64 = 10_000;
/// A signing key that has a successor is kept for so long, milliseconds: longer than any access token lives.
pub const RETIRED_KEY_MS: i64 = 25 * 3_600_000;

/// The outcome of a call.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Accounts of projects. Two projects never see each other's.
///
/// A change is done as a whole or not at all, and seen by everyone who asks afterwards. A session or a token past its time
/// by the store's clock is not there any more, whoever looks. Anonymous accounts that nobody can sign in to any more go with
/// new sessions, some with each.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Sets how people sign in to a project, or that they don't. Accounts stay.
    async fn declare(&self, project: ProjectId, settings: Option<&Settings>) -> Result<()>;
    /// How people sign in to a project; none: they don't.
    async fn settings(&self, project: ProjectId) -> Result<Option<Settings>>;
    /// The account that is meant, disabled or not.
    async fn find(&self, project: ProjectId, by: &By) -> Result<Option<Account>>;
    /// Makes or changes an account. `Full` beyond [`MAX_ACCOUNTS`] and [`MAX_IDENTITIES`].
    async fn change(&self, project: ProjectId, change: Change) -> Result<Changed>;
    /// Begins, goes on with or ends sessions. Those of disabled accounts are over.
    async fn session(&self, project: ProjectId, change: SessionChange) -> Result<SessionAnswer>;
    /// What the token of a session is worth, of a family that is `family`. It is due when it took the place of the one before
    /// `fresh_ms` ago, milliseconds; the one before when [`RACE_MS`] are over, as [`SessionChange::Refresh`] has it.
    async fn held(
        &self,
        project: ProjectId,
        family: TokenHash,
        token: TokenHash,
        fresh_ms: u64,
    ) -> Result<Held>;
    /// Makes a token that is good for one use, or uses one; the account that it is of. None when there is no such token,
    /// no such account, or [`MAX_TOKENS`] are good already.
    async fn once(&self, project: ProjectId, once: Once) -> Result<Option<Account>>;
    /// The keys of a project, the newest first, after a new one was added. It is added only if the newest is still the
    /// one that it is to follow; then keys go whose successor is older than [`RETIRED_KEY_MS`].
    async fn keys(&self, project: ProjectId, new: Option<NewKey>) -> Result<Vec<SigningKey>>;
}

/// Accounts of projects as their operators look at them.
#[async_trait]
pub trait Directory: Send + Sync {
    /// So many accounts at most, and at most [`MAX_PAGE`], in the order of the page.
    async fn page(&self, project: ProjectId, page: &Page, limit: u32) -> Result<Vec<Account>>;
    /// An account with what it has, disabled or not.
    async fn detail(&self, project: ProjectId, id: AccountId) -> Result<Option<Detail>>;
}

/// Accounts, for those who use them and those who look after them: over the same data.
#[derive(Clone)]
pub struct AccountStore {
    /// To sign in.
    pub accounts: Arc<dyn Accounts>,
    /// To look at.
    pub directory: Arc<dyn Directory>,
}
