//! Mails with a token that is good for one use: what each is for, how long it is good, and who sends it.
//!
//! A function does that consumes the queue which the manifest names, or the server itself ([`post`]). A link comes from the manifest
//! or from the function, so nothing that a client says of its host can lead anybody elsewhere (threat F2).

pub mod post;
pub mod relay;
mod words;

use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use store::Store;
use store::accounts::{Account, Accounts, Letters, Mail, Once, Purpose, normal_email};
use store::catalog::ProjectId;
use store::jobs::{Jobs, NewMessage};

use self::post::Post;
use self::words::Words;
use super::attempts::{Attempts, TooMany};
use super::secrets;
use crate::clock::Clock;
use crate::problem::Problem;

/// Mails that an address is sent in [`super::attempts::WINDOW_MS`], whoever asks for them.
const TO_AN_ADDRESS: u32 = 5;

/// Why somebody is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Letter {
    /// To show that mail to the address arrives.
    Verify,
    /// To set another password.
    Reset,
    /// To set the first password of an account that an operator has made.
    Invite,
}

/// Has mails sent. A cheap handle: clones count together.
#[derive(Clone)]
pub struct Mails {
    accounts: Arc<dyn Accounts>,
    jobs: Arc<dyn Jobs>,
    post: Option<Post>,
    /// By normal addresses and not by accounts: who deletes an account and makes it again is no way around.
    to: Attempts<String>,
    clock: Clock,
    since: Instant,
}

/// A mail to an address of a project that has been counted; none goes out without.
#[must_use]
pub struct Counted {
    project: ProjectId,
}

impl Mails {
    /// By the queues of that store, and by the server's own post where it has one.
    pub fn new(store: &Store, post: Option<Post>, clock: Clock) -> Self {
        Self {
            accounts: store.accounts.clone(),
            jobs: store.jobs.clone(),
            post,
            to: Attempts::new(TO_AN_ADDRESS),
            since: clock.instant(),
            clock,
        }
    }

    /// Whether such mails are sent at all.
    pub fn sends(&self, mail: &Mail, letter: Letter) -> bool {
        match mail {
            Mail::Queue(_) => true,
            Mail::Server(letters) => self.post.is_some() && letter.link(letters).is_some(),
        }
    }

    /// Counts a mail to that address, whether or not it is of an account.
    pub fn count(&self, project: ProjectId, email: &str) -> Result<Counted, TooMany> {
        let since = self.clock.instant().saturating_duration_since(self.since);
        let now = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        self.to.begin(project, normal_email(email).unwrap_or_default(), now)?;
        Ok(Counted { project })
    }

    /// Has a mail sent; none where there are no such mails, where the account may not sign in, or has as many tokens for that as are
    /// good at once. `busy` where too many wait to be sent, or the project has had too many sent.
    pub async fn send(
        &self,
        Counted { project }: Counted,
        mail: &Mail,
        account: &Account,
        letter: Letter,
    ) -> Result<(), Problem> {
        match (mail, &self.post) {
            (Mail::Queue(queue), _) => self.enqueue(project, queue, account, letter).await,
            (Mail::Server(letters), Some(post)) => self.post(post, project, letters, account, letter).await,
            (Mail::Server(_), None) => {
                tracing::warn!(project = %project.0, "a mail is not sent: the server was started without `--smtp`");
                Ok(())
            }
        }
    }

    async fn enqueue(
        &self,
        project: ProjectId,
        queue: &str,
        account: &Account,
        letter: Letter,
    ) -> Result<(), Problem> {
        let Some(token) = self.token(project, account, letter).await? else { return Ok(()) };
        let message = json!({
            "purpose": letter.name(),
            "email": account.email,
            "user": account.id.0,
            "token": token,
            "expires_in": letter.life_ms() / 1_000,
        });
        let message = NewMessage {
            payload: message.to_string().into(),
            content_type: "application/json".to_owned(),
            ..NewMessage::default()
        };
        let job = message.into_job(queue).map_err(|unfit| Problem::internal(&unfit))?;
        self.jobs.enqueue(project, vec![job]).await?;
        Ok(())
    }

    async fn post(
        &self,
        post: &Post,
        project: ProjectId,
        letters: &Letters,
        account: &Account,
        letter: Letter,
    ) -> Result<(), Problem> {
        let (Some(link), Some(email)) = (letter.link(letters), &account.email) else { return Ok(()) };
        // No token is made for a mail that there is no room for.
        let place = post.place(project)?;
        let Some(token) = self.token(project, account, letter).await? else { return Ok(()) };
        let words = Words { letter, name: letters.name.as_deref(), link: &link.replace("{token}", &token) };
        post.send(place, post.mail(email, &words)?, (project, account.id, letter));
        Ok(())
    }

    /// A new token; none where there may be none.
    async fn token(
        &self,
        project: ProjectId,
        account: &Account,
        letter: Letter,
    ) -> Result<Option<String>, Problem> {
        let token = secrets::once()?;
        let hash = secrets::once_hash(&token)
            .ok_or_else(|| Problem::internal(&std::io::Error::other("a token of chance is none")))?;
        let (purpose, ttl_ms) = (letter.purpose(), letter.life_ms());
        let issue = Once::Issue { account: account.id, purpose, token: hash, ttl_ms };
        Ok(self.accounts.once(project, issue).await?.map(|_| token))
    }
}

impl Letter {
    /// Its name in messages.
    fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Reset => "reset",
            Self::Invite => "invite",
        }
    }

    /// What its token is good for.
    fn purpose(self) -> Purpose {
        match self {
            Self::Verify => Purpose::Verify,
            Self::Reset | Self::Invite => Purpose::Reset,
        }
    }

    /// For how long, milliseconds.
    fn life_ms(self) -> u64 {
        const HOUR_MS: u64 = 3_600_000;
        match self {
            Self::Verify => 24 * HOUR_MS,
            Self::Reset => HOUR_MS,
            Self::Invite => 7 * 24 * HOUR_MS,
        }
    }

    /// Where it leads.
    fn link(self, letters: &Letters) -> Option<&str> {
        match self {
            Self::Verify => letters.verify.as_deref(),
            Self::Reset => letters.reset.as_deref(),
            Self::Invite => letters.invite.as_deref().or(letters.reset.as_deref()),
        }
    }
}
