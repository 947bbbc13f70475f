//! Signing up and in: by e-mail address and password, or without a name.

use store::accounts::{Account, By, Change, Changed, NewAccount, PasswordHash, normal_email};

use super::answer;
use super::call::{Anonymous, Credentials, Password};
use super::{AuthDoor, Place};
use crate::accounts::passwords::{Asker, Asking, check_strength};
use crate::accounts::secrets::Carrier;
use crate::client_api::answer::{Answered, Refusal, unauthenticated};
use crate::problem::Problem;

impl AuthDoor {
    /// Makes an account with an address and a password.
    pub(super) async fn sign_up(&self, at: &Place<'_>, words: Credentials) -> Result<Answered, Refusal> {
        at.with_email()?;
        let carrier = at.carrier(words.cookie)?;
        let (email, password) = new_credentials(words)?;
        self.limits.made_from.begin(at.project, at.client, self.uptime_ms())?;
        let password = Some(self.passwords.hash(at.asking(), password).await?);
        let new = NewAccount { email: Some(email), password, ..NewAccount::default() };
        match self.accounts.change(at.project, Change::Create(new)).await? {
            Changed::Done(account) => self.welcome(at, account, carrier).await,
            Changed::Taken | Changed::Missing => Err(email_taken().into()),
        }
    }

    /// Signs in with an address and a password. Whatever is wrong, the answer is the same, and takes as long.
    pub(super) async fn sign_in(&self, at: &Place<'_>, words: Credentials) -> Result<Answered, Refusal> {
        at.with_email()?;
        let Credentials { email, password: Password(password), cookie } = words;
        let carrier = at.carrier(cookie)?;
        // What can't be an address is that of nobody.
        let normal = normal_email(&email).unwrap_or_default();
        let account = match self.accounts.find(at.project, &By::Email(normal.clone())).await? {
            Some(account) if !account.disabled => Some(account),
            _ => None,
        };
        let known = account.as_ref().and_then(|account| account.password.as_ref());
        let same = self.is_password(at, normal, password, known).await?;
        match account {
            Some(account) if same => self.begin(at, &account, carrier).await,
            _ => Err(answer::invalid_credentials().into()),
        }
    }

    /// Makes an account without a name.
    pub(super) async fn anonymous(&self, at: &Place<'_>, words: &Anonymous) -> Result<Answered, Refusal> {
        if !at.settings.anonymous {
            return Err(answer::not_enabled().into());
        }
        let carrier = at.carrier(words.cookie)?;
        self.limits.made_from.begin(at.project, at.client, self.uptime_ms())?;
        let new = NewAccount { anonymous: true, ..NewAccount::default() };
        match self.accounts.change(at.project, Change::Create(new)).await? {
            Changed::Done(account) => self.begin(at, &account, carrier).await,
            Changed::Taken | Changed::Missing => Err(unauthenticated().into()),
        }
    }

    /// Gives an anonymous account an address and a password. It keeps its id; its sessions end, and one begins.
    pub(super) async fn upgrade(&self, at: &Place<'_>, words: Credentials) -> Result<Answered, Refusal> {
        at.with_email()?;
        let carrier = at.carrier(words.cookie)?;
        let (account, _) = self.signed_in(at).await?;
        if !account.anonymous {
            return Err(not_anonymous().into());
        }
        let (email, password) = new_credentials(words)?;
        self.limits.made_from.begin(at.project, at.client, self.uptime_ms())?;
        let password = self.passwords.hash(at.asking(), password).await?;
        let change = Change::Upgrade { id: account.id, email, password };
        match self.accounts.change(at.project, change).await? {
            Changed::Done(account) => self.welcome(at, account, carrier).await,
            Changed::Taken => Err(email_taken().into()),
            Changed::Missing => Err(not_anonymous().into()),
        }
    }

    /// Whether the password is that of the account of that address, counted where it is wrong.
    pub(super) async fn is_password(
        &self,
        at: &Place<'_>,
        normal: String,
        password: String,
        known: Option<&PasswordHash>,
    ) -> Result<bool, Refusal> {
        let (project, from, now) = (at.project, at.client, self.uptime_ms());
        self.limits.wrong_from.begin(project, from, now)?;
        if let Err(too_many) = self.limits.wrong_of.begin(project, normal.clone(), now) {
            self.limits.wrong_from.give_back(project, &from);
            return Err(too_many.into());
        }
        let same = self.passwords.verify(at.asking(), password, known).await;
        if !matches!(same, Ok(false)) {
            self.limits.wrong_of.give_back(project, &normal);
            self.limits.wrong_from.give_back(project, &from);
        }
        Ok(same?)
    }

    /// The first session of an account with a new address, which is asked whether mail arrives.
    async fn welcome(&self, at: &Place<'_>, account: Account, carrier: Carrier) -> Result<Answered, Refusal> {
        self.ask_to_verify(at, &account).await;
        self.begin(at, &account, carrier).await
    }
}

impl Place<'_> {
    /// Whose passwords are hashed.
    pub(super) fn asking(&self) -> Asking {
        (self.project, Asker::Network(self.client))
    }

    /// Whether people sign in by address and password here.
    pub(super) fn with_email(&self) -> Result<(), Problem> {
        if self.settings.email { Ok(()) } else { Err(answer::not_enabled()) }
    }
}

/// An address and a password, fit to be kept.
fn new_credentials(words: Credentials) -> Result<(String, String), Problem> {
    let Credentials { email, password, .. } = words;
    let email = email.trim().to_owned();
    if normal_email(&email).is_none() {
        return Err(Problem::new(400, "bad_request", "this is not an e-mail address"));
    }
    Ok((email, new_password(password)?))
}

/// A password that is long enough.
pub(super) fn new_password(Password(password): Password) -> Result<String, Problem> {
    check_strength(&password).map(|()| password)
}

fn email_taken() -> Problem {
    Problem::new(409, "email_taken", "there is an account with this e-mail address")
        .hint("sign in, or have the password reset")
}

fn not_anonymous() -> Problem {
    Problem::new(409, "not_anonymous", "the account has an e-mail address already")
}
