//! The calls below `auth/`, as they are described.
#![expect(dead_code, reason = "only the descriptions are used")]

use utoipa::{IntoResponses, OpenApi, ToSchema};

use super::call::{
    Anonymous, Credentials, Issued, Passwords, Refresh, RequestReset, Reset, SignOut, Unlink, Verify,
};
use crate::control::wire::ErrorBody;

/// All of them.
#[derive(OpenApi)]
#[openapi(paths(
    sign_up,
    sign_in,
    sign_in_oidc,
    anonymous,
    upgrade,
    refresh,
    sign_out,
    password,
    user,
    identities,
    unlink,
    verify,
    request_reset,
    reset,
    jwks,
    jwks_head
))]
pub(in crate::client_api) struct Paths;

/// A session that has begun, or goes on. Where it is kept in a cookie there are no tokens.
#[derive(ToSchema)]
struct Session {
    user: Account,
    /// For `authorization: Bearer …`, until it ends.
    access_token: Option<String>,
    /// `Bearer`.
    token_type: Option<String>,
    /// How long the access token lives, seconds.
    expires_in: Option<i64>,
    /// Good for one use, which gives the next one.
    refresh_token: Option<String>,
}

/// An account, as who is signed in to it sees it.
#[derive(ToSchema)]
struct Account {
    id: String,
    /// Null for an account that has none.
    #[schema(required = true)]
    email: Option<String>,
    /// Whether mail to the address has arrived.
    verified: bool,
    /// Whether it is an account without a name.
    anonymous: bool,
    roles: Vec<String>,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    created_at: String,
}

/// Who is signed in.
#[derive(ToSchema)]
struct SignedIn {
    user: Account,
}

/// Who an account is elsewhere.
#[derive(ToSchema)]
struct Identities {
    identities: Vec<IssuerIdentity>,
}

/// Somebody, as an issuer or a function knows them.
#[derive(ToSchema)]
struct IssuerIdentity {
    provider: String,
    subject: String,
}

/// Public keys (RFC 7517, section 5).
#[derive(ToSchema)]
struct Keys {
    #[schema(value_type = Vec<Object>)]
    keys: (),
}

/// Makes an account with an address and a password, and signs in to it.
#[utoipa::path(
    post, path = "/_ostro/v1/auth/sign-up", tag = "accounts", operation_id = "sign_up", request_body = Credentials,
    responses((status = 200, body = Session, description = "A session of the new account"), Errors, SignUpErrors),
)]
fn sign_up() {}

/// Signs in with an address and a password.
#[utoipa::path(
    post, path = "/_ostro/v1/auth/sign-in", tag = "accounts", operation_id = "sign_in", request_body = Credentials,
    responses((status = 200, body = Session, description = "A session"), Errors),
)]
fn sign_in() {}

/// Signs in by an ID token of another issuer. With `link` it becomes one of who is signed in.
#[utoipa::path(
    post, path = "/_ostro/v1/auth/sign-in-oidc", tag = "accounts", operation_id = "sign_in_oidc", request_body = Issued,
    security((), ("token" = [])),
    responses((status = 200, body = Session, description = "A session"), Errors, IssuerErrors),
)]
fn sign_in_oidc() {}

/// Makes an account without a name, and signs in to it.
#[utoipa::path(
    post, path = "/_ostro/v1/auth/anonymous", tag = "accounts", operation_id = "sign_in_anonymously",
    request_body = Option<Anonymous>,
    responses((status = 200, body = Session, description = "A session of the new account"), Errors),
)]
fn anonymous() {}

/// Gives an account without a name an address and a password.
#[utoipa::path(
    post, path = "/_ostro/v1/auth/upgrade", tag = "accounts", operation_id = "upgrade", request_body = Credentials,
    security(("token" = [])),
    responses((status = 200, body = Session, description = "A session; all others have ended"), Errors, UpgradeErrors),
)]
fn upgrade() {}

/// Takes a refresh token, and gives another one.
#[utoipa::path(
    post, path = "/_ostro/v1/auth/refresh", tag = "accounts", operation_id = "refresh", request_body = Refresh,
    responses((status = 200, body = Session, description = "The session with new tokens"), Errors, RefreshErrors),
)]
fn refresh() {}

/// Ends the session of the refresh token, or that of the access token where there is none.
#[utoipa::path(
    post, path = "/_ostro/v1/auth/sign-out", tag = "accounts", operation_id = "sign_out", request_body = Option<SignOut>,
    security((), ("token" = [])),
    responses((status = 204, description = "It has ended"), Errors),
)]
fn sign_out() {}

/// Changes the password.
#[utoipa::path(
    post, path = "/_ostro/v1/auth/password", tag = "accounts", operation_id = "change_password", request_body = Passwords,
    security(("token" = [])),
    responses((status = 200, body = Session, description = "A new session; all others have ended"), Errors),
)]
fn password() {}

/// Who is signed in.
#[utoipa::path(
    get, path = "/_ostro/v1/auth/user", tag = "accounts", operation_id = "user", security(("token" = [])),
    responses((status = 200, body = SignedIn, description = "The account"), Errors),
)]
fn user() {}

/// Who the account is elsewhere.
#[utoipa::path(
    get, path = "/_ostro/v1/auth/identities", tag = "accounts", operation_id = "identities", security(("token" = [])),
    responses((status = 200, body = Identities, description = "All of them"), Errors),
)]
fn identities() {}

/// Takes one of them away; all other sessions end. The session has to have begun within 15 minutes.
#[utoipa::path(
    post, path = "/_ostro/v1/auth/unlink", tag = "accounts", operation_id = "unlink", request_body = Unlink,
    security(("token" = [])),
    responses((status = 204, description = "The account is that person no more"), Errors, UnlinkErrors),
)]
fn unlink() {}

/// Says that a mail has arrived.
#[utoipa::path(
    post, path = "/_ostro/v1/auth/verify", tag = "accounts", operation_id = "verify", request_body = Verify,
    responses((status = 204, description = "The address is verified"), Errors),
)]
fn verify() {}

/// Asks for a mail by which the password can be set anew.
#[utoipa::path(
    post, path = "/_ostro/v1/auth/reset/request", tag = "accounts", operation_id = "request_reset",
    request_body = RequestReset,
    responses((status = 202, description = "Whether or not there is such an account"), Errors),
)]
fn request_reset() {}

/// Sets the password anew.
#[utoipa::path(
    post, path = "/_ostro/v1/auth/reset", tag = "accounts", operation_id = "reset", request_body = Reset,
    responses((status = 204, description = "It is set; all sessions have ended"), Errors),
)]
fn reset() {}

/// The public keys of access tokens, for whoever verifies them elsewhere.
#[utoipa::path(
    get, path = "/_ostro/v1/auth/jwks", tag = "accounts", operation_id = "jwks",
    responses((status = 200, body = Keys, description = "The keys"), Errors),
)]
fn jwks() {}

/// What is said of the public keys.
#[utoipa::path(
    head, path = "/_ostro/v1/auth/jwks", tag = "accounts", operation_id = "head_jwks",
    responses((status = 200, description = "They are there"), Errors),
)]
fn jwks_head() {}

/// What every call may answer.
#[derive(IntoResponses)]
enum Errors {
    /// `bad_request`, `weak_password`, `invalid_token`: the body is not what the call takes.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// `unauthenticated`, `invalid_credentials`: a token or a password is not good, or not any more.
    #[response(status = 401)]
    Unauthenticated(ErrorBody),
    /// `forbidden`, `cross_site`: a page of an origin that may not call, or not by cookie. `sign_in_again`: the session began too
    /// long ago for this.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// `not_enabled`, `no_route`: the project has not turned this on. `not_found`: the account has no such identity.
    #[response(status = 404)]
    NotEnabled(ErrorBody),
    /// `timeout`: the body did not come in time.
    #[response(status = 408)]
    Slow(ErrorBody),
    /// `too_large`: the body is over 16 KiB.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// `too_many_attempts`: it was tried too often; the header retry-after says when.
    #[response(status = 429)]
    TooMany(ErrorBody),
    /// `internal`: the server failed.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// `busy`, `issuer`: too many sign in at once, or the issuer of the token cannot be asked.
    #[response(status = 503)]
    Busy(ErrorBody),
    /// `quota`, `no_space`: the project has as many accounts as it may, or the disk is full.
    #[response(status = 507)]
    Full(ErrorBody),
}

#[derive(IntoResponses)]
enum SignUpErrors {
    /// `email_taken`: there is an account with this address.
    #[response(status = 409)]
    Taken(ErrorBody),
}

#[derive(IntoResponses)]
enum IssuerErrors {
    /// `identity_taken`: another account is that person already.
    #[response(status = 409)]
    Taken(ErrorBody),
}

#[derive(IntoResponses)]
enum UnlinkErrors {
    /// `last_way_in`: nobody could sign in to the account without it.
    #[response(status = 409)]
    Last(ErrorBody),
}

#[derive(IntoResponses)]
enum UpgradeErrors {
    /// `email_taken`, `not_anonymous`: there is an account with this address, or this one has an address already.
    #[response(status = 409)]
    Taken(ErrorBody),
}

#[derive(IntoResponses)]
enum RefreshErrors {
    /// `refresh_race`: the token was used a moment ago, by another tab.
    #[response(status = 409)]
    Race(ErrorBody),
}
