//! An insert whose documents may be there already: those are refused, left as they are, or replaced.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use store::catalog::ProjectId;
use store::documents::{
    Documents, Failure, Find, Found, MAX_INSERTED, MAX_PAGE, Read, Result, Target, Write, Written,
};

use super::wire::{Existing, Inserted};

/// The `_id`s of one look-up, bytes of JSON: a filter takes 64 KiB.
const LOOK_UP_BYTES: usize = 48 << 10;
/// Replacements at once: they share commits.
const REPLACED_AT_ONCE: usize = 64;
/// How often somebody else may come first with a document that has just been looked for.
const TRIES: usize = 5;

/// A collection that is written to.
pub(super) struct Collection<'a> {
    pub(super) documents: Arc<dyn Documents>,
    pub(super) project: ProjectId,
    pub(super) name: &'a str,
}

impl Collection<'_> {
    /// Puts in documents, and does with those that are there what `existing` says. Of two with one `_id` the first
    /// counts where documents are left as they are, the last where they are replaced.
    pub(super) async fn insert(&self, documents: Vec<String>, existing: Existing) -> Result<Inserted> {
        let given = documents.len();
        if existing == Existing::Refuse || given == 0 || given > MAX_INSERTED {
            return Ok(Inserted { ids: self.put(documents).await?, ..Inserted::default() });
        }
        let (ids, there) = self.put_new(each_once(documents, existing)).await?;
        let others = u64::try_from(given.saturating_sub(ids.len())).unwrap_or(u64::MAX);
        if existing == Existing::Skip {
            return Ok(Inserted { ids, skipped: others, replaced: 0 });
        }
        let replacing = there.into_iter().map(|document| self.put_in_place(document));
        stream::iter(replacing).buffer_unordered(REPLACED_AT_ONCE).try_collect::<Vec<()>>().await?;
        Ok(Inserted { ids, skipped: 0, replaced: others })
    }

    /// Puts in those that are not there, together; answers their ids, and the others.
    async fn put_new(&self, mut incoming: Vec<Incoming>) -> Result<(Vec<String>, Vec<Incoming>)> {
        let mut tries = 1..=TRIES;
        loop {
            let there = self.there(&incoming).await?;
            let is_there = |document: &Incoming| document.id.as_ref().is_some_and(|id| there.contains(id));
            let (old, new): (Vec<_>, Vec<_>) = incoming.into_iter().partition(is_there);
            if new.is_empty() {
                return Ok((Vec::new(), old));
            }
            match self.put(new.iter().map(|document| document.text.clone()).collect()).await {
                Ok(ids) => return Ok((ids, old)),
                Err(Failure::Duplicate { index, key }) if index != "_id" || tries.next().is_none() => {
                    return Err(Failure::Duplicate { index, key });
                }
                Err(Failure::Duplicate { .. }) => incoming = [old, new].into_iter().flatten().collect(),
                Err(other) => return Err(other),
            }
        }
    }

    /// Which of their `_id`s the collection has.
    async fn there(&self, incoming: &[Incoming]) -> Result<HashSet<String>> {
        let mut there = HashSet::new();
        for filter in look_ups(incoming) {
            let fields = Some(json!({ "_id": 1 }).to_string());
            let find = Find { fields, limit: Some(MAX_PAGE), ..Find::new(filter) };
            if let Found::Page(page) = self.documents.read(self.project, self.name, Read::Find(find)).await? {
                there.extend(page.documents.into_iter().filter_map(|document| Incoming::read(document).id));
            }
        }
        Ok(there)
    }

    async fn put(&self, documents: Vec<String>) -> Result<Vec<String>> {
        match self.documents.write(self.project, self.name, Write::Insert(documents)).await? {
            Written::Inserted(ids) => Ok(ids),
            other => Err(unexpected(&other)),
        }
    }

    async fn put_in_place(&self, document: Incoming) -> Result<()> {
        let target = Target::one(json!({ "_id": document.id }).to_string());
        let write = Write::Replace { target, document: document.text, upsert: true };
        self.documents.write(self.project, self.name, write).await.map(drop)
    }
}

/// A document on its way in.
#[derive(Debug)]
struct Incoming {
    /// Its `_id`, if it has one that is text; anything else is the store's to judge.
    id: Option<String>,
    text: String,
}

impl Incoming {
    fn read(text: String) -> Self {
        #[derive(Deserialize)]
        struct Head<'a> {
            #[serde(borrow, rename = "_id")]
            id: Option<&'a RawValue>,
        }
        let id = serde_json::from_str::<Head<'_>>(&text)
            .ok()
            .and_then(|head| head.id)
            .and_then(|id| serde_json::from_str::<Cow<'_, str>>(id.get()).ok().map(Cow::into_owned));
        Self { id, text }
    }
}

/// The documents, of those with one `_id` only the one that counts.
fn each_once(documents: Vec<String>, existing: Existing) -> Vec<Incoming> {
    let mut incoming: Vec<_> = documents.into_iter().map(Incoming::read).collect();
    if existing == Existing::Replace {
        incoming.reverse();
    }
    let mut seen = HashSet::new();
    incoming.retain(|document| document.id.as_ref().is_none_or(|id| seen.insert(id.clone())));
    if existing == Existing::Replace {
        incoming.reverse();
    }
    incoming
}

/// Filters that ask for their `_id`s, each as long as a filter may be.
fn look_ups(incoming: &[Incoming]) -> Vec<String> {
    let mut look_ups = vec![Vec::new()];
    let mut bytes = 0;
    for id in incoming.iter().filter_map(|document| document.id.as_deref()) {
        // In JSON a byte becomes six at most.
        bytes += id.len() * 6 + 3;
        match look_ups.last_mut() {
            Some(last) if bytes <= LOOK_UP_BYTES => last.push(id),
            _ => {
                bytes = id.len() * 6 + 3;
                look_ups.push(vec![id]);
            }
        }
    }
    look_ups.retain(|ids| !ids.is_empty());
    look_ups.iter().map(|ids| json!({ "_id": { "$in": ids } }).to_string()).collect()
}

fn unexpected(written: &Written) -> Failure {
    Failure::Store(store::StoreError::Damaged(format!("an insert is answered with {written:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn once(existing: Existing) -> Vec<String> {
        let documents =
            [r#"{"_id":"a","n":1}"#, r#"{"n":2}"#, r#"{"_id":"a","n":3}"#, r#"{"_id":7}"#, r#"{"n":2}"#];
        let documents = documents.map(str::to_owned).to_vec();
        each_once(documents, existing).into_iter().map(|document| document.text).collect()
    }

    #[test]
    fn of_one_id_the_first_or_the_last_counts() {
        let (a1, n2, a3, bad) =
            (r#"{"_id":"a","n":1}"#, r#"{"n":2}"#, r#"{"_id":"a","n":3}"#, r#"{"_id":7}"#);
        assert_eq!(once(Existing::Skip), [a1, n2, bad, n2]);
        assert_eq!(once(Existing::Replace), [n2, a3, bad, n2]);
    }

    #[test]
    fn look_ups_are_as_long_as_a_filter_may_be() {
        let document = |id: String| Incoming { id: Some(id), text: String::new() };
        assert!(look_ups(&[Incoming { id: None, text: String::new() }]).is_empty());
        let longest: Vec<_> = (0..100).map(|n| document(format!("{n:\u{1}>256}"))).collect();
        let filters = look_ups(&longest);
        assert!(
            filters.iter().all(|filter| filter.len() <= 64 << 10),
            "{:?}",
            filters.iter().map(String::len)
        );
        assert_eq!(filters.iter().map(|filter| filter.matches('"').count() / 2 - 2).sum::<usize>(), 100);
        let uuids: Vec<_> = (0..200).map(|n| document(format!("{n:0>36}"))).collect();
        assert_eq!(look_ups(&uuids).len(), 1);
    }

    #[test]
    fn an_id_is_read_where_it_is_text() {
        for (text, id) in [
            (r#"{"n": {"_id": "no"}, "_id": "grü\u00dfe"}"#, Some("grüße")),
            (r#"{"_id": 1}"#, None),
            (r#"{"_id": null}"#, None),
            ("{}", None),
            ("[]", None),
            (r#"{"_id": "a", "_id": "b"}"#, None),
            ("not json", None),
        ] {
            assert_eq!(Incoming::read(text.to_owned()).id.as_deref(), id, "{text}");
        }
    }
}
