//! Channels over a whole store: who hears what, what comes again, and what deploys change.

use std::path::Path;
use std::time::Duration;

use super::channels::ChannelRules;
use super::*;
use crate::{Config, KeySource, Store};

const PROJECT: ProjectId = ProjectId(uuid::Uuid::from_u128(1));

fn open(folder: &Path) -> Store {
    let config = Config {
        data: folder.to_owned(),
        key: KeySource::Text("0123456789abcdef0123456789abcdef".to_owned()),
        clock: Arc::new(|| 0),
        timer: Arc::new(|| Duration::ZERO),
    };
    crate::open(config).unwrap()
}

fn spec(name: &str, read: &str, send: &str) -> ChannelSpec {
    let rule = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ChannelSpec { name: name.to_owned(), rules: ChannelRules { read: rule(read), send: rule(send) } }
}

fn caller(user: &str) -> Caller {
    Caller { user: Some(user.to_owned()), ..Caller::default() }
}

/// One who listens.
struct Listener {
    feed: Feed,
    told: std::collections::VecDeque<Told>,
    id: String,
}

impl Listener {
    async fn begin(store: &Store, user: &str, channels: &[&str], after: Option<&str>) -> Self {
        let topics = channels.iter().map(|name| Topic::Channel((*name).to_owned())).collect();
        let feed = store.realtime.watch(PROJECT, &caller(user), topics, after).await.unwrap();
        let mut listener = Self { feed, told: Default::default(), id: String::new() };
        listener.more().await;
        listener
    }

    async fn more(&mut self) {
        let batch = self.feed.next().await.expect("the feed goes on");
        self.id = batch.mark.map_or_else(|| self.id.clone(), |mark| self.feed.id(mark));
        self.told.extend(batch.told);
    }

    /// The next event: `0 {"n":1}`, `1 reset`.
    async fn next(&mut self) -> String {
        while self.told.is_empty() {
            self.more().await;
        }
        let Told { topic, event, .. } = self.told.pop_front().unwrap();
        match event {
            Event::Message(json) => format!("{topic} {json}"),
            Event::Reset => format!("{topic} reset"),
            Event::Refused(failure) => format!("{topic} {failure:?}"),
            other => panic!("{other:?}"),
        }
    }
}

impl Store {
    fn tell(&self, channel: &str, json: &str) -> Sending {
        self.channels.send(PROJECT, &Channel::parse(channel).unwrap(), &Message::parse(json).unwrap())
    }

    async fn tell_as(&self, user: &str, channel: &str, json: &str) -> Result<Sending> {
        let (channel, message) = (Channel::parse(channel).unwrap(), Message::parse(json).unwrap());
        self.channels.send_as(PROJECT, &caller(user), &channel, &message).await
    }
}

#[tokio::test]
async fn messages_reach_those_who_may_listen_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let specs = [
        spec("rooms/*", "true", "request.data.from == auth.user"),
        spec("users/*", "channel.part == auth.user", ""),
    ];
    assert!(matches!(store.tell_as("ann", "rooms/a", "1").await, Err(Failure::ForbiddenChannel)));
    store.channels.declare(PROJECT, &specs).await.unwrap();
    assert_eq!(store.channels.channels(PROJECT).await.unwrap(), ["rooms/*", "users/*"]);
    let mut ann = Listener::begin(&store, "ann", &["rooms/a", "users/ann", "rooms/b"], None).await;
    let mut bob = Listener::begin(&store, "bob", &["users/ann", "rooms/a", "none", "rooms/*"], None).await;
    assert_eq!(bob.next().await, "0 ForbiddenChannel");
    assert_eq!(bob.next().await, "2 ForbiddenChannel");
    assert!(bob.next().await.starts_with("3 Invalid"));
    assert_eq!(store.tell_as("ann", "rooms/a", r#"{"from": "ann"}"#).await.unwrap(), Sending::Sent);
    assert!(matches!(
        store.tell_as("bob", "rooms/a", r#"{"from":"ann"}"#).await,
        Err(Failure::ForbiddenChannel)
    ));
    assert!(matches!(store.tell_as("ann", "users/ann", "1").await, Err(Failure::ForbiddenChannel)));
    store.tell("users/ann", "2");
    store.tell("rooms/b", "3");
    store.tell("rooms/c", "4");
    store.tell("rooms/a", "5");
    for expected in ["0 {\"from\":\"ann\"}", "1 2", "2 3", "0 5"] {
        assert_eq!(ann.next().await, expected);
    }
    assert_eq!(bob.next().await, "1 {\"from\":\"ann\"}");
    assert_eq!(bob.next().await, "1 5");
}

#[tokio::test]
async fn who_comes_again_hears_what_was_sent_meanwhile_or_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.channels.declare(PROJECT, &[spec("rooms/*", "true", "true")]).await.unwrap();
    let mut ann = Listener::begin(&store, "ann", &["rooms/a"], None).await;
    store.tell("rooms/a", "1");
    assert_eq!(ann.next().await, "0 1");
    let (place, other) = (ann.id.clone(), Listener::begin(&store, "bob", &["rooms/a"], None).await);
    drop(ann);
    for (channel, json) in [("rooms/a", "2"), ("rooms/b", "3"), ("rooms/a", "4")] {
        store.tell(channel, json);
    }
    let mut again = Listener::begin(&store, "ann", &["rooms/b", "rooms/a"], Some(&place)).await;
    for expected in ["1 2", "0 3", "1 4"] {
        assert_eq!(again.next().await, expected);
    }
    // Somebody else's place, one that is none, and one from before other rules.
    let mut bob = Listener::begin(&store, "bob", &["rooms/a"], Some(&place)).await;
    assert_eq!(bob.next().await, "0 reset");
    store.channels.declare(PROJECT, &[spec("rooms/*", "auth.user != null", "true")]).await.unwrap();
    let mut late = Listener::begin(&store, "ann", &["rooms/a"], Some(&place)).await;
    assert_eq!(late.next().await, "0 reset");
    store.tell("rooms/a", "5");
    for listener in [&mut again, &mut bob, &mut late] {
        assert!(listener.next().await.ends_with(" 5"));
    }
    drop(other);
}

#[tokio::test]
async fn rules_hold_from_their_deploy_on_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let open_to_all = [spec("news", "true", "true"), spec("rooms/*", "true", "")];
    store.channels.declare(PROJECT, &open_to_all).await.unwrap();
    let mut ann = Listener::begin(&store, "ann", &["news", "rooms/a", "rooms/b"], None).await;
    let own = spec("rooms/*", "channel.part == 'b'", "");
    store.channels.declare(PROJECT, &[own]).await.unwrap();
    assert_eq!(ann.next().await, "1 ForbiddenChannel");
    for channel in ["rooms/a", "rooms/b", "news"] {
        store.tell(channel, "1");
    }
    assert_eq!([ann.next().await, ann.next().await], ["2 1", "0 1"]);
    store.channels.declare(PROJECT, &[spec("news", "", "")]).await.unwrap();
    assert_eq!(ann.next().await, "0 ForbiddenChannel");
    assert!(matches!(store.tell_as("ann", "news", "1").await, Err(Failure::ForbiddenChannel)));
    drop((ann, store));
    let store = open(folder.path());
    assert!(matches!(store.tell_as("ann", "news", "1").await, Err(Failure::ForbiddenChannel)));
    let mut again = Listener::begin(&store, "ann", &["news", "rooms/b"], None).await;
    assert_eq!(again.next().await, "0 ForbiddenChannel");
    store.tell("rooms/b", "2");
    assert_eq!(again.next().await, "1 2");
}

/// Threat D2: whoever sends more than may be sent is refused, and a listener that does not read loses its feed alone.
#[tokio::test]
async fn d2_what_is_sent_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.channels.declare(PROJECT, &[spec("news", "true", "true")]).await.unwrap();
    let large = format!("\"{}\"", "x".repeat(channels::MAX_MESSAGE_BYTES - 2));
    // Nobody listens: nothing is kept, and nothing is counted.
    for _ in 0..200 {
        assert_eq!(store.tell("news", &large), Sending::Sent);
    }
    let mut quick = Listener::begin(&store, "ann", &["news"], None).await;
    let mut slow = Listener::begin(&store, "ann", &["news"], None).await;
    let mut sent = 0;
    while store.tell("news", &large) == Sending::Sent {
        sent += 1;
        assert_eq!(quick.next().await.len(), large.len() + 2);
        assert!(sent < 10_000, "there is no end");
    }
    assert!(sent >= 1_000 / 17, "{sent}");
    // Less than a mebibyte may wait for it: it ends, or has all of it to read.
    while sent < 80 {
        if store.tell("news", &large) == Sending::Sent {
            quick.next().await;
            sent += 1;
        }
    }
    assert!(slow.feed.next().await.is_none());
    let many: Vec<ChannelSpec> = (0..200).map(|n| spec(&format!("c{n}"), "", "")).collect();
    assert!(matches!(store.channels.declare(PROJECT, &many).await, Err(StoreError::Full { .. })));
    assert_eq!(store.channels.channels(PROJECT).await.unwrap(), ["news"]);
}
