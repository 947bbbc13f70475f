//! Mails with a token that is good for one use: what each is for, and how long it is good.
//!
//! The mail itself is sent by a function: it consumes the queue that the manifest names. A message has no link in it, so
//! nothing that a client says of its host can lead anybody elsewhere (threat F2).

use std::sync::Arc;

use serde_json::json;
use store::Store;
use store::accounts::{Account, Accounts, Once, Purpose};
use store::catalog::ProjectId;
use store::jobs::{Jobs, NewMessage};

use super::secrets;
use crate::problem::Problem;

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

/// Has mails sent. A cheap handle.
#[derive(Clone)]
pub struct Mails {
    accounts: Arc<dyn Accounts>,
    jobs: Arc<dyn Jobs>,
}

impl Mails {
    /// By the queues of that store.
    pub fn new(store: &Store) -> Self {
        Self { accounts: store.accounts.clone(), jobs: store.jobs.clone() }
    }

    /// Has a mail sent by whoever consumes that queue; none where the account may not sign in, or has as many tokens for
    /// that as are good at once.
    pub async fn send(
        &self,
        project: ProjectId,
        queue: &str,
        account: &Account,
        letter: Letter,
    ) -> Result<(), Problem> {
        let token = secrets::once()?;
        let (name, purpose, ttl_ms) = letter.terms();
        let hash = secrets::once_hash(&token)
            .ok_or_else(|| Problem::internal(&std::io::Error::other("a token of chance is none")))?;
        let issue = Once::Issue { account: account.id, purpose, token: hash, ttl_ms };
        if self.accounts.once(project, issue).await?.is_none() {
            return Ok(());
        }
        let message = json!({
            "purpose": name,
            "email": account.email,
            "user": account.id.0,
            "token": token,
            "expires_in": ttl_ms / 1_000,
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
}

impl Letter {
    /// Its name in messages, what its token is good for, and for how long, milliseconds.
    fn terms(self) -> (&'static str, Purpose, u64) {
        const HOUR_MS: u64 = 3_600_000;
        match self {
            Self::Verify => ("verify", Purpose::Verify, 24 * HOUR_MS),
            Self::Reset => ("reset", Purpose::Reset, HOUR_MS),
            Self::Invite => ("invite", Purpose::Reset, 7 * 24 * HOUR_MS),
        }
    }
}
