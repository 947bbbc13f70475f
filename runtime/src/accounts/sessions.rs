//! Sessions as whoever signs in has them: begun, and gone on with. What proof there was is asked elsewhere.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use store::accounts::{Account, AccountId, Accounts, SessionAnswer, SessionChange, SessionId, Settings};
use store::catalog::ProjectId;

use super::secrets::RefreshToken;
use super::tokens::AccessTokens;
use crate::clock::Clock;
use crate::problem::Problem;

/// Begins sessions. A cheap handle.
#[derive(Clone)]
pub struct Sessions {
    accounts: Arc<dyn Accounts>,
    tokens: AccessTokens,
    clock: Clock,
}

/// What came of a refresh token.
pub enum Refreshed {
    /// The session with new tokens.
    Session(Value),
    /// It was used a moment ago; whoever did has the new one.
    Race,
    /// It is not good, or not any more.
    Over,
}

/// An account as it is shown to whom it is of.
pub fn user(account: &Account) -> Value {
    let created = Timestamp::from_millisecond(account.created_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    json!({
        "id": account.id.0,
        "email": account.email,
        "verified": account.verified,
        "anonymous": account.anonymous,
        "roles": account.roles,
        "created_at": created.to_string(),
    })
}

impl Sessions {
    /// Over those accounts.
    pub fn new(accounts: Arc<dyn Accounts>, tokens: AccessTokens, clock: Clock) -> Self {
        Self { accounts, tokens, clock }
    }

    /// Begins a session: its id and its tokens are new, whatever the client had (threat F3). None when the account may not sign in,
    /// or is not there.
    pub async fn begin(
        &self,
        project: ProjectId,
        settings: &Settings,
        account: AccountId,
    ) -> Result<Option<Value>, Problem> {
        let token = RefreshToken::first()?;
        let begin = SessionChange::Begin {
            account,
            family: token.family(),
            token: token.hash(),
            ttl_ms: settings.refresh_ms,
        };
        match self.accounts.session(project, begin).await? {
            SessionAnswer::Live(session, account) => {
                self.grant(project, settings, (&account, session), &token).await.map(Some)
            }
            SessionAnswer::Race | SessionAnswer::Reused | SessionAnswer::Over => Ok(None),
        }
    }

    /// Takes a refresh token, and gives another one for it.
    pub async fn refresh(
        &self,
        project: ProjectId,
        settings: &Settings,
        text: &str,
    ) -> Result<Refreshed, Problem> {
        let Some(token) = RefreshToken::parse(text) else { return Ok(Refreshed::Over) };
        let next = token.next()?;
        let refresh = SessionChange::Refresh {
            family: token.family(),
            token: token.hash(),
            next: next.hash(),
            ttl_ms: settings.refresh_ms,
        };
        match self.accounts.session(project, refresh).await? {
            SessionAnswer::Live(session, account) => {
                let session = self.grant(project, settings, (&account, session), &next).await?;
                Ok(Refreshed::Session(session))
            }
            SessionAnswer::Race => Ok(Refreshed::Race),
            SessionAnswer::Reused => {
                tracing::warn!(project = %project.0, "a refresh token came again: its session has ended");
                Ok(Refreshed::Over)
            }
            SessionAnswer::Over => Ok(Refreshed::Over),
        }
    }

    async fn grant(
        &self,
        project: ProjectId,
        settings: &Settings,
        (account, session): (&Account, SessionId),
        refresh: &RefreshToken,
    ) -> Result<Value, Problem> {
        let (life_ms, now) = (settings.access_ms, self.clock.now_ms());
        let access = self.tokens.issue(project, account, session, life_ms, now).await?;
        Ok(json!({
            "user": user(account),
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": life_ms / 1_000,
            "refresh_token": refresh.text(),
        }))
    }
}
