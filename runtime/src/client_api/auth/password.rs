//! Passwords that are changed, and what tokens of mails are good for: to verify an address, to reset a password.

use store::accounts::{Account, By, Change, Changed, Once, Purpose, normal_email};

use super::answer;
use super::call::{Password, Passwords, RequestReset, Reset, Verify};
use super::sign_in::new_password;
use super::{AuthDoor, Place};
use crate::accounts::mails::Letter;
use crate::accounts::secrets;
use crate::client_api::answer::{Answered, Refusal};
use crate::problem::Problem;

impl AuthDoor {
    /// Sets another password. All sessions end, and one begins.
    pub(super) async fn change_password(
        &self,
        at: &Place<'_>,
        words: Passwords,
    ) -> Result<Answered, Refusal> {
        let carrier = at.carrier(false)?;
        let (account, _) = self.signed_in(at).await?;
        let Passwords { old: Password(old), new } = words;
        let new = new_password(new)?;
        let normal = account.email.as_deref().and_then(normal_email).unwrap_or_default();
        let same = self.is_password(at, normal, old, account.password.as_ref()).await?;
        let Some(old) = account.password.filter(|_| same) else {
            return Err(answer::invalid_credentials().into());
        };
        let change =
            Change::Password { id: account.id, old, new: self.passwords.hash(at.asking(), new).await? };
        match self.accounts.change(at.project, change).await? {
            Changed::Done(account) => self.begin(at, &account, carrier).await,
            // Changed by somebody else a moment ago.
            Changed::Taken | Changed::Missing => Err(answer::invalid_credentials().into()),
        }
    }

    /// Shows that mail to the address arrives.
    pub(super) async fn verify(&self, at: &Place<'_>, words: &Verify) -> Result<Answered, Refusal> {
        let token = secrets::once_hash(&words.token).ok_or_else(invalid_token)?;
        match self.accounts.once(at.project, Once::Verify(token)).await? {
            Some(_) => Ok(Answered::Done),
            None => Err(invalid_token().into()),
        }
    }

    /// Sets a password by a token. All sessions end.
    pub(super) async fn reset(&self, at: &Place<'_>, words: Reset) -> Result<Answered, Refusal> {
        at.with_email()?;
        let Reset { token, password } = words;
        let password = new_password(password)?;
        let token = secrets::once_hash(&token).ok_or_else(invalid_token)?;
        // Nothing is hashed for who has no token.
        let found = self.accounts.find(at.project, &By::Token(Purpose::Reset, token)).await?;
        found.ok_or_else(invalid_token)?;
        let password = self.passwords.hash(at.asking(), password).await?;
        match self.accounts.once(at.project, Once::Reset(token, password)).await? {
            Some(_) => Ok(Answered::Done),
            None => Err(invalid_token().into()),
        }
    }

    /// Has a mail sent, if there is such an account. What is done for it is done after the answer, which so takes the same
    /// time for all.
    pub(super) fn request_reset(&self, at: &Place<'_>, words: &RequestReset) -> Result<Answered, Refusal> {
        at.with_email()?;
        let mail = at.settings.mail.clone().filter(|mail| self.mails.sends(mail, Letter::Reset));
        let mail = mail.ok_or_else(answer::not_enabled)?;
        let normal = normal_email(&words.email).unwrap_or_default();
        self.limits.mails_from.begin(at.project, at.client, self.uptime_ms())?;
        let counted = self.mails.count(at.project, &words.email)?;
        let (door, project) = (self.clone(), at.project);
        tokio::spawn(async move {
            let sent = async {
                let account = door.accounts.find(project, &By::Email(normal)).await?;
                let Some(account) = account.filter(|account| !account.disabled) else { return Ok(()) };
                door.mails.send(counted, &mail, &account, Letter::Reset).await
            };
            if let Err(problem) = sent.await {
                tracing::error!(project = %project.0, %problem, "a mail to reset a password could not be asked for");
            }
        });
        Ok(Answered::Accepted)
    }

    /// Has a mail sent that asks to verify the address. The account is there with or without it.
    pub(super) async fn ask_to_verify(&self, at: &Place<'_>, account: &Account) {
        let Some(mail) = &at.settings.mail else { return };
        let sent = async {
            let counted = self.mails.count(at.project, account.email.as_deref().unwrap_or_default())?;
            self.mails.send(counted, mail, account, Letter::Verify).await
        };
        if let Err(problem) = sent.await {
            tracing::error!(project = %at.project.0, %problem, "a mail to verify an address could not be asked for");
        }
    }
}

/// The same for every token that is not good, whatever is wrong with it.
fn invalid_token() -> Problem {
    Problem::new(400, "invalid_token", "this token is not valid, or not any more")
        .hint("ask for another mail")
}
