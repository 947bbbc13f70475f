//! Tokens of real projects: made, verified, with keys that change.

use store::accounts::{Change, Changed, NewAccount};

use super::*;
use crate::clock::Clock;
use crate::test_store::test_store;

const LIFE_MS: u64 = 900_000;

struct Bench {
    _folder: tempfile::TempDir,
    store: Arc<store::Store>,
    clock: Clock,
    tokens: AccessTokens,
}

impl Bench {
    fn new() -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::turnable());
        let store = test_store(folder.path(), &clock);
        let tokens = AccessTokens::new(store.accounts.clone(), store.keys.clone());
        Self { _folder: folder, store, clock, tokens }
    }

    async fn account(&self, project: ProjectId) -> Account {
        let new = NewAccount { roles: vec!["editor".to_owned()], ..NewAccount::default() };
        match self.store.accounts.change(project, Change::Create(new)).await.unwrap() {
            Changed::Done(account) => account,
            other => panic!("{other:?}"),
        }
    }

    async fn issue(&self, project: ProjectId, account: &Account) -> String {
        let session = SessionId(Uuid::from_u128(5));
        let now = self.clock.now_ms();
        self.tokens.issue(project, account, session, LIFE_MS, now).await.unwrap()
    }

    async fn verify(&self, project: ProjectId, token: &str) -> Option<Verified> {
        match self.tokens.verify(project, token, self.clock.now_ms()).await {
            Ok(verified) => Some(verified),
            Err(Refused::Token) => None,
            Err(Refused::Failed(problem)) => panic!("{problem}"),
        }
    }

    async fn kids(&self, project: ProjectId) -> Vec<Value> {
        let jwks = self.tokens.jwks(project, self.clock.now_ms()).await.unwrap();
        jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect()
    }
}

fn project(number: u128) -> ProjectId {
    ProjectId(Uuid::from_u128(number))
}

#[tokio::test]
async fn f1_a_token_is_good_for_its_project_only() {
    let bench = Bench::new();
    let account = bench.account(project(1)).await;
    let token = bench.issue(project(1), &account).await;
    let verified = bench.verify(project(1), &token).await.unwrap();
    let user = Some(account.id.0.to_string());
    assert_eq!(verified.caller, Caller { user, roles: vec!["editor".to_owned()], anonymous: false });
    assert_eq!((verified.account, verified.session), (account.id, SessionId(Uuid::from_u128(5))));
    assert_eq!(bench.verify(project(2), &token).await, None, "no key there");
    bench.issue(project(2), &account).await;
    assert_eq!(bench.verify(project(2), &token).await, None, "another key there");
}

#[tokio::test]
async fn f1_e10_a_token_ends() {
    let bench = Bench::new();
    let account = bench.account(project(1)).await;
    let token = bench.issue(project(1), &account).await;
    bench.clock.turn(900_000 + 50_000);
    assert!(bench.verify(project(1), &token).await.is_some(), "within the leeway");
    bench.clock.turn(900_000 + 61_000);
    assert!(bench.verify(project(1), &token).await.is_none());
    bench.clock.turn(-120_000);
    assert!(bench.verify(project(1), &token).await.is_none(), "it was not made yet");
}

#[tokio::test]
async fn keys_change_and_tokens_of_the_one_before_go_on() {
    let bench = Bench::new();
    let account = bench.account(project(1)).await;
    bench.issue(project(1), &account).await;
    let first = bench.kids(project(1)).await;
    assert_eq!(first.len(), 1);
    bench.clock.turn(KEY_MS - 60_000);
    let old = bench.issue(project(1), &account).await;
    assert_eq!(bench.kids(project(1)).await, first);
    bench.clock.turn(KEY_MS);
    let new = bench.issue(project(1), &account).await;
    let both = bench.kids(project(1)).await;
    assert_eq!((both.len(), &both[1]), (2, &first[0]));
    for token in [&old, &new] {
        assert!(bench.verify(project(1), token).await.is_some());
    }
    // Another process over the same data, which has to open what is sealed.
    let again = AccessTokens::new(bench.store.accounts.clone(), bench.store.keys.clone());
    assert!(again.verify(project(1), &new, bench.clock.now_ms()).await.is_ok());
    bench.clock.turn(3 * KEY_MS);
    bench.issue(project(1), &account).await;
    assert_eq!(bench.kids(project(1)).await.len(), 2, "the first one is gone");
}

/// Somebody else of this process has made a key after these were read.
#[tokio::test]
async fn keys_that_are_not_known_are_read_again() {
    let bench = Bench::new();
    let account = bench.account(project(1)).await;
    let other = AccessTokens::new(bench.store.accounts.clone(), bench.store.keys.clone());
    assert!(
        other
            .verify(project(1), &bench.issue(project(1), &account).await, bench.clock.now_ms())
            .await
            .is_ok()
    );
    bench.clock.turn(KEY_MS);
    let token = bench.issue(project(1), &account).await;
    assert!(other.verify(project(1), &token, bench.clock.now_ms()).await.is_ok());
}

/// Two executors that make the first key at once sign with the same one.
#[tokio::test]
async fn the_first_key_is_made_once() {
    let bench = Bench::new();
    let account = bench.account(project(1)).await;
    let others: Vec<_> =
        (0..4).map(|_| AccessTokens::new(bench.store.accounts.clone(), bench.store.keys.clone())).collect();
    let now = bench.clock.now_ms();
    let issue = |tokens: AccessTokens| {
        let account = account.clone();
        async move {
            tokens.issue(project(1), &account, SessionId(Uuid::from_u128(5)), LIFE_MS, now).await.unwrap()
        }
    };
    let made = futures_util::future::join_all(others.into_iter().map(issue)).await;
    assert_eq!(bench.kids(project(1)).await.len(), 1);
    for token in made {
        assert!(bench.verify(project(1), &token).await.is_some());
    }
}

/// The private half can't be read by who has the file alone.
#[tokio::test]
async fn private_keys_are_sealed() {
    let bench = Bench::new();
    let account = bench.account(project(1)).await;
    bench.issue(project(1), &account).await;
    let key = bench.store.accounts.keys(project(1), None).await.unwrap().remove(0);
    let name = sealed_name(&key.kid);
    assert!(Ed25519KeyPair::from_pkcs8(&key.sealed).is_err());
    let opened = bench.store.keys.open(project(1), &name, &key.sealed).unwrap();
    assert!(Ed25519KeyPair::from_pkcs8(&opened).is_ok());
    assert!(bench.store.keys.open(project(2), &name, &key.sealed).is_err());
}
