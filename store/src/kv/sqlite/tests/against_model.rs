//! Random lives of values, held against a map after every step.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::*;
use super::{block_on, open_in, project, scratch};
use crate::jobs::conformance::{START_MS, TurnedClock};

const NAMESPACES: [&str; 2] = ["a", "b"];
const KEYS: [&str; 5] = ["", "1", "key", "é", "🦀"];
/// What a project holds here, bytes.
const ROOM: i64 = 120;

/// What is done to the store.
#[derive(Clone, Debug)]
enum Step {
    Write { namespace: usize, writes: Vec<(usize, Option<String>)> },
    Increment { namespace: usize, key: usize, by: i64 },
    Swap { namespace: usize, key: usize, expected: Expected, value: String },
    Declare { namespace: usize, ttl_ms: Option<u64> },
    Turn(i64),
    Reopen,
}

/// Which version a swap expects.
#[derive(Clone, Copy, Debug)]
enum Expected {
    Nothing,
    TheLast,
    Another,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn every_life_is_one_of_the_models(steps in prop::collection::vec(step(), 1..80)) {
        block_on(live(steps));
    }
}

fn step() -> impl Strategy<Value = Step> {
    let (namespace, key) = (0..NAMESPACES.len(), 0..KEYS.len());
    let write = (key.clone(), prop::option::weighted(0.8, value()));
    let expected = prop_oneof![Just(Expected::Nothing), Just(Expected::TheLast), Just(Expected::Another)];
    prop_oneof![
        8 => (namespace.clone(), prop::collection::vec(write, 0..4))
            .prop_map(|(namespace, writes)| Step::Write { namespace, writes }),
        3 => (namespace.clone(), key.clone(), prop_oneof![-2..3_i64, Just(i64::MAX), Just(i64::MIN)])
            .prop_map(|(namespace, key, by)| Step::Increment { namespace, key, by }),
        4 => (namespace.clone(), key, expected, value()).prop_map(|(namespace, key, expected, value)| {
            Step::Swap { namespace, key, expected, value }
        }),
        2 => (namespace, prop_oneof![Just(None), Just(Some(1_000)), Just(Some(5_000))])
            .prop_map(|(namespace, ttl_ms)| Step::Declare { namespace, ttl_ms }),
        3 => prop_oneof![Just(1), Just(999), Just(1_000), Just(4_000), Just(-500)].prop_map(Step::Turn),
        1 => Just(Step::Reopen),
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => (0..50_usize).prop_map(|length| "x".repeat(length)),
        2 => (-3..4_i64).prop_map(|number| number.to_string()),
    ]
}

/// What the map has under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    value: String,
    expires_ms: Option<i64>,
}

/// What there should be. Expired values stay until a change comes: a clock may be turned back.
#[derive(Clone, Default)]
struct Model {
    ttls: [Option<u64>; NAMESPACES.len()],
    held: BTreeMap<(usize, usize), Held>,
}

impl Model {
    fn begin(&mut self, now: i64) {
        self.held.retain(|_, held| held.is_live(now));
    }

    fn set(&mut self, now: i64, namespace: usize, key: usize, value: String) {
        let expires_ms = self.ttls[namespace].map(|ttl| now + i64::try_from(ttl).unwrap());
        self.held.insert((namespace, key), Held { value, expires_ms });
    }

    fn live(&self, now: i64, namespace: usize, key: usize) -> Option<&Held> {
        self.held.get(&(namespace, key)).filter(|held| held.is_live(now))
    }

    fn bytes(&self) -> i64 {
        let bytes = self.held.iter().map(|((_, key), held)| KEYS[*key].len() + held.value.len());
        i64::try_from(bytes.sum::<usize>()).unwrap()
    }
}

impl Held {
    fn is_live(&self, now: i64) -> bool {
        self.expires_ms.is_none_or(|at| at > now)
    }
}

/// The store, the model, and every version that was ever seen, with the value that it is of.
struct World {
    folder: tempfile::TempDir,
    clock: TurnedClock,
    store: (Arc<dyn KeyValue>, Arc<ProjectFiles>),
    model: Model,
    seen: BTreeMap<(usize, usize, Version), String>,
}

async fn live(steps: Vec<Step>) {
    let (folder, clock) = (scratch(), TurnedClock::at(START_MS));
    let store = open_in(folder.path(), clock.store_clock(), ROOM).unwrap();
    store.0.declare(project(1), &NAMESPACES.map(super::spec)).await.unwrap();
    let mut world = World { folder, clock, store, model: Model::default(), seen: BTreeMap::new() };
    for step in steps {
        world = world.take(step).await;
        world.compare().await;
    }
}

impl World {
    async fn take(mut self, step: Step) -> Self {
        let now = self.clock.now();
        match step {
            Step::Write { namespace, writes } => self.write(now, namespace, writes).await,
            Step::Increment { namespace, key, by } => self.increment(now, namespace, key, by).await,
            Step::Swap { namespace, key, expected, value } => {
                self.swap(now, namespace, key, expected, value).await;
            }
            Step::Declare { namespace, ttl_ms } => {
                let name = NAMESPACES[namespace].to_owned();
                self.store.0.declare(project(1), &[NamespaceSpec { name, ttl_ms }]).await.unwrap();
                self.model.ttls[namespace] = ttl_ms;
            }
            Step::Turn(ms) => self.clock.turn(ms),
            Step::Reopen => {
                drop(self.store);
                self.store = open_in(self.folder.path(), self.clock.store_clock(), ROOM).unwrap();
            }
        }
        self
    }

    async fn write(&mut self, now: i64, namespace: usize, writes: Vec<(usize, Option<String>)>) {
        let all = writes.iter().map(|(key, value)| match value {
            Some(value) => Write::Set(KEYS[*key].to_owned(), value.clone().into()),
            None => Write::Delete(KEYS[*key].to_owned()),
        });
        let answer = self.store.0.write(project(1), NAMESPACES[namespace], all.collect()).await;
        self.answered(now, &answer, &(), |model| {
            for (key, value) in writes {
                match value {
                    Some(value) => model.set(now, namespace, key, value),
                    None => drop(model.held.remove(&(namespace, key))),
                }
            }
        });
    }

    async fn increment(&mut self, now: i64, namespace: usize, key: usize, by: i64) {
        let answer = self.store.0.increment(project(1), NAMESPACES[namespace], KEYS[key], by).await;
        let number = self.model.live(now, namespace, key).map_or(Ok(0), |held| held.value.parse::<i64>());
        let expected = match number.map(|number| number.checked_add(by)) {
            Ok(Some(sum)) => Increment::To(sum),
            Ok(None) => Increment::Overflow,
            Err(_) => Increment::NoNumber,
        };
        self.answered(now, &answer, &expected, |model| {
            if let Increment::To(sum) = expected {
                model.set(now, namespace, key, sum.to_string());
            }
        });
    }

    async fn swap(&mut self, now: i64, namespace: usize, key: usize, expected: Expected, value: String) {
        let there = self.get(namespace, key).await;
        let version = there.as_ref().map(|found| found.version);
        let expected = match expected {
            Expected::Nothing => None,
            Expected::TheLast => version,
            Expected::Another => {
                let of_key = self.seen.keys().filter(|(n, k, _)| (*n, *k) == (namespace, key));
                of_key.map(|(_, _, version)| *version).next()
            }
        };
        let swap =
            self.store.0.swap(project(1), NAMESPACES[namespace], KEYS[key], expected, value.clone().into());
        let answer = swap.await;
        let wins = expected == version;
        let outcome = if wins { Swap::Done } else { Swap::Lost(there) };
        self.answered(now, &answer, &outcome, |model| {
            if wins {
                model.set(now, namespace, key, value);
            }
        });
    }

    /// A change was answered: as expected, or with `Full` where the model is full then, too.
    fn answered<T: PartialEq + std::fmt::Debug>(
        &mut self,
        now: i64,
        answer: &Result<T>,
        expected: &T,
        change: impl FnOnce(&mut Model),
    ) {
        self.model.begin(now);
        let before = self.model.clone();
        change(&mut self.model);
        let bytes = self.model.bytes();
        if bytes > ROOM && bytes > before.bytes() {
            self.model = before;
            assert!(matches!(answer, Err(StoreError::Full { .. })), "{answer:?}, {bytes} bytes");
        } else {
            assert_eq!(answer.as_ref().unwrap(), expected);
        }
    }

    async fn get(&self, namespace: usize, key: usize) -> Option<Found> {
        let keys = [KEYS[key].to_owned()];
        self.store.0.get(project(1), NAMESPACES[namespace], &keys).await.unwrap().remove(0)
    }

    /// Everything that can be seen is as the model says, and what is counted is what is there.
    async fn compare(&mut self) {
        let now = self.clock.now();
        for (namespace, name) in NAMESPACES.iter().enumerate() {
            let mut keys = BTreeSet::new();
            for (key, text) in KEYS.iter().enumerate() {
                let found = self.get(namespace, key).await;
                let expected = self.model.live(now, namespace, key).map(|held| held.value.clone());
                assert_eq!(
                    found.as_ref().map(|found| &found.value[..]),
                    expected.as_deref().map(str::as_bytes)
                );
                if let (Some(found), Some(value)) = (found, expected) {
                    keys.insert(*text);
                    let first = self.seen.entry((namespace, key, found.version)).or_insert(value.clone());
                    assert_eq!(*first, value, "a version is of one write");
                }
            }
            let page = self.store.0.list(project(1), name, None, 10).await.unwrap();
            assert_eq!(page.keys, keys.into_iter().collect::<Vec<_>>());
        }
        let sql = "SELECT (SELECT bytes FROM kv_totals), (SELECT keys FROM kv_totals),
            (SELECT coalesce(sum(octet_length(key) + octet_length(value)), 0) FROM kv), (SELECT count(*) FROM kv)";
        let count = |connection: &Connection, _| {
            let four =
                |row: &rusqlite::Row<'_>| Ok([row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?, row.get(3)?]);
            Ok(connection.query_row(sql, [], four)?)
        };
        let [bytes, keys, held, there] = self.store.1.read(project(1), count).await.unwrap().unwrap();
        assert_eq!((bytes, held), (self.model.bytes(), self.model.bytes()));
        assert_eq!((keys, there), (self.model.held.len() as i64, self.model.held.len() as i64));
    }
}
