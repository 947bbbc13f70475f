//! Accounts, sessions and keys as they are asked for and answered.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An account's id (UUIDv7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub Uuid);

/// A session's id. It stands in access tokens and is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub Uuid);

/// The SHA-256 of a token.
pub type TokenHash = [u8; 32];

/// A password's hash with its parameters, as PHC text. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// How people sign in to a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// By e-mail and password.
    pub email: bool,
    /// Without saying who they are.
    pub anonymous: bool,
    /// How long an access token lives, milliseconds.
    pub access_ms: u64,
    /// How long a session lives after it was used last, milliseconds.
    pub refresh_ms: u64,
    /// Pages of other origins that may call the client API.
    pub origins: Vec<String>,
    /// Who sends mails; none: nobody does.
    pub mail: Option<Mail>,
    /// Who else vouches for people. Of older servers there is none.
    #[serde(default)]
    pub issuers: Vec<Issuer>,
    /// Whether pages may have a session that is kept in a cookie. Of older servers they may not.
    #[serde(default)]
    pub cookie: bool,
}

/// Who sends a project's mails. Of older servers there are queues alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Mail {
    /// Whoever consumes that queue.
    Queue(String),
    /// The server, by the mail server of its operator.
    Server(Letters),
}

/// What stands in the mails that the server sends. A link has `{token}` in it once; a mail without one is not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letters {
    /// Who writes, as people read it.
    pub name: Option<String>,
    /// Where an address is verified.
    pub verify: Option<String>,
    /// Where a password is set anew.
    pub reset: Option<String>,
    /// Where the first password is set; where the others are unless it says.
    pub invite: Option<String>,
}

/// An issuer of OpenID Connect whose ID tokens are believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issuer {
    /// Its URL, which is `iss` in its tokens and the provider of identities.
    pub url: String,
    /// For whom its tokens have to be: the project as the issuer knows it.
    pub audience: String,
    /// The claim that says what people may do; none: it does not.
    pub roles: Option<String>,
}

/// Somebody at another place, who was recognised there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The place: `wechat`, `https://accounts.example.com`.
    pub provider: String,
    /// Who it is there; case matters.
    pub subject: String,
}

/// A person who uses a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The address as it was given.
    pub email: Option<String>,
    /// The password.
    pub password: Option<PasswordHash>,
    /// Whether somebody has shown that mail to the address reaches them.
    pub verified: bool,
    /// Whether it may not sign in.
    pub disabled: bool,
    /// Whether nobody has said who it is of.
    pub anonymous: bool,
    /// What it may do, in the project's own words.
    pub roles: Vec<String>,
    /// When it was made, milliseconds since 1970.
    pub created_ms: i64,
}

/// What tells which account is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// Its id.
    Id(AccountId),
    /// Its address, as [`super::normal_email`] has it.
    Email(String),
    /// Who it is elsewhere.
    Identity(Identity),
    /// A session of it that is not over.
    Session(SessionId),
    /// A token that can still be used.
    Token(Purpose, TokenHash),
}

/// Which accounts are listed, and from where on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// All, the newest first.
    Newest {
        /// Only those made before that one.
        before: Option<AccountId>,
    },
    /// Those whose address begins so, by address.
    Addresses {
        /// The beginning, as [`super::normal_prefix`] has it.
        prefix: String,
        /// Only those after that address, which has its normal form.
        after: Option<String>,
    },
}

/// An account with what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// The account.
    pub account: Account,
    /// Who it is elsewhere, in order.
    pub identities: Vec<Identity>,
    /// Sessions that are not over.
    pub sessions: u64,
    /// When one of them was used last, milliseconds since 1970.
    pub used_ms: Option<i64>,
}

/// A new account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewAccount {
    /// The address as it is given; it has a normal form.
    pub email: Option<String>,
    /// The password.
    pub password: Option<PasswordHash>,
    /// Who it is elsewhere.
    pub identity: Option<Identity>,
    /// Whether nobody has said who it is of.
    pub anonymous: bool,
    /// What it may do.
    pub roles: Vec<String>,
}

/// A change of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Makes it.
    Create(NewAccount),
    /// Gives an anonymous account an address and a password; it is anonymous no more, and its sessions end. `Missing` when
    /// it is not anonymous.
    Upgrade {
        /// Which one.
        id: AccountId,
        /// The address as it is given.
        email: String,
        /// The password.
        password: PasswordHash,
    },
    /// Sets the password; all sessions end, and tokens that would set it are void. `Missing` when the password is not that
    /// one any more.
    Password {
        /// Which one.
        id: AccountId,
        /// The one that was checked.
        old: PasswordHash,
        /// The new one.
        new: PasswordHash,
    },
    /// Sets what it may do. Sessions go on; tokens say so from their next refresh.
    Roles(AccountId, Vec<String>),
    /// Sets whether it may sign in; all sessions end when not.
    Disabled(AccountId, bool),
    /// Adds who it is elsewhere; it is anonymous no more. `Taken` when that is another account.
    Link(AccountId, Identity),
    /// Takes away who it is elsewhere; its sessions end, which that person may have begun. `Missing` when it is nobody of that
    /// kind, or has neither another identity left then nor a password that the project takes: nobody could sign in to it any
    /// more.
    Unlink {
        /// Which one.
        id: AccountId,
        /// Who it is no more.
        identity: Identity,
        /// The session that goes on: of whoever asks.
        keep: Option<SessionId>,
    },
    /// Deletes it, with its sessions.
    Delete(AccountId),
}

/// How a change ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The account as it is now; a deleted one as it was.
    Done(Account),
    /// Another account has the address or the identity; nothing was changed.
    Taken,
    /// There is no such account, or not as the change must find it.
    Missing,
}

/// A change of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionChange {
    /// Begins one: [`SessionAnswer::Live`].
    Begin {
        /// Of which account.
        account: AccountId,
        /// What all its refresh tokens have in common, and nobody else knows.
        family: TokenHash,
        /// The refresh token.
        token: TokenHash,
        /// How long it lives when nobody uses it, milliseconds.
        ttl_ms: u64,
    },
    /// Uses a refresh token, and puts another one in its place. The one before may be used again until its successor was: the
    /// answer with that was lost, and it is none any more.
    Refresh {
        /// What all refresh tokens of the session have in common.
        family: TokenHash,
        /// The token.
        token: TokenHash,
        /// The one that takes its place.
        next: TokenHash,
        /// What all refresh tokens of the session have in common from now on. If it is another one than before, no token from before is
        /// good any more.
        next_family: TokenHash,
        /// How long the session lives from now on when nobody uses it, milliseconds.
        ttl_ms: u64,
    },
    /// Ends it: [`SessionAnswer::Over`].
    End(SessionId),
    /// Ends the one whose refresh tokens have that in common: [`SessionAnswer::Over`].
    EndFamily(TokenHash),
    /// Ends all of an account: [`SessionAnswer::Over`].
    EndAll(AccountId),
}

/// What came of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionAnswer {
    /// It goes on.
    Live(SessionId, Account),
    /// The token was used within [`super::RACE_MS`]; the session goes on with the one that took its place.
    Race,
    /// A token that was replaced came again: somebody has stolen it. The session is over.
    Reused,
    /// There is no such session, or not any more.
    Over,
}

/// What a token of a session is worth that is looked at and not used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// It is good.
    Good(SessionId, Account),
    /// It is good, and [`SessionChange::Refresh`] has to put another one in its place now.
    Due(SessionId, Account),
    /// A token that was replaced came again. The session goes on until [`SessionChange::Refresh`] is told so.
    Reused,
    /// There is no such session, or not any more.
    Over,
}

/// What a token for one use is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To show that mail to the address arrives.
    Verify,
    /// To set a password.
    Reset,
}

/// What is done with tokens for one use. Their text is the caller's to make, from chance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Once {
    /// Makes one, unless there are [`super::MAX_TOKENS`] of the same account and purpose.
    Issue {
        /// Of which account.
        account: AccountId,
        /// What it is for.
        purpose: Purpose,
        /// The token.
        token: TokenHash,
        /// How long it can be used, milliseconds.
        ttl_ms: u64,
    },
    /// The account is verified.
    Verify(TokenHash),
    /// The account gets that password and is verified; all sessions end.
    Reset(TokenHash, PasswordHash),
}

/// A key pair that signs access tokens of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// Its name in tokens.
    pub kid: String,
    /// The public half.
    pub public: Vec<u8>,
    /// The private half, sealed by [`crate::Keys::seal`].
    pub sealed: Vec<u8>,
    /// When it was made, milliseconds since 1970.
    pub created_ms: i64,
}

/// A key to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// Its name.
    pub kid: String,
    /// The public half.
    pub public: Vec<u8>,
    /// The private half, sealed.
    pub sealed: Vec<u8>,
    /// The newest key that the caller knows.
    pub after: Option<String>,
}
