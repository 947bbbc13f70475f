//! The people who use a project.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Users of one page.
pub const MAX_USERS: u32 = store::accounts::MAX_PAGE;

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserView {
    /// Its id, which is `sub` in access tokens and `auth.user` in rules.
    pub id: Uuid,
    /// The e-mail address as it was given.
    pub email: Option<String>,
    /// Whether somebody has shown that mail to the address arrives.
    pub verified: bool,
    /// Whether it may not sign in.
    pub disabled: bool,
    /// Whether nobody has said who it is of.
    pub anonymous: bool,
    /// Whether it has a password.
    pub password: bool,
    /// What it may do, in the project's own words.
    pub roles: Vec<String>,
    /// Creation.
    pub created_ms: i64,
}

/// Query of `GET …/users`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct UserQuery {
    /// Only those whose e-mail address begins so, in the order of their addresses. Left out: all, the newest first.
    #[param(required = false)]
    pub email: Option<String>,
    /// Only what comes after: `next` of the page before.
    #[param(required = false)]
    pub after: Option<String>,
    /// At most so many, 1,000 at most; 100 unless given.
    #[param(required = false)]
    pub limit: Option<u32>,
}

/// Answer of `GET …/users`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserList {
    /// The page.
    pub users: Vec<UserView>,
    /// What to pass as `after` for the next page; none where this is the last one.
    pub next: Option<String>,
}

/// Body of `POST …/users`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The e-mail address.
    pub email: String,
    /// The password; without one the user is invited, or has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<UserPassword>,
    /// Whether a mail is sent by which the user sets a password.
    #[serde(default)]
    pub invite: bool,
    /// What the user may do, in the project's own words.
    #[serde(default)]
    pub roles: Vec<String>,
}

/// A password as it was typed: 8 characters to 1,024 bytes. Never printed.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct UserPassword(pub String);

/// Body of `PATCH …/users/{user}`: what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UserChange {
    /// What the user may do from now on; tokens say so from their next refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// Whether the user may not sign in; all sessions end when not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// Answer of `GET …/users/{user}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserDetail {
    /// The user.
    #[serde(flatten)]
    pub user: UserView,
    /// Who it is elsewhere.
    pub identities: Vec<IdentityView>,
    /// Sessions that are not over.
    pub sessions: u64,
    /// When one of them was used last.
    pub used_ms: Option<i64>,
}

/// Who a user is elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityView {
    /// The place.
    pub provider: String,
    /// Who it is there.
    pub subject: String,
}
