//! Accounts over HTTP: `/_ostro/v1/auth/` on the hosts of a project. Signing up, in and out, and what keeps a session going.
//!
//! Nothing is on that the project's manifest does not turn on. Whether there is an account is told by no answer and by no
//! time, but to who signs up with an address that is taken.

mod answer;
mod call;
mod described;
mod issued;
mod password;
mod session;
mod sign_in;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body::Body;
use store::Store;
use store::accounts::{Account, Accounts, By, Directory, SessionId, Settings};
use store::catalog::ProjectId;

use self::call::Call;
pub(super) use self::described::Paths;
use super::answer::{Answered, Refusal, unauthenticated};
use super::callers::{self, Callers};
use super::cookies::{Bearing, cross_site};
use super::origin::may_use_cookie;
use crate::accounts::attempts::{Attempts, network};
use crate::accounts::desk::Desk;
use crate::accounts::issuers::Issuers;
use crate::accounts::mails::Mails;
use crate::accounts::passwords::Passwords;
use crate::accounts::recorded::Recorded;
use crate::accounts::secrets::Carrier;
use crate::accounts::sessions::Sessions;
use crate::accounts::tokens::AccessTokens;
use crate::clock::Clock;
use crate::problem::Problem;

/// Times that an account's password may be wrong, in [`crate::accounts::attempts::WINDOW_MS`].
const WRONG_PER_ACCOUNT: u32 = 10;
/// Times that somebody at an address may be wrong.
const WRONG_PER_ADDRESS: u32 = 100;
/// Accounts that somebody at an address may make.
const MADE_PER_ADDRESS: u32 = 100;
/// Mails that somebody at an address may have sent.
const MAILS_PER_ADDRESS: u32 = 50;

/// So long after somebody has signed in it is taken for sure that it is them, milliseconds.
const LATELY_MS: i64 = 15 * 60_000;

/// The way to accounts. A cheap handle: clones share their bounds.
#[derive(Clone)]
pub struct AuthDoor {
    callers: Callers,
    accounts: Arc<dyn Accounts>,
    directory: Arc<dyn Directory>,
    mails: Mails,
    issuers: Issuers,
    tokens: AccessTokens,
    sessions: Sessions,
    passwords: Passwords,
    recorded: Recorded,
    limits: Limits,
    clock: Clock,
    /// Attempts are counted by a time that nobody turns.
    since: Instant,
}

/// How people prove who they are, shared with others.
#[derive(Clone)]
pub struct Proofs {
    /// Hashes passwords.
    pub passwords: Passwords,
    /// Knows who else vouches for people.
    pub issuers: Issuers,
    /// Has people written to, with a token that shows that they read it.
    pub mails: Mails,
}

/// What is counted: an account by its normal address, which need not be there.
#[derive(Clone)]
struct Limits {
    wrong_of: Attempts<String>,
    wrong_from: Attempts<IpAddr>,
    made_from: Attempts<IpAddr>,
    mails_from: Attempts<IpAddr>,
}

/// Where a call is made: in which project, from where, with what.
struct Place<'r> {
    project: ProjectId,
    settings: Arc<Settings>,
    headers: &'r HeaderMap,
    client: IpAddr,
    /// Whether the session that asks is kept in a cookie.
    by_cookie: bool,
    /// Whether a page asks that may use the cookie.
    own_page: bool,
}

impl AuthDoor {
    /// The way to the accounts of that store.
    pub(super) fn new(
        store: &Store,
        callers: Callers,
        (tokens, sessions): (AccessTokens, Sessions),
        proofs: Proofs,
        clock: Clock,
    ) -> Self {
        let Proofs { passwords, issuers, mails } = proofs;
        Self {
            callers,
            accounts: store.accounts.clone(),
            directory: store.directory.clone(),
            mails,
            sessions,
            recorded: Recorded::new(store.accounts.clone(), store.audit.clone(), clock.clone()),
            issuers,
            tokens,
            passwords,
            limits: Limits {
                wrong_of: Attempts::new(WRONG_PER_ACCOUNT),
                wrong_from: Attempts::new(WRONG_PER_ADDRESS),
                made_from: Attempts::new(MADE_PER_ADDRESS),
                mails_from: Attempts::new(MAILS_PER_ADDRESS),
            },
            since: clock.instant(),
            clock,
        }
    }

    /// The desk at which functions ask for accounts: how often passwords were wrong is counted together, and as many are
    /// hashed.
    pub(super) fn desk(&self) -> Desk {
        Desk {
            accounts: self.accounts.clone(),
            directory: self.directory.clone(),
            sessions: self.sessions.clone(),
            passwords: self.passwords.clone(),
            recorded: self.recorded.clone(),
            wrong_of: self.limits.wrong_of.clone(),
            clock: self.clock.clone(),
            since: self.since,
        }
    }

    /// Does what a client at that address asks for by that name.
    pub(super) async fn serve<B>(
        &self,
        place: callers::Place,
        bearing: &Bearing,
        name: &str,
        client: IpAddr,
        request: Request<B>,
    ) -> Result<Answered, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let settings = place.settings.ok_or_else(answer::not_enabled)?;
        let own_page = may_use_cookie(&request);
        let (parts, body) = request.into_parts();
        let at = Place {
            project: place.project,
            settings,
            headers: &parts.headers,
            client: network(client),
            by_cookie: bearing.is_session(),
            own_page,
        };
        self.answer(&at, Call::read(&parts.method, name, &parts.headers, body).await?).await
    }

    async fn answer(&self, at: &Place<'_>, call: Call) -> Result<Answered, Refusal> {
        match call {
            Call::SignUp(words) => self.sign_up(at, words).await,
            Call::SignIn(words) => self.sign_in(at, words).await,
            Call::SignInOidc(words) => self.sign_in_oidc(at, words).await,
            Call::Anonymous(words) => self.anonymous(at, &words).await,
            Call::Upgrade(words) => self.upgrade(at, words).await,
            Call::Refresh(words) => self.refresh(at, &words).await,
            Call::SignOut(words) => self.sign_out(at, words.refresh_token.as_deref()).await,
            Call::User => Ok(Answered::Json(answer::user(&self.signed_in(at).await?.0))),
            Call::Identities => self.identities(at).await,
            Call::Unlink(words) => self.unlink(at, words).await,
            Call::Jwks => Ok(Answered::Public(self.tokens.jwks(at.project, self.clock.now_ms()).await?)),
            Call::Password(words) => self.change_password(at, words).await,
            Call::Verify(words) => self.verify(at, &words).await,
            Call::Reset(words) => self.reset(at, words).await,
            Call::RequestReset(words) => self.request_reset(at, &words),
        }
    }

    /// Who bears the access token of the request. Here the session is asked about, too: what is done here is worth it.
    async fn signed_in(&self, at: &Place<'_>) -> Result<(Account, SessionId), Refusal> {
        let verified = self.callers.bearer(at.project, at.headers).await?;
        let account = self.accounts.find(at.project, &By::Session(verified.session)).await?;
        let account = account.filter(|account| account.id == verified.account && !account.disabled);
        Ok((account.ok_or_else(unauthenticated)?, verified.session))
    }

    /// The same, where what is done opens the account to somebody for good: who has found a session that was left open has to sign in
    /// first. To an anonymous account nobody can.
    async fn signed_in_lately(&self, at: &Place<'_>) -> Result<(Account, SessionId), Refusal> {
        let (account, session) = self.signed_in(at).await?;
        // The id of a session is a UUIDv7, which says when it was made.
        let (seconds, _) = session.0.get_timestamp().ok_or_else(unauthenticated)?.to_unix();
        let began_ms = i64::try_from(seconds).unwrap_or(0).saturating_mul(1_000);
        match account.anonymous || self.clock.now_ms().saturating_sub(began_ms) < LATELY_MS {
            true => Ok((account, session)),
            false => {
                Err(Problem::new(403, "sign_in_again", "this takes somebody who has signed in lately").into())
            }
        }
    }

    /// Milliseconds since the start, for what is counted.
    fn uptime_ms(&self) -> i64 {
        let since = self.clock.instant().saturating_duration_since(self.since);
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

impl Place<'_> {
    /// Where the client keeps the session that it asks for: who has a cookie has a cookie again. `not_enabled` where there are none,
    /// `cross_site` for whom there is none.
    fn carrier(&self, wants_cookie: bool) -> Result<Carrier, Problem> {
        match wants_cookie || self.by_cookie {
            false => Ok(Carrier::Script),
            true if !self.settings.cookie => Err(answer::not_enabled()),
            true if !self.own_page => Err(cross_site()),
            true => Ok(Carrier::Cookie),
        }
    }
}
