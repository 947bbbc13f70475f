//! Sessions as whoever signs in has them: begun, and gone on with. What proof there was is asked elsewhere.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use store::accounts::{
    Account, AccountId, Accounts, Held, Identity, SessionAnswer, SessionChange, SessionId, Settings,
};
use store::catalog::ProjectId;

use super::secrets::{Carrier, SessionToken};
use super::tokens::AccessTokens;
use crate::clock::Clock;
use crate::problem::Problem;

/// The token in a cookie is replaced so long after it came, milliseconds, when the access tokens of the project live longer.
const COOKIE_FRESH_MS: u64 = 15 * 60_000;

/// Begins sessions. A cheap handle.
#[derive(Clone)]
pub struct Sessions {
    accounts: Arc<dyn Accounts>,
    tokens: AccessTokens,
    clock: Clock,
}

/// A session that has begun or goes on.
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub account: Account,
    /// What its client goes on with from now on.
    pub token: SessionToken,
}

/// Whether a session has another token than the one that was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// The client keeps what it has.
    No,
    /// The client has to be given the new one.
    Yes,
}

/// What came of a refresh token.
pub enum Refreshed {
    /// The session with a new one.
    Session(Session),
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

/// Who an account is elsewhere, as it is shown.
pub fn identity(Identity { provider, subject }: &Identity) -> Value {
    json!({ "provider": provider, "subject": subject })
}

impl Sessions {
    /// Over those accounts.
    pub fn new(accounts: Arc<dyn Accounts>, tokens: AccessTokens, clock: Clock) -> Self {
        Self { accounts, tokens, clock }
    }

    /// Begins a session: its id and its token are new, whatever the client had (threat F3). None when the account may not sign in,
    /// or is not there.
    pub async fn begin(
        &self,
        project: ProjectId,
        settings: &Settings,
        account: AccountId,
        carrier: Carrier,
    ) -> Result<Option<Session>, Problem> {
        let token = SessionToken::first(carrier)?;
        let begin = SessionChange::Begin {
            account,
            family: token.family(),
            token: token.hash(),
            ttl_ms: settings.refresh_ms,
        };
        match self.accounts.session(project, begin).await? {
            SessionAnswer::Live(id, account) => Ok(Some(Session { id, account, token })),
            SessionAnswer::Race | SessionAnswer::Reused | SessionAnswer::Over => Ok(None),
        }
    }

    /// Takes a refresh token, and gives another one for it, of that carrier. The session began when it did.
    pub async fn refresh(
        &self,
        project: ProjectId,
        settings: &Settings,
        text: &str,
        carrier: Carrier,
    ) -> Result<Refreshed, Problem> {
        match SessionToken::parse(Carrier::Script, text) {
            Some(token) => self.replace(project, settings, &token, token.next(carrier)?).await,
            None => Ok(Refreshed::Over),
        }
    }

    /// The session that is kept in a cookie, and with its next token when it is time for one. None when it is over, or the text is
    /// no such token.
    pub async fn kept(
        &self,
        project: ProjectId,
        settings: &Settings,
        text: &str,
    ) -> Result<Option<(Session, Renewed)>, Problem> {
        let Some(token) = SessionToken::parse(Carrier::Cookie, text) else { return Ok(None) };
        let fresh_ms = COOKIE_FRESH_MS.min(settings.access_ms).min(settings.refresh_ms / 2);
        let held = self.accounts.held(project, token.family(), token.hash(), fresh_ms).await?;
        let (id, account) = match held {
            Held::Over => return Ok(None),
            Held::Good(id, account) => return Ok(Some((Session { id, account, token }, Renewed::No))),
            Held::Due(id, account) => (id, account),
            Held::Reused => {
                // Ends it.
                self.replace(project, settings, &token, token.next(Carrier::Cookie)?).await?;
                return Ok(None);
            }
        };
        match self.replace(project, settings, &token, token.next(Carrier::Cookie)?).await {
            Ok(Refreshed::Session(session)) => Ok(Some((session, Renewed::Yes))),
            // Another tab was faster: the browser has one cookie for both.
            Ok(Refreshed::Race) => Ok(Some((Session { id, account, token }, Renewed::No))),
            Ok(Refreshed::Over) => Ok(None),
            // The token is good, and a disk that is full keeps nobody from reading.
            Err(problem) => {
                tracing::warn!(project = %project.0, %problem, "the token of a session was not replaced");
                Ok(Some((Session { id, account, token }, Renewed::No)))
            }
        }
    }

    /// The session as a script is given it, with an access token.
    pub async fn tokens(
        &self,
        project: ProjectId,
        settings: &Settings,
        session: &Session,
    ) -> Result<Value, Problem> {
        Ok(json!({
            "user": user(&session.account),
            "access_token": self.access_token(project, settings, session).await?,
            "token_type": "Bearer",
            "expires_in": settings.access_ms / 1_000,
            "refresh_token": session.token.text(),
        }))
    }

    /// An access token of the session.
    pub async fn access_token(
        &self,
        project: ProjectId,
        settings: &Settings,
        Session { id, account, .. }: &Session,
    ) -> Result<String, Problem> {
        self.tokens.issue(project, account, *id, settings.access_ms, self.clock.now_ms()).await
    }

    async fn replace(
        &self,
        project: ProjectId,
        settings: &Settings,
        token: &SessionToken,
        next: SessionToken,
    ) -> Result<Refreshed, Problem> {
        let refresh = SessionChange::Refresh {
            family: token.family(),
            token: token.hash(),
            next: next.hash(),
            next_family: next.family(),
            ttl_ms: settings.refresh_ms,
        };
        match self.accounts.session(project, refresh).await? {
            SessionAnswer::Live(id, account) => Ok(Refreshed::Session(Session { id, account, token: next })),
            SessionAnswer::Race => Ok(Refreshed::Race),
            SessionAnswer::Reused => {
                tracing::warn!(project = %project.0, "a token of a session came again: the session has ended");
                Ok(Refreshed::Over)
            }
            SessionAnswer::Over => Ok(Refreshed::Over),
        }
    }
}
