//! One change of a project's objects: what it finds, puts and removes, and what the project holds afterwards.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Known;

use rusqlite::{Connection, OptionalExtension as _};
use serde::Serialize;

use super::{Limits, no_bucket, read};
use crate::StoreError;
use crate::buckets::rules::{Access, Rules};
use crate::buckets::{Announced, Attributes, Condition, Info, Metadata, Outcome, Result};
use crate::catalog::{DataChange, DataSource, Digest};
use crate::documents::Caller;
use crate::events::sqlite::Listeners;
use crate::jobs::NewJob;
use crate::sqlite::{Json, stored};

/// Makes a bucket, if there is none of that name.
pub(super) const DECLARE: &str = "INSERT INTO buckets (name) VALUES (?1) ON CONFLICT (name) DO NOTHING";
/// Sets the rules of a bucket.
pub(super) const SET_RULES: &str = "UPDATE buckets SET rules = ?2 WHERE name = ?1";
/// The bucket of that name.
pub(super) const BUCKET: &str = "SELECT id FROM buckets WHERE name = ?1";
/// What there is under a key.
pub(super) const FIND: &str = "SELECT size, etag, written_ms, content_type, metadata, owner, id, content,
        octet_length(key) + size + octet_length(content_type) + octet_length(metadata)
            + coalesce(octet_length(owner), 0)
    FROM objects WHERE bucket = ?1 AND key = ?2";
/// Puts an object where there is none.
pub(super) const INSERT: &str =
    "INSERT INTO objects (bucket, key, content, size, etag, written_ms, content_type, metadata, owner)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
/// Removes an object.
pub(super) const DELETE: &str = "DELETE FROM objects WHERE id = ?1";
/// A content before it has bytes.
pub(super) const DRAFT: &str =
    "INSERT INTO object_contents (file, uses, reserved, blocks) VALUES (?1, 0, ?2, x'') RETURNING id";
/// What is reserved for an upload.
pub(super) const RESERVED: &str = "SELECT reserved FROM object_contents WHERE id = ?1 AND uses = 0";
/// Reserves for an upload.
pub(super) const RESERVE: &str = "UPDATE object_contents SET reserved = ?2 WHERE id = ?1";
/// A content that has all its bytes, and its first use.
pub(super) const SETTLE: &str =
    "UPDATE object_contents SET uses = 1, reserved = 0, blocks = ?2 WHERE id = ?1";
/// One use more, or less.
pub(super) const USE: &str = "UPDATE object_contents SET uses = uses + ?2 WHERE id = ?1";
/// Forgets a content whose file is gone. Numbers of rows come again, names of files do not.
pub(super) const FORGET: &str =
    "DELETE FROM object_contents WHERE id = ?1 AND file = ?2 AND uses = 0 RETURNING reserved";
/// What is counted.
pub(super) const TOTALS: &str = "SELECT objects, bytes FROM object_totals WHERE id = 1";
/// Counts.
pub(super) const COUNT: &str = "UPDATE object_totals SET objects = ?1, bytes = ?2 WHERE id = 1";

/// A change in its savepoint.
pub(super) struct Change<'c> {
    pub(super) connection: &'c Connection,
    /// Milliseconds since 1970.
    pub(super) now: i64,
    pub(super) limits: Limits,
    before: Totals,
    totals: Totals,
    /// Who is told of changes of a bucket, by its name.
    listeners: BTreeMap<String, Listeners>,
}

/// What is told of an object beside its key.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    size: u64,
    etag: String,
    content_type: String,
    metadata: Metadata,
}

/// What is counted for a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Totals {
    /// How many objects there are.
    objects: i64,
    /// What they hold, with what is reserved.
    bytes: i64,
}

/// Where an object is.
#[derive(Clone, Debug)]
pub(super) struct At {
    pub(super) bucket: String,
    pub(super) key: String,
}

/// What is to become of an upload.
#[derive(Clone, Debug)]
pub(super) struct Put {
    pub(super) at: At,
    /// Under whose rules; none for a function.
    pub(super) caller: Option<Caller>,
    pub(super) attributes: Attributes,
    pub(super) condition: Condition,
}

/// What is to become of a copy.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    pub(super) from: At,
    /// Under whose rules the original is seen; none for a function.
    pub(super) seen_by: Option<Caller>,
    pub(super) to: At,
    /// Under whose rules the copy is put; none for a function.
    pub(super) put_by: Option<Caller>,
    pub(super) attributes: Option<Attributes>,
    pub(super) condition: Condition,
}

/// The content of an upload that is complete.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// The row of its draft.
    pub(super) content: i64,
    pub(super) size: u64,
    pub(super) etag: Digest,
    /// The SHA-256 of each block.
    pub(super) blocks: Vec<u8>,
}

/// An object's row.
struct Entry {
    id: i64,
    content: i64,
    info: Info,
    /// What is counted for it.
    bytes: i64,
}

/// Makes a bucket, if there is none of that name.
pub(super) fn declare(connection: &Connection, name: &str) -> Result<()> {
    connection.prepare_cached(DECLARE)?.execute([name])?;
    Ok(())
}

/// Sets the rules of a bucket that exists.
pub(super) fn set_rules(connection: &Connection, name: &str, rules: &Rules) -> Result<()> {
    match connection.prepare_cached(SET_RULES)?.execute((name, Json(rules)))? {
        0 => Err(no_bucket()),
        _ => Ok(()),
    }
}

/// The bucket of that name.
pub(super) fn bucket(connection: &Connection, name: &str) -> Result<i64> {
    let found = connection.prepare_cached(BUCKET)?.query_row([name], |row| row.get(0)).optional()?;
    found.ok_or_else(no_bucket)
}

impl<'c> Change<'c> {
    /// Begins it.
    pub(super) fn begin(connection: &'c Connection, now: i64, limits: Limits) -> Result<Self> {
        let totals = connection
            .prepare_cached(TOTALS)?
            .query_row([], |row| Ok(Totals { objects: row.get(0)?, bytes: row.get(1)? }))?;
        Ok(Self { connection, now, limits, before: totals, totals, listeners: BTreeMap::new() })
    }

    /// Counts. `Full` if the project holds more than it may, and more than before. Answers the jobs that tell of it: to be
    /// enqueued in the same transaction.
    pub(super) fn finish(mut self) -> Result<Vec<NewJob>> {
        let (before, after) = (self.before, self.totals);
        let told = self.listeners.values_mut().flat_map(Listeners::take_jobs).collect();
        if after == before {
            return Ok(told);
        }
        if after.bytes > self.limits.bytes && after.bytes > before.bytes {
            return Err(full("the space for the project's objects (bytes)", self.limits.bytes));
        }
        if after.objects > self.limits.objects && after.objects > before.objects {
            return Err(full("the list of the project's objects", self.limits.objects));
        }
        self.connection.prepare_cached(COUNT)?.execute((after.objects, after.bytes))?;
        Ok(told)
    }

    /// Begins an upload to that bucket; the row of its content.
    pub(super) fn draft(&mut self, name: &str, file: &str, reserve: u64) -> Result<i64> {
        bucket(self.connection, name)?;
        let reserve = stored(reserve);
        self.totals.bytes = self.totals.bytes.saturating_add(reserve);
        Ok(self.connection.prepare_cached(DRAFT)?.query_row((file, reserve), |row| row.get(0))?)
    }

    /// Fails where there would be no room for that object: for its bytes beside what it replaces, and then for what is said of
    /// it.
    pub(super) fn check_object(
        &self,
        at: &At,
        attributes: &Attributes,
        user: Option<&str>,
        bytes: u64,
    ) -> Result<()> {
        let there = self.find(bucket(self.connection, &at.bucket)?, &at.key)?;
        let owner = there.as_ref().map_or(user, |there| there.info.attributes.owner.as_deref());
        let texts = texts(&at.key, attributes, &json(&attributes.metadata)?, owner);
        let freed = there.as_ref().map_or(0, |there| there.bytes);
        let more = stored(bytes).saturating_add((texts - freed).max(0));
        if self.totals.bytes.saturating_add(more) > self.limits.bytes {
            return Err(full("the space for the project's objects (bytes)", self.limits.bytes));
        }
        match there.is_none() && self.totals.objects >= self.limits.objects {
            true => Err(full("the list of the project's objects", self.limits.objects)),
            false => Ok(()),
        }
    }

    /// Reserves for an upload: as much as is wished, or what room there is for, if that is what it needs.
    pub(super) fn reserve(&mut self, content: i64, needs: u64, wishes: u64) -> Result<u64> {
        let reserved = self.reserved(content)?;
        let room = self.limits.bytes.saturating_sub(self.totals.bytes).max(0);
        let most = reserved.saturating_add(room);
        let grant = stored(wishes).min(most).max(stored(needs));
        self.totals.bytes += grant - reserved;
        self.connection.prepare_cached(RESERVE)?.execute((content, grant))?;
        Ok(grant.unsigned_abs())
    }

    /// Puts what was uploaded in place of what is there.
    pub(super) fn put(&mut self, put: &Put, written: &Written) -> Result<Outcome> {
        let Put { at, caller, attributes, condition } = put;
        let access = self.access(at, caller.as_ref())?;
        let bucket = bucket(self.connection, &at.bucket)?;
        let there = self.find(bucket, &at.key)?;
        if !condition.holds_for(at, there.as_ref(), access.as_ref()) {
            return Ok(Outcome::Lost);
        }
        let Written { content, size, ref etag, .. } = *written;
        let attributes = attributes.clone();
        let mut info = Info { size, etag: etag.clone(), written_ms: self.now, attributes };
        if let Some(access) = access {
            access.permit(at, there.as_ref(), &mut info)?;
        }
        self.totals.bytes -= self.reserved(content)?;
        self.connection.prepare_cached(SETTLE)?.execute((content, &written.blocks))?;
        self.replace(bucket, &at.key, there, content, &info)?;
        self.tell(at, DataChange::Put, &info)?;
        Ok(Outcome::Done(info))
    }

    /// Gives the content of an object to another one.
    pub(super) fn copy(&mut self, copy: &Copy) -> Result<Outcome> {
        let Copy { from, to, condition, .. } = copy;
        let looks = self.access(from, copy.seen_by.as_ref())?;
        looks.as_ref().map_or(Ok(()), Access::permit_look)?;
        let access = self.access(to, copy.put_by.as_ref())?;
        if access.as_ref().is_some_and(|access| !access.open().put) {
            return Err(StoreError::Forbidden);
        }
        let source = self.find(bucket(self.connection, &from.bucket)?, &from.key)?;
        let bucket = bucket(self.connection, &to.bucket)?;
        let Some(source) = source.filter(|source| source.is_seen(from, looks.as_ref())) else {
            return Ok(Outcome::Missing);
        };
        let there = self.find(bucket, &to.key)?;
        if !condition.holds_for(to, there.as_ref(), access.as_ref()) {
            return Ok(Outcome::Lost);
        }
        let owner = source.info.attributes.owner.clone();
        let mut attributes = copy.attributes.clone().unwrap_or(source.info.attributes);
        attributes.owner = attributes.owner.or(owner);
        let mut info = Info { written_ms: self.now, attributes, ..source.info };
        if let Some(access) = access {
            access.permit(to, there.as_ref(), &mut info)?;
        }
        self.connection.prepare_cached(USE)?.execute((source.content, 1))?;
        self.replace(bucket, &to.key, there, source.content, &info)?;
        self.tell(to, DataChange::Put, &info)?;
        Ok(Outcome::Done(info))
    }

    /// Deletes an object.
    pub(super) fn delete(
        &mut self,
        at: &At,
        condition: &Condition,
        caller: Option<&Caller>,
    ) -> Result<Outcome> {
        let access = self.access(at, caller)?;
        if access.as_ref().is_some_and(|access| !access.open().delete) {
            return Err(StoreError::Forbidden);
        }
        let bucket = bucket(self.connection, &at.bucket)?;
        let there = self.find(bucket, &at.key)?;
        let Some(entry) = there.filter(|entry| entry.is_seen(at, access.as_ref())) else {
            return Ok(match condition {
                Condition::Always | Condition::IfAbsent => Outcome::Missing,
                Condition::IfPresent | Condition::IfMatch(_) => Outcome::Lost,
            });
        };
        if !condition.holds(Some(&entry.info.etag)) {
            return Ok(Outcome::Lost);
        }
        access.map_or(Ok(()), |access| access.permit_delete(&at.key, &entry.info))?;
        self.remove(&entry)?;
        self.tell(at, DataChange::Delete, &entry.info)?;
        Ok(Outcome::Done(entry.info))
    }

    /// Forgets contents whose files are gone.
    pub(super) fn forget(&mut self, contents: &[(i64, String)]) -> Result<()> {
        let mut forget = self.connection.prepare_cached(FORGET)?;
        for (content, file) in contents {
            let reserved = forget.query_row((content, file), |row| row.get::<_, i64>(0)).optional()?;
            self.totals.bytes -= reserved.unwrap_or(0);
        }
        Ok(())
    }

    fn replace(
        &mut self,
        bucket: i64,
        key: &str,
        there: Option<Entry>,
        content: i64,
        info: &Info,
    ) -> Result<()> {
        if let Some(entry) = there {
            self.remove(&entry)?;
        }
        let Info { size, etag, written_ms, attributes } = info;
        let metadata = json(&attributes.metadata)?;
        let owner = attributes.owner.as_deref();
        let texts = texts(key, attributes, &metadata, owner);
        self.connection.prepare_cached(INSERT)?.execute((
            bucket,
            key,
            content,
            stored(*size),
            etag,
            written_ms,
            &attributes.content_type,
            metadata,
            owner,
        ))?;
        self.totals.objects += 1;
        self.totals.bytes += stored(*size) + texts;
        Ok(())
    }

    fn remove(&mut self, entry: &Entry) -> Result<()> {
        self.connection.prepare_cached(DELETE)?.execute([entry.id])?;
        self.connection.prepare_cached(USE)?.execute((entry.content, -1))?;
        self.totals.objects -= 1;
        self.totals.bytes -= entry.bytes;
        Ok(())
    }

    /// Tells whoever wants to know of a change of that object.
    fn tell(&mut self, at: &At, change: DataChange, info: &Info) -> Result<()> {
        let listeners = match self.listeners.entry(at.bucket.clone()) {
            Known::Occupied(known) => known.into_mut(),
            Known::Vacant(new) => {
                new.insert(Listeners::of(self.connection, DataSource::Bucket(at.bucket.clone()))?)
            }
        };
        let details = || Details {
            size: info.size,
            etag: info.etag.as_str().to_owned(),
            content_type: info.attributes.content_type.clone(),
            metadata: info.attributes.metadata.clone(),
        };
        listeners.tell(change, &at.key, || Some(details()))
    }

    /// What is reserved for an upload, bytes.
    pub(super) fn reserved(&self, content: i64) -> Result<i64> {
        let mut reserved = self.connection.prepare_cached(RESERVED)?;
        let reserved = reserved.query_row([content], |row| row.get(0)).optional()?;
        reserved.ok_or(StoreError::NotFound { what: "upload" })
    }

    fn find(&self, bucket: i64, key: &str) -> Result<Option<Entry>> {
        let mut find = self.connection.prepare_cached(FIND)?;
        let entry = find.query_row((bucket, key), |row| {
            Ok(Entry { info: read::info(row)?, id: row.get(6)?, content: row.get(7)?, bytes: row.get(8)? })
        });
        Ok(entry.optional()?)
    }

    /// What a caller from outside may do there; none for a function, which may do everything.
    fn access(&self, at: &At, caller: Option<&Caller>) -> Result<Option<Access>> {
        caller.map(|caller| read::access(self.connection, &at.bucket, caller)).transpose()
    }
}

impl Access {
    /// Fails unless the caller may put that object there, and makes it the caller's own, or its owner's.
    fn permit(&self, at: &At, there: Option<&Entry>, new: &mut Info) -> Result<()> {
        let there = there.map(|entry| &entry.info);
        new.attributes.owner = self.owner(there);
        self.permit_put(&at.key, there, new)
    }
}

impl Entry {
    /// Whether it is there for whoever has that access.
    fn is_seen(&self, at: &At, access: Option<&Access>) -> bool {
        access.is_none_or(|access| access.sees(&at.key, &self.info))
    }
}

/// Fails where an upload would be in vain, as far as it can be known before its content comes; false where its condition
/// does not hold.
pub(super) fn foresee(
    connection: &Connection,
    now: i64,
    at: &At,
    caller: &Caller,
    announced: &Announced,
) -> Result<bool> {
    let access = read::access(connection, &at.bucket, caller)?;
    if !access.open().put {
        return Err(StoreError::Forbidden);
    }
    let there = read::head(connection, &at.bucket, &at.key)?;
    let seen = there.as_ref().filter(|there| access.sees(&at.key, there));
    if !announced.condition.holds(seen.map(|there| &there.etag)) {
        return Ok(false);
    }
    if let Some(size) = announced.size {
        let attributes = Attributes { owner: access.owner(there.as_ref()), ..announced.attributes.clone() };
        // What rules cannot ask for may be anything.
        let new = Info { size, etag: Digest::of(&[]), written_ms: now, attributes };
        access.permit_put(&at.key, there.as_ref(), &new)?;
    }
    Ok(true)
}

impl Condition {
    /// Whether it holds where this content is, or none.
    fn holds(&self, there: Option<&Digest>) -> bool {
        match (self, there) {
            (Self::Always, _) | (Self::IfAbsent, None) | (Self::IfPresent, Some(_)) => true,
            (Self::IfMatch(etags), Some(etag)) => etags.contains(etag),
            (Self::IfAbsent, Some(_)) | (Self::IfPresent | Self::IfMatch(_), None) => false,
        }
    }

    /// Whether it holds for whoever has that access, for whom there is only what it sees.
    fn holds_for(&self, at: &At, there: Option<&Entry>, access: Option<&Access>) -> bool {
        let seen = there.filter(|entry| entry.is_seen(at, access));
        self.holds(seen.map(|entry| &entry.info.etag))
    }
}

/// What is counted for an object beside its content, bytes.
fn texts(key: &str, attributes: &Attributes, metadata: &str, owner: Option<&str>) -> i64 {
    let bytes = key.len() + attributes.content_type.len() + metadata.len() + owner.map_or(0, str::len);
    stored(bytes as u64)
}

fn json(metadata: &Metadata) -> Result<String> {
    serde_json::to_string(metadata).map_err(StoreError::driver)
}

pub(super) fn full(what: &str, limit: i64) -> StoreError {
    StoreError::Full { what: what.to_owned(), limit: limit.unsigned_abs() }
}
