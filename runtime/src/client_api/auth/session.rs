//! Sessions: begun, kept going, ended.

use serde_json::{Value, json};
use store::accounts::{Account, SessionAnswer, SessionChange, SessionId};

use super::answer;
use super::call::Refresh;
use super::{AuthDoor, Place};
use crate::accounts::secrets::RefreshToken;
use crate::client_api::answer::{Answered, Refusal, unauthenticated};
use crate::problem::Problem;

impl AuthDoor {
    /// Begins a session: its id and its tokens are new, whatever the client had (threat F3).
    pub(super) async fn begin(&self, at: &Place<'_>, account: Account) -> Result<Answered, Refusal> {
        let token = RefreshToken::first()?;
        let begin = SessionChange::Begin {
            account: account.id,
            family: token.family(),
            token: token.hash(),
            ttl_ms: at.settings.refresh_ms,
        };
        match self.accounts.session(at.project, begin).await? {
            SessionAnswer::Live(session, account) => self.grant(at, &account, session, &token).await,
            // Disabled or deleted a moment ago.
            _ => Err(answer::invalid_credentials().into()),
        }
    }

    /// Takes a refresh token, and gives another one for it.
    pub(super) async fn refresh(&self, at: &Place<'_>, words: &Refresh) -> Result<Answered, Refusal> {
        let token = RefreshToken::parse(&words.refresh_token).ok_or_else(unauthenticated)?;
        let next = token.next()?;
        let refresh = SessionChange::Refresh {
            family: token.family(),
            token: token.hash(),
            next: next.hash(),
            ttl_ms: at.settings.refresh_ms,
        };
        match self.accounts.session(at.project, refresh).await? {
            SessionAnswer::Live(session, account) => self.grant(at, &account, session, &next).await,
            SessionAnswer::Race => Err(Problem::new(409, "refresh_race", "the token was used a moment ago")
                .hint("another tab has the new one")
                .into()),
            SessionAnswer::Reused => {
                tracing::warn!(project = %at.project.0, "a refresh token came again: its session has ended");
                Err(unauthenticated().into())
            }
            SessionAnswer::Over => Err(unauthenticated().into()),
        }
    }

    /// Ends the session of a refresh token, or of the access token where there is none.
    pub(super) async fn sign_out(
        &self,
        at: &Place<'_>,
        refresh_token: Option<&str>,
    ) -> Result<Answered, Refusal> {
        let end = match refresh_token {
            Some(text) => {
                let token = RefreshToken::parse(text).ok_or_else(unauthenticated)?;
                SessionChange::EndFamily(token.family())
            }
            None => SessionChange::End(self.signed_in(at).await?.1),
        };
        self.accounts.session(at.project, end).await?;
        Ok(Answered::Done)
    }

    async fn grant(
        &self,
        at: &Place<'_>,
        account: &Account,
        session: SessionId,
        refresh: &RefreshToken,
    ) -> Result<Answered, Refusal> {
        let (life_ms, now) = (at.settings.access_ms, self.clock.now_ms());
        let access = self.tokens.issue(at.project, account, session, life_ms, now).await?;
        let mut grant = answer::user(account);
        let tokens = json!({
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": life_ms / 1_000,
            "refresh_token": refresh.text(),
        });
        if let (Value::Object(grant), Value::Object(tokens)) = (&mut grant, tokens) {
            grant.extend(tokens);
        }
        Ok(Answered::Json(grant))
    }
}
