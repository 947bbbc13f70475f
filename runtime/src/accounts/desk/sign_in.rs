//! Sessions that functions ask for.

use host_api::auth::{Credentials, Fault, Proof, Told};
use store::accounts::{
    Account, AccountId, By, Change, Changed, Identity, NewAccount, Settings, normal_email,
};
use store::catalog::ProjectId;

use super::{Desk, failed, hindered};
use crate::accounts::passwords::{Asker, Asking, MAX_PASSWORD_BYTES, check_strength};
use crate::accounts::secrets::Carrier;
use crate::accounts::sessions::{Refreshed, Session};

impl Desk {
    pub(super) async fn sign_in(&self, project: ProjectId, proof: Proof) -> Result<Told, Fault> {
        let settings = self.settings(project).await?;
        let account = match proof {
            // The function is the proof, whatever else is on.
            Proof::External { identity, link } => self.external(project, identity, link).await?,
            Proof::New(credentials) => {
                with_email(&settings)?;
                self.sign_up(project, credentials).await?
            }
            Proof::Known(credentials) => {
                with_email(&settings)?;
                self.known(project, credentials).await?
            }
            Proof::Nothing if settings.anonymous => {
                let new = NewAccount { anonymous: true, ..NewAccount::default() };
                self.create(project, new).await?.ok_or(Fault::Failed)?
            }
            Proof::Nothing => {
                return Err(Fault::NotEnabled("`anonymous` is not on in the section [auth] of ostro.toml"));
            }
            Proof::Refresh(token) => return self.refresh(project, &settings, &token).await,
        };
        let begun = self.sessions.begin(project, &settings, account.id, Carrier::Script).await;
        let session = begun.map_err(hindered)?.ok_or_else(barred)?;
        self.tokens(project, &settings, &session).await
    }

    /// The account of somebody who was recognised elsewhere; made the first time.
    async fn external(
        &self,
        project: ProjectId,
        identity: Identity,
        link: Option<AccountId>,
    ) -> Result<Account, Fault> {
        let by = By::Identity(identity.clone());
        if let Some(known) = self.accounts.find(project, &by).await.map_err(failed)? {
            return match link.is_none_or(|id| id == known.id) {
                true => Some(known).filter(|account| !account.disabled).ok_or_else(barred),
                false => Err(taken()),
            };
        }
        if let Some(id) = link {
            return self.link(project, id, identity).await;
        }
        let new = NewAccount { identity: Some(identity), ..NewAccount::default() };
        if let Some(made) = self.create(project, new).await? {
            return Ok(made);
        }
        // Somebody else made it a moment ago: the same one, from another device.
        self.accounts.find(project, &by).await.map_err(failed)?.ok_or(Fault::Failed)
    }

    async fn link(&self, project: ProjectId, id: AccountId, identity: Identity) -> Result<Account, Fault> {
        let account = self.accounts.find(project, &By::Id(id)).await.map_err(failed)?;
        account.filter(|account| !account.disabled).ok_or_else(barred)?;
        match self.accounts.change(project, Change::Link(id, identity)).await.map_err(failed)? {
            Changed::Done(account) => Ok(account),
            Changed::Taken => Err(taken()),
            Changed::Missing => Err(barred()),
        }
    }

    async fn sign_up(&self, project: ProjectId, credentials: Credentials) -> Result<Account, Fault> {
        let Credentials { email, password } = credentials;
        let email = email.trim().to_owned();
        if normal_email(&email).is_none() {
            return Err(Fault::Invalid("this is not an e-mail address".to_owned()));
        }
        check_length(&password)?;
        check_strength(&password).map_err(hindered)?;
        let password = self.passwords.hash(asking(project), password).await.map_err(hindered)?;
        let new = NewAccount { email: Some(email), password: Some(password), ..NewAccount::default() };
        self.create(project, new).await?.ok_or(Fault::Taken("there is an account with this e-mail address"))
    }

    /// Whatever is wrong, the answer is the same, and takes as long.
    async fn known(&self, project: ProjectId, credentials: Credentials) -> Result<Account, Fault> {
        let Credentials { email, password } = credentials;
        check_length(&password)?;
        // What can't be an address is that of nobody.
        let normal = normal_email(&email).unwrap_or_default();
        let account = self.accounts.find(project, &By::Email(normal.clone())).await.map_err(failed)?;
        let account = account.filter(|account| !account.disabled);
        self.wrong_of.begin(project, normal.clone(), self.uptime_ms()).map_err(|too_many| {
            Fault::Busy(format!("this was tried too often: wait {} s", too_many.retry_after_s))
        })?;
        let known = account.as_ref().and_then(|account| account.password.as_ref());
        let same = self.passwords.verify(asking(project), password, known).await;
        if !matches!(same, Ok(false)) {
            self.wrong_of.give_back(project, &normal);
        }
        match (same.map_err(hindered)?, account) {
            (true, Some(account)) => Ok(account),
            _ => Err(Fault::Refused("the e-mail address or the password is wrong".to_owned())),
        }
    }

    async fn refresh(&self, project: ProjectId, settings: &Settings, token: &str) -> Result<Told, Fault> {
        match self.sessions.refresh(project, settings, token, Carrier::Script).await.map_err(hindered)? {
            Refreshed::Session(session) => self.tokens(project, settings, &session).await,
            Refreshed::Race => Err(Fault::Refused(
                "the token was used a moment ago, and whoever did has the new one".to_owned(),
            )),
            Refreshed::Over => Err(Fault::Refused("the token is not good, or not any more".to_owned())),
        }
    }

    async fn tokens(
        &self,
        project: ProjectId,
        settings: &Settings,
        session: &Session,
    ) -> Result<Told, Fault> {
        let tokens = self.sessions.tokens(project, settings, session).await.map_err(hindered)?;
        Ok(Told::Json(tokens.to_string()))
    }

    /// None where another account has the address or the identity.
    async fn create(&self, project: ProjectId, new: NewAccount) -> Result<Option<Account>, Fault> {
        match self.accounts.change(project, Change::Create(new)).await.map_err(failed)? {
            Changed::Done(account) => Ok(Some(account)),
            Changed::Taken | Changed::Missing => Ok(None),
        }
    }
}

/// A function asks from no network.
fn asking(project: ProjectId) -> Asking {
    (project, Asker::Function)
}

fn with_email(settings: &Settings) -> Result<(), Fault> {
    match settings.email {
        true => Ok(()),
        false => Err(Fault::NotEnabled("`email` is not on in the section [auth] of ostro.toml")),
    }
}

/// Refuses what would take long to hash.
fn check_length(password: &str) -> Result<(), Fault> {
    match password.len() <= MAX_PASSWORD_BYTES {
        true => Ok(()),
        false => Err(Fault::Invalid(format!("a password has {MAX_PASSWORD_BYTES} bytes at most"))),
    }
}

fn barred() -> Fault {
    Fault::Refused("the account may not sign in, or is not there".to_owned())
}

fn taken() -> Fault {
    Fault::Taken("another account has this identity")
}
