//! Channels over a whole store: who hears what, what comes again, and what deploys change.

use std::path::Path;
use std::time::Duration;

use super::channels::ChannelRules;
use super::*;
use crate::documents::{CollectionSpec, Rules, Write};
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
        Self::watch(store, user, topics, after).await
    }

    async fn watch(store: &Store, user: &str, topics: Vec<Topic>, after: Option<&str>) -> Self {
        let read = store.realtime.read(PROJECT, &caller(user), topics).await.unwrap();
        let feed = store.realtime.watch(read, after).await.unwrap();
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

fn documents(collection: &str, filter: &str) -> Topic {
    Topic::Documents { collection: collection.to_owned(), filter: filter.to_owned() }
}

async fn declare(store: &Store, collection: &str, read: Option<&str>) {
    let rules = Rules { read: read.map(str::to_owned), ..Rules::default() };
    let spec = CollectionSpec { name: collection.to_owned(), indexes: None, rules: Some(rules) };
    store.documents.declare(PROJECT, &[spec]).await.unwrap();
}

/// Of a collection that nobody has watched yet it is not known what happened: who goes on with it reads it.
#[tokio::test]
async fn what_was_not_watched_before_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    declare(&store, "a", Some("true")).await;
    declare(&store, "b", Some("true")).await;
    let watched = Listener::watch(&store, "ann", vec![documents("a", "{}")], None).await;
    let place = watched.id.clone();
    store.documents.write(PROJECT, "b", Write::Insert(vec!["{}".to_owned()])).await.unwrap();
    let both = vec![documents("a", "{}"), documents("b", "{}")];
    let mut again = Listener::watch(&store, "ann", both.clone(), Some(&place)).await;
    assert_eq!(again.next().await, "1 reset");
    assert!(again.told.is_empty(), "{:?}", again.told);
    // From now on it is known.
    let place = again.id.clone();
    let later = Listener::watch(&store, "ann", both, Some(&place)).await;
    assert!(later.told.is_empty(), "{:?}", later.told);
}

/// Threats C2 and C7: filters are read for those to whom something is open, and their patterns are counted together.
#[tokio::test]
async fn c2_patterns_of_a_feed_are_counted_and_rules_come_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    declare(&store, "open", Some("true")).await;
    declare(&store, "closed", None).await;
    let patterns = |count: usize| {
        let all = (0..count).map(|n| format!(r#"{{"a":{{"$regex":"{n}"}}}}"#)).collect::<Vec<_>>();
        format!(r#"{{"$or":[{}]}}"#, all.join(","))
    };
    let read = async |topics: Vec<Topic>| store.realtime.read(PROJECT, &caller("ann"), topics).await.unwrap();
    let spoilt = "no filter at all";
    for topics in [[documents("closed", spoilt)], [documents("none", spoilt)]] {
        let read = read(topics.into()).await;
        assert_eq!(read.weight(), 0);
        let mut feed = store.realtime.watch(read, None).await.unwrap();
        let told = feed.next().await.unwrap().told;
        assert!(matches!(told[..], [Told { event: Event::Refused(Failure::Forbidden), .. }]), "{told:?}");
    }
    let topics = vec![
        documents("open", &patterns(20)),
        documents("open", &patterns(13)),
        documents("open", &patterns(12)),
        documents("closed", &patterns(20)),
        Topic::Channel("news".to_owned()),
    ];
    let read = read(topics).await;
    assert_eq!(read.weight(), 3 + 32, "filters, a channel, and patterns");
    let told = store.realtime.watch(read, None).await.unwrap().next().await.unwrap().told;
    let refused: Vec<String> = told.iter().map(|told| format!("{} {:?}", told.topic, told.event)).collect();
    assert!(refused[0].starts_with("1 Refused(TooLarge"), "{refused:?}");
    assert_eq!(refused[1..], ["3 Refused(Forbidden)", "4 Refused(ForbiddenChannel)"]);
}
