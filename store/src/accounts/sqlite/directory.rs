//! Accounts as they are listed and shown.

use rusqlite::{Connection, Row};

use super::people::{self, account, account_columns};
use crate::accounts::{Account, AccountId, By, Detail, Identity, MAX_PAGE, Page, Result};

/// The newest: ids are in the order of time.
pub(super) const NEWEST: &str =
    concat!("SELECT ", account_columns!(), " FROM accounts a WHERE a.id < ?1 ORDER BY a.id DESC LIMIT ?2");
/// By address, from the first that may be to the last.
pub(super) const ADDRESSES: &str = concat!(
    "SELECT ",
    account_columns!(),
    " FROM accounts a WHERE a.normal >= ?1 AND a.normal > ?2 AND a.normal < ?3 ORDER BY a.normal LIMIT ?4"
);
/// Who an account is elsewhere.
pub(super) const IDENTITIES: &str =
    "SELECT provider, subject FROM account_identities WHERE account = ?1 ORDER BY provider, subject";
/// Sessions of an account that are not over.
pub(super) const SESSIONS: &str =
    "SELECT count(*), max(used_ms) FROM account_sessions WHERE account = ?1 AND expires_ms > ?2";

/// A page of accounts.
pub(super) fn page(connection: &Connection, page: &Page, limit: u32) -> Result<Vec<Account>> {
    let limit = limit.min(MAX_PAGE);
    let accounts = match page {
        Page::Newest { before } => {
            // Longer than any id, so that all of them are less.
            let before = before.map_or(vec![u8::MAX; 17], |id| id.0.as_bytes().to_vec());
            let mut newest = connection.prepare_cached(NEWEST)?;
            let accounts = newest.query_map((before, limit), account)?;
            accounts.collect::<rusqlite::Result<_>>()?
        }
        Page::Addresses { prefix, after } => {
            let end = format!("{prefix}{}", char::MAX);
            let after = after.as_deref().unwrap_or_default();
            let mut addresses = connection.prepare_cached(ADDRESSES)?;
            let accounts = addresses.query_map((prefix, after, end, limit), account)?;
            accounts.collect::<rusqlite::Result<_>>()?
        }
    };
    Ok(accounts)
}

/// An account with what it has.
pub(super) fn detail(connection: &Connection, id: AccountId, now: i64) -> Result<Option<Detail>> {
    let Some(account) = people::find(connection, &By::Id(id), now)? else { return Ok(None) };
    let identity = |row: &Row<'_>| Ok(Identity { provider: row.get(0)?, subject: row.get(1)? });
    let mut identities = connection.prepare_cached(IDENTITIES)?;
    let identities = identities.query_map([id], identity)?.collect::<rusqlite::Result<_>>()?;
    let mut sessions = connection.prepare_cached(SESSIONS)?;
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get(1)?));
    let (sessions, used_ms) = sessions.query_row((id, now), read)?;
    Ok(Some(Detail { account, identities, sessions: sessions.unsigned_abs(), used_ms }))
}
