//! Sessions: begun, kept going, ended.

use store::accounts::{Account, SessionChange};

use super::answer;
use super::call::Refresh;
use super::{AuthDoor, Place};
use crate::accounts::secrets::RefreshToken;
use crate::accounts::sessions::Refreshed;
use crate::client_api::answer::{Answered, Refusal, unauthenticated};
use crate::problem::Problem;

impl AuthDoor {
    /// Begins a session of an account that has proved who it is.
    pub(super) async fn begin(&self, at: &Place<'_>, account: &Account) -> Result<Answered, Refusal> {
        let session = self.sessions.begin(at.project, &at.settings, account.id).await?;
        // Disabled or deleted a moment ago.
        session.map(Answered::Json).ok_or_else(|| answer::invalid_credentials().into())
    }

    /// Takes a refresh token, and gives another one for it.
    pub(super) async fn refresh(&self, at: &Place<'_>, words: &Refresh) -> Result<Answered, Refusal> {
        match self.sessions.refresh(at.project, &at.settings, &words.refresh_token).await? {
            Refreshed::Session(session) => Ok(Answered::Json(session)),
            Refreshed::Race => Err(Problem::new(409, "refresh_race", "the token was used a moment ago")
                .hint("another tab has the new one")
                .into()),
            Refreshed::Over => Err(unauthenticated().into()),
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
}
