//! Signing in by an ID token of another issuer: it is exchanged for a session, so that there is one kind of access token,
//! which ends, is revoked and has roles as all do.
//!
//! Who somebody is there is looked up by issuer and subject and by nothing else: an address in a token makes nobody the owner of
//! an account that has it (threat F4).

use std::collections::BTreeSet;

use serde_json::{Value, json};
use store::accounts::{Account, By, Change, Changed, Identity, NewAccount};

use super::answer;
use super::call::{Issued, Unlink};
use super::{AuthDoor, Place};
use crate::accounts::issuers::{Refused, Vouched};
use crate::accounts::recorded::Actor;
use crate::accounts::{identities, sessions};
use crate::client_api::answer::{Answered, Refusal, unauthenticated};
use crate::problem::Problem;

impl AuthDoor {
    /// Signs in whom an issuer vouches for; the account is made when it comes for the first time, or is the one that is signed
    /// in.
    pub(super) async fn sign_in_oidc(&self, at: &Place<'_>, words: Issued) -> Result<Answered, Refusal> {
        if at.settings.issuers.is_empty() {
            return Err(answer::not_enabled().into());
        }
        let carrier = at.carrier(words.cookie)?;
        let now = self.uptime_ms();
        self.limits.wrong_from.begin(at.project, at.client, now)?;
        let issuers = &at.settings.issuers;
        let vouched = self.issuers.verify(at.project, issuers, &words.token, self.clock.now_ms()).await;
        if !matches!(vouched, Err(Refused::Token)) {
            self.limits.wrong_from.give_back(at.project, &at.client);
        }
        let Vouched { identity, roles } = vouched.map_err(Problem::from)?;
        let issuer = identity.provider.clone();
        let account = match words.link {
            true => self.link(at, identity).await?,
            false => self.known_or_new(at, identity, roles.as_deref().unwrap_or_default()).await?,
        };
        // Who may not sign in is changed in nothing.
        if account.disabled {
            return Err(unauthenticated().into());
        }
        let account = match roles {
            Some(roles) if !are_same(&roles, &account.roles) => {
                let change = Change::Roles(account.id, roles);
                match self.recorded.change(at.project, Actor::Issuer(issuer), "user.roles", change).await? {
                    Changed::Done(account) => account,
                    // Deleted a moment ago.
                    Changed::Taken | Changed::Missing => return Err(unauthenticated().into()),
                }
            }
            _ => account,
        };
        self.begin(at, &account, carrier).await
    }

    /// The account of that identity; a new one has those roles from the beginning, which is no change of an account.
    async fn known_or_new(
        &self,
        at: &Place<'_>,
        identity: Identity,
        roles: &[String],
    ) -> Result<Account, Refusal> {
        let by = By::Identity(identity.clone());
        if let Some(account) = self.accounts.find(at.project, &by).await? {
            return Ok(account);
        }
        self.limits.made_from.begin(at.project, at.client, self.uptime_ms())?;
        let roles = roles.to_vec();
        let new = NewAccount { identity: Some(identity), roles, ..NewAccount::default() };
        match self.accounts.change(at.project, Change::Create(new)).await? {
            Changed::Done(account) => Ok(account),
            // Made at the same time, by another tab.
            Changed::Taken | Changed::Missing => {
                Ok(self.accounts.find(at.project, &by).await?.ok_or_else(unauthenticated)?)
            }
        }
    }

    /// Who the account is elsewhere that is signed in.
    pub(super) async fn identities(&self, at: &Place<'_>) -> Result<Answered, Refusal> {
        let (account, _) = self.signed_in(at).await?;
        let detail = self.directory.detail(at.project, account.id).await?.ok_or_else(unauthenticated)?;
        let identities: Vec<Value> = detail.identities.iter().map(sessions::identity).collect();
        Ok(Answered::Json(json!({ "identities": identities })))
    }

    /// Takes one of them away from it. Who asks stays signed in, and nobody else.
    pub(super) async fn unlink(&self, at: &Place<'_>, words: Unlink) -> Result<Answered, Refusal> {
        let (account, session) = self.signed_in_lately(at).await?;
        let identity = Identity { provider: words.provider, subject: words.subject };
        identities::unlink(
            &*self.accounts,
            &*self.directory,
            at.project,
            (account.id, Some(session)),
            identity,
        )
        .await?;
        Ok(Answered::Done)
    }

    /// The account that is signed in, with that identity from now on.
    async fn link(&self, at: &Place<'_>, identity: Identity) -> Result<Account, Refusal> {
        let (account, _) = self.signed_in_lately(at).await?;
        match self.accounts.change(at.project, Change::Link(account.id, identity)).await? {
            Changed::Done(account) => Ok(account),
            Changed::Taken => {
                Err(Problem::new(409, "identity_taken", "another account is that person already").into())
            }
            Changed::Missing => Err(unauthenticated().into()),
        }
    }
}

/// Whether they are the same roles, in whatever order an operator has given them.
fn are_same(one: &[String], other: &[String]) -> bool {
    let set = |roles: &[String]| -> BTreeSet<String> { roles.iter().cloned().collect() };
    set(one) == set(other)
}
