//! Streams at the door: how many there may be, and that one whose client is gone leaves nothing behind.

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full};
use store::documents::{CollectionSpec, Rules};
use store::realtime::{Feed, Subscriptions, Topic};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::*;
use crate::accounts::tokens::AccessTokens;
use crate::test_store::test_store;

const PROJECT: ProjectId = ProjectId(Uuid::from_u128(1));
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

struct Bench {
    _folder: tempfile::TempDir,
    door: RealtimeDoor,
    stop: watch::Sender<bool>,
}

/// A door with room for three streams, two of them of one address.
async fn bench() -> Bench {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::turnable());
    let store = test_store(folder.path(), &clock);
    let rules = Rules { read: Some("true".to_owned()), ..Rules::default() };
    let spec = CollectionSpec { name: "a".to_owned(), indexes: None, rules: Some(rules) };
    store.documents.declare(PROJECT, &[spec]).await.unwrap();
    let tokens = AccessTokens::new(store.accounts.clone(), store.keys.clone());
    let callers = Callers::new(&store, tokens, clock.clone());
    let (stop, stopping) = watch::channel(false);
    let mut door = RealtimeDoor::new(&store, callers, clock, stopping);
    (door.streams, door.addresses) = (Places::new(3, 3), Places::new(2, 3));
    Bench { _folder: folder, door, stop }
}

impl Bench {
    /// Opens a stream, and reads its first block.
    async fn open(&self, client: IpAddr) -> Result<ReplyBody, Refusal> {
        self.ask(client, r#"{"subscriptions":[{"id":"1","collection":"a"}]}"#.to_owned()).await
    }

    async fn ask(&self, client: IpAddr, body: String) -> Result<ReplyBody, Refusal> {
        let request = Request::post("/_ostro/v1/realtime").header("content-type", "application/json");
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let mut body = self.door.open(PROJECT, client, request).await?.into_body();
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(first.starts_with(b"id: "), "{first:?}");
        Ok(body)
    }

    /// Waits until there is room again.
    async fn reopen(&self, client: IpAddr) -> ReplyBody {
        for _ in 0..1_000 {
            if let Ok(body) = self.open(client).await {
                return body;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("a client that is gone keeps its room")
    }
}

#[tokio::test]
async fn d2_streams_are_bounded_and_leave_nothing_behind() {
    let bench = bench().await;
    let (one, two) = (bench.open(ELSEWHERE).await, bench.open(ELSEWHERE).await);
    assert!(one.is_ok() && two.is_ok());
    assert!(bench.open(ELSEWHERE).await.is_err(), "two of an address");
    let three = bench.open(HERE).await;
    assert!(three.is_ok());
    assert!(bench.open(HERE).await.is_err(), "three of a project");
    drop(one);
    let again = bench.reopen(ELSEWHERE).await;
    assert!(bench.open(ELSEWHERE).await.is_err(), "it is as many as before");
    drop((two, three, again));
    drop(bench.reopen(ELSEWHERE).await);
}

#[tokio::test]
async fn e14_streams_end_properly_with_the_server() {
    let bench = bench().await;
    let body = bench.open(HERE).await;
    bench.stop.send_replace(true);
    let rest = body.ok().unwrap().collect().await.unwrap().to_bytes();
    assert_eq!(rest, "retry: 1000\n\n");
}

/// Watches when it is let.
struct Held {
    realtime: Arc<dyn Realtime>,
    arrived: Semaphore,
    lets: Semaphore,
}

#[async_trait]
impl Realtime for Held {
    async fn read(
        &self,
        project: ProjectId,
        caller: &Caller,
        topics: Vec<Topic>,
    ) -> store::realtime::Result<Subscriptions> {
        self.realtime.read(project, caller, topics).await
    }

    async fn watch(&self, read: Subscriptions, after: Option<&str>) -> store::realtime::Result<Feed> {
        self.arrived.add_permits(1);
        self.lets.acquire().await.unwrap().forget();
        self.realtime.watch(read, after).await
    }
}

/// Clients that ask and go away do not pile up what they have asked for.
#[tokio::test]
async fn d2_a_client_that_goes_away_keeps_its_room_until_all_is_done() {
    let mut bench = bench().await;
    let (realtime, arrived, lets) = (bench.door.realtime.clone(), Semaphore::new(0), Semaphore::new(0));
    let held = Arc::new(Held { realtime, arrived, lets });
    bench.door.realtime = held.clone();
    for _ in 0..2 {
        tokio::select! {
            _ = bench.open(ELSEWHERE) => panic!("it is not let yet"),
            arrived = held.arrived.acquire() => arrived.unwrap().forget(),
        }
    }
    let refused = tokio::time::timeout(Duration::from_secs(60), bench.open(ELSEWHERE)).await;
    assert!(refused.is_ok_and(|opened| opened.is_err()), "both places are taken");
    held.lets.add_permits(Semaphore::MAX_PERMITS / 2);
    drop(bench.reopen(ELSEWHERE).await);
}

/// One address, or one account, does not have a whole project wait for its filters.
#[tokio::test]
async fn d2_what_an_address_watches_is_bounded() {
    let mut bench = bench().await;
    (bench.door.streams, bench.door.addresses) = (Places::new(100, 100), Places::new(100, 100));
    bench.door.weights.1 = Places::new(20, 20);
    let filter = |count: usize| {
        let one =
            |n: usize| format!(r#"{{"id":"{n}","collection":"a","filter":{{"b":{{"$regex":"{n}"}}}}}}"#);
        format!(r#"{{"subscriptions":[{}]}}"#, (0..count).map(one).collect::<Vec<_>>().join(","))
    };
    let nine = bench.ask(ELSEWHERE, filter(9)).await;
    assert!(nine.is_ok(), "nine filters with nine patterns");
    assert!(bench.ask(ELSEWHERE, filter(2)).await.is_err());
    let one = bench.ask(ELSEWHERE, filter(1)).await;
    assert!(one.is_ok() && bench.open(ELSEWHERE).await.is_err());
    assert!(bench.ask(HERE, filter(16)).await.is_ok(), "this machine stands for many");
    drop((nine, one));
    bench.reopen(ELSEWHERE).await;
}
