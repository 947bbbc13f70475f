//! One change of a project's documents, in its savepoint: what it puts in, replaces and removes, with the entries of
//! indexes, and what the project holds afterwards.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _};
use serde_json::value::RawValue;

use super::Limits;
use super::catalog::{Collection, Index};
use super::look::object;
use super::question::Fresh;
use super::select::Row;
use crate::StoreError;
use crate::catalog::DataChange;
use crate::documents::language::{Object, Path, entries};
use crate::documents::{DOCUMENT_BYTES, Failure, MAX_KEY_BYTES, Result};
use crate::events::sqlite::Listeners;
use crate::jobs::sqlite::{Enqueuer, Sent};
use crate::realtime::Recorder;
use crate::sqlite::{Json, stored};

/// What is counted.
pub(super) const TOTALS: &str = "SELECT version, bytes FROM document_totals WHERE id = 1";
/// The same, whether a collection is still what it was, and whether anybody listens to it: all that most changes of one
/// ask before they write. A statement less is a tenth of what a small write costs.
pub(super) const HEAD: &str = "SELECT document_totals.version, document_totals.bytes, generation,
        EXISTS (SELECT 1 FROM subscriptions WHERE source = ?2)
    FROM document_totals, collections WHERE document_totals.id = 1 AND collections.id = ?1";
/// Counts.
pub(super) const COUNT: &str = "UPDATE document_totals SET version = ?1, bytes = ?2 WHERE id = 1";
/// Counts what a collection has more or less than before.
pub(super) const COUNT_COLLECTION: &str = "UPDATE collections
    SET changed = ?2, documents = documents + ?3, bytes = bytes + ?4 WHERE id = ?1";
/// Says that an index has documents with several entries from now on.
pub(super) const MULTIKEY: &str = "UPDATE document_indexes SET is_multikey = 1 WHERE id = ?1";
/// Says that a collection is not what it was.
pub(super) const RENEW: &str = "UPDATE collections SET generation = ?2 WHERE id = ?1";

/// What an index entry is counted beside its key, bytes.
const ENTRY_BYTES: usize = 16;
/// What is told of a key that is there already, characters.
const TOLD_KEY: usize = 200;

/// A change.
pub(crate) struct Change<'c> {
    pub(super) connection: &'c Connection,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
    limits: Limits,
    enqueuer: &'c Enqueuer,
    bytes_before: i64,
    /// The last version that was given out.
    version: i64,
    /// What all documents hold.
    bytes: i64,
    touched: BTreeMap<i64, Touched>,
    /// Who is told of changes of a collection.
    listeners: BTreeMap<i64, Listeners>,
    /// What has been told of it so far.
    told: Vec<Sent>,
    /// What those are told who watch.
    recorder: Recorder,
}

/// What a change that is done leaves to whoever has made it.
#[must_use]
pub(crate) struct Finished {
    /// Collections whose indexes are not what they were, for whoever remembers them.
    pub(crate) renewed: Vec<Arc<Collection>>,
    /// What tells of it: enqueued in the same transaction, to be made known once that is committed.
    pub(crate) told: Vec<Sent>,
    /// What those are told who watch, once it is committed.
    pub(crate) recorder: Recorder,
}

/// A collection that is not what it was.
#[derive(Default)]
struct Touched {
    name: String,
    documents: i64,
    bytes: i64,
    /// Indexes that have documents with several entries now.
    multikey: BTreeSet<i64>,
}

/// A document before and after it was written; what was not there before was inserted.
#[derive(Clone, Copy)]
struct Passed<'p> {
    id: &'p str,
    before: Option<&'p str>,
    after: Option<&'p str>,
}

impl<'c> Change<'c> {
    /// Begins it.
    pub(crate) fn begin(
        connection: &'c Connection,
        now: i64,
        limits: Limits,
        enqueuer: &'c Enqueuer,
        recorder: Recorder,
    ) -> Result<Self> {
        let mut totals = connection.prepare_cached(TOTALS)?;
        let (version, bytes) = totals.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (touched, listeners, told) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let bytes_before = bytes;
        Ok(Self {
            connection,
            now,
            limits,
            enqueuer,
            bytes_before,
            version,
            bytes,
            touched,
            listeners,
            told,
            recorder,
        })
    }

    /// Begins it with what one collection is now, if that is as it was last seen.
    pub(super) fn begin_in(
        connection: &'c Connection,
        now: i64,
        limits: Limits,
        enqueuer: &'c Enqueuer,
        seen: &Collection,
        recorder: Recorder,
    ) -> Result<Option<Self>> {
        let mut head = connection.prepare_cached(HEAD)?;
        let found = head.query_row((seen.id, Json(&seen.source)), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?, row.get::<_, bool>(3)?))
        });
        let Some((version, bytes, generation, is_heard)) = found.optional()? else { return Ok(None) };
        if generation != seen.generation {
            return Ok(None);
        }
        let mut listeners = BTreeMap::new();
        if !is_heard {
            listeners.insert(seen.id, Listeners::nobody(seen.source.clone()));
        }
        let (touched, told, bytes_before) = (BTreeMap::new(), Vec::new(), bytes);
        let begun = Self {
            connection,
            now,
            limits,
            enqueuer,
            bytes_before,
            version,
            bytes,
            touched,
            listeners,
            told,
            recorder,
        };
        Ok(Some(begun))
    }

    /// Counts. `Full` if the project holds more than it may, and more than before.
    pub(crate) fn finish(mut self) -> Result<Finished> {
        if self.bytes > self.limits.bytes && self.bytes > self.bytes_before {
            let what = "the space for the project's documents (bytes)".to_owned();
            return Err(Failure::Store(StoreError::Full { what, limit: self.limits.bytes.unsigned_abs() }));
        }
        let mut renewed = Vec::new();
        if self.touched.is_empty() {
            return Ok(Finished { renewed, told: Vec::new(), recorder: self.recorder });
        }
        self.connection.prepare_cached(COUNT)?.execute((self.version, self.bytes))?;
        let mut count = self.connection.prepare_cached(COUNT_COLLECTION)?;
        for (id, touched) in &self.touched {
            count.execute((id, self.version, touched.documents, touched.bytes))?;
            if !touched.multikey.is_empty() {
                for index in &touched.multikey {
                    self.connection.prepare_cached(MULTIKEY)?.execute([index])?;
                }
                self.connection.prepare_cached(RENEW)?.execute((id, generation()?))?;
                renewed.push(Arc::new(Collection::load(self.connection, &touched.name)?));
            }
        }
        for listeners in self.listeners.values_mut() {
            self.told.extend(enqueue(self.connection, self.now, self.enqueuer, listeners)?);
        }
        Ok(Finished { renewed, told: self.told, recorder: self.recorder })
    }

    /// Puts in a new document.
    pub(crate) fn insert(&mut self, collection: &Collection, fresh: &Fresh) -> Result<()> {
        let Fresh { id, body, .. } = fresh;
        let seq = self.next_version();
        // Nothing is written where the `_id` is taken.
        let sql = format!(
            "INSERT INTO c{} (seq, id, version, body) VALUES (?1, ?2, ?1, ?3) ON CONFLICT (id) DO NOTHING",
            collection.id
        );
        if self.connection.prepare_cached(&sql)?.execute((seq, id, body))? == 0 {
            let key = serde_json::json!({ "_id": id }).to_string();
            return Err(Failure::Duplicate { index: "_id".to_owned(), key });
        }
        self.reindex_all(collection, seq, None, Some(fresh))?;
        self.count(collection, 1, stored((DOCUMENT_BYTES + id.len() + body.len()) as u64));
        self.passed(collection, Passed { id, before: None, after: Some(body) })
    }

    /// Puts a document in the place of another, which has the same `_id`.
    pub(crate) fn replace(
        &mut self,
        collection: &Collection,
        old: &Row,
        was: &Object,
        fresh: &Fresh,
    ) -> Result<()> {
        let body = &fresh.body;
        let version = self.next_version();
        let sql = format!("UPDATE c{} SET version = ?2, body = ?3 WHERE seq = ?1", collection.id);
        self.connection.prepare_cached(&sql)?.execute((old.seq, version, body))?;
        self.reindex_all(collection, old.seq, Some(was), Some(fresh))?;
        self.count(collection, 0, stored(body.len() as u64) - stored(old.body.len() as u64));
        self.passed(collection, Passed { id: &old.id, before: Some(&old.body), after: Some(body) })
    }

    /// Removes a document.
    pub(crate) fn remove(&mut self, collection: &Collection, old: &Row) -> Result<()> {
        self.next_version();
        let sql = format!("DELETE FROM c{} WHERE seq = ?1", collection.id);
        self.connection.prepare_cached(&sql)?.execute([old.seq])?;
        if !collection.indexes.is_empty() {
            self.reindex_all(collection, old.seq, Some(&object(&old.body)?), None)?;
        }
        let bytes = DOCUMENT_BYTES + old.id.len() + old.body.len();
        self.count(collection, -1, -stored(bytes as u64));
        self.passed(collection, Passed { id: &old.id, before: Some(&old.body), after: None })
    }

    /// Puts a document that is there into an index that is being built.
    pub(super) fn build(
        &mut self,
        collection: &Collection,
        index: &Index,
        seq: i64,
        document: &Object,
    ) -> Result<()> {
        self.reindex(collection, index, seq, None, Some(document))
    }

    /// A collection holds less: an index of it went.
    pub(super) fn frees(&mut self, collection: &Collection, bytes: i64) {
        self.count(collection, 0, -bytes);
    }

    /// The version that the next document gets.
    fn next_version(&mut self) -> i64 {
        self.version += 1;
        self.version
    }

    fn count(&mut self, collection: &Collection, documents: i64, bytes: i64) {
        self.bytes += bytes;
        let touched = self.touch(collection);
        touched.documents += documents;
        touched.bytes += bytes;
    }

    fn touch(&mut self, collection: &Collection) -> &mut Touched {
        let new = || Touched { name: collection.name.clone(), ..Touched::default() };
        self.touched.entry(collection.id).or_insert_with(new)
    }

    /// Makes the entries of a document in all indexes those of what it is now.
    fn reindex_all(
        &mut self,
        collection: &Collection,
        seq: i64,
        was: Option<&Object>,
        is: Option<&Fresh>,
    ) -> Result<()> {
        if collection.indexes.is_empty() {
            return Ok(());
        }
        let is = is.map(Fresh::object).transpose()?;
        for index in &collection.indexes {
            self.reindex(collection, index, seq, was, is.as_deref())?;
        }
        Ok(())
    }

    /// Makes the entries of a document in an index those of what it is now.
    fn reindex(
        &mut self,
        collection: &Collection,
        index: &Index,
        seq: i64,
        was: Option<&Object>,
        is: Option<&Object>,
    ) -> Result<()> {
        let keys_of = |object: Option<&Object>| match object {
            Some(object) => entries(object, &index.fields).map_err(|fault| {
                Failure::Invalid(format!("index `{}`: {}", index.spec().name(), fault.message))
            }),
            None => Ok(crate::documents::language::Entries { keys: Vec::new(), is_multikey: false }),
        };
        let (old, new) = (keys_of(was)?, keys_of(is)?);
        let mut bytes = 0;
        for key in old.keys.iter().filter(|key| new.keys.binary_search(key).is_err()) {
            let sql = format!("DELETE FROM x{} WHERE key = ?1 AND seq = ?2", index.id);
            self.connection.prepare_cached(&sql)?.execute((key, seq))?;
            bytes -= stored((key.len() + ENTRY_BYTES) as u64);
        }
        for key in new.keys.iter().filter(|key| old.keys.binary_search(key).is_err()) {
            refuse_long(index, key)?;
            if index.is_unique {
                self.refuse_taken(index, key, is)?;
            }
            let sql = format!("INSERT INTO x{} (key, seq) VALUES (?1, ?2)", index.id);
            self.connection.prepare_cached(&sql)?.execute((key, seq))?;
            bytes += stored((key.len() + ENTRY_BYTES) as u64);
        }
        if new.is_multikey && !index.is_multikey {
            self.touch(collection).multikey.insert(index.id);
        }
        self.count(collection, 0, bytes);
        Ok(())
    }

    /// Fails where a unique index has that key of another document: this one has no entry there.
    fn refuse_taken(&self, index: &Index, key: &[u8], document: Option<&Object>) -> Result<()> {
        let sql = format!("SELECT 1 FROM x{} WHERE key = ?1", index.id);
        if !self.connection.prepare_cached(&sql)?.exists([key])? {
            return Ok(());
        }
        let shown = document.map(|document| shown(&index.fields, document));
        Err(Failure::Duplicate { index: index.spec().name(), key: shown.unwrap_or_default() })
    }

    /// Every document that is written comes by here, in the transaction that writes it.
    fn passed(&mut self, collection: &Collection, passed: Passed<'_>) -> Result<()> {
        self.recorder.passed(collection.id, passed.id, passed.before, passed.after);
        let (change, body) = match (passed.before, passed.after) {
            (None, Some(after)) => (DataChange::Insert, after),
            (Some(_), Some(after)) => (DataChange::Update, after),
            (Some(before), None) => (DataChange::Delete, before),
            (None, None) => return Ok(()),
        };
        let listeners = match self.listeners.entry(collection.id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Listeners::of(self.connection, collection.source.clone())?),
        };
        listeners.tell(change, passed.id, || serde_json::from_str::<&RawValue>(body).ok())?;
        // A change of many documents has no more than that in memory, and hears early when there is no room.
        if listeners.held_bytes() >= self.limits.told {
            self.told.extend(enqueue(self.connection, self.now, self.enqueuer, listeners)?);
        }
        Ok(())
    }
}

/// Enqueues what listeners are to be told so far.
fn enqueue(
    connection: &Connection,
    now: i64,
    enqueuer: &Enqueuer,
    listeners: &mut Listeners,
) -> Result<Option<Sent>> {
    let jobs = listeners.take_jobs();
    Ok(if jobs.is_empty() { None } else { Some(enqueuer.enqueue(connection, now, &jobs)?) })
}

/// A number that no collection has had before.
pub(super) fn generation() -> Result<i64> {
    Ok(i64::from_be_bytes(crate::keys::random()?))
}

/// The values of an index's fields, for whoever wrote them.
fn shown(fields: &[Path], document: &Object) -> String {
    let value = |path: &Path| match path.distinct(document).as_slice() {
        [value] => value.to_json(),
        [] => "null".to_owned(),
        several => format!("[{}]", several.iter().map(|value| value.to_json()).collect::<Vec<_>>().join(",")),
    };
    let all: Vec<String> =
        fields.iter().map(|path| format!("{}: {}", serde_json::json!(path.as_str()), value(path))).collect();
    let all = format!("{{{}}}", all.join(", "));
    match all.char_indices().nth(TOLD_KEY) {
        Some((at, _)) => format!("{}…", all.get(..at).unwrap_or_default()),
        None => all,
    }
}

fn refuse_long(index: &Index, key: &[u8]) -> Result<()> {
    if key.len() > MAX_KEY_BYTES {
        let name = index.spec().name();
        let told = format!("the values in the index `{name}` are too long: {MAX_KEY_BYTES} bytes at most");
        return Err(Failure::Invalid(told));
    }
    Ok(())
}
