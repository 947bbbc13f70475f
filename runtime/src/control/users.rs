//! The people who use a project: who they are, what they may do, whether they may sign in.
//!
//! The audit trail names them by their ids: it outlives them, and an address is theirs.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use store::StoreError;
use store::accounts::{
    Account, AccountId, By, Change, Changed, Detail, Identity, Mail, NewAccount, Page, PasswordHash,
    SessionChange, normal_email, normal_prefix,
};
use store::catalog::{Project, ProjectId, Scope};
use uuid::Uuid;

use super::ControlState;
use super::auth::Caller;
use super::body::{self, Path, Query};
use super::error::{BodyErrors, Errors};
use super::wire::{
    IdentityView, MAX_USERS, NewUser, UserChange, UserDetail, UserList, UserPassword, UserQuery, UserView,
};
use crate::accounts::identities;
use crate::accounts::mails::Letter;
use crate::accounts::passwords::{Asker, MAX_PASSWORD_BYTES, check_strength};
use crate::problem::Problem;
use crate::registry::settings::{MAX_ROLES, check_role};

/// Users of a page when nobody says how many.
const USUAL_PAGE: u32 = 100;

/// The users of a project: the newest first, or by e-mail address.
#[utoipa::path(
    get, path = "/v1/projects/{project}/users", tag = "users", operation_id = "list_users",
    params(("project" = String, Path, description = "The project's name"), UserQuery), security(("token" = [])),
    responses((status = 200, body = UserList, description = "The page"), Errors),
)]
pub(super) async fn list(
    State(state): State<ControlState>,
    caller: Caller,
    Path(project): Path<String>,
    Query(query): Query<UserQuery>,
) -> Result<Json<UserList>, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    let limit = query.limit.unwrap_or(USUAL_PAGE).clamp(1, MAX_USERS);
    let page = page(query)?;
    let accounts = state.parts.directory.page(project.id, &page, limit).await?;
    let last = accounts.last().filter(|_| accounts.len() == limit as usize);
    let next = last.and_then(|last| match page {
        Page::Newest { .. } => Some(last.id.0.to_string()),
        Page::Addresses { .. } => normal_email(last.email.as_deref()?),
    });
    Ok(Json(UserList { users: accounts.into_iter().map(UserView::from).collect(), next }))
}

/// Makes a user, with a password or an invitation by mail.
#[utoipa::path(
    post, path = "/v1/projects/{project}/users", tag = "users", operation_id = "create_user",
    params(("project" = String, Path, description = "The project's name")),
    request_body = NewUser, security(("token" = [])),
    responses((status = 201, body = UserView, description = "Made"), Errors, BodyErrors),
)]
pub(super) async fn create(
    State(state): State<ControlState>,
    caller: Caller,
    Path(project): Path<String>,
    body::Json(new): body::Json<NewUser>,
) -> Result<(StatusCode, Json<UserView>), Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    let NewUser { email, password, invite, roles } = new;
    let email = email.trim().to_owned();
    if normal_email(&email).is_none() {
        return Err(refused("this is not an e-mail address"));
    }
    check_roles(&roles)?;
    let invitation = match (invite, &password) {
        (true, Some(_)) => return Err(refused("a user who is invited sets the password")),
        // Counted first: nobody is made who would not be told of it.
        (true, None) => {
            Some((inviting(&state, project.id).await?, state.parts.mails.count(project.id, &email)?))
        }
        (false, _) => None,
    };
    let password = match password {
        Some(password) => Some(hash(&state, &project, password).await?),
        None => None,
    };
    let new = NewAccount { email: Some(email), password, roles, ..NewAccount::default() };
    let account = change(&state, &caller, &project, "user.create", Change::Create(new)).await?;
    if let Some((mail, counted)) = invitation {
        let sent = state.parts.mails.send(counted, &mail, &account, Letter::Invite).await;
        sent.map_err(|problem| problem.hint("the user is made; delete it to invite it again"))?;
    }
    Ok((StatusCode::CREATED, Json(account.into())))
}

/// A user, by id or e-mail address, with sessions and who it is elsewhere.
#[utoipa::path(
    get, path = "/v1/projects/{project}/users/{user}", tag = "users", operation_id = "show_user",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("user" = String, Path, description = "The user's id or e-mail address"),
    ),
    security(("token" = [])),
    responses((status = 200, body = UserDetail, description = "The user"), Errors),
)]
pub(super) async fn show(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, user)): Path<(String, String)>,
) -> Result<Json<UserDetail>, Problem> {
    let project = caller.project(&state, &project, Scope::Read).await?;
    let account = find(&state, &project, &user).await?;
    let detail = state.parts.directory.detail(project.id, account.id).await?;
    detail.map(|detail| Json(detail.into())).ok_or_else(not_found)
}

/// Sets what a user may do, and whether it may sign in. Roles are in access tokens from their next refresh; who may not
/// sign in has no session any more.
#[utoipa::path(
    patch, path = "/v1/projects/{project}/users/{user}", tag = "users", operation_id = "change_user",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("user" = String, Path, description = "The user's id or e-mail address"),
    ),
    request_body = UserChange, security(("token" = [])),
    responses((status = 200, body = UserView, description = "The user as it is now"), Errors, BodyErrors),
)]
pub(super) async fn change_user(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, user)): Path<(String, String)>,
    body::Json(wanted): body::Json<UserChange>,
) -> Result<Json<UserView>, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    check_roles(wanted.roles.as_deref().unwrap_or_default())?;
    let mut account = find(&state, &project, &user).await?;
    // Who shall not sign in is out before anything else can fail.
    if let Some(disabled) = wanted.disabled {
        let action = if disabled { "user.disable" } else { "user.enable" };
        let wanted = Change::Disabled(account.id, disabled);
        account = change(&state, &caller, &project, action, wanted).await?;
    }
    if let Some(roles) = wanted.roles {
        account = change(&state, &caller, &project, "user.roles", Change::Roles(account.id, roles)).await?;
    }
    Ok(Json(account.into()))
}

/// Deletes a user with its sessions. What it has made in collections and buckets stays.
#[utoipa::path(
    delete, path = "/v1/projects/{project}/users/{user}", tag = "users", operation_id = "delete_user",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("user" = String, Path, description = "The user's id or e-mail address"),
    ),
    security(("token" = [])),
    responses((status = 204, description = "Deleted"), Errors),
)]
pub(super) async fn delete(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, user)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    let id = find(&state, &project, &user).await?.id;
    change(&state, &caller, &project, "user.delete", Change::Delete(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all sessions of a user. Access tokens are good until they end.
#[utoipa::path(
    delete, path = "/v1/projects/{project}/users/{user}/sessions", tag = "users", operation_id = "sign_user_out",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("user" = String, Path, description = "The user's id or e-mail address"),
    ),
    security(("token" = [])),
    responses((status = 204, description = "They have ended"), Errors),
)]
pub(super) async fn sign_out(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, user)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    let id = find(&state, &project, &user).await?.id;
    let (accounts, of) = (state.parts.accounts.clone(), project.id);
    let work = async move {
        accounts.session(of, SessionChange::EndAll(id)).await?;
        Ok(((), id.0.to_string()))
    };
    state.recorded(&caller, &project, "user.sign-out", work).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes away who a user is elsewhere, unless nobody could sign in any more. All sessions end.
#[utoipa::path(
    delete, path = "/v1/projects/{project}/users/{user}/identities/{provider}/{subject}", tag = "users",
    operation_id = "unlink_user",
    params(
        ("project" = String, Path, description = "The project's name"),
        ("user" = String, Path, description = "The user's id or e-mail address"),
        ("provider" = String, Path, description = "The place"),
        ("subject" = String, Path, description = "Who the user is there"),
    ),
    security(("token" = [])),
    responses((status = 204, description = "Taken away"), Errors),
)]
pub(super) async fn unlink(
    State(state): State<ControlState>,
    caller: Caller,
    Path((project, user, provider, subject)): Path<(String, String, String, String)>,
) -> Result<StatusCode, Problem> {
    let project = caller.project(&state, &project, Scope::Deploy).await?;
    let id = find(&state, &project, &user).await?.id;
    let (accounts, directory, of) = (state.parts.accounts.clone(), state.parts.directory.clone(), project.id);
    let work = async move {
        identities::unlink(&*accounts, &*directory, of, (id, None), Identity { provider, subject }).await?;
        Ok(((), id.0.to_string()))
    };
    state.recorded(&caller, &project, "user.unlink", work).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes one account, and records that.
async fn change(
    state: &ControlState,
    caller: &Caller,
    project: &Project,
    action: &'static str,
    change: Change,
) -> Result<Account, Problem> {
    let (accounts, of) = (state.parts.accounts.clone(), project.id);
    let work = async move {
        match accounts.change(of, change).await.map_err(of_store)? {
            Changed::Done(account) => {
                let subject = account.id.0.to_string();
                Ok((account, subject))
            }
            Changed::Taken => {
                Err(Problem::new(409, "email_taken", "there is an account with this e-mail address"))
            }
            // Deleted a moment ago.
            Changed::Missing => Err(not_found()),
        }
    };
    state.recorded(caller, project, action, work).await
}

/// The account of that id or address.
async fn find(state: &ControlState, project: &Project, user: &str) -> Result<Account, Problem> {
    let by = match (Uuid::try_parse(user), normal_email(user)) {
        (Ok(id), _) => By::Id(AccountId(id)),
        (Err(_), Some(normal)) => By::Email(normal),
        (Err(_), None) => return Err(not_found()),
    };
    state.parts.accounts.find(project.id, &by).await?.ok_or_else(not_found)
}

/// Which page is asked for.
fn page(query: UserQuery) -> Result<Page, Problem> {
    let Some(prefix) = query.email else {
        let before = query.after.map(|id| Uuid::try_parse(&id)).transpose();
        let before =
            before.map_err(|_| Problem::new(400, "bad_request", "`after` is of no page of this list"))?;
        return Ok(Page::Newest { before: before.map(AccountId) });
    };
    Ok(Page::Addresses { prefix: normal_prefix(&prefix), after: query.after })
}

/// Who sends invitations.
async fn inviting(state: &ControlState, project: ProjectId) -> Result<Mail, Problem> {
    let settings = state.parts.accounts.settings(project).await?;
    let mail = settings.and_then(|settings| settings.mail);
    mail.filter(|mail| state.parts.mails.sends(mail, Letter::Invite)).ok_or_else(|| {
        refused("nobody sends such mails for this project").hint(
            "say `mail` in the section [auth] of ostro.toml; mails of the server take `ostro serve --smtp`, too",
        )
    })
}

async fn hash(
    state: &ControlState,
    project: &Project,
    UserPassword(password): UserPassword,
) -> Result<PasswordHash, Problem> {
    check_strength(&password)?;
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(refused(&format!("a password has {MAX_PASSWORD_BYTES} bytes at most")));
    }
    state.parts.passwords.hash((project.id, Asker::Operator), password).await
}

fn check_roles(roles: &[String]) -> Result<(), Problem> {
    if roles.len() > MAX_ROLES {
        return Err(refused(&format!("a user has {MAX_ROLES} roles at most")));
    }
    roles.iter().try_for_each(|role| check_role(role)).map_err(|reason| refused(&reason))
}

fn not_found() -> Problem {
    Problem::not_found("user")
}

fn refused(reason: &str) -> Problem {
    Problem::new(422, "user", reason)
}

fn of_store(error: StoreError) -> Problem {
    match error {
        StoreError::Full { .. } => {
            Problem::new(507, "quota", "the project has as many accounts as it may; nothing was changed")
        }
        error => error.into(),
    }
}

impl From<Account> for UserView {
    fn from(account: Account) -> Self {
        Self {
            id: account.id.0,
            email: account.email,
            verified: account.verified,
            disabled: account.disabled,
            anonymous: account.anonymous,
            password: account.password.is_some(),
            roles: account.roles,
            created_ms: account.created_ms,
        }
    }
}

impl From<Detail> for UserDetail {
    fn from(detail: Detail) -> Self {
        let view =
            |identity: Identity| IdentityView { provider: identity.provider, subject: identity.subject };
        Self {
            user: detail.account.into(),
            identities: detail.identities.into_iter().map(view).collect(),
            sessions: detail.sessions,
            used_ms: detail.used_ms,
        }
    }
}
