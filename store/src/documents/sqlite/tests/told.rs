//! What those are told who watch: what they have read at the beginning, changed by all that they are told, is what they would
//! read anew. At random, for several callers, while documents and rules change and feeds break and go on.

use std::collections::BTreeMap;

use futures_util::FutureExt as _;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::rules::{DATA, FIELDS, asked, caller, document, rules};
use super::*;
use crate::documents::language::rules::reference;
use crate::documents::{Caller, Rules};
use crate::project::Account as _;
use crate::realtime::sqlite::Sqlite as Watching;
use crate::realtime::{Batch, Event, Feed, Realtime as _, Topic};

/// What is done to the documents, or to those who watch.
#[derive(Clone, Debug)]
enum Step {
    /// A document gets this content.
    Put(usize, Json),
    Remove(usize),
    /// The other rule holds from now on.
    Rule,
    /// All feeds break.
    Break,
    /// Feeds that are broken go on.
    GoOn,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..6_usize, document()).prop_map(|(at, document)| Step::Put(at, document)),
        3 => (0..6_usize).prop_map(Step::Remove),
        1 => Just(Step::Rule),
        1 => Just(Step::Break),
        2 => Just(Step::GoOn),
    ]
}

/// Somebody who watches, and the documents as that one knows them. None: refused.
struct Watcher {
    caller: Caller,
    topic: Topic,
    feed: Option<Feed>,
    id: String,
    known: Option<BTreeMap<String, Json>>,
}

struct Bench {
    documents: Arc<Sqlite>,
    watching: Watching,
}

impl Bench {
    fn declare(&self, rules: Rules) {
        let spec = CollectionSpec { name: "a".to_owned(), indexes: None, rules: Some(rules) };
        block_on(self.documents.declare(project(1), &[spec])).unwrap();
    }

    fn write(&self, write: Write) {
        block_on(self.documents.write(project(1), "a", write)).unwrap();
    }

    fn watch(&self, caller: &Caller, topic: &Topic, after: Option<&str>) -> Feed {
        let read = block_on(self.watching.read(project(1), caller, vec![topic.clone()])).unwrap();
        block_on(self.watching.watch(read, after)).unwrap()
    }

    /// What the caller reads now.
    fn read(&self, caller: &Caller, topic: &Topic) -> Option<BTreeMap<String, Json>> {
        let Topic::Documents { filter, .. } = topic else { panic!("{topic:?}") };
        let read = Read::Find(Find::new(filter.as_str()));
        match block_on(self.documents.read_as(project(1), caller, "a", read)) {
            Ok(Found::Page(page)) => Some(page.documents.iter().map(|text| with_id(text)).collect()),
            Err(Failure::Forbidden) => None,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until all that was committed is told.
    fn settle(&self) {
        let topic = Topic::Documents { collection: "a".to_owned(), filter: "{}".to_owned() };
        let mut last = self.watch(&Caller::default(), &topic, None);
        block_on(last.next()).unwrap();
    }
}

fn with_id(text: &str) -> (String, Json) {
    let document: Json = serde_json::from_str(text).unwrap();
    (document["_id"].as_str().unwrap().to_owned(), document)
}

impl Watcher {
    fn new(bench: &Bench, caller: Caller, topic: Topic) -> Self {
        let mut feed = bench.watch(&caller, &topic, None);
        let known = bench.read(&caller, &topic);
        let begin = block_on(feed.next()).unwrap();
        assert_eq!(known.is_none(), matches!(begin.told[..], [_]), "{begin:?}");
        let id = feed.id(begin.mark.unwrap());
        Self { caller, topic, feed: Some(feed), id, known }
    }

    /// Takes in all that it was told.
    fn hear(&mut self, bench: &Bench) {
        // What was read after all of this was told.
        let mut is_ahead = false;
        while let Some(feed) = &mut self.feed
            && let Some(Some(Batch { told, mark })) = feed.next().now_or_never()
        {
            for told in told {
                if let Some(mark) = told.mark {
                    self.id = feed.id(mark);
                }
                match (told.event, &mut self.known) {
                    (Event::Insert(text) | Event::Update(text), Some(known)) => {
                        known.extend([with_id(&text)]);
                    }
                    (Event::Delete(id), Some(known)) => {
                        assert!(known.remove(&*id).is_some() || is_ahead, "{id} was not there");
                    }
                    (Event::Reset, Some(_)) => {
                        is_ahead = true;
                        self.known = Some(bench.read(&self.caller, &self.topic).unwrap_or_default());
                    }
                    (Event::Refused(Failure::Forbidden), _) => self.known = None,
                    (event, known) => panic!("{event:?} for {known:?}"),
                }
            }
            if let Some(mark) = mark {
                self.id = feed.id(mark);
            }
        }
    }
}

fn perform(bench: &Bench, watchers: &mut [Watcher], step: Step, rules: &mut [Rules; 2]) {
    match step {
        Step::Put(at, mut document) => {
            document["_id"] = json!(at.to_string());
            let target = Target::one(json!({ "_id": at.to_string() }).to_string());
            bench.write(Write::Replace { target, document: document.to_string(), upsert: true });
        }
        Step::Remove(at) => {
            bench.write(Write::Delete(Target::one(json!({ "_id": at.to_string() }).to_string())))
        }
        Step::Rule => {
            rules.reverse();
            bench.declare(rules[0].clone());
        }
        Step::Break => {
            bench.settle();
            for watcher in watchers {
                watcher.hear(bench);
                watcher.feed = None;
            }
        }
        Step::GoOn => {
            for watcher in watchers.iter_mut().filter(|watcher| watcher.feed.is_none()) {
                match watcher.known {
                    Some(_) => {
                        watcher.feed = Some(bench.watch(&watcher.caller, &watcher.topic, Some(&watcher.id)));
                    }
                    // Who was refused has nothing to go on with.
                    None => *watcher = Watcher::new(bench, watcher.caller.clone(), watcher.topic.clone()),
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn what_is_told_makes_of_what_was_read_what_would_be_read(
        read in [reference::rule(&FIELDS, &DATA), reference::rule(&FIELDS, &DATA)],
        hidden in prop::sample::select(vec![None, Some("deep"), Some("tags")]),
        callers in prop::collection::vec(caller(), 1..4),
        (filter, _) in asked(),
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let folder = scratch();
        let documents = open_in(folder.path(), TurnedClock::at(START_MS).store_clock(), Limits::default()).unwrap();
        let documents = Arc::new(documents);
        let bench = Bench { watching: Watching::new(documents.clone(), Arc::default()).unwrap(), documents };
        let hidden: Vec<String> = hidden.iter().map(|&field| field.to_owned()).collect();
        let mut rules = read.map(|read| Rules { hidden: hidden.clone(), ..rules(&read.text()) });
        bench.declare(rules[0].clone());
        bench.write(inserts(&[r#"{"_id":"0","n":1,"owner":"ada"}"#.to_owned(), r#"{"_id":"4","deep":{"x":1}}"#.to_owned()]));
        let topic = Topic::Documents { collection: "a".to_owned(), filter };
        let mut watchers: Vec<Watcher> =
            callers.into_iter().map(|caller| Watcher::new(&bench, caller, topic.clone())).collect();
        for step in steps {
            perform(&bench, &mut watchers, step, &mut rules);
        }
        perform(&bench, &mut watchers, Step::GoOn, &mut rules);
        bench.settle();
        for mut watcher in watchers {
            watcher.hear(&bench);
            if let Some(known) = &watcher.known {
                let expected = bench.read(&watcher.caller, &watcher.topic).unwrap_or_default();
                prop_assert_eq!(known, &expected, "{:?} by {}", watcher.caller, rules[0].read.as_ref().unwrap());
            }
        }
    }
}

/// A commit that is more than is told at once leads to a reset, also for those who come again; what follows is told. When the
/// project goes, so do its feeds.
#[tokio::test]
async fn what_is_too_much_to_tell_is_read_again() {
    let folder = scratch();
    let documents =
        open_in(folder.path(), TurnedClock::at(START_MS).store_clock(), Limits::default()).unwrap();
    let documents = Arc::new(documents);
    let watching = Watching::new(documents.clone(), Arc::default()).unwrap();
    let spec = CollectionSpec { name: "a".to_owned(), indexes: None, rules: Some(rules("true")) };
    documents.declare(project(1), &[spec]).await.unwrap();
    let topic = Topic::Documents { collection: "a".to_owned(), filter: "{}".to_owned() };
    let watch = async |after: Option<&str>| {
        let read = watching.read(project(1), &Caller::default(), vec![topic.clone()]).await.unwrap();
        watching.watch(read, after).await.unwrap()
    };
    let mut feed = watch(None).await;
    let begin = feed.next().await.unwrap().mark.unwrap();
    let begin = feed.id(begin);
    let large: Vec<String> =
        (0..6).map(|n| format!(r#"{{"_id":"{n}","text":"{}"}}"#, "x".repeat(900_000))).collect();
    documents.write(project(1), "a", inserts(&large)).await.unwrap();
    documents.write(project(1), "a", inserts(&[r#"{"_id":"small"}"#.to_owned()])).await.unwrap();
    let mut told = Vec::new();
    while told.len() < 2 {
        told.extend(feed.next().await.unwrap().told);
    }
    assert!(matches!(&told[0].event, Event::Reset), "{told:?}");
    assert!(matches!(&told[1].event, Event::Insert(text) if text.contains("small")), "{told:?}");
    let place = feed.id(told[1].mark.unwrap());
    let again = watch(Some(&begin)).await.next().await.unwrap();
    assert!(matches!(again.told[..], [crate::realtime::Told { event: Event::Reset, .. }]), "{again:?}");
    let goes_on = watch(Some(&place)).await.next().await.unwrap();
    assert!(goes_on.told.is_empty(), "{goes_on:?}");
    documents.hub.forgotten(project(1));
    assert!(feed.next().await.is_none());
}
