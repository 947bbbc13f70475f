//! Rules at random over objects at random: what a caller is given is what another evaluation of the rule gives it, row by row.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::buckets::{Metadata, RuledObjects, Rules};
use crate::documents::Caller;
use crate::documents::language::rules::reference::{self, Made};

/// What rules ask for.
const FIELDS: [&str; 8] =
    ["owner", "size", "key", "content_type", "metadata.n", "metadata.tag", "metadata", "written"];
/// What of what is to be; nothing is where somebody reads.
const DATA: [&str; 2] = ["request.data", "request.data.size"];

/// An object as it was made up: its owner, what is said of it, its size.
type Object = (Option<&'static str>, &'static str, Option<&'static str>, usize);

fn objects() -> impl Strategy<Value = BTreeMap<String, Object>> {
    let owner = prop::sample::select(vec![None, Some("ada"), Some("ben")]);
    let content_type = prop::sample::select(vec!["", "ada", "text/html"]);
    let tag = prop::sample::select(vec![None, Some("ada"), Some("editor")]);
    let object = (owner, content_type, tag, 0..2_usize);
    prop::collection::btree_map("[ab]{1,3}", object, 0..8)
}

fn callers() -> impl Strategy<Value = Caller> {
    let ada = Caller { user: Some("ada".to_owned()), roles: vec!["editor".to_owned()], anonymous: false };
    let ben = Caller { user: Some("ben".to_owned()), roles: Vec::new(), anonymous: true };
    prop::sample::select(vec![ada, ben, Caller::default()])
}

fn json_of(key: &str, object: Object) -> Json {
    let (owner, content_type, tag, size) = object;
    let mut row = json!({ "key": key, "size": size, "metadata": {}, "written": START_MS });
    row["owner"] = owner.map_or(Json::Null, Json::from);
    row["content_type"] = if content_type.is_empty() { Json::Null } else { json!(content_type) };
    if let Some(tag) = tag {
        row["metadata"]["tag"] = json!(tag);
    }
    row
}

async fn put(objects: &dyn Objects, key: &str, (owner, content_type, tag, size): Object) {
    let tag = tag.map(|tag| ("tag".to_owned(), tag.to_owned()));
    let attributes = Attributes {
        content_type: content_type.to_owned(),
        metadata: tag.into_iter().collect::<Metadata>(),
        owner: owner.map(str::to_owned),
    };
    let mut upload = objects.upload(project(1), "a", key, 0).await.unwrap();
    upload.write(Bytes::from(vec![b'x'; size])).await.unwrap();
    upload.finish(attributes, Condition::Always).await.unwrap();
}

/// All keys of the pages of that size; none where nothing is open.
async fn listed(
    ruled: &dyn RuledObjects,
    caller: &Caller,
    prefix: &str,
    limit: usize,
) -> Option<Vec<String>> {
    let mut keys: Vec<String> = Vec::new();
    loop {
        let after = keys.last().cloned();
        let wanted = crate::buckets::Wanted { prefix, after: after.as_deref(), limit };
        let page = match ruled.list_as(project(1), caller, "a", wanted).await {
            Err(StoreError::Forbidden) => return None,
            page => page.unwrap(),
        };
        assert!(page.objects.len() == limit || !page.has_more, "a page that is not full is the last");
        keys.extend(page.objects.into_iter().map(|object| object.key));
        if !page.has_more {
            return Some(keys);
        }
    }
}

async fn compare(made: [&Made; 2], all: &BTreeMap<String, Object>, caller: &Caller, limit: usize) {
    let [read, delete] = made;
    let folder = scratch();
    let clock = TurnedClock::at(START_MS).store_clock();
    let ((buckets, objects, ruled, _), _) = open_in(folder.path(), clock, 1 << 30).unwrap();
    buckets.declare(project(1), &["a".to_owned()]).await.unwrap();
    let rules = Rules { read: Some(read.text()), delete: Some(delete.text()), ..Rules::default() };
    buckets.set_rules(project(1), &[("a".to_owned(), rules)]).await.unwrap();
    for (key, object) in all {
        put(objects.as_ref(), key, *object).await;
    }
    let seen = |key: &str| all.get(key).is_some_and(|object| read.lets(caller, &json_of(key, *object)));
    for prefix in ["", "a", "ab"] {
        let expected: Vec<&String> = all.keys().filter(|key| key.starts_with(prefix) && seen(key)).collect();
        match listed(ruled.as_ref(), caller, prefix, limit).await {
            Some(found) => assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{}", read.text()),
            None => assert!(expected.is_empty(), "{}", read.text()),
        }
    }
    for key in all.keys().map(String::as_str).chain(["none"]) {
        let place = crate::buckets::Place { bucket: "a", key };
        match ruled.head_as(project(1), caller, place).await {
            Err(StoreError::Forbidden) => assert!(!seen(key), "{}", read.text()),
            head => assert_eq!(head.unwrap().is_some(), seen(key), "{} {key}", read.text()),
        }
        let is_let = |object: &Object| delete.lets(caller, &json_of(key, *object));
        let goes = seen(key) && all.get(key).is_some_and(is_let);
        let deleted = ruled.delete_as(project(1), caller, place, Condition::Always).await;
        assert_eq!(matches!(deleted, Ok(Outcome::Done(_))), goes, "{} {key}: {deleted:?}", delete.text());
        assert_eq!(
            objects.head(project(1), "a", key).await.unwrap().is_some(),
            all.contains_key(key) && !goes
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn c9_what_is_given_is_what_the_rules_say(
        read in reference::rule(&FIELDS, &DATA),
        delete in reference::rule(&FIELDS, &DATA),
        all in objects(),
        caller in callers(),
        limit in 1..4_usize,
    ) {
        // Whoever lists may wait for a turn.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(compare([&read, &delete], &all, &caller, limit));
    }
}
