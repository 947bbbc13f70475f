//! `ostro:auth/users`: what functions do with the accounts of their project.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use store::accounts::{AccountId, Identity, MAX_PAGE};
use uuid::Uuid;

use super::{Ask, Credentials, Fault, Proof, Told};
use crate::bindings::ostro::auth::users::{Error, Host};
use crate::ctx::HostCtxView;
use crate::grants::{UserVerb, users_grant};
use crate::meter::Interface;

/// Longest options, bytes.
const MAX_OPTIONS_BYTES: usize = 64 << 10;
/// Longest name of a place and of somebody there, bytes.
const MAX_IDENTITY_BYTES: usize = 256;
/// Longest address, password or token that is looked at, bytes. What fits less is refused behind the door.
const MAX_WORD_BYTES: usize = 4 << 10;
/// Users of a page when nobody says how many.
const DEFAULT_PAGE: u32 = 100;

type Answer<T> = Result<T, Error>;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExternalOptions {
    link: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListOptions {
    limit: Option<u32>,
    cursor: Option<String>,
    email: Option<String>,
}

impl Host for HostCtxView<'_> {
    async fn sign_in_external(
        &mut self,
        provider: String,
        subject: String,
        options: String,
    ) -> Answer<String> {
        self.permit(UserVerb::SignIn)?;
        let ExternalOptions { link } = read(&options)?;
        let link = link.map(|id| account(&id).ok_or_else(|| invalid("`link` is no id"))).transpose()?;
        let fits =
            |text: &str| (1..=MAX_IDENTITY_BYTES).contains(&text.len()) && !text.contains(char::is_control);
        match fits(&provider) && fits(&subject) {
            true => {
                let identity = Identity { provider, subject };
                self.begin_session(Proof::External { identity, link }).await
            }
            false => Err(invalid("a provider and a subject have 1 to 256 bytes, and no control character")),
        }
    }

    async fn sign_up(&mut self, email: String, password: String) -> Answer<String> {
        self.permit(UserVerb::SignIn)?;
        self.begin_session(Proof::New(credentials(email, password)?)).await
    }

    async fn sign_in(&mut self, email: String, password: String) -> Answer<String> {
        self.permit(UserVerb::SignIn)?;
        self.begin_session(Proof::Known(credentials(email, password)?)).await
    }

    async fn sign_in_anonymous(&mut self) -> Answer<String> {
        self.permit(UserVerb::SignIn)?;
        self.begin_session(Proof::Nothing).await
    }

    async fn refresh(&mut self, refresh_token: String) -> Answer<String> {
        self.permit(UserVerb::SignIn)?;
        self.begin_session(Proof::Refresh(short(refresh_token)?)).await
    }

    async fn sign_out(&mut self, id: String) -> Answer<bool> {
        self.change_user(&id, Ask::SignOut).await
    }

    async fn get(&mut self, id: String) -> Answer<Option<String>> {
        self.permit(UserVerb::Read)?;
        let Some(id) = account(&id) else { return Ok(None) };
        match self.ask_users(Ask::Get(id)).await? {
            Told::Json(user) => Ok(Some(user)),
            Told::Done(_) => Ok(None),
        }
    }

    async fn list(&mut self, options: String) -> Answer<String> {
        self.permit(UserVerb::Read)?;
        let ListOptions { limit, cursor, email } = read(&options)?;
        let limit = limit.unwrap_or(DEFAULT_PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(invalid(format!("`limit` is 1 to {MAX_PAGE}")));
        }
        let [email, cursor] = [email, cursor].map(|word| word.map(short).transpose());
        self.users_json(Ask::List { email: email?, cursor: cursor?, limit }).await
    }

    async fn set_roles(&mut self, id: String, roles: Vec<String>) -> Answer<bool> {
        self.change_user(&id, |id| Ask::Roles(id, roles)).await
    }

    async fn set_disabled(&mut self, id: String, disabled: bool) -> Answer<bool> {
        self.change_user(&id, |id| Ask::Disabled(id, disabled)).await
    }

    async fn delete(&mut self, id: String) -> Answer<bool> {
        self.change_user(&id, Ask::Delete).await
    }
}

impl HostCtxView<'_> {
    /// Decides on a call before anything else is looked at.
    fn permit(&self, verb: UserVerb) -> Answer<()> {
        self.ctx.meter.count(Interface::Users);
        match self.ctx.grants.allows_users(verb) {
            true => Ok(()),
            false => Err(Error::Denied(self.ctx.refuse(Interface::Users, users_grant(verb)).to_string())),
        }
    }

    async fn ask_users(&mut self, ask: Ask) -> Answer<Told> {
        let function = &self.ctx.identity.function;
        let answered = self.ctx.services.people.ask(function, ask).await.ok_or_else(|| {
            Error::Unavailable("there are no accounts while a function is only tried".to_owned())
        })?;
        let told = answered.map_err(told)?;
        let bytes = if let Told::Json(json) = &told { json.len() } else { 0 };
        self.ctx.meter.moved(Interface::Users, 1, bytes);
        Ok(told)
    }

    async fn users_json(&mut self, ask: Ask) -> Answer<String> {
        match self.ask_users(ask).await? {
            Told::Json(json) => Ok(json),
            Told::Done(_) => Err(told(Fault::Failed)),
        }
    }

    async fn begin_session(&mut self, proof: Proof) -> Answer<String> {
        self.users_json(Ask::Session(proof)).await
    }

    /// What is no id is that of no account.
    async fn change_user(&mut self, id: &str, ask: impl FnOnce(AccountId) -> Ask) -> Answer<bool> {
        self.permit(UserVerb::Write)?;
        let Some(id) = account(id) else { return Ok(false) };
        match self.ask_users(ask(id)).await? {
            Told::Done(was) => Ok(was),
            Told::Json(_) => Err(told(Fault::Failed)),
        }
    }
}

fn account(id: &str) -> Option<AccountId> {
    Uuid::try_parse(id).ok().map(AccountId)
}

fn credentials(email: String, password: String) -> Answer<Credentials> {
    Ok(Credentials { email: short(email)?, password: short(password)? })
}

/// What is too long is not even looked at.
fn short(word: String) -> Answer<String> {
    if word.len() > MAX_WORD_BYTES { Err(invalid("this is too long")) } else { Ok(word) }
}

fn read<T: Default + DeserializeOwned>(options: &str) -> Answer<T> {
    if options.len() > MAX_OPTIONS_BYTES {
        return Err(invalid(format!("options have {} KiB at most", MAX_OPTIONS_BYTES >> 10)));
    }
    match options {
        "" => Ok(T::default()),
        json => serde_json::from_str(json).map_err(|error| invalid(format!("the options: {error}"))),
    }
}

fn invalid(text: impl Into<String>) -> Error {
    Error::Invalid(text.into())
}

/// A fault, as a decision for the guest.
fn told(fault: Fault) -> Error {
    match fault {
        Fault::Invalid(text) => Error::Invalid(text),
        Fault::NotEnabled(text) => Error::NotEnabled(text.to_owned()),
        Fault::Refused(text) => Error::Refused(text),
        Fault::Taken(text) => Error::Taken(text.to_owned()),
        Fault::Busy(text) => Error::Busy(text),
        Fault::Full(text) => Error::Full(text),
        Fault::Failed => Error::Unavailable("the server failed; its log has the details".to_owned()),
    }
}
