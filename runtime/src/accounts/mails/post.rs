//! The server's own post: mails over SMTP (RFC 5321), to the mail server that the operator has named.
//!
//! Nobody waits for a mail: whether it goes out, and how long that takes, is told by no answer. Mails that wait are in memory only, as
//! the tokens in them are; whoever gets none asks again.

use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{AsyncSmtpTransport, Error};
use lettre::{Address, AsyncTransport as _, Tokio1Executor};
use store::accounts::AccountId;
use store::catalog::ProjectId;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::Letter;
use super::relay::{Relay, Security};
use super::words::Words;
use crate::accounts::attempts::Attempts;
use crate::clock::Clock;
use crate::places::{NoPlace, Place, Places};
use crate::problem::{Chain, Problem};
use crate::turns::Turns;

/// Mails that are sent at once: each has a connection of its own.
const AT_ONCE: usize = 4;
/// Of those, of one project: a mail server that is slow with its mails keeps those of others waiting less.
const OF_PROJECT_AT_ONCE: usize = 2;
/// Mails that wait or are sent.
const IN_ALL: u32 = 1_000;
/// Of those, of one project.
const OF_PROJECT: u32 = 200;
/// Mails that a project has sent in [`crate::accounts::attempts::WINDOW_MS`]: the name of the server's operator is on them.
const OF_PROJECT_IN_A_WHILE: u32 = 500;
/// How long one attempt may take, from the connection to the server's word.
const ATTEMPT: Duration = Duration::from_secs(30);
/// Pauses before each attempt: a mail is not worth much when its token has ended.
const PAUSES: [Duration; 4] =
    [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(30), Duration::from_secs(300)];

/// Sends mails. A cheap handle: clones share their bounds.
#[derive(Clone)]
pub struct Post {
    shared: Arc<Shared>,
}

struct Shared {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    waiting: Places,
    sent: Attempts<()>,
    running: Turns,
    clock: Clock,
    since: Instant,
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Post")
    }
}

impl Post {
    /// By that mail server.
    pub fn new(relay: Relay, clock: Clock) -> Result<Self, Problem> {
        let Relay { host, port, security, login, from } = relay;
        let tls = || {
            // The same trust as for what functions call.
            let trusted =
                TlsParameters::builder(host.clone()).certificate_store(CertificateStore::WebpkiRoots);
            trusted.build_rustls().map_err(|error| Problem::internal(&error))
        };
        let tls = match security {
            Security::Tls => Tls::Wrapper(tls()?),
            Security::StartTls => Tls::Required(tls()?),
            Security::Plain => Tls::None,
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.as_str())
            .port(port)
            .tls(tls)
            .timeout(Some(ATTEMPT))
            .hello_name(ClientId::Domain(from.email.domain().to_owned()));
        if let Some((name, password)) = login {
            transport = transport.credentials(Credentials::new(name, password));
        }
        let shared = Shared {
            transport: transport.build(),
            from,
            waiting: Places::new(OF_PROJECT, IN_ALL),
            sent: Attempts::new(OF_PROJECT_IN_A_WHILE),
            running: Turns::new(OF_PROJECT_AT_ONCE, AT_ONCE),
            since: clock.instant(),
            clock,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Room for a mail of a project. `busy` where too many wait, or the project has had too many sent.
    pub(super) fn place(&self, project: ProjectId) -> Result<Place, Problem> {
        let full = |NoPlace| Problem::new(503, "busy", "too many mails wait to be sent");
        let place = self.shared.waiting.begin(project).map_err(full)?;
        let since = self.shared.clock.instant().saturating_duration_since(self.shared.since);
        let now = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        let sent = self.shared.sent.begin(project, (), now);
        sent.map_err(|_| Problem::new(503, "busy", "the project has had too many mails sent"))?;
        Ok(place)
    }

    /// The mail to that address.
    pub(super) fn mail(&self, to: &str, words: &Words<'_>) -> Result<Message, Problem> {
        let to: Address = to.parse().map_err(|error| Problem::internal(&error))?;
        let Mailbox { name, email } = self.shared.from.clone();
        let name = words.name.map(str::to_owned).or(name);
        let now = Duration::from_millis(self.shared.clock.now_ms().unsigned_abs());
        // Nobody is away to a machine (RFC 3834 section 5).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        Message::builder()
            .message_id(Some(format!("<{}@{}>", Uuid::now_v7(), email.domain())))
            .from(Mailbox::new(name, email))
            .to(Mailbox::new(None, to))
            .date(UNIX_EPOCH + now)
            .subject(words.subject())
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(words.text())
            .map_err(|error| Problem::internal(&error))
    }

    /// Sends it after whoever asks has gone on.
    pub(super) fn send(&self, place: Place, mail: Message, whose: (ProjectId, AccountId, Letter)) {
        let post = self.clone();
        let ends_ms = self.shared.clock.now_ms().saturating_add_unsigned(whose.2.life_ms());
        tokio::spawn(async move {
            let _place = place;
            post.deliver(&mail, ends_ms, whose).await;
        });
    }

    /// Nothing of the mail is logged, nor what the server says of it, which may be the address.
    async fn deliver(
        &self,
        mail: &Message,
        ends_ms: i64,
        (of, account, letter): (ProjectId, AccountId, Letter),
    ) {
        let (project, account, letter) = (of.0, account.0, letter.name());
        for (attempt, pause) in PAUSES.into_iter().enumerate() {
            sleep(pause).await;
            let failed = match self.attempt(of, mail, ends_ms).await {
                Ok(()) => return,
                Err(failed) => failed,
            };
            match failed {
                Failed::ForGood(reason) => {
                    tracing::error!(%project, %account, letter, reason, "a mail was refused");
                    return;
                }
                Failed::ForNow(reason) => {
                    tracing::warn!(%project, %account, letter, attempt, reason, "a mail was not sent yet");
                }
                Failed::Late => {
                    tracing::error!(%project, %account, letter, "a mail was dropped: its token has ended");
                    return;
                }
            }
        }
        tracing::error!(%project, %account, letter, "a mail was given up");
    }

    /// Sends it, if its turn comes before its token ends, milliseconds since 1970.
    async fn attempt(&self, of: ProjectId, mail: &Message, ends_ms: i64) -> Result<(), Failed> {
        let left = u64::try_from(ends_ms.saturating_sub(self.shared.clock.now_ms())).unwrap_or(0);
        if left == 0 {
            return Err(Failed::Late);
        }
        let turn = self.shared.running.take(of, Duration::from_millis(left)).await;
        let _turn = turn.ok_or(Failed::Late)?;
        match timeout(ATTEMPT, self.shared.transport.send(mail.clone())).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Failed::of(&error)),
            Err(_) => Err(Failed::ForNow("it took too long".to_owned())),
        }
    }
}

/// Why a mail did not go out.
enum Failed {
    /// It may fare better later.
    ForNow(String),
    /// It will not.
    ForGood(String),
    /// Nobody could use it any more.
    Late,
}

impl Failed {
    /// A server that answers is quoted by its code alone; where none does, the reason is the connection's.
    fn of(error: &Error) -> Self {
        match error.status() {
            Some(code) if error.is_permanent() => Self::ForGood(format!("the mail server said {code}")),
            Some(code) => Self::ForNow(format!("the mail server said {code}")),
            None if error.is_client() => Self::ForGood(Chain(error).to_string()),
            None => Self::ForNow(Chain(error).to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post() -> Post {
        let relay = Relay::parse("smtp://127.0.0.1:1", None, Some("no-reply@example.com")).unwrap();
        Post::new(relay, Clock::system()).unwrap()
    }

    #[tokio::test]
    async fn f2_a_project_has_so_many_mails_sent_and_keeps_no_other_one_from_it() {
        let (post, one, other) = (post(), ProjectId(Uuid::from_u128(1)), ProjectId(Uuid::from_u128(2)));
        for number in 0..OF_PROJECT_IN_A_WHILE {
            assert!(post.place(one).is_ok(), "{number}: none waits");
        }
        let refused = post.place(one).unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.code), (503, "busy"));
        assert!(post.place(other).is_ok());
    }
}
