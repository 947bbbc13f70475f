//! Keys that sign access tokens.

use rusqlite::Connection;

use crate::accounts::{NewKey, RETIRED_KEY_MS, Result, SigningKey};

/// Keys whose successor is older than a moment.
pub(super) const RETIRED: &str = "DELETE FROM account_keys WHERE EXISTS
    (SELECT 1 FROM account_keys next WHERE next.id > account_keys.id AND next.created_ms < ?1)";

/// All keys, the newest first.
pub(super) fn all(connection: &Connection) -> Result<Vec<SigningKey>> {
    let all = "SELECT kid, public, sealed, created_ms FROM account_keys ORDER BY id DESC";
    let mut all = connection.prepare_cached(all)?;
    let all = all.query_map([], |row| {
        Ok(SigningKey { kid: row.get(0)?, public: row.get(1)?, sealed: row.get(2)?, created_ms: row.get(3)? })
    })?;
    Ok(all.collect::<rusqlite::Result<_>>()?)
}

/// Adds one, unless somebody else has; all keys then.
pub(super) fn add(connection: &Connection, new: NewKey, now: i64) -> Result<Vec<SigningKey>> {
    let NewKey { kid, public, sealed, after } = new;
    let there = all(connection)?;
    if there.first().map(|key| &key.kid) != after.as_ref() {
        return Ok(there);
    }
    let insert = "INSERT INTO account_keys (kid, public, sealed, created_ms) VALUES (?1, ?2, ?3, ?4)";
    connection.execute(insert, (kid, public, sealed, now))?;
    connection.execute(RETIRED, [now.saturating_sub(RETIRED_KEY_MS)])?;
    all(connection)
}
