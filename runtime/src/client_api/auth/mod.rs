//! Accounts over HTTP: `/_ostro/v1/auth/` on the hosts of a project. Signing up, in and out, and what keeps a session going.
//!
//! Nothing is on that the project's manifest does not turn on. Whether there is an account is told by no answer and by no
//! time, but to who signs up with an address that is taken.

mod answer;
mod call;
mod origin;
mod password;
mod session;
mod sign_in;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use http_body_util::Full;
use store::Store;
use store::accounts::{Account, Accounts, By, SessionId, Settings};
use store::catalog::{ProjectId, Projects};
use store::documents::Caller;
use store::jobs::Jobs;

use self::answer::{Answered, Refusal};
use self::call::Call;
use self::origin::Origin;
use crate::accounts::attempts::{Attempts, network};
use crate::accounts::passwords::Passwords;
use crate::accounts::tokens::{AccessTokens, Refused};
use crate::bearer::bearer;
use crate::clock::Clock;
use crate::problem::Problem;

/// Where it is.
const PATH: &str = "/_ostro/v1/auth/";
/// Times that an account's password may be wrong, in [`crate::accounts::attempts::WINDOW_MS`].
const WRONG_PER_ACCOUNT: u32 = 10;
/// Times that somebody at an address may be wrong.
const WRONG_PER_ADDRESS: u32 = 100;
/// Accounts that somebody at an address may make.
const MADE_PER_ADDRESS: u32 = 100;
/// Mails that an address may be sent.
const MAILS_PER_ACCOUNT: u32 = 5;
/// Mails that somebody at an address may have sent.
const MAILS_PER_ADDRESS: u32 = 50;

/// The way to accounts. A cheap handle: clones share their bounds.
#[derive(Clone)]
pub struct AuthDoor {
    projects: Arc<dyn Projects>,
    accounts: Arc<dyn Accounts>,
    jobs: Arc<dyn Jobs>,
    tokens: AccessTokens,
    passwords: Passwords,
    limits: Limits,
    clock: Clock,
    /// Attempts are counted by a time that nobody turns.
    since: Instant,
}

/// What is counted: an account by its normal address, which need not be there.
#[derive(Clone)]
struct Limits {
    wrong_of: Attempts<(ProjectId, String)>,
    wrong_from: Attempts<(ProjectId, IpAddr)>,
    made_from: Attempts<(ProjectId, IpAddr)>,
    mails_to: Attempts<(ProjectId, String)>,
    mails_from: Attempts<(ProjectId, IpAddr)>,
}

/// Where a call is made: in which project, from where, with what.
struct Place<'r> {
    project: ProjectId,
    settings: Settings,
    headers: &'r HeaderMap,
    client: IpAddr,
}

/// Whether that path, in its normal form, is answered here.
pub fn is_auth_path(path: &str) -> bool {
    path.starts_with(PATH)
}

impl AuthDoor {
    /// The way to the accounts of that store. Blocks for as long as a password is hashed.
    pub fn new(store: &Store, clock: Clock) -> Result<Self, Problem> {
        Ok(Self {
            projects: store.projects.clone(),
            accounts: store.accounts.clone(),
            jobs: store.jobs.clone(),
            tokens: AccessTokens::new(store.accounts.clone(), store.keys.clone()),
            passwords: Passwords::new()?,
            limits: Limits {
                wrong_of: Attempts::new(WRONG_PER_ACCOUNT),
                wrong_from: Attempts::new(WRONG_PER_ADDRESS),
                made_from: Attempts::new(MADE_PER_ADDRESS),
                mails_to: Attempts::new(MAILS_PER_ACCOUNT),
                mails_from: Attempts::new(MAILS_PER_ADDRESS),
            },
            since: clock.instant(),
            clock,
        })
    }

    /// Answers a request of a client at that address, on a host of the project of that name. `path` is in its normal form.
    pub async fn serve<B>(
        &self,
        project: Option<&str>,
        path: &str,
        client: IpAddr,
        request: Request<B>,
    ) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let found = match self.find(project).await {
            Ok(found) => found,
            Err(refusal) => return answer::refusal(&refusal),
        };
        let Some((project, settings)) = found else { return answer::refusal(&answer::not_enabled().into()) };
        let origin = Origin::of(request.headers(), request.uri(), &settings.origins);
        if let Some(preflight) = origin.preflight(request.method(), request.headers()) {
            return preflight;
        }
        let served = match origin.is_foreign() {
            true => Err(answer::foreign().into()),
            false => {
                let (parts, body) = request.into_parts();
                let client = network(client);
                let place = Place { project, settings, headers: &parts.headers, client };
                let name = path.strip_prefix(PATH).unwrap_or_default();
                match Call::read(&parts.method, name, &parts.headers, body).await {
                    Ok(call) => self.answer(&place, call).await,
                    Err(refusal) => Err(refusal),
                }
            }
        };
        let mut response = match served {
            Ok(answered) => answer::answer(answered),
            Err(refusal) => answer::refusal(&refusal),
        };
        origin.mark(response.headers_mut());
        response
    }

    /// Whom that token vouches for in a project. Whether the session has ended since is not asked.
    pub async fn caller(&self, project: ProjectId, token: &str) -> Result<Caller, Refused> {
        Ok(self.tokens.verify(project, token, self.clock.now_ms()).await?.caller)
    }

    async fn answer(&self, at: &Place<'_>, call: Call) -> Result<Answered, Refusal> {
        match call {
            Call::SignUp(words) => self.sign_up(at, words).await,
            Call::SignIn(words) => self.sign_in(at, words).await,
            Call::Anonymous => self.anonymous(at).await,
            Call::Upgrade(words) => self.upgrade(at, words).await,
            Call::Refresh(words) => self.refresh(at, &words).await,
            Call::SignOut(words) => self.sign_out(at, words.refresh_token.as_deref()).await,
            Call::User => Ok(Answered::Json(answer::user(&self.signed_in(at).await?.0))),
            Call::Jwks => Ok(Answered::Public(self.tokens.jwks(at.project, self.clock.now_ms()).await?)),
            Call::Password(words) => self.change_password(at, words).await,
            Call::Verify(words) => self.verify(at, &words).await,
            Call::Reset(words) => self.reset(at, words).await,
            Call::RequestReset(words) => self.request_reset(at, &words),
        }
    }

    /// The project and how people sign in to it, if they do.
    async fn find(&self, project: Option<&str>) -> Result<Option<(ProjectId, Settings)>, Refusal> {
        let Some(name) = project else { return Ok(None) };
        let Some(project) = self.projects.by_name(name).await? else { return Ok(None) };
        let settings = self.accounts.settings(project.id).await?;
        Ok(settings.map(|settings| (project.id, settings)))
    }

    /// Who bears the access token of the request. Here the session is asked about, too: what is done here is worth it.
    async fn signed_in(&self, at: &Place<'_>) -> Result<(Account, SessionId), Refusal> {
        let token = bearer(at.headers).ok_or_else(answer::unauthenticated)?;
        let verified = match self.tokens.verify(at.project, token, self.clock.now_ms()).await {
            Ok(verified) => verified,
            Err(Refused::Token) => return Err(answer::unauthenticated().into()),
            Err(Refused::Failed(problem)) => return Err(problem.into()),
        };
        let account = self.accounts.find(at.project, &By::Session(verified.session)).await?;
        let account = account.filter(|account| account.id == verified.account && !account.disabled);
        Ok((account.ok_or_else(answer::unauthenticated)?, verified.session))
    }

    /// Milliseconds since the start, for what is counted.
    fn uptime_ms(&self) -> i64 {
        let since = self.clock.instant().saturating_duration_since(self.since);
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}
