//! One change of a namespace: what it finds, writes and removes, and what the project holds afterwards.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _};

use super::{Limits, no_namespace, read};
use crate::StoreError;
use crate::kv::{Found, Increment, NamespaceSpec, Result, Swap, Version, Write};
use crate::sqlite::stored;

/// Expired values that go with each change at most, so that it does not take long.
const SWEPT_WITH_EACH: i64 = 100;

/// What a sweep frees until it stops, bytes: every page of a large value is given back.
const SWEPT_BYTES: i64 = 4 << 20;

/// Makes a namespace, or sets how long its values live.
pub(super) const DECLARE: &str = "INSERT INTO kv_namespaces (name, ttl_ms) VALUES (?1, ?2)
    ON CONFLICT (name) DO UPDATE SET ttl_ms = excluded.ttl_ms RETURNING id";
/// The namespace of a change.
pub(super) const NAMESPACE: &str = "SELECT id, ttl_ms FROM kv_namespaces WHERE name = ?1";
/// What there is under a key, expired or not.
pub(super) const FIND: &str = "SELECT id, version, expires_ms, octet_length(value) FROM kv
    WHERE namespace = ?1 AND key = ?2";
/// The value of a row.
pub(super) const VALUE: &str = "SELECT value, version FROM kv WHERE id = ?1";
/// Puts a value where there is one.
pub(super) const UPDATE: &str = "UPDATE kv SET version = ?2, expires_ms = ?3, value = ?4 WHERE id = ?1";
/// Puts a value where there is none.
pub(super) const INSERT: &str =
    "INSERT INTO kv (namespace, key, version, expires_ms, value) VALUES (?1, ?2, ?3, ?4, ?5)";
/// Removes a value.
pub(super) const DELETE: &str = "DELETE FROM kv WHERE id = ?1";
/// Values that have expired, the first ones first, and what they hold.
pub(super) const EXPIRED: &str = "SELECT id, octet_length(key) + octet_length(value) FROM kv
    WHERE expires_ms IS NOT NULL AND expires_ms <= ?1 ORDER BY expires_ms LIMIT ?2";
/// What is counted.
pub(super) const TOTALS: &str = "SELECT version, keys, bytes FROM kv_totals WHERE id = 1";
/// Counts.
pub(super) const COUNT: &str = "UPDATE kv_totals SET version = ?1, keys = ?2, bytes = ?3 WHERE id = 1";
/// Takes what was swept out of the count.
pub(super) const FREE: &str = "UPDATE kv_totals SET keys = keys - ?1, bytes = bytes - ?2 WHERE id = 1";

/// A change in its savepoint.
pub(crate) struct Change<'c> {
    connection: &'c Connection,
    /// Milliseconds since 1970.
    now: i64,
    limits: Limits,
    namespace: i64,
    ttl_ms: Option<i64>,
    before: Totals,
    totals: Totals,
}

/// What is counted for a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Totals {
    /// The last version that was given out.
    version: i64,
    /// How many keys there are.
    keys: i64,
    /// What all keys and values hold.
    bytes: i64,
}

/// A row without its value.
struct Entry {
    id: i64,
    version: Version,
    expires_ms: Option<i64>,
    value_bytes: i64,
}

/// Makes a namespace or sets its time to live; its id.
pub(super) fn declare(connection: &Connection, spec: &NamespaceSpec) -> Result<i64> {
    let mut declare = connection.prepare_cached(DECLARE)?;
    Ok(declare.query_row((&spec.name, spec.ttl_ms.map(stored)), |row| row.get(0))?)
}

/// Removes values that have expired; how many there were.
pub(super) fn sweep(connection: &Connection, now: i64, most: i64) -> Result<i64> {
    let mut expired = connection.prepare_cached(EXPIRED)?;
    let expired = expired.query_map((now, most), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let expired = expired.collect::<rusqlite::Result<Vec<(i64, i64)>>>()?;
    let mut delete = connection.prepare_cached(DELETE)?;
    let (mut gone, mut freed) = (0, 0);
    for (id, bytes) in expired {
        delete.execute([id])?;
        gone += 1;
        freed += bytes;
        if freed > SWEPT_BYTES {
            break;
        }
    }
    if gone > 0 {
        connection.prepare_cached(FREE)?.execute((gone, freed))?;
    }
    Ok(gone)
}

impl<'c> Change<'c> {
    /// Begins it, with the project swept.
    pub(crate) fn begin(
        connection: &'c Connection,
        now: i64,
        limits: Limits,
        namespace: &str,
    ) -> Result<Self> {
        let mut find = connection.prepare_cached(NAMESPACE)?;
        let found = find.query_row([namespace], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let (namespace, ttl_ms) = found.ok_or_else(no_namespace)?;
        sweep(connection, now, SWEPT_WITH_EACH)?;
        let totals = connection.prepare_cached(TOTALS)?.query_row([], |row| {
            Ok(Totals { version: row.get(0)?, keys: row.get(1)?, bytes: row.get(2)? })
        })?;
        Ok(Self { connection, now, limits, namespace, ttl_ms, before: totals, totals })
    }

    /// Counts. `Full` if the project holds more than it may, and more than before.
    pub(crate) fn finish(self) -> Result<()> {
        let (before, after) = (self.before, self.totals);
        if after == before {
            return Ok(());
        }
        if after.bytes > self.limits.bytes && after.bytes > before.bytes {
            let what = "the space for the project's key-value data (bytes)".to_owned();
            return Err(StoreError::Full { what, limit: self.limits.bytes.unsigned_abs() });
        }
        if after.keys > self.limits.keys && after.keys > before.keys {
            let what = "the list of the project's key-value keys".to_owned();
            return Err(StoreError::Full { what, limit: self.limits.keys.unsigned_abs() });
        }
        self.connection.prepare_cached(COUNT)?.execute((after.version, after.keys, after.bytes))?;
        Ok(())
    }

    /// Does all of them, in their order.
    pub(crate) fn write(&mut self, writes: &[Write]) -> Result<()> {
        writes.iter().try_for_each(|write| match write {
            Write::Set(key, value) => self.set(key, value),
            Write::Delete(key) => self.delete(key),
        })
    }

    /// Adds to the number under a key.
    pub(super) fn increment(&mut self, key: &str, by: i64) -> Result<Increment> {
        let number = match self.found(key)? {
            Some(found) => number(&found.value),
            None => Some(0),
        };
        let Some(number) = number else { return Ok(Increment::NoNumber) };
        let Some(sum) = number.checked_add(by) else { return Ok(Increment::Overflow) };
        self.set(key, sum.to_string().as_bytes())?;
        Ok(Increment::To(sum))
    }

    /// Sets a value if what is there is of that write.
    pub(super) fn swap(&mut self, key: &str, expected: Option<Version>, value: &Bytes) -> Result<Swap> {
        let there = self.live(key)?.map(|entry| entry.version);
        if there != expected {
            return Ok(Swap::Lost(self.found(key)?));
        }
        self.set(key, value)?;
        Ok(Swap::Done)
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Result<()> {
        let expires = self.ttl_ms.map(|ttl| self.now.saturating_add(ttl));
        self.totals.version += 1;
        let version = self.totals.version;
        let bytes = stored(value.len() as u64);
        match self.find(key)? {
            Some(entry) => {
                self.connection.prepare_cached(UPDATE)?.execute((entry.id, version, expires, value))?;
                self.totals.bytes += bytes - entry.value_bytes;
            }
            None => {
                self.connection.prepare_cached(INSERT)?.execute((
                    self.namespace,
                    key,
                    version,
                    expires,
                    value,
                ))?;
                self.totals.keys += 1;
                self.totals.bytes += bytes + stored(key.len() as u64);
            }
        }
        Ok(())
    }

    fn delete(&mut self, key: &str) -> Result<()> {
        if let Some(entry) = self.find(key)? {
            self.connection.prepare_cached(DELETE)?.execute([entry.id])?;
            self.totals.keys -= 1;
            self.totals.bytes -= entry.value_bytes + stored(key.len() as u64);
        }
        Ok(())
    }

    /// What is under a key.
    fn found(&self, key: &str) -> Result<Option<Found>> {
        let Some(entry) = self.live(key)? else { return Ok(None) };
        let mut select = self.connection.prepare_cached(VALUE)?;
        Ok(Some(select.query_row([entry.id], read::found)?))
    }

    fn live(&self, key: &str) -> Result<Option<Entry>> {
        Ok(self.find(key)?.filter(|entry| entry.expires_ms.is_none_or(|at| at > self.now)))
    }

    fn find(&self, key: &str) -> Result<Option<Entry>> {
        let mut find = self.connection.prepare_cached(FIND)?;
        let entry = find.query_row((self.namespace, key), |row| {
            Ok(Entry {
                id: row.get(0)?,
                version: Version(row.get(1)?),
                expires_ms: row.get(2)?,
                value_bytes: row.get(3)?,
            })
        });
        Ok(entry.optional()?)
    }
}

/// The number that a value is: decimal digits with at most a sign before them.
fn number(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
