//! Streams at the door: how many there may be, and that one whose client is gone leaves nothing behind.

use http_body_util::{BodyExt as _, Full};
use store::documents::{CollectionSpec, Rules};
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
        let body = r#"{"subscriptions":[{"id":"1","collection":"a"}]}"#;
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
