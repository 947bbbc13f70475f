//! Sessions: begun, kept going, ended.

use store::accounts::{Account, SessionChange};

use super::answer;
use super::call::Refresh;
use super::{AuthDoor, Place};
use crate::accounts::cookie;
use crate::accounts::secrets::{Carrier, SessionToken};
use crate::accounts::sessions::{Refreshed, Session};
use crate::client_api::answer::{Answered, Refusal, unauthenticated};
use crate::client_api::cookies::kept;
use crate::problem::Problem;

impl AuthDoor {
    /// Begins a session of an account that has proved who it is.
    pub(super) async fn begin(
        &self,
        at: &Place<'_>,
        account: &Account,
        carrier: Carrier,
    ) -> Result<Answered, Refusal> {
        let session = self.sessions.begin(at.project, &at.settings, account.id, carrier).await?;
        // Disabled or deleted a moment ago.
        let session = session.ok_or_else(answer::invalid_credentials)?;
        self.hand_over(at, &session, carrier).await
    }

    /// Takes a refresh token, and gives another one for it, or a cookie.
    pub(super) async fn refresh(&self, at: &Place<'_>, words: &Refresh) -> Result<Answered, Refusal> {
        let carrier = at.carrier(words.cookie)?;
        match self.sessions.refresh(at.project, &at.settings, &words.refresh_token, carrier).await? {
            Refreshed::Session(session) => self.hand_over(at, &session, carrier).await,
            Refreshed::Race => Err(Problem::new(409, "refresh_race", "the token was used a moment ago")
                .hint("another tab has the new one")
                .into()),
            Refreshed::Over => Err(unauthenticated().into()),
        }
    }

    /// Ends the session of a refresh token, or of whoever asks where there is none.
    pub(super) async fn sign_out(
        &self,
        at: &Place<'_>,
        refresh_token: Option<&str>,
    ) -> Result<Answered, Refusal> {
        let end = match refresh_token {
            Some(text) => {
                let token = SessionToken::parse(Carrier::Script, text).ok_or_else(unauthenticated)?;
                SessionChange::EndFamily(token.family())
            }
            None => SessionChange::End(self.signed_in(at).await?.1),
        };
        self.accounts.session(at.project, end).await?;
        Ok(match at.by_cookie && refresh_token.is_none() {
            true => Answered::Cookie(None, cookie::clear()),
            false => Answered::Done,
        })
    }

    async fn hand_over(
        &self,
        at: &Place<'_>,
        session: &Session,
        carrier: Carrier,
    ) -> Result<Answered, Refusal> {
        match carrier {
            Carrier::Script => {
                Ok(Answered::Json(self.sessions.tokens(at.project, &at.settings, session).await?))
            }
            Carrier::Cookie => {
                let set = kept(session, at.settings.refresh_ms)?;
                Ok(Answered::Cookie(Some(answer::user(&session.account)), set))
            }
        }
    }
}
