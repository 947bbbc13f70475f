//! The accounts of the project: signing people in, and looking after them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::bindings::ostro::auth::users;
use crate::json;

/// The outcome of a call.
pub type Result<T> = std::result::Result<T, Error>;

/// What a client needs to be signed in, as `/_ostro/v1/auth/` answers it: hand it on as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Who is signed in.
    pub user: Account,
    /// For `authorization: Bearer …`.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// How long the access token lives, seconds.
    pub expires_in: u64,
    /// Good for one refresh.
    pub refresh_token: String,
}

/// An account of the project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// Its address.
    pub email: Option<String>,
    /// Whether mail to the address has arrived.
    pub verified: bool,
    /// Whether nobody has said who it is of.
    pub anonymous: bool,
    /// Whether it may not sign in. Not told in sessions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// What it may do, in the project's own words.
    pub roles: Vec<String>,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// Who it is elsewhere; told by [`get`] alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<Identity>,
    /// Sessions that are not over; told by [`get`] alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<u64>,
}

/// Somebody at another place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The place.
    pub provider: String,
    /// Who it is there.
    pub subject: String,
}

/// Some accounts of many.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Page {
    /// The accounts.
    pub users: Vec<Account>,
    /// Where the next page begins, if there may be one.
    pub cursor: Option<String>,
}

/// Which accounts are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct List {
    /// How many at most, up to 1,000; 100 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// How their addresses begin; they are in the order of addresses then, and the newest first otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// A session of whoever the function has recognised elsewhere: `subject` at `provider`. The account is made the first
/// time. Needs the grant `users:sign-in`, and `[auth]` in the manifest.
///
/// ```no_run
/// # let openid = "o6_bmjrPTlm6";
/// let session = ostro::auth::users::sign_in_external("wechat", openid)?;
/// # Ok::<(), ostro::auth::users::Error>(())
/// ```
pub fn sign_in_external(provider: &str, subject: &str) -> Result<Session> {
    read(&users::sign_in_external(provider, subject, "")?)
}

/// The same for an account that is there and gets the identity, such as an anonymous one, which is that no more. `Taken` where
/// another account has it.
pub fn link_external(provider: &str, subject: &str, id: &str) -> Result<Session> {
    read(&users::sign_in_external(provider, subject, &json!({ "link": id }).to_string())?)
}

/// A session of a new account. Needs `users:sign-in`, and `email` in `[auth]`.
pub fn sign_up(email: &str, password: &str) -> Result<Session> {
    read(&users::sign_up(email, password)?)
}

/// A session of the account of that address. Needs `users:sign-in`, and `email` in `[auth]`.
pub fn sign_in(email: &str, password: &str) -> Result<Session> {
    read(&users::sign_in(email, password)?)
}

/// A session of a new account without a name. Needs `users:sign-in`, and `anonymous` in `[auth]`.
pub fn sign_in_anonymous() -> Result<Session> {
    read(&users::sign_in_anonymous()?)
}

/// The session with new tokens. Needs `users:sign-in`.
pub fn refresh(refresh_token: &str) -> Result<Session> {
    read(&users::refresh(refresh_token)?)
}

/// An account. Needs `users:read`.
pub fn get(id: &str) -> Result<Option<Account>> {
    users::get(id)?.map(|json| read(&json)).transpose()
}

/// Accounts. Needs `users:read`.
pub fn list(which: &List) -> Result<Page> {
    read(&users::list(&json!(which).to_string())?)
}

/// Sets what an account may do; whether there is such an account. Tokens say so from their next refresh. Needs `users:write`.
pub fn set_roles(id: &str, roles: &[&str]) -> Result<bool> {
    let roles: Vec<String> = roles.iter().map(|&role| role.to_owned()).collect();
    Ok(users::set_roles(id, &roles)?)
}

/// Sets whether an account may sign in; whether there is such an account. If not, its sessions end. Needs `users:write`.
pub fn set_disabled(id: &str, disabled: bool) -> Result<bool> {
    Ok(users::set_disabled(id, disabled)?)
}

/// Ends all sessions of an account; whether there is such an account. Needs `users:write`.
pub fn sign_out(id: &str) -> Result<bool> {
    Ok(users::sign_out(id)?)
}

/// Deletes an account with its sessions; whether there was such an account. Needs `users:write`.
pub fn delete(id: &str) -> Result<bool> {
    Ok(users::delete(id)?)
}

fn read<T: serde::de::DeserializeOwned>(json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| Error::Unavailable(error.to_string()))
}

/// Why there is no answer. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The function holds no grant for it. The text names the line to add to the manifest.
    Denied(String),
    /// What was given can't be done. The text says what.
    Invalid(String),
    /// The manifest does not turn it on, in `[auth]`.
    NotEnabled(String),
    /// Nobody is signed in: the proof is not good, or the account may not sign in or is not there.
    Refused(String),
    /// Another account has the address or the identity.
    Taken(String),
    /// It was tried too often, or too many sign in at once. Trying again later may help.
    Busy(String),
    /// The project has as many accounts as it may, or the account as many identities.
    Full(String),
    /// The server can't do it now. Trying again may help.
    Unavailable(String),
}

impl From<users::Error> for Error {
    fn from(error: users::Error) -> Self {
        match error {
            users::Error::Denied(text) => Self::Denied(text),
            users::Error::Invalid(text) => Self::Invalid(text),
            users::Error::NotEnabled(text) => Self::NotEnabled(text),
            users::Error::Refused(text) => Self::Refused(text),
            users::Error::Taken(text) => Self::Taken(text),
            users::Error::Busy(text) => Self::Busy(text),
            users::Error::Full(text) => Self::Full(text),
            users::Error::Unavailable(text) => Self::Unavailable(text),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Denied(text)
        | Self::Invalid(text)
        | Self::NotEnabled(text)
        | Self::Refused(text)
        | Self::Taken(text)
        | Self::Busy(text)
        | Self::Full(text)
        | Self::Unavailable(text)) = self;
        f.write_str(text)
    }
}

impl std::error::Error for Error {}
