//! What is read: values and pages of keys, on the caller's thread.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::change::NAMESPACE;
use super::no_namespace;
use crate::StoreError;
use crate::kv::{Found, MAX_CALL_BYTES, NamespaceSpec, Page, Result, Version};

/// The namespaces of a project.
pub(super) const NAMESPACES: &str = "SELECT name, ttl_ms FROM kv_namespaces ORDER BY name";
/// What is under a key now.
pub(super) const GET: &str = "SELECT value, version FROM kv
    WHERE namespace = ?1 AND key = ?2 AND (expires_ms IS NULL OR expires_ms > ?3)";
/// Keys from the first, expired or not.
pub(super) const FIRST_KEYS: &str = "SELECT key, expires_ms FROM kv WHERE namespace = ?1 ORDER BY key";
/// Keys behind one.
pub(super) const NEXT_KEYS: &str =
    "SELECT key, expires_ms FROM kv WHERE namespace = ?1 AND key > ?2 ORDER BY key";

/// Expired values that a list passes over at most: it is on its caller's thread, and must not take long.
const MAX_PASSED: usize = 1_000;

/// A namespace at one moment.
pub(crate) struct Moment<'c> {
    pub(super) connection: &'c Connection,
    pub(super) namespace: i64,
    /// Milliseconds since 1970.
    pub(super) now: i64,
}

/// How a list ended.
pub(super) enum Listed {
    Page(Page),
    /// Too many expired values are in the way: they must be swept first.
    InTheWay,
}

impl<'c> Moment<'c> {
    /// A namespace as the connection sees it.
    pub(crate) fn of(connection: &'c Connection, now: i64, namespace: &str) -> Result<Self> {
        let mut find = connection.prepare_cached(NAMESPACE)?;
        let id = find.query_row([namespace], |row| row.get(0)).optional()?;
        Ok(Self { connection, namespace: id.ok_or_else(no_namespace)?, now })
    }

    /// What is under these keys, in their order.
    pub(crate) fn get(&self, keys: &[String]) -> Result<Vec<Option<Found>>> {
        let mut select = self.connection.prepare_cached(GET)?;
        let mut all = Vec::with_capacity(keys.len());
        let mut bytes = 0;
        for key in keys {
            let found = select.query_row((self.namespace, key, self.now), found).optional()?;
            bytes += found.as_ref().map_or(0, |found| found.value.len());
            if bytes > MAX_CALL_BYTES {
                let what = "the answer to one call (bytes)".to_owned();
                return Err(StoreError::Full { what, limit: MAX_CALL_BYTES as u64 });
            }
            all.push(found);
        }
        Ok(all)
    }

    /// Which write the value under a key is of.
    pub(crate) fn version(&self, key: &str) -> Result<Option<Version>> {
        let mut select = self.connection.prepare_cached(GET)?;
        let version = select.query_row((self.namespace, key, self.now), |row| row.get(1).map(Version));
        Ok(version.optional()?)
    }

    /// At most `limit` keys behind that one, or from the first.
    pub(super) fn list(&self, after: Option<&str>, limit: usize) -> Result<Listed> {
        let sql = if after.is_some() { NEXT_KEYS } else { FIRST_KEYS };
        let mut select = self.connection.prepare_cached(sql)?;
        let mut rows = match after {
            Some(after) => select.query((self.namespace, after))?,
            None => select.query([self.namespace])?,
        };
        let (mut keys, mut passed) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let expires: Option<i64> = row.get(1)?;
            if expires.is_some_and(|at| at <= self.now) {
                passed += 1;
                if passed > MAX_PASSED {
                    return Ok(Listed::InTheWay);
                }
                continue;
            }
            if keys.len() == limit {
                return Ok(Listed::Page(Page { keys, has_more: true }));
            }
            keys.push(row.get(0)?);
        }
        Ok(Listed::Page(Page { keys, has_more: false }))
    }
}

/// The namespaces of a project, by name.
pub(super) fn namespaces(connection: &Connection) -> Result<Vec<NamespaceSpec>> {
    let mut all = connection.prepare_cached(NAMESPACES)?;
    let specs = all.query_map([], |row| {
        let ttl: Option<i64> = row.get(1)?;
        Ok(NamespaceSpec { name: row.get(0)?, ttl_ms: ttl.map(i64::unsigned_abs) })
    })?;
    Ok(specs.collect::<rusqlite::Result<_>>()?)
}

/// Reads a value and its version.
pub(super) fn found(row: &Row<'_>) -> rusqlite::Result<Found> {
    let value = row.get_ref(0)?.as_blob()?;
    Ok(Found { value: Bytes::copy_from_slice(value), version: Version(row.get(1)?) })
}
