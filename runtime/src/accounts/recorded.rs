//! Changes of accounts that are in the audit trail although no operator has made them: those of functions, and roles that an issuer
//! gives.
//!
//! The trail is the server's and is never cut, so a project adds only so much to it in a while; beyond that nothing is changed. A
//! change and its row are one task, which goes on when whoever asks goes away. Where the row cannot be written, as on a full disk,
//! the change stands and the failure is told.

use std::mem::{Discriminant, discriminant};
use std::sync::Arc;
use std::time::Instant;

use store::StoreError;
use store::accounts::{AccountId, Accounts, Change, Changed, SessionChange};
use store::catalog::{Audit, ProjectId, Stamp};

use super::attempts::{Attempts, TooMany};
use crate::clock::Clock;

/// Such changes of a project by one kind of actor, in [`super::attempts::WINDOW_MS`].
const MAX_CHANGES: u32 = 1_000;

/// Changes accounts, and records that. A cheap handle: clones count together.
#[derive(Clone)]
pub struct Recorded {
    accounts: Arc<dyn Accounts>,
    audit: Arc<dyn Audit>,
    made: Attempts<Discriminant<Actor>>,
    clock: Clock,
    since: Instant,
}

/// Who changes accounts and is no operator. One kind keeps no other one from it: people who sign in in great number leave functions
/// their part.
#[derive(Clone, Debug)]
pub enum Actor {
    /// A function, by its name.
    Function(String),
    /// An issuer, by its URL.
    Issuer(String),
}

impl Actor {
    /// As the audit trail has it.
    fn text(&self) -> String {
        match self {
            Self::Function(name) => format!("function:{name}"),
            Self::Issuer(url) => format!("issuer:{url}"),
        }
    }
}

/// Why nothing was changed.
#[derive(Debug)]
pub enum Unchanged {
    /// The project has changed too much.
    TooMany(TooMany),
    /// The store did not do it.
    Store(StoreError),
}

impl From<StoreError> for Unchanged {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Recorded {
    /// Over those accounts, in that trail.
    pub fn new(accounts: Arc<dyn Accounts>, audit: Arc<dyn Audit>, clock: Clock) -> Self {
        Self { accounts, audit, made: Attempts::new(MAX_CHANGES), since: clock.instant(), clock }
    }

    /// Changes an account. What it did not find is not recorded.
    pub async fn change(
        &self,
        project: ProjectId,
        actor: Actor,
        action: &'static str,
        change: Change,
    ) -> Result<Changed, Unchanged> {
        self.begin(project, &actor)?;
        let this = self.clone();
        to_its_end(async move {
            let changed = this.accounts.change(project, change).await?;
            match &changed {
                Changed::Done(account) => this.record(project, actor, action, account.id).await?,
                Changed::Taken | Changed::Missing => this.made.give_back(project, &discriminant(&actor)),
            }
            Ok(changed)
        })
        .await
    }

    /// Ends all sessions of an account that is there.
    pub async fn sign_out(
        &self,
        project: ProjectId,
        actor: Actor,
        account: AccountId,
    ) -> Result<(), Unchanged> {
        self.begin(project, &actor)?;
        let this = self.clone();
        to_its_end(async move {
            this.accounts.session(project, SessionChange::EndAll(account)).await?;
            this.record(project, actor, "user.sign-out", account).await
        })
        .await
    }

    fn begin(&self, project: ProjectId, actor: &Actor) -> Result<(), Unchanged> {
        let since = self.clock.instant().saturating_duration_since(self.since);
        let now = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        self.made.begin(project, discriminant(actor), now).map_err(Unchanged::TooMany)
    }

    async fn record(
        &self,
        project: ProjectId,
        actor: Actor,
        action: &str,
        subject: AccountId,
    ) -> Result<(), Unchanged> {
        let stamp = Stamp { actor: actor.text(), at_ms: self.clock.now_ms() };
        Ok(self.audit.record(&stamp, project, action, &subject.0.to_string()).await?)
    }
}

/// Does it even when whoever asks goes away meanwhile: a client, or a function that has run for too long.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Unchanged>> + Send + 'static,
) -> Result<T, Unchanged> {
    let ended = tokio::spawn(work).await;
    ended.unwrap_or_else(|error| Err(StoreError::Driver(Box::new(error)).into()))
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::time::Duration;

    use store::Store;
    use store::accounts::{Account, By, NewAccount};

    use super::*;
    use crate::test_store::test_store;

    /// An account of a project, and what changes it.
    struct Bench {
        _folder: tempfile::TempDir,
        store: Arc<Store>,
        recorded: Recorded,
        project: ProjectId,
        account: Account,
    }

    impl Bench {
        async fn new() -> Self {
            let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::system());
            let store = test_store(folder.path(), &clock);
            let stamp = Stamp { actor: "admin".to_owned(), at_ms: clock.now_ms() };
            let project = store.projects.create("people", &stamp).await.unwrap().id;
            let create = store.accounts.change(project, Change::Create(NewAccount::default()));
            let Changed::Done(account) = create.await.unwrap() else { panic!("made") };
            let recorded = Recorded::new(store.accounts.clone(), store.audit.clone(), clock);
            Self { _folder: folder, store, recorded, project, account }
        }

        fn roles(&self) -> Change {
            Change::Roles(self.account.id, vec!["editor".to_owned()])
        }

        /// What is on record.
        async fn actions(&self) -> Vec<String> {
            let rows = self.store.audit.list(Some(self.project), 10).await.unwrap();
            rows.into_iter().map(|row| row.action).filter(|action| action.starts_with("user.")).collect()
        }
    }

    #[tokio::test]
    async fn what_is_done_is_recorded_when_nobody_waits_for_it() {
        let bench = Bench::new().await;
        let by = || Actor::Function("desk".to_owned());
        tokio::select! {
            biased;
            _ = bench.recorded.change(bench.project, by(), "user.roles", bench.roles()) => panic!("it takes a while"),
            () = ready(()) => {}
        }
        tokio::select! {
            biased;
            _ = bench.recorded.sign_out(bench.project, by(), bench.account.id) => panic!("it takes a while"),
            () = ready(()) => {}
        }
        for _ in 0..6_000 {
            if bench.actions().await.len() == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let mut actions = bench.actions().await;
        actions.sort_unstable();
        assert_eq!(actions, ["user.roles", "user.sign-out"]);
        let found = bench.store.accounts.find(bench.project, &By::Id(bench.account.id)).await.unwrap();
        assert_eq!(found.unwrap().roles, ["editor"]);
    }

    #[tokio::test]
    async fn who_signs_in_keeps_no_function_from_changing_anybody() {
        let bench = Bench::new().await;
        let change = |actor| bench.recorded.change(bench.project, actor, "user.roles", bench.roles());
        let issuer = || Actor::Issuer("https://id.example.com".to_owned());
        for number in 0..MAX_CHANGES {
            assert!(bench.recorded.begin(bench.project, &issuer()).is_ok(), "{number}");
        }
        assert!(matches!(change(issuer()).await, Err(Unchanged::TooMany(_))));
        assert!(matches!(change(Actor::Function("desk".to_owned())).await, Ok(Changed::Done(_))));
        assert_eq!(bench.actions().await, ["user.roles"]);
    }
}
